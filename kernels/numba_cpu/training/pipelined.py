"""Loss and gradient by a software pipeline over groups of rows, each as many as a vector of logits has lanes.

A step computes

1. the gradient of the group before the last: slopes times rows, which are still in the cache;
2. the logits of the next group, whose memory was asked for long before;
3. between the two, the derivatives of the losses of the last group.

None of these waits for another, and memory is read evenly. The last group ends with the last row, and leaves out the
rows that it has of the group before. Step g works on the groups g, g - 1 and g - 2, so of k groups there are k + 2.
"""

from typing import NamedTuple

import numpy as np
from numba.extending import overload

from kernels.numba_cpu.runtime.subroutine import INLINED, inlined
from kernels.numba_cpu.training.layouts import packed_row
from kernels.numba_cpu.training.residuals import no_sums, slopes_of
from kernels.numba_cpu.training.rows import LABELS_AHEAD
from kernels.numba_cpu.vector.matrices import (
    column_totals,
    in_every_column,
    in_every_row,
    load_packed_rows,
    load_rows,
    load_rows_where,
    row_totals,
)
from kernels.numba_cpu.vector.memory import load, prefetch, store
from kernels.numba_cpu.vector.operators import fma, lane_numbers, splat
from kernels.numba_cpu.vector.vector_type import lanes_of, line_of, resized

FETCHED = 128  # cache lines from a group to what is prefetched meanwhile


class Pipeline(NamedTuple):
    """What goes from one step to the next: the slopes of two groups and the logits of one (3, lanes), flat, and the
    gradient so far, padded."""

    in_flight: np.ndarray
    partial_gradient: np.ndarray


def pipelined_pass(group_type, data, layout, rows, steps, theta, loss, pipeline):
    """The LaneSums of the steps [first, last) over the `rows` [first, last), for the vector types of `group_of_rows`;
    the gradient is added to that of the pipeline."""


@overload(pipelined_pass, jit_options=INLINED)
def pipelined_pass_by_layout(group_type, data, layout, rows, steps, theta, loss, pipeline):
    body = pass_of_packed if packed_row(layout, theta) else pass_of_rows
    return lambda group_type, data, layout, rows, steps, theta, loss, pipeline: body(
        group_type[0], group_type[1], data, rows, steps, theta, loss, pipeline
    )


# Numba increfs and decrefs an array argument at each call, even of an inlined function. In these loops that is
# measurable, so the code of stage 3 is written out in both, and `slopes_of` takes vectors only.


@inlined
def pass_of_packed(samples_type, features_type, data, rows, steps, theta, loss, pipeline):
    X, y, weight, (first, last) = data.X, data.y, data.weight, rows
    in_flight, partial_gradient = pipeline
    size, width, line = lanes_of(samples_type), lanes_of(features_type), line_of(X)
    weighted, sums = weight.size > 0, no_sums(samples_type)
    w, products = (
        in_every_row(samples_type, load(features_type, theta, 0)),
        in_every_row(samples_type, splat(features_type, 0.0)),
    )
    logits = load(samples_type, in_flight, 2 * size)
    for g in range(steps[0], steps[1]):
        row = first + (g - 1) * size
        if g > 0 and row < last:
            at = min(row, last - size)
            label, own = load(samples_type, y, at), splat(samples_type, 1.0)
            prefetch(y, at + LABELS_AHEAD, 1)
            if weighted:
                own = load(samples_type, weight, at)
            live = lane_numbers(samples_type) >= row - at
            slope, sums = slopes_of(loss, logits, label, own, weighted, live, sums)
            store(in_flight, g % 2 * size, slope)
        behind = min(first + max(0, g - 2) * size, last - size) * width  # slopes are 0 until there is such a group
        slope = in_every_column(features_type, load(samples_type, in_flight, (g + 1) % 2 * size))
        products = fma(load_packed_rows(samples_type, features_type, X, behind), slope, products)
        ahead = min(first + g * size, last - size) * width
        for k in range(0, size * width, line):
            prefetch(X, ahead + FETCHED * line + k, 1)
        logits = row_totals(samples_type, load_packed_rows(samples_type, features_type, X, ahead) * w) + theta[width]
    store(in_flight, 2 * size, logits)
    store(partial_gradient, 0, column_totals(features_type, products))
    return sums


