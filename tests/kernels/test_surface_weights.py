"""Weights of the samples of a surface, of any size; that of the positive class; slopes and sums near overflow."""

import mpmath
import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from kernels import LogitPlane, loss_surface, plan_surface, surface_on_plane
from kernels.arguments.grids import QUANTITIES

pytestmark = pytest.mark.usefixtures("graphs")

RNG = np.random.default_rng(3)
N = 20
PLANE = RNG.normal(size=(3, N))
HARD, SOFT = (PLANE[0] > 0) * 1.0, RNG.uniform(0, 1, N)
WEIGHT = RNG.exponential(size=N)
S, T = np.linspace(-1, 2, 5), np.linspace(-2, 1, 4)
BACKENDS = ("numba", "torch", pytest.param("torch", marks=pytest.mark.long, id="torch compiled"), "reference")
FEW = ("loss", "hessian")  # each quantity takes a graph


def quantities_of(backend):
    return FEW if backend == "torch" else tuple(QUANTITIES)


def evaluate(plane=PLANE, y=HARD, s=S, t=T, **options):
    return surface_on_plane(LogitPlane(*plane), y, s, t, **options)


def assert_equal(got, want, names, **tolerance):
    for name in names:
        np.testing.assert_allclose(getattr(got, name), getattr(want, name), **tolerance)


def assert_equal_up_to_rounding(got, want, names):
    """Of the Hessian's entry st, whose terms cancel, the error is by what bounds their sum (Cauchy and Schwarz)."""
    for name in names:
        found, expected = getattr(got, name), getattr(want, name)
        sizes = np.abs(expected)
        if name == "hessian":
            sizes[1] = np.sqrt(sizes[0]) * np.sqrt(sizes[2])
        assert (np.abs(found - expected) <= 1e-14 * sizes + 1e-300).all(), name


# Sizes of weights, sums and slopes


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [1e-320, 5e-324, 1e307, 1e300])
def test_equal_weights_of_any_size(size, backend):
    options = {"quantities": quantities_of(backend), "backend": backend}
    for plane in (PLANE, 1e7 * PLANE):
        got = evaluate(plane, sample_weight=np.full(N, size), **options)
        assert_equal_up_to_rounding(got, evaluate(plane, **options), options["quantities"])
    assert loss_surface(PLANE[0], HARD, S, T, sample_weight=np.full(N, size), backend=backend) == pytest.approx(
        loss_surface(PLANE[0], HARD, S, T, backend=backend), rel=1e-14
    )


