"""Training on the CPU: minibatch gradient descent, the whole run in one kernel.

With logit z = x w + b, p = sigmoid(z) and e = exp(-|z|), everything comes from one exponential: the larger of p and
1 - p is 1 / (1 + e), the smaller e / (1 + e), and softplus(z) = max(z, 0) + log(1 + e). Eight samples are in the lanes
of a vector; parameters and sums are float64 whatever the dtype of the data.
"""

import numpy as np
from numba import njit, types

from kernels.numba_cpu.elementary import exp_of_negative, log1p_scaled
from kernels.numba_cpu.launch import serial_kernel
from kernels.numba_cpu.simd import Vector, absolute, fma, lane_numbers, load, load_where, select, splat, store, total
from kernels.results import Run

LANES = 8
SAMPLES = FEATURES = Vector(types.float64, LANES)
NUMBERS = Vector(types.int64, LANES)

PIECE = 1024  # samples of a batch between two chances to stop
LAUNCH_OPERATIONS = 50_000_000  # multiply-adds in one launch: well under 0.1 s, so that Ctrl-C is answered
OPERATIONS_PER_SAMPLE = 40  # what sigmoid and logarithm cost, in multiply-adds


@njit(forceinline=True)
def loss_and_slope(z, y, squared):
    """Loss of each sample and its derivative by z: cross-entropy, or the squared error of the sigmoid."""
    e = exp_of_negative(-absolute(z))
    larger = 1.0 / (e + 1.0)
    smaller = e * larger
    p = select(z > 0.0, larger, smaller)
    q = select(z > 0.0, smaller, larger)
    other = 1.0 - y
    residual = other * p - y * q  # p - y, without cancellation at either end
    if squared:
        return residual * residual, residual * p * q * 2.0
    hinge = fma(other, select(z > 0.0, z, 0.0), y * select(z < 0.0, -z, 0.0))
    return hinge + log1p_scaled(e, 0.0), residual


@njit(forceinline=True)
def gradient_of_one(X, y, start, stop, w, b, squared):
    """Sums over the samples [start, stop), of one feature: loss, derivative by w, derivative by b."""
    losses, grad_w, grad_b = splat(SAMPLES, 0.0), splat(SAMPLES, 0.0), splat(SAMPLES, 0.0)
    for n in range(start, stop, LANES):
        live = lane_numbers(NUMBERS) < stop - n
        feature = load_where(SAMPLES, X, n, live)
        loss, slope = loss_and_slope(fma(feature, w, b), load_where(SAMPLES, y, n, live), squared)
        slope = select(live, slope, 0.0)
        losses = losses + select(live, loss, 0.0)
        grad_w = fma(feature, slope, grad_w)
        grad_b = grad_b + slope
    return total(losses), total(grad_w), total(grad_b)


@serial_kernel
def run_one_feature(X, y, batch_size, lr, squared, first, last, theta, largest, ws, bs, losses):
    """Steps [first, last) of a run with one feature from `theta` (w, b), with all its state in registers.

    Writes the history; returns the number of the step that failed, or -1.
    """
    n = X.shape[0]
    w, b = theta[0], theta[1]
    begin = first % ((n + batch_size - 1) // batch_size) * batch_size
    for step in range(first, last):
        end = min(begin + batch_size, n)
        loss, grad_w, grad_b = gradient_of_one(X, y, begin, end, w, b, squared)
        rate = lr / (end - begin)
        w -= rate * grad_w
        b -= rate * grad_b
        if not (loss < np.inf and abs(w) <= largest and abs(b) <= largest):
            return step
        theta[0], theta[1] = w, b
        ws[step, 0], bs[step], losses[step] = w, b, loss / (end - begin)
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
def add_features(X, y, start, stop, theta, squared, gradient, slopes):
    """Adds the gradient of the samples [start, stop) to `gradient` (w, b); returns the sum of their losses."""
    losses, grad_b = splat(SAMPLES, 0.0), splat(SAMPLES, 0.0)
    for n in range(start, stop, LANES):
        end = min(n + LANES, stop)
        numbers = lane_numbers(NUMBERS)
        z = splat(SAMPLES, 0.0)
        for row in range(n, end):
            z = select(numbers == row - n, logit(X, row, theta), z)
        live = numbers < stop - n
        loss, slope = loss_and_slope(z, load_where(SAMPLES, y, n, live), squared)
        slope = select(live, slope, 0.0)
        losses = losses + select(live, loss, 0.0)
        grad_b = grad_b + slope
        store(slopes, 0, slope)
        add_rows(X, n, end, slopes, gradient)
    gradient[X.shape[1]] += total(grad_b)
    return total(losses)


@njit(forceinline=True)
def descended(theta, gradient, d, rate, largest):
    """One step of gradient descent; False, and `theta` as it was, where it would leave the range of the dtype."""
    inside = True
    for j in range(d + 1):
        gradient[j] = theta[j] - rate * gradient[j]
        inside &= abs(gradient[j]) <= largest
    if inside:
        theta[: d + 1] = gradient[: d + 1]
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
        loss = add_features(X, y, begin, end, theta, squared, gradient, slopes)
        if not (loss < np.inf and descended(theta, gradient, d, lr / (end - begin), largest)):
            return step
        ws[step], bs[step], losses[step] = theta[:d], theta[d], loss / (end - begin)
        begin = end if end < n else 0
    return -1


def sgd_run_(X, y, w, b, *, lr, batch_size, epochs, loss, progress):
    """`kernels.sgd_run_` on checked arrays: X (n, d) and y (n,) C-contiguous and of one dtype, w (d,) and b (1,)."""
    n, d = X.shape
    batch_size = min(batch_size, n)
    steps = epochs * -(-n // batch_size)
    theta = np.zeros(-(-(d + 1) // LANES) * LANES)
    theta[:d], theta[d] = w, b[0]
    run = Run(np.empty((steps, d), X.dtype), np.empty(steps, X.dtype), np.empty(steps, X.dtype))
    largest = float(np.finfo(X.dtype).max)
    steps_at_once = max(1, LAUNCH_OPERATIONS // (batch_size * (2 * d + OPERATIONS_PER_SAMPLE)))
    kernel = run_one_feature if d == 1 else run_features
    for first in range(0, steps, steps_at_once):
        last = min(first + steps_at_once, steps)
        failed = kernel(X, y, batch_size, lr, loss == "mse", first, last, theta, largest, *run)
        w[:], b[0] = theta[:d], theta[d]
        if failed >= 0:
            raise FloatingPointError(
                f"sgd_run_: step {failed + 1} of {steps} leaves the range of {X.dtype} (lr = {lr}); "
                "w and b hold the last finite parameters"
            )
        progress(last, steps)
    return run
