"""Filling a surface from the values at its Chebyshev nodes: two small matrix products a tile, at the speed of memory.

On a tile, surface = A V B with A (rows, nodes of t) and B (nodes of s, columns) the values of the Lagrange polynomials.
V B is made for a block of columns of a row of tiles, small enough for the nearest cache; then each point of the surface
costs one multiply-add a node of t.
"""

import math

import numpy as np
from numba import njit, prange, types

from kernels.mathematics.planning import BAND
from kernels.numba_cpu.runtime.launch import launch, parallel_kernel, threads
from kernels.numba_cpu.vector.memory import fence, load, store, store_past_cache, store_where
from kernels.numba_cpu.vector.operators import fma, lane_numbers, select, splat
from kernels.numba_cpu.vector.vector_type import Vector, register_bytes

PANEL = register_bytes() // 2  # columns multiplied together, of four registers; whole cache lines of float32 too
COLUMNS = Vector(types.float64, PANEL)
LANE_NUMBERS = Vector(types.int64, PANEL)
ROWS = 4  # multiplied together
BLOCK = 16 * PANEL  # columns of a block
PAST_CACHE = 2**23  # bytes of a surface that is too large to stay in the caches
OPERATIONS_PER_THREAD = 500_000_000  # in one launch, in multiply-adds: under 0.1 s, so that Ctrl-C is answered
FIRST_TOUCH = 150  # what writing a cell costs at the worst, in multiply-adds: in memory that the system has yet to find


@njit(forceinline=True)
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


@njit
def along_s(values, across, first, B, points_s, left, along):
    """V B of the tiles whose nodes of t begin in row `first` of `values`, flat, to `along`: columns from `left`."""
    nodes_s, width = B.shape[0], along.shape[1]
    for k in range(0, along.shape[0], ROWS):
        for i in range(0, min(width, B.shape[1] - left), PANEL):
            tile = (first + k) * across + (left + i) // points_s * nodes_s
            v0, v1, v2, v3 = times_rows(values, tile, across, 1, B, left + i, nodes_s)
            at = k * width + i
            store(along, at, v0)
            store(along, at + width, v1)
            store(along, at + 2 * width, v2)
            store(along, at + 3 * width, v3)


@njit(forceinline=True)
def write(store, out, at, v, floor):
    store(out, at, select(v < floor, floor, v))


@njit(forceinline=True)
def write_some(out, at, v, floor, rows, columns):
    """Writes as many columns if there is a row."""
    store_where(out, at, select(v < floor, floor, v), lane_numbers(LANE_NUMBERS) < columns * (rows > 0))


@njit
def fill_block(A, nodes, along, left, start, stop, first, last, out, past_cache, floor):
    """Rows [first, last) and columns [start, stop) of the surface, A, flat, times `along`, which begins at `left`."""
    columns, stride = out.shape[1], (A.size - ROWS) // nodes
    for j in range(first, last, ROWS):
        for i in range(start, stop, PANEL):
            v0, v1, v2, v3 = times_rows(A, j, 1, stride, along, i - left, nodes)
            at = j * columns + i
            if j + ROWS > last or i + PANEL > stop:
                write_some(out, at, v0, floor, last - j, stop - i)
                write_some(out, at + columns, v1, floor, last - j - 1, stop - i)
                write_some(out, at + 2 * columns, v2, floor, last - j - 2, stop - i)
                write_some(out, at + 3 * columns, v3, floor, last - j - 3, stop - i)
            elif past_cache:
                write(store_past_cache, out, at, v0, floor)
                write(store_past_cache, out, at + columns, v1, floor)
                write(store_past_cache, out, at + 2 * columns, v2, floor)
                write(store_past_cache, out, at + 3 * columns, v3, floor)
            else:
                write(store, out, at, v0, floor)
                write(store, out, at + columns, v1, floor)
                write(store, out, at + 2 * columns, v2, floor)
                write(store, out, at + 3 * columns, v3, floor)


@parallel_kernel
def fill_bands(values, across, A, nodes_t, points_t, B, points_s, band_rows, first, last, out, aligned, floor):
    """Bands [first, last) of the surface, `band_rows` rows each, of one row of tiles each.

    From column `aligned` on, panels are stored past the caches; nowhere if it is negative.
    """
    for band in prange(first, last):
        row, last_row = band * band_rows, min(band * band_rows + band_rows, out.shape[0])
        along = np.empty(((nodes_t + ROWS - 1) // ROWS * ROWS, BLOCK + PANEL))
        start = 0
        while start < out.shape[1]:
            stop = min(aligned if start < aligned else start + BLOCK, out.shape[1])
            left = start // PANEL * PANEL
            along_s(values, across, row // points_t * nodes_t, B, points_s, left, along)
            fill_block(A, nodes_t, along, left, start, stop, row, last_row, out, aligned >= 0, floor)
            start = stop
        fence()


def empty_values(*shape):
    """An array (..., nodes of t, nodes of s) with room behind it, as rows are read in whole groups."""
    *lead, width = shape
    rows = math.prod(lead)
    return np.empty((rows + ROWS, width))[:rows].reshape(shape)


def fill(values, basis_s, basis_t, out, floor):
    """Interpolates values at the nodes (nodes of t, nodes of s) to `out` (nt, ns), C-contiguous, not below `floor`.

    `values` are of `empty_values`.
    """
    nodes_t, rows = basis_t.values.shape
    nodes_s, columns = basis_s.values.shape
    A = np.append(basis_t.values, np.zeros(ROWS))
    B = np.pad(basis_s.values, ((0, 0), (0, -columns % PANEL)))
    band_rows = min(basis_t.points, BAND)
    work = operations(band_rows, columns, nodes_s, nodes_t)
    while work > OPERATIONS_PER_THREAD and band_rows > ROWS and band_rows % 2 == 0:  # tiles stay of whole bands
        band_rows //= 2
        work = operations(band_rows, columns, nodes_s, nodes_t)
    bands = -(-rows // band_rows)
    at_once = max(1, OPERATIONS_PER_THREAD // work) * threads()
    aligned = first_aligned_column(out) if out.nbytes > PAST_CACHE else -1
    for first in range(0, bands, at_once):
        last = min(first + at_once, bands)
        tiles = A, nodes_t, basis_t.points, B, basis_s.points
        launch(
            fill_bands, out.size * nodes_t, values.ravel(), values.shape[1], *tiles, band_rows, first, last, out,
            aligned, floor,
        )  # fmt: skip


def operations(rows, columns, nodes_s, nodes_t):
    """Multiply-adds of a band."""
    return rows * columns * max(nodes_t, FIRST_TOUCH) + nodes_s * nodes_t * columns


def first_aligned_column(out):
    """The first column that is at a multiple of the registers' width in every row, or -1 if there is none."""
    address, width = out.ctypes.data, register_bytes()
    if address % out.itemsize or out.strides[0] % width:
        return -1
    return -address % width // out.itemsize
