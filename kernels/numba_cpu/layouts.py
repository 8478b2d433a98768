"""Products with a block of X, by how X lies in memory: logits X w + b, and the gradient's share slope X.

Layouts are types, so each compiles to a kernel of its own.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import overload

from kernels.numba_cpu.launch import read_only
from kernels.numba_cpu.simd import (
    Vector,
    column_totals,
    fma,
    halved,
    in_every_column,
    in_every_row,
    lane_numbers,
    lanes_of,
    line_of,
    load,
    load_packed_rows,
    load_rows,
    load_rows_where,
    load_where,
    prefetch,
    register_bytes,
    registers_of,
    resized,
    row_totals,
    splat,
    store,
    total,
)

REGISTER = register_bytes()
WIDE = 4  # registers of samples at once, for arithmetic that waits for itself
AHEAD = 256  # cache lines from a block to what is prefetched meanwhile, or the next block if that is further
LONG = 512  # bytes of a row
LABELS_AHEAD = 1_024  # samples from those at hand to those whose labels are prefetched
TERMS = 64  # of a logit by columns in one sum, so that rounding hardly grows with the number of features
SPARE = WIDE * REGISTER // 4  # lanes by which vectors of samples may reach further than a block


class Rows(NamedTuple):
    """Features are next to one another; rows begin `stride` elements apart."""

    stride: int


class LongRows(NamedTuple):
    """Rows of which a few fill the nearest cache."""

    stride: int


class ShortRows(NamedTuple):
    """Rows of less than two registers."""

    stride: int


class Twos(NamedTuple):
    """Rows of two features, with nothing in between."""

    stride: int


class Fours(NamedTuple):
    stride: int


class Eights(NamedTuple):
    stride: int


PACKED = {2: Twos, 4: Fours, 8: Eights}  # where a register holds more than one row


class Columns(NamedTuple):
    """Samples are next to one another; columns begin `stride` elements apart."""

    stride: int


def logits_of_block(X, row, layout, rows, theta, d, z):
    """z = x w + b of so many rows from the row `row`. `theta` is (w, b), padded."""


def add_block(X, row, layout, rows, slopes, d, gradient):
    """Adds slope * x of these rows to `gradient`, padded."""


def packed_row(layout, theta):
    """The vector type of a row, if the layout is of packed ones."""
    width = next((width for width, packed in PACKED.items() if layout.instance_class is packed), None)
    return width and Vector(theta.dtype, width)


@overload(logits_of_block, jit_options={"forceinline": True})
def logits_by_layout(X, row, layout, rows, theta, d, z):
    if features := packed_row(layout, theta):
        return lambda X, row, layout, rows, theta, d, z: logits_of_packed(features, X, row, rows, theta, d, z)
    functions = {
        Rows: logits_of_rows,
        LongRows: logits_of_rows,
        ShortRows: logits_of_short_rows,
        Columns: logits_of_columns,
    }
    function = functions[layout.instance_class]
    return lambda X, row, layout, rows, theta, d, z: function(X, row, layout.stride, rows, theta, d, z)


@overload(add_block, jit_options={"forceinline": True})
def add_by_layout(X, row, layout, rows, slopes, d, gradient):
    if features := packed_row(layout, gradient):
        return lambda X, row, layout, rows, slopes, d, gradient: add_packed(features, X, row, rows, slopes, d, gradient)
    functions = {Rows: add_rows, LongRows: add_rows, ShortRows: add_short_rows, Columns: add_columns}
    function = functions[layout.instance_class]
    return lambda X, row, layout, rows, slopes, d, gradient: function(X, row, layout.stride, rows, slopes, d, gradient)


# of a block: bytes, and the fewest and most rows. Rows are prefetched, columns are many short pieces.
BLOCK = {
    **dict.fromkeys((Rows, LongRows), (16_384, 8, 128)),
    ShortRows: (8_192, 16, 128),
    **dict.fromkeys(PACKED.values(), (8_192, 16, 256)),
    Columns: (131_072, 64, 512),
}


# Features next to one another in memory


@njit(forceinline=True)
def logits_of_rows(X, first, stride, rows, theta, d, z):
    """As `logits_of_block`; few rows at a time, so that memory is read almost in order."""
    logits_by(halved(registers_of(theta, 1)), registers_of(theta, 2), X, first, stride, rows, theta, d, z)


@njit(forceinline=True)
def logits_of_short_rows(X, first, stride, rows, theta, d, z):
    logits_by(registers_of(theta, 1), registers_of(theta, 1), X, first, stride, rows, theta, d, z)


@njit(forceinline=True)
def logits_by(samples, features, X, first, stride, rows, theta, d, z):
    """As `logits_of_block`, and half of the prefetching; by vectors `features` of as many rows as `samples` holds."""
    at_once, width = lanes_of(samples), lanes_of(features)
    whole = d // width * width
    live = lane_numbers(features) < d - whole
    ahead = first * stride + elements_ahead(X, stride, rows)
    for row in range(0, rows - at_once + 1, at_once):
        start = (first + row) * stride
        products = in_every_row(samples, splat(features, 0.0))
        for j in range(0, whole, width):
            w = in_every_row(samples, load(features, theta, j))
            products = fma(load_rows(samples, features, X, start + j, stride), w, products)
            prefetch(X, ahead, 8)
            ahead += 8 * line_of(X)
        if whole < d:
            w = in_every_row(samples, load(features, theta, whole))
            products = fma(load_rows_where(samples, features, X, start + whole, stride, live), w, products)
        store(z, row, row_totals(samples, products) + theta[d])
    logits_of_last(at_once, X, first, stride, rows, theta, d, z)


@njit
def logits_of_last(at_once, X, first, stride, rows, theta, d, z):
    """Of the rows that are too few for a vector; by itself, so that what it needs isn't kept ready in the loops."""
    for row in range(rows - (rows & (at_once - 1)), rows):
        z[row] = logit(X, (first + row) * stride, theta, d)


