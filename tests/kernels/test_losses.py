"""The rows of the losses in mpmath's numbers: values against the formulas as published, derivatives against those of
the value, and bounds at points of the strip."""

import math

import mpmath
import numpy as np
import pytest

from kernels import losses
from kernels.losses import CODES, LOSSES, ROWS, Parts, Strip
from tests import oracle

MARGINS = (-40.0, -7.5, -1.0, -1e-3, 0.0, 0.3, 2.0, 11.0, 60.0)
SMOOTHINGS = (0.0, 1e-6, 0.25, 0.5)
BOTH = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@pytest.fixture(autouse=True)
def precise():
    with mpmath.workprec(2 * oracle.BITS):
        yield


def parts_of(m, smoothing):
    """Of a margin, which may be complex, where softplus is that of the branch through the real axis."""
    m, smoothing = mpmath.mpmathify(m), mpmath.mpf(smoothing)
    softplus = mpmath.log1p(mpmath.exp(-m))
    wrong, right = (1 / (1 + mpmath.exp(sign * m)) for sign in (1, -1))
    return Parts(m, softplus, wrong, right, smoothing, smoothing * m if smoothing else mpmath.mpf(0))


def published(name, z, y):
    """The loss of a logit and a label, as its source has it."""
    p = 1 / (1 + mpmath.exp(-z))
    if name == "bce":
        return -(y * mpmath.log(p) + (1 - y) * mpmath.log(1 - p))
    if name == "mse":
        return (p - y) ** 2
    assert name == "focal", name
    return -(y * (1 - p) ** 2 * mpmath.log(p) + (1 - y) * p**2 * mpmath.log(1 - p))


def test_codes_are_the_order_of_the_rows():
    assert list(LOSSES) == list(CODES) == [row.name for row in ROWS]
    assert list(CODES.values()) == list(range(len(ROWS)))


@BOTH
def test_values_are_those_published(row):
    for m in MARGINS:
        for smoothing in SMOOTHINGS:
            of = parts_of(m, smoothing)
            for z, y in ((of.margin, 1 - of.smoothing), (-of.margin, of.smoothing)):
                assert mpmath.almosteq(row.value(of), published(row.name, z, y), rel_eps=1e-30, abs_eps=1e-60)


@BOTH
def test_slopes_and_curvatures_are_derivatives(row):
    for m in MARGINS:
        for smoothing in SMOOTHINGS:
            of = parts_of(m, smoothing)
            wanted = mpmath.taylor(lambda m, y=smoothing: row.value(parts_of(m, y)), of.margin, 2, chop=False)
            size = mpmath.exp(-3 * abs(of.margin))  # the least that a derivative falls to, but where it changes sign
            for got, want in ((row.slope(of), wanted[1]), (row.curvature(of), 2 * wanted[2])):
                assert abs(got - want) <= 1e-15 * max(size, abs(want))


@BOTH
def test_the_oracle_has_the_same_derivatives(row):
    """Formulas of its own, by p = sigma(z), up to the third."""
    for z in MARGINS:
        for y in map(mpmath.mpf, (0.0, 0.1, 0.5, 0.7, 1.0)):
            of_z = oracle.mpmath_derivatives(row.name, mpmath.mpf(z), y)
            found = mpmath.taylor(lambda z, y=y: published(row.name, z, y), mpmath.mpf(z), 3, chop=False)
            for order, (got, want) in enumerate(zip(of_z, found, strict=True)):
                want *= mpmath.factorial(order)
                assert abs(got - want) <= 1e-15 * max(mpmath.exp(-3 * abs(z)), abs(want)), (order, z, y)


@BOTH
def test_whether_a_loss_is_linear_in_its_label(row):
    of_0, of_1, mixed = (published(row.name, mpmath.mpf(0.7), mpmath.mpf(y)) for y in (0, 1, 0.25))
    assert mpmath.almosteq(mixed, 0.75 * of_0 + 0.25 * of_1) == row.linear_in_label


@BOTH
def test_bounds_hold_in_the_strip(row):
    """At random points z + i v, |v| < pi, by the suprema of |sigma| and |log(1 + e^z)| over the points themselves."""
    rng = np.random.default_rng(0)
    points = [mpmath.mpc(u, v) for u, v in zip(rng.uniform(-12, 12, 40), rng.uniform(-3, 3, 40), strict=True)]
    for m in points:
        for smoothing in SMOOTHINGS:
            of = parts_of(m, smoothing)
            strip = Strip(max(abs(of.right), abs(of.wrong)), max(abs(of.softplus), abs(of.softplus + m)))
            *low, third = row.bounds(strip, 1.0)
            value = row.value(of) - constant_and_linear(row, of)
            for got, most in zip((value, row.slope(of), row.curvature(of)), low, strict=True):
                assert abs(got) <= most * (1 + mpmath.mpf(2) ** -100)
            *_, of_third = oracle.derivatives(
                row.name, 1 - of.smoothing, of.right, of.wrong, -of.softplus, -of.softplus - m
            )
            assert abs(of_third) <= third * (1 + mpmath.mpf(2) ** -100)


def constant_and_linear(row, of):
    """What a bound on the value leaves out."""
    if row.name == "bce":
        return of.tilt
    return of.smoothing**2 if row.name == "mse" else 0


@BOTH
def test_losses_are_at_most_what_logits_allow(row):
    for m in MARGINS:
        for smoothing in SMOOTHINGS:
            parts, (value, slope, curvature) = parts_of(m, smoothing), row.largest(abs(m))
            assert 0 <= row.value(parts) <= value
            assert abs(row.slope(parts)) <= slope
            assert abs(row.curvature(parts)) <= curvature


@BOTH
def test_bounds_of_slope_and_curvature_are_the_largest(row):
    z = np.linspace(-20, 20, 40_001)
    of, (_, slope, curvature) = losses.parts_of(z, np.ones_like(z)), row.largest(math.inf)
    for values, bound in ((row.slope(of), slope), (row.curvature(of), curvature)):
        largest = np.abs(values).max()
        assert largest <= bound <= 1.001 * largest


def test_parts_of_tensors_and_arrays():
    """A row takes either: NumPy's here, torch's in the tests of `reference`."""
    m, smoothing = np.array([-2.0, 0.5, 3.0]), np.array([0.0, 0.25, 0.5])
    softplus = np.log1p(np.exp(-m))
    of = Parts(m, softplus, oracle.sigmoid(-m), oracle.sigmoid(m), smoothing, smoothing * m)
    for row in ROWS:
        for got, want in zip(
            (row.value(of), row.slope(of), row.curvature(of)),
            oracle.float64_derivatives(row.name, m, 1 - smoothing),
            strict=False,
        ):
            np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-15)
