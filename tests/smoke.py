"""A call of every public function, held to NumPy's formulas: `python smoke.py FOLDER`, in any environment.

What needs torch is left out where it is missing. Pictures and arrays are written to FOLDER.
"""

import functools
import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import kernels

rng = np.random.default_rng(0)
X = rng.normal(size=(50, 3))
y = (X[:, 0] + rng.normal(size=50) > 0) * 1.0
w, b = np.array([0.5, -1.0, 2.0]), 0.3
STEPS = {"lr": 0.5, "batch_size": 20, "epochs": 2}


def loss(w, b):
    z = X @ w + b
    return np.mean(np.logaddexp(0, z) - y * z)


def gradient(rows, w, b):
    residual = 1 / (1 + np.exp(-(X[rows] @ w + b))) - y[rows]
    return X[rows].T @ residual / len(residual), residual.mean()


def trained(w, b):
    for _ in range(STEPS["epochs"]):
        for first in range(0, len(y), STEPS["batch_size"]):
            grad_w, grad_b = gradient(slice(first, first + STEPS["batch_size"]), w, b)
            w, b = w - STEPS["lr"] * grad_w, b - STEPS["lr"] * grad_b
    return w, b


def close(got, want, tolerance=1e-9):
    np.testing.assert_allclose(np.asarray(got), want, tolerance, tolerance)


def surfaces():
    x, s, t = X[:, 0], np.linspace(-3, 3, 20), np.linspace(-2, 2, 30)
    z = s[None, :, None] * x + t[:, None, None]
    want = np.mean(np.logaddexp(0, z) - y * z, axis=-1)
    close(kernels.loss_surface(x, y, s, t), want)
    plane = kernels.logit_plane(X[:, :1], np.zeros(2), np.array([1.0, 0]), np.array([0.0, 1]))
    found = kernels.surface_on_plane(plane, y, s, t, quantities=("loss", "accuracy"), method="spectral")
    close(found.loss, want)
    close(found.accuracy, np.mean((z > 0) == (y > 0.5), axis=-1))
    assert kernels.plan_surface(plane, y, s, t).bound < 1e-9
    general = kernels.surface_on_plane(kernels.LogitPlane(*X.T.copy()), y, [0.5], [-1.0], quantities=("mse",))
    close(general.mse[0, 0], np.mean((1 / (1 + np.exp(-(X[:, 0] + 0.5 * X[:, 1] - X[:, 2]))) - y) ** 2))


def training():
    grad_w, grad_b = gradient(slice(None), w, b)
    found = kernels.bce_loss_grad(X, y, w, b)
    for got, want in zip(found, (loss(w, b), grad_w, grad_b), strict=True):
        close(got, want)
    stepped = w.copy(), np.array([b])
    close(kernels.sgd_step_(X, y, *stepped, lr=0.1), loss(w, b))
    close(stepped[0], w - 0.1 * grad_w)
    want = trained(w, b)
    run = w.copy(), np.array([b])
    kernels.sgd_run_(X, y, *run, **STEPS)
    ends = kernels.sgd_ensemble(X, y, np.array([w, w]), np.array([b, b]), **STEPS)
    for got in (run[0], run[1][0]), (ends.w[0], ends.b[0]), (ends.w[1], ends.b[1]):
        close(got[0], want[0])
        close(got[1], want[1])


def rows(start):
    return X[start : start + 20], y[start : start + 20]


def workers(folder):
    """Blocks that are callables, by threads and from a checkpoint."""
    grad_w, grad_b = gradient(slice(None), w, b)
    batches = [functools.partial(rows, start) for start in range(0, len(y), 20)]
    blocks = kernels.logit_plane(batches, np.append(w, b), np.eye(4)[0], np.eye(4)[3])
    with ThreadPoolExecutor(2) as executor:
        options = {"executor": executor, "checkpoint": folder / "sums.npz"}
        for _ in range(2):
            close(kernels.surface_on_plane(blocks, None, [0.0], [0.0], **options).loss, [[loss(w, b)]])
        found = kernels.bce_loss_grad(batches, None, w, b, executor=executor)
        for got, want in zip(found, (loss(w, b), grad_w, grad_b), strict=True):
            close(got, want)
        ends = kernels.sgd_ensemble(X, y, w[None], np.array([b]), executor=executor, **STEPS)
    close(ends.w[0], trained(w, b)[0])


def with_torch(folder):
    import matplotlib as mpl
    import torch

    mpl.use("agg")
    from logreg import History, LabData, LogisticRegression, LossLine, LossSurface, accuracy, sharpness, train
    from viz import plot_contour

    parameters = [torch.tensor(value, requires_grad=True, dtype=torch.float64) for value in (w, b)]
    value = kernels.linear_bce(torch.from_numpy(X), *parameters, torch.from_numpy(y))
    value.backward()
    close(value.detach(), loss(w, b))
    close(parameters[0].grad, gradient(slice(None), w, b)[0])
    close(kernels.bce_loss_grad(X, y, w, b, backend="reference").grad_w, gradient(slice(None), w, b)[0])

    data, model = LabData(), LogisticRegression(1)
    history = train(model, data, lr=2, batch_size=3, epochs=20)
    assert accuracy(model, data) > 0.9
    surface = LossSurface.compute(data, (-15, 15), (-13, 13), resolution=50)
    surface.save(folder / "surface.npz")
    close(LossSurface.load(folder / "surface.npz").Z, surface.Z)
    surface.save(folder / "surface.vtk")
    assert (folder / "surface.vtk").read_bytes().startswith(b"# vtk DataFile Version 3.0")
    plot_contour(surface, history).figure.savefig(folder / "path.png")
    history.save(folder / "run.npz")
    close(History.load(folder / "run.npz").full_loss(), history.full_loss())
    x, theta = data.x.double().numpy()[:, 0], np.append(history.end_w, history.end_b).astype(np.float64)
    p = 1 / (1 + np.exp(-(x * theta[0] + theta[1])))
    rows = np.column_stack([x, np.ones(20)]) * np.sqrt(p * (1 - p) / 20)[:, None]
    close(sharpness(model, data), (np.linalg.eigvalsh(rows.T @ rows)[-1], (rows**2).sum()))
    line = LossLine.between(np.zeros(2), model, data, extent=(0, 1), resolution=2)
    close(line.loss, (np.log(2), history.end_loss))


if __name__ == "__main__":
    surfaces()
    training()
    workers(Path(sys.argv[1]))
    torch_too = importlib.util.find_spec("torch") is not None
    if torch_too:
        with_torch(Path(sys.argv[1]))
    print(f"{Path(kernels.__file__).parent}: all right" + ("" if torch_too else ", without torch"))
