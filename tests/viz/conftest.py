"""The lab's problem in NumPy, and a watch on every test: no `plt.show`, no change of `rcParams`, figures closed."""

from types import SimpleNamespace
from typing import NamedTuple

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from viz import animate, plot_contour, plot_data, plot_epochs, plot_line, plot_rates, plot_starts, plot_surface

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


def quantities_of(p, q, r, y, s, t):
    """All quantities of logits p + s q + t r over the grid."""
    z = p + s[:, None] * q + t[:, None, None] * r
    probability = 0.5 * (1 + np.tanh(z / 2))
    correct = (z > 0) == (y > 0.5)
    error, slope = probability - y, probability * (1 - probability)
    return {
        "loss": np.logaddexp(0, (1 - 2 * y) * z).mean(-1),
        "mse": (error**2).mean(-1),
        "accuracy": correct.mean(-1),
        "balanced_accuracy": (correct[..., y > 0.5].mean(-1) + correct[..., y <= 0.5].mean(-1)) / 2,
        "gradient": np.stack([(error * v).mean(-1) for v in (q, r)]),
        "hessian": np.stack([(slope * v).mean(-1) for v in (q * q, q * r, r * r)]),
    }


@pytest.fixture
def plane_surface():
    """Noisy data of 40 samples around some model; a path of 9 steps is projected to where `projection` says."""
    rng = np.random.default_rng(0)
    p, q, r = rng.normal(size=(3, 40))
    y = (p + rng.normal(size=40) > 0).astype(float)
    s, t = np.linspace(-3, 2, 51), np.linspace(-2, 4, 41)
    plane = SimpleNamespace(
        labels=("first (60 % of variance)", "second"), s_direction=np.eye(5)[0], t_direction=np.eye(5)[1]
    )
    return SimpleNamespace(
        s=s, t=t, plane=plane, l2=0.0, **quantities_of(p, q, r, y, s, t), project=lambda history: history
    )


@pytest.fixture
def line_of():
    """Makes a line through the parameters of 30 samples, on which the loss is lowest about `lowest`."""

    def line_of(lowest=0.3, **changes):
        alpha = np.linspace(-0.5, 1.5, 201)
        p, q = np.random.default_rng(3).normal(size=(2, 30, 1))
        y = (p > 0).astype(float)
        values = quantities_of(2 * p[:, 0], 0 * p[:, 0], 3 * q[:, 0], y[:, 0], np.zeros(1), alpha - lowest)
        fields = {name: values[name][:, 0] for name in ("loss", "mse", "accuracy")}
        fields |= {"gradient": values["gradient"][1][:, 0], "hessian": values["hessian"][2][:, 0]}
        fields |= {
            "alpha": alpha,
            "label": "from model a (0) to model b (1)",
            "marks": {"model a": 0.0, "model b": 1.0},
        }
        return SimpleNamespace(**fields | {"balanced_accuracy": None, "cost": "bce"} | changes)

    return line_of


@pytest.fixture
def study_of():
    """Makes a study in the window [-2, 2] x [-1, 1]: cross-entropy succeeds after 10 steps, MSE for w > 0 only, after
    100."""

    def study_of(k=50_000, **changes):
        rng = np.random.default_rng(0)
        w, b = rng.uniform(-2, 2, k), rng.uniform(-1, 1, k)
        accuracy = {"bce": np.ones(k), "mse": np.where(w > 0, 1, 0.65)}
        steps = {"bce": np.full(k, 10), "mse": np.where(w > 0, 100, -1)}
        fields = {"w": w, "b": b, "w_range": (-2, 2), "b_range": (-1, 1), "accuracy": accuracy, "steps": steps}
        return SimpleNamespace(**fields | {"total_steps": 700} | changes)

    return study_of


