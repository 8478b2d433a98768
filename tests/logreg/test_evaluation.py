"""Direct evaluation where interpolation is too coarse, and the penalty."""

import numpy as np
import pytest
import torch

from kernels import LogitPlane, logit_plane, reference, surface_on_plane
from logreg import evaluation
from logreg.directions import Plane
from logreg.evaluation import add_penalty, bands, evaluate, logits_on, size_of_quantity
from logreg.samples import read_samples
from tests import oracle


@pytest.fixture(scope="module")
def valley():
    """A separable plane whose losses go down to 1e-26, and so many samples that it is interpolated."""
    rng = np.random.default_rng(1)
    q, r = rng.uniform(2, 3, 500), rng.normal(size=500) / 8
    y = (np.arange(500) % 2).astype(float)
    s, t = np.linspace(-2, 20, 2000), np.linspace(-3, 3, 200)
    return LogitPlane(np.zeros(500), np.where(y > 0, q, -q), r), y, s, t


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_are_those_of_the_kernels(dtype):
    rng = np.random.default_rng(0)
    x, vectors = rng.normal(size=(2**13, 70)).astype(dtype), rng.normal(size=(3, 71))
    got = logits_on(Plane(*vectors, ("", "")), read_samples((x, x[:, 0] > 0)))
    np.testing.assert_allclose(got, logit_plane(x.astype(np.float64), *vectors), rtol=0, atol=1e-12)
    assert all(field.dtype == np.float64 for field in got)


@pytest.mark.parametrize("name", ["center", "s_direction", "t_direction"])
def test_planes_that_are_not_finite_are_named(name):
    plane = Plane(np.ones(3), np.ones(3), np.ones(3), ("", ""))._replace(**{name: np.array([0, np.nan, 1])})
    with pytest.raises(ValueError, match=rf"^{name}\[1\] is nan; accepted: finite values"):
        logits_on(plane, read_samples((np.ones((4, 2)), np.ones(4))))


@pytest.mark.parametrize("quantity", ["loss", "mse", "gradient", "hessian"])
def test_faint_cells_are_direct(quantity, valley):
    plane, y, s, t = valley
    interpolated = surface_on_plane(*valley, quantities=(quantity,))
    assert interpolated.plan.method == "spectral"
    surface = evaluate(*valley, (quantity,))
    assert surface.plan == interpolated.plan
    values = getattr(surface, quantity)
    direct = getattr(surface_on_plane(*valley, quantities=(quantity,), method="direct"), quantity)
    size = size_of_quantity(quantity, direct)
    largest = max(1.0, np.abs(direct).max())
    faint = size < 1e-10 * largest
    assert 0.1 < faint.mean() < 0.9
    np.testing.assert_allclose(values[..., faint], direct[..., faint], rtol=1e-12)
    assert not np.array_equal(values, direct)
    assert np.abs(values - direct).max() < 1e-11 * largest
    assert (np.abs(values - direct) <= 2e-3 * size).all()
    corner = values[..., :60, -60:]
    oracle.assert_surface_close(corner, plane, y, s[-60:], t[:60], quantity, cells=8)


def test_the_smaller_eigenvalue_of_a_hessian_decides_what_is_faint():
    """Along neither axis, and 1e-14 of the larger one: a condition number of interpolated values is noise."""
    rng = np.random.default_rng(2)
    steep, flat = rng.choice([-2.0, 2.0], 500), rng.choice([-2e-7, 2e-7], 500)
    data = LogitPlane(np.zeros(500), 0.6 * steep - 0.8 * flat, 0.8 * steep + 0.6 * flat)
    y, s, t = rng.random(500).round(), np.linspace(-1, 1, 300), np.linspace(-1, 1, 200)
    surface = evaluate(data, y, s, t, ("hessian",))
    assert surface.plan.method == "spectral"
    direct = surface_on_plane(data, y, s[::50], t[::50], quantities=("hessian",), method="direct").hessian
    ours, wanted = (np.linalg.eigvalsh(h[[[0, 1], [1, 2]]].T) for h in (surface.hessian[:, ::50, ::50], direct))
    np.testing.assert_allclose(ours[..., 1] / ours[..., 0], wanted[..., 1] / wanted[..., 0], rtol=1e-2)


