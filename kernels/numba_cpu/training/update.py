"""Training on the CPU: minibatch gradient descent, the whole run in one kernel.

Steps of several features take loss and gradient from `gradient`; those of one feature have their own form, in
`one_feature`. Parameters and sums are float64 whatever the dtype of the data.
"""

import math
from typing import NamedTuple

import numpy as np

from kernels.kinds import Report
from kernels.losses import CODES
from kernels.mathematics.divergence import left_range
from kernels.numba_cpu.runtime.launch import read_only, serial_kernel
from kernels.numba_cpu.runtime.subroutine import inlined, subroutine
from kernels.numba_cpu.training.gradient import sums as sums_over
from kernels.numba_cpu.training.job import SPAN, Scratch, add_by_blocks, add_span, operations
from kernels.numba_cpu.training.layouts import (
    PADDING_LANES,
    Data,
    as_flat,
    padded_theta,
    rows_in_block,
    with_unit_stride,
)
from kernels.numba_cpu.training.one_feature import NO_MARGINS, run_one_feature
from kernels.numba_cpu.training.steps import Rates, Record, State, next_record

FLOAT64 = np.dtype(np.float64)
LARGEST = {char: float(np.finfo(char).max) for char in "fd"}
LAUNCH_OPERATIONS = 5_000_000  # multiply-adds in one launch: well under 0.1 s, so that Ctrl-C is answered
LARGE_BATCH = 1_000_000  # multiply-adds that are worth all threads
GATHERED = 1_000_000  # numbers of a large batch that are put in order at once


class Run(NamedTuple):
    """What stays the same in all steps: samples X (n, d), y and weights (n,) or None, the name of their loss, rates,
    which parameters are trained (d + 1,), 1 or 0, and whether the kernels of one feature take them."""

    samples: tuple
    loss: str
    rates: Rates
    trained: np.ndarray
    alone: bool


@inlined
def descended(gradient, share, rates, trained, state):
    """Takes a step along `share` times the gradient, which becomes the velocity, of the parameters `trained`; False,
    with the state as it was, where that would leave the range of the dtype."""
    lr, momentum, decay, largest = rates
    theta, velocity = state
    inside = True
    for j in range(gradient.size):
        moving = (momentum * velocity[j] + decay * theta[j] + share * gradient[j]) * trained[j]
        gradient[j] = moving
        inside &= abs(theta[j] - lr * moving) <= largest
    if inside:
        for j in range(gradient.size):
            velocity[j] = gradient[j]
            theta[j] -= lr * velocity[j]
    return inside


@subroutine
def mean_of_batch(data, layout, begin, end, theta, loss, gradient):
    """Writes the gradient of the mean over the samples [begin, end) to `gradient` (d + 1,); returns the mean of their
    losses. No sum of samples goes beyond the range before it is divided by their number."""
    share = np.empty(end)  # pages before the batch are never touched
    share[begin:] = 1.0 / (end - begin)
    if data.weight.size > 0:
        for k in range(begin, end):
            share[k] *= data.weight[k]
    gradient[:] = 0.0
    shared = Data(data.X, data.stride, data.d, data.y, share, data.block)
    return add_by_blocks(shared, layout, begin, end, theta, loss, gradient)


@serial_kernel
def run_features(data, layout, trained, steps, rates, loss, state, record):
    """As `run_one_feature`, for any number of features, and of parameters `trained` (d + 1,), 1, or 0 where they
    stay."""
    data = Data(*data)
    (begin, first, last, batch_size), largest = steps, Rates(*rates).largest
    theta, (every, record_w, record_b, record_loss) = State(*state).theta, record
    n, d = data.y.size, data.d
    gradient = np.empty(d + 1)
    scratch = Scratch(np.zeros(data.block + PADDING_LANES), np.empty(theta.size))
    at, wait = next_record(first, every)
    for step in range(first, last):
        end = min(begin + batch_size, n)
        value, gradient[:] = 0.0, 0.0
        for row in range(begin, end, SPAN):  # in a function of its own, counting references takes 0.1 us a step
            value += add_span(data, layout, row, min(row + SPAN, end), theta, loss, scratch, gradient)
        share = 1.0 / (end - begin)
        value *= share
        if not (value <= largest and descended(gradient, share, rates, trained, state)):
            # sums, or the logits of samples that are right, may be beyond the range where means aren't
            value = mean_of_batch(data, layout, begin, end, theta, loss, gradient)
            if not (value <= largest and descended(gradient, 1.0, rates, trained, state)):
                return step
        wait -= 1
        if wait == 0:
            for j in range(d):
                record_w[at, j] = theta[j]
            record_b[at], record_loss[at] = theta[d], value
            at, wait = at + 1, every
        begin = end if end < n else 0
    return -1


