"""Loss and gradient over all samples, reading the data once.

A block of rows is small enough to stay in the cache while its logits, its residuals and its share of the gradient are
computed (`blocks`); rows that are not too long go through a pipeline (`pipelined`). The arithmetic is in the type of
the parameters; sums leave it for float64 every SPAN rows or so. The data is cut into jobs by its shape alone, and their
sums are added in an order that their number decides: the same bits for any number of threads.
"""

from typing import NamedTuple

import numpy as np
from numba import prange
from numba.extending import overload

from kernels.losses import CODES
from kernels.numba_cpu.runtime.launch import launch, parallel_kernel, read_only
from kernels.numba_cpu.runtime.subroutine import INLINED, inlined
from kernels.numba_cpu.training.blocks import add_block, logits_of_block
from kernels.numba_cpu.training.layouts import (
    PADDING_LANES,
    REGISTER,
    Data,
    as_flat_in_groups,
    padded_theta,
    rows_in_block,
)
from kernels.numba_cpu.training.pipelined import Pipeline, pipelined_pass, rows_per_stage
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


class Scratch(NamedTuple):
    """Room for the logits of a block, and for a gradient in the type of the parameters, padded."""

    z: np.ndarray
    partial_gradient: np.ndarray


@inlined
def add_residuals(loss, y, weight, first, rows, z, sums):
    """Replaces the logits z of `rows` samples from `first` by the derivatives of their losses, and adds to the sums."""
    samples = registers_of(z, 1)
    lanes = lanes_of(samples)
    for row in range(0, rows, lanes):
        live = lane_numbers(samples) < rows - row
        label, own = load_where(samples, y, first + row, live), splat(samples, 1.0)
        prefetch(y, first + row + LABELS_AHEAD, 1)
        if weight.size > 0:
            own = load_where(samples, weight, first + row, live)
        slope, sums = slopes_of(loss, load(samples, z, row), label, own, weight.size > 0, live, sums)
        store(z, row, slope)
    return sums


@inlined
def add_sums(partial_gradient, sums, gradient):
    """Adds the gradient of a span to `gradient` (d + 1,)."""
    d = gradient.size - 1
    for j in range(d):
        gradient[j] += partial_gradient[j]
    gradient[d] += total(sums.slopes)


@inlined
def add_span(data, layout, first, last, theta, loss, scratch, gradient):
    """Adds the gradient of the samples [first, last) to `gradient` (d + 1,); returns the sum of their losses."""
    X, _, d, y, weight, block = data
    z, partial_gradient = scratch
    sums = no_sums(registers_of(theta, 1))
    partial_gradient[:] = 0.0
    for row in range(first, last, block):
        rows = min(block, last - row)
        logits_of_block(X, row, layout, rows, theta, d, z)
        sums = add_residuals(loss, y, weight, row, rows, z, sums)
        add_block(X, row, layout, rows, z, d, partial_gradient)
    add_sums(partial_gradient, sums, gradient)
    return total_loss(sums)


@inlined
def add_by_blocks(data, layout, first, last, theta, loss, gradient):
    """As `add_job`, a block of rows after the other."""
    scratch = Scratch(np.zeros(data.block + PADDING_LANES, theta.dtype), np.empty_like(theta))
    value = 0.0
    for row in range(first, last, SPAN):
        value += add_span(data, layout, row, min(row + SPAN, last), theta, loss, scratch, gradient)
    return value


@inlined
def add_by_stages(samples, data, layout, first, last, theta, loss, gradient):
    """As `add_job`, for the vector type `samples` of rows at a time."""
    size = lanes_of(samples)
    steps = (last - first + size - 1) // size + 2
    pipeline = Pipeline(np.zeros(3 * size, theta.dtype), np.empty_like(theta))
    value = 0.0
    for step in range(0, steps, MOST_FACTORS):
        stop = min(step + MOST_FACTORS, steps)
        pipeline.partial_gradient[:] = 0.0
        sums = pipelined_pass(samples, data, layout, (first, last), (step, stop), theta, loss, pipeline)
        add_sums(pipeline.partial_gradient, sums, gradient)
        value += total_loss(sums)
    return value


