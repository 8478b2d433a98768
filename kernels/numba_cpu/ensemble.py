"""Training many models at once on the CPU: models in the lanes of a vector, every thread with models of its own.

A sample of class 1 has the sign 1, one of class 0 the sign -1, and y' = min(y, 1 - y) is its label's distance from its
class. With signed rows r = sign (x, 1) and theta = (w, b) the margin is m = r.theta, and with s = 1 / (1 + e^m) the
cost is softplus(-m) + y' m or (s - y')^2, with derivatives y' - s and -2 (s - y') s (1 - s) by m. The bias is the
weight of the last column, and nothing cancels.

Models compute in the dtype of the data. Parameters are carried with what rounding takes from them at each step, which
would otherwise be most of the error. Whether a sample is classified correctly goes by the logit in float64, or by one
that is sure to have its sign.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange, types

from kernels.divergence import losses_may_overflow
from kernels.numba_cpu.elementary import LOG2_E, exp2, exp_normal, log1p_scaled
from kernels.numba_cpu.launch import launch, parallel_kernel, threads
from kernels.numba_cpu.products import EXPONENT_OFFSET, normalised, times
from kernels.numba_cpu.simd import (
    Vector,
    absolute,
    fma,
    lanes_set,
    load,
    register_bytes,
    select,
    splat,
    store,
    to_float,
)
from kernels.progress import counted
from kernels.results import Ensemble, Run

# Four registers of models are four chains of dependent operations, enough to hide most of their latency.
SINGLE, DOUBLE = Vector(types.float32, register_bytes()), Vector(types.float64, register_bytes() // 2)
SINGLE_WIDE, SINGLE_STEPS = SINGLE.of(types.float64), SINGLE.of(types.int64)
DOUBLE_STEPS = DOUBLE.of(types.int64)
LANES = {"f": SINGLE.lanes, "d": DOUBLE.lanes}
PART = register_bytes() // 4
WIDE_PART = Vector(types.float64, PART)

OPERATIONS_PER_THREAD = 500_000_000  # multiply-adds of one launch, of all lanes: well under 0.1 s, for Ctrl-C
OPERATIONS_PER_SAMPLE = 25  # what a sigmoid costs, in multiply-adds
OPERATIONS_PER_COST = 100  # what a cost in float64 does
PATH_BYTES = 2**24  # of the history in one launch
SIDE_BY_SIDE = 4  # groups of one feature that a thread has at once: what a step waits for in one is done in another
COST_BLOCK = 64  # samples that share a logarithm


class Samples(NamedTuple):
    """Signed rows (n, d + 1), the same times the samples' weights and times log2 e, distances of the labels from their
    classes (n,), whether the squared error is minimised, and the weights (n,) or None."""

    rows: np.ndarray
    pulls: np.ndarray
    powers: np.ndarray
    distance: np.ndarray
    squared: bool
    weight: np.ndarray | None


# One group: the models in the lanes of one vector


@njit(forceinline=True)
def push(power, distance, squared):
    """Minus the derivative of a sample's cost by its margin, the logarithm of 2^power."""
    e, above = exp2(power)
    s = 1.0 / above
    error = s - distance
    return error * (s * e * s * 2.0) if squared else error


@njit(forceinline=True)
def moved(theta, lost, gradient, rate):
    """theta + rate gradient, and what rounding took from it, now or before (Kahan)."""
    step = fma(gradient, rate, lost)
    total = theta + step
    return total, step - (total - theta)


@njit(forceinline=True)
def rounded_twice(x, y, z):
    return x * y + z


@njit(forceinline=True)
def is_right(margin, sign):
    """Whether class 1 has z > 0 and class 0 has z <= 0, by the margin sign z."""
    return margin > 0.0 if sign > 0.0 else margin >= 0.0


@njit(forceinline=True)
def all_right_of_one(logit, w, b, checked, waiting):
    """Which of the `waiting` models are right in every sample: as z is monotone in x, those `checked` decide."""
    for i in range(checked.shape[0]):
        sign = checked[i, 1]
        waiting = waiting & is_right(logit(w, checked[i, 0], b * sign), sign)
    return waiting


