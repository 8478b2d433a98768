"""Page faults taken ahead: the first write to a page of a new array costs up to ten times the write itself.

A kernel that writes to a part of every row can fault all the pages of a large surface at once. They are touched before,
in launches short enough for Ctrl-C; what writes row by row doesn't need that.
"""

import numpy as np
from numba import prange

from kernels.numba_cpu.runtime.launch import launch, parallel_kernel

LARGE = 2**25  # bytes that are found quickly however slow the system is
PAGE = 2**12  # bytes: the smallest that systems have
JOB = 2**21  # bytes: a large page
JOBS = 8  # in one launch, however many the threads: a virtual machine may find a page at a time


@parallel_kernel
def write_to_pages(memory, first, last):
    """Writes a byte to every page of the jobs [first, last)."""
    for job in prange(first, last):
        for k in range(job * JOB, min(job * JOB + JOB, memory.size), PAGE):
            memory[k] = 0


def prefault(array):
    """Touches the pages of a large array whose values don't matter yet."""
    if array.nbytes >= LARGE and array.flags.c_contiguous:
        touch_pages(array.reshape(-1).view(np.uint8))


def touch_pages(memory):
    jobs = -(-memory.size // JOB)
    for first in range(0, jobs, JOBS):
        launch(write_to_pages, memory.size, memory, first, min(first + JOBS, jobs))
