"""Filling a surface from the values at its Chebyshev nodes: two small matrix products a tile, at the speed of memory.

On a tile, surface = A V B with A (rows, nodes of t) and B (nodes of s, columns) the values of the Lagrange polynomials.
V B is made for a whole band of tiles; then each point of the surface costs one multiply-add a node of t.
"""

import numpy as np
from numba import njit, prange, types

from kernels.numba_cpu.launch import launch, parallel_kernel
from kernels.numba_cpu.simd import Vector, fence, fma, load, register_bytes, select, splat, store, store_past_cache
from kernels.planning import BAND, WRITE

PANEL = register_bytes() // 2  # columns multiplied together, of four registers; whole cache lines of float32 too
COLUMNS = Vector(types.float64, PANEL)
ROWS = 4  # multiplied together
PAST_CACHE = 2**23  # bytes of a surface that is too large to stay in the caches
OPERATIONS = 1_000_000_000  # of one launch, in multiply-adds: under 0.1 s, so that Ctrl-C is answered


@njit(forceinline=True)
def times_rows(A, at, stride, H, column, nodes):
    """ROWS rows of A, from flat index `at` and `stride` apart, times a panel of the columns of H (nodes, width)."""
    zero = splat(COLUMNS, 0.0)
    v0, v1, v2, v3 = zero, zero, zero, zero
    for k in range(nodes):
        h = load(COLUMNS, H, k * H.shape[1] + column)
        v0 = fma(h, A[at + k], v0)
        v1 = fma(h, A[at + stride + k], v1)
        v2 = fma(h, A[at + 2 * stride + k], v2)
        v3 = fma(h, A[at + 3 * stride + k], v3)
    return v0, v1, v2, v3


@njit
def along_s(values, first, B, nodes_s, points_s, along):
    """V B of the band of tiles whose nodes of t start at row `first` of `values`, to `along` (rows, columns)."""
    rows, width = along.shape
    across = values.shape[1]
    flat = values.ravel()
    for k in range(0, rows, ROWS):
        for i in range(0, width, PANEL):
            tile = (first + k) * across + i // points_s * nodes_s
            v0, v1, v2, v3 = times_rows(flat, tile, across, B, i, nodes_s)
            store(along, k * width + i, v0)
            store(along, (k + 1) * width + i, v1)
            store(along, (k + 2) * width + i, v2)
            store(along, (k + 3) * width + i, v3)


@njit(forceinline=True)
def times_rows_to(write, A, at, nodes, along, out, j, i, floor):
    """Rows [j, j + ROWS) and a panel of columns from i, by `write(out, index, value)`."""
    columns = out.shape[1]
    v0, v1, v2, v3 = times_rows(A, at, nodes, along, i, nodes)
    start = j * columns + i
    write(out, start, select(v0 < floor, floor, v0))
    write(out, start + columns, select(v1 < floor, floor, v1))
    write(out, start + 2 * columns, select(v2 < floor, floor, v2))
    write(out, start + 3 * columns, select(v3 < floor, floor, v3))


@njit
def fill_rows(A, nodes, along, first, last, out, aligned, floor):
    """Rows [first, last) of the surface, A times `along`; the last group and panel overlap with those before them.

    Column `aligned` and every PANEL-th from there is stored past the caches; none if it is negative.
    """
    columns = out.shape[1]
    if last - first < ROWS or columns < PANEL:
        fill_cells(A, nodes, along, first, last, out, floor)
        return
    for group in range(first, last, ROWS):
        j = min(group, last - ROWS)
        at = j * nodes
        done = 0
        if aligned >= 0:
            if aligned > 0:
                times_rows_to(store, A, at, nodes, along, out, j, 0, floor)
            for i in range(aligned, columns - PANEL + 1, PANEL):
                times_rows_to(store_past_cache, A, at, nodes, along, out, j, i, floor)
                done = i + PANEL
        for panel in range(done, columns, PANEL):
            times_rows_to(store, A, at, nodes, along, out, j, min(panel, columns - PANEL), floor)


@njit
def fill_cells(A, nodes, along, first, last, out, floor):
    """`fill_rows` one by one."""
    for j in range(first, last):
        for i in range(out.shape[1]):
            value = 0.0
            for k in range(nodes):
                value += along[k, i] * A[j * nodes + k]
            out[j, i] = max(value, floor)


@parallel_kernel
def fill_bands(values, A, nodes_t, points_t, B, nodes_s, points_s, band_rows, first, last, out, aligned, floor):
    """Bands [first, last) of the surface, `band_rows` rows each, of one row of tiles each."""
    for band in prange(first, last):
        start, stop = band * band_rows, min(band * band_rows + band_rows, out.shape[0])
        along = np.empty(((nodes_t + ROWS - 1) // ROWS * ROWS, B.shape[1]))
        along_s(values, start // points_t * nodes_t, B, nodes_s, points_s, along)
        fill_rows(A, nodes_t, along, start, stop, out, aligned, floor)
        fence()


def fill(values, basis_s, basis_t, out, floor):
    """Interpolates values at the nodes (nodes of t, nodes of s) to `out` (nt, ns), C-contiguous, not below `floor`."""
    nodes_t, rows = basis_t.values.shape
    nodes_s, columns = basis_s.values.shape
    A = np.ascontiguousarray(basis_t.values.T).ravel()
    B = np.pad(basis_s.values, ((0, 0), (0, -columns % PANEL)))
    values = np.concatenate([values, np.zeros((ROWS, values.shape[1]))])  # the last group of rows is read whole
    band_rows = min(basis_t.points, BAND)
    bands = -(-rows // band_rows)
    at_once = max(1, OPERATIONS // (band_rows * columns * max(nodes_t, WRITE) + nodes_s * nodes_t * columns))
    tiles = nodes_t, basis_t.points, B, nodes_s, basis_s.points
    aligned = first_aligned_column(out) if out.nbytes > PAST_CACHE else -1
    for first in range(0, bands, at_once):
        last = min(first + at_once, bands)
        launch(fill_bands, out.size * nodes_t, values, A, *tiles, band_rows, first, last, out, aligned, floor)


def first_aligned_column(out):
    """The first column that is at a multiple of the registers' width in every row, or -1 if there is none."""
    address, width = out.ctypes.data, register_bytes()
    if address % out.itemsize or out.strides[0] % width:
        return -1
    return -address % width // out.itemsize
