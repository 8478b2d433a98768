"""`LossSurface.compute` and `around` with weights of samples and of the positive class."""

import numpy as np
import pytest

from kernels import LogitPlane, surface_on_plane
from kernels.arguments.grids import QUANTITIES
from logreg import LogisticRegression, LossSurface
from logreg.classes import Weights
from logreg.curvature import MeanLoss, hessian
from logreg.samples import Batch, read_samples

RNG = np.random.default_rng(8)
X, WEIGHT = RNG.normal(size=(60, 2)), RNG.exponential(size=60)
Y = (X[:, 0] + RNG.normal(size=60) > 0) * 1.0
WEIGHTS = {"sample_weight": WEIGHT, "pos_weight": 3.0}


def test_compute():
    x = X[:, 0]
    options = {"w_range": 5, "b_range": (-1, 3), "resolution": (4, 5)}
    got = LossSurface.compute((x, Y), **options, **WEIGHTS)
    plane = LogitPlane(0 * x, x, 0 * x + 1)
    want = surface_on_plane(plane, Y, got.w, got.b, quantities=("loss", "mse"), **WEIGHTS)
    np.testing.assert_array_equal(got.Z, want.loss)
    squared = LossSurface.compute((x, Y), **options, loss="mse", sample_weight=WEIGHT)
    np.testing.assert_allclose(squared.Z, want.mse, rtol=1e-14)
    with pytest.raises(ValueError, match=r"pos_weight is 3\.0; accepted: None, as loss 'mse' has no positive part"):
        LossSurface.compute((x, Y), **options, loss="mse", pos_weight=3.0)


def test_around():
    """Every quantity, a penalty, and directions by the weighted loss."""
    model, theta = LogisticRegression(2).double(), np.array([0.3, -0.2, 0.1])
    for parameter, value in zip(model.parameters(), (theta[:2], theta[2:]), strict=True):
        parameter.data.copy_(parameter.new_tensor(value).reshape(parameter.shape))
    options = {"directions": "hessian", "extent": 2, "resolution": 5, "quantities": tuple(QUANTITIES), "l2": 0.1}
    got = LossSurface.around(model, (X, Y), **options, **WEIGHTS)
    share = WEIGHT * (1 + 2 * Y) / WEIGHT.sum()
    rows = np.column_stack([X, np.ones(60)])
    p = 1 / (1 + np.exp(-rows @ theta))
    curvature = (rows.T * (share * p * (1 - p))) @ rows + 0.1 * np.diag([1, 1, 0])
    mean = MeanLoss("bce", Weights(WEIGHT), 3.0, WEIGHT.sum())
    found = hessian(read_samples((X, Y)), theta, (0.1, 0.0), mean)
    np.testing.assert_allclose(found, curvature, rtol=1e-13)
    s_direction, t_direction = np.linalg.eigh(curvature)[1].T[:0:-1]
    np.testing.assert_allclose(np.abs(got.plane.s_direction), np.abs(s_direction), rtol=1e-9)
    np.testing.assert_allclose(np.abs(got.plane.t_direction), np.abs(t_direction), rtol=1e-9)
    at = theta + got.s[1] * got.plane.s_direction + got.t[3] * got.plane.t_direction
    z = rows @ at
    loss = share @ (Y * np.logaddexp(0, -z) + (1 - Y) * np.logaddexp(0, z)) + 0.05 * (at[:2] ** 2).sum()
    assert got.loss[3, 1] == pytest.approx(loss, rel=1e-12)
    assert got.accuracy[3, 1] == pytest.approx(np.average((z > 0) == (Y > 0.5), weights=WEIGHT))
    assert got.mse[3, 1] == pytest.approx(np.average((1 / (1 + np.exp(-z)) - Y) ** 2, weights=WEIGHT))


def test_shares_where_products_of_weights_overflow():
    batch = Batch(slice(2), np.ones((2, 1)), np.array([1.0, 0.0]))
    labels, share = MeanLoss("bce", Weights(np.full(2, 1.9)), 1e308, 3.8).labels_and_shares(batch)
    assert labels.tolist() == [1, 0]
    np.testing.assert_allclose(share, [0.5e308, 0.5], rtol=1e-15)


@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e307])
def test_directions_by_weights_of_any_size(size):
    model = LogisticRegression(2).double()
    settings = {"directions": "hessian", "extent": 2, "resolution": 3}
    weight = np.where(Y > 0.5, size, 0 * size)
    got = LossSurface.around(model, (X, Y), **settings, sample_weight=weight)
    want = LossSurface.around(model, (X[Y > 0.5], Y[Y > 0.5]), **settings)
    np.testing.assert_allclose(got.plane[1:3], want.plane[1:3], atol=1e-12)
    np.testing.assert_allclose(got.loss, want.loss, rtol=1e-12)


def test_faint_losses():
    """Evaluated directly with the same weights."""
    x = np.linspace(0.5, 1, 3000)
    options = {"w_range": (0, 30), "b_range": (0, 30), "resolution": 300}
    got = LossSurface.compute((x, np.ones(3000)), **options, loss="bce", pos_weight=0.5)
    want = np.logaddexp(0, -(got.w[:, None] * x + got.b[200])).mean(axis=1) / 2
    np.testing.assert_allclose(got.Z[200], want, rtol=1e-2)
    with pytest.raises(ValueError, match="sample_weight has shape"):
        LossSurface.compute((x, np.ones(3000)), **options, sample_weight=np.ones(3))