@pytest.fixture
def rates_of():
    """Makes a study of 4 rates and 3 batch sizes, of which cross-entropy oscillates and diverges at smaller rates."""

    def rates_of(**changes):
        bce = np.array([[0, 1, 2, 2], [0, 0, 1, 2], [0, 0, 1, 1]])
        mse = np.array([[0, 0, 1, 2], [0, 0, 0, 1], [0, 0, 0, 0]])
        fields = {
            "rates": 10.0 ** np.array([-1.5, -0.5, 0.5, 1.5]),
            "batch_sizes": np.array([1, 3, 20]),
            "loss": {"bce": np.where(bce == 2, 50.0, 0.5 + bce), "mse": np.where(mse == 2, 0.4, 0.01 + mse)},
            "accuracy": {"bce": 1 - 0.2 * bce, "mse": 0.9 - 0.2 * mse},
            "steps": {"bce": np.where(bce == 2, np.nan, 5.0 + 60 * bce), "mse": np.where(mse == 2, np.nan, 30.0)},
            "behaviour": {"bce": bce, "mse": mse},
        }
        return SimpleNamespace(**fields | changes)

    return rates_of


@pytest.fixture
def plots(surface_of, surface, history, straight_path, data, plane_surface, study_of, rates_of, line_of):
    """{name: draws a figure}, of each kind of plot one with all that can be in it."""
    around = straight_path([(5, 10), (9, -2), (40, -4)])
    projected = SimpleNamespace(s=np.linspace(-2, 0, 9), t=np.linspace(3, 0, 9), distance=np.ones(9), outside=0.125)
    marks = {"by hand": (1, 0.5), "bad": (-2, -1)}
    labels = (
        "change of w[mean concave points (area)] from -0.123",
        "change of w[worst fractal dimension (symmetry)] from 12.35",
    )
    sharpness = SimpleNamespace(largest=1.234, trace=3.4)
    named = SimpleNamespace(labels=labels, s_direction=np.eye(5)[0], t_direction=np.eye(5)[1])
    of_names = SimpleNamespace(**vars(plane_surface) | {"plane": named, "l2": 0.01, "l2_bias": 0.02})
    of_names.sharpness = sharpness
    runs = {
        "SGD": projected,
        "Adam": SimpleNamespace(s=np.linspace(1.5, 0, 9), t=np.linspace(-1.5, 0, 9), distance=np.zeros(9), outside=0.0),
        "warm start": SimpleNamespace(s=np.array([0.5]), t=np.array([0.8]), distance=np.ones(1), outside=0.0),
    }

    def lines():
        ax = plot_line(line_of(), quantity=("loss", "accuracy"), label="SGD").ax
        return plot_line(line_of(0.8), quantity=("loss", "accuracy"), label="Adam", ax=ax).figure

    def film():
        run = animate(around, surface, data)
        run.draw(1)
        return run.figure

    return {
        "contour": lambda: plot_contour(surface, around, window=((-10, 10), (-8, 8))).figure,
        "surface": lambda: plot_surface(surface, around).figure,
        "wireframe": lambda: plot_surface(surface, history, wireframe=True).figure,
        "data": lambda: plot_data(data, 15.75, -3.8).figure,
        "epochs": lambda: plot_epochs(history, data).figure,
        "gradient": lambda: plot_contour(plane_surface, projected, quantity="gradient").figure,
        "accuracy": lambda: plot_contour(plane_surface, quantity="accuracy").figure,
        "hessian": lambda: plot_contour(plane_surface, projected, quantity="hessian").figure,
        "plane": lambda: plot_surface(plane_surface, quantity="mse").figure,
        "starts": lambda: plot_starts(study_of(2000), marks=marks).figure,
        "rates": lambda: plot_rates(rates_of(), quantity="steps", title="12 % of them").figure,
        "several": lambda: plot_contour(of_names, runs, title="breast cancer").figure,
        "named": lambda: plot_surface(of_names).figure,
        "log": lambda: plot_surface(surface, {"a": history, "b": around}, z="log").figure,
        "line": lambda: plot_line(line_of(), quantity="gradient").figure,
        "lines": lines,
        "film": film,
    }
