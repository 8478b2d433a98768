"""Loss and gradient of consecutive samples, on one thread.

A block of rows is small enough to stay in the cache while its logits, its residuals and its share of the gradient are
computed (`blocks`); rows that are not too long go through a pipeline (`pipelined`). The arithmetic is in the type of
the parameters; sums leave it for float64 every SPAN rows or so.
"""

from typing import NamedTuple

import numpy as np
from numba.extending import overload

from kernels.numba_cpu.runtime.subroutine import INLINED, inlined
from kernels.numba_cpu.training.blocks import add_block, logits_of_block
from kernels.numba_cpu.training.layouts import PADDING_LANES, REGISTER
from kernels.numba_cpu.training.pipelined import Pipeline, pipelined_pass, rows_per_stage
from kernels.numba_cpu.training.residuals import MOST_FACTORS, no_sums, slopes_of, total_loss
from kernels.numba_cpu.training.rows import LABELS_AHEAD
from kernels.numba_cpu.vector.memory import load, load_where, prefetch, store
from kernels.numba_cpu.vector.operators import lane_numbers, splat, total
from kernels.numba_cpu.vector.vector_type import lanes_of, registers_of

# rows summed in the type of the parameters
SPAN = min(512, MOST_FACTORS * REGISTER // 4)
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


def operations(samples, d):
    """Multiply-adds of a pass."""
    return samples * (2 * d + OPERATIONS_PER_SAMPLE)
