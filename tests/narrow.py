"""Tests of what kernels compute, with kernels for narrower registers than this machine's: `python -m tests.narrow`.

For those of AVX2 where this machine has AVX-512, else for those of SSE2, which every processor of x86-64 has. Options
are pytest's. The test here is of this run alone: others don't look for tests in a file of this name.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

from kernels.numba_cpu.runtime.target import registers
from tests.processes import NARROW

ROOT = Path(__file__).parents[1]
WIDTHS = {"AVX2": 32, "SSE2": 16}  # bytes of a register; what is played is the first that is narrower
WIDTH = "from kernels.numba_cpu.runtime.target import registers; print(registers().width)"
NUMBA_ALONE = "not [torch and not -torch and not [reference and not -reference"  # of tests that name a backend


def host_width():
    """Bytes of a register of this machine, whatever Numba is told to compile for here."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_CPU_")}
    return int(subprocess.check_output([sys.executable, "-c", WIDTH], cwd=ROOT, env=environment))


def played(host):
    """The name in NARROW of what is played where registers have so many bytes, or None."""
    if platform.machine() != "x86_64":
        return None
    return next((name for name, width in WIDTHS.items() if width < host), None)


def test_registers_are_those_that_are_played():
    host = host_width()
    assert registers().width == WIDTHS[played(host)] != host


def main():
    host = host_width()
    name = played(host)
    machine = f"{platform.machine()} with registers of {host} bytes"
    if name is None:
        print(f"NOT RUN: tests with narrower registers, as nothing can be played on {machine}")
        return 0
    print(f"Tests with registers of {WIDTHS[name]} bytes, those of {name}, on {machine}", flush=True)
    command = [sys.executable, "-m", "pytest", "-m", "not long and not cuda", "-k", NUMBA_ALONE]
    command += [*sys.argv[1:], "tests/narrow.py", "@tests/narrow.txt"]
    return subprocess.run(command, cwd=ROOT, env=os.environ | NARROW[name]).returncode


if __name__ == "__main__":
    sys.exit(main())
