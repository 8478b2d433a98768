"""Small surfaces along the bias axis, checked and evaluated by one kernel: what lies between a call and its kernels
takes longer than these.

Arrays of the usual kind are taken, and values that nothing is to be said about. All else is left to the long way, which
evaluates it or says what is wrong; the bits are the same either way. The kernel is compiled for float64 alone.
"""

import numpy as np
from numba import prange

from kernels.mathematics.planning import QUICKLY_DONE, cost_of_products
from kernels.numba_cpu.grid.bias_axis import (
    CELLS,
    CHUNK,
    COLUMNS,
    HALF_WIDTH,
    STRIDE,
    TILE_ROWS,
    Tile,
    add_samples,
    groups_in_job,
    padded,
    rows_of,
    store_means,
)
from kernels.numba_cpu.runtime.launch import launch, parallel_kernel
from kernels.numba_cpu.runtime.schedule import Part, Samples
from kernels.numba_cpu.runtime.subroutine import subroutine

LARGEST = 1e100  # of a value, so that no logit and no sum of them overflows
ONE_TILE = range(1)  # along b, for its length
MANY_POINTS = 4096  # from which rows of several cache lines are worth asking how many
FLOATS = np.dtype(np.float32), np.dtype(np.float64)
LABELS = "?bBhHiIlLqQfd"  # characters of the dtypes that labels may have


def loss_surface(x, y, s, b, out=None):
    """The mean cross-entropy (len(b), len(s)) of the model z = s x + b, in the dtype of x, written to `out` unless that
    is None; or None if it is left to the long way."""
    if not (type(x) is type(y) is type(s) is type(b) is np.ndarray and s.ndim == b.ndim == 1):
        return None
    n, shape = x.size, (b.size, s.size)
    column = (n,), (n, 1)
    if not (are_few(n, *shape) and x.dtype in FLOATS and are_labels(y) and x.shape in column and y.shape in column):
        return None
    if not (s.dtype == b.dtype == FLOATS[1] and s.flags.carray and b.flags.carray):  # one type of each for Numba
        return None
    if not (out is None or takes(out, shape, x.dtype, (x, y, s, b))):
        return None
    dtype, x, y = x.dtype, x.reshape(n).astype(np.float64, copy=False), y.reshape(n).astype(np.float64, copy=False)
    if not (x.flags.carray and y.flags.carray):
        return None
    surface = np.empty(shape) if out is None or dtype != np.float64 else out
    if not fill_of_few(np.zeros(n), x, y, s, b, surface):
        return None
    return surface if dtype == np.float64 else rounded(surface, np.empty_like(surface, dtype) if out is None else out)


def are_few(n, rows, columns):
    """Whether a surface is evaluated here, and not planned."""
    if not (0 < n <= CHUNK and 0 < rows <= TILE_ROWS and columns > 0):
        return False
    return rows * columns * cost_of_products(n, bias_axis=True) < QUICKLY_DONE


def are_labels(y):
    """Whether an array has a dtype of labels, which float64 holds as they are where they are in [0, 1]."""
    return y.dtype.char in LABELS and y.dtype.isnative


def fill_of_few(p, q, y, s, b, surface):
    """Writes the surface of the plane (p, q, 1), of few samples and points, if its values are usual; returns whether
    they are."""
    groups = groups_in_job(s, ONE_TILE) if surface.size >= MANY_POINTS else 1
    return launch(fill, surface.size * y.size, p, q, y, s, b, groups, surface)


def takes(out, shape, dtype, data):
    """Whether a surface can be written to `out`, and nothing else is by that."""
    if not (type(out) is np.ndarray and out.shape == shape and out.dtype == dtype and out.flags.carray):
        return False
    return not any(np.may_share_memory(out, array) for array in data)


def rounded(surface, out):
    with np.errstate(over="ignore"):
        out[:] = surface
    return out


@parallel_kernel
def fill(p, q, y, s, b, groups, out):
    """Writes the surface by jobs of `groups` groups of columns, and returns whether the values are usual: nothing is
    written if they aren't."""
    usual = are_usual(p, q, y, s, b)
    if usual:
        rows, columns, width = numbers_to(b.size), numbers_to(s.size), groups * COLUMNS
        points, middle, too_wide, tau, inverse_tau = rows_of(b)
        class_sign, smoothing, weight = labels_of(y)
        for job in prange((s.size + width - 1) // width):
            start = job * width
            stop = min(start + width, s.size)
            samples = Samples(p, q, weight, class_sign, smoothing, weight)  # slopes along b are 1, as weights are
            means, unused = np.empty(groups * CELLS), np.empty(CELLS)
            for first in range(start, stop, COLUMNS):
                at_s = padded(s[first : min(first + COLUMNS, stop)], COLUMNS)
                tile = Tile(at_s, points, middle, too_wide, tau, inverse_tau)
                own = (first - start) * STRIDE
                add_samples(samples, Part(0, y.size, y.size, float(y.size)), tile, means[own : own + CELLS], unused)
            store_means(means, out, rows, columns[start:stop])
    return usual


@subroutine
def are_usual(p, q, y, s, b):
    """Whether axes ascend, b within a tile, labels are in [0, 1], and nothing is beyond LARGEST."""
    if not (ascends(s) and ascends(b) and b[b.size - 1] - b[0] <= 2 * HALF_WIDTH):
        return False
    return are_within(p, -LARGEST, LARGEST) and are_within(q, -LARGEST, LARGEST) and are_within(y, 0.0, 1.0)


@subroutine
def ascends(axis):
    for k in range(1, axis.size):
        if not axis[k - 1] <= axis[k]:
            return False
    return axis[0] >= -LARGEST and axis[axis.size - 1] <= LARGEST


@subroutine
def are_within(values, low, high):
    inside = True
    for k in range(values.size):
        inside &= low <= values[k] <= high
    return inside


@subroutine
def labels_of(y):
    """Class signs, label smoothing and weights of 1, as Samples have them."""
    n = y.size
    class_sign, smoothing, weight = np.empty(n), np.empty(n), np.empty(n)
    for k in range(n):
        class_1 = y[k] > 0.5
        class_sign[k], smoothing[k], weight[k] = 1.0 if class_1 else -1.0, 1.0 - y[k] if class_1 else y[k], 1.0
    return class_sign, smoothing, weight


@subroutine
def numbers_to(n):
    numbers = np.empty(n, np.int64)
    for k in range(n):
        numbers[k] = k
    return numbers
