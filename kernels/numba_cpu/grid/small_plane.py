"""Small surfaces over a plane, checked and evaluated by a kernel on one thread, and their plans.

Those along a bias axis are evaluated in `small`, which has those of one feature.
"""

import numpy as np

from kernels.mathematics.planning import cost_of_products, without_search
from kernels.numba_cpu.grid.bias_axis import padded
from kernels.numba_cpu.grid.general_plane import TILE, PlaneTile, add_samples, store_tile
from kernels.numba_cpu.grid.small import (
    FLOATS,
    LARGEST,
    are_few,
    are_labels,
    are_within,
    ascends,
    fill_of_few,
    labels_of,
    numbers_to,
    rounded,
)
from kernels.numba_cpu.runtime.launch import SERIAL_WORK, serial_kernel
from kernels.numba_cpu.runtime.schedule import Samples
from kernels.numba_cpu.runtime.subroutine import subroutine

UNUSUAL, BIAS_AXIS, GENERAL = range(3)  # what a plane is


def surface_on_plane(plane, y, s, t, method, tol):
    """Copies of the axes, the mean cross-entropy (len(t), len(s)), in the dtype of the plane, and its Plan, or None if
    that is left to the long way."""
    if not (are_usual(plane, y, s, t) and s.size * t.size * y.size < SERIAL_WORK):
        return None
    arguments = *in_float64(plane, y), s, t
    surface, dtype = np.empty((t.size, s.size)), plane.offset.dtype
    kind = fill(*arguments, surface)
    plan = None if kind == UNUSUAL else plan_of(len(y), surface.size, kind, method, tol)
    if plan is None:
        return None
    if kind == BIAS_AXIS:
        p, q, r, labels = arguments[:4]
        if not (are_few(len(p), *surface.shape) and fill_of_few(p, q, labels, s, t * r[0], surface)):
            return None
    if dtype != surface.dtype:
        surface = rounded(surface, np.empty_like(surface, dtype))
    return s.copy(), t.copy(), surface, plan


def plan_surface(plane, y, s, t, method, tol):
    """The Plan alone, or None."""
    if not (are_usual(plane, y, s, t) and y.size <= SERIAL_WORK):
        return None
    if plan_of(len(y), s.size * t.size, BIAS_AXIS, method, tol) is None:  # which costs less
        return None
    kind = kind_of(*in_float64(plane, y), s, t)
    return None if kind == UNUSUAL else plan_of(len(y), s.size * t.size, kind, method, tol)


def plan_of(n, points, kind, method, tol):
    """The Plan where no other way than direct evaluation is looked for, or None."""
    choice = without_search(method, tol, points * cost_of_products(n, kind == BIAS_AXIS))
    return choice and choice.plan


def are_usual(plane, y, s, t):
    """Whether nothing is to be said about what offset and slopes (n,), labels and axes are."""
    if not all(type(array) is np.ndarray and array.flags.carray for array in (*plane, y, s, t)):
        return False
    offset, s_slope, t_slope = plane
    shape, dtype = offset.shape, offset.dtype
    if not (dtype in FLOATS and offset.ndim == 1 and shape == s_slope.shape == t_slope.shape):
        return False
    if not (dtype == s_slope.dtype == t_slope.dtype and are_labels(y) and y.shape in (shape, (*shape, 1))):
        return False
    return s.dtype == t.dtype == FLOATS[1] and s.ndim == t.ndim == 1 and offset.size and s.size and t.size


def in_float64(plane, y):
    return [field.astype(np.float64, copy=False) for field in (*plane, y.reshape(-1))]


@subroutine
def kind_of_plane(p, q, r, y, s, t):
    """What a plane is, UNUSUAL where axes don't ascend, labels are outside [0, 1], or something is beyond LARGEST."""
    if not (ascends(s) and ascends(t) and are_within(y, 0.0, 1.0)):
        return UNUSUAL
    if not (are_within(p, -LARGEST, LARGEST) and are_within(q, -LARGEST, LARGEST) and are_within(r, -LARGEST, LARGEST)):
        return UNUSUAL
    for k in range(1, r.size):
        if r[k] != r[0]:
            return GENERAL
    return BIAS_AXIS


@serial_kernel
def kind_of(p, q, r, y, s, t):
    return kind_of_plane(p, q, r, y, s, t)


@serial_kernel
def fill(p, q, r, y, s, t, out):
    """Writes the surface if the plane is GENERAL; returns what it is."""
    kind = kind_of_plane(p, q, r, y, s, t)
    if kind == GENERAL:
        samples = Samples(p, q, r, *labels_of(y))
        rows, columns = numbers_to(t.size), numbers_to(s.size)
        totals, compensation = np.empty(TILE * TILE), np.empty(TILE * TILE)
        for i in range(0, s.size, TILE):
            at_s = padded(s[i : i + TILE], TILE)
            for j in range(0, t.size, TILE):
                tile = PlaneTile(at_s, padded(t[j : j + TILE], TILE), min(TILE, s.size - i), min(TILE, t.size - j))
                totals[: tile.rows * TILE] = 0.0
                compensation[: tile.rows * TILE] = 0.0
                add_samples(samples, 0, y.size, tile, totals, compensation)
                store_tile(totals, compensation, float(y.size), out, rows[j : j + TILE], columns[i : i + TILE])
    return kind
