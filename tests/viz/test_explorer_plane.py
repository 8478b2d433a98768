"""The explorer on a plane of many parameters: all are trained, and the path is what the plane shows of it."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from kernels import sgd_run_
from logreg import LossSurface
from viz import explore

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def pictures_when_asked_for(monkeypatch):
    monkeypatch.setattr(FigureCanvasAgg, "draw_idle", lambda canvas: None)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4))
    return X, (X @ (2, -1, 0.5, 0) + rng.logistic(size=90) > 0.3) * 1.0


@pytest.fixture(scope="module")
def surface(data):
    """Of directions that are neither of length 1 nor at right angles."""
    directions = np.random.default_rng(1).normal(size=(2, 5))
    return LossSurface.around(np.array([1, -1, 0, 0, 0.5]), data, directions=directions, extent=(-2, 3), resolution=11)


@pytest.fixture
def explorer(data, surface):
    return explore(data, surface, start=(2, -1))


def theta_of(surface, s, t):
    plane = surface.plane
    return plane.center + s * plane.s_direction + t * plane.t_direction


@pytest.mark.parametrize(
    "changes", [{}, {"loss": "mse"}, {"momentum": 0.8, "lr": 2}, {"shuffle_seed": 1, "start": (0, 3)}]
)
def test_all_parameters_are_trained_and_the_path_is_projected(changes, explorer, data, surface):
    explorer.set(**changes)
    theta = theta_of(surface, *changes.get("start", (2, -1)))
    w, b = theta[:-1].copy(), theta[-1:].copy()
    options = {"lr": 0.5, "batch_size": 32, "epochs": 30} | {k: v for k, v in changes.items() if k != "start"}
    run = sgd_run_(*data, w, b, **options)
    want = np.vstack([theta, np.column_stack([run.w, run.b])])
    np.testing.assert_array_equal(explorer.run.theta, want)
    path = explorer.surface.path.get_xydata()
    np.testing.assert_allclose(path[0], changes.get("start", (2, -1)), atol=1e-12)
    for point, theta in zip(path, want, strict=True):
        projected = surface.project(theta)
        np.testing.assert_allclose(point, (projected.s[0], projected.t[0]), atol=1e-10)


@pytest.mark.parametrize("corner", [(-2, -2), (-2, 3), (3, -2), (3, 3)])
def test_a_start_in_a_corner_is_in_the_window(corner, explorer):
    explorer.set(start=corner)
    np.testing.assert_array_equal(explorer.surface.start.get_xydata(), [corner])
    assert "The start is outside the window." not in explorer.words


@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_the_surface_is_that_of_the_plane(loss, explorer, data, surface):
    explorer.set(loss=loss)
    grid, (X, y) = explorer.grids[loss], data
    for row, column in ((0, 0), (50, 120), (199, 199)):
        theta = theta_of(surface, grid.s[column], grid.t[row])
        z = X @ theta[:-1] + theta[-1]
        p = 0.5 * (1 + np.tanh(z / 2))
        want = ((p - y) ** 2 if loss == "mse" else np.logaddexp(0, z) - y * z).mean()
        np.testing.assert_allclose(grid.Z[row, column], want, rtol=1e-9)
    assert (grid.s[0], grid.s[-1], grid.t[0], grid.t[-1]) == (-2, 3, -2, 3)


def test_samples_are_where_their_logits_are(explorer, data):
    X, y = data
    for k in (0, 30, 90):
        explorer.show_step(k)
        theta = explorer.run.theta[k]
        z = X @ theta[:-1] + theta[-1]
        at = np.clip(z, -12, 12)
        for points, one in zip(explorer.data.points, (False, True), strict=True):
            np.testing.assert_allclose(points.get_xdata(), at[(y > 0.5) == one], atol=1e-12)
            assert np.abs(points.get_ydata() - one).max() <= 0.08
        assert len(explorer.data.wrong.get_xdata()) == np.count_nonzero((z > 0) != (y > 0.5))
        assert f"s = {explorer.run.s[k]:.3f}, t = {explorer.run.t[k]:.3f}" in explorer.words[0]


def test_a_plane_of_other_parameters_is_refused(data, surface):
    X, y = data
    message = r"surface.plane.center has shape \(5,\); accepted: \(d \+ 1,\) = \(4,\), as data has"
    with pytest.raises(ValueError, match=message):
        explore((X[:, :3], y), surface)
    with pytest.raises(ValueError, match="surface has a penalty, l2 or l2_bias; accepted: one of the loss alone"):
        explore(data, LossSurface.around(np.ones(5), data, l2=0.1, resolution=2))
    assert plt.get_fignums() == []
