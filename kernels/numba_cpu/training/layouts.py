"""How X lies in memory, as types, so that each layout compiles to a kernel of its own."""

from typing import NamedTuple

import numpy as np

from kernels.numba_cpu.runtime.launch import read_only
from kernels.numba_cpu.vector.vector_type import REGISTERS, Vector

REGISTER = REGISTERS.width  # bytes
UNROLL = 4  # registers of samples at once, for arithmetic that waits for itself
RUNS = 4  # into which rows are cut, to be read as streams; 8, pages apart, would fill each set of the nearest cache
MOST_ROWS = 8  # of a group, whose sums are registers at the same time, unless rows are packed
# whether registers hold the sums of two groups, so that one's logits and another's gradient are computed side by side
HOLD_TWO_GROUPS = REGISTERS.number >= 32
# from here on: with few registers a row of each run at a time, which is as fast as two (Zen 3); with many by blocks, as
# three of a pipeline's groups would take a fourth of the nearest cache or more (Zen 5: 1.1 of its time at 128 float32,
# as fast at 256, 0.8 to 0.95 at 64 float64 and beyond)
LONG_ROW_BYTES = 512
PADDING_LANES = UNROLL * REGISTER // 4  # lanes by which vectors of samples may reach further than a block


class Data(NamedTuple):
    """Samples as kernels take them, beside the layout of X: X (n, d) flat, the stride of its rows or columns, labels
    (n,), weights (n,) or (0,), and how many rows are taken at a time."""

    X: np.ndarray
    stride: int
    d: int
    y: np.ndarray
    weight: np.ndarray
    block: int


class Rows(NamedTuple):
    """Features are next to one another; rows begin `stride` elements apart."""

    stride: int


class FewRows(NamedTuple):
    """Rows so few that a pipeline's first and last steps, which are waste, would be a good part of it."""

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


def packed_row(layout, theta):
    """The vector type of a row, if the layout is of packed ones."""
    width = next((width for width, packed in PACKED.items() if layout.instance_class is packed), None)
    return width and Vector(theta.dtype, width)


def group_of_rows(layout, theta):
    """The vector types of a group's logits and of the features of a row that are taken at once; None for what goes by
    blocks: columns, rows of two or four features, and long ones where others are pipelined."""
    kind, lanes = layout.instance_class, REGISTER * 8 // theta.dtype.bitwidth
    if kind in (Columns, Twos, Fours) or (kind is LongRows and HOLD_TWO_GROUPS):
        return None
    if kind is LongRows:
        return Vector(theta.dtype, RUNS), Vector(theta.dtype, 2 * lanes)
    if packed := packed_row(layout, theta):
        return Vector(theta.dtype, lanes), packed
    return Vector(theta.dtype, max(RUNS, min(MOST_ROWS, lanes))), Vector(theta.dtype, lanes)


def are_pipelined(layout):
    """Whether groups of rows go through a pipeline, not as streams."""
    return HOLD_TWO_GROUPS and layout.instance_class is not FewRows


# of a block: bytes, and the fewest and most rows. Few rows of streams keep memory evenly busy; those of other blocks
# are prefetched, and so many that a lane gets no more than MOST_FACTORS from a span, one or more of each block; columns
# are many short pieces.
STREAMED = 8_192, 4, 32
BLOCK = {
    **dict.fromkeys((Rows, LongRows, ShortRows, Eights), (16_384, 8, 128) if HOLD_TWO_GROUPS else STREAMED),
    FewRows: STREAMED,
    **dict.fromkeys((Twos, Fours), (8_192, 16, 256)),
    Columns: (131_072, 64, 512),
}


def as_flat(X, precision):
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


def as_flat_in_groups(X, precision):
    """As `as_flat`, for groups of rows: by columns if there are too few, with a copy of them; in ways of their own if
    they are long, or short and enough for a group of as many as a register has lanes."""
    n, d = X.shape
    if n < MOST_ROWS:
        return read_only(np.asfortranarray(X).T.reshape(-1)), Columns(n)
    data, layout = as_flat(X, precision)
    row = d * precision.itemsize
    lanes = REGISTER // precision.itemsize
    packed = isinstance(layout, ShortRows) and layout.stride == d and d in PACKED and row < REGISTER and n >= lanes
    if packed and X.dtype == precision:  # else it is a large batch of a run, which is rare
        return data, PACKED[d](d)
    return data, LongRows(layout.stride) if isinstance(layout, Rows) and row >= LONG_ROW_BYTES else layout


def rows_layout(d, stride, precision):
    """The layout of rows of `d` elements."""
    return ShortRows(stride) if d * precision.itemsize < 2 * REGISTER else Rows(stride)


def strided(X, stride, runs, length):
    """All memory from the first to the last of `runs` runs of elements that begin `stride` bytes apart."""
    elements = (runs - 1) * stride // X.itemsize + length
    return np.lib.stride_tricks.as_strided(X, (elements,), (X.itemsize,), writeable=False)


def with_unit_stride(X):
    """X or, if `as_flat` would copy it, a copy of which it makes views."""
    data, _ = as_flat(X, X.dtype)
    return X if np.may_share_memory(data, X) else data.reshape(X.shape)


def rows_in_block(X, layout):
    bytes_, fewest, most = BLOCK[type(layout)]
    return min(most, max(fewest, bytes_ // (X.shape[1] * X.itemsize) // fewest * fewest))


def padded_theta(w, b, dtype):
    """theta (d + 1,) = (w, b), with as many zeros as vectors of it may reach further."""
    d = len(w)
    theta = np.zeros((d // PADDING_LANES + 2) * PADDING_LANES, dtype)
    theta[:d], theta[d] = w, b[0]
    return theta
