"""Training: the public functions, their checks, and the choice of backend."""

from kernels import checks
from kernels.backends import numba_module, on_tensors
from kernels.progress import reporter
from kernels.results import Run


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
        "batch_size": min(checks.whole("batch_size", batch_size, 1), n),
        "epochs": checks.whole("epochs", epochs, 0),
        "loss": checks.one_of("loss", loss, checks.COSTS),
    }
    backend = checks.backend(backend)
    checks.memory((settings["epochs"] * -(-n // settings["batch_size"]), d + 2), X_array.dtype)
    body = reference_run if backend == "reference" else numba_module("update").sgd_run_
    with reporter(progress) as report:
        run = body(X_array, y_array, *parameters, **settings, progress=report)
    return Run(*(checks.like(X, array) for array in run)) if checks.is_tensor(X) else run


def reference_run(X, y, w, b, *, progress, **settings):
    from kernels import reference

    X, y, end_w, end_b = on_tensors(X, y, w.copy(), b.copy())
    try:
        run = reference.sgd_run_(X, y, end_w, end_b, **settings)
    finally:
        w[:], b[:] = end_w.numpy(), end_b.numpy()
    progress(len(run.b), len(run.b))
    return Run(*(field.numpy() for field in run))
