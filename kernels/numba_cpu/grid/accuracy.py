"""Accuracy over a plane, counted exactly: n log(nt) looks at each point of s instead of n nt.

For given s the predicted class of a sample changes at most once along t, as rounding keeps the order of
(p + s q) + t r. A binary search with that very predicate finds where, and a running sum over t counts.
"""

import numpy as np
from numba import prange

from kernels.numba_cpu.runtime.launch import launch, parallel_kernel
from kernels.numba_cpu.runtime.prefault import prefault
from kernels.numba_cpu.runtime.schedule import KernelCost, job_groups, launches
from kernels.numba_cpu.runtime.subroutine import inlined, subroutine

COLUMNS = 8  # points along s of a job, a cache line of a row of the surface
JOBS_PER_THREAD = 16  # in one launch, at least: enough for a thread that is late to leave some to others
SEARCHES_PER_THREAD = 500_000  # in one launch: well under 0.1 s, so that Ctrl-C is answered


@inlined
def first_changed(base, slope, t):
    """The first index of the ascending axis where base + t slope > 0 is no longer what it is far to the left."""
    low, high = 0, t.size
    while low < high:
        middle = (low + high) // 2
        if (base + t[middle] * slope > 0.0) == (slope > 0.0):
            high = middle
        else:
            low = middle + 1
    return low


@subroutine
def add_changes(samples, part, s, t, changes):
    """Adds how the weight classified correctly changes along t, of a part of the samples, to `changes` (nt + 1,)."""
    r, weight = samples.r, samples.weight
    for n in range(part.start, part.stop):
        base = samples.p[n] + s * samples.q[n]
        is_1 = samples.class_sign[n] > 0.0
        if r[n] == 0.0:
            if (base > 0.0) == is_1:
                changes[0] += weight[n]
            continue
        change = first_changed(base, r[n], t)
        if (r[n] > 0.0) == is_1:
            changes[change] += weight[n]
        else:
            changes[0] += weight[n]
            changes[change] -= weight[n]


@parallel_kernel
def add_columns(samples, part, s, t, jobs, changes):
    """Adds those of the columns of the jobs (first, last) to `changes` (jobs, COLUMNS, nt + 1)."""
    for job in prange(jobs[0], jobs[1]):
        for i in range(job * COLUMNS, min(job * COLUMNS + COLUMNS, s.size)):
            add_changes(samples, part, s[i], t, changes[job - jobs[0], i - job * COLUMNS])


def evaluate(block, summary, s, t, out, advance):
    """Writes the weight classified correctly, divided by that of a summary, to `out` (nt, ns); `t` is in any order."""
    prefault(out)  # a part of every row is written at once
    order = np.argsort(t, kind="stable")
    ascending = t[order]
    jobs = -(-len(s) // COLUMNS)
    cost = KernelCost(COLUMNS, 0, SEARCHES_PER_THREAD, JOBS_PER_THREAD, 1, COLUMNS * (len(t) + 1) * 8)
    for first, last in job_groups(cost, jobs, len(block.y)):
        changes = np.zeros((last - first, COLUMNS, len(t) + 1))
        for some, part, (begin, end) in launches(block, cost, first, last, summary.weight):
            own = changes[begin - first : end - first]
            evaluations = (min(end * COLUMNS, len(s)) - begin * COLUMNS) * len(t) * (part.stop - part.start)
            launch(add_columns, evaluations, some, part, s, ascending, (begin, end), own)
            advance(evaluations)
        columns = slice(first * COLUMNS, min(last * COLUMNS, len(s)))
        shares = np.cumsum(changes, axis=-1, out=changes).reshape(-1, len(t) + 1)[: columns.stop - columns.start, :-1]
        shares /= summary.weight
        out[order, columns] = shares.T