@njit(forceinline=True)
def noted(numbers, reached, at, right, step):
    """Notes the step for the models, from `at` on, that are right in every sample now; returns which have yet to be."""
    before = load(numbers, reached, at)
    after = select((before == -1) & right, step, before)
    store(reached, at, after)
    return after == -1


@njit(forceinline=True)
def some_waiting(numbers, logit, checked, reached, at, w, b, step):
    """Notes the step where it is due, and whether models of the group have yet to be right."""
    waiting = load(numbers, reached, at) == -1
    right = all_right_of_one(logit, w, b, checked, waiting)
    if lanes_set(right) > 0:
        waiting = noted(numbers, reached, at, right, step)
    return lanes_set(waiting) > 0


@njit(forceinline=True)
def run_one_feature(members, numbers, logit, samples, checked, settings, first, last, groups):
    """The runs of some groups with one feature, side by side, from sample number `first` to `last`.

    `members` and `numbers` are the vectors of models and of their steps; `logit`, of w, x, b, has the sign that it has
    in float64. Of each group, `state` (3, 2, lanes) holds w and b, what rounding took from them, and the gradient of a
    batch that isn't complete; `reached` (lanes,) the step at which every sample was right first, or -1. Parameters
    after each step go to `path` (1 + steps, 2, lanes), from its second entry on, as far as it has room.
    """
    (pulls, powers, distance, squared), (batch_size, lr), (state, reached, path) = samples, settings, groups
    n, lanes, room = distance.size, reached.shape[1], path.shape[1]
    row = first % n
    begin = row // batch_size * batch_size
    step = first // n * ((n + batch_size - 1) // batch_size) + row // batch_size
    waiting = np.ones(SIDE_BY_SIDE, np.bool_)
    if row == begin:
        for g in range(state.shape[0]):
            w, b = load(members, state, 6 * g * lanes), load(members, state, (6 * g + 1) * lanes)
            waiting[g] = some_waiting(numbers, logit, checked, reached, g * lanes, w, b, step)
    kept = 1
    while first < last:
        end = min(begin + batch_size, n)
        stop = min(end, row + last - first)
        complete = stop == end
        step += complete
        for g in range(state.shape[0]):
            at = 6 * g * lanes
            w, b = load(members, state, at), load(members, state, at + lanes)
            by_w, by_b = splat(members, 0.0), splat(members, 0.0)
            if row > begin:
                by_w, by_b = load(members, state, at + 4 * lanes), load(members, state, at + 5 * lanes)
            for i in range(row, stop):
                force = push(fma(w, powers[i, 0], b * powers[i, 1]), distance[i], squared)
                by_w, by_b = fma(force, pulls[i, 0], by_w), fma(force, pulls[i, 1], by_b)
            if complete:
                w, w_lost = moved(w, load(members, state, at + 2 * lanes), by_w, lr / (end - begin))
                b, b_lost = moved(b, load(members, state, at + 3 * lanes), by_b, lr / (end - begin))
                store(state, at, w)
                store(state, at + lanes, b)
                store(state, at + 2 * lanes, w_lost)
                store(state, at + 3 * lanes, b_lost)
                if waiting[g]:
                    waiting[g] = some_waiting(numbers, logit, checked, reached, g * lanes, w, b, step)
                if kept < room:
                    store(path, 2 * (g * room + kept) * lanes, w)
                    store(path, (2 * (g * room + kept) + 1) * lanes, b)
            else:
                store(state, at + 4 * lanes, by_w)
                store(state, at + 5 * lanes, by_b)
        kept += complete
        first += stop - row
        row = stop if stop < n else 0
        begin = row if complete else begin


@njit(forceinline=True)
def wide_margin(wide, rows, i, theta, lane, lanes):
    """Margins of sample `i` in float64, every operation rounded, by `theta` (d + 1, lanes) from a given lane."""
    margin = splat(wide, 0.0)
    for j in range(rows.shape[1]):
        margin = margin + load(wide, theta, j * lanes + lane) * rows[i, j]
    return margin


