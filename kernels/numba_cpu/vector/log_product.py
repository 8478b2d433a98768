"""Products of factors 1 + e^m, carried minus one: their logarithm is a sum of losses.

A product is (1 + h) 2^exponent with h in [0, 1), so it can't overflow, and while it is near 1 the small h keeps the
digits that 1 + h would lose.
"""

from numba import njit

from kernels.numba_cpu.vector.operators import bits, fma, from_bits

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
