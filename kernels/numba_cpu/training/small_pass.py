"""Passes over few samples, checked and made by one kernel: what lies between a call and its kernels takes longer than
these.

Arrays of the usual kind are taken, and values that nothing is to be said about. All else is left to the long way, which
ends in the same kernel or says what is wrong.
"""

import math
import sys

import numpy as np
from numba.extending import overload

from kernels.numba_cpu.runtime.launch import SERIAL_WORK, serial_kernel
from kernels.numba_cpu.runtime.subroutine import INLINED
from kernels.numba_cpu.training.job import add_job, operations
from kernels.numba_cpu.training.layouts import BLOCK, MOST_ROWS, PADDING_LANES, Columns, Data, FewRows
from kernels.numba_cpu.vector.losses import CROSS_ENTROPY

MOST_OPERATIONS = SERIAL_WORK  # multiply-adds of a pass that is made here
BYTES_OF_BLOCK, FEWEST_IN_BLOCK, MOST_IN_BLOCK = BLOCK[FewRows]
BLOCK_OF_COLUMNS = BLOCK[Columns][2]  # samples
NO_WEIGHTS = {np.dtype(dtype): np.empty(0, dtype) for dtype in (np.float32, np.float64)}
FLOATS = float, np.float64, np.float32
WHOLE_NUMBERS = "?bBhHiIlLqQ"  # dtypes of labels that may be 0 or 1, and nothing between
RATES = float, np.float64, int
LARGEST_RATE = sys.float_info.max


def loss_and_gradient(X, y, weight, w, b, total):
    """As `gradient.loss_and_gradient`, of few samples."""
    X, y, w = map(of_usual_kind, (X, y, w))
    weight = NO_WEIGHTS[X.dtype] if weight is None else of_usual_kind(weight)
    gradient = np.empty(len(w) + 1)
    loss, _ = mean_of_few(by_rows_or_columns(X), y, weight, w, b.item(), float(total), gradient)
    return np.float64(loss), gradient[:-1], gradient[-1]  # torch takes a plain number for a float32


def of_usual_kind(array):
    """The array, or a copy that is of a kind that the kernel is compiled for."""
    flags = array.flags
    return array if flags.behaved and (flags.c_contiguous or flags.f_contiguous) else array.copy()


def by_rows_or_columns(X):
    """X (n, d) or, if it lies by columns in memory or has few rows, its columns, one after the other."""
    return X.T.reshape(-1) if X.flags.f_contiguous or len(X) < MOST_ROWS else X


def usual_loss_and_gradient(X, y, w, b):
    """Mean loss, its gradient (d + 1,), float64, and the dtype of the arrays, or None if that is left to the long
    way."""
    found = checked_by_kernel(X, y, w, b) if are_usual(X, w) else None
    return found and (*found, X.dtype)


def checked_by_kernel(X, y, w, b):
    """Mean loss and gradient of usual arrays, of which the kernel looks at the values, or None."""
    n, d = X.shape
    labels = None if operations(n, d) > MOST_OPERATIONS else usual_labels(y, n, X.dtype)
    if labels is None:
        return None
    if type(b) is np.ndarray and b.size == 1 and b.ndim < 2 and b.dtype in NO_WEIGHTS:
        b = b.item()
    elif type(b) not in FLOATS:
        return None
    gradient, no_weight = np.empty(d + 1), NO_WEIGHTS[X.dtype]
    loss, finite = mean_of_few(by_rows_or_columns(X), labels, no_weight, w, float(b), float(n), gradient)
    return (loss, gradient) if finite else None


def are_usual(X, w):
    """Whether these are arrays of one dtype that the kernel is compiled for: X (n, d), w (d,)."""
    if not (type(X) is type(w) is np.ndarray and X.ndim == 2 and X.dtype in NO_WEIGHTS and X.dtype == w.dtype):
        return False
    n, d = X.shape
    return n > 0 and d > 0 and w.shape == (d,) and X.flags.carray and w.flags.carray


