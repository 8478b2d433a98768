"""The lab's problem in NumPy, and a watch on every test: no `plt.show`, no change of `rcParams`, figures closed."""

from types import SimpleNamespace
from typing import NamedTuple

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

matplotlib.use("Agg")


class Minimum(NamedTuple):
    w: float
    b: float
    loss: float


@pytest.fixture(autouse=True)
def well_mannered(monkeypatch):
    def show(*args, **kwargs):
        raise AssertionError("plt.show was called")

    monkeypatch.setattr(plt, "show", show)
    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture
def data():
    """`x (20, 1)` and `y (20, 1)`; 7 of the labels are 1."""
    x = np.arange(-10, 10)[:, None] / 10
    return x, (x > 0.2).astype(float)


@pytest.fixture
def mean_loss(data):
    """The loss over all the data at `w` and `b`, in their shape."""
    x, y = (values.ravel() for values in data)

    def mean_loss(w, b, loss="bce"):
        z = np.multiply.outer(w, x) + np.asarray(b)[..., None]
        if loss == "bce":
            return np.logaddexp(0, (1 - 2 * y) * z).mean(axis=-1)
        return ((0.5 * (1 + np.tanh(z / 2)) - y) ** 2).mean(axis=-1)

    return mean_loss


@pytest.fixture
def surface_of(mean_loss):
    """Makes the surface of one loss over two axes."""

    def surface_of(loss="bce", w=(-15, 15), b=(-13, 13), shape=(90, 100)):
        w, b = np.linspace(*w, shape[1]), np.linspace(*b, shape[0])
        Z = mean_loss(*np.meshgrid(w, b), loss)
        row, column = np.unravel_index(Z.argmin(), Z.shape)
        return SimpleNamespace(w=w, b=b, Z=Z, loss=loss, minimum=Minimum(w[column], b[row], Z[row, column]))

    return surface_of


@pytest.fixture
def surface(surface_of):
    return surface_of()


@pytest.fixture
def history_of(data, mean_loss):
    """Runs the lab's training, learning rate 2 and batches of 3 in order, from a start."""

    def history_of(w=5.0, b=10.0, epochs=100):
        x, y = (values.ravel() for values in data)
        path, losses = [(w, b)], []
        for first in list(range(0, 20, 3)) * epochs:
            batch = slice(first, first + 3)
            z = w * x[batch] + b
            losses.append(np.logaddexp(0, (1 - 2 * y[batch]) * z).mean())
            error = 0.5 * (1 + np.tanh(z / 2)) - y[batch]
            w, b = w - 2 * np.mean(error * x[batch]), b - 2 * np.mean(error)
            path.append((w, b))
        ws, bs = np.transpose(path)
        return SimpleNamespace(
            w=ws[1:, None],
            b=bs[1:],
            loss=np.array(losses),
            start_w=ws[:1],
            start_b=bs[0],
            steps_per_epoch=7,
            start_loss=mean_loss(*path[0]),
            full_loss=lambda: mean_loss(ws, bs)[1:],
        )

    return history_of


@pytest.fixture
def history(history_of):
    return history_of(epochs=20)


@pytest.fixture
def straight_path():
    """Makes a history that visits `points (steps + 1, 2)` at a loss of 1."""

    def straight_path(points):
        w, b = np.array(points, dtype=float).T
        full_loss = np.ones(len(w) - 1)
        start = {"start_w": w[:1], "start_b": b[0], "start_loss": 1.0}
        return SimpleNamespace(w=w[1:, None], b=b[1:], **start, steps_per_epoch=1, full_loss=lambda: full_loss)

    return straight_path
