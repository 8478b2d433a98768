"""Elementary functions of vectors (`vector_type.Vector`), by argument reduction and polynomials: of float64 vectors,
but for `exp_single`, of float32, and `exp_negative`, `exp2`, `log1p_scaled` and `over_one_plus`, of either.

The polynomials interpolate at Chebyshev nodes in 200-bit arithmetic and are rounded to the type; errors against
mpmath are tested in ulp. Method: Muller, *Elementary Functions*, ch. 3 (polynomials) and 11 (reduction).
"""

from typing import Any, NamedTuple

from numba import types
from numba.extending import overload

from kernels.numba_cpu.runtime.subroutine import INLINED, inlined
from kernels.numba_cpu.vector.operators import bits, fma, from_bits, nearest, off_nearest, scaled, select
from kernels.numba_cpu.vector.vector_type import REGISTERS

LOG2_E = 1.4426950408889634
LOG2_E_LOW = 2.0355273740931033e-17  # log2(e) less its float64
LN2 = 0.6931471805599453
LN2_HIGH = 0.6931471805582987  # 36 bits, so that multiples up to 2^17 are exact (Cody and Waite)
LN2_LOW = 1.6465949582897082e-12  # the rest of ln(2)
ROUNDER = 6755399441055744.0  # 1.5 * 2^52: adding it leaves round(x) in the low bits
ROUNDER_BITS = 0x4338000000000000  # of that number
# (e^r - 1 - r) / r^2 on |r| <= ln(2)/2, lowest power first
EXP_TAIL = (
    0.5,
    0.1666666666666667,
    0.04166666666666667,
    0.008333333333326136,
    0.0013888888888883748,
    0.00019841269874820627,
    2.4801587325547743e-05,
    2.7557255400206422e-06,
    2.75572736431103e-07,
    2.5105217004720745e-08,
    2.0914686968086876e-09,
)
# (2 atanh(s) - 2 s) / s^3 in s^2 on |s| <= 1/5, lowest power first
ATANH_TAIL = (
    0.6666666666666666,
    0.40000000000007807,
    0.28571428567336676,
    0.2222222303822691,
    0.18181738421712204,
    0.15388835999460426,
    0.1321033443219967,
    0.13604216246696962,
)
# the same for float32: 15 bits of ln(2), so that multiples up to 2^9 are exact, and the rest; 1.5 * 2^23; degree 4
LN2_HIGH_32 = 0.693145751953125
LN2_LOW_32 = 1.4286068203094173e-06
ROUNDER_32 = 12582912.0
EXP_TAIL_32 = (0.5, 0.16666578, 0.041666556, 0.008363173, 0.0013926176)
# (2^f - 1) / f on |f| <= 1/2, lowest power first
EXP2_TAIL_32 = (0.6931472, 0.2402265, 0.05550357, 0.009618082, 0.0013390891, 0.00015453183)
EXP2_TAIL = (
    0.6931471805599453,
    0.24022650695910097,
    0.0555041086648216,
    0.009618129107606847,
    0.0013333558146416914,
    0.00015403530441806965,
    1.5252733829873919e-05,
    1.3215442544706668e-06,
    1.0178062422810983e-07,
    7.072594590341863e-09,
    4.4549652041025053e-10,
)
# exp is 0 below and inf above
EXP_LOWEST = -746.0
EXP_HIGHEST = 710.0


@inlined
def exp_polynomial(r):
    """e^r by Estrin's scheme, whose chain of dependent operations is short."""
    c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12 = EXP_TAIL
    head = r + 1.0
    lost = r - (head - 1.0)  # what rounding took from the head
    r2 = r * r
    r4 = r2 * r2
    low = fma(fma(r, c3, c2), r2, lost)
    middle = fma(fma(r, c7, c6), r2, fma(r, c5, c4))
    high = fma(fma(r, c11, c10), r2, fma(r, c9, c8))
    return head + fma(r4 * r4, fma(r4, c12, high), fma(r4, middle, low))


@inlined
def atanh_tail(square):
    """(2 atanh(s) - 2 s) / s^3 by Estrin's scheme."""
    c0, c1, c2, c3, c4, c5, c6, c7 = ATANH_TAIL
    square2 = square * square
    low = fma(fma(square, c3, c2), square2, fma(square, c1, c0))
    high = fma(fma(square, c7, c6), square2, fma(square, c5, c4))
    return fma(square2 * square2, high, low)


@inlined
def power_of_two(exponent):
    """2^exponent for integers in [-1022, 1023]."""
    return from_bits((exponent + 1023) << 52)


@inlined
def exp_parts(x):
    """e^x = mantissa 2^exponent with mantissa in [0.7, 1.42], for |x| < 2^31."""
    rounded = fma(x, LOG2_E, ROUNDER)
    k = rounded - ROUNDER
    r = fma(k, -LN2_HIGH, x) - k * LN2_LOW
    return exp_polynomial(r), bits(rounded) - ROUNDER_BITS


@inlined
def exp(x):
    """e^x over the whole range, denormal results and infinities included; NaN stays NaN."""
    x = select(x > EXP_HIGHEST, EXP_HIGHEST, x)
    x = select(x < EXP_LOWEST, EXP_LOWEST, x)
    mantissa, exponent = exp_parts(x)
    half = exponent >> 1
    return mantissa * power_of_two(half) * power_of_two(exponent - half)


