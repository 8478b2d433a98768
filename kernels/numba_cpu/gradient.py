"""Loss and gradient over all samples, reading the data once.

A block of rows is small enough to stay in the cache while its logits, its residuals and its share of the gradient are
computed. The arithmetic is in the type of the parameters; sums leave it for float64 every SPAN rows. With
e = exp(-|z|), p = sigmoid(z) and 1 - p are 1 / (1 + e) and e / (1 + e), in one order or the other, and

    loss = log(1 + e) + (1 - y) max(z, 0) + y max(-z, 0),    dloss/dz = p - y = (1 - y) p - y (1 - p),

so nothing cancels; the logarithms of many samples are one logarithm of the product of their 1 + e. The data is cut
into jobs by its shape alone, and their sums are added in order: the same bits for any number of threads.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numba.extending import overload

from kernels.numba_cpu.elementary import exp_negative, log1p_scaled
from kernels.numba_cpu.launch import launch, parallel_kernel, read_only
from kernels.numba_cpu.products import EXPONENT_OFFSET, normalised, times
from kernels.numba_cpu.simd import (
    CACHE_LINE,
    Vector,
    absolute,
    column_totals,
    fma,
    halved,
    in_every_column,
    in_every_row,
    lane_numbers,
    lanes_of,
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
    select,
    splat,
    store,
    to_float,
    to_float64,
    total,
)

REGISTER = register_bytes()
WIDE = 4  # registers of samples at once, for arithmetic that waits for itself
AHEAD_BYTES = 16_384  # from a block to what is prefetched meanwhile, or the next block if that is further
LABELS_AHEAD = 1_024
SPARE = WIDE * REGISTER // 4  # lanes by which vectors of samples may reach further than a block
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


# How X lies in memory, as types: each compiles to a kernel of its own


class Rows(NamedTuple):
    """Features are next to one another; rows begin `stride` elements apart."""

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
    functions = {Rows: logits_of_rows, ShortRows: logits_of_short_rows, Columns: logits_of_columns}
    function = functions[layout.instance_class]
    return lambda X, row, layout, rows, theta, d, z: function(X, row, layout.stride, rows, theta, d, z)


@overload(add_block, jit_options={"forceinline": True})
def add_by_layout(X, row, layout, rows, slopes, d, gradient):
    if features := packed_row(layout, gradient):
        return lambda X, row, layout, rows, slopes, d, gradient: add_packed(features, X, row, rows, slopes, d, gradient)
    function = {Rows: add_rows, ShortRows: add_short_rows, Columns: add_columns}[layout.instance_class]
    return lambda X, row, layout, rows, slopes, d, gradient: function(X, row, layout.stride, rows, slopes, d, gradient)


# of a block: bytes, and the fewest and most rows. Rows are prefetched, columns are many short pieces.
BLOCK = {
    Rows: (16_384, 8, 128),
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
            ahead += 8 * CACHE_LINE // X.itemsize
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
    return max(rows * stride, AHEAD_BYTES // X.itemsize)


@njit(forceinline=True)
def logit(X, index, theta, d):
    """x w + b of the row at flat `index`."""
    features, lanes = registers_of(theta, 1), REGISTER // theta.itemsize
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
            ahead += 4 * CACHE_LINE // X.itemsize
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
        prefetch(X, start + AHEAD_BYTES // X.itemsize, 8)
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
    samples, lanes = registers_of(theta, WIDE), WIDE * REGISTER // theta.itemsize
    for row in range(0, rows, lanes):
        live = lane_numbers(samples) < rows - row
        sums = splat(samples, theta[d])
        for j in range(d):
            sums = fma(load_where(samples, X, first + j * stride + row, live), theta[j], sums)
        store(z, row, sums)


@njit(forceinline=True)
def add_columns(X, first, stride, rows, slopes, d, gradient):
    """As `add_block`."""
    samples, lanes = registers_of(slopes, WIDE), WIDE * REGISTER // slopes.itemsize
    for j in range(d):
        sums = splat(samples, 0.0)
        for row in range(0, rows, lanes):
            live = lane_numbers(samples) < rows - row
            sums = fma(load_where(samples, X, first + j * stride + row, live), load(samples, slopes, row), sums)
        gradient[j] += total(sums)


# All


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


def flat(X):
    """X (n, d) as one contiguous array, and its layout. A view, except of arrays in which neither rows nor columns are
    contiguous."""
    (n, d), size = X.shape, X.itemsize
    by_row, by_column = X.strides
    if X.flags.c_contiguous and d > 1:
        return read_only(X.reshape(-1)), rows_layout(d, size, d)
    if X.flags.f_contiguous:
        return read_only(X.T.reshape(-1)), Columns(n)
    if by_column == size and by_row >= d * size and by_row % size == 0:
        return strided(X, by_row, n, d), rows_layout(d, size, by_row // size)
    if by_row == size and by_column >= n * size and by_column % size == 0:
        return strided(X, by_column, d, n), Columns(by_column // size)
    return read_only(np.ascontiguousarray(X).reshape(-1)), Columns(n) if d == 1 else rows_layout(d, size, d)


def rows_layout(d, size, stride):
    """The layout of rows of `d` elements of `size` bytes."""
    if d == stride and d in PACKED and d * size < REGISTER:
        return PACKED[d](stride)
    return ShortRows(stride) if d * size < 2 * REGISTER else Rows(stride)


def strided(X, stride, runs, length):
    """All memory from the first to the last of `runs` runs of elements that begin `stride` bytes apart."""
    elements = (runs - 1) * stride // X.itemsize + length
    return np.lib.stride_tricks.as_strided(X, (elements,), (X.itemsize,), writeable=False)


def flattenable(X):
    """X or, if `flat` would copy it, a copy of which it makes views."""
    data, _ = flat(X)
    return X if np.may_share_memory(data, X) else data.reshape(X.shape)


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
    data, layout = flat(X)
    block = rows_in_block(X, layout)
    rows_in_job = max(-(-n // JOBS), JOB_OPERATIONS // operations(1, d))
    rows_in_job = -(-rows_in_job // block) * block
    jobs = -(-n // rows_in_job)
    losses, gradients = np.empty(jobs), np.zeros((jobs, d + 1))
    labels, weights = read_only(y), read_only(weight)
    settings = theta, squared, block, rows_in_job
    launch(add_jobs, operations(n, d), data, layout, labels, weights, *settings, losses, gradients)
    return (losses[0], gradients[0]) if jobs == 1 else (losses.sum(), gradients.sum(axis=0))


def padded(w, b, dtype):
    """theta (d + 1,) = (w, b), with as many zeros as vectors of it may reach further."""
    theta = np.zeros((len(w) // SPARE + 2) * SPARE, dtype)
    theta[: len(w)], theta[len(w)] = w, b[0]
    return theta


def rows_in_block(X, layout):
    bytes_, fewest, most = BLOCK[type(layout)]
    return min(most, max(fewest, bytes_ // (X.shape[1] * X.itemsize) // fewest * fewest))


def operations(samples, d):
    """Multiply-adds of a pass."""
    return samples * (2 * d + OPERATIONS_PER_SAMPLE)
