"""Loss and gradient over all samples, reading the data once.

The data is cut into jobs (`job`) by its shape alone, and their sums are added in an order that their number decides:
the same bits for any number of threads.
"""

import numpy as np
from numba import prange

from kernels.losses import CODES
from kernels.numba_cpu.runtime.launch import launch, parallel_kernel, read_only
from kernels.numba_cpu.training import small_pass
from kernels.numba_cpu.training.job import add_job, operations
from kernels.numba_cpu.training.layouts import Data, as_flat_in_groups, padded_theta, rows_in_block

JOBS = 128  # in a launch, at the most
JOB_OPERATIONS = 50_000  # multiply-adds in a job, at the least
LAUNCH_OPERATIONS = 500_000_000  # multiply-adds in a launch: well under 0.1 s, so that Ctrl-C is answered


@parallel_kernel
def add_jobs(data, layout, theta, loss, rows_in_job, values, gradients):
    """Writes the losses of jobs, each of so many consecutive samples, to `values`, and adds their gradients to
    `gradients`. The room that each job needs is its own, and `data` a plain tuple, as `steps` says."""
    data = Data(*data)
    for job in prange(values.size):
        first, last = job * rows_in_job, min((job + 1) * rows_in_job, data.y.size)
        values[job] = add_job(data, layout, first, last, theta, loss, gradients[job])


def loss_and_gradient(
    X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, w: np.ndarray, b: np.ndarray, total: np.ndarray | float
) -> tuple[np.ndarray | float, np.ndarray, np.ndarray | float]:
    """Sums of the cross-entropies and gradients, divided by `total`: loss, gradient by w (d,) and by b; X (n, d), y
    (n,) and weight (n,), or None, of one dtype, which the arithmetic has too; float64."""
    if operations(*X.shape) <= small_pass.MOST_OPERATIONS:
        return small_pass.loss_and_gradient(X, y, weight, w, b, total)
    value, gradient = sums(X, y, np.concatenate((w, b.reshape(1))), weight)
    return value / total, gradient[:-1] / total, gradient[-1] / total


def sums(X, y, theta, weight, loss="bce"):
    """Sum of the losses, and of the gradients (d + 1,), the bias last, both float64, each times the weight if that
    isn't None.

    X (n, d), y (n,), weight (n,) are of one dtype; theta (d + 1,), of that dtype or float64, has the precision of the
    arithmetic. Finite sums prove that X is finite and y in [0, 1].
    """
    n, d = X.shape
    theta = padded_theta(theta[:d], theta[d:], theta.dtype)
    value, gradient = 0.0, np.zeros(d + 1)
    at_once = max(1, LAUNCH_OPERATIONS // operations(1, d))
    for first in range(0, n, at_once):
        piece = slice(first, first + at_once)
        weight_piece = y[:0] if weight is None else weight[piece]
        value_of_piece, gradient_of_piece = sums_of_piece(X[piece], y[piece], weight_piece, theta, CODES[loss])
        value += value_of_piece
        gradient += gradient_of_piece
    return value, gradient


def sums_of_piece(X, y, weight, theta, loss):
    """The same of what one launch takes, of a loss by its code."""
    n, d = X.shape
    flat, layout = as_flat_in_groups(X, theta.dtype)
    block = rows_in_block(X, layout)
    rows_in_job = max(-(-n // JOBS), JOB_OPERATIONS // operations(1, d))
    rows_in_job = -(-rows_in_job // block) * block
    jobs = -(-n // rows_in_job)
    values, gradients = np.empty(jobs), np.zeros((jobs, d + 1))
    data = flat, layout.stride, d, read_only(y), read_only(weight), block
    launch(add_jobs, operations(n, d), data, layout, theta, loss, rows_in_job, values, gradients)
    return (values[0], gradients[0]) if jobs == 1 else (values.sum(), gradients.sum(axis=0))
