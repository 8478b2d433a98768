"""Products of factors 1 + g, carried minus one: the logarithm of one is the sum of many losses log(1 + e^-m).

A product is (1 + h) 2^exponent, with h in [0, 1) after it is renormalised, which is done after every 16 factors: these
are at most 1 + e^MAX_EXPONENT, so it can't overflow in between (after 64 where they are at most 2). While the product
is near 1 the small h keeps the digits that 1 + h would lose.
"""

from kernels.numba_cpu.runtime.subroutine import inlined
from kernels.numba_cpu.vector.operators import bits, fma, from_bits

MAX_EXPONENT = 39.0  # x of a factor 1 + e^x: 16 of them times a product under 2 stay under 2 e^625
EXPONENT_BIAS = 1023
EXPONENT_FIELD = 0x7FF0000000000000
TWICE_BIAS_FIELD = 0x7FE0000000000000  # less a number's exponent field, that of its reciprocal


@inlined
def multiply_one_plus(h, g):
    """(1 + h) (1 + g) - 1"""
    return fma(h, g, h + g)


@inlined
def renormalised(h, exponent):
    """The same product with h in [0, 1); the exponent gains EXPONENT_BIAS too many, to be taken off in the end."""
    field = bits(h + 1.0) & EXPONENT_FIELD
    scale = from_bits(TWICE_BIAS_FIELD - field)
    return fma(h, scale, scale - 1.0), exponent + (field >> 52)
