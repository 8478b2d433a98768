"""Fresh processes, for what a process does once: imports, compilation, threads, signals."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UNAVAILABLE = 77  # exit status of a script that can't have its threading layer
# environments in which Numba compiles for processors of x86-64 with narrower registers
NARROW = {
    "SSE2": {"NUMBA_CPU_NAME": "generic"},
    "AVX2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""},
}


def run_python(source, *arguments, root=ROOT, timeout=120, **environment):
    """Runs Python source in a fresh process with `root` on its path; what it printed is shown if a test fails."""
    done = subprocess.run(
        [sys.executable, "-c", source, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.fspath(root)} | environment,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    print(done.stdout, done.stderr, sep="\n")
    return done


def printed_by(source, *arguments, **options):
    """Runs Python source that must succeed; returns what it printed as JSON on its last line, if anything."""
    done = run_python(source, *arguments, **options)
    if done.returncode == UNAVAILABLE:
        pytest.skip("threading layer is not available")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return json.loads(lines[-1]) if lines else None


def run_torchrun(*arguments, cards, timeout=240):
    """What two processes that must succeed print, started by torchrun on a free port of this machine alone; on the
    cards that there are, or as if there were none. What they printed is shown if a test fails."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"PYTHONPATH": os.fspath(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    environment |= {} if cards else {"CUDA_VISIBLE_DEVICES": ""}
    with subprocess.Popen(
        [*command, *map(str, arguments)],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            printed, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.terminate()  # torchrun ends its processes first
            printed, _ = process.communicate()
            printed += f"\nended after {timeout} s"
    print(printed)
    assert process.returncode == 0, printed
    return printed
