"""Filling a surface from the values at its Chebyshev nodes: two small matrix products a tile, at the speed of memory.

On a tile, surface = A V B with A (rows, nodes of t) and B (nodes of s, columns) the values of the Lagrange polynomials.
V B is made for a whole band of tiles; then each point of the surface costs one multiply-add a node of t.
"""

import numpy as np
from numba import njit, prange, types

from kernels.numba_cpu.launch import parallel_kernel
from kernels.numba_cpu.simd import Vector, fma, load, register_bytes, select, splat, store

PANEL = register_bytes() // 8 * 2
COLUMNS = Vector(types.float64, PANEL)
ROWS = 8  # written together; with two registers each, enough independent chains
MOST_ROWS = 64  # of a job


@njit
def along_s(values, first, nodes_t, B, nodes_s, points_s, along):
    """V B of the band of tiles whose nodes of t start at row `first` of `values`, to `along` (nodes_t, columns)."""
    width = B.shape[1]
    for k in range(nodes_t):
        for i in range(0, width, PANEL):
            start = (first + k) * values.shape[1] + i // points_s * nodes_s
            row = splat(COLUMNS, 0.0)
            for m in range(nodes_s):
                row = fma(load(COLUMNS, B, m * width + i), values.flat[start + m], row)
            store(along, k * width + i, row)


@njit(forceinline=True)
def write(out, at, width, value, floor):
    """Stores up to a panel of one row, not below `floor`."""
    value = select(value < floor, floor, value)
    if width >= PANEL:
        store(out, at, value)
    else:
        rest = np.empty(PANEL)
        store(rest, 0, value)
        for i in range(width):
            out.flat[at + i] = rest[i]


@njit
def fill_rows(A, along, first, last, out, floor):
    """Rows [first, last) of the surface, A times `along`. A is padded to whole groups of rows."""
    nodes, width = A.shape[1], along.shape[1]
    columns = out.shape[1]
    for j in range(first, last, ROWS):
        for i in range(0, columns, PANEL):
            zero = splat(COLUMNS, 0.0)
            v0, v1, v2, v3, v4, v5, v6, v7 = zero, zero, zero, zero, zero, zero, zero, zero
            for k in range(nodes):
                h = load(COLUMNS, along, k * width + i)
                v0, v1 = fma(h, A[j, k], v0), fma(h, A[j + 1, k], v1)
                v2, v3 = fma(h, A[j + 2, k], v2), fma(h, A[j + 3, k], v3)
                v4, v5 = fma(h, A[j + 4, k], v4), fma(h, A[j + 5, k], v5)
                v6, v7 = fma(h, A[j + 6, k], v6), fma(h, A[j + 7, k], v7)
            for row, value in enumerate((v0, v1, v2, v3, v4, v5, v6, v7)):
                if j + row < last:
                    write(out, (j + row) * columns + i, columns - i, value, floor)


@parallel_kernel
def fill(values, A, nodes_t, points_t, B, nodes_s, points_s, band_rows, first, last, out, floor):
    """Bands [first, last) of the surface, `band_rows` rows each, of one row of tiles each."""
    for band in prange(first, last):
        start, stop = band * band_rows, min(band * band_rows + band_rows, out.shape[0])
        along = np.empty((nodes_t, B.shape[1]))
        along_s(values, start // points_t * nodes_t, nodes_t, B, nodes_s, points_s, along)
        fill_rows(A, along, start, stop, out, floor)
