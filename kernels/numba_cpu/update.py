"""Training on the CPU: minibatch gradient descent, the whole run in one kernel.

A label y is a class and a distance y' = min(y, 1 - y) from it. With the margin m = -z for class 1, z for class 0, and
s = sigmoid(m), the cross-entropy is softplus(m) - y' m with derivative s - y' in m, and the squared error (s - y')^2;
nothing cancels, however small. Samples are in the lanes of a vector. Parameters and sums are float64 whatever the
dtype of the data.
"""

import numpy as np
from numba import njit, types

from kernels.numba_cpu.elementary import exp_normal, log1p_scaled
from kernels.numba_cpu.launch import read_only, serial_kernel
from kernels.numba_cpu.simd import Vector, absolute, fma, lane_numbers, load, load_where, select, splat, store, total
from kernels.results import Run

LANES = 8
SAMPLES = FEATURES = Vector(types.float64, LANES)
NUMBERS = Vector(types.int64, LANES)
# A batch of a few samples is bound by the time to sum over lanes: the fewer the better.
FEW = 4
FEW_SAMPLES, FEW_NUMBERS = Vector(types.float64, FEW), Vector(types.int64, FEW)

LARGEST = {char: float(np.finfo(char).max) for char in "fd"}
LAUNCH_OPERATIONS = 5_000_000  # multiply-adds in one launch: well under 0.1 s, so that Ctrl-C is answered
OPERATIONS_PER_SAMPLE = 40  # what sigmoid and logarithm cost, in multiply-adds