def run_small_batches(run, order, steps, state, record, next_margins):
    """Launches `run_one_feature` or, for what that can't, `run_features`, for the steps [first, last); `order` is that
    of the samples, or None if they are in order. Returns the number of the step that failed, or -1."""
    first, last, batch_size = steps
    n = len(run.samples[0])
    begin, samples = first % -(-n // batch_size) * batch_size, run.samples
    if order is not None:
        batches = last - first + run.alone  # margins of one feature are computed a batch ahead
        samples, begin = taken(samples, order[begin : begin + batches * batch_size]), 0
    loss, where = CODES[run.loss], (begin, *steps)
    rates, state, record = tuple(run.rates), tuple(state), tuple(record)
    if run.alone:
        X, y, _ = samples
        return run_one_feature(read_only(X[:, 0]), y, where, rates, loss, state, record, next_margins)
    return launch_features(samples, run.trained, where, rates, loss, state, record)


def launch_features(samples, trained, steps, rates, loss, state, record):
    """Launches `run_features` for samples X (n, d), y and weights (n,) or None; tuples are those of `steps`."""
    X, y, weight = samples
    flat, layout = as_flat(X, FLOAT64)
    data = flat, layout.stride, X.shape[1], y, y[:0] if weight is None else weight, rows_in_block(X, layout)
    return run_features(data, layout, trained, steps, rates, loss, state, record)


def run_large_batches(run, order, steps, state, record, next_margins):
    """As `run_small_batches`, for batches so large that all threads share each, and Ctrl-C can't wait for its end."""
    first, last, batch_size = steps
    n, d = run.samples[0].shape
    (lr, momentum, decay, largest), (theta, velocity) = run.rates, state
    for step in range(first, last):
        begin = step % -(-n // batch_size) * batch_size
        end = min(begin + batch_size, n)
        loss, gradient = means_of_large_batch(run, order, begin, end, theta[: d + 1])
        with np.errstate(over="ignore", invalid="ignore"):
            moving = momentum * velocity + decay * theta[: d + 1] + gradient
            moving *= run.trained
            moved = theta[: d + 1] - lr * moving
        if not (loss <= largest and np.abs(moved).max() <= largest):
            return step
        velocity[:], theta[: d + 1] = moving, moved
        if record.every and (step + 1) % record.every == 0:
            at = step // record.every
            record.w[at], record.b[at], record.loss[at] = theta[:d], theta[d], loss
    return -1


def means_of_large_batch(run, order, begin, end, theta):
    """Mean loss, and gradient (d + 1,) of the mean, though sums may be beyond the range."""
    for share in (None, 0.5 ** (end - begin).bit_length()):
        loss, gradient = sums_of_large_batch(run, order, begin, end, theta, share)
        if math.isfinite(loss) and np.isfinite(gradient).all():
            break
    parts = (end - begin) * (share or 1.0)
    return loss / parts, gradient / parts


def sums_of_large_batch(run, order, begin, end, theta, share):
    """Sums of losses and gradients (d + 1,), times a share of the weights, or these themselves for None."""
    loss, gradient = 0.0, np.zeros(len(theta))
    at_once = end - begin if order is None else max(1, GATHERED // run.samples[0].shape[1])
    for first in range(begin, end, at_once):
        some = slice(first, min(first + at_once, end))
        X, y, weight = taken(run.samples, some if order is None else order[some])
        if share is not None:
            weight = np.full_like(y, share) if weight is None else weight * y.dtype.type(share)
        loss_of_rows, gradient_of_rows = sums_over(X, y, theta, weight, run.loss)
        loss, gradient = loss + loss_of_rows, gradient + gradient_of_rows
    return loss, gradient


def taken(samples, rows):
    """X, y and weights, which may be None, of some rows."""
    X, y, weight = samples
    return X[rows], read_only(y[rows]), None if weight is None else read_only(weight[rows])


def launches(n, batch_size, epochs, shuffle_seed, first_epoch, at_once):
    """(order, first, last): the steps of each launch, and the order of the samples in their epoch or None. A launch on
    shuffled samples is within an epoch; the number of the first one says how they are."""
    per_epoch = -(-n // batch_size)
    steps = epochs * per_epoch
    steps_of_order = max(1, steps) if shuffle_seed is None else per_epoch
    for start in range(0, steps, steps_of_order):
        epoch, stop = first_epoch + start // per_epoch, start + steps_of_order
        order = None if shuffle_seed is None else np.random.default_rng([shuffle_seed, epoch]).permutation(n)
        for first in range(start, stop, at_once):
            yield order, first, min(first + at_once, stop)


def sgd_run_(
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray | None,
    state: np.ndarray,
    *,
    progress: Report,
    lr: float,
    batch_size: int,
    epochs: int,
    loss: str,
    shuffle_seed: int | None,
    first_epoch: int,
    momentum: float,
    weight_decay: float,
    trained: np.ndarray | None,
    history: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The path of `kernels.sgd_run_` on checked arrays: X (n, d), y (n,), weights (n,) or None; batch_size <= n.

    `state` (2, d + 1) is the velocity and the parameters, float64, both in place; `trained` (d + 1,) is 1 for those
    that are, else 0, or None."""
    n, d = X.shape
    steps = epochs * -(-n // batch_size)
    records = steps // history if history else 0
    path = np.empty((records, d), X.dtype), np.empty(records, X.dtype), np.empty(records, X.dtype)
    at = State(padded_theta(state[1, :d], state[1, d:], np.float64), state[0])
    record = Record(min(history, steps + 1), *path)
    work = operations(batch_size, d)
    large = work >= LARGE_BATCH
    take_steps = run_large_batches if large else run_small_batches
    if not large and shuffle_seed is None:  # launches are short: none is to copy all the data
        X = np.ascontiguousarray(X) if d == 1 else with_unit_stride(X)
    alone = d == 1 and weight is None and trained is None
    samples = X, read_only(y), None if weight is None else read_only(weight)
    rates = Rates(lr, momentum, weight_decay, LARGEST[X.dtype.char])
    run = Run(samples, loss, rates, np.ones(d + 1) if trained is None else trained, alone)
    at_once, next_margins = max(1, LAUNCH_OPERATIONS // work), NO_MARGINS.copy()
    for order, first, last in launches(n, batch_size, epochs, shuffle_seed, first_epoch, at_once):
        failed = take_steps(run, order, (first, last, batch_size), at, record, next_margins)
        state[1] = at.theta[: d + 1]
        if failed >= 0:
            raise left_range(failed + 1, steps, X.dtype, lr)
        progress(last, steps)
    return path
