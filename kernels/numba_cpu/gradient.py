"""Loss and gradient over all samples, reading the data once.

A block of rows is small enough to stay in the cache while its logits, its residuals and its share of the gradient are
computed. The arithmetic is in the type of the parameters; sums leave it for float64 every SPAN rows. With
e = exp(-|z|), p = sigmoid(z) and 1 - p are 1 / (1 + e) and e / (1 + e), in one order or the other, and

    loss = log(1 + e) + (1 - y) max(z, 0) + y max(-z, 0),    dloss/dz = p - y = (1 - y) p - y (1 - p),

so nothing cancels; the logarithms of many samples are one logarithm of the product of their 1 + e. The data is cut
into jobs by its shape alone, and their sums are added in order: the same bits for any number of threads.
"""

import numpy as np
from numba import njit, prange

from kernels.numba_cpu.elementary import exp_negative, log1p_scaled
from kernels.numba_cpu.launch import launch, parallel_kernel, read_only
from kernels.numba_cpu.layouts import REGISTER, SPARE, add_block, flat, logits_of_block, padded, rows_in_block
from kernels.numba_cpu.products import EXPONENT_OFFSET, normalised, times
from kernels.numba_cpu.simd import (
    absolute,
    lane_numbers,
    load,
    load_where,
    prefetch,
    registers_of,
    select,
    splat,
    store,
    to_float,
    to_float64,
    total,
)

LABELS_AHEAD = 1_024  # samples from those at hand to those whose labels are prefetched
# rows summed in the type of the parameters: with at most 64 in a lane of float32, its product of them can't overflow
SPAN = min(512, 16 * REGISTER)
JOBS = 128  # in a launch, at the most
JOB_OPERATIONS = 50_000  # multiply-adds in a job, at the least
LAUNCH_OPERATIONS = 500_000_000  # multiply-adds in a launch: well under 0.1 s, so that Ctrl-C is answered
OPERATIONS_PER_SAMPLE = 40  # what sigmoid and logarithm cost, in multiply-adds


@njit(forceinline=True)
def add_residuals(z, y, weight, first, rows, squared, sums):
    """Replaces the logits z of `rows` samples from `first` by the derivatives of their losses.

    Adds to the sums: the product of 1 + e (minus 1), what else there is of the losses, and the derivatives. A label
    outside [0, 1] makes the derivative NaN.
    """
    samples, lanes = registers_of(z, 1), REGISTER // z.itemsize
    product, losses, slopes = sums
    for row in range(0, rows, lanes):
        live = lane_numbers(samples) < rows - row
        logit = load(samples, z, row)
        label = load_where(samples, y, first + row, live)
        prefetch(y, first + row + LABELS_AHEAD, 1)
        other = 1.0 - label
        e = exp_negative(-absolute(logit))
        above = logit > 0.0
        slope = (other * select(above, 1.0, e) - label * select(above, e, 1.0)) / (e + 1.0)
        loss = select(above, other, -label) * logit
        if squared:
            loss = slope * slope
            slope = slope * (e / ((e + 1.0) * (e + 1.0)) * 2.0)
        elif weight.size > 0:
            loss = loss + log1p_scaled(e, splat(samples, 0.0))
        else:
            product = times(product, select(live, e, 0.0))
        if weight.size > 0:
            share = load_where(samples, weight, first + row, live)
            loss, slope = loss * share, slope * share
        slope = select((label >= 0.0) & (other >= 0.0), slope, np.nan)
        slope = select(live, slope, 0.0)
        losses, slopes = losses + select(live, loss, 0.0), slopes + slope
        store(z, row, slope)
    return product, losses, slopes


@njit(forceinline=True)
def no_sums(samples):
    return splat(samples, 0.0), splat(samples, 0.0), splat(samples, 0.0)


@njit(forceinline=True)
def total_loss(product, losses):
    product, exponent = normalised(to_float64(product), 0)
    return total(losses) + total(log1p_scaled(product, to_float(exponent - EXPONENT_OFFSET)))


@njit(forceinline=True)
def add_span(X, layout, y, weight, first, last, theta, squared, block, z, near, gradient):
    """Adds the gradient of the samples [first, last) to `gradient` (d + 1,); returns the sum of their losses. `z` and
    `near` are room for logits and for a gradient."""
    d = gradient.size - 1
    sums = no_sums(registers_of(theta, 1))
    near[:] = 0.0
    for row in range(first, last, block):
        rows = min(block, last - row)
        logits_of_block(X, row, layout, rows, theta, d, z)
        sums = add_residuals(z, y, weight, row, rows, squared, sums)
        add_block(X, row, layout, rows, z, d, near)
    product, losses, slopes = sums
    gradient[:d] += near[:d]
    gradient[d] += total(slopes)
    return total_loss(product, losses)


@parallel_kernel
def add_jobs(X, layout, y, weight, theta, squared, block, rows_in_job, losses, gradients):
    """Losses and gradients of the jobs, each of so many consecutive samples. X is flat, as `layout` says. The room that
    each job needs is its own."""
    for job in prange(losses.size):
        z, near = np.zeros(block + SPARE, theta.dtype), np.empty_like(theta)
        gradient = gradients[job]
        loss = 0.0
        end = min((job + 1) * rows_in_job, y.size)
        for first in range(job * rows_in_job, end, SPAN):
            last = min(first + SPAN, end)
            loss += add_span(X, layout, y, weight, first, last, theta, squared, block, z, near, gradient)
        losses[job] = loss


def loss_and_gradient(X, y, weight, theta, squared=False):
    """Sum of the losses, and of the gradients (d + 1,), the bias last, both float64: of the cross-entropy or, if
    `squared`, of the squared error, times the weight if that isn't None.

    X (n, d), y (n,), weight (n,) are of one dtype; theta (d + 1,), of that dtype or float64, has the precision of the
    arithmetic. Finite sums prove that X is finite and y in [0, 1].
    """
    n, d = X.shape
    theta = padded(theta[:d], theta[d:], theta.dtype)
    loss, gradient = 0.0, np.zeros(d + 1)
    at_once = max(1, LAUNCH_OPERATIONS // operations(1, d))
    for first in range(0, n, at_once):
        piece = slice(first, first + at_once)
        weight_piece = y[:0] if weight is None else weight[piece]
        loss_of_piece, gradient_of_piece = sums_of_piece(X[piece], y[piece], weight_piece, theta, squared)
        loss += loss_of_piece
        gradient += gradient_of_piece
    return loss, gradient


def sums_of_piece(X, y, weight, theta, squared):
    """The same of what one launch takes."""
    n, d = X.shape
    data, layout = flat(X, theta.dtype)
    block = rows_in_block(X, layout)
    rows_in_job = max(-(-n // JOBS), JOB_OPERATIONS // operations(1, d))
    rows_in_job = -(-rows_in_job // block) * block
    jobs = -(-n // rows_in_job)
    losses, gradients = np.empty(jobs), np.zeros((jobs, d + 1))
    labels, weights = read_only(y), read_only(weight)
    settings = theta, squared, block, rows_in_job
    launch(add_jobs, operations(n, d), data, layout, labels, weights, *settings, losses, gradients)
    return (losses[0], gradients[0]) if jobs == 1 else (losses.sum(), gradients.sum(axis=0))


def operations(samples, d):
    """Multiply-adds of a pass."""
    return samples * (2 * d + OPERATIONS_PER_SAMPLE)