def usual_labels(y, n, dtype):
    """Labels (n,) in a dtype, which it holds as they are, a view or a copy, or None."""
    if type(y) is not np.ndarray or y.shape not in ((n,), (n, 1)):
        return None
    if y.dtype != dtype:
        if y.dtype.char not in WHOLE_NUMBERS:
            return None
        y = y.astype(dtype)
    return y.reshape(n) if y.flags.carray else None


@serial_kernel
def mean_of_few(X, y, weight, w, b, total, gradient):
    """Writes the gradient (d + 1,) of the cross-entropies' sum, divided by `total`; returns the sum of these, likewise,
    and whether all that is given and found is finite."""
    d = w.size
    theta = np.zeros((d // PADDING_LANES + 2) * PADDING_LANES, w.dtype)
    finite = True
    for j in range(d):
        theta[j] = w[j]
        finite &= math.isfinite(w[j])
    theta[d] = b
    gradient[:] = 0.0
    data, layout = data_of(X, y, weight, d)
    loss = add_job(data, layout, 0, y.size, theta, CROSS_ENTROPY, gradient) / total
    for j in range(d + 1):
        gradient[j] /= total
        finite &= math.isfinite(gradient[j])
    return loss, finite and math.isfinite(loss) and math.isfinite(theta[d])


def data_of(X, y, weight, d):
    """Data and its layout."""


@overload(data_of, jit_options=INLINED)
def data_by_dimensions(X, y, weight, d):
    if X.ndim == 1:
        return lambda X, y, weight, d: (Data(X, y.size, d, y, weight, BLOCK_OF_COLUMNS), Columns(y.size))
    return lambda X, y, weight, d: (
        Data(X, d, d, y, weight, min(MOST_IN_BLOCK, max(FEWEST_IN_BLOCK, BYTES_OF_BLOCK // (d * X.itemsize)))),
        FewRows(d),
    )


def step_(X, y, w, b, lr):
    """Takes a step from w (d,) and b (1,), in place, and returns the mean loss before it, or None if that is left to
    the long way."""
    if not (are_usual(X, w) and are_parameters(w, b) and is_rate(lr)) or may_share_memory(X, y, w, b):
        return None
    found = checked_by_kernel(X, y, w, b)
    return found[0] if found is not None and descend(w, b, *found, float(lr)) else None


def are_parameters(w, b):
    """Whether b is an array (1,) of the dtype of w that can be written to."""
    return type(b) is np.ndarray and b.shape == (1,) and b.dtype == w.dtype and b.flags.carray


def is_rate(value):
    return type(value) in RATES and 0 <= value <= LARGEST_RATE


def may_share_memory(X, y, w, b):
    """Whether parameters may share memory with one another, X or, if it is an array, y."""
    if have_memory_of_their_own(X, y, w, b):
        return False
    shared = np.may_share_memory
    if type(y) is not np.ndarray:
        y = X
    return shared(w, b) or shared(w, X) or shared(w, y) or shared(b, X) or shared(b, y)


def have_memory_of_their_own(X, y, w, b):
    """Whether that can be seen without looking where they lie."""
    if not (type(y) is np.ndarray and X.flags.owndata and y.flags.owndata and w.flags.owndata and b.flags.owndata):
        return False
    return not (w is b or w is X or w is y or b is X or b is y)


@serial_kernel
def descend(w, b, loss, gradient, lr):
    """Subtracts `lr` times the gradient if the parameters, and the loss, stay in the range of their dtype; returns
    whether they do."""
    d = w.size
    rounded = np.empty(d + 2, w.dtype)
    for j in range(d):
        rounded[j] = w[j] - lr * gradient[j]
    rounded[d], rounded[d + 1] = b[0] - lr * gradient[d], loss
    for j in range(d + 2):
        if not math.isfinite(rounded[j]):
            return False
    for j in range(d):
        w[j] = rounded[j]
    b[0] = rounded[d]
    return True
