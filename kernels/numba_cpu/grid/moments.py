"""Chebyshev moments of samples along a feature: one pass, two multiply-adds a sample and moment."""

from typing import NamedTuple

import numpy as np
from numba import prange, types

from kernels.numba_cpu.runtime.launch import launch, parallel_kernel, read_only, threads
from kernels.numba_cpu.runtime.subroutine import subroutine
from kernels.numba_cpu.vector.memory import load, store
from kernels.numba_cpu.vector.operators import fma, total
from kernels.numba_cpu.vector.vector_type import REGISTERS, Vector

LANES = REGISTERS.width // 8 * 2  # two registers, as an addition waits for the one before
SAMPLES = Vector(types.float64, LANES)
CHUNK = 2**12  # samples summed in registers' lanes, so few that rounding can't pile up
JOB = 2**15  # samples that a thread takes at once
LENGTH = CHUNK + 2 * LANES  # room for as many in one class, to whole pairs of vectors
OPERATIONS_PER_THREAD = 200_000_000  # in one launch: well under 0.1 s, so that Ctrl-C is answered


class LineSamples(NamedTuple):
    """The field (n,) from which places xi = (field - middle) / half_width are read, labels (n,) and weights (n,) or
    (0,)."""

    field: np.ndarray
    middle: float
    half_width: float
    y: np.ndarray
    weight: np.ndarray


class Lists(NamedTuple):
    """Three lists of samples with a mass: masses and places (3, LENGTH), and room for sums in lanes (nodes LANES,)."""

    masses: np.ndarray
    places: np.ndarray
    lanes: np.ndarray


@subroutine
def list_by_class(samples, start, stop, by_class, lists):
    """Lists the samples [start, stop) with a mass in class 0, then in class 1: xi to `places`, weight (1 - y) or
    weight y to `masses`, zeros behind.

    If not `by_class`, a sample's whole weight is in the class that is nearer, and the third list is of the masses that
    belong to class 0 nevertheless, or with a minus sign to class 1. Returns how many there are in each list, and the
    sum of weight y (1 - y).
    """
    field, y, weight = samples.field[start:stop], samples.y[start:stop], samples.weight[start:stop]
    masses, places, middle = lists.masses, lists.places, samples.middle
    count_0, count_1, count_2, softness, inverse = 0, 0, 0, 0.0, 1.0 / samples.half_width
    for n in range(field.size):  # from 0, so that no index is looked at whether it counts from the end
        xi = min(max((field[n] - middle) * inverse, -1.0), 1.0)
        whole = weight[n] if weight.size > 0 else 1.0
        label, other = y[n], 1.0 - y[n]
        near_1 = label > 0.5
        shifted = other if near_1 else -label
        masses[0, count_0], masses[1, count_1] = (whole * other, whole * label) if by_class else (whole, whole)
        masses[2, count_2] = whole * shifted
        places[0, count_0], places[1, count_1], places[2, count_2] = xi, xi, xi
        count_0 += other > 0.0 if by_class else not near_1
        count_1 += label > 0.0 if by_class else near_1
        count_2 += shifted != 0.0 and not by_class
        softness += whole * label * other
    counts = count_0, count_1, count_2
    for k in range(3):
        masses[k, counts[k] : counts[k] + 2 * LANES] = 0.0
        places[k, counts[k] : counts[k] + 2 * LANES] = 0.0
    return counts, softness


@subroutine
def add_in_lanes(xi, mass, count, sums):
    """Adds sum_n mass_n T_j(xi_n) to sums[j] (LANES,), by T_(j+1) = 2 xi T_j - T_(j-1)."""
    for n in range(0, count, 2 * LANES):
        twice_a, twice_b = load(SAMPLES, xi, n) * 2.0, load(SAMPLES, xi, n + LANES) * 2.0
        mass_a, mass_b = load(SAMPLES, mass, n), load(SAMPLES, mass, n + LANES)
        # the recurrence is linear: it carries the masses along
        a, b, before_a, before_b = mass_a, mass_b, mass_a * twice_a * 0.5, mass_b * twice_b * 0.5
        for j in range(0, sums.size, LANES):
            store(sums, j, load(SAMPLES, sums, j) + (a + b))
            a, before_a = fma(twice_a, a, -before_a), a
            b, before_b = fma(twice_b, b, -before_b), b


@subroutine
def add_moments(lists, k, count, moments):
    """Adds those of list number k, of `count` samples, to `moments`."""
    lanes = lists.lanes[: moments.size * LANES]
    lanes[:] = 0.0
    add_in_lanes(lists.places[k], lists.masses[k], count, lanes)
    for j in range(moments.size):
        moments[j] += total(load(SAMPLES, lanes, j * LANES))


@parallel_kernel
def moments_of_jobs(samples, by_class, jobs, moments, softness):
    """Jobs (first, last) of JOB samples, each to its own (2, nodes) of `moments` and its place in `softness`."""
    n = samples.y.size
    for job in prange(jobs[0], jobs[1]):
        own = moments[job - jobs[0]]
        lists = Lists(np.empty((3, LENGTH)), np.empty((3, LENGTH)), np.empty(own.shape[1] * LANES))
        shifted = np.zeros(2 if own.shape[1] > 1 else 1)
        own[:] = 0.0
        soft = 0.0
        for start in range(job * JOB, min(job * JOB + JOB, n), CHUNK):
            counts, more = list_by_class(samples, start, min(start + CHUNK, n), by_class, lists)
            add_moments(lists, 0, counts[0], own[0])
            add_moments(lists, 1, counts[1], own[1])
            add_moments(lists, 2, counts[2], shifted)
            soft += more
        for k in range(shifted.size):
            own[0, k] += shifted[k]
            own[1, k] -= shifted[k]
        softness[job - jobs[0]] = soft


def moments_of(block, line, by_class, advance):
    """The moments of each class (2, nodes), of which a soft label is in both, and the sum of weight y (1 - y), which
    that adds to the squared error. If not `by_class`, only the first two are those of the classes; the others are only
    right as sums over both, in half the time. `advance` is told of samples."""
    moments, softness = np.zeros((2, line.nodes)), 0.0
    at_once = max(1, OPERATIONS_PER_THREAD // (2 * line.nodes * JOB)) * threads()
    middle, half_width = line.middle[line.field], line.direction[line.field] or 1.0
    field, y = block[line.field], read_only(block.y)
    field = read_only(field if len(field) == len(y) else field.repeat(len(y)))
    weight = read_only(np.empty(0) if block.weight is None else block.weight)
    on_line = LineSamples(field, float(middle), float(half_width), y, weight)
    jobs = -(-len(y) // JOB)
    for first in range(0, jobs, at_once):
        last = min(first + at_once, jobs)
        parts, soft = np.empty((last - first, 2, line.nodes)), np.empty(last - first)
        samples_now = min(last * JOB, len(y)) - first * JOB
        launch(moments_of_jobs, samples_now * line.nodes, on_line, by_class, (first, last), parts, soft)
        # one by one: how many jobs a launch takes depends on the number of threads
        for of_job, soft_of_job in zip(parts, soft, strict=True):
            moments, softness = moments + of_job, softness + soft_of_job
        advance(samples_now)
    return moments, softness