@njit(forceinline=True)
def cost_of(margin, distance, squared):
    if squared:
        error = 1.0 / (exp_normal(margin) + 1.0) - distance
        return error * error
    e = exp_normal(-absolute(margin))
    cost = log1p_scaled(e, e * 0.0) + select(margin < 0.0, -margin, 0.0)
    return fma(margin, distance, cost) if distance != 0.0 else cost


@njit(forceinline=True)
def with_costs(cost, right, rows, distance, squared, weight, start, stop, theta, lane):
    """Adds the costs of the samples [start, stop), times their weights unless these are None, and the number that is
    right, by `theta` (d + 1, lanes)."""
    size, lanes = theta.shape
    if weight is not None:
        for i in range(start, stop):
            margin = wide_margin(WIDE_PART, rows, i, theta, lane, lanes)
            right = right + select(is_right(margin, rows[i, size - 1]), 1.0, 0.0)
            if weight[i] > 0.0:
                cost = fma(cost_of(margin, distance[i], squared), weight[i], cost)
        return cost, right
    for first in range(start, stop, COST_BLOCK):
        product = splat(WIDE_PART, 0.0)
        for i in range(first, min(first + COST_BLOCK, stop)):
            margin = wide_margin(WIDE_PART, rows, i, theta, lane, lanes)
            right = right + select(is_right(margin, rows[i, size - 1]), 1.0, 0.0)
            if squared:
                error = 1.0 / (exp_normal(margin) + 1.0) - distance[i]
                cost = fma(error, error, cost)
            else:
                product = times(product, exp_normal(-absolute(margin)))
                cost = cost + select(margin < 0.0, -margin, 0.0)
                if distance[i] != 0.0:
                    cost = fma(margin, distance[i], cost)
        product, exponent = normalised(product, 0)
        cost = cost + log1p_scaled(product, to_float(exponent - EXPONENT_OFFSET))
    return cost, right


@njit(forceinline=True)
def all_right(wide, rows, order, state, lanes, waiting):
    """Which of the `waiting` models are right in every sample.

    A sample that rules one of them out moves to the front of `order`: it is likely to do so after the next step too.
    """
    front = 0
    for k in range(order.size):
        if lanes_set(waiting) == 0:
            break
        i = order[k]
        right = waiting & is_right(wide_margin(wide, rows, i, state, 0, lanes), rows[i, rows.shape[1] - 1])
        if lanes_set(right) < lanes_set(waiting):
            order[k], order[front] = order[front], i
            front += 1
            waiting = right
    return waiting


@njit(forceinline=True)
def add_gradient(members, pulls, powers, i, distance, squared, state, size, lanes):
    """Adds the gradient of one sample to the third part of `state` (3, d + 1, lanes)."""
    power = splat(members, 0.0)
    for j in range(size):
        power = fma(load(members, state, j * lanes), powers[i, j], power)
    force = push(power, distance[i], squared)
    for j in range(size):
        at = (2 * size + j) * lanes
        store(state, at, fma(force, pulls[i, j], load(members, state, at)))


@njit(forceinline=True)
def take_step(members, rate, state, size, lanes):
    """Moves the parameters by the gradient, which is then zero."""
    for j in range(size):
        at, lost, gradient = j * lanes, (size + j) * lanes, (2 * size + j) * lanes
        old = load(members, state, at), load(members, state, lost), load(members, state, gradient)
        theta, remainder = moved(*old, rate)
        store(state, at, theta)
        store(state, lost, remainder)
        store(state, gradient, splat(members, 0.0))


