"""What is timed, and the truth that every contender is held to before its time counts."""

import functools
from typing import NamedTuple

import numpy as np

from tests import oracle
from tests.problems import lab_data, lab_window


class Grid(NamedTuple):
    """The lab's data x, y (n,) in the dtype to be timed, and the axes w, b of its surface, float64."""

    x: np.ndarray
    y: np.ndarray
    w: np.ndarray
    b: np.ndarray

    @property
    def evaluations(self):
        return len(self.w) * len(self.b) * len(self.x)


class PlaneSurface(NamedTuple):
    """Data X (n, d), y (n,), float64, and a plane of parameters: center and directions (d + 1,), axes s, t."""

    X: np.ndarray
    y: np.ndarray
    center: np.ndarray
    s_direction: np.ndarray
    t_direction: np.ndarray
    s: np.ndarray
    t: np.ndarray


class Training(NamedTuple):
    """Data X (n, d), y (n,) and start w (d,), b (1,) of one dtype, and the settings of `kernels.sgd_run_`."""

    X: np.ndarray
    y: np.ndarray
    w: np.ndarray
    b: np.ndarray
    settings: dict

    @property
    def steps(self):
        return self.settings["epochs"] * -(-len(self.y) // self.settings["batch_size"])


class Starts(NamedTuple):
    """Data X (n, d), y (n,) and starts w0 (k, d), b0 (k,) of one dtype, and the settings of `kernels.sgd_ensemble`."""

    X: np.ndarray
    y: np.ndarray
    w0: np.ndarray
    b0: np.ndarray
    settings: dict


class Pass(NamedTuple):
    """Data X (n, d), y (n,) and parameters w (d,), b (1,) of one dtype."""

    X: np.ndarray
    y: np.ndarray
    w: np.ndarray
    b: np.ndarray


def lab_surface(resolution, dtype):
    return Grid(*lab_data(dtype), *lab_window(resolution))


def every_kth_row(grid, most_points):
    """The grid thinned to about `most_points` points for a slow contender, and the factor to scale its time by."""
    k = min(len(grid.b), max(1, len(grid.w) * len(grid.b) // most_points))
    thinned = grid._replace(b=grid.b[k // 2 :: k].copy())
    return thinned, len(grid.b) / len(thinned.b)


@functools.lru_cache(maxsize=1)
def plane_surface(n, d, points, reach):
    """Noisy labels of normal features, and a square window of half-width `reach`: around the model that the labels come
    from, along random directions, or of weight and bias where there is one feature, within [-1, 1]."""
    rng = np.random.default_rng(0)
    window = np.linspace(-reach, reach, points)
    X = rng.normal(size=(n, d)) if d > 1 else rng.uniform(-1, 1, (n, 1))
    center = np.append(2 / np.sqrt(d) * rng.normal(size=d), 0.0)
    y = (X @ center[:-1] + rng.logistic(size=n) > 0) * 1.0
    if d == 1:
        return PlaneSurface(X, y, np.zeros(2), np.array([1.0, 0.0]), np.array([0.0, 1.0]), window, window)
    directions = np.linalg.qr(rng.normal(size=(d + 1, 2)))[0].T
    return PlaneSurface(X, y, center, *directions, window, window)


def fewer_points(problem, most_evaluations):
    """The surface at every k-th point of both axes, for a slow contender, and the factor to scale its time by."""
    points, n = len(problem.s), len(problem.y)
    side = 2 ** int(np.log2(max(1, min(points, (most_evaluations / n) ** 0.5))))
    k = points // side
    axis = problem.s[k // 2 :: k][:side].copy()
    return problem._replace(s=axis, t=axis), (points / side) ** 2


def lab_run(dtype):
    """700 steps from the lab's bad start."""
    x, y = lab_data(dtype)
    w, b = np.full(1, 5, dtype), np.full(1, 10, dtype)
    return Training(x[:, None], y, w, b, {"lr": 2.0, "batch_size": 3, "epochs": 100})


def breast_cancer_run(dtype):
    """1800 steps on 569 samples of 30 standardised features."""
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    X = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(dtype)
    settings = {"lr": 0.1, "batch_size": 32, "epochs": 100}
    return Training(X, y.astype(dtype), np.zeros(X.shape[1], dtype), np.zeros(1, dtype), settings)


def run_with_options(dtype, **options):
    """The same run with options of `kernels.sgd_run_`; half the learning rate, so that momentum doesn't diverge."""
    training = breast_cancer_run(dtype)
    return training._replace(settings=training.settings | {"lr": 0.05} | options)


def single_samples_run(dtype):
    """5690 steps of one sample, without history: what scikit-learn's SGDClassifier does."""
    training = breast_cancer_run(dtype)
    return training._replace(settings={"lr": 0.01, "batch_size": 1, "epochs": 10, "history": 0})


def wide_run(dtype):
    """785 steps on 10,000 samples of 128 features: enough arithmetic in a step for BLAS to count."""
    X, y, w, b = full_pass(128, dtype, most_samples=10_000)
    return Training(X, y, np.zeros_like(w), np.zeros_like(b), {"lr": 0.5, "batch_size": 64, "epochs": 5})


@functools.cache
def training_loop():
    """10 steps on all of a million samples of 32 features, float32."""
    X, y, w, b = full_pass(32, np.float32, most_samples=1_000_000)
    settings = {"lr": 0.5, "batch_size": len(y), "epochs": 10}
    return Training(X, y, np.zeros_like(w), np.zeros_like(b), settings)


def lab_starts(dtype, batch_size, k=1_000_000):
    """100 epochs from each of k starts, uniform in the lab's window."""
    X, y, _, _, settings = lab_run(dtype)
    rng = np.random.default_rng(0)
    w0, b0 = rng.uniform(-15, 15, (k, 1)), rng.uniform(-13, 13, k)
    return Starts(X, y, w0.astype(dtype), b0.astype(dtype), settings | {"batch_size": batch_size})


def breast_cancer_starts(dtype, d):
    """360 steps on the first d features from each of 10,000 normal starts."""
    X, y, _, _, settings = breast_cancer_run(dtype)
    rng = np.random.default_rng(0)
    w0, b0 = rng.normal(size=(10_000, d)), rng.normal(size=10_000)
    return Starts(X[:, :d].copy(), y, w0.astype(dtype), b0.astype(dtype), settings | {"epochs": 20})


def first_starts(starts, most):
    """At most so many of the starts, with a tenth of the epochs, for a slow contender, and the factor to scale its time
    by."""
    k, epochs = len(starts.b0), starts.settings["epochs"]
    if k <= most:
        return starts, 1.0
    fewer = max(1, epochs // 10)
    part = starts._replace(w0=starts.w0[:most], b0=starts.b0[:most], settings=starts.settings | {"epochs": fewer})
    return part, k / most * epochs / fewer


def small_surface():
    """900 points of the lab's surface."""
    return lab_surface(30, np.float64)


def small_plane():
    """900 points of a plane through the parameters of 30 features, on 20 samples."""
    return plane_surface(20, 30, 30, 3.0)


def small_pass():
    """20 samples of 10 features."""
    return full_pass(10, np.float64, most_samples=20)


def small_run():
    """An epoch of the lab's run, 7 steps on 20 samples."""
    training = lab_run(np.float64)
    return training._replace(settings=training.settings | {"epochs": 1})


def small_run_without_history():
    training = small_run()
    return training._replace(settings=training.settings | {"history": 0})


def small_starts():
    """An epoch of the lab's run from each of 20 starts."""
    starts = lab_starts(np.float64, batch_size=3, k=20)
    return starts._replace(settings=starts.settings | {"epochs": 1})


def full_pass(d, dtype, size=2**28, most_samples=2**23):
    """Normal features, `size` bytes of them if that isn't too many samples, and noisy labels; logits of about 2."""
    rng = np.random.default_rng(0)
    n = min(size // (d * np.dtype(dtype).itemsize), most_samples)
    X = rng.standard_normal((n, d), dtype)
    w, b = (2 / np.sqrt(d) * rng.standard_normal(d)).astype(dtype), np.full(1, 0.3, dtype)
    return Pass(X, (X @ w + rng.standard_normal(n, dtype) > 0).astype(dtype), w, b)


def surface_error(got, grid, cells=64):
    """Largest relative error of random cells of the surface; every cell must hold a positive number."""
    assert got.shape == (len(grid.b), len(grid.w))
    assert got.dtype == grid.x.dtype
    assert (got > 0).all(), "cells are left out"
    plane = oracle.one_feature_plane(grid.x)
    chosen = np.random.default_rng(0).choice(got.size, size=min(cells, got.size), replace=False)
    errors = []
    for j, i in zip(*np.unravel_index(chosen, got.shape), strict=True):
        want = oracle.loss_at(plane, grid.y, grid.w[i], grid.b[j])
        errors.append(abs(float(got[j, i]) - want) / want)
    return max(errors)


def plane_error(got, problem, evaluations=2**24):
    """Largest error of random cells of the surface, relative to its highest value where that is above 1."""
    assert got.shape == (len(problem.t), len(problem.s))
    thetas = np.stack([problem.center, problem.s_direction, problem.t_direction], axis=1)
    plane = (problem.X @ thetas[:-1] + thetas[-1]).T
    cells = min(64, got.size, max(4, evaluations // len(problem.y)))
    chosen = np.random.default_rng(0).choice(got.size, size=cells, replace=False)
    rows, columns = np.unravel_index(chosen, got.shape)
    wanted = [oracle.loss_at(plane, problem.y, problem.s[i], problem.t[j]) for j, i in zip(rows, columns, strict=True)]
    return float(np.abs(got[rows, columns] - wanted).max() / max(1.0, np.abs(got).max()))


def run_error(got, training):
    """Largest error in w, b and the loss over all steps, relative where a value is above 1."""
    X, y, w, b, settings = training
    errors = []
    for found, want in zip(got, oracle.sgd_path(X, y, w, b, **settings), strict=True):
        found = np.asarray(found)
        assert found.shape == want.shape
        assert found.dtype == X.dtype
        errors.append(np.max(np.abs(found - want) / np.maximum(1, np.abs(want))))
    return float(max(errors))


def options_error(got, training):
    """Largest error in the trained w and b, and in w, b and the loss over the steps kept, relative where a value is
    above 1."""
    X, y, w, b, settings = training
    every = settings.get("history", 1)
    path, biases, losses = oracle.sgd_path(X, y, w, b, **{k: v for k, v in settings.items() if k != "history"})
    history = [column[every - 1 :: every] if every else column[:0] for column in (path, biases, losses)]
    errors = []
    for found, want in zip(got, [path[-1], biases[-1:], *history], strict=True):
        assert found.shape == want.shape
        assert found.dtype == X.dtype
        errors.append(np.max(np.abs(found - want) / np.maximum(1, np.abs(want)), initial=0))
    return float(max(errors))


@functools.cache
def end_of_training_loop():
    X, y, w, b, settings = training_loop()
    path, biases, _ = oracle.sgd_path(X, y, w, b, **settings)
    return np.append(path[-1], biases[-1])


def loop_error(got, training):
    """Largest error in the trained w and b, relative where a value is above 1."""
    want = end_of_training_loop()
    found = np.append(*got)
    assert found.shape == want.shape
    assert found.dtype == training.X.dtype
    return float(np.max(np.abs(found - want) / np.maximum(1, np.abs(want))))


def ends_error(got, starts, members=16):
    """Largest error in w and b of random members, relative where a value is above 1."""
    X, y, w0, b0, settings = starts
    w, b = got
    assert w.shape == w0.shape
    assert b.shape == b0.shape
    assert w.dtype == b.dtype == X.dtype
    assert np.isfinite(w).all()
    errors = []
    for i in np.random.default_rng(0).choice(len(b), members, replace=False):
        path, biases, _ = oracle.sgd_path(X, y, w0[i], b0[i], **settings)
        want = np.append(path[-1], biases[-1])
        errors.append(np.max(np.abs(np.append(w[i], b[i]) - want) / np.maximum(1, np.abs(want))))
    return float(max(errors))


def pass_error(got, problem):
    """Largest error of the loss, relative, and of the gradient, relative to its largest component."""
    loss, gradient = loss_and_gradient(problem)
    found = np.append(got[1], got[2])
    assert found.shape == gradient.shape
    return max(abs(float(got[0]) / loss - 1), float(np.abs(found - gradient).max() / np.abs(gradient).max()))


def step_error(got, problem, lr):
    """Largest error of the loss, relative, and of w and b after the step, relative where a value is above 1."""
    loss, gradient = loss_and_gradient(problem)
    want, found = np.append(problem.w, problem.b) - lr * gradient, np.append(*got[1:])
    assert found.dtype == problem.X.dtype
    return max(abs(float(got[0]) / loss - 1), float(np.max(np.abs(found - want) / np.maximum(1, np.abs(want)))))


def loss_and_gradient(problem, rows=100_000):
    """The mean loss and its gradient (d + 1,), so many rows at a time."""
    theta, n, loss, gradient = np.append(problem.w, problem.b).astype(np.float64), len(problem.y), 0.0, 0.0
    for first in range(0, n, rows):
        X, y = problem.X[first : first + rows], problem.y[first : first + rows]
        X1 = np.column_stack([X.astype(np.float64), np.ones(len(y))])
        mean, slopes = oracle.cost_and_gradient(X1, y.astype(np.float64), theta)
        loss, gradient = loss + mean * len(y) / n, gradient + slopes * len(y) / n
    return loss, gradient
