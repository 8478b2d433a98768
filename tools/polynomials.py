"""Coefficients of the polynomials in `numba_cpu/vector/elementary.py`, computed anew and printed as Python source.

    python tools/polynomials.py

Each polynomial interpolates its function at the Chebyshev nodes of an interval, in 200-bit arithmetic. The Vandermonde
system of the nodes takes the values to coefficients of the monomial basis, which are rounded to the type, once each.
Method: Muller, *Elementary Functions*, ch. 3.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from mpmath import MPContext

LINE = 120  # characters of a line of source

mp = MPContext()  # of its own, so that the precision of other users of mpmath stays theirs
mp.prec = 200


# Hypergeometric series, as the closed forms cancel near 0 and are 0 / 0 there.
def exp_tail(r):
    """(e^r - 1 - r) / r^2"""
    return mp.hyp1f1(1, 3, r) / 2


def exp2_tail(f):
    """(2^f - 1) / f"""
    return mp.ln2 * mp.hyp1f1(1, 2, f * mp.ln2)


def atanh_tail(square):
    """(2 atanh(s) - 2 s) / s^3 of s^2"""
    return mp.hyp2f1(1, 1.5, 2.5, square) * 2 / 3


class Polynomial(NamedTuple):
    """A table of coefficients: those of the interpolant of `function` on [low, high], both ends times `stretch`, as
    rounding takes some arguments past them."""

    name: str
    function: Callable
    low: Any
    high: Any
    stretch: float
    degree: int
    dtype: type


POLYNOMIALS = (
    Polynomial("EXP_TAIL", exp_tail, -mp.ln2 / 2, mp.ln2 / 2, 1.0001, 10, np.float64),
    Polynomial("ATANH_TAIL", atanh_tail, mp.zero, mp.one / 25, 1.0001, 7, np.float64),
    Polynomial("EXP_TAIL_32", exp_tail, -mp.ln2 / 2, mp.ln2 / 2, 1.0, 4, np.float32),
    # the last coefficient in elementary.py lies 3 ulp below this one: no recipe is known that gives it
    Polynomial("EXP2_TAIL_32", exp2_tail, -mp.one / 2, mp.one / 2, 1 + 2**-12, 5, np.float32),
    Polynomial("EXP2_TAIL", exp2_tail, -mp.one / 2, mp.one / 2, 1 + 2**-12, 10, np.float64),
)


def interval(polynomial):
    """The ends between which the polynomial interpolates."""
    return polynomial.low * polynomial.stretch, polynomial.high * polynomial.stretch


def chebyshev_nodes(low, high, n):
    """The n nodes of the first kind on [low, high]."""
    middle, radius = (low + high) / 2, (high - low) / 2
    return [middle + radius * mp.cos(mp.pi * (2 * k + 1) / (2 * n)) for k in range(n)]


def interpolant(function, nodes):
    """Coefficients, lowest power first, of the polynomial through the function's values at the nodes."""
    vandermonde = mp.matrix([[x**k for k in range(len(nodes))] for x in nodes])
    return list(mp.lu_solve(vandermonde, mp.matrix([function(x) for x in nodes])))


def rounded(x, dtype):
    """The nearest number of the type."""
    with mp.workprec(np.finfo(dtype).nmant + 1):  # not by float64, which would round twice
        return dtype(+x)


def coefficients(polynomial):
    """The table: coefficients of the type, lowest power first."""
    nodes = chebyshev_nodes(*interval(polynomial), polynomial.degree + 1)
    return [rounded(c, polynomial.dtype) for c in interpolant(polynomial.function, nodes)]


def source(polynomial):
    """The assignment of the table, as the formatter lays it out."""
    numbers = [str(c) for c in coefficients(polynomial)]  # the shortest that read back as the same
    line = f"{polynomial.name} = ({', '.join(numbers)})"
    if len(line) <= LINE:
        return line
    return "\n".join([f"{polynomial.name} = (", *(f"    {c}," for c in numbers), ")"])


if __name__ == "__main__":
    print(*map(source, POLYNOMIALS), sep="\n")
