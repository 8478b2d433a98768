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
from kernels.numba_cpu.vector.memory import load
from kernels.numba_cpu.vector.panels import add_outer_product, at_least, store_panel, store_part, zero_panel
from kernels.numba_cpu.vector.vector_type import REGISTERS, Vector

# Columns multiplied together, of two registers or four, and rows: as many sums as leave some registers to factors.
LANES = REGISTERS.width // 8
PANEL = (2 if REGISTERS.number < 32 else 4) * LANES
ROWS = 6
COLUMNS = Vector(types.float64, PANEL)
BLOCK = 512  # columns of a block
OPERATIONS_PER_THREAD = 500_000_000  # in one launch, in multiply-adds: under 0.1 s, so that Ctrl-C is answered
SCATTERED = 2**20  # values that are put in their places at once
EVERY = slice(None)
FIRST_TOUCH = 150  # what writing a cell costs at the worst, in multiply-adds: in memory that the system has yet to find


@inlined
def times_panel(A, at, row_stride, node_stride, H, column, nodes):
    """ROWS rows of A, from flat index `at`, times a panel of the columns of H (nodes, width)."""
    sums = zero_panel(COLUMNS, ROWS)
    for k in range(nodes):
        sums = add_outer_product(sums, A, at, row_stride, load(COLUMNS, H, k * H.shape[1] + column))
        at += node_stride
    return sums


class Nodes(NamedTuple):
    """Values at the nodes of all tiles, flat, with `across` of them to a row: rows are nodes of t."""

    values: np.ndarray
    across: int


class Bases(NamedTuple):
    """Lagrange polynomials along t, A, as `in_groups` has them, and along s, B (nodes, ns or more); how many nodes and
    points a tile has along t, and points along s."""

    A: np.ndarray
    nodes_t: int
    points_t: int
    B: np.ndarray
    points_s: int


@subroutine
def multiply_along_s(nodes, first, bases, left, along):
    """V B of the tiles whose nodes of t begin in row `first` of the nodes, flat, to `along`: columns from `left`."""
    values, across, B = nodes.values, nodes.across, bases.B
    nodes_s, width = B.shape[0], along.shape[1]
    for k in range(0, along.shape[0], ROWS):
        for i in range(0, min(width, B.shape[1] - left), PANEL):
            tile = (first + k) * across + (left + i) // bases.points_s * nodes_s
            panel = times_panel(values, tile, across, 1, B, left + i, nodes_s)
            store_panel(along, k * width + i, width, panel)


@subroutine
def fill_block(bases, group, along, columns, rows, out, floor):
    """Fills the rows and columns (first, last) of the surface: A, from a `group` on, times `along`, which begins at the
    first column."""
    (start, stop), (first, last), width = columns, rows, out.shape[1]
    for j in range(first, last, ROWS):
        own = (group + (j - first) // ROWS) * bases.nodes_t * ROWS
        for i in range(start, stop, PANEL):
            panel = at_least(times_panel(bases.A, own, 1, ROWS, along, i - start, bases.nodes_t), floor)
            if j + ROWS > last or i + PANEL > stop:
                store_part(out, j * width + i, width, panel, last - j, stop - i)
            else:
                store_panel(out, j * width + i, width, panel)


@parallel_kernel
def fill_bands(nodes, bases, band_rows, bands, out, floor):
    """Fills the bands (first, last) of the surface, `band_rows` rows each, of one row of tiles each; nothing is below
    `floor`."""
    groups = (band_rows + ROWS - 1) // ROWS
    for band in prange(bands[0], bands[1]):
        row, last_row = band * band_rows, min(band * band_rows + band_rows, out.shape[0])
        along = np.empty(((bases.nodes_t + ROWS - 1) // ROWS * ROWS, BLOCK))
        for start in range(0, out.shape[1], BLOCK):
            multiply_along_s(nodes, row // bases.points_t * bases.nodes_t, bases, start, along)
            columns = start, min(start + BLOCK, out.shape[1])
            fill_block(bases, band * groups, along, columns, (row, last_row), out, floor)


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
    band_rows = min(basis_t.points, BAND)
    work = operations(band_rows, columns, nodes_s, nodes_t)
    while work > OPERATIONS_PER_THREAD and band_rows > ROWS and band_rows % 2 == 0:  # tiles stay of whole bands
        band_rows //= 2
        work = operations(band_rows, columns, nodes_s, nodes_t)
    bands = -(-rows // band_rows)
    at_once = max(1, OPERATIONS_PER_THREAD // work) * threads()
    B = basis_s.values
    B = np.pad(B, ((0, 0), (0, -columns % PANEL))) if columns % PANEL else np.ascontiguousarray(B)
    bases = Bases(in_groups(basis_t.values, band_rows), nodes_t, basis_t.points, B, basis_s.points)
    nodes = Nodes(values.ravel(), values.shape[1])
    for first in range(0, bands, at_once):
        last = min(first + at_once, bands)
        launch(fill_bands, out.size * nodes_t // LANES, nodes, bases, band_rows, (first, last), out, floor)


def in_groups(A, band_rows):
    """A (nodes, nt) as (groups, nodes, ROWS), flat: points that are multiplied together are side by side. Each band
    begins with a group, and ends with zeros if the last one isn't full."""
    nodes, rows = A.shape
    bands, groups = -(-rows // band_rows), -(-band_rows // ROWS)
    by_band = np.zeros((bands, groups, nodes, ROWS))
    for band, grouped in enumerate(by_band):
        some = A[:, band * band_rows : (band + 1) * band_rows]
        whole, left = divmod(some.shape[1], ROWS)
        grouped[:whole] = some[:, : whole * ROWS].reshape(nodes, whole, ROWS).transpose(1, 0, 2)
        if left:
            grouped[whole, :, :left] = some[:, whole * ROWS :]
    return by_band.ravel()


def operations(rows, columns, nodes_s, nodes_t):
    """Multiply-adds of a band."""
    return rows * columns * max(nodes_t, FIRST_TOUCH) + nodes_s * nodes_t * columns
