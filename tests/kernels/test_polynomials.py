"""Coefficients and split constants of the elementary functions, against `tools/polynomials.py` and mpmath."""

import math

import numpy as np
import pytest

from kernels.numba_cpu.vector import elementary
from tools import polynomials
from tools.polynomials import POLYNOMIALS, mp

POINTS = 200
ULP_APART = {"EXP2_TAIL_32": [0, 0, 0, 0, 0, -3]}
LARGEST_ERRORS = {
    "EXP_TAIL": 6e-18,
    "ATANH_TAIL": 7e-17,
    "EXP_TAIL_32": 1.6e-7,
    "EXP2_TAIL_32": 2.6e-8,
    "EXP2_TAIL": 6e-17,
}
LOG2_E = 1 / mp.ln2
by_table = pytest.mark.parametrize("polynomial", POLYNOMIALS, ids=[polynomial.name for polynomial in POLYNOMIALS])


def present(polynomial):
    """The coefficients in use, of the polynomial's type."""
    return np.array(getattr(elementary, polynomial.name), polynomial.dtype)


def bits(values):
    """Positive floats as integers, which count ulp."""
    return values.view(f"int{8 * values.itemsize}")


def test_every_table_is_computed():
    tables = {name for name, value in vars(elementary).items() if type(value) is tuple}
    assert tables == {polynomial.name for polynomial in POLYNOMIALS}


@by_table
def test_printed_source_gives_the_coefficients(polynomial):
    """To the bit, but for those known to be apart."""
    names = {}
    exec(polynomials.source(polynomial), names)
    printed = np.array(names[polynomial.name], polynomial.dtype)
    apart = bits(present(polynomial)) - bits(printed)
    assert apart.tolist() == ULP_APART.get(polynomial.name, [0] * (polynomial.degree + 1))


@by_table
def test_largest_relative_error(polynomial):
    descending = [mp.mpf(float(c)) for c in present(polynomial)[::-1]]
    points = mp.linspace(*polynomials.interval(polynomial), POINTS)
    error = max(abs(mp.polyval(descending, x) / polynomial.function(x) - 1) for x in points)
    assert LARGEST_ERRORS[polynomial.name] / 2 < error <= LARGEST_ERRORS[polynomial.name]


@pytest.mark.parametrize(("high", "digits"), [(elementary.LN2_HIGH, 36), (elementary.LN2_HIGH_32, 16)])
def test_high_part_of_ln_2_is_the_nearest_of_its_bits(high, digits):
    assert high * 2**digits == mp.nint(mp.ln2 * 2**digits)


@pytest.mark.parametrize(
    ("whole", "high", "low"),
    [
        (mp.ln2, elementary.LN2_HIGH, elementary.LN2_LOW),
        (mp.ln2, elementary.LN2_HIGH_32, elementary.LN2_LOW_32),
        (LOG2_E, elementary.LOG2_E, elementary.LOG2_E_LOW),
    ],
    ids=["ln 2", "ln 2 of float32", "log2 e"],
)
def test_low_part_is_the_rest_rounded_once(whole, high, low):
    assert abs(whole - high - low) <= mp.mpf(math.ulp(low)) / 2


@pytest.mark.parametrize(("constant", "whole"), [(elementary.LN2, mp.ln2), (elementary.LOG2_E, LOG2_E)])
def test_constant_is_the_nearest_float(constant, whole):
    assert abs(whole - constant) <= mp.mpf(math.ulp(constant)) / 2


@pytest.mark.parametrize(("rounder", "dtype"), [(elementary.ROUNDER, np.float64), (elementary.ROUNDER_32, np.float32)])
def test_rounder_leaves_the_nearest_integer_in_the_low_bits(rounder, dtype):
    assert rounder == 1.5 * 2 ** np.finfo(dtype).nmant
    x = np.array([-700.4, -1.6, -0.4, 0.4, 1.6, 700.4], dtype)
    assert (bits(x + dtype(rounder)) - bits(dtype(rounder))).tolist() == np.rint(x).tolist()


def test_bits_of_the_rounder():
    assert bits(np.float64(elementary.ROUNDER)) == elementary.ROUNDER_BITS
