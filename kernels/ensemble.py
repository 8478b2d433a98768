"""Training from many starts at once: the public function, check and run."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from kernels import backends, keeping, members, numba_cpu
from kernels.arguments import arrays, memory, models, numbers
from kernels.bodies import EnsembleSettings
from kernels.kinds import Array, ArrayLike, Executor, Path, Progress, Report
from kernels.losses import LOSSES
from kernels.members import Data, Problem, Size
from kernels.progress import reporter
from kernels.results import Ensemble, Run
from kernels.workers.checkpoint import Section
from kernels.workers.runner import HERE, Runner, check_executor


def sgd_ensemble(
    X: ArrayLike | Callable[[], Any],
    y: ArrayLike | None,
    w0: ArrayLike,
    b0: ArrayLike,
    *,
    lr: ArrayLike,
    batch_size: int,
    epochs: int,
    loss: str = "bce",
    sample_weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    momentum: ArrayLike = 0.0,
    weight_decay: ArrayLike = 0.0,
    history_of: Iterable[int] = (),
    backend: str | None = None,
    executor: Executor | None = None,
    checkpoint: Path | None = None,
    progress: Progress = None,
) -> Ensemble:
    """The ends of k runs of minibatch gradient descent on the same data, each from a start of its own, all at once.

    Parameters
    ----------
    X : array_like (n, d), float32 or float64, or callable
        Features, or what returns (X, y) or (X, y, sample_weight) where members are trained.
    y : array_like (n,) or (n, 1)
        Labels in [0, 1]: floats, integers or booleans; None beside a callable.
    w0, b0 : array_like (k, d) and (k,)
        Starts, k >= 1, of the dtype of X; they stay as they are.
    lr : float, or array_like (k,)
        Learning rate, finite, at least 0: a number, or that of each member.
    batch_size : int
        Samples a step, at most all, taken in order; the last batch of an epoch is averaged over its own length.
    epochs : int
        Passes over the data.
    loss : {"bce", "mse", "focal"}
        Mean cross-entropy, mean squared error of the sigmoid, or mean focal loss.
    sample_weight : array_like (n,), optional
        At least 0, not all 0, as `sgd_run_` takes them: the loss of samples is sum(weight * loss) divided by their
        number.
    pos_weight : float, optional
        That of torch.nn.BCEWithLogitsLoss, at least 0; not with loss="mse". Of a label y between 0 and 1 the class in
        `accuracy` and `steps` is then that of y pos_weight / (1 - y + y pos_weight).
    momentum : float, or array_like (k,)
        That of torch.optim.SGD, without dampening, finite, at least 0: velocity = momentum * velocity + gradient, from
        0.
    weight_decay : float, or array_like (k,)
        That of torch.optim.SGD, of the bias too, finite, at least 0: weight_decay * (w, b) is added to the gradient,
        not to the loss.
    history_of : iterable of int
        Members, from 0 to k - 1, whose every step is returned too.
    backend : {None, "numba", "torch", "reference"}
        Compiled by Numba or torch, or eager PyTorch; None: "torch" for CUDA tensors, else "numba".
    executor : concurrent.futures.Executor, optional
        Whose workers train the members, some at a time: a process pool, `Client.get_executor()` of Dask,
        `MPIPoolExecutor`. Arrays are sent with each task; a callable X is called once by each process that needs it,
        and what it returned stays there until another one is.
    checkpoint : str, bytes or os.PathLike, optional
        A file in which ends are kept as there are more, every few seconds: the same call goes on from there after it
        was killed, to the same bits. It stays when the call ends.
    progress : bool or callable, optional
        True for a tqdm bar, or a callable (done, total) that counts steps of all members and, once more, of those with
        a history; with `executor` as tasks end.

    Returns
    -------
    Ensemble
        (w (k, d), b, loss, accuracy, steps (k,), history): the trained parameters, their loss and accuracy on all the
        data, and the first step after which every sample was classified correctly, 0 being the start, even if it later
        wasn't, or -1. `history` is the Run of the m members asked for, w (m, steps, d), b (m, steps) after each step
        and loss (m, steps) of the minibatch before it. Accuracy and steps count every sample, whatever its weight. A
        member diverges where a minibatch's loss or its parameters leave the range of the dtype: it has NaN everywhere
        and -1 steps, in its history NaN from then on, and stops nobody.

    Raises
    ------
    ValueError, TypeError
        They name a wrong argument.
    MemoryError
        Before allocating what can't fit.
    concurrent.futures.BrokenExecutor
        The executor lost its workers; it says what is done and where it is kept.

    See Also
    --------
    sgd_run_ : one run, in place
    logreg.study_starts : random starts, and what they lead to

    Notes
    -----
    A member is the run that `sgd_run_` makes from its start by its rates, but for rounding: members are computed in the
    dtype of X, with compensated sums of steps [1]_, and by "numba" have the same bits wherever they stand among how
    many, by whatever rates, and on whatever number of threads; by "torch" in float64 on the CPU and, of more than 16
    features, on a card. Loss and accuracy are evaluated in float64 and rounded once.

    With `executor` or `checkpoint` members are trained in tasks: of a second or two or a megabyte of starts, if these
    are more than 256 members, and no more tasks than about 1000, by shapes and settings alone.

    References
    ----------
    .. [1] W. Kahan, "Further remarks on reducing truncation errors", Communications of the ACM 8, 1965.

    Examples
    --------
    The lab's data from three starts, and from one of them by three learning rates:

    >>> import numpy as np
    >>> from kernels import sgd_ensemble
    >>> x = np.arange(-1, 1, 0.1)[:, None]
    >>> y = x[:, 0] > 0.25
    >>> w0, b0 = np.array([[5.0], [0.0], [-15.0]]), np.array([10.0, 0.5, -10.0])
    >>> ends = sgd_ensemble(x, y, w0, b0, lr=2, batch_size=3, epochs=100)
    >>> ends.steps.tolist(), ends.accuracy.tolist()
    ([25, 10, 31], [1.0, 1.0, 1.0])
    >>> ends = sgd_ensemble(x, y, np.full((3, 1), -15.0), np.full(3, -10.0), lr=[0.02, 0.2, 2], batch_size=3, epochs=20)
    >>> ends.accuracy.round(2).tolist()
    [0.45, 0.5, 1.0]
    """
    usual = sample_weight is None and pos_weight is None and backend is None and progress is None
    usual = usual and executor is None and checkpoint is None
    plain = type(momentum) is type(weight_decay) is float and momentum == weight_decay == 0
    if usual and plain and type(history_of) is tuple and not history_of:
        given = (X, y, w0, b0) if type(X) is np.ndarray else arrays.seen_by_numpy(X, y, w0, b0)
        ends = numba_cpu.small_ensembles().sgd_ensemble(*given, lr, (batch_size, epochs), loss)
        if ends is not None:
            return ends if type(X) is np.ndarray else as_kind_of(X, ends)
    rates = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
    own = {name: rate for name, rate in rates.items() if models.has_many(rate)}
    named: dict[str, Any] = {"X": X, "y": y, "w0": w0, "b0": b0, "sample_weight": sample_weight, **own}
    name = backends.NAMES[backends.chosen(backend, **named)]
    if check_executor(executor) is not None:
        check_on_host(named)
    data = members.data_of(X, y, sample_weight, pos_weight, numbers.one_of("loss", loss, LOSSES))
    starts = starts_for(data, w0, b0)
    k = len(starts[1])
    settings: EnsembleSettings = {
        "batch_size": numbers.integer("batch_size", batch_size, 1),
        "epochs": numbers.integer("epochs", epochs, 0),
        "loss": loss,
        "history_of": numbers.members("history_of", history_of, k),
    }
    of_data = backend if callable(X) else name
    problem = Problem(data, starts, models.rates_of_members(k, **rates), settings, of_data)
    runner, title = runner_of(executor, checkpoint, problem, name)
    with reporter(progress) as report:
        found = trained(problem, runner, title, report)
    if runner.kept is not None and not isinstance(checkpoint, Section):
        runner.kept.write()
    return as_kind_of(X, found)


def check_on_host(named: dict[str, Any]) -> None:
    """Refuses what is on a card, which an executor's workers needn't have."""
    for name, value in named.items():
        if arrays.is_cuda(value):
            accepted = "arrays and CPU tensors, or a callable X that returns what is on a worker's card"
            raise ValueError(f"{name} is on {value.device} beside executor; accepted: {accepted}")


def starts_for(data: Any, w0: ArrayLike, b0: ArrayLike) -> tuple[Array, Array]:
    """Starts for Data, w0 (k, d) and b0 (k,); for what is yet to be read as they are."""
    if isinstance(data, Data):
        return models.starts(w0, b0, data.X.shape[1], arrays.dtype_of(data.X))
    w: Any = arrays.float_array("w0", w0)
    if w.ndim != 2:
        raise ValueError(f"w0 has shape {tuple(w.shape)}; accepted: (k, d) with k >= 1")
    return models.starts(w, b0, w.shape[1], arrays.dtype_of(w))


def runner_of(
    executor: Executor | None, checkpoint: Path | Section | None, problem: Problem, backend: str
) -> tuple[Runner, str]:
    """Who trains the members of a Problem by a backend of this name, and where their ends are kept; and a title."""
    if isinstance(checkpoint, Section):
        return Runner(executor, checkpoint.kept), checkpoint.title
    if checkpoint is None:
        return HERE if executor is None else Runner(executor), "members"
    kept = keeping.kept_at(checkpoint, "sgd_ensemble", backend, **members.prints_of(problem))
    return Runner(executor, kept), "members"


def trained(problem: Problem, runner: Runner, title: str, report: Report) -> Ensemble:
    """The ends of all members."""
    data = problem.data
    try:
        size = members.size_of(problem, runner, title)
        if not isinstance(data, Data):
            models.starts(*problem.starts, size.d, size.dtype)
        problem = fitted(problem, size)
        if runner is HERE and isinstance(data, Data):
            return members.run(problem, report)
        return members.by_tasks(problem, size, runner, title, report)
    finally:
        if not isinstance(data, Data):
            data.forget()


def fitted(problem: Problem, size: Size) -> Problem:
    """The Problem with batches that are no longer than the data, if its results fit into memory."""
    settings, k, rates = problem.settings, len(problem.starts[1]), problem.rates
    batch_size = min(settings["batch_size"], size.n)
    steps = numbers.number_of_steps(settings["epochs"], size.n, batch_size)
    count = k * numbers_of_member(size.d, rates) + len(settings["history_of"]) * steps * (size.d + 2)
    memory.check_fits((count,), size.dtype, problem.starts)
    return problem._replace(settings={**settings, "batch_size": batch_size})


def numbers_of_member(d: int, rates: Array) -> int:
    """How many there are of the dtype of X, about: parameters and results, and rates and the last step, if any."""
    of_rates = 0 if rates.size == 1 else 6 * len(rates)
    return 2 * (d + 4) + of_rates + (0 if len(rates) == 1 else d + 1)


def as_kind_of(X: Any, found: Ensemble) -> Ensemble:
    """The result as tensors where X is one, else as arrays."""
    w, b, of_loss, accuracy, first_correct = (arrays.as_kind_of(X, field) for field in found[:-1])
    history = Run(*(arrays.as_kind_of(X, field) for field in found.history))
    return Ensemble(w, b, of_loss, accuracy, first_correct, history)