@njit(forceinline=True)
def run_features(members, numbers, wide, samples, order, settings, first, last, group):
    """As `run_one_feature` for any number of features, with the parameters in `state` (3, d + 1, lanes); `wide` are as
    many float64 as there are members."""
    (rows, pulls, powers, distance, squared), (batch_size, lr), (state, reached, path) = samples, settings, group
    (n, size), lanes = rows.shape, reached.size
    row = first % n
    begin = row // batch_size * batch_size
    step = first // n * ((n + batch_size - 1) // batch_size) + row // batch_size
    waiting = load(numbers, reached, 0) == -1
    kept = 1
    while True:
        if row == begin and lanes_set(waiting) > 0:
            right = all_right(wide, rows, order, state, lanes, waiting)
            if lanes_set(right) > 0:
                waiting = noted(numbers, reached, 0, right, step)
        if first == last:
            break
        end = min(begin + batch_size, n)
        stop = min(end, row + last - first)
        for i in range(row, stop):
            add_gradient(members, pulls, powers, i, distance, squared, state, size, lanes)
        first += stop - row
        row = stop if stop < n else 0
        if stop == end:
            step += 1
            take_step(members, lr / (end - begin), state, size, lanes)
            begin = row
            if kept < path.shape[0]:
                for j in range(size):
                    store(path, (kept * size + j) * lanes, load(members, state, j * lanes))
                kept += 1


# All groups: the first axis of `state`, `reached`, `path` and, with several features, `order`