@njit(forceinline=True)
def loss_and_slopes(z, x, y, weight, squared):
    """Loss of each sample, cross-entropy or squared error of the sigmoid, and `weight` times its derivatives by w and b
    where z = x w + b."""
    class_1 = y > 0.5
    distance = select(class_1, 1.0 - y, y)
    minus_m = select(class_1, z, -z)
    signed = select(class_1, -weight, weight)
    t = exp_normal(minus_m)
    s = 1.0 / (t + 1.0)
    if squared:
        error = s - distance
        slope = error * (s * t * s) * (signed * 2.0)
        return error * error, x * slope, slope
    hinge = select(minus_m < 0.0, -minus_m, 0.0)
    loss = fma(distance, minus_m, hinge) + log1p_scaled(exp_normal(-absolute(z)), 0.0)
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
def run_one_feature(X, y, batch_size, lr, squared, first, last, theta, largest, ws, bs, losses):
    """Steps [first, last) of a run with one feature from `theta` (w, b), with its state in registers.

    Writes the history; returns the number of the step that failed, or -1.
    """
    n = X.shape[0]
    w, b = theta[0], theta[1]
    begin = first % ((n + batch_size - 1) // batch_size) * batch_size
    for step in range(first, last):
        end = min(begin + batch_size, n)
        share = 1.0 / (end - begin)
        if batch_size <= FEW:
            loss, step_w, step_b = sums_of_few(X, y, begin, end, w, b, lr * share, squared)
        else:
            loss, step_w, step_b = sums_of_one(X, y, begin, end, w, b, lr * share, squared)
        w -= step_w
        b -= step_b
        if not (loss < np.inf and abs(w) <= largest and abs(b) <= largest):
            return step
        theta[0], theta[1] = w, b
        ws[step, 0], bs[step], losses[step] = w, b, loss * share
        begin = end if end < n else 0
    return -1


@njit(forceinline=True)
def logit(X, row, theta):
    """x_row w + b, features in lanes; `theta` is (w, b), padded to whole vectors."""
    d = X.shape[1]
    products = splat(FEATURES, 0.0)
    for j in range(0, d - LANES + 1, LANES):
        products = fma(load(FEATURES, X, row * d + j), load(FEATURES, theta, j), products)
    rest = d // LANES * LANES
    if rest < d:
        live = lane_numbers(NUMBERS) < d - rest
        products = fma(load_where(FEATURES, X, row * d + rest, live), load(FEATURES, theta, rest), products)
    return total(products) + theta[d]


@njit(forceinline=True)
def add_rows(X, start, stop, slopes, gradient):
    """Adds the sum of slope * x over a few rows to `gradient`."""
    d = X.shape[1]
    for j in range(0, d, LANES):
        live = lane_numbers(NUMBERS) < d - j
        sums = load(FEATURES, gradient, j)
        for row in range(start, stop):
            sums = fma(load_where(FEATURES, X, row * d + j, live), slopes[row - start], sums)
        store(gradient, j, sums)


@njit(forceinline=True)
def add_features(X, y, start, stop, theta, weight, squared, gradient, slopes):
    """Adds `weight` times the gradient of the samples [start, stop) to `gradient`; returns the sum of their losses.
    `slopes` is room for one vector."""
    losses, grad_b = splat(SAMPLES, 0.0), splat(SAMPLES, 0.0)
    numbers = lane_numbers(NUMBERS)
    for n in range(start, stop, LANES):
        end = min(n + LANES, stop)
        z = splat(SAMPLES, 0.0)
        for row in range(n, end):
            z = select(numbers == row - n, logit(X, row, theta), z)
        live = numbers < stop - n
        weights = select(live, weight, 0.0)
        loss, _, slope = loss_and_slopes(z, 0.0, load_where(SAMPLES, y, n, live), weights, squared)
        losses = losses + select(live, loss, 0.0)
        grad_b = grad_b + slope
        store(slopes, 0, slope)
        add_rows(X, n, end, slopes, gradient)
    gradient[X.shape[1]] += total(grad_b)
    return total(losses)


@njit(forceinline=True)
def descended(theta, step, d, largest):
    """Takes a step; False, with `theta` as it was, where that would leave the range of the dtype."""
    inside = True
    for j in range(d + 1):
        step[j] = theta[j] - step[j]
        inside &= abs(step[j]) <= largest
    if inside:
        theta[: d + 1] = step[: d + 1]
    return inside


@serial_kernel
def run_features(X, y, batch_size, lr, squared, first, last, theta, largest, ws, bs, losses):
    """As `run_one_feature`, for any number of features."""
    n, d = X.shape
    gradient, slopes = np.empty(theta.size), np.empty(LANES)
    begin = first % ((n + batch_size - 1) // batch_size) * batch_size
    for step in range(first, last):
        end = min(begin + batch_size, n)
        gradient[: d + 1] = 0.0
        loss = add_features(X, y, begin, end, theta, lr / (end - begin), squared, gradient, slopes)
        if not (loss < np.inf and descended(theta, gradient, d, largest)):
            return step
        ws[step], bs[step], losses[step] = theta[:d], theta[d], loss / (end - begin)
        begin = end if end < n else 0
    return -1


@serial_kernel
def add_gradient(X, y, start, stop, theta, weight, squared, gradient):
    """Adds `weight` times the gradient of the samples [start, stop) to `gradient`; returns the sum of their losses."""
    if X.shape[1] == 1:
        loss, step_w, step_b = sums_of_one(X, y, start, stop, theta[0], theta[1], weight, squared)
        gradient[0] += step_w
        gradient[1] += step_b
        return loss
    return add_features(X, y, start, stop, theta, weight, squared, gradient, np.empty(LANES))


def run_in_pieces(X, y, batch_size, lr, squared, first, last, theta, largest, ws, bs, losses):
    """As `run_features`, for batches so large that Ctrl-C can't wait for the end of a step."""
    n, d = X.shape
    rows = max(1, LAUNCH_OPERATIONS // operations(1, d))
    begin = first % -(-n // batch_size) * batch_size
    for step in range(first, last):
        end = min(begin + batch_size, n)
        gradient = np.zeros_like(theta)
        pieces = range(begin, end, rows)
        weight = lr / (end - begin)
        loss = sum(add_gradient(X, y, k, min(k + rows, end), theta, weight, squared, gradient) for k in pieces)
        if not (loss < np.inf and np.abs(theta - gradient).max() <= largest):
            return step
        theta -= gradient
        ws[step], bs[step], losses[step] = theta[:d], theta[d], loss / (end - begin)
        begin = end if end < n else 0
    return -1


def operations(samples, d):
    """Multiply-adds of one step."""
    return samples * (2 * d + OPERATIONS_PER_SAMPLE)


def sgd_run_(X, y, w, b, *, lr, batch_size, epochs, loss, progress):
    """`kernels.sgd_run_` on checked arrays: X (n, d), y (n,), w (d,) and b (1,) of one dtype."""
    n, d = X.shape
    batch_size = min(batch_size, n)
    steps = epochs * -(-n // batch_size)
    theta = np.zeros(-(-(d + 1) // LANES) * LANES)
    theta[:d], theta[d] = w, b[0]
    run = Run(np.empty((steps, d), X.dtype), np.empty(steps, X.dtype), np.empty(steps, X.dtype))
    data = read_only(X), read_only(y), batch_size, lr, loss == "mse"
    largest = LARGEST[X.dtype.char]
    steps_at_once = LAUNCH_OPERATIONS // operations(batch_size, d)
    kernel = run_in_pieces if steps_at_once == 0 else run_one_feature if d == 1 else run_features
    for first in range(0, steps, max(1, steps_at_once)):
        last = min(first + max(1, steps_at_once), steps)
        failed = kernel(*data, first, last, theta, largest, *run)
        w[:], b[0] = theta[:d], theta[d]
        if failed >= 0:
            raise FloatingPointError(
                f"sgd_run_: step {failed + 1} of {steps} leaves the range of {X.dtype} (lr = {lr}); "
                "w and b hold the last finite parameters"
            )
        progress(last, steps)
    return run