@njit(forceinline=True)
def elements_ahead(X, stride, rows):
    """How far from a block's start to prefetch: what follows the block, or further."""
    return max(rows * stride, AHEAD * line_of(X))


@njit(forceinline=True)
def logit(X, index, theta, d):
    """x w + b of the row at flat `index`."""
    features = registers_of(theta, 1)
    lanes = lanes_of(features)
    products = splat(features, 0.0)
    for j in range(0, d, lanes):
        x = load_where(features, X, index + j, lane_numbers(features) < d - j)
        products = fma(x, load(features, theta, j), products)
    return total(products) + theta[d]


@njit(forceinline=True)
def add_rows(X, first, stride, rows, slopes, d, gradient):
    """As `add_block`."""
    add_by(registers_of(gradient, 2), X, first, stride, rows, slopes, d, gradient)


@njit(forceinline=True)
def add_short_rows(X, first, stride, rows, slopes, d, gradient):
    add_by(registers_of(gradient, 1), X, first, stride, rows, slopes, d, gradient)


@njit(forceinline=True)
def add_by(features, X, first, stride, rows, slopes, d, gradient):
    """As `add_block`, and the other half of the prefetching; by vectors `features`."""
    width = lanes_of(features)
    whole = d // width * width
    start = first * stride
    ahead = start + elements_ahead(X, stride, rows) + rows * d // 2
    for j in range(0, whole, width):
        add_features(features, X, start + j, stride, rows, slopes, None, gradient, j, ahead)
        ahead += rows * width // 2
    if whole < d:
        live = lane_numbers(features) < d - whole
        add_features(features, X, start + whole, stride, rows, slopes, live, gradient, whole, ahead)