def add_job(data, layout, first, last, theta, loss, gradient):
    """Adds the gradient of the samples [first, last) to `gradient` (d + 1,); returns the sum of their losses."""


@overload(add_job, jit_options=INLINED)
def add_job_by_layout(data, layout, first, last, theta, loss, gradient):
    samples = rows_per_stage(layout, theta)
    if samples is None:
        return lambda data, layout, first, last, theta, loss, gradient: add_by_blocks(
            data, layout, first, last, theta, loss, gradient
        )
    return lambda data, layout, first, last, theta, loss, gradient: add_by_stages(
        samples, data, layout, first, last, theta, loss, gradient
    )


@parallel_kernel
def add_jobs(data, layout, theta, loss, rows_in_job, values, gradients):
    """Writes the losses of jobs, each of so many consecutive samples, to `values`, and adds their gradients to
    `gradients`. The room that each job needs is its own, and `data` a plain tuple, as `steps` says."""
    data = Data(*data)
    for job in prange(values.size):
        first, last = job * rows_in_job, min((job + 1) * rows_in_job, data.y.size)
        values[job] = add_job(data, layout, first, last, theta, loss, gradients[job])


def loss_and_gradient(
    X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, w: np.ndarray, b: np.ndarray, total: np.ndarray | float
) -> tuple[np.ndarray | float, np.ndarray, np.ndarray | float]:
    """Sums of the cross-entropies and gradients, divided by `total`: loss, gradient by w (d,) and by b; X (n, d), y
    (n,) and weight (n,), or None, of one dtype, which the arithmetic has too; float64."""
    value, gradient = sums(X, y, np.concatenate((w, b.reshape(1))), weight)
    return value / total, gradient[:-1] / total, gradient[-1] / total


def sums(X, y, theta, weight, loss="bce"):
    """Sum of the losses, and of the gradients (d + 1,), the bias last, both float64, each times the weight if that
    isn't None.

    X (n, d), y (n,), weight (n,) are of one dtype; theta (d + 1,), of that dtype or float64, has the precision of the
    arithmetic. Finite sums prove that X is finite and y in [0, 1].
    """
    n, d = X.shape
    theta = padded_theta(theta[:d], theta[d:], theta.dtype)
    value, gradient = 0.0, np.zeros(d + 1)
    at_once = max(1, LAUNCH_OPERATIONS // operations(1, d))
    for first in range(0, n, at_once):
        piece = slice(first, first + at_once)
        weight_piece = y[:0] if weight is None else weight[piece]
        value_of_piece, gradient_of_piece = sums_of_piece(X[piece], y[piece], weight_piece, theta, CODES[loss])
        value += value_of_piece
        gradient += gradient_of_piece
    return value, gradient


def sums_of_piece(X, y, weight, theta, loss):
    """The same of what one launch takes, of a loss by its code."""
    n, d = X.shape
    flat, layout = as_flat_in_groups(X, theta.dtype)
    block = rows_in_block(X, layout)
    rows_in_job = max(-(-n // JOBS), JOB_OPERATIONS // operations(1, d))
    rows_in_job = -(-rows_in_job // block) * block
    jobs = -(-n // rows_in_job)
    values, gradients = np.empty(jobs), np.zeros((jobs, d + 1))
    data = flat, layout.stride, d, read_only(y), read_only(weight), block
    launch(add_jobs, operations(n, d), data, layout, theta, loss, rows_in_job, values, gradients)
    return (values[0], gradients[0]) if jobs == 1 else (values.sum(), gradients.sum(axis=0))


def operations(samples, d):
    """Multiply-adds of a pass."""
    return samples * (2 * d + OPERATIONS_PER_SAMPLE)
