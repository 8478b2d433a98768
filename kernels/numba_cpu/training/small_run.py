"""Short runs of the usual kind, in one launch, with as little as there can be between the call and its kernel.

Arguments that nothing is to be said about are taken; all else is left to the long way, which goes through the same
kernels or says what is wrong. So is a run that fails, to be made again from its start.
"""

import numpy as np

from kernels.losses import CODES
from kernels.numba_cpu.runtime.launch import read_only
from kernels.numba_cpu.training import update
from kernels.numba_cpu.training.job import operations
from kernels.numba_cpu.training.layouts import padded_theta
from kernels.numba_cpu.training.one_feature import NO_MARGINS
from kernels.numba_cpu.training.small_pass import are_parameters, are_usual, is_rate, may_share_memory, usual_labels
from kernels.numba_cpu.training.steps import Rates, Record, State

MOST_RECORDED = 1_000_000  # numbers of a history, which fit into any memory


def run_(X, y, w, b, rates, length, loss, history):
    """The path of a run, w (d,) and b (1,) in place, and its velocity and its parameters before they were rounded
    (2, d + 1), or None if that is left to the long way; `rates` are lr, momentum and weight_decay, `length` batch_size
    and epochs."""
    if not (are_usual(X, w) and are_parameters(w, b) and all(map(is_rate, rates))):
        return None
    if not (type(loss) is str and loss in CODES and all(map(is_count, (*length, history)))):
        return None
    (n, d), dtype, (batch_size, epochs) = X.shape, X.dtype, length
    batch_size = min(batch_size, n)
    if not (batch_size > 0 and 0 < epochs <= update.LAUNCH_OPERATIONS // operations(n, d)):
        return None
    if operations(batch_size, d) >= update.LARGE_BATCH or may_share_memory(X, y, w, b):
        return None
    labels, steps = usual_labels(y, n, dtype), epochs * -(-n // batch_size)
    records = steps // history if history else 0
    if labels is None or records * (d + 2) > MOST_RECORDED:
        return None
    path = np.empty((records, d), dtype), np.empty(records, dtype), np.empty(records, dtype)
    state = State(padded_theta(w, b, np.float64), np.zeros(d + 1))
    lr, momentum, decay = map(float, rates)
    rates_in_range = Rates(lr, momentum, decay, update.LARGEST[dtype.char])
    of_run = update.Run((X, read_only(labels), None), loss, rates_in_range, np.ones(d + 1), d == 1)
    record = Record(min(history, steps + 1), *path)
    if update.run_small_batches(of_run, None, (0, steps, batch_size), state, record, NO_MARGINS.copy()) >= 0:
        return None
    theta = state.theta[: d + 1]
    w[:], b[:] = theta[:d], theta[d:]
    return path, np.stack((state.velocity, theta))


def is_count(value):
    return type(value) is int and value >= 0
