"""Products of factors 1 + e^m, carried minus one: their logarithm is a sum of losses.

A product is (1 + h) 2^exponent with h in [0, 1), so it can't overflow, and while it is near 1 the small h keeps the
digits that 1 + h would lose.
"""

import numpy as np
from numba import njit

from kernels.numba_cpu.elementary import softplus
from kernels.numba_cpu.simd import bits, fma, from_bits, load, store

LARGEST_MARGIN = 39.0  # of a factor: 16 of them times a product under 2 stay under e^650
EXPONENT_OFFSET = 1023
EXPONENT_FIELD = 0x7FF0000000000000
EXPONENT_OF_RECIPROCAL = 0x7FE0000000000000


@njit(forceinline=True)
def times(h, g):
    """(1 + h) (1 + g) - 1"""
    return fma(h, g, h + g)


@njit(forceinline=True)
def normalised(h, exponent):
    """The same product with h in [0, 1); the exponent gains EXPONENT_OFFSET too many, to be taken off in the end."""
    field = bits(h + 1.0) & EXPONENT_FIELD
    scale = from_bits(EXPONENT_OF_RECIPROCAL - field)
    return fma(h, scale, scale - 1.0), exponent + (field >> 52)


@njit(forceinline=True)
def loss_of_margin(margin, distance):
    """softplus(m) - y' m: the loss of a sample by its own logarithm, for one whose factor no product can hold."""
    loss = softplus(margin)
    if distance != 0.0:
        loss = loss - margin * distance
    return loss


@njit(forceinline=True)
def two_sum(x, y):
    """x + y rounded, and what rounding lost (Knuth), of vectors or numbers."""
    total = x + y
    added = total - x
    return total, (x - (total - added)) + (y - added)


@njit(forceinline=True)
def add_compensated(vector, sums, carries, index, value):
    """Adds to a running sum in two arrays, sum and what it lost."""
    total, lost = two_sum(load(vector, sums, index), value)
    store(sums, index, total)
    store(carries, index, load(vector, carries, index) + lost)


@njit
def sums_of_tile(sums, tile, cells):
    """The sums that a tile has so far, or room for them if there is none to keep."""
    return sums[tile] if sums.size > 0 else np.empty(cells)
