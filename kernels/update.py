"""Training: the public functions, check and run."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kernels import backends, keeping, means, means_of_batches, numba_cpu
from kernels.arguments import arrays, dataset, memory, models, numbers, weighting
from kernels.arguments.batches import Batches, is_batches, print_of_batch
from kernels.arguments.samples import check_reiterable
from kernels.bodies import Backend, RunSettings
from kernels.kinds import Array, ArrayLike, Executor, Path, Progress, Report
from kernels.losses import LOSSES
from kernels.progress import reporter
from kernels.results import LossGrad, Run
from kernels.workers.runner import Runner, check_executor


def bce_loss_grad(
    X: ArrayLike | Batches,
    y: ArrayLike | None,
    w: ArrayLike,
    b: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    backend: str | None = None,
    executor: Executor | None = None,
    checkpoint: Path | None = None,
) -> LossGrad:
    """Mean cross-entropy and its gradient at one point, in one pass over `X`.

    Parameters
    ----------
    X : array_like (n, d), float32 or float64, or iterable of batches
        Features; of those in which neither rows nor columns are contiguous a piece at a time is copied, and so are
        fewer than 8 rows. Or, for more data than memory, batches with y=None: tuples (X, y) or (X, y, sample_weight),
        or callables that return one.
    y : array_like (n,) or (n, 1), or None
        Labels in [0, 1]: floats, integers or booleans; quickest in the dtype of X.
    w : array_like (d,)
        Weights.
    b : float, or array_like () or (1,)
        Bias.
    sample_weight : array_like (n,), optional
        At least 0, not all 0: the mean is sum(weight * loss) / sum(weight); a sample of weight 0 counts for nothing,
        even where its logit overflows.
    pos_weight : float, or array_like of one, optional
        At least 0: by which the part of the loss that y stands for is multiplied, as torch.nn.BCEWithLogitsLoss does;
        the mean is divided by sum(sample_weight), or n, all the same.
    backend : {None, "numba", "torch", "reference"}
        Compiled by Numba or torch, or eager PyTorch; None: "torch" for CUDA tensors, else "numba".
    executor : concurrent.futures.Executor, optional
        Whose workers read the batches. These are added up in their order, so that the result has the same bits as
        without one.
    checkpoint : str, bytes or os.PathLike, optional
        A file in which the sums over batches are kept as they grow, as `surface_on_plane` does.

    Returns
    -------
    LossGrad
        (loss, grad_w (d,), grad_b) in the dtype of X: scalars, or tensors () where X is a tensor. A mean within the
        dtype's range is returned though the sum is beyond it, but of CUDA tensors, whose values nothing waits for. What
        logits overflow comes back as infinities or NaN.

    Raises
    ------
    ValueError, TypeError
        They name a wrong argument; values of `X` and `y` are looked at only after a result that isn't finite, and of
        CUDA tensors never: the result says it.
    concurrent.futures.BrokenExecutor
        The executor lost its workers; it says what is done and where it is kept.

    See Also
    --------
    sgd_step_ : takes the step
    linear_bce : the same for autograd

    Notes
    -----
    The compiled pass computes in the dtype of X and sums in float64, with the same bits for any number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> from kernels import bce_loss_grad
    >>> X = np.array([[-1.0, 2.0], [0.0, 1.0], [1.0, 0.5]])
    >>> loss, grad_w, grad_b = bce_loss_grad(X, [0, 1, 1], w=[1.0, 0.0], b=0.0)
    >>> round(float(loss), 4), grad_w.round(4).tolist(), round(float(grad_b), 4)
    (0.4399, [-0.1793, -0.0322], -0.1667)
    """
    if type(X) is not np.ndarray and is_batches(X):
        for name, value in (("y", y), ("sample_weight", sample_weight)):
            if value is not None:
                raise ValueError(f"{name} is given beside batches (X, y); accepted: None")
        return loss_grad_of_batches(X, w, b, pos_weight, backend, executor, checkpoint)
    if not (executor is checkpoint is None):
        name = "checkpoint" if executor is None else "executor"
        raise ValueError(f"{name} is given beside an array X; accepted: None, or batches (X, y) with y=None")
    if backend is None and sample_weight is None and pos_weight is None:
        given = (X, y, w, b) if type(X) is np.ndarray else arrays.seen_by_numpy(X, y, w, b)
        pass_over_few = numba_cpu.small_passes().usual_loss_and_gradient(*given)
        if pass_over_few is not None:
            loss, gradient, dtype = pass_over_few
            return as_kind_of(X, rounded(loss, gradient[:-1], gradient[-1], dtype))
    body = backends.chosen(backend, X=X, y=y, w=w, b=b, sample_weight=sample_weight)
    X_array, y_array, weight, total = weighting.of_mean(*dataset.samples(X, y), sample_weight, pos_weight)
    dtype, d = arrays.dtype_of(X_array), X_array.shape[1]
    w_array = models.coefficients("w", w, [(d,)], dtype)
    b_array = models.bias_beside(X_array, models.coefficients("b", b, [(), (1,)], dtype))
    loss, grad_w, grad_b = means.mean_loss_grad(body, X_array, y_array, weight, w_array, b_array, total)
    if arrays.is_tensor(X_array):
        return LossGrad(*(arrays.cast(value, dtype) for value in (loss, grad_w, grad_b)))
    return as_kind_of(X, rounded(loss, grad_w, grad_b, dtype))


def loss_grad_of_batches(
    batches: Batches,
    w: ArrayLike,
    b: ArrayLike,
    pos_weight: ArrayLike | None,
    backend: str | None,
    executor: Executor | None,
    checkpoint: Path | None,
) -> LossGrad:
    """`bce_loss_grad` of batches."""
    check_reiterable("X", batches)
    check_executor(executor)
    if backend is not None:
        numbers.one_of("backend", backend, backends.BACKENDS)
    w_array = arrays.array_of("w", arrays.on_host(w))
    if w_array.ndim != 1:
        raise ValueError(f"w has shape {w_array.shape}; accepted: (d,)")
    bias = float(models.coefficients("b", b, [(), (1,)], np.dtype(np.float64)).item())
    model = means_of_batches.Model(w_array, bias, numbers.pos_weight(pos_weight), backend)
    kept = None
    if checkpoint is not None:
        values = {"model": tuple(model), "batches": tuple(map(print_of_batch, batches))}
        kept = keeping.kept_at(checkpoint, "bce_loss_grad", backend or "numba", **values)
    found, dtype = means_of_batches.mean_loss_grad(batches, model, Runner(executor, kept))
    if kept is not None:
        kept.write()
    result = rounded(found[0], found[1:-1], found[-1], dtype)
    first = next(iter(batches))
    return result if callable(first) else as_kind_of(first[0], result)


def as_kind_of(X: Any, found: LossGrad) -> LossGrad:
    """The result as tensors where X is one."""
    if type(X) is np.ndarray or not arrays.is_tensor(X):
        return found
    return LossGrad(*(arrays.as_kind_of(X, np.asarray(value)) for value in found))


def rounded(loss: Any, grad_w: np.ndarray, grad_b: Any, dtype: np.dtype) -> LossGrad:
    """The result in a dtype, whose range it may be beyond."""
    with np.errstate(over="ignore"):
        return LossGrad(dtype.type(loss), grad_w.astype(dtype, copy=False), dtype.type(grad_b))


def sgd_step_(
    X: ArrayLike,
    y: ArrayLike,
    w: Array,
    b: Array,
    *,
    lr: float,
    sample_weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    backend: str | None = None,
) -> Array:
    """The mean loss before one step of gradient descent, which it takes in place, in one pass over `X`.

    The step is w -= lr * grad_w, b -= lr * grad_b.

    Parameters
    ----------
    X, y : as in `bce_loss_grad`
        Features (n, d) and labels.
    w : array or tensor (d,)
        Weights, of the dtype of X, to be updated.
    b : array or tensor (1,)
        Bias, of the dtype of X, to be updated.
    lr : float
        Learning rate, finite, at least 0.
    sample_weight, pos_weight, backend : as in `bce_loss_grad`
        Weights of samples and of the positive class, and what computes it.

    Returns
    -------
    scalar, or tensor ()
        The mean cross-entropy before the step; a tensor where X is one.

    Raises
    ------
    ValueError, TypeError
        They name a wrong argument.
    FloatingPointError
        The loss or the new parameters would leave the range of the dtype; `w` and `b` are untouched then. Of CUDA
        tensors the loss is returned all the same, as nothing waits for the card.

    See Also
    --------
    sgd_run_ : a whole run in one call

    Examples
    --------
    >>> import numpy as np
    >>> from kernels import sgd_step_
    >>> X, y = np.array([[-1.0], [0.0], [1.0]]), [0, 1, 1]
    >>> w, b = np.zeros(1), np.zeros(1)
    >>> losses = [float(sgd_step_(X, y, w, b, lr=1.0)) for _ in range(3)]
    >>> [round(loss, 3) for loss in losses], w.round(3), b.round(3)
    ([0.693, 0.567, 0.481], array([0.848]), array([0.391]))
    """
    if backend is None and sample_weight is None and pos_weight is None:
        before = small_step_(X, y, w, b, lr)
        if before is not None:
            return before
    body = backends.chosen(backend, X=X, y=y, w=w, b=b, sample_weight=sample_weight)
    X_array, y_array, weight, total = weighting.of_mean(*dataset.samples(X, y), sample_weight, pos_weight)
    dtype, d = arrays.dtype_of(X_array), X_array.shape[1]
    w_array, b_array = models.parameter("w", w, (d,), dtype), models.parameter("b", b, (1,), dtype)
    models.check_no_aliasing(w_array, b_array, X_array, y_array)
    lr = numbers.nonnegative("lr", lr)
    loss, grad_w, grad_b = found = means.mean_loss_grad(body, X_array, y_array, weight, w_array, b_array, total)
    if arrays.is_tensor(w_array) and arrays.is_tensor(b_array):
        return means.step_on_card_(w_array, b_array, found, lr)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = w_array - lr * grad_w, b_array - lr * grad_b
        rounded: list[Any] = [np.asarray(value, dtype) for value in (loss, *moved)]
    loss, new_w, new_b = rounded
    if not all(map(arrays.is_finite, (loss, new_w, new_b))):
        raise FloatingPointError(f"sgd_step_: the loss or the step leaves the range of {dtype} (lr = {lr})")
    tell = models.version_bumper(w, b)
    w_array[:], b_array[:] = new_w, new_b
    tell()
    return arrays.as_kind_of(X, loss) if arrays.is_tensor(X) else loss[()]


def small_step_(X: ArrayLike, y: ArrayLike, w: Array, b: Array, lr: float) -> Array | None:
    """The mean loss before a step on few samples, or None if that is left to the long way."""
    if type(X) is np.ndarray:
        before = numba_cpu.small_passes().step_(X, y, w, b, lr)
        return None if before is None else X.dtype.type(before)
    given, tell = arrays.seen_by_numpy(X, y, w, b), models.version_bumper(w, b)
    before = numba_cpu.small_passes().step_(*given, lr)
    if before is None:
        return None
    tell()
    return arrays.as_kind_of(X, np.asarray(before, given[0].dtype))


def sgd_run_(
    X: ArrayLike,
    y: ArrayLike,
    w: Array,
    b: Array,
    *,
    lr: float,
    batch_size: int,
    epochs: int,
    loss: str = "bce",
    sample_weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    shuffle_seed: int | None = None,
    first_epoch: int = 0,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    velocity: ArrayLike | None = None,
    frozen: str | None = None,
    history: int = 1,
    backend: str | None = None,
    progress: Progress = None,
) -> Run:
    """A whole run of minibatch gradient descent on `w` and `b`, in place, with its history.

    Parameters
    ----------
    X : array_like (n, d), float32 or float64
        Features.
    y : array_like (n,) or (n, 1)
        Labels in [0, 1]: floats, integers or booleans.
    w : array or tensor (d,)
        Weights to start from, of the dtype of X; they end as the trained ones.
    b : array or tensor (1,)
        Bias to start from, of the dtype of X; it ends as the trained one.
    lr : float
        Learning rate, finite, at least 0.
    batch_size : int
        Samples a step, at most all; the last batch of an epoch is averaged over its own length.
    epochs : int
        Passes over the data.
    loss : {"bce", "mse", "focal"}
        Mean cross-entropy, mean squared error of the sigmoid, or mean focal loss.
    sample_weight : array_like (n,), optional
        At least 0, not all 0: a batch's loss is sum(weight * loss) / len(batch), as
        torch.nn.functional.binary_cross_entropy_with_logits(weight=) has it: the weighted mean of `bce_loss_grad` where
        the batch's weights have the mean 1.
    pos_weight : float, optional
        That of torch.nn.BCEWithLogitsLoss, at least 0: multiplies the loss of the positive class; None with loss="mse".
    shuffle_seed : int, optional
        None: samples in order; an integer >= 0: epoch e takes them in the order of
        numpy.random.default_rng([shuffle_seed, e]).permutation(n).
    first_epoch : int
        Number of the first epoch, e = first_epoch, first_epoch + 1, ...: how many there were before, Run.epoch of the
        run to go on with.
    momentum : float
        That of torch.optim.SGD, without dampening, at least 0: velocity = momentum * velocity + gradient.
    weight_decay : float
        That of torch.optim.SGD, of the bias too, at least 0: weight_decay * (w, b) is added to the gradient, not to the
        loss.
    velocity : array_like, optional
        To start with: Run.velocity of the run to go on with, or (d + 1,), the bias last; None: 0.
    frozen : {None, "w", "b"}
        Which of both stays as it is; None: both are trained.
    history : int
        Keeps every so many steps, 0 none.
    backend : {None, "numba", "torch", "reference"}
        Compiled by Numba or torch, or eager PyTorch; None: "torch" for CUDA tensors, else "numba".
    progress : bool or callable, optional
        True for a tqdm bar, or a callable (done, total) that counts steps.

    Returns
    -------
    Run
        (w (k, d), b (k,), loss (k,)), with `velocity` and `epoch`; k = steps // history or 0 of steps = epochs *
        ceil(n / batch_size): the parameters after each kept step and the minibatch's loss before it.

    Raises
    ------
    ValueError, TypeError
        They name a wrong argument, with `w` and `b` untouched.
    MemoryError
        A history that can't fit, with `w` and `b` untouched.
    FloatingPointError
        Names the step whose loss, or the parameters after it, leave the range of the dtype. After that, or after
        Ctrl-C, `w` and `b` hold the last parameters reached, amid an epoch, and their velocity is lost.

    See Also
    --------
    sgd_ensemble : very many runs at once
    logreg.train : trains a model of PyTorch so

    Notes
    -----
    The compiled run computes in float64 whatever the dtype and rounds what it returns; large batches are shared by all
    threads, with the same bits for any number.

    `velocity` is float64, in torch's units, (d + 1,); that of float32 data is (2, d + 1), with the parameters before
    they were rounded below it. A second run from where `w` and `b` ended, with `velocity=run.velocity` and
    `first_epoch=run.epoch` of the first, is one with it, by the compiled CPU backend to the bit. Parameters that were
    changed in between start as they are.

    To go on after an error or Ctrl-C as if there had been none, train a few epochs a call and keep, after each, copies
    of `w` and `b` with its velocity and epoch: go on from the last ones, after a divergence with another `lr`. From the
    parameters that an interrupted run left, another starts anew, at the start of an epoch and with the velocity 0.

    Examples
    --------
    The lab's run, from a bad start to a model that is right about every sample:

    >>> import numpy as np
    >>> from kernels import sgd_run_
    >>> x = np.arange(-1, 1, 0.1)[:, None]
    >>> y = x > 0.25
    >>> w, b = np.array([5.0]), np.array([10.0])
    >>> run = sgd_run_(x, y, w, b, lr=2, batch_size=3, epochs=100)
    >>> run.w.shape, bool(((x * w + b > 0) == y).all())
    ((700, 1), True)

    It goes on from its velocity and its epoch, so that both are one run:

    >>> settings = {"lr": 0.5, "batch_size": 3, "momentum": 0.9, "shuffle_seed": 0}
    >>> w, b = np.array([5.0]), np.array([10.0])
    >>> first = sgd_run_(x, y, w, b, **settings, epochs=2)
    >>> second = sgd_run_(x, y, w, b, **settings, epochs=3, velocity=first.velocity, first_epoch=first.epoch)
    >>> whole = sgd_run_(x, y, np.array([5.0]), np.array([10.0]), **settings, epochs=5)
    >>> bool((whole.w[-1] == w).all()), second.epoch
    (True, 5)
    """
    usual = sample_weight is None and pos_weight is None and shuffle_seed is None and velocity is None
    if usual and frozen is None and backend is None and progress is None:
        rates, length = (lr, momentum, weight_decay), (batch_size, epochs, first_epoch)
        run_of_few = small_run_(X, y, w, b, rates, length, loss, history)
        if run_of_few is not None:
            return run_of_few
    body = backends.chosen(backend, X=X, y=y, w=w, b=b, sample_weight=sample_weight)
    X_array, y_array = dataset.samples(X, y)
    n, d = X_array.shape
    dtype = arrays.dtype_of(X_array)
    start = models.parameter("w", w, (d,), dtype), models.parameter("b", b, (1,), dtype)
    models.check_no_aliasing(*start, X_array, y_array)
    settings: RunSettings = {
        "lr": numbers.nonnegative("lr", lr),
        "batch_size": min(numbers.integer("batch_size", batch_size, 1), n),
        "epochs": numbers.integer("epochs", epochs, 0),
        "loss": numbers.one_of("loss", loss, LOSSES),
        "shuffle_seed": None if shuffle_seed is None else numbers.integer("shuffle_seed", shuffle_seed, 0),
        "first_epoch": numbers.integer("first_epoch", first_epoch, 0),
        "momentum": numbers.nonnegative("momentum", momentum),
        "weight_decay": numbers.nonnegative("weight_decay", weight_decay),
        "trained": models.trained_beside(frozen, d),
        "history": history,
    }
    steps = numbers.number_of_steps(settings["epochs"], n, settings["batch_size"])
    settings["history"] = min(numbers.integer("history", history, 0), steps + 1)
    if settings["history"]:
        memory.check_fits((steps // settings["history"], d + 2), dtype, [X_array])
    y_array, weight = weighting.of_training(y_array, sample_weight, pos_weight, loss)
    state = models.state_of(velocity, *start, settings["trained"])
    tell = models.version_bumper(w, b)
    with reporter(progress) as report:
        try:
            path = run_on(body, X_array, y_array, weight, state, settings, report)
        finally:
            end: Any = state[1]
            start[0][:], start[1][:] = end[:d], end[d:]
            tell()
    run = Run(*path, epoch=settings["first_epoch"] + settings["epochs"])
    run.velocity = state if dtype == np.float32 else state[0]
    return run_as_kind_of(X, run)


def small_run_(
    X: ArrayLike, y: ArrayLike, w: Array, b: Array, rates: tuple[Any, ...], length: tuple[Any, ...], *others: Any
) -> Run | None:
    """A short run of few samples, or None if that is left to the long way."""
    if type(X) is np.ndarray:
        return numba_cpu.small_runs().run_(X, y, w, b, rates, length, *others)
    tell = models.version_bumper(w, b)
    run = numba_cpu.small_runs().run_(*arrays.seen_by_numpy(X, y, w, b), rates, length, *others)
    if run is None:
        return None
    tell()
    return run_as_kind_of(X, run)


def run_as_kind_of(X: ArrayLike, run: Run) -> Run:
    """The run as tensors where X is one."""
    if not arrays.is_tensor(X):
        return run
    fields: list[Any] = [*run, run.velocity]
    return Run(*(arrays.as_kind_of(X, array) for array in fields), epoch=run.epoch)


def run_on(
    backend: Backend[Any], X: Array, y: Array, weight: Array | None, state: Array, settings: RunSettings, report: Report
) -> Sequence[Array]:
    """The path of a run by a backend, of the kind of X. A backend of arrays looks at values of X and y only if the run
    fails, as it does where one of them isn't finite, or if they are not read."""
    if backend.TENSORS or settings["epochs"] == 0:
        dataset.check_values(X, y)
    start: Any = arrays.copied(state)
    taken = backends.arguments_of(backend, X, y, weight, state)
    try:
        path = backend.runs().sgd_run_(*taken, **settings, progress=report)
    except FloatingPointError:
        end: Any = arrays.copied(state)
        state[:] = start
        dataset.check_values(X, y)
        state[:] = end
        raise
    return [field.numpy() for field in path] if backend.TENSORS and not arrays.is_tensor(X) else path
