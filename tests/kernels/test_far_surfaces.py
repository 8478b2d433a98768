"""The promise of interpolated surfaces, (tol + 4 u C) max(1, max|quantity|), wherever the window lies."""

import numpy as np
import pytest

from kernels import LogitPlane, loss_surface, surface_on_plane
from tests.oracle import UNIT_ROUNDOFF, spectral_tolerance

pytestmark = pytest.mark.usefixtures("graphs")

BACKENDS = ("numba", "torch", pytest.param("torch", marks=pytest.mark.long, id="torch compiled"))
QUANTITIES = (("loss",), ("loss",), ("gradient",), ("hessian",), ("loss", "mse"), ("loss", "gradient"))
POINTS = 2000  # of a surface that are compared


def test_a_window_where_all_samples_are_right():
    x = np.random.default_rng(0).uniform(0, 1, 200_000)
    w, b = np.linspace(0, 5, 300), np.linspace(1e6, 1e6 + 5, 300)
    assert loss_surface(x, np.ones(200_000), w, b, method="spectral").max() == 0
    assert loss_surface(-x, np.zeros(200_000), w, -b, method="spectral").max() == 0


@pytest.mark.parametrize("names", [("loss",), ("loss", "mse"), ("loss", "gradient")], ids=" and ".join)
@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_that_are_rounded(names, backend):
    x, w, t = np.array([0.2, 1, 0.2]), np.array([0.5, 0.1, 0.5]), np.linspace(1e5, 1e5 + 1, 65)
    options = {"quantities": names, "sample_weight": w, "method": "spectral", "tol": 1e-13, "backend": backend}
    surface = surface_on_plane(LogitPlane(0 * x, x, 0 * x + 1), np.ones(3), [2.0], t, **options)
    assert surface.plan.method == "spectral"
    assert surface.loss.max() < 1e-300


def make_problem(rng):
    """A plane, labels, weights and a window up to 1e9 from the origin: samples of one feature, others on a line, any,
    and such as cancel the distance of the window."""
    few = int(rng.choice([1, 2, 3, 20]))
    copies = int(rng.choice([1, 700])) // few + 1
    x = (
        rng.choice([-1.0, -0.999, 0.998, 1.0], few)
        if rng.integers(4) == 0
        else rng.uniform(rng.choice([-1, 0]), 1, few)
    )
    x = np.tile(x, copies)
    far = rng.choice([-1, 0, 1, 1], 2) * 10 ** rng.uniform(0, 9, 2)
    kind = rng.choice(["feature", "feature", "line", "any", "cancelling"])
    a, b, c, d = rng.normal(size=4)
    p, q, r = {
        "feature": (0 * x, x, 0 * x + 1),
        "any": rng.uniform(-1, 1, (3, len(x))),
    }.get(kind, (a + b * x, x, c + d * x))
    if kind == "cancelling":
        p = rng.choice([0, a]) - far[0] * q - far[1] * r
    s, t = (start + np.linspace(0, 10 ** rng.uniform(-2, 1.7), rng.choice([33, 65, 150])) for start in far)
    right = (p + s.mean() * q + t.mean() * r > 0) * 1.0
    labels = right, right, 0 * x, 0 * x + 1, rng.integers(0, 2, len(x)) * 1.0, rng.uniform(0, 1, len(x))
    weights = None, rng.exponential(size=len(x)), 10 ** rng.uniform(-9, 0, len(x))
    return (p, q, r), labels[rng.integers(6)], weights[rng.integers(3)], s, t


def truth(plane, y, weight, s, t, name):
    """Components of a quantity (k, points) at points (s, t), in 80 bits."""
    wide = np.longdouble
    (p, q, r), y, weight = (np.asarray(v, wide) for v in (plane, y, weight))
    z = p + np.asarray(s, wide)[:, None] * q + np.asarray(t, wide)[:, None] * r
    small = np.exp(-np.abs(z))
    one, other = 1 / (1 + small), small / (1 + small)
    is_1, is_0 = np.where(z > 0, one, other), np.where(z > 0, other, one)
    error = (1 - y) * is_1 - y * is_0
    log = np.log1p(small)
    terms = {
        "loss": [y * (np.maximum(-z, 0) + log) + (1 - y) * (np.maximum(z, 0) + log)],
        "mse": [error**2],
        "gradient": [error * q, error * r],
        "hessian": [is_1 * is_0 * v for v in (q * q, q * r, r * r)],
    }[name]
    return np.array([(term * weight).sum(axis=-1) for term in terms])


