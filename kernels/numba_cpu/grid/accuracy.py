"""Accuracy over a plane, counted exactly: n log(nt) looks at each point of s instead of n nt.

For given s the predicted class of a sample changes at most once along t, as rounding keeps the order of
(p + s q) + t r. A binary search with that very predicate finds where, and a running sum over t counts.
"""

import numpy as np
from numba import njit, prange

from kernels.numba_cpu.runtime.launch import launch, parallel_kernel
from kernels.numba_cpu.runtime.prefault import find_memory
from kernels.numba_cpu.runtime.schedule import Work, groups, launches

COLUMNS = 8  # points along s of a job, written together
JOBS_PER_THREAD = 16
SEARCHES_PER_THREAD = 500_000  # in one launch: well under 0.1 s, so that Ctrl-C is answered


@njit(forceinline=True)
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


@njit
def count_column(p, q, r, sign, weight, start, stop, s, t, steps):
    """Adds the steps of the weight classified correctly along t, of the samples [start, stop), to `steps` (nt + 1,)."""
    for n in range(start, stop):
        base = p[n] + s * q[n]
        is_1 = sign[n] < 0.0
        if r[n] == 0.0:
            if (base > 0.0) == is_1:
                steps[0] += weight[n]
            continue
        change = first_changed(base, r[n], t)
        if (r[n] > 0.0) == is_1:
            steps[change] += weight[n]
        else:
            steps[0] += weight[n]
            steps[change] -= weight[n]


@parallel_kernel
def count(p, q, r, sign, weight, start, stop, s, t, first, last, steps):
    """Counts the columns of the jobs [first, last) into `steps` (jobs, COLUMNS, nt + 1)."""
    for job in prange(first, last):
        for i in range(job * COLUMNS, min(job * COLUMNS + COLUMNS, s.size)):
            count_column(p, q, r, sign, weight, start, stop, s[i], t, steps[job - first, i - job * COLUMNS])


def accuracy(samples, s, t, summary, out, advance):
    """Writes the weighted share classified correctly to `out` (nt, ns); `t` is in any order."""
    find_memory(out)  # a part of every row is written at once
    order = np.argsort(t, kind="stable")
    ascending = t[order]
    jobs = -(-len(s) // COLUMNS)
    work = Work(COLUMNS, 0, SEARCHES_PER_THREAD, JOBS_PER_THREAD, 1, COLUMNS * (len(t) + 1) * 8)
    for first, last in groups(work, jobs, summary.n):
        steps = np.zeros((last - first, COLUMNS, len(t) + 1))
        for part in launches(samples, work, first, last, summary.n):
            arrays, points = part.arrays, (min(part.last * COLUMNS, len(s)) - part.first * COLUMNS) * len(t)
            own = steps[part.first - first : part.last - first]
            data = arrays.p, arrays.q, arrays.r, arrays.sign, arrays.weight
            evaluations = points * (part.stop - part.start)
            launch(count, evaluations, *data, part.start, part.stop, s, ascending, part.first, part.last, own)
            advance(evaluations)
        columns = slice(first * COLUMNS, min(last * COLUMNS, len(s)))
        shares = np.cumsum(steps, axis=-1, out=steps).reshape(-1, len(t) + 1)[: columns.stop - columns.start, :-1]
        shares /= summary.weight
        out[order, columns] = np.clip(shares, 0.0, 1.0, out=shares).T  # sums of weights are rounded
