"""Training many models at once on the CPU: launches, histories and ends."""

import numpy as np

from kernels.kinds import Report
from kernels.mathematics.divergence import losses_may_overflow
from kernels.numba_cpu.runtime.launch import launch, threads
from kernels.numba_cpu.training.member_costs import costs, losses_along
from kernels.numba_cpu.training.member_rates import own_rates, part_of
from kernels.numba_cpu.training.members import (
    LANES,
    Groups,
    Training,
    from_lanes,
    in_lanes,
    parts,
    samples_at_once,
    signed_samples,
)
from kernels.numba_cpu.training.members_of_features import features_f32, features_f64
from kernels.numba_cpu.training.members_of_one_feature import extreme_samples, one_feature_f32, one_feature_f64
from kernels.progress import counted
from kernels.results import Ensemble, Run

OPERATIONS_PER_SAMPLE = 25  # what a sigmoid costs, in multiply-adds
PATH_BYTES = 2**24  # of the history in one launch
KERNELS = {"f": (one_feature_f32, features_f32), "d": (one_feature_f64, features_f64)}


def operations(size):
    """Multiply-adds of one sample with `size` parameters."""
    return 2 * size + OPERATIONS_PER_SAMPLE


def models_at_once(samples, epochs):
    """How many models a launch of all threads may take through the whole run: whole groups for every thread."""
    n, size = samples.rows.shape
    fair = LANES[samples.rows.dtype.char] * threads()
    return max(1, samples_at_once(fair, operations(size)) // max(1, epochs * n)) * fair


def train(samples, models, settings, watched, history, advance):
    """Trains models, from starts (m, d + 1) and by `own_rates` or None; returns them as (groups, d + 1, lanes), and
    their first correct steps (groups, lanes).

    Models whose losses overflow are looked for if `watched`. Fills `history`, a Run of the m models, unless it is None.
    `advance` is told of steps, those of all models.
    """
    (start, own), (batch_size, lr, epochs) = models, settings
    n, size = samples.rows.shape
    theta = in_lanes(start)
    groups, _, lanes = theta.shape
    state = np.zeros((groups, 3, size, lanes), start.dtype)
    state[:, 0] = theta
    rates, drift = rates_and_drift(own, size)
    first_correct = np.full((groups, lanes), -1)
    looked_through = extreme_samples(samples.rows) if size == 2 else orders(groups, n)
    kernel = KERNELS[start.dtype.char][size > 2]
    at_once, looked_at = samples_at_once(groups * lanes, operations(size)), watched or history is not None
    if looked_at:
        at_once = min(at_once, max(1, PATH_BYTES // theta.nbytes) * batch_size)
    for first in range(0, max(1, epochs * n), at_once):
        last = min(first + at_once, epochs * n)
        steps = slice(*(at // n * -(-n // batch_size) + at % n // batch_size for at in (first, last)))
        entries = steps.stop - steps.start if looked_at else 0
        path = np.empty((groups, 1 + entries, size, lanes), start.dtype)
        path[:, :1] = state[:, :1]
        work = groups * lanes * (last - first) * operations(size)
        training = Training(batch_size, lr, first, last)
        launch(kernel, work, samples, looked_through, training, Groups(state, first_correct, path, rates, drift))
        if looked_at:
            losses = losses_along(samples, batch_size, steps.start, path)
            if watched:
                fail(losses, path, state)
            if history is not None:
                keep(losses, steps, path, history)
        if steps.stop > steps.start:
            advance(len(start) * (steps.stop - steps.start))
    return state[:, 0].copy(), first_correct


def rates_and_drift(own, size):
    """Those of `Groups`, at the start, of models with their `own_rates` (m, 2 or 4), or None."""
    if own is None:
        return None, None
    rates = in_lanes(own[:, :2])
    if own.shape[1] == 2:
        return rates, None
    drift = np.zeros((len(rates), 2 + size, rates.shape[2]), own.dtype)
    drift[:, :2] = in_lanes(own[:, 2:])
    return rates, drift


def orders(groups, n):
    """The order of the samples for each group (groups, n)."""
    order = np.empty((groups, n), np.intp)
    order[:] = np.arange(n)
    return order


def fail(losses, path, state):
    """Makes NaN of what comes after a loss beyond the range of the dtype: of it, the path and the state."""
    failed = np.logical_or.accumulate(~(losses <= np.finfo(path.dtype).max), axis=1)
    losses[failed] = np.nan
    path[:, 1:].swapaxes(2, 3)[failed] = np.nan
    state[:, 0].swapaxes(1, 2)[failed.any(axis=1)] = np.nan


def keep(losses, steps, path, history):
    """Writes the steps of a launch, and the losses before them, to `history`, from `path` (groups, steps + 1, d + 1,
    lanes), the state before first.

    Nothing but NaN follows a step that isn't finite.
    """
    models = len(history.b)
    theta = from_lanes(path, models)
    theta[~np.isfinite(theta).all(axis=-1)] = np.nan
    history.w[:, steps], history.b[:, steps] = theta[:, 1:, :-1], theta[:, 1:, -1]
    losses = from_lanes(losses, models)
    history.loss[:, steps] = np.where(np.isnan(theta[:, :-1, -1]), np.nan, losses)


@np.errstate(over="ignore")
def write_ends(samples, theta, first_correct, ends, part):
    """Writes what models have come to, from their lanes, which it may change, to a part of `ends`, an Ensemble."""
    means = costs(samples, theta)
    diverged = ~np.isfinite(theta).all(axis=1)
    if diverged.any():
        theta.swapaxes(1, 2)[diverged], means.swapaxes(1, 2)[diverged], first_correct[diverged] = np.nan, np.nan, -1
    models = part.stop - part.start
    ends.b[part], ends.loss[part], ends.accuracy[part], ends.steps[part] = (
        values.reshape(-1)[:models] for values in (theta[:, -1], means[:, 0], means[:, 1], first_correct)
    )
    ends.w[part] = from_lanes(theta[:, :-1], models)


def sgd_ensemble(
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray | None,
    rates: np.ndarray,
    w0: np.ndarray,
    b0: np.ndarray,
    *,
    progress: Report,
    batch_size: int,
    epochs: int,
    loss: str,
    history_of: np.ndarray,
) -> Ensemble:
    """`kernels.sgd_ensemble` on checked arrays: X (n, d), y and weights or None (n,), w0 (k, d) and b0 (k,) of one
    dtype, rates (1 or 3, 1 or k), history_of (m,); at most n samples a batch. Members with a history are trained again,
    so that the others needn't keep theirs."""
    (k, d), m, dtype = w0.shape, len(history_of), X.dtype
    steps = epochs * -(-len(y) // batch_size)
    samples, start = signed_samples(X, y, weight, loss), np.empty((k, d + 1), dtype)
    start[:, :d], start[:, d] = w0, b0
    own = own_rates(rates, batch_size, len(y), k, dtype)
    settings = batch_size, 0.0 if own is not None else rates.item(), epochs
    watched = losses_may_overflow(X, weight, (w0, b0), steps, rates, loss)
    history = Run(np.empty((m, steps, d), dtype), *np.empty((2, m, steps), dtype))
    of_loss, accuracy = np.empty((2, k), dtype)
    ends = Ensemble(np.empty((k, d), dtype), np.empty(k, dtype), of_loss, accuracy, np.empty(k, np.int64), history)
    advance = counted(progress, (k + m) * steps)

    def models(some):
        return start[some], part_of(own, some)

    at_once = models_at_once(samples, epochs)
    for part in parts(k, at_once):
        theta, first_correct = train(samples, models(part), settings, watched, None, advance)
        write_ends(samples, theta, first_correct, ends, part)
    for part in parts(m, at_once):
        kept = Run(*(field[part] for field in history))
        train(samples, models(history_of[part]), settings, watched, kept, advance)
    return ends
