"""Chebyshev moments of samples along a feature: one pass, two multiply-adds a sample and moment."""

import numba
import numpy as np
from numba import njit, prange, types

from kernels import compression
from kernels.numba_cpu.launch import launch, parallel_kernel, read_only
from kernels.numba_cpu.simd import Vector, fma, load, register_bytes, store, total
from kernels.samples import check_passes

LANES = register_bytes() // 8 * 2
SAMPLES = Vector(types.float64, LANES)
CHUNK = 2**12  # samples that a thread takes at once
LENGTH = CHUNK + 2 * LANES  # room for as many in one class, to whole pairs of vectors
OPERATIONS_PER_THREAD = 200_000_000  # in one launch: well under 0.1 s, so that Ctrl-C is answered


@njit
def split_by_class(xi, y, weight, masses, places):
    """Lists the samples with a mass in class 0, then in class 1: xi to `places`, weight (1 - y) or weight y to `masses`
    (2, LENGTH), zeros behind. Returns how many, and the sum of weight y (1 - y)."""
    masses[:] = 0.0
    places[:] = 0.0
    count_0, count_1, softness = 0, 0, 0.0
    for n in range(xi.size):
        share = weight[n] if weight.size > 0 else 1.0
        mass = share * y[n]
        masses[0, count_0], masses[1, count_1] = share - mass, mass
        places[0, count_0], places[1, count_1] = xi[n], xi[n]
        count_0 += y[n] < 1.0
        count_1 += y[n] > 0.0
        softness += mass * (1.0 - y[n])
    masses[0, count_0], masses[1, count_1] = 0.0, 0.0
    return count_0, count_1, softness


@njit
def add_moments(xi, mass, count, sums):
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


@njit
def moments_of_class(xi, mass, count, work, moments):
    work[:] = 0.0
    add_moments(xi, mass, count, work)
    for j in range(moments.size):
        moments[j] = total(load(SAMPLES, work, j * LANES))


@parallel_kernel
def moments_of_chunks(field, middle, half_width, y, weight, first, last, moments, softness):
    """The chunks [first, last), each to its own (2, nodes) of `moments` and its place in `softness`."""
    for chunk in prange(first, last):
        start, stop = chunk * CHUNK, min(chunk * CHUNK + CHUNK, y.size)
        xi = np.empty(stop - start)
        for n in range(stop - start):
            xi[n] = min(max((field[start + n] - middle) / half_width, -1.0), 1.0)
        masses, places = np.empty((2, LENGTH)), np.empty((2, LENGTH))
        weights = weight[start:stop] if weight.size > 0 else weight
        count_0, count_1, softness[chunk - first] = split_by_class(xi, y[start:stop], weights, masses, places)
        work, own = np.empty(moments.shape[2] * LANES), moments[chunk - first]
        moments_of_class(places[0], masses[0], count_0, work, own[0])
        moments_of_class(places[1], masses[1], count_1, work, own[1])


def compressed(samples, n, line, advance):
    """The Block that replaces the samples, and the mean-squared error sum_n weight y (1 - y) that it lacks.

    Splitting a soft label into masses of two classes leaves the loss and its derivatives as they are, and adds
    y (1 - y) to the squared error. `advance` is told of samples, n in all.
    """
    moments, softness, seen = np.zeros((2, line.nodes)), 0.0, 0
    half_width = line.direction[line.field] or 1.0  # 0 where all samples are equal
    at_once = max(1, OPERATIONS_PER_THREAD // (2 * line.nodes * CHUNK)) * numba.get_num_threads()
    for block in samples:
        field, y = read_only(block[line.field]), read_only(block.y)
        weight = read_only(np.empty(0) if block.weight is None else block.weight)
        chunks = -(-len(y) // CHUNK)
        for first in range(0, chunks, at_once):
            last = min(first + at_once, chunks)
            parts, soft = np.empty((last - first, 2, line.nodes)), np.empty(last - first)
            work = (last - first) * CHUNK * line.nodes
            launch(
                moments_of_chunks, work, field, line.middle[line.field], half_width, y, weight, first, last, parts, soft,
            )  # fmt: skip
            moments += parts.sum(axis=0)
            softness += soft.sum()
            advance(min(last * CHUNK, len(y)) - first * CHUNK)
        seen += len(y)
    check_passes(n, seen)
    return compression.nodes_of_line(moments, line), softness