@parallel_kernel
def one_feature_single(
    rows, pulls, powers, distance, squared, checked, batch_size, lr, first, last, state, reached, path
):
    for job in prange((state.shape[0] + SIDE_BY_SIDE - 1) // SIDE_BY_SIDE):
        some = slice(job * SIDE_BY_SIDE, (job + 1) * SIDE_BY_SIDE)
        samples, settings = (pulls, powers, distance, squared), (batch_size, lr)
        groups = state[some], reached[some], path[some]
        run_one_feature(SINGLE, SINGLE_STEPS, fma, samples, checked, settings, first, last, groups)


@parallel_kernel
def one_feature_double(
    rows, pulls, powers, distance, squared, checked, batch_size, lr, first, last, state, reached, path
):
    for job in prange((state.shape[0] + SIDE_BY_SIDE - 1) // SIDE_BY_SIDE):
        some = slice(job * SIDE_BY_SIDE, (job + 1) * SIDE_BY_SIDE)
        samples, settings = (pulls, powers, distance, squared), (batch_size, lr)
        groups = state[some], reached[some], path[some]
        run_one_feature(DOUBLE, DOUBLE_STEPS, rounded_twice, samples, checked, settings, first, last, groups)


@parallel_kernel
def features_single(rows, pulls, powers, distance, squared, order, batch_size, lr, first, last, state, reached, path):
    for g in prange(state.shape[0]):
        samples, settings = (rows, pulls, powers, distance, squared), (batch_size, lr)
        group = state[g], reached[g], path[g]
        run_features(SINGLE, SINGLE_STEPS, SINGLE_WIDE, samples, order[g], settings, first, last, group)


@parallel_kernel
def features_double(rows, pulls, powers, distance, squared, order, batch_size, lr, first, last, state, reached, path):
    for g in prange(state.shape[0]):
        samples, settings = (rows, pulls, powers, distance, squared), (batch_size, lr)
        group = state[g], reached[g], path[g]
        run_features(DOUBLE, DOUBLE_STEPS, DOUBLE, samples, order[g], settings, first, last, group)


@parallel_kernel
def add_costs(rows, distance, squared, weight, start, stop, theta, sums):
    """Adds the costs, and the number that is right, of the samples [start, stop) at `theta` (groups, d + 1, lanes) to
    `sums` (groups, 2, lanes), float64."""
    lanes = theta.shape[2]
    for g in prange(theta.shape[0]):
        for lane in range(0, lanes, PART):
            cost, right = load(WIDE_PART, sums[g], lane), load(WIDE_PART, sums[g], lanes + lane)
            cost, right = with_costs(cost, right, rows, distance, squared, weight, start, stop, theta[g], lane)
            store(sums[g], lane, cost)
            store(sums[g], lanes + lane, right)


@parallel_kernel
def batch_losses(rows, distance, squared, weight, batch_size, step, path, losses):
    """Mean costs (groups, steps, lanes) of the batches of steps number `step` and following, each at its entry of
    `path` (groups, steps + 1, d + 1, lanes)."""
    n = distance.size
    for g in prange(losses.shape[0]):
        for k in range(losses.shape[1]):
            start = (step + k) % ((n + batch_size - 1) // batch_size) * batch_size
            stop = min(start + batch_size, n)
            for lane in range(0, losses.shape[2], PART):
                zero = splat(WIDE_PART, 0.0)
                mean = zero
                for i in range(start, stop):  # one by one: their sum may be beyond the range where the mean isn't
                    cost, _ = with_costs(zero, zero, rows, distance, squared, weight, i, i + 1, path[g, k], lane)
                    mean = mean + cost / (stop - start)
                store(losses[g, k], lane, mean)


KERNELS = {"f": (one_feature_single, features_single), "d": (one_feature_double, features_double)}


# Launches


@np.errstate(over="ignore")  # of weights, which takes a model that has such a sample out of the range too
def signed_samples(X, y, weight, loss):
    sign = np.where(y > 0.5, 1, -1).astype(X.dtype)[:, None]
    rows = np.ascontiguousarray(np.hstack([sign * X, sign]))
    largest = np.finfo(X.dtype).max / LOG2_E  # what is beyond overflows in any step
    powers = (LOG2_E * np.clip(rows, -largest, largest).astype(np.float64)).astype(X.dtype)
    pulls = rows if weight is None else weight[:, None] * rows
    return Samples(rows, pulls, powers, np.where(y > 0.5, 1 - y, y), loss == "mse", weight)


def extremes(rows):
    """The signed rows (m, 2), of one feature, whose x is the lowest or highest of their class."""
    x, sign = rows[:, 0] * rows[:, 1], rows[:, 1]
    classes = [np.flatnonzero(sign == one) for one in np.unique(sign)]
    return rows[[some[find(x[some])] for some in classes for find in (np.argmin, np.argmax)]]


def in_lanes(theta):
    """(m, d + 1) as (groups, d + 1, lanes), the last group filled up with copies of the last model."""
    lanes = LANES[theta.dtype.char]
    padded = np.pad(theta, ((0, -len(theta) % lanes), (0, 0)), mode="edge")
    return np.ascontiguousarray(padded.reshape(-1, lanes, theta.shape[1]).transpose(0, 2, 1))


def from_lanes(values, m):
    """The first m models of (groups, ..., lanes) as (m, ...)."""
    models = np.moveaxis(values, -1, 1)
    return models.reshape(values.shape[0] * values.shape[-1], *models.shape[2:])[:m]


def operations(size):
    """Multiply-adds of one sample with `size` parameters."""
    return 2 * size + OPERATIONS_PER_SAMPLE


def samples_at_once(models, operations):
    """How many samples a launch of all threads may take for each of so many models."""
    return max(1, OPERATIONS_PER_THREAD * threads() // (models * operations))


def models_at_once(samples, epochs):
    """How many models a launch of all threads may take through the whole run: whole groups for every thread."""
    n, size = samples.rows.shape
    fair = LANES[samples.rows.dtype.char] * threads()
    return max(1, samples_at_once(fair, operations(size)) // max(1, epochs * n)) * fair


def train(samples, start, batch_size, lr, epochs, watched, history, advance):
    """Trains models from `start` (m, d + 1); returns them as (groups, d + 1, lanes), and their steps (groups, lanes).

    Models whose losses overflow are looked for if `watched`. Fills `history`, a Run of the m models, unless it is None.
    `advance` is told of steps, those of all models.
    """
    n, size = samples.rows.shape
    theta = in_lanes(start)
    groups, _, lanes = theta.shape
    state = np.zeros((groups, 3, size, lanes), start.dtype)
    state[:, 0] = theta
    reached = np.full((groups, lanes), -1)
    known = extremes(samples.rows) if size == 2 else np.tile(np.arange(n), (groups, 1))
    kernel = KERNELS[start.dtype.char][size > 2]
    at_once, looked_at = samples_at_once(groups * lanes, operations(size)), watched or history is not None
    if looked_at:
        at_once = min(at_once, max(1, PATH_BYTES // theta.nbytes) * batch_size)
    for first in range(0, max(1, epochs * n), at_once):
        last = min(first + at_once, epochs * n)
        steps = slice(*(at // n * -(-n // batch_size) + at % n // batch_size for at in (first, last)))
        kept = steps.stop - steps.start if looked_at else 0
        path = np.empty((groups, 1 + kept, size, lanes), start.dtype)
        path[:, :1] = state[:, :1]
        work = groups * lanes * (last - first) * operations(size)
        launch(kernel, work, *samples[:-1], known, batch_size, lr, first, last, state, reached, path)
        if looked_at:
            losses = losses_along(samples, batch_size, steps.start, path)
            if watched:
                fail(losses, path, state)
            if history is not None:
                keep(losses, steps, path, history)
        if steps.stop > steps.start:
            advance(len(start) * (steps.stop - steps.start))
    return state[:, 0].copy(), reached


def losses_along(samples, batch_size, step, path):
    """Losses (groups, steps, lanes), float64, before steps number `step` and following."""
    losses = np.empty((len(path), path.shape[1] - 1, path.shape[3]))
    work = losses.size * batch_size * OPERATIONS_PER_COST
    launch(batch_losses, work, *costs_of(samples), batch_size, step, path, losses)
    return losses


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


def costs_of(samples):
    """What costs are made of."""
    return samples.rows, samples.distance, samples.squared, samples.weight


def costs(samples, theta):
    """Mean cost and share right of all the samples at `theta` (groups, d + 1, lanes), (groups, 2, lanes) float64."""
    n, (groups, size, lanes) = len(samples.distance), theta.shape
    sums = np.zeros((groups, 2, lanes))
    each = 2 * size + OPERATIONS_PER_COST
    at_once = -(-samples_at_once(groups * lanes, each) // COST_BLOCK) * COST_BLOCK
    for first in range(0, n, at_once):
        last = min(first + at_once, n)
        launch(add_costs, groups * lanes * (last - first) * each, *costs_of(samples), first, last, theta, sums)
    return sums / n


@np.errstate(over="ignore")
def write_ends(samples, theta, reached, ends):
    """Writes what models have come to, from their lanes, which it may change, to `ends`, an Ensemble of them."""
    means = costs(samples, theta)
    diverged = ~np.isfinite(theta).all(axis=1)
    if diverged.any():
        theta.swapaxes(1, 2)[diverged], means.swapaxes(1, 2)[diverged], reached[diverged] = np.nan, np.nan, -1
    models = len(ends.b)
    ends.b[:], ends.loss[:], ends.accuracy[:], ends.steps[:] = (
        values.reshape(-1)[:models] for values in (theta[:, -1], means[:, 0], means[:, 1], reached)
    )
    ends.w[:] = from_lanes(theta[:, :-1], models)


def sgd_ensemble(X, y, weight, w0, b0, *, lr, batch_size, epochs, loss, history_of, progress):
    """`kernels.sgd_ensemble` on checked arrays: X (n, d), y and weights or None (n,), w0 (k, d) and b0 (k,) of one
    dtype, history_of (m,); at most n samples a batch. Members with a history are trained again, so that the others
    needn't keep theirs."""
    (k, d), m, dtype = w0.shape, len(history_of), X.dtype
    steps = epochs * -(-len(y) // batch_size)
    samples, start = signed_samples(X, y, weight, loss), np.column_stack([w0, b0])
    settings = batch_size, lr, epochs, losses_may_overflow(X, weight, (w0, b0), steps, lr)
    ends = Ensemble(np.empty((k, d), dtype), *np.empty((3, k), dtype), np.empty(k, np.int64), None)
    history = Run(np.empty((m, steps, d), dtype), *np.empty((2, m, steps), dtype))
    advance = counted(progress, (k + m) * steps)
    at_once = models_at_once(samples, epochs)
    for part in parts(k, at_once):
        trained = train(samples, start[part], *settings, None, advance)
        write_ends(samples, *trained, Ensemble(*(field[part] for field in ends[:-1]), None))
    for part in parts(m, at_once):
        train(samples, start[history_of[part]], *settings, Run(*(field[part] for field in history)), advance)
    return ends._replace(history=history)


def parts(count, size):
    return (slice(first, min(first + size, count)) for first in range(0, count, size))
