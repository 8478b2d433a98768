"""Training on the CPU: minibatch gradient descent, the whole run in one kernel.

Steps of several features take loss and gradient from `gradient.py`; those of one feature have their own form, in
`one_feature.py`. Parameters and sums are float64 whatever the dtype of the data.
"""

import math
from functools import partial

import numpy as np
from numba import njit

from kernels.numba_cpu.runtime.launch import read_only, serial_kernel
from kernels.numba_cpu.training.gradient import SPAN, add_by_blocks, add_span, loss_and_gradient, operations
from kernels.numba_cpu.training.layouts import SPARE, flat, flattenable, padded, rows_in_block
from kernels.numba_cpu.training.one_feature import NO_MARGINS, next_kept, run_one_feature

LARGEST = {char: float(np.finfo(char).max) for char in "fd"}
LAUNCH_OPERATIONS = 5_000_000  # multiply-adds in one launch: well under 0.1 s, so that Ctrl-C is answered
LARGE_BATCH = 1_000_000  # multiply-adds that are worth all threads
GATHERED = 1_000_000  # numbers of a large batch that are put in order at once


@njit(forceinline=True)
def descended(theta, gradient, share, rates, trained, largest, velocity):
    """Takes a step along `share` times the gradient, of the parameters `trained` (d + 1,), 1 or 0, or of all for None;
    False, with `theta` and `velocity` as they were, where that would leave the range of the dtype."""
    lr, momentum, decay = rates
    inside = True
    for j in range(gradient.size):
        moving = momentum * velocity[j] + decay * theta[j] + share * gradient[j]
        if trained is not None:
            moving *= trained[j]
        gradient[j] = moving
        inside &= abs(theta[j] - lr * moving) <= largest
    if inside:
        for j in range(gradient.size):
            velocity[j] = gradient[j]
            theta[j] -= lr * velocity[j]
    return inside


@njit
def mean_of_batch(X, layout, y, weights, begin, end, theta, squared, block, gradient):
    """Writes the gradient of the mean over the samples [begin, end) to `gradient` (d + 1,); returns the mean of their
    losses. No sum of samples goes beyond the range before it is divided by their number."""
    share = np.empty(end)  # pages before the batch are never touched
    share[begin:] = 1.0 / (end - begin)
    if weights.size > 0:
        share[begin:] *= weights[begin:end]
    gradient[:] = 0.0
    return add_by_blocks(X, layout, y, share, begin, end, theta, squared, block, gradient)


@serial_kernel
def run_features(
    X,
    layout,
    block,
    y,
    weight,
    trained,
    begin,
    first,
    last,
    batch_size,
    rates,
    squared,
    largest,
    theta,
    velocity,
    every,
    ws,
    bs,
    losses,
):
    """As `run_one_feature`, for any number of features, on X as `flat` gives it, `block` rows at a time, with weights
    (n,) of the samples or None, and of parameters `trained` (d + 1,), 1, or 0 where they stay, or None."""
    n, d = y.size, velocity.size - 1
    gradient, near, z = np.empty(d + 1), np.empty(theta.size), np.zeros(block + SPARE)
    weights = y[:0] if weight is None else weight
    kept, wait = next_kept(first, every)
    for step in range(first, last):
        end = min(begin + batch_size, n)
        loss, gradient[:] = 0.0, 0.0
        for row in range(begin, end, SPAN):  # in a function of its own, counting references takes 0.1 us a step
            stop = min(row + SPAN, end)
            loss += add_span(X, layout, y, weights, row, stop, theta, squared, block, z, near, gradient)
        share = 1.0 / (end - begin)
        loss *= share
        if not (loss <= largest and descended(theta, gradient, share, rates, trained, largest, velocity)):
            # sums, or the logits of samples that are right, may be beyond the range where means aren't
            loss = mean_of_batch(X, layout, y, weights, begin, end, theta, squared, block, gradient)
            if not (loss <= largest and descended(theta, gradient, 1.0, rates, trained, largest, velocity)):
                return step
        wait -= 1
        if wait == 0:
            ws[kept], bs[kept], losses[kept] = theta[:d], theta[d], loss
            kept, wait = kept + 1, every
        begin = end if end < n else 0
    return -1


