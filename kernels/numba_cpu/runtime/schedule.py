"""Cutting the evaluation of a surface into launches: jobs, which are tiles, rows or columns of the grid, by samples.

Launches are short enough that Ctrl-C is answered between them. A block of samples is read once per group of jobs; a
group is as many jobs as have room for their sums in KEPT_BYTES.
"""

from typing import NamedTuple

import numpy as np

from kernels.arguments.blocks import broadcast
from kernels.numba_cpu.runtime.launch import read_only, threads

KEPT_BYTES = 2**26  # small beside any memory; sums of a grid of 4 million points have room


class Samples(NamedTuple):
    """A block as kernels take it, each field (n,), float64.

    p, q, r          the logit at (s, t) is p + s q + t r
    class_sign       1 for class 1, -1 for class 0: the margin is class_sign times the logit
    label_smoothing  y' = min(y, 1 - y), by which a label isn't its class
    weight           1 for each where samples have none
    """

    p: np.ndarray
    q: np.ndarray
    r: np.ndarray
    class_sign: np.ndarray
    label_smoothing: np.ndarray
    weight: np.ndarray


class KernelCost(NamedTuple):
    """What a kernel does for one job.

    cells            sums over the samples
    finish_cost      what finishing a sum costs, in samples
    evaluations      for a thread, in one launch
    jobs_per_thread  in one launch, at least
    chunk            samples that are taken together
    bytes_kept       from one launch to the next
    """

    cells: int
    finish_cost: int
    evaluations: int
    jobs_per_thread: int
    chunk: int
    bytes_kept: int


class Part(NamedTuple):
    """Samples [start, stop) of the `n` of a block, and what sums over all of these are divided by."""

    start: int
    stop: int
    n: int
    weight: float


class Sums(NamedTuple):
    """Running sums of jobs (jobs, ...), and what rounding took from them (Neumaier); empty if nothing is kept from one
    launch to the next."""

    totals: np.ndarray
    compensation: np.ndarray

    def of(self, jobs, first):
        """Those of the jobs (first, last), these being from job number `first` on."""
        own = slice(jobs[0] - first, jobs[1] - first)
        return Sums(self.totals[own], self.compensation[own])


def samples_of(block):
    p, q, r, y, weight = broadcast(block)
    weight = np.ones(len(y)) if weight is None else weight
    class_sign, label_smoothing = np.where(y > 0.5, 1.0, -1.0), np.minimum(y, 1.0 - y)
    return Samples(*map(read_only, (p, q, r, class_sign, label_smoothing, weight)))


def samples_at_once(cost):
    """How many samples a launch takes: whole chunks, so that a cut into launches changes no bits."""
    return max(1, cost.evaluations // (cost.jobs_per_thread * cost.cells * cost.chunk)) * cost.chunk


def jobs_at_once(cost, n):
    """How many jobs a launch takes."""
    most = cost.evaluations // (cost.cells * (n + cost.finish_cost))
    return max(cost.jobs_per_thread, most) * threads()


def job_groups(cost, jobs, n):
    """(first, last) of the jobs whose sums are kept together."""
    at_once, room = jobs_at_once(cost, n), KEPT_BYTES // cost.bytes_kept
    size = room // at_once * at_once if room > at_once else max(threads(), room)
    return [(first, min(first + size, jobs)) for first in range(0, jobs, size)]


def launches(block, cost, first, last, weight):
    """(Samples, the Part of them, the jobs (first, last)) of every launch for the jobs [first, last); sums over all
    samples are divided by `weight`."""
    samples, n = samples_of(block), len(block.y)
    alone = (last - first) * cost.cells * (n + cost.finish_cost) <= cost.evaluations  # a launch, whatever the threads
    jobs, some = (last - first, n) if alone else (jobs_at_once(cost, n), samples_at_once(cost))
    for job in range(first, last, jobs):
        for start in range(0, n, some):
            yield samples, Part(start, min(start + some, n), n, weight), (job, min(job + jobs, last))
