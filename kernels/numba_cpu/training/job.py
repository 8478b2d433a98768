"""Loss and gradient of consecutive samples, on one thread.

A block of rows is small enough to stay in the cache while its logits, its residuals and its share of the gradient are
computed, by `streams` where rows lie in memory one after another, else by `blocks`. With registers enough for two
groups of rows they are `pipelined` instead, if they are neither few nor long. The arithmetic is in the type of the
parameters; sums leave it for float64 every SPAN rows or so, at the latest when a lane has MOST_FACTORS.
"""

from typing import NamedTuple

import numpy as np
from numba.extending import overload

from kernels.numba_cpu.runtime.subroutine import INLINED, inlined
from kernels.numba_cpu.training.blocks import add_block, logits_of_block
from kernels.numba_cpu.training.layouts import PADDING_LANES, REGISTER, RUNS, are_pipelined, group_of_rows
from kernels.numba_cpu.training.pipelined import Pipeline, pipelined_pass
from kernels.numba_cpu.training.residuals import MOST_FACTORS, no_sums, slopes_of, total_loss
from kernels.numba_cpu.training.rows import LABELS_AHEAD
from kernels.numba_cpu.training.streams import RowGroups, add_runs, ask_for_next, labels_of_runs, logits_of_runs
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


class RunScratch(NamedTuple):
    """Room for the logits, labels and weights, if there are any, of a block of groups, and for a gradient, padded, in
    the type of the parameters."""

    z: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    partial_gradient: np.ndarray


@inlined
def add_residuals(loss, y, weight, first, ahead, span, z, sums):
    """Replaces the logits z[begin:end] of a span by the derivatives of the losses, and adds to the sums. The label of
    z[0] is that of the sample `first`; labels that are needed later, `ahead`, an array and an index, are asked for."""
    samples = registers_of(z, 1)
    lanes = lanes_of(samples)
    begin, end = span
    for row in range(begin, end, lanes):
        live = lane_numbers(samples) < end - row
        label, own = load_where(samples, y, first + row, live), splat(samples, 1.0)
        prefetch(ahead[0], ahead[1] + row, 1)
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
        sums = add_residuals(loss, y, weight, row, (y, row + LABELS_AHEAD), (0, rows), z, sums)
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
def groups_in_span(size, block, lanes):
    """Of so many rows, how many go into a span: no lane gets more than MOST_FACTORS, though a block may not fill the
    last of its registers."""
    in_block = max(1, block // size)
    registers = (in_block * size + lanes - 1) // lanes
    return in_block * max(1, min(SPAN // (in_block * size), MOST_FACTORS // registers))


@inlined
def add_span_of_runs(samples_type, features_type, data, groups, others, theta, loss, scratch):
    """The LaneSums of groups of rows, without the first `others` rows; their gradient is that of the scratch."""
    X, stride, d, y, weight, block = data
    z, labels, weights, partial_gradient = scratch
    size, sums = lanes_of(samples_type), no_sums(registers_of(theta, 1))
    partial_gradient[:] = 0.0
    at_once = max(1, block // size)
    for g in range(0, groups.number, at_once):
        some = RowGroups(groups.first + g * (size // RUNS), groups.apart, min(at_once, groups.number - g))
        logits_of_runs(samples_type, features_type, X, some, stride, theta, d, z)
        labels_of_runs(samples_type, y, some, labels)
        if weight.size > 0:
            labels_of_runs(samples_type, weight, some, weights)
        ask_for_next(samples_type, X, some, stride)
        ahead = y, some.first + LABELS_AHEAD  # of the first run
        sums = add_residuals(loss, labels, weights, 0, ahead, (others, some.number * size), z, sums)
        z[:others] = 0.0
        add_runs(samples_type, features_type, X, some, stride, z, d, partial_gradient)
    return sums


@inlined
def add_by_streams(samples_type, features_type, data, first, last, theta, loss, gradient):
    """As `add_job`: groups of rows of four runs, and then the rows that these leave."""
    size = lanes_of(samples_type)
    each, whole, left = size // RUNS, (last - first) // size, (last - first) % size
    span = groups_in_span(size, data.block, lanes_of(registers_of(theta, 1)))
    room = max(data.block, size) + PADDING_LANES
    z, labels = np.zeros(room, theta.dtype), np.zeros(room, theta.dtype)
    weights = np.zeros(room if data.weight.size > 0 else 0, theta.dtype)
    scratch, value = RunScratch(z, labels, weights, np.empty_like(theta)), 0.0
    spans = (whole + span - 1) // span
    for number in range(spans + min(1, left)):
        begin = number * span
        groups, others = RowGroups(first + begin * each, whole * each, min(span, whole - begin)), 0
        if number == spans:
            groups, others = RowGroups(last - size, each, 1), size - left
        sums = add_span_of_runs(samples_type, features_type, data, groups, others, theta, loss, scratch)
        add_sums(scratch.partial_gradient, sums, gradient)
        value += total_loss(sums)
    return value


@inlined
def add_by_stages(group_type, data, layout, first, last, theta, loss, gradient):
    """As `add_job`: groups of consecutive rows, the last of which are there even if these are fewer."""
    size = lanes_of(group_type[0])
    steps = (last - first + size - 1) // size + 2
    pipeline, value = Pipeline(np.zeros(3 * size, theta.dtype), np.empty_like(theta)), 0.0
    for step in range(0, steps, MOST_FACTORS):
        stop = min(step + MOST_FACTORS, steps)
        pipeline.partial_gradient[:] = 0.0
        sums = pipelined_pass(group_type, data, layout, (first, last), (step, stop), theta, loss, pipeline)
        add_sums(pipeline.partial_gradient, sums, gradient)
        value += total_loss(sums)
    return value


def add_job(data, layout, first, last, theta, loss, gradient):
    """Adds the gradient of the samples [first, last) to `gradient` (d + 1,); returns the sum of their losses."""


@overload(add_job, jit_options=INLINED)
def add_job_by_layout(data, layout, first, last, theta, loss, gradient):
    group_type = group_of_rows(layout, theta)
    if group_type is None:
        return lambda data, layout, first, last, theta, loss, gradient: add_by_blocks(
            data, layout, first, last, theta, loss, gradient
        )
    if are_pipelined(layout):
        return lambda data, layout, first, last, theta, loss, gradient: add_by_stages(
            group_type, data, layout, first, last, theta, loss, gradient
        )
    samples_type, features_type = group_type
    return lambda data, layout, first, last, theta, loss, gradient: add_by_streams(
        samples_type, features_type, data, first, last, theta, loss, gradient
    )


def operations(samples, d):
    """Multiply-adds of a pass."""
    return samples * (2 * d + OPERATIONS_PER_SAMPLE)


def plain_pass(X, y, theta, size):
    """Loss and gradient (d + 1,) by the same groups of `size` rows, each as one NumPy array: the algorithm to read
    first."""
    n, d = X.shape
    each, groups = size // RUNS, n // size
    of_runs = [[(run * groups + g) * each + row for run in range(RUNS) for row in range(each)] for g in range(groups)]
    value, gradient = 0.0, np.zeros(d + 1)
    for group in [*of_runs, list(range(groups * size, n))]:
        rows, label = X[group], y[group]
        z = rows @ theta[:d] + theta[d]
        e = np.exp(-np.abs(z))
        value += np.log(np.prod(1 + e)) + ((1 - label) * np.maximum(z, 0) + label * np.maximum(-z, 0)).sum()
        slopes = 1 / (1 + np.exp(-z)) - label
        gradient[:d] += slopes @ rows
        gradient[d] += slopes.sum()
    return value, gradient
