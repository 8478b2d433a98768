"""Short runs of the usual kind, in one launch, with as little as there can be between the call and its kernel.

Arguments that nothing is to be said about are taken; all else is left to the long way, which goes through the same
kernels or says what is wrong. So is a run that fails, to be made again from its start.
"""

import numpy as np

from kernels.losses import CODES
from kernels.numba_cpu.training import update
from kernels.numba_cpu.training.job import operations
from kernels.numba_cpu.training.layouts import padded_theta
from kernels.numba_cpu.training.one_feature import NO_MARGINS, run_one_feature
from kernels.numba_cpu.training.small_pass import are_parameters, are_usual, is_rate, may_share_memory, usual_labels
from kernels.results import Run

MOST_RECORDED = 1_000_000  # numbers of a history, which fit into any memory


def run_(X, y, w, b, rates, length, loss, history):
    """As `kernels.sgd_run_`, or None if that is left to the long way; `rates` are lr, momentum and weight_decay,
    `length` batch_size, epochs and first_epoch."""
    batch_size, epochs, first_epoch = length
    if not (are_usual(X, w) and are_parameters(w, b) and all(map(is_rate, rates))):
        return None
    if not (type(batch_size) is type(epochs) is type(first_epoch) is type(history) is int):
        return None
    if not (type(loss) is str and loss in CODES):
        return None
    (n, d), dtype = X.shape, X.dtype
    if not (batch_size > 0 and 0 < epochs <= update.LAUNCH_OPERATIONS // operations(n, d)):
        return None
    if not (first_epoch >= 0 and history >= 0):
        return None
    batch_size = min(batch_size, n)
    if operations(batch_size, d) >= update.LARGE_BATCH or may_share_memory(X, y, w, b):
        return None
    labels, steps = usual_labels(y, n, dtype), epochs * -(-n // batch_size)
    records = steps // history if history else 0
    if labels is None or records * (d + 2) > MOST_RECORDED:
        return None
    path = np.empty((records, d), dtype), np.empty(records, dtype), np.empty(records, dtype)
    theta = padded_theta(w, b, np.float64) if d > 1 else np.array([w.item(), b.item()])
    velocity = np.zeros(d + 1)
    rates, record = (*map(float, rates), update.LARGEST[dtype.char]), (min(history, steps + 1), *path)
    if failed(X, labels, (0, 0, steps, batch_size), rates, CODES[loss], (theta, velocity), record):
        return None
    w[:], b[0] = theta[:d], theta[d]
    kept = velocity if dtype.char == "d" else np.array((velocity, theta[: d + 1]))
    return Run(*path, kept, epoch=first_epoch + epochs)


def failed(X, labels, steps, rates, loss, state, record):
    """Whether a step of a run failed; tuples are those of `steps`. Labels become read-only, as kernels take them."""
    n, d = X.shape
    labels.setflags(write=False)
    if d > 1:
        return update.launch_features((X, labels, None), np.ones(d + 1), steps, rates, loss, state, record) >= 0
    x = X.reshape(n)
    x.setflags(write=False)
    return run_one_feature(x, labels, steps, rates, loss, state, record, NO_MARGINS.copy()) >= 0
