"""Logistic-regression loss surfaces and training, compiled.

NumPy arrays or torch CPU tensors in, the same kind out. `backend=None` runs the Numba kernels; `"reference"` runs the
eager PyTorch form of the same function (`kernels.reference`), and needs nothing compiled. Importing this package
imports neither torch nor Numba.
"""

import functools
import importlib

import numpy as np

from kernels import checks
from kernels.progress import reporter
from kernels.results import Ensemble, LogitPlane, LossGrad, Plan, Run, Surface

__all__ = ["Ensemble", "LogitPlane", "LossGrad", "Plan", "Run", "Surface", "loss_surface", "sgd_run_", "warmup"]


def loss_surface(x, y, w, b, *, method="auto", tol=1e-12, out=None, backend=None, progress=None):
    """Mean binary cross-entropy of the one-feature model z = w x + b at every point of a grid.

    x         feature, (n,) or (n, 1), float32 or float64
    y         labels in [0, 1], (n,) or (n, 1): floats, integers or booleans
    w, b      grid axes, 1-D, any order and spacing, used in float64
    method    "direct" evaluates every sample at every point; "auto" takes the cheapest method, which is "direct"
    tol       error allowed to a method that interpolates, 0 or 1e-13 <= tol < 1
    out       array or tensor (len(b), len(w)) of the dtype of x, to be written to instead of a new one
    backend   None or "numba": compiled; "reference": eager PyTorch
    progress  True for a tqdm bar, or a callable (done, total), total = points * samples

    Returns the surface (len(b), len(w)), row = b, in the dtype of x: what `matplotlib.contour(w, b, surface)` takes.
    With labels 0 and 1 its relative error is at most 1e-12 + 4 u max_n(|w x_n| + |b|), u = 2^-53, however small the
    loss (plus 1e-307); with other labels the absolute error is at most 1e-14 (1 + mean_n(|w x_n| + |b|)). float32 data
    is evaluated in float64 and rounded once. Extra memory is a few MB and three copies of the data.

    Raises ValueError or TypeError that name a wrong argument, and MemoryError before allocating what can't fit; `out`
    is then untouched.
    """
    feature = checks.feature("x", x)
    labels = checks.labels(y, len(feature), np.float64)
    axes = checks.axis("w", w), checks.axis("b", b)
    checks.one_of("method", method, ("auto", "direct"))
    checks.tolerance(tol)
    backend = checks.one_of("backend", backend or "numba", checks.BACKENDS)
    shape = len(axes[1]), len(axes[0])
    with reporter(progress) as report:
        surface = checks.output(out, shape, feature.dtype, (feature, labels))
        if backend == "reference":
            surface[:] = on_tensors("loss_surface", feature, labels, *axes)
        else:
            numba_module("surface").loss_surface(feature.astype(np.float64, copy=False), labels, *axes, surface, report)
    return checks.like(x, surface) if out is None else out


def sgd_run_(X, y, w, b, *, lr, batch_size, epochs, loss="bce", backend=None, progress=None):
    """A whole run of minibatch gradient descent on `w` and `b`, in place, with its history.

    X           features (n, d), float32 or float64
    y           labels in [0, 1], (n,) or (n, 1): floats, integers or booleans
    w, b        start, (d,) and (1,), of the dtype of X; they end as the trained parameters
    lr          learning rate, finite, >= 0
    batch_size  samples a step, taken in order; the last batch of an epoch is averaged over its own length
    epochs      passes over the data
    loss        "bce": mean cross-entropy; "mse": mean squared error of the sigmoid
    backend     None or "numba": compiled; "reference": eager PyTorch
    progress    True for a tqdm bar, or a callable (done, total) that counts steps

    Returns Run(w (steps, d), b (steps,), loss (steps,)), steps = epochs * ceil(n / batch_size): the parameters after
    each step and the minibatch's loss before it. The compiled run computes in float64 whatever the dtype and rounds
    what it returns.

    Raises ValueError or TypeError that name a wrong argument, with `w` and `b` untouched, and FloatingPointError naming
    the step if the run diverges. After that, or after Ctrl-C, `w` and `b` hold the last parameters reached.
    """
    X_array = checks.features("X", X)
    n, d = X_array.shape
    y_array = checks.labels(y, n, X_array.dtype)
    parameters = checks.parameter("w", w, (d,), X_array.dtype), checks.parameter("b", b, (1,), X_array.dtype)
    settings = {
        "lr": checks.learning_rate(lr),
        "batch_size": checks.whole("batch_size", batch_size, 1),
        "epochs": checks.whole("epochs", epochs, 0),
        "loss": checks.one_of("loss", loss, checks.COSTS),
    }
    backend = checks.one_of("backend", backend or "numba", checks.BACKENDS)
    checks.memory((settings["epochs"] * -(-n // settings["batch_size"]), d + 2), X_array.dtype)
    if backend == "reference":
        run = on_tensors("sgd_run_", X_array, y_array, *parameters, **settings)
    else:
        with reporter(progress) as report:
            run = numba_module("update").sgd_run_(X_array, y_array, *parameters, **settings, progress=report)
    return Run(*(checks.like(X, array) for array in run)) if checks.is_tensor(X) else run


def on_tensors(name, *arrays, **settings):
    """Calls a function of `kernels.reference` on views of NumPy arrays."""
    import torch

    from kernels import reference

    tensors = (torch.from_numpy(array if array.flags.writeable else array.copy()) for array in arrays)
    result = getattr(reference, name)(*tensors, **settings)
    return result.numpy() if isinstance(result, torch.Tensor) else type(result)(*(field.numpy() for field in result))


def warmup():
    """Compiles every CPU kernel for float32 and float64, or loads it from the cache on disk, ahead of its first use."""
    numba_module("warmup").compile_all()


@functools.cache
def numba_module(name):
    """A module of compiled kernels, imported at its first use."""
    return importlib.import_module(f"kernels.numba_cpu.{name}")
