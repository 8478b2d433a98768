"""`plan.bound` against a second computation, in mpmath, of what the docstring of `spectral` says."""

import mpmath
import numpy as np
import pytest

from kernels import LogitPlane, surface_on_plane
from kernels.arguments.samples import ArraySamples, groups_of, summary_of
from kernels.mathematics import compression, planning, spectral
from kernels.quantities import Asked
from tests.oracle import loss_at

SETS = (("loss",), ("mse",), ("gradient",), ("hessian",), ("loss", "mse"), ("gradient", "hessian", "loss"))
KINDS = ("few", "many", "line")


def problem(seed):
    """The way in which a surface is interpolated: directly, in two steps, or from compressed samples; and its data."""
    rng = np.random.default_rng([12, seed])
    kind, names = KINDS[seed % 3], SETS[seed // 3 % len(SETS)]
    n = 5 if kind == "few" else 3000
    plane = rng.uniform(-1, 1, (3, n)) * rng.uniform(0.1, 1, (3, 1))
    if kind == "line":
        plane = np.array([0.3 - 0.5 * plane[1], plane[1], 0.7 * plane[1] + 1])
    s, t = (rng.uniform(-3, 3) + np.sort(rng.uniform(-2, 2, points)) for points in rng.integers(150, 400, 2))
    tol = 10.0 ** -rng.integers(3, 13)
    samples = ArraySamples(tuple(plane), rng.integers(0, 2, n) * 1.0, None, like=None)
    (group,) = groups_of(samples, summary_of(samples), (1.0, 1.0), Asked(names, "bce"), None)
    return planning.choose(group, s, t, "spectral", tol), plane, s, t, names


def lebesgue(nodes):
    return 1 + 2 / mpmath.pi * mpmath.log(nodes)


def largest(quantity, theta, q, r, logit):
    """M and M' of a quantity in the strip."""
    sigmoid = 1 / mpmath.sin(max(theta, mpmath.pi / 2))
    slope = max(q, r)
    if quantity == "loss":
        return logit + theta + mpmath.pi + mpmath.log(sigmoid), sigmoid
    if quantity == "mse":
        return sigmoid**2 + 2 * sigmoid, 2 * (sigmoid + 1) * sigmoid**2
    if quantity == "gradient":
        return slope * sigmoid, slope * sigmoid**2
    return slope**2 * sigmoid**2, slope**2 * sigmoid**2 * (1 + 2 * sigmoid)


def error(nodes, reach, names, *sizes):
    """The bound on an interval on which logits differ by `reach` from that in the middle."""
    if reach == 0:
        return mpmath.mpf(0)
    k, bounds = nodes - 1, []
    for theta in map(mpmath.mpf, spectral.STRIP_HALF_WIDTHS):
        eta = mpmath.asinh(theta / reach)
        rho = mpmath.exp(eta)
        tail = 4 * rho**-k / (rho - 1)
        bounds.append(
            max(
                min(M * tail, dM * theta * mpmath.coth(eta) * tail / (k + 1))
                for M, dM in (largest(name, theta, *sizes) for name in names)
            )
        )
    return min(bounds)


def half_width(axis, points):
    starts = range(0, len(axis), points)
    return max(mpmath.mpf(axis[min(k + points, len(axis)) - 1]) - mpmath.mpf(axis[k]) for k in starts) / 2


def bound(way, plane, s, t, names):
    """The bound of a Chosen way."""
    p, q, r = (mpmath.mpf(size) for size in np.abs(plane).max(axis=1))
    far_s, far_t = np.abs(s).max(), np.abs(t).max()
    sizes = q, r, p + q * far_s + r * far_t
    along_s, along_t, _ = way.interpolation
    leb_s, leb_t = lebesgue(along_s.nodes), lebesgue(along_t.nodes)
    total = error(along_s.nodes, q * half_width(s, along_s.points), names, *sizes)
    total += leb_s * error(along_t.nodes, r * half_width(t, along_t.points), names, *sizes)
    if along_s.across:
        across = error(along_s.across, q * half_width(s, len(s)), names, *sizes)
        across += lebesgue(along_s.across) * error(along_t.across, r * half_width(t, len(t)), names, *sizes)
        total += leb_s * leb_t * across
    if way.line:
        corners = np.stack(np.meshgrid(1.0, [s.min(), s.max()], [t.min(), t.max()])).reshape(3, -1)
        reach = mpmath.mpf(np.abs(way.line.direction @ corners).max())
        grown = 1 + mpmath.pi / reach
        compressing = error(way.line.nodes, reach, names, q * grown, r * grown, sizes[2])
        total = lebesgue(way.line.nodes) * total + compressing
    return total


@pytest.mark.parametrize("seed", range(54))
def test_bound(seed):
    way, *data = problem(seed)
    assert way.plan.method == "spectral"
    assert (way.line is not None) == (KINDS[seed % 3] == "line")
    want = bound(way, *data)
    assert want * (1 - 1e-9) <= way.plan.bound <= want * 1.2


def test_problems_are_of_every_kind():
    ways = [problem(seed)[0] for seed in range(54)]
    two_steps = [way.interpolation.s.across > 0 for way in ways]
    assert sum(two_steps) >= 10
    assert sum(not steps for steps in two_steps) >= 10
    assert sum(way.line is not None for way in ways) >= 10


@pytest.mark.parametrize("theta", spectral.STRIP_HALF_WIDTHS)
def test_magnitudes_hold_all_along_the_strip(theta):
    """Of what is not linear: softplus itself, and the error for a label."""
    x = np.linspace(-8, 8, 4001)
    z = x + 1j * theta
    p = 1 / (1 + np.exp(-z))
    dp = p * (1 - p)
    values = {
        "loss": (np.log1p(np.exp(z)), p),
        "mse": ((p - 1) ** 2 - 1, 2 * (p - 1) * dp),
        "gradient": (p, dp),
        "hessian": (dp, dp * (1 - 2 * p)),
    }
    sizes = spectral.Sizes(0.0, 1.0, 1.0, 8.0)
    for quantity, of_strip in values.items():
        for value, most in zip(of_strip, spectral.bounds_in_strip(quantity, "bce", sizes, theta), strict=True):
            assert np.abs(value).max() <= most * (1 + 1e-12)


def test_an_error_that_the_bound_just_holds():
    """It isn't much larger than the error: one sample, few nodes."""
    one, s = np.ones(1), np.linspace(-1e-4, 1e-4, 65)
    plane = 0 * one, one, 0 * one
    surface = surface_on_plane(LogitPlane(*plane), one, s, np.zeros(1), method="spectral", tol=9.4e-9)
    errors = [abs(value - loss_at(plane, one, at, 0.0)) for at, value in zip(s, surface.loss[0], strict=True)]
    assert 0.1 * surface.plan.bound < max(errors) <= surface.plan.bound


@pytest.mark.parametrize("off", [1e-12, 1e-9])
@pytest.mark.parametrize("k", range(3))
def test_one_sample_off_a_line(k, off):
    q = np.linspace(-1, 1, 3000)
    plane = np.array([q, 2 * q, 3 * q])
    s = np.linspace(-2, 3, 400)
    samples = ArraySamples(tuple(plane), np.ones(3000), None, like=None)
    line = compression.line_through(summary_of(samples), s, s, Asked(("loss",), "bce"), 5e-13)
    assert compression.is_on(samples, line, summary_of(samples), s, s)
    plane[k, 1234] += off
    assert not compression.is_on(samples, line, summary_of(samples), s, s)


def test_far_and_steep_is_direct():
    """Where squares of slopes are no numbers there is no bound."""
    one = np.ones(3)
    plane = LogitPlane(0 * one, 1e160 * np.array([-1.0, 0.5, 1.0]), one)
    axis = np.linspace(-1, 1, 70)
    surface = surface_on_plane(plane, 0 * one, axis / 1e160, axis, quantities=("loss", "hessian"), method="spectral")
    assert surface.plan.method == "direct"
    assert not np.isnan(surface.hessian).any()
    assert surface.loss[3, 5] == pytest.approx(loss_at(plane, 0 * one, axis[5] / 1e160, axis[3]), rel=1e-12)
