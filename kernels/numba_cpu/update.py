"""Training on the CPU: minibatch gradient descent, the whole run in one kernel.

Steps of several features take loss and gradient from `gradient.py`; those of one feature have their own form, in
`one_feature.py`. Parameters and sums are float64 whatever the dtype of the data.
"""

from functools import partial

import numpy as np
from numba import njit

from kernels.numba_cpu.gradient import SPAN, add_span, loss_and_gradient, operations
from kernels.numba_cpu.launch import read_only, serial_kernel
from kernels.numba_cpu.layouts import SPARE, flat, flattenable, padded, rows_in_block
from kernels.numba_cpu.one_feature import NO_MARGINS, next_kept, run_one_feature
from kernels.results import Run

LARGEST = {char: float(np.finfo(char).max) for char in "fd"}
LAUNCH_OPERATIONS = 5_000_000  # multiply-adds in one launch: well under 0.1 s, so that Ctrl-C is answered
LARGE_BATCH = 1_000_000  # multiply-adds that are worth all threads
GATHERED = 1_000_000  # numbers of a large batch that are put in order at once


@njit(forceinline=True)
def descended(theta, gradient, momentum, decay, largest, velocity):
    """Takes a step; False, with `theta` as it was, where that would leave the range of the dtype."""
    inside = True
    for j in range(gradient.size):
        velocity[j] = momentum * velocity[j] + decay * theta[j] + gradient[j]
        gradient[j] = theta[j] - velocity[j]
        inside &= abs(gradient[j]) <= largest
    if inside:
        theta[: gradient.size] = gradient
    return inside


@serial_kernel
def run_features(
    X,
    layout,
    block,
    y,
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
    """As `run_one_feature`, for any number of features, on X as `flat` gives it, `block` rows at a time."""
    n, d = y.size, velocity.size - 1
    lr, momentum, decay = rates
    gradient, near, z, weight = np.empty(d + 1), np.empty(theta.size), np.zeros(block + SPARE), y[:0]
    kept, wait = next_kept(first, every)
    for step in range(first, last):
        end = min(begin + batch_size, n)
        gradient[:] = 0.0
        loss = 0.0
        for row in range(begin, end, SPAN):
            stop = min(row + SPAN, end)
            loss += add_span(X, layout, y, weight, row, stop, theta, squared, block, z, near, gradient)
        gradient *= lr / (end - begin)
        if not descended(theta, gradient, momentum, decay, largest, velocity):
            return step
        wait -= 1
        if wait == 0:
            ws[kept], bs[kept], losses[kept] = theta[:d], theta[d], loss / (end - begin)
            kept, wait = kept + 1, every
        begin = end if end < n else 0
    return -1


def run_small_batches(X, y, order, first, last, batch_size, *settings, ahead):
    """Launches `run_one_feature` or `run_features`; `order` is that of the samples, None if they are in order."""
    n, d = X.shape
    begin = first % -(-n // batch_size) * batch_size
    if order is not None:
        batches = last - first + (d == 1)  # of one feature, margins are computed a batch ahead
        rows = order[begin : begin + batches * batch_size]
        X, y, begin = X[rows], read_only(y[rows]), 0
    steps = begin, first, last, batch_size
    if d == 1:
        return run_one_feature(read_only(X[:, 0]), y, *steps, *settings, ahead)
    data, layout = flat(X, np.dtype(np.float64))
    return run_features(data, layout, rows_in_block(X, layout), y, *steps, *settings)


def run_large_batches(
    X, y, order, first, last, batch_size, rates, squared, largest, theta, velocity, every, ws, bs, losses
):
    """As `run_small_batches`, for batches so large that all threads share each, and Ctrl-C can't wait for its end."""
    n, d = X.shape
    lr, momentum, decay = rates
    for step in range(first, last):
        begin = step % -(-n // batch_size) * batch_size
        end = min(begin + batch_size, n)
        loss, gradient = sums_of_large_batch(X, y, order, begin, end, theta[: d + 1], squared)
        with np.errstate(over="ignore", invalid="ignore"):
            velocity[:] = momentum * velocity + decay * theta[: d + 1] + lr / (end - begin) * gradient
            moved = theta[: d + 1] - velocity
        if not np.abs(moved).max() <= largest:
            return step
        theta[: d + 1] = moved
        if every and (step + 1) % every == 0:
            kept = step // every
            ws[kept], bs[kept] = theta[:d], theta[d]
            with np.errstate(over="ignore"):  # it may be beyond float32
                losses[kept] = loss / (end - begin)
    return -1


def sums_of_large_batch(X, y, order, begin, end, theta, squared):
    if order is None:
        return loss_and_gradient(X[begin:end], y[begin:end], None, theta, squared)
    loss, gradient = 0.0, np.zeros(len(theta))
    at_once = max(1, GATHERED // X.shape[1])
    for first in range(begin, end, at_once):
        rows = order[first : min(first + at_once, end)]
        loss_of_rows, gradient_of_rows = loss_and_gradient(X[rows], y[rows], None, theta, squared)
        loss, gradient = loss + loss_of_rows, gradient + gradient_of_rows
    return loss, gradient


def launches(n, batch_size, epochs, shuffle_seed, at_once):
    """(order, first, last): the steps of each launch, and the order of the samples in their epoch or None. A launch on
    shuffled samples is within an epoch."""
    per_epoch = -(-n // batch_size)
    steps = epochs * per_epoch
    steps_of_order = max(1, steps) if shuffle_seed is None else per_epoch
    for start in range(0, steps, steps_of_order):
        epoch, stop = start // per_epoch, start + steps_of_order
        order = None if shuffle_seed is None else np.random.default_rng([shuffle_seed, epoch]).permutation(n)
        for first in range(start, stop, at_once):
            yield order, first, min(first + at_once, stop)


def sgd_run_(X, y, w, b, *, lr, batch_size, epochs, loss, shuffle_seed, momentum, weight_decay, history, progress):
    """`kernels.sgd_run_` on checked arrays: X (n, d), y (n,), w (d,) and b (1,) of one dtype; batch_size <= n."""
    n, d = X.shape
    steps = epochs * -(-n // batch_size)
    kept = steps // history if history else 0
    run = Run(np.empty((kept, d), X.dtype), np.empty(kept, X.dtype), np.empty(kept, X.dtype))
    theta, velocity = padded(w, b, np.float64), np.zeros(d + 1)
    rates = lr, momentum, lr * weight_decay
    settings = batch_size, rates, loss == "mse", LARGEST[X.dtype.char], theta, velocity, min(history, steps + 1), *run
    work = operations(batch_size, d)
    large = work >= LARGE_BATCH
    take_steps = run_large_batches if large else partial(run_small_batches, ahead=NO_MARGINS.copy())
    y = read_only(y)
    if not large and shuffle_seed is None:  # launches are short: none is to copy all the data
        X = np.ascontiguousarray(X) if d == 1 else flattenable(X)
    for order, first, last in launches(n, batch_size, epochs, shuffle_seed, max(1, LAUNCH_OPERATIONS // work)):
        failed = take_steps(X, y, order, first, last, *settings)
        w[:], b[0] = theta[:d], theta[d]
        if failed >= 0:
            raise FloatingPointError(
                f"sgd_run_: step {failed + 1} of {steps} leaves the range of {X.dtype} (lr = {lr}); "
                "w and b hold the last finite parameters"
            )
        progress(last, steps)
    return run