@pytest.mark.parametrize("size", [2.0**-1000, 2.0**1000])
def test_weights_of_any_size_where_samples_are_compressed(size):
    x = np.linspace(-1, 1, 3000)
    weight, axis = np.tile([1.0, 3.0, 2.0], 1000), np.linspace(-3, 3, 200)
    options = {"s": axis, "t": axis, "quantities": ("loss", "mse", "accuracy"), "method": "spectral"}
    got, want = (evaluate((0 * x, x, 0 * x + 1), x > 0.2, sample_weight=w, **options) for w in (size * weight, weight))
    assert "compressed" in got.plan.reason
    assert_equal(got, want, options["quantities"], rtol=0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
def test_sums_that_overflow_where_means_do_not(weight, backend):
    got = loss_surface(np.full(N, 1e307), np.zeros(N), [1.0, -1.0], [0.0], sample_weight=weight, backend=backend)
    np.testing.assert_allclose(got, [[1e307, 0]], rtol=1e-14, atol=1e-307)


@pytest.mark.parametrize("backend", ["numba", "reference"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
def test_derivatives_whose_sums_overflow(weight, backend):
    ones = np.ones(N)
    options = {"quantities": ("gradient", "hessian", "mse", "accuracy"), "sample_weight": weight, "backend": backend}
    got = evaluate((0 * ones, 1e308 * ones, 1e154 * ones), 0 * ones, [0.0], [0.0], **options)
    np.testing.assert_allclose(got.gradient.ravel(), [5e307, 5e153], rtol=1e-14)
    np.testing.assert_allclose(got.hessian.ravel(), [np.inf, np.inf, 2.5e307], rtol=1e-14)
    assert (got.mse.item(), got.accuracy.item()) == pytest.approx((0.25, 1))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("q", [1e155, 1e160, 1e300])
def test_saturated_samples_with_huge_slopes(q, backend):
    one, names = np.ones(1), ("hessian",) if backend == "torch" else ("hessian", "gradient")
    for y in (0 * one, one):
        s = 1.0 if y else -1.0
        surface = evaluate((0 * one, q * one, one), y, [s], [0.0], quantities=names, backend=backend)
        for name in names:
            np.testing.assert_allclose(getattr(surface, name), 0.0, atol=1e-300)


def test_small_curvatures_times_huge_slopes():
    """Of samples that aren't saturated enough: p (1 - p) is a denormal number, q^2 infinite."""
    one = np.ones(1)
    for z in (-720.0, -745.0):
        got = evaluate((0 * one, 1e160 * one, one), 0 * one, [z * 1e-160], [0.0], quantities="hessian").hessian[0, 0, 0]
        assert got == pytest.approx((np.exp(z / 2) * 1e160) ** 2, rel=1e-12)


# The weight of the positive class


def by_torch(s, t, y, weight, g):
    """Loss, gradient (2,) and Hessian (2, 2) at a point, by autograd."""
    p, q, r = map(torch.from_numpy, PLANE)
    labels, weights = torch.from_numpy(y), torch.ones(N).double() if weight is None else torch.from_numpy(weight)

    def loss(at):
        z = p + at[0] * q + at[1] * r
        positive = torch.tensor(g, dtype=torch.float64)
        of_each = binary_cross_entropy_with_logits(z, labels, weights, pos_weight=positive, reduction="sum")
        return of_each / weights.sum()

    at = torch.tensor([s, t])
    gradient, hessian = (f(loss, at) for f in (torch.autograd.functional.jacobian, torch.autograd.functional.hessian))
    return loss(at).item(), gradient.numpy(), hessian.numpy()[[0, 0, 1], [0, 1, 1]]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("g", [0.0, 1e-9, 0.3, 1.0, 3.0, 1e9])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("y", [HARD, SOFT], ids=["hard", "soft"])
def test_weight_of_the_positive_class(y, weight, g, backend):
    names = FEW if backend == "torch" else tuple(QUANTITIES)
    options = {"quantities": names, "sample_weight": weight, "backend": backend}
    got, without = evaluate(y=y, pos_weight=g, **options), evaluate(y=y, **options)
    for j, i in ((0, 0), (1, 3), (3, 4)):
        for name, want in zip(("loss", "gradient", "hessian"), by_torch(S[i], T[j], y, weight, g), strict=True):
            if name in names:
                np.testing.assert_allclose(getattr(got, name)[..., j, i], want, rtol=1e-12, atol=1e-13 * max(1, g))
    if backend != "torch":
        assert_equal(got, without, ("mse", "accuracy"), rtol=1e-14)


@pytest.mark.parametrize("y", [HARD, SOFT], ids=["hard", "soft"])
def test_weight_of_the_positive_class_and_float32(y):
    plane, labels = np.float32(PLANE), np.float32(y)
    options = {"pos_weight": 3, "quantities": ("loss", "mse")}
    got = evaluate(plane, labels, **options)
    want = evaluate(plane.astype(np.float64), labels.astype(np.float64), **options)
    assert got.loss.dtype == np.float32
    for name in options["quantities"]:
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name).astype(np.float32))
    one_feature = loss_surface(plane[0], labels, S, T, pos_weight=torch.tensor([3.0]))
    np.testing.assert_allclose(one_feature, loss_surface(PLANE[0], y, S, T, pos_weight=3), rtol=1e-5)


@pytest.mark.parametrize("g", [0.0, 0.1, 30.0])
def test_interpolated_with_a_weight_of_the_positive_class(g):
    """From samples on a line and not, with what has no such weight beside it."""
    rng = np.random.default_rng(1)
    axis, q = np.linspace(-2, 2, 200), rng.uniform(-1, 1, 3000)
    y, names = rng.integers(0, 2, 3000) * 1.0, ("mse", "loss", "accuracy", "gradient")
    for plane in ((0 * q, q, 0 * q + 1), (q[::-1], q, rng.uniform(-1, 1, 3000))):
        options = {"s": axis, "t": axis, "quantities": names, "pos_weight": g}
        got = evaluate(plane, y, method="spectral", **options)
        want = evaluate(plane, y, method="direct", **options)
        assert got.plan.method == "spectral"
        assert got.plan.bound <= 1e-12
        assert got.plan == plan_surface(
            LogitPlane(*plane), y, axis, axis, quantities=names, pos_weight=g, method="spectral"
        )
        assert_equal(got, want, names, rtol=0, atol=2e-12 * max(1, want.loss.max()))


@pytest.mark.parametrize("g", [1e200, 1e300, 1.7e308])
def test_huge_weights_of_the_positive_class(g):
    """No nodes keep the error that is allowed then."""
    rng = np.random.default_rng(2)
    plane, y, axis = 0.1 * rng.normal(size=(3, 20)), np.resize([0.0, 1.0], 20), np.linspace(0, 1, 65)
    options = {"s": axis, "t": axis, "pos_weight": g}
    got = evaluate(plane, y, method="spectral", tol=1e-13, **options)
    assert got.plan.method == "direct"
    assert_equal(got, evaluate(plane, y, method="direct", **options), ("loss",), rtol=0, atol=0)


@pytest.mark.parametrize("g", [10.0, 1e3, 3e5, 1e17])
def test_rounding_grows_with_the_weight_of_the_positive_class_and_no_more(g):
    """Labels between 0 and 1 put their weight into either class."""
    p, q, r = 1e3 * PLANE
    for y in (SOFT, np.full(N, 0.5), HARD):
        got = evaluate((p, q, r), y, pos_weight=g)
        for j, t in enumerate(T):
            for i, s in enumerate(S):
                z = [mpmath.fsum((p[n], mpmath.mpf(s) * q[n], mpmath.mpf(t) * r[n])) for n in range(N)]
                losses = [g * y[n] * softplus(-z[n]) + (1 - mpmath.mpf(y[n])) * softplus(z[n]) for n in range(N)]
                size = (np.abs(p) + np.abs(s * q) + np.abs(t * r)).mean()
                assert abs(got.loss[j, i] - mpmath.fsum(losses) / N) <= 1e-14 * g * (1 + size)


def softplus(z):
    return mpmath.log1p(mpmath.exp(z)) if z < 0 else z + mpmath.log1p(mpmath.exp(-z))


def test_blocks_with_a_weight_of_the_positive_class():
    parts = slice(0, 7), slice(7, N)
    blocks = [(LogitPlane(*PLANE[:, part]), HARD[part]) for part in parts]
    options = {"pos_weight": 3.0, "quantities": tuple(QUANTITIES)}
    got = surface_on_plane(blocks, None, S, T, **options)
    assert_equal(got, evaluate(**options), options["quantities"], rtol=1e-13, atol=1e-15)


def test_progress_of_two_groups_is_one():
    seen = []
    evaluate(pos_weight=2.0, quantities=("mse", "loss", "accuracy"), progress=lambda *done: seen.append(done))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {seen[-1][0]} == {3 * N * len(S) * len(T)}


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_wrong_weights_of_the_positive_class(value):
    for function in (surface_on_plane, plan_surface):
        with pytest.raises(ValueError, match=r"pos_weight is .*; accepted: a finite number >= 0"):
            function(LogitPlane(*PLANE), HARD, S, T, pos_weight=value)
    with pytest.raises(ValueError, match=r"pos_weight is .*; accepted: a finite number >= 0"):
        loss_surface(PLANE[0], HARD, S, T, pos_weight=value)
    with pytest.raises(TypeError, match="pos_weight is '3'; accepted"):
        evaluate(pos_weight="3")
