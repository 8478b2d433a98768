"""Products with a block of X whose features are next to one another in memory."""

from kernels.numba_cpu.runtime.subroutine import inlined, subroutine
from kernels.numba_cpu.vector.matrices import (
    column_totals,
    in_every_column,
    in_every_row,
    load_rows,
    load_rows_where,
    row_totals,
)
from kernels.numba_cpu.vector.memory import load, load_where, prefetch, store
from kernels.numba_cpu.vector.operators import fma, lane_numbers, splat, total
from kernels.numba_cpu.vector.vector_type import divided, lanes_of, line_of, registers_of, resized

PREFETCH_LINES = 256  # cache lines from a block to what is prefetched meanwhile, or the next block if that is further
LABELS_AHEAD = 1_024  # samples from those at hand to those whose labels are prefetched


@inlined
def logits_of_rows(X, first, stride, rows, theta, d, z):
    """As `logits_of_block`; few rows at a time, so that memory is read almost in order."""
    samples_type, features_type = divided(registers_of(theta, 1), 2), registers_of(theta, 2)
    logits_of_vectors(samples_type, features_type, X, stride, (first, rows), theta, d, z)


@inlined
def logits_of_short_rows(X, first, stride, rows, theta, d, z):
    samples_type, features_type = registers_of(theta, 1), registers_of(theta, 1)
    logits_of_vectors(samples_type, features_type, X, stride, (first, rows), theta, d, z)


@inlined
def logits_of_vectors(samples_type, features_type, X, stride, span, theta, d, z):
    """z = x w + b of the rows `span`, the first and how many, and half of the prefetching: by vectors of features, of
    as many rows at a time as a vector of samples has lanes."""
    first, rows = span
    at_once, width = lanes_of(samples_type), lanes_of(features_type)
    whole = d // width * width
    live = lane_numbers(features_type) < d - whole
    ahead = first * stride + elements_ahead(X, stride, rows)
    for row in range(0, rows - at_once + 1, at_once):
        start = (first + row) * stride
        products = in_every_row(samples_type, splat(features_type, 0.0))
        for j in range(0, whole, width):
            w = in_every_row(samples_type, load(features_type, theta, j))
            products = fma(load_rows(samples_type, features_type, X, start + j, stride), w, products)
            prefetch(X, ahead, 8)
            ahead += 8 * line_of(X)
        if whole < d:
            w = in_every_row(samples_type, load(features_type, theta, whole))
            products = fma(load_rows_where(samples_type, features_type, X, start + whole, stride, live), w, products)
        store(z, row, row_totals(samples_type, products) + theta[d])
    logits_of_last(at_once, X, first, stride, rows, theta, d, z)


@subroutine
def logits_of_last(at_once, X, first, stride, rows, theta, d, z):
    """Of the rows that are too few for a vector; by itself, so that what it needs isn't kept ready in the loops."""
    for row in range(rows - (rows & (at_once - 1)), rows):
        z[row] = logit(X, (first + row) * stride, theta, d)


@inlined
def elements_ahead(X, stride, rows):
    """How far from a block's start to prefetch: what follows the block, or further."""
    return max(rows * stride, PREFETCH_LINES * line_of(X))


@inlined
def logit(X, index, theta, d):
    """x w + b of the row at flat `index`."""
    features_type = registers_of(theta, 1)
    lanes = lanes_of(features_type)
    products = splat(features_type, 0.0)
    for j in range(0, d, lanes):
        x = load_where(features_type, X, index + j, lane_numbers(features_type) < d - j)
        products = fma(x, load(features_type, theta, j), products)
    return total(products) + theta[d]


@inlined
def add_rows(X, first, stride, rows, slopes, d, gradient):
    """As `add_block`."""
    add_vectors(registers_of(gradient, 2), X, first, stride, rows, slopes, d, gradient)


@inlined
def add_short_rows(X, first, stride, rows, slopes, d, gradient):
    add_vectors(registers_of(gradient, 1), X, first, stride, rows, slopes, d, gradient)


@inlined
def add_vectors(features_type, X, first, stride, rows, slopes, d, gradient):
    """Adds slope x of these rows to `gradient`, and does the other half of the prefetching: by vectors of the type
    `features`."""
    width = lanes_of(features_type)
    whole = d // width * width
    start = first * stride
    ahead = start + elements_ahead(X, stride, rows) + rows * d // 2
    for j in range(0, whole, width):
        add_features(features_type, X, (start + j, stride, rows), slopes, None, gradient, j, ahead)
        ahead += rows * width // 2
    if whole < d:
        live = lane_numbers(features_type) < d - whole
        add_features(features_type, X, (start + whole, stride, rows), slopes, live, gradient, whole, ahead)


@inlined
def add_features(features_type, X, block, slopes, live, gradient, j, ahead):
    """Adds to a vector of the gradient, at `j`, from a block of rows, its flat index, their stride and number; `live`
    says which lanes, None all of them."""
    start, stride, rows = block
    samples_type = resized(features_type, 4)
    at_once = lanes_of(samples_type)
    sums = in_every_row(samples_type, splat(features_type, 0.0))
    for row in range(0, rows - at_once + 1, at_once):
        x = rows_where(samples_type, features_type, X, start + row * stride, stride, live)
        sums = fma(x, in_every_column(features_type, load(samples_type, slopes, row)), sums)
        if live is None:
            prefetch(X, ahead, 4)
            ahead += 4 * line_of(X)
    sum_of_rows = load(features_type, gradient, j) + column_totals(features_type, sums)
    for row in range(rows // at_once * at_once, rows):
        x = rows_where(resized(features_type, 1), features_type, X, start + row * stride, stride, live)
        sum_of_rows = fma(x, slopes[row], sum_of_rows)
    store(gradient, j, sum_of_rows)


@inlined
def rows_where(samples_type, features_type, X, index, stride, live):
    if live is None:
        return load_rows(samples_type, features_type, X, index, stride)
    return load_rows_where(samples_type, features_type, X, index, stride, live)
