"""Loss and gradient over all samples, reading the data once.

A block of rows is small enough to stay in the cache while its logits, its residuals and its share of the gradient are
computed (`layouts`); rows that are not too long go in small groups (`groups`). The arithmetic is in the type of the
parameters; sums leave it for float64 every SPAN rows or so. The data is cut into jobs by its shape alone, and their
sums are added in order: the same bits for any number of threads.
"""

import numpy as np
from numba import njit, prange
from numba.extending import overload

from kernels.numba_cpu.runtime.launch import launch, parallel_kernel, read_only
from kernels.numba_cpu.training.blocks import add_block, logits_of_block
from kernels.numba_cpu.training.layouts import REGISTER, SPARE, flat_in_groups, padded, rows_in_block
from kernels.numba_cpu.training.pipelined import add_groups, rows_of_group
from kernels.numba_cpu.training.residuals import MOST_FACTORS, no_sums, slopes_of, total_loss
from kernels.numba_cpu.training.rows import LABELS_AHEAD
from kernels.numba_cpu.vector.memory import load, load_where, prefetch, store
from kernels.numba_cpu.vector.operators import lane_numbers, splat, total
from kernels.numba_cpu.vector.vector_type import lanes_of, registers_of

# rows summed in the type of the parameters
SPAN = min(512, MOST_FACTORS * REGISTER // 4)
JOBS = 128  # in a launch, at the most
JOB_OPERATIONS = 50_000  # multiply-adds in a job, at the least
LAUNCH_OPERATIONS = 500_000_000  # multiply-adds in a launch: well under 0.1 s, so that Ctrl-C is answered
OPERATIONS_PER_SAMPLE = 40  # what sigmoid and logarithm cost, in multiply-adds


@njit(forceinline=True)
def add_residuals(z, y, weight, first, rows, squared, sums):
    """Replaces the logits z of `rows` samples from `first` by the derivatives of their losses, and adds to the sums."""
    samples = registers_of(z, 1)
    lanes = lanes_of(samples)
    for row in range(0, rows, lanes):
        live = lane_numbers(samples) < rows - row
        label, share = load_where(samples, y, first + row, live), splat(samples, 1.0)
        prefetch(y, first + row + LABELS_AHEAD, 1)
        if weight.size > 0:
            share = load_where(samples, weight, first + row, live)
        slope, sums = slopes_of(load(samples, z, row), label, share, weight.size > 0, live, squared, sums)
        store(z, row, slope)
    return sums


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


@njit(forceinline=True)
def add_by_blocks(X, layout, y, weight, first, last, theta, squared, block, gradient):
    """As `add_job`, a block of rows after the other."""
    z, near = np.zeros(block + SPARE, theta.dtype), np.empty_like(theta)
    loss = 0.0
    for row in range(first, last, SPAN):
        stop = min(row + SPAN, last)
        loss += add_span(X, layout, y, weight, row, stop, theta, squared, block, z, near, gradient)
    return loss


@njit(forceinline=True)
def add_by_groups(samples, X, layout, y, weight, first, last, theta, squared, gradient):
    """As `add_job`, for the vector type `samples` of rows at a time."""
    size, d = lanes_of(samples), gradient.size - 1
    steps = (last - first + size - 1) // size + 2
    room, near = np.zeros(3 * size, theta.dtype), np.empty_like(theta)
    loss = 0.0
    for step in range(0, steps, MOST_FACTORS):
        stop = min(step + MOST_FACTORS, steps)
        near[:] = 0.0
        sums = add_groups(samples, X, layout, y, weight, first, last, step, stop, theta, d, squared, room, near)
        product, losses, slopes = sums
        gradient[:d] += near[:d]
        gradient[d] += total(slopes)
        loss += total_loss(product, losses)
    return loss


def add_job(X, layout, y, weight, first, last, theta, squared, block, gradient):
    """Adds the gradient of the samples [first, last) to `gradient` (d + 1,); returns the sum of their losses."""


@overload(add_job, jit_options={"forceinline": True})
def add_job_by_layout(X, layout, y, weight, first, last, theta, squared, block, gradient):
    samples = rows_of_group(layout, theta)
    if samples is None:
        return lambda X, layout, y, weight, first, last, theta, squared, block, gradient: add_by_blocks(
            X, layout, y, weight, first, last, theta, squared, block, gradient
        )
    return lambda X, layout, y, weight, first, last, theta, squared, block, gradient: add_by_groups(
        samples, X, layout, y, weight, first, last, theta, squared, gradient
    )


@parallel_kernel
def add_jobs(X, layout, y, weight, theta, squared, block, rows_in_job, losses, gradients):
    """Losses and gradients of the jobs, each of so many consecutive samples. X is flat, as `layout` says. The room that
    each job needs is its own."""
    for job in prange(losses.size):
        first, last = job * rows_in_job, min((job + 1) * rows_in_job, y.size)
        losses[job] = add_job(X, layout, y, weight, first, last, theta, squared, block, gradients[job])


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
    data, layout = flat_in_groups(X, theta.dtype)
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
