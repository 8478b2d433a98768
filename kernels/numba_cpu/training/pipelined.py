"""Loss and gradient by groups of rows, each as many as a vector of logits has lanes.

A step computes the logits of one group, the derivatives of the losses of the group before, and the gradient of the one
before that: none waits for another, and memory is read evenly. The last group ends with the last row, and leaves out
the rows that it has of the group before.
"""

from numba import njit
from numba.extending import overload

from kernels.numba_cpu.training.layouts import REGISTER, Columns, Fours, LongRows, Twos, packed_row
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
from kernels.numba_cpu.vector.vector_type import Vector, lanes_of, line_of, resized

FETCHED = 128  # cache lines from a group to what is prefetched meanwhile
LOADED_ROWS = 8  # of a group whose rows are loaded one by one, at the most; at least the four that go at once


def rows_of_group(layout, theta):
    """The vector type of a group's logits; None for rows of which a few fill the nearest cache, or so short that
    derivatives are most of the work: these go by blocks."""
    if layout.instance_class in (LongRows, Columns, Twos, Fours):
        return None
    lanes = REGISTER * 8 // theta.dtype.bitwidth
    return Vector(theta.dtype, lanes if packed_row(layout, theta) else max(4, min(LOADED_ROWS, lanes)))


def add_groups(samples, X, layout, y, weight, first, last, step, stop, theta, d, squared, room, near):
    """Takes the steps [step, stop) over the samples [first, last); returns what `slopes_of` sums. The gradient is added
    to `near`, padded; `room` (3, lanes) is for the slopes of two groups and the logits of one."""


@overload(add_groups, jit_options={"forceinline": True})
def add_groups_by_layout(samples, X, layout, y, weight, first, last, step, stop, theta, d, squared, room, near):
    if features := packed_row(layout, theta):

        def packed(samples, X, layout, y, weight, first, last, step, stop, theta, d, squared, room, near):
            return add_packed(samples, features, X, y, weight, first, last, step, stop, theta, squared, room, near)

        return packed
    features = Vector(theta.dtype, REGISTER * 8 // theta.dtype.bitwidth)

    def rows(samples, X, layout, y, weight, first, last, step, stop, theta, d, squared, room, near):
        stride = layout.stride
        return add_rows(samples, features, X, stride, y, weight, first, last, step, stop, theta, d, squared, room, near)

    return rows


# Arrays in calls would be counted in and out, which the loops below can't afford: they call what takes vectors alone.


@njit(forceinline=True)
def add_packed(samples, features, X, y, weight, first, last, step, stop, theta, squared, room, near):
    size, width, line = lanes_of(samples), lanes_of(features), line_of(X)
    weighted, sums = weight.size > 0, no_sums(samples)
    w, products = in_every_row(samples, load(features, theta, 0)), in_every_row(samples, splat(features, 0.0))
    logits = load(samples, room, 2 * size)
    for g in range(step, stop):
        row = first + (g - 1) * size
        if g > 0 and row < last:
            at = min(row, last - size)
            label, share = load(samples, y, at), splat(samples, 1.0)
            prefetch(y, at + LABELS_AHEAD, 1)
            if weighted:
                share = load(samples, weight, at)
            live = lane_numbers(samples) >= row - at
            slope, sums = slopes_of(logits, label, share, weighted, live, squared, sums)
            store(room, g % 2 * size, slope)
        behind = min(first + max(0, g - 2) * size, last - size) * width  # slopes are 0 until there is such a group
        slope = in_every_column(features, load(samples, room, (g + 1) % 2 * size))
        products = fma(load_packed_rows(samples, features, X, behind), slope, products)
        ahead = min(first + g * size, last - size) * width
        for k in range(0, size * width, line):
            prefetch(X, ahead + FETCHED * line + k, 1)
        logits = row_totals(samples, load_packed_rows(samples, features, X, ahead) * w) + theta[width]
    store(room, 2 * size, logits)
    store(near, 0, column_totals(features, products))
    return sums


@njit(forceinline=True)
def add_rows(samples, features, X, stride, y, weight, first, last, step, stop, theta, d, squared, room, near):
    size, width, line, four = lanes_of(samples), lanes_of(features), line_of(X), resized(features, 4)
    weighted, sums = weight.size > 0, no_sums(samples)
    whole = d // width * width
    inside = lane_numbers(features) < d - whole
    logits = load(samples, room, 2 * size)
    for g in range(step, stop):
        row = first + (g - 1) * size
        if g > 0 and row < last:
            at = min(row, last - size)
            label, share = load(samples, y, at), splat(samples, 1.0)
            prefetch(y, at + LABELS_AHEAD, 1)
            if weighted:
                share = load(samples, weight, at)
            live = lane_numbers(samples) >= row - at
            slope, sums = slopes_of(logits, label, share, weighted, live, squared, sums)
            store(room, g % 2 * size, slope)
        other = (g + 1) % 2 * size
        behind = min(first + max(0, g - 2) * size, last - size) * stride
        ahead = min(first + g * size, last - size) * stride
        fetched = ahead + FETCHED * line
        products = in_every_row(samples, splat(features, 0.0))
        for j in range(0, whole, width):
            w = in_every_row(samples, load(features, theta, j))
            products = fma(load_rows(samples, features, X, ahead + j, stride), w, products)
            for k in range(0, size * width, line):
                prefetch(X, fetched + k, 1)
            fetched += size * width
            part = in_every_row(four, splat(features, 0.0))
            for r in range(0, size, 4):
                slope = in_every_column(features, load(four, room, other + r))
                part = fma(load_rows(four, features, X, behind + r * stride + j, stride), slope, part)
            store(near, j, load(features, near, j) + column_totals(features, part))
        if whole < d:
            w = in_every_row(samples, load(features, theta, whole))
            products = fma(load_rows_where(samples, features, X, ahead + whole, stride, inside), w, products)
            for k in range(0, size * (d - whole), line):
                prefetch(X, fetched + k, 1)
            part = in_every_row(four, splat(features, 0.0))
            for r in range(0, size, 4):
                slope = in_every_column(features, load(four, room, other + r))
                x = load_rows_where(four, features, X, behind + r * stride + whole, stride, inside)
                part = fma(x, slope, part)
            store(near, whole, load(features, near, whole) + column_totals(features, part))
        logits = row_totals(samples, products) + theta[d]
    store(room, 2 * size, logits)
    return sums