@inlined
def exp_normal(x):
    """e^x, taken at -708 or 708 for anything beyond: one scaling less than `exp`, where such numbers are as good as 0
    and infinity."""
    x = select(x > 708.0, 708.0, x)
    x = select(x < -708.0, -708.0, x)
    mantissa, exponent = exp_parts(x)
    return mantissa * power_of_two(exponent)


@inlined
def exp_single(x):
    """e^x of a float32 vector, taken at -87 or 87 for anything beyond."""
    c2, c3, c4, c5, c6 = EXP_TAIL_32
    x = select(x > 87.0, 87.0, x)
    x = select(x < -87.0, -87.0, x)
    rounded = fma(x, LOG2_E, ROUNDER_32)
    k = rounded - ROUNDER_32
    r = fma(k, -LN2_LOW_32, fma(k, -LN2_HIGH_32, x))
    tail = fma(fma(fma(fma(r, c6, c5), r, c4), r, c3), r, c2)
    mantissa = fma(fma(tail, r, 1.0), r, 1.0)
    return from_bits(bits(mantissa) + (bits(rounded) << 23))  # the low bits of `rounded` are the exponent


@inlined
def exp2_tail_single(f):
    """(2^f - 1) / f"""
    c1, c2, c3, c4, c5, c6 = EXP2_TAIL_32
    return fma(fma(fma(fma(fma(f, c6, c5), f, c4), f, c3), f, c2), f, c1)


@inlined
def exp2_tail(f):
    """The same by Estrin's scheme."""
    c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11 = EXP2_TAIL
    f2 = f * f
    f4 = f2 * f2
    low = fma(fma(f, c4, c3), f2, fma(f, c2, c1))
    middle = fma(fma(f, c8, c7), f2, fma(f, c6, c5))
    high = fma(c11, f2, fma(f, c10, c9))
    return fma(fma(high, f4, middle), f4, low)


class Exp2(NamedTuple):
    """What 2^x is made of in one precision: `most` is the last exponent, `digits` are those of a mantissa."""

    tail: Any
    most: float
    rounder: float
    bias: int
    digits: int


EXP2 = {
    types.float32: Exp2(exp2_tail_single, 126.0, ROUNDER_32, 127, 23),
    types.float64: Exp2(exp2_tail, 1022.0, ROUNDER, 1023, 52),
}


def exp2(x):
    """2^x and 1 + 2^x, the latter rounded little more than once, in the precision of x; x is taken at 126 or 1022 for
    anything beyond, and results below 2^-126 or 2^-1022 may be that."""


def exp2_by_bits(x):
    """The same without AVX-512."""


@overload(exp2, jit_options=INLINED)
def exp2_of_type(x):
    if REGISTERS.width < 64:
        return lambda x: exp2_by_bits(x)
    tail, most = EXP2[x.dtype][:2]

    def by_scaling(x):
        f, k = off_nearest(x), nearest(x)
        k = select(k > most, most, k)
        power, part, q = scaled(1.0, k), scaled(f, k), tail(f)
        return fma(part, q, power), fma(part, q, 1.0) + power

    return by_scaling


@overload(exp2_by_bits, jit_options=INLINED)
def exp2_by_bits_of_type(x):
    tail, most, rounder, bias, digits = EXP2[x.dtype]

    def by_bits(x):
        x = select(x > most, most, x)
        x = select(x < -most, -most, x)
        rounded = x + rounder  # whose low bits are the exponent
        f = x - (rounded - rounder)
        power, q = from_bits((bits(rounded) + bias) << digits), tail(f)
        part = power * f
        return fma(part, q, power), fma(part, q, 1.0) + power

    return by_bits


@inlined
def exp_in_range(x):
    """e^x and 1 + e^x for |x| <= 708, by a short chain of operations."""
    base_2 = x * LOG2_E
    lost = fma(x, LOG2_E_LOW, fma(x, LOG2_E, -base_2))  # by rounding
    k = nearest(base_2)
    f = (base_2 - k) + lost
    power, q = power_of_two(bits(k + ROUNDER)), exp2_tail(f)  # whose low bits are k
    part = power * f
    return fma(part, q, power), fma(part, q, 1.0) + power


@inlined
def log1p_scaled(h, exponent):
    """log((1 + h) 2^exponent) for h in [0, 1] and whole non-negative exponents: log1p(h) where the exponent is 0."""
    upper = h >= 0.5
    h = select(upper, (h - 1.0) * 0.5, h)
    exponent = select(upper, exponent + 1.0, exponent)
    s = h / (h + 2.0)
    square = s * s
    # log1p(h) = 2 atanh(s), written so that the leading term h is not rounded
    tail = h - square * atanh_tail(square)
    return fma(exponent, LN2, h - s * tail)


def exp_negative(x):
    """e^x for x <= 0 in the precision of x; 0 below -87 or -708, as what it is multiplied by may be large."""


@overload(exp_negative, jit_options=INLINED)
def exp_negative_of_type(x):
    if x.dtype == types.float32:
        return lambda x: select(x < -87.0, 0.0, exp_single(x))
    return lambda x: select(x < -708.0, 0.0, exp_normal(x))


@inlined
def over_one_plus(e, numerator):
    """numerator / (1 + e) for e in [0, 1]. Where 1 + e is near 1, its rounding would cost as much as the division's."""
    whole = e + 1.0
    excess = (whole - 1.0) - e
    share = numerator / whole
    return fma(share, excess, share)
