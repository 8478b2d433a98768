"""Filling a surface from the values at its Chebyshev nodes: two small matrix products a tile, at the speed of memory.

On a tile, surface = A V B with A (rows, nodes of t) and B (nodes of s, columns) the values of the Lagrange polynomials.
V B is made for a block of columns of a row of tiles, small enough for the nearest cache; then each point of the surface
costs one multiply-add a node of t.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import prange, types

from kernels.mathematics import spectral
from kernels.mathematics.planning import BAND
from kernels.numba_cpu.runtime.launch import launch, parallel_kernel, threads
from kernels.numba_cpu.runtime.subroutine import inlined, subroutine
from kernels.numba_cpu.vector.memory import fence, load, store, store_past_cache, store_where
from kernels.numba_cpu.vector.operators import fma, lane_numbers, select, splat
from kernels.numba_cpu.vector.vector_type import REGISTERS, Vector

PANEL = REGISTERS.width // 2  # columns multiplied together, of four registers; whole cache lines of float32 too
COLUMNS = Vector(types.float64, PANEL)
LANE_NUMBERS = Vector(types.int64, PANEL)
ROWS = 4  # multiplied together
BLOCK = 16 * PANEL  # columns of a block
PAST_CACHE = 2**23  # bytes of a surface that is too large to stay in the caches
OPERATIONS_PER_THREAD = 500_000_000  # in one launch, in multiply-adds: under 0.1 s, so that Ctrl-C is answered
SCATTERED = 2**20  # values that are put in their places at once
EVERY = slice(None)
FIRST_TOUCH = 150  # what writing a cell costs at the worst, in multiply-adds: in memory that the system has yet to find


@inlined
def times_rows(A, at, row_stride, node_stride, H, column, nodes):
    """ROWS rows of A, from flat index `at`, times a panel of the columns of H (nodes, width)."""
    zero = splat(COLUMNS, 0.0)
    v0, v1, v2, v3 = zero, zero, zero, zero
    for k in range(nodes):
        h = load(COLUMNS, H, k * H.shape[1] + column)
        v0 = fma(h, A[at], v0)
        v1 = fma(h, A[at + row_stride], v1)
        v2 = fma(h, A[at + 2 * row_stride], v2)
        v3 = fma(h, A[at + 3 * row_stride], v3)
        at += node_stride
    return v0, v1, v2, v3


class Nodes(NamedTuple):
    """Values at the nodes of all tiles, flat, with `across` of them to a row: rows are nodes of t."""

    values: np.ndarray
    across: int


class Bases(NamedTuple):
    """Lagrange polynomials along t, A (nodes, nt), flat with ROWS zeros behind it, and along s, B (nodes, ns or more);
    how many nodes and points a tile has along t, and points along s."""

    A: np.ndarray
    nodes_t: int
    points_t: int
    B: np.ndarray
    points_s: int


class Target(NamedTuple):
    """The surface, from which column on panels are stored past the caches, nowhere if that is negative, and the value
    that nothing is below."""

    out: np.ndarray
    aligned: int
    floor: float


@subroutine
def multiply_along_s(nodes, first, bases, left, along):
    """V B of the tiles whose nodes of t begin in row `first` of the nodes, flat, to `along`: columns from `left`."""
    values, across, B = nodes.values, nodes.across, bases.B
    nodes_s, width = B.shape[0], along.shape[1]
    for k in range(0, along.shape[0], ROWS):
        for i in range(0, min(width, B.shape[1] - left), PANEL):
            tile = (first + k) * across + (left + i) // bases.points_s * nodes_s
            v0, v1, v2, v3 = times_rows(values, tile, across, 1, B, left + i, nodes_s)
            at = k * width + i
            store(along, at, v0)
            store(along, at + width, v1)
            store(along, at + 2 * width, v2)
            store(along, at + 3 * width, v3)


@inlined
def write(store, out, at, v, floor):
    store(out, at, select(v < floor, floor, v))


@inlined
def write_some(out, at, v, floor, rows, columns):
    """Writes as many columns if there is a row."""
    store_where(out, at, select(v < floor, floor, v), lane_numbers(LANE_NUMBERS) < columns * (rows > 0))


@subroutine
def fill_block(bases, along, left, columns, rows, target):
    """Fills the rows and columns (first, last) of the surface: A times `along`, which begins at the column `left`."""
    (start, stop), (first, last) = columns, rows
    A, nodes, out, floor, past_cache = bases.A, bases.nodes_t, target.out, target.floor, target.aligned >= 0
    width, stride = out.shape[1], (A.size - ROWS) // nodes
    for j in range(first, last, ROWS):
        for i in range(start, stop, PANEL):
            v0, v1, v2, v3 = times_rows(A, j, 1, stride, along, i - left, nodes)
            at = j * width + i
            if j + ROWS > last or i + PANEL > stop:
                write_some(out, at, v0, floor, last - j, stop - i)
                write_some(out, at + width, v1, floor, last - j - 1, stop - i)
                write_some(out, at + 2 * width, v2, floor, last - j - 2, stop - i)
                write_some(out, at + 3 * width, v3, floor, last - j - 3, stop - i)
            elif past_cache:
                write(store_past_cache, out, at, v0, floor)
                write(store_past_cache, out, at + width, v1, floor)
                write(store_past_cache, out, at + 2 * width, v2, floor)
                write(store_past_cache, out, at + 3 * width, v3, floor)
            else:
                write(store, out, at, v0, floor)
                write(store, out, at + width, v1, floor)
                write(store, out, at + 2 * width, v2, floor)
                write(store, out, at + 3 * width, v3, floor)


@parallel_kernel
def fill_bands(nodes, bases, band_rows, bands, target):
    """Fills the bands (first, last) of the surface, `band_rows` rows each, of one row of tiles each."""
    out, aligned = target.out, target.aligned
    for band in prange(bands[0], bands[1]):
        row, last_row = band * band_rows, min(band * band_rows + band_rows, out.shape[0])
        along = np.empty(((bases.nodes_t + ROWS - 1) // ROWS * ROWS, BLOCK + PANEL))
        start = 0
        while start < out.shape[1]:
            stop = min(aligned if start < aligned else start + BLOCK, out.shape[1])
            left = start // PANEL * PANEL
            multiply_along_s(nodes, row // bases.points_t * bases.nodes_t, bases, left, along)
            fill_block(bases, along, left, (start, stop), (row, last_row), target)
            start = stop
        fence()


class Axis(NamedTuple):
    """An axis in ascending order.

    nodes  where along it samples are evaluated
    steps  [Basis] by which values at the nodes are interpolated, one after the other
    order  what indexes the axis in ascending order: EVERY where it is so already
    """

    nodes: np.ndarray
    steps: list
    order: np.ndarray | slice


def axis_of(values: np.ndarray, tiling: spectral.Tiling, device: Any = None) -> Axis:
    """The Axis of an axis in any order, for a Tiling; on the host."""
    order = EVERY if (values[1:] >= values[:-1]).all() else np.argsort(values, kind="stable")
    ascending = values[order]
    return Axis(spectral.node_positions(ascending, tiling), spectral.steps_along(ascending, tiling), order)


def empty_values(like: np.ndarray, s: Axis, t: Axis) -> np.ndarray:
    """An array (..., nodes of t, nodes of s) for an output (..., nt, ns), with room behind it, as rows are read in
    whole groups."""
    shape = *like.shape[:-2], len(t.nodes), len(s.nodes)
    return values_with_room(shape)


def values_with_room(shape):
    *lead, width = shape
    rows = math.prod(lead)
    return np.empty((rows + ROWS, width))[:rows].reshape(shape)


def fill(values: np.ndarray, s: Axis, t: Axis, out: np.ndarray, floor: float) -> None:
    """Interpolates values of `empty_values` at the nodes of both axes to `out` (..., nt, ns), not below `floor`."""
    if out.ndim == 3:
        for component, surface in zip(values, out, strict=True):
            fill(component, s, t, surface, floor)
        return
    *first, last = zip(s.steps, t.steps, strict=True)
    for basis_s, basis_t in first:
        finer = values_with_room((basis_t.values.shape[1], basis_s.values.shape[1]))
        fill_contiguous(values, basis_s, basis_t, finer, -np.inf)
        values = finer
    if out.flags.c_contiguous and s.order is EVERY and t.order is EVERY:
        fill_contiguous(values, *last, out, floor)
    else:
        fill_scattered(values, *last, out, (t.order, s.order), floor)


def fill_scattered(values, basis_s, basis_t, out, order, floor):
    """As `fill_contiguous`, to rows and columns in any order and any layout: in parts, of a tile's rows at most."""
    rows, columns = (np.arange(n)[which] for n, which in zip(out.shape, order, strict=True))
    nodes_t, at_once = len(basis_t.values), max(1, SCATTERED // out.shape[1])
    for tile, start in enumerate(range(0, len(rows), basis_t.points)):
        nodes, end = values[tile * nodes_t : (tile + 1) * nodes_t], min(start + basis_t.points, len(rows))
        for first in range(start, end, at_once):
            some = slice(first, min(first + at_once, end))
            part = np.empty((some.stop - some.start, out.shape[1]), out.dtype)
            fill_contiguous(nodes, basis_s, spectral.Basis(basis_t.values[:, some], len(part)), part, floor)
            out[np.ix_(rows[some], columns)] = part


def fill_contiguous(values, basis_s, basis_t, out, floor):
    """Interpolates values (nodes of t, nodes of s), with room behind them, to `out` (nt, ns), C-contiguous, of
    ascending axes."""
    nodes_t, rows = basis_t.values.shape
    nodes_s, columns = basis_s.values.shape
    A = np.append(basis_t.values, np.zeros(ROWS))
    B = np.pad(basis_s.values, ((0, 0), (0, -columns % PANEL)))
    bases = Bases(A, nodes_t, basis_t.points, B, basis_s.points)
    band_rows = min(basis_t.points, BAND)
    work = operations(band_rows, columns, nodes_s, nodes_t)
    while work > OPERATIONS_PER_THREAD and band_rows > ROWS and band_rows % 2 == 0:  # tiles stay of whole bands
        band_rows //= 2
        work = operations(band_rows, columns, nodes_s, nodes_t)
    bands = -(-rows // band_rows)
    at_once = max(1, OPERATIONS_PER_THREAD // work) * threads()
    nodes = Nodes(values.ravel(), values.shape[1])
    target = Target(out, first_aligned_column(out) if out.nbytes > PAST_CACHE else -1, floor)
    for first in range(0, bands, at_once):
        last = min(first + at_once, bands)
        launch(fill_bands, out.size * nodes_t, nodes, bases, band_rows, (first, last), target)


def operations(rows, columns, nodes_s, nodes_t):
    """Multiply-adds of a band."""
    return rows * columns * max(nodes_t, FIRST_TOUCH) + nodes_s * nodes_t * columns


def first_aligned_column(out):
    """The first column that is at a multiple of the registers' width in every row, or -1 if there is none."""
    address, width = out.ctypes.data, REGISTERS.width
    if address % out.itemsize or out.strides[0] % width:
        return -1
    return -address % width // out.itemsize
