"""Bytes that a training loop needs beside its data: `python -m bench.memory ours` (Linux).

The second call in a process of its own: by how much the resident memory rises above what it was before, at the peak,
or the resolution of that number if it is more.
"""

import argparse
import gc
import os
import re
import subprocess
import sys
from pathlib import Path

from bench.loops import CONTENDERS
from bench.workloads import training_loop

PROCESS = Path("/proc/self")
# each processor counts 32 pages by itself before Linux sums up
RESOLUTION = 32 * os.sysconf("SC_PAGE_SIZE") * os.cpu_count()
# glibc then returns every array of pages to the system at once, so that none is there already when the second call asks
RETURNED_AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def extra_bytes(contender):
    """`peak_of` the contender, measured in a new process."""
    finished = subprocess.run(
        [sys.executable, "-m", "bench.memory", contender.prepare.__name__],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, **RETURNED_AT_ONCE},
        stdout=subprocess.PIPE,
        check=True,
    )
    return int(finished.stdout)


def peak_of(run):
    run()  # compiles, starts threads, loads libraries
    gc.collect()
    (PROCESS / "clear_refs").write_text("5")  # the peak is what there is now
    before = peak_resident()
    run()
    return max(RESOLUTION, peak_resident() - before)


def peak_resident():
    """Bytes of this process at the peak."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", (PROCESS / "status").read_text())[1])


if __name__ == "__main__":
    prepare = {contender.prepare.__name__: contender.prepare for contender in CONTENDERS}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("loop", choices=prepare)
    print(peak_of(prepare[parser.parse_args().loop](training_loop())))