def run_small_batches(samples, order, first, last, batch_size, trained, *settings, ahead):
    """Launches `run_one_feature` or, for what that can't, `run_features`; `order` is that of the samples, X, y and
    weights or None, or None if they are in order."""
    n, d = samples[0].shape
    alone = d == 1 and samples[2] is None and trained is None
    begin = first % -(-n // batch_size) * batch_size
    if order is not None:
        batches = last - first + alone  # margins of one feature are computed a batch ahead
        samples, begin = taken(samples, order[begin : begin + batches * batch_size]), 0
    (X, y, weight), steps = samples, (begin, first, last, batch_size)
    if alone:
        return run_one_feature(read_only(X[:, 0]), y, *steps, *settings, ahead)
    data, layout = flat(X, np.dtype(np.float64))
    return run_features(data, layout, rows_in_block(X, layout), y, weight, trained, *steps, *settings)


def run_large_batches(
    samples, order, first, last, batch_size, trained, rates, squared, largest, theta, velocity, every, ws, bs, losses
):
    """As `run_small_batches`, for batches so large that all threads share each, and Ctrl-C can't wait for its end."""
    n, d = samples[0].shape
    lr, momentum, decay = rates
    for step in range(first, last):
        begin = step % -(-n // batch_size) * batch_size
        end = min(begin + batch_size, n)
        loss, gradient = means_of_large_batch(samples, order, begin, end, theta[: d + 1], squared)
        with np.errstate(over="ignore", invalid="ignore"):
            moving = momentum * velocity + decay * theta[: d + 1] + gradient
            moving *= 1.0 if trained is None else trained
            moved = theta[: d + 1] - lr * moving
        if not (loss <= largest and np.abs(moved).max() <= largest):
            return step
        velocity[:], theta[: d + 1] = moving, moved
        if every and (step + 1) % every == 0:
            kept = step // every
            ws[kept], bs[kept], losses[kept] = theta[:d], theta[d], loss
    return -1


def means_of_large_batch(samples, order, begin, end, theta, squared):
    """Mean loss, and gradient (d + 1,) of the mean, though sums may be beyond the range."""
    for share in (None, 0.5 ** (end - begin).bit_length()):
        loss, gradient = sums_of_large_batch(samples, order, begin, end, theta, squared, share)
        if math.isfinite(loss) and np.isfinite(gradient).all():
            break
    parts = (end - begin) * (share or 1.0)
    return loss / parts, gradient / parts


def sums_of_large_batch(samples, order, begin, end, theta, squared, share):
    """Sums of losses and gradients (d + 1,), times a share of the weights, or these themselves for None."""
    loss, gradient = 0.0, np.zeros(len(theta))
    at_once = end - begin if order is None else max(1, GATHERED // samples[0].shape[1])
    for first in range(begin, end, at_once):
        some = slice(first, min(first + at_once, end))
        X, y, weight = taken(samples, some if order is None else order[some])
        if share is not None:
            weight = np.full_like(y, share) if weight is None else weight * y.dtype.type(share)
        loss_of_rows, gradient_of_rows = loss_and_gradient(X, y, weight, theta, squared)
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
    X,
    y,
    weight,
    state,
    *,
    lr,
    batch_size,
    epochs,
    loss,
    shuffle_seed,
    first_epoch,
    momentum,
    weight_decay,
    trained,
    history,
    progress,
):
    """The path of `kernels.sgd_run_` on checked arrays: X (n, d), y (n,), weights (n,) or None; batch_size <= n.

    `state` (2, d + 1) is the velocity and the parameters, float64, both in place; `trained` (d + 1,) is 1 for those
    that are, else 0, or None."""
    n, d = X.shape
    steps = epochs * -(-n // batch_size)
    kept = steps // history if history else 0
    path = np.empty((kept, d), X.dtype), np.empty(kept, X.dtype), np.empty(kept, X.dtype)
    velocity, theta = state[0], padded(state[1, :d], state[1, d:], np.float64)
    rates = lr, momentum, weight_decay
    settings = trained, rates, loss == "mse", LARGEST[X.dtype.char], theta, velocity, min(history, steps + 1), *path
    work = operations(batch_size, d)
    large = work >= LARGE_BATCH
    take_steps = run_large_batches if large else partial(run_small_batches, ahead=NO_MARGINS.copy())
    if not large and shuffle_seed is None:  # launches are short: none is to copy all the data
        X = np.ascontiguousarray(X) if d == 1 else flattenable(X)
    samples, at_once = (X, read_only(y), None if weight is None else read_only(weight)), LAUNCH_OPERATIONS // work
    for order, first, last in launches(n, batch_size, epochs, shuffle_seed, first_epoch, max(1, at_once)):
        failed = take_steps(samples, order, first, last, batch_size, *settings)
        state[1] = theta[: d + 1]
        if failed >= 0:
            raise FloatingPointError(
                f"sgd_run_: step {failed + 1} of {steps} leaves the range of {X.dtype} (lr = {lr}); "
                "w and b hold the last finite parameters"
            )
        progress(last, steps)
    return path