def worst(seed, backend, pos_weight=False):
    """The largest error of a random surface in units of what is promised; 0 where it isn't interpolated."""
    rng = np.random.default_rng([31, seed])
    plane, y, weight, s, t = make_problem(rng)
    names, tol = QUANTITIES[rng.integers(6)], float(rng.choice([1e-13, 1e-12, 1e-8]))
    g = float(10 ** rng.uniform(-2, 6)) if pos_weight else None
    options = {"quantities": names, "sample_weight": weight, "pos_weight": g, "tol": tol, "backend": backend}
    surface = surface_on_plane(LogitPlane(*plane), y, s, t, method="spectral", **options)
    if surface.plan.method == "direct":
        return 0.0
    share = np.ones(len(y)) / len(y) if weight is None else weight / weight.sum()
    row, column = np.unravel_index(rng.permutation(len(s) * len(t))[: POINTS // len(y) + 20], (len(t), len(s)))
    ratios = []
    for name in names:
        got = getattr(surface, name)
        of_class = g is not None and name != "mse"
        labels = g * y / (1 - y + g * y) if of_class else y
        want = truth(plane, labels, share * (1 - y + g * y) if of_class else share, s[column], t[row], name)
        allowed = spectral_tolerance(got, plane, s, t, tol)
        assert np.isfinite(got).all()
        ratios.append(float(np.abs(got.reshape(-1, len(t), len(s))[:, row, column] - want).max() / allowed))
    return max(ratios)


@pytest.mark.parametrize("seed", range(40))
def test_random_windows(seed):
    assert worst(seed, "numba") <= 1
    assert worst(seed, "numba", pos_weight=True) <= 1


@pytest.mark.long
@pytest.mark.parametrize("pos_weight", [False, True])
@pytest.mark.parametrize(("backend", "count"), [("numba", 2000), ("torch", 400)])
def test_many_random_windows(backend, count, pos_weight):
    ratios = np.array([worst(seed, backend, pos_weight) for seed in range(40, 40 + count)])
    assert (ratios > 0).mean() > 0.4
    assert ratios.max() <= 1, f"seed {40 + ratios.argmax()}: {ratios.max()}"


@pytest.mark.parametrize("backend", BACKENDS)
def test_equal_samples(backend):
    """A line without a length."""
    ones, axis = np.ones(700), np.linspace(-2, 2, 40)
    plane = LogitPlane(0.1 * ones, 0.2 * ones, 0.3 * ones)
    surface = surface_on_plane(plane, ones, axis, axis, method="spectral", backend=backend)
    assert "compressed" in surface.plan.reason
    want = np.logaddexp(0, -(0.1 + 0.2 * axis + 0.3 * axis[:, None]))
    np.testing.assert_allclose(surface.loss, want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("pos_weight", [1.0, 1e6])
@pytest.mark.parametrize("reach", [3.0, 10.0, 30.0, 45.0])
def test_samples_right_on_both_sides(reach, pos_weight):
    """Large logits of both signs, and hardly a loss: nodes cancel, where samples are compressed at all."""
    x = np.repeat([-1.0, 0.9987, -0.9991, 0.998], 200)
    plane, y = (0 * x, x, 0 * x), (x > 0) * 1.0
    s, t = reach + np.linspace(0, 1, 65), np.zeros(65)
    for tol in (1e-13, 1e-12, 1e-8):
        loss = surface_on_plane(LogitPlane(*plane), y, s, t, pos_weight=pos_weight, method="spectral", tol=tol).loss[0]
        want = truth(plane, y, (1 - y + pos_weight * y) / len(y), s, t, "loss")[0]
        assert np.abs(loss - want).max() <= (tol + 4 * UNIT_ROUNDOFF * s.max()) * max(1, loss.max())