@njit(forceinline=True)
def add_features(features, X, start, stride, rows, slopes, live, gradient, j, ahead):
    """A vector of the gradient, at `j`; `live` says which of its lanes, None all of them."""
    samples = resized(features, 4)
    at_once = lanes_of(samples)
    sums = in_every_row(samples, splat(features, 0.0))
    for row in range(0, rows - at_once + 1, at_once):
        x = rows_where(samples, features, X, start + row * stride, stride, live)
        sums = fma(x, in_every_column(features, load(samples, slopes, row)), sums)
        if live is None:
            prefetch(X, ahead, 4)
            ahead += 4 * line_of(X)
    sum_of_rows = load(features, gradient, j) + column_totals(features, sums)
    for row in range(rows // at_once * at_once, rows):
        x = rows_where(resized(features, 1), features, X, start + row * stride, stride, live)
        sum_of_rows = fma(x, slopes[row], sum_of_rows)
    store(gradient, j, sum_of_rows)


@njit(forceinline=True)
def rows_where(samples, features, X, index, stride, live):
    if live is None:
        return load_rows(samples, features, X, index, stride)
    return load_rows_where(samples, features, X, index, stride, live)


# Several rows in a register


@njit(forceinline=True)
def logits_of_packed(features, X, first, rows, theta, d, z):
    """As `logits_of_block`, and the prefetching."""
    samples = registers_of(theta, 1)
    lanes = lanes_of(samples)
    w = in_every_row(samples, load(features, theta, 0))
    for row in range(0, rows - lanes + 1, lanes):
        start = (first + row) * d
        x = load_packed_rows(samples, features, X, start)
        store(z, row, row_totals(samples, x * w) + theta[d])
        prefetch(X, start + AHEAD * line_of(X), 8)
    logits_of_last(lanes, X, first, d, rows, theta, d, z)


@njit(forceinline=True)
def add_packed(features, X, first, rows, slopes, d, gradient):
    """As `add_block`."""
    samples = registers_of(gradient, 1)
    lanes = lanes_of(samples)
    sums = in_every_row(samples, splat(features, 0.0))
    for row in range(0, rows - lanes + 1, lanes):
        slope = in_every_column(features, load(samples, slopes, row))
        sums = fma(load_packed_rows(samples, features, X, (first + row) * d), slope, sums)
    sum_of_rows = load(features, gradient, 0) + column_totals(features, sums)
    for row in range(rows // lanes * lanes, rows):
        sum_of_rows = fma(load(features, X, (first + row) * d), slopes[row], sum_of_rows)
    store(gradient, 0, sum_of_rows)


# Samples next to one another in memory


@njit(forceinline=True)
def logits_of_columns(X, first, stride, rows, theta, d, z):
    """As `logits_of_block`."""
    samples = registers_of(theta, WIDE)
    lanes = lanes_of(samples)
    for row in range(0, rows, lanes):
        live = lane_numbers(samples) < rows - row
        sums = splat(samples, theta[d])
        for j in range(min(d, TERMS)):
            sums = fma(load_where(samples, X, first + j * stride + row, live), theta[j], sums)
        for start in range(TERMS, d, TERMS):
            near = splat(samples, 0.0)
            for j in range(start, min(start + TERMS, d)):
                near = fma(load_where(samples, X, first + j * stride + row, live), theta[j], near)
            sums = sums + near
        store(z, row, sums)


@njit(forceinline=True)
def add_columns(X, first, stride, rows, slopes, d, gradient):
    """As `add_block`."""
    samples = registers_of(slopes, WIDE)
    lanes = lanes_of(samples)
    for j in range(d):
        sums = splat(samples, 0.0)
        for row in range(0, rows, lanes):
            live = lane_numbers(samples) < rows - row
            sums = fma(load_where(samples, X, first + j * stride + row, live), load(samples, slopes, row), sums)
        gradient[j] += total(sums)


def flat(X, precision):
    """X (n, d) as one contiguous array, and its layout for arithmetic in a dtype. A view, except of arrays in which
    neither rows nor columns are contiguous."""
    (n, d), size = X.shape, X.itemsize
    by_row, by_column = X.strides
    if X.flags.c_contiguous and d > 1:
        return read_only(X.reshape(-1)), rows_layout(d, d, precision)
    if X.flags.f_contiguous:
        return read_only(X.T.reshape(-1)), Columns(n)
    if by_column == size and by_row >= d * size and by_row % size == 0:
        return strided(X, by_row, n, d), rows_layout(d, by_row // size, precision)
    if by_row == size and by_column >= n * size and by_column % size == 0:
        return strided(X, by_column, d, n), Columns(by_column // size)
    return read_only(np.ascontiguousarray(X).reshape(-1)), Columns(n) if d == 1 else rows_layout(d, d, precision)


def flat_in_groups(X, precision):
    """As `flat`, for groups of rows: by columns if there are too few, by blocks if they are long."""
    n, d = X.shape
    if n < REGISTER // 4:
        return read_only(np.asfortranarray(X).T.reshape(-1)), Columns(n)
    data, layout = flat(X, precision)
    long = isinstance(layout, Rows) and d * precision.itemsize >= LONG
    return data, LongRows(layout.stride) if long else layout


def rows_layout(d, stride, precision):
    """The layout of rows of `d` elements."""
    row = d * precision.itemsize
    if d == stride and d in PACKED and row < REGISTER:
        return PACKED[d](stride)
    return ShortRows(stride) if row < 2 * REGISTER else Rows(stride)


def strided(X, stride, runs, length):
    """All memory from the first to the last of `runs` runs of elements that begin `stride` bytes apart."""
    elements = (runs - 1) * stride // X.itemsize + length
    return np.lib.stride_tricks.as_strided(X, (elements,), (X.itemsize,), writeable=False)


def flattenable(X):
    """X or, if `flat` would copy it, a copy of which it makes views."""
    data, _ = flat(X, X.dtype)
    return X if np.may_share_memory(data, X) else data.reshape(X.shape)


def rows_in_block(X, layout):
    bytes_, fewest, most = BLOCK[type(layout)]
    return min(most, max(fewest, bytes_ // (X.shape[1] * X.itemsize) // fewest * fewest))


def padded(w, b, dtype):
    """theta (d + 1,) = (w, b), with as many zeros as vectors of it may reach further."""
    theta = np.zeros((len(w) // SPARE + 2) * SPARE, dtype)
    theta[: len(w)], theta[len(w)] = w, b[0]
    return theta
