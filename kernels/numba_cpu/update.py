"""Training on the CPU: minibatch gradient descent, the whole run in one kernel.

Steps of several features take loss and gradient from `gradient.py`; those of one feature are so short that they have
their own form, with the state in registers. There a label y is a class and a distance y' = min(y, 1 - y) from it.
With the margin m = -z for class 1, z for class 0, and s = sigmoid(m), the cross-entropy is softplus(m) - y' m with
derivative s - y' in m, and the squared error (s - y')^2; nothing cancels, however small. Samples are in the lanes of a
vector. Parameters and sums are float64 whatever the dtype of the data.
"""

import numpy as np
from numba import njit, types

from kernels.numba_cpu.elementary import exp_normal, log1p_scaled, sigmoid
from kernels.numba_cpu.gradient import SPAN, add_span, loss_and_gradient, operations
from kernels.numba_cpu.launch import read_only, serial_kernel
from kernels.numba_cpu.layouts import SPARE, flat, flattenable, padded, rows_in_block
from kernels.numba_cpu.simd import Vector, absolute, fma, lane_numbers, load_where, select, splat, total
from kernels.results import Run

LANES = 8
SAMPLES = Vector(types.float64, LANES)
NUMBERS = Vector(types.int64, LANES)
# A batch of a few samples is bound by the time to sum over lanes: the fewer the better.
FEW = 4
FEW_SAMPLES, FEW_NUMBERS = Vector(types.float64, FEW), Vector(types.int64, FEW)

LARGEST = {char: float(np.finfo(char).max) for char in "fd"}
LAUNCH_OPERATIONS = 5_000_000  # multiply-adds in one launch: well under 0.1 s, so that Ctrl-C is answered
LARGE_BATCH = 1_000_000  # multiply-adds that are worth all threads
GATHERED = 1_000_000  # numbers of a large batch that are put in order at once


@njit(forceinline=True)
def loss_and_slopes(z, x, y, weight, squared):
    """Loss of each sample, cross-entropy or squared error of the sigmoid, and `weight` times its derivatives by w and b
    where z = x w + b. A label outside [0, 1] makes them NaN."""
    class_1 = y > 0.5
    distance = select(class_1, 1.0 - y, y)
    m = select(class_1, -z, z)
    signed = select(distance >= 0.0, select(class_1, -weight, weight), np.nan)
    s = sigmoid(m)
    if squared:
        error = s - distance
        slope = error * (s * exp_normal(-m) * s) * (signed * 2.0)
        return error * error, x * slope, slope
    hinge = select(m > 0.0, m, 0.0)
    loss = fma(-distance, m, hinge) + log1p_scaled(exp_normal(-absolute(z)), 0.0)
    # s is what comes last: the derivative by w doesn't wait for that by b
    return loss, fma(s, x * signed, -(distance * (x * signed))), fma(s, signed, -(distance * signed))


@njit(forceinline=True)
def terms_of_one(samples, numbers, X, y, start, stop, w, b, weight, squared):
    """Of the samples from `start` to `stop`, of one feature, at most a vector of them: losses, and `weight` times the
    derivatives by w and by b. `samples` and `numbers` are the vector types to use."""
    live = lane_numbers(numbers) < stop - start
    x = load_where(samples, X, start, live)
    weights = select(live, weight, 0.0)
    loss, by_w, by_b = loss_and_slopes(fma(x, w, b), x, load_where(samples, y, start, live), weights, squared)
    return select(live, loss, 0.0), by_w, by_b


@njit(forceinline=True)
def sums_of_one(X, y, start, stop, w, b, weight, squared):
    """Sums of `terms_of_one` over any number of samples."""
    losses, grad_w, grad_b = splat(SAMPLES, 0.0), splat(SAMPLES, 0.0), splat(SAMPLES, 0.0)
    for n in range(start, stop, LANES):
        loss, by_w, by_b = terms_of_one(SAMPLES, NUMBERS, X, y, n, stop, w, b, weight, squared)
        losses, grad_w, grad_b = losses + loss, grad_w + by_w, grad_b + by_b
    return total(losses), total(grad_w), total(grad_b)


@njit(forceinline=True)
def sums_of_few(X, y, start, stop, w, b, weight, squared):
    """The same for at most FEW samples, which need no loop."""
    loss, by_w, by_b = terms_of_one(FEW_SAMPLES, FEW_NUMBERS, X, y, start, stop, w, b, weight, squared)
    return total(loss), total(by_w), total(by_b)


@serial_kernel
def run_one_feature(
    X, y, begin, first, last, batch_size, rates, squared, largest, theta, velocity, every, ws, bs, losses
):
    """Steps [first, last) of a run with one feature, from the row `begin` and from `theta` (w, b), with its state in
    registers.

    `rates` are the learning rate, the momentum and the learning rate times the weight decay; `velocity` is the last
    step taken. Every so many steps are written to the history. Returns the number of the step that failed, or -1.
    """
    n = y.size
    lr, momentum, decay = rates
    w, b, moved_w, moved_b = theta[0], theta[1], velocity[0], velocity[1]
    kept, wait = next_kept(first, every)
    for step in range(first, last):
        end = min(begin + batch_size, n)
        share = 1.0 / (end - begin)
        if batch_size <= FEW:
            loss, by_w, by_b = sums_of_few(X, y, begin, end, w, b, lr * share, squared)
        else:
            loss, by_w, by_b = sums_of_one(X, y, begin, end, w, b, lr * share, squared)
        # what is ready before the gradient goes first: the next step waits for one subtraction
        moved_w, moved_b = momentum * moved_w + decay * w, momentum * moved_b + decay * b
        w, b = (w - moved_w) - by_w, (b - moved_b) - by_b
        moved_w, moved_b = moved_w + by_w, moved_b + by_b
        if not (abs(w) <= largest and abs(b) <= largest):
            return step
        theta[0], theta[1] = w, b
        wait -= 1
        if wait == 0:
            ws[kept, 0], bs[kept], losses[kept] = w, b, loss * share
            kept, wait = kept + 1, every
        begin = end if end < n else 0
    velocity[0], velocity[1] = moved_w, moved_b
    return -1


@njit(forceinline=True)
def next_kept(first, every):
    """Of the steps from `first`: the place in the history of the next one that is kept, and how many until then."""
    return (first // every, every - first % every) if every > 0 else (0, 0)


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


def run_small_batches(X, y, order, first, last, batch_size, *settings):
    """Launches `run_one_feature` or `run_features`; `order` is that of the samples, None if they are in order."""
    n, d = X.shape
    begin = first % -(-n // batch_size) * batch_size
    if order is not None:
        rows = order[begin : begin + (last - first) * batch_size]
        X, y, begin = X[rows], read_only(y[rows]), 0
    steps = begin, first, last, batch_size
    if d == 1:
        return run_one_feature(read_only(X[:, 0]), y, *steps, *settings)
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
            ws[kept], bs[kept], losses[kept] = theta[:d], theta[d], loss / (end - begin)
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
    take_steps = run_large_batches if work >= LARGE_BATCH else run_small_batches
    y = read_only(y)
    if take_steps is run_small_batches and shuffle_seed is None:  # launches are short: none is to copy all the data
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
