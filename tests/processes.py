"""Fresh processes, for what a process does once: imports, compilation, threads, signals."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

UNAVAILABLE = 77  # exit status of a script that can't have its threading layer
# environments in which Numba compiles for processors of x86-64 with narrower registers
NARROW = {
    "SSE2": {"NUMBA_CPU_NAME": "generic"},
    "AVX2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""},
}


def run_python(source, *arguments, root=Path(__file__).parents[1], timeout=120, **environment):
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
