"""Training from many starts at once: the public function, check and run."""

from collections.abc import Iterable

import numpy as np

from kernels import backends, numba_cpu
from kernels.arguments import arrays, dataset, memory, models, numbers, weighting
from kernels.bodies import EnsembleSettings
from kernels.kinds import Array, ArrayLike, Progress
from kernels.losses import LOSSES
from kernels.progress import reporter
from kernels.results import Ensemble, Run


def sgd_ensemble(
    X: ArrayLike,
    y: ArrayLike,
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
    progress: Progress = None,
) -> Ensemble:
    """k runs of minibatch gradient descent on the same data, each from a start of its own, all at once.

    X              features (n, d), float32 or float64
    y              labels in [0, 1], (n,) or (n, 1): floats, integers or booleans
    w0, b0         starts, (k, d) and (k,), k >= 1, of the dtype of X; they stay as they are
    lr             learning rate, finite, >= 0: a number, or (k,), that of each member
    batch_size     samples a step, at most all, taken in order; the last batch of an epoch is averaged over its own
                   length
    epochs         passes over the data
    loss           "bce": mean cross-entropy; "mse": mean squared error of the sigmoid; "focal": mean focal loss
    sample_weight  (n,) >= 0, not all 0, as `sgd_run_` takes them: the loss of samples is sum(weight * loss) divided by
                   their number
    pos_weight     that of torch.nn.BCEWithLogitsLoss, a number >= 0; not with loss="mse". Of a label y between 0 and 1
                   the class in `accuracy` and `steps` is then that of y pos_weight / (1 - y + y pos_weight)
    momentum       of torch.optim.SGD, without dampening: velocity = momentum * velocity + gradient, from 0; a number or
                   (k,), finite, >= 0
    weight_decay   of torch.optim.SGD, of the bias too: weight_decay * (w, b) is added to the gradient, not to the loss;
                   a number or (k,), finite, >= 0
    history_of     members, from 0 to k - 1, whose every step is returned too
    backend        "numba" or "torch": compiled by either; "reference": eager PyTorch; None: "torch" for CUDA tensors,
                   else "numba"
    progress       True for a tqdm bar, or a callable (done, total) that counts steps of all members and, once more, of
                   those with a history

    Returns Ensemble(w (k, d), b, loss, accuracy, steps (k,), history): the trained parameters, their loss and accuracy
    on all the data, and the first step after which every sample was classified correctly, 0 being the start, even if it
    later wasn't, or -1. `history` is the Run of the m members asked for, w (m, steps, d), b (m, steps) after each step
    and loss (m, steps) of the minibatch before it. Accuracy and steps count every sample, whatever its weight. A member
    diverges where a minibatch's loss or its parameters leave the range of the dtype: it has NaN everywhere and -1
    steps, in its history NaN from then on, and stops nobody.

    A member is the run that `sgd_run_` makes from its start by its rates, but for rounding: members are computed in the
    dtype of X, with compensated sums of steps (Kahan), and by "numba" have the same bits wherever they stand among how
    many, by whatever rates, and on whatever number of threads; by "torch" in float64 on the CPU and, of more than 16
    features, on a card. Loss and accuracy are evaluated in float64 and rounded once.

    Raises ValueError or TypeError that name a wrong argument, and MemoryError before allocating what can't fit.
    """
    usual = sample_weight is None and pos_weight is None and backend is None and progress is None
    plain = type(momentum) is type(weight_decay) is float and momentum == weight_decay == 0
    if usual and plain and type(history_of) is tuple and not history_of:
        given = (X, y, w0, b0) if type(X) is np.ndarray else arrays.seen_by_numpy(X, y, w0, b0)
        ends = numba_cpu.small_ensembles().sgd_ensemble(*given, lr, (batch_size, epochs), loss)
        if ends is not None:
            return ends if type(X) is np.ndarray else as_kind_of(X, ends)
    rates = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
    own = {name: rate for name, rate in rates.items() if models.has_many(rate)}
    body = backends.chosen(backend, X=X, y=y, w0=w0, b0=b0, sample_weight=sample_weight, **own)
    X_array = dataset.features("X", X)
    n, d = X_array.shape
    dtype = arrays.dtype_of(X_array)
    y_array = dataset.labels(y, n, dtype)
    starts = models.starts(w0, b0, d, dtype)
    k = len(starts[1])
    rates_of_members = models.rates_of_members(k, **rates)
    settings: EnsembleSettings = {
        "batch_size": min(numbers.integer("batch_size", batch_size, 1), n),
        "epochs": numbers.integer("epochs", epochs, 0),
        "loss": numbers.one_of("loss", loss, LOSSES),
        "history_of": numbers.members("history_of", history_of, k),
    }
    steps = numbers.number_of_steps(settings["epochs"], n, settings["batch_size"])
    count = k * numbers_of_member(d, rates_of_members) + len(settings["history_of"]) * steps * (d + 2)
    memory.check_fits((count,), dtype, [X_array])
    y_array, weight = weighting.in_dtype(*weighting.of_training(y_array, sample_weight, pos_weight, loss), dtype)
    taken = backends.arguments_of(body, X_array, y_array, weight, rates_of_members, *starts)
    with reporter(progress) as report:
        found = body.ensembles().sgd_ensemble(*taken, **settings, progress=report)
    return as_kind_of(X, found)


def numbers_of_member(d: int, rates: Array) -> int:
    """How many there are of the dtype of X, about: parameters and results, and rates and the last step, if any."""
    of_rates = 0 if rates.size == 1 else 6 * len(rates)
    return 2 * (d + 4) + of_rates + (0 if len(rates) == 1 else d + 1)


def as_kind_of(X: ArrayLike, found: Ensemble) -> Ensemble:
    """The result as tensors where X is one, else as arrays."""
    w, b, of_loss, accuracy, first_correct = (arrays.as_kind_of(X, field) for field in found[:-1])
    history = Run(*(arrays.as_kind_of(X, field) for field in found.history))
    return Ensemble(w, b, of_loss, accuracy, first_correct, history)