def test_several_quantities_and_accuracy(valley):
    names = ("accuracy", "loss", "hessian")
    together = evaluate(*valley, names)
    for name in names:
        alone = getattr(evaluate(*valley, (name,)), name)
        np.testing.assert_allclose(getattr(together, name), alone, rtol=1e-5, atol=1e-11 * (name == "hessian"))
    assert together.mse is together.gradient is None


def test_what_is_direct_is_left_alone(monkeypatch):
    calls = []

    def counted(*arguments, **options):
        calls.append(options)
        return surface_on_plane(*arguments, **options)

    monkeypatch.setattr(evaluation, "surface_on_plane", counted)
    x = np.linspace(-1, 1, 9)
    evaluate(LogitPlane(np.zeros(9), x, np.ones(9)), x > 0, np.arange(5.0), np.arange(3.0), ("loss",))
    own = {"loss": "bce", "sample_weight": None, "pos_weight": None}
    assert calls == [{"quantities": ("loss",), "method": "auto", **own}]


@pytest.mark.parametrize("rows", [1, 64, 65, 200])
def test_bands_hold_what_is_true(rows):
    rng = np.random.default_rng(rows)
    mask = rng.random((rows, 50)) < 0.02
    covered = np.zeros_like(mask)
    for part in bands(mask):
        covered[part] = True
        assert mask[part].any()
    assert covered[mask].all()
    assert list(bands(np.zeros((rows, 3), bool))) == []


def penalised(X, y, plane, s, t, l2):
    """Loss, gradient and Hessian at (s, t) by autograd of the penalised loss."""
    center, along_s, along_t = (torch.from_numpy(vector) for vector in plane[:3])

    def loss(st):
        theta = center + st[0] * along_s + st[1] * along_t
        bce = reference.linear_bce(torch.from_numpy(X), theta[:-1], theta[-1:], torch.from_numpy(y))
        return bce + l2[0] / 2 * theta[:-1].square().sum() + l2[1] / 2 * theta[-1].square()

    at = torch.tensor([s, t], dtype=torch.float64)
    gradient = torch.autograd.functional.jacobian(loss, at).numpy()
    return loss(at).item(), gradient, torch.autograd.functional.hessian(loss, at).numpy()[[0, 0, 1], [0, 1, 1]]


@pytest.mark.parametrize("d", [1, 2, 3, 30])
@pytest.mark.parametrize(("l2", "l2_bias"), [(0.0, 0.0), (0.25, 0.0), (1e3, 0.0), (0.5, 0.5), (0.0, 3.0)])
def test_penalty_against_autograd(d, l2, l2_bias):
    rng = np.random.default_rng(d)
    X, y = rng.normal(size=(40, d)), rng.random(40).round()
    plane = Plane(*rng.normal(size=(3, d + 1)), ("s", "t"))
    s, t = np.array([-3.0, 0.0, 0.7, 5.0]), np.array([-1.0, 0.0, 2.5])
    surface = surface_on_plane(logit_plane(X, *plane[:3]), y, s, t, quantities=("loss", "mse", "gradient", "hessian"))
    mse = surface.mse.copy()
    add_penalty(surface, (l2, l2_bias), plane)
    np.testing.assert_array_equal(surface.mse, mse)
    for j, i in np.ndindex(3, 4):
        loss, gradient, hessian = penalised(X, y, plane, s[i], t[j], (l2, l2_bias))
        np.testing.assert_allclose(surface.loss[j, i], loss, rtol=1e-12)
        np.testing.assert_allclose(surface.gradient[:, j, i], gradient, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(surface.hessian[:, j, i], hessian, rtol=1e-10, atol=1e-12)
