"""Cutting the evaluation of a surface into launches: jobs, which are tiles, rows or columns of the grid, by samples.

Launches are short enough that Ctrl-C is answered between them. Sums of as many jobs as HELD bytes have room for are
kept while the samples go by, so what is streamed is read once for all of these.
"""

from typing import NamedTuple

import numpy as np

from kernels.arguments.samples import check_passes, filled
from kernels.numba_cpu.runtime.launch import read_only, threads

HELD = 2**26


class Arrays(NamedTuple):
    """A block as kernels take it, each field (n,): a label is a class, by the sign of its margin, and a distance."""

    p: np.ndarray
    q: np.ndarray
    r: np.ndarray
    sign: np.ndarray
    distance: np.ndarray
    weight: np.ndarray


class Work(NamedTuple):
    """What a kernel does for one job.

    cells            sums over the samples
    finish           what finishing a sum costs, in samples
    evaluations      for a thread, in one launch
    jobs_per_thread  in one launch, at least
    chunk            samples that are taken together
    held             bytes kept from one launch to the next
    """

    cells: int
    finish: int
    evaluations: int
    jobs_per_thread: int
    chunk: int
    held: int


class Launch(NamedTuple):
    """Samples [start, stop) of a block, with `before` samples in all before them, for the jobs [first, last)."""

    arrays: Arrays
    start: int
    stop: int
    before: int
    first: int
    last: int


def arrays_of(block):
    p, q, r, y, weight = filled(block)
    weight = np.ones(len(y)) if weight is None else weight
    return Arrays(*map(read_only, (p, q, r, np.where(y > 0.5, -1.0, 1.0), np.minimum(y, 1.0 - y), weight)))


def samples_at_once(work):
    return max(1, work.evaluations // (work.jobs_per_thread * work.cells * work.chunk)) * work.chunk


def jobs_at_once(work, n):
    most = work.evaluations // (work.cells * (n + work.finish))
    return max(work.jobs_per_thread, most) * threads()


def groups(work, jobs, n):
    """(first, last) of the jobs whose sums are kept together."""
    at_once, room = jobs_at_once(work, n), HELD // work.held
    size = room // at_once * at_once if room > at_once else max(threads(), room)
    return [(first, min(first + size, jobs)) for first in range(0, jobs, size)]


def launches(samples, work, first, last, n):
    """Every Launch for the jobs [first, last); n is the number of samples."""
    before, jobs, some = 0, jobs_at_once(work, n), samples_at_once(work)
    for block in samples:
        arrays, count = arrays_of(block), len(block.y)
        for job in range(first, last, jobs):
            for start in range(0, count, some):
                yield Launch(arrays, start, min(start + some, count), before + start, job, min(job + jobs, last))
        before += count
    check_passes(n, before)