@inlined
def pass_of_rows(samples_type, features_type, data, rows, steps, theta, loss, pipeline):
    X, y, weight, stride, d, (first, last) = data.X, data.y, data.weight, data.stride, data.d, rows
    in_flight, partial_gradient = pipeline
    size, width, line, four = lanes_of(samples_type), lanes_of(features_type), line_of(X), resized(features_type, 4)
    weighted, sums = weight.size > 0, no_sums(samples_type)
    whole = d // width * width
    inside = lane_numbers(features_type) < d - whole
    logits = load(samples_type, in_flight, 2 * size)
    for g in range(steps[0], steps[1]):
        row = first + (g - 1) * size
        if g > 0 and row < last:
            at = min(row, last - size)
            label, own = load(samples_type, y, at), splat(samples_type, 1.0)
            prefetch(y, at + LABELS_AHEAD, 1)
            if weighted:
                own = load(samples_type, weight, at)
            live = lane_numbers(samples_type) >= row - at
            slope, sums = slopes_of(loss, logits, label, own, weighted, live, sums)
            store(in_flight, g % 2 * size, slope)
        other = (g + 1) % 2 * size
        behind = min(first + max(0, g - 2) * size, last - size) * stride
        ahead = min(first + g * size, last - size) * stride
        fetched = ahead + FETCHED * line
        products = in_every_row(samples_type, splat(features_type, 0.0))
        for j in range(0, whole, width):
            w = in_every_row(samples_type, load(features_type, theta, j))
            products = fma(load_rows(samples_type, features_type, X, ahead + j, stride), w, products)
            for k in range(0, size * width, line):
                prefetch(X, fetched + k, 1)
            fetched += size * width
            part = in_every_row(four, splat(features_type, 0.0))
            for r in range(0, size, 4):
                slope = in_every_column(features_type, load(four, in_flight, other + r))
                part = fma(load_rows(four, features_type, X, behind + r * stride + j, stride), slope, part)
            store(partial_gradient, j, load(features_type, partial_gradient, j) + column_totals(features_type, part))
        if whole < d:
            w = in_every_row(samples_type, load(features_type, theta, whole))
            products = fma(load_rows_where(samples_type, features_type, X, ahead + whole, stride, inside), w, products)
            for k in range(0, size * (d - whole), line):
                prefetch(X, fetched + k, 1)
            part = in_every_row(four, splat(features_type, 0.0))
            for r in range(0, size, 4):
                slope = in_every_column(features_type, load(four, in_flight, other + r))
                x = load_rows_where(four, features_type, X, behind + r * stride + whole, stride, inside)
                part = fma(x, slope, part)
            last_gradient = load(features_type, partial_gradient, whole) + column_totals(features_type, part)
            store(partial_gradient, whole, last_gradient)
        logits = row_totals(samples_type, products) + theta[d]
    store(in_flight, 2 * size, logits)
    return sums


def plain_pass(X, y, theta, size):
    """Loss and gradient (d + 1,) by the same steps, a group of `size` rows as one NumPy array: the algorithm to read
    first."""
    n, d = X.shape
    groups = -(-n // size)
    logits: dict[int, np.ndarray] = {}
    slopes: dict[int, np.ndarray] = {}
    value, gradient = 0.0, np.zeros(d + 1)
    for g in range(groups + 2):
        if g - 2 >= 0:
            rows = X[(g - 2) * size : (g - 1) * size]
            gradient[:d] += slopes[g - 2] @ rows
            gradient[d] += slopes[g - 2].sum()
        if 0 <= g - 1 < groups:
            z, label = logits[g - 1], y[(g - 1) * size : g * size]
            e = np.exp(-np.abs(z))
            value += np.log(np.prod(1 + e)) + ((1 - label) * np.maximum(z, 0) + label * np.maximum(-z, 0)).sum()
            slopes[g - 1] = 1 / (1 + np.exp(-z)) - label
        if g < groups:
            logits[g] = X[g * size : (g + 1) * size] @ theta[:d] + theta[d]
    return value, gradient
