"""Small ensembles of the usual kind: what lies between a call and the kernels of `ensemble` takes longer than these, so
that it is done by kernels too.

Arguments that nothing is to be said about are taken, where no member can diverge; all else is left to the long way. The
bits are the same either way.
"""

import math

import numpy as np

from kernels.losses import CODES
from kernels.mathematics.divergence import stay_in_range
from kernels.numba_cpu.runtime.launch import SERIAL_WORK, launch, serial_kernel
from kernels.numba_cpu.training.ensemble import KERNELS, operations, orders
from kernels.numba_cpu.training.member_costs import add_costs, operations_of_cost
from kernels.numba_cpu.training.members import LANES, Groups, SignedSamples, Training
from kernels.numba_cpu.training.small_pass import are_usual, is_rate, usual_labels
from kernels.numba_cpu.training.update import LARGEST
from kernels.numba_cpu.vector.elementary import LOG2_E
from kernels.results import Ensemble, Run

MOST_WORK_OF_COSTS = 10 * SERIAL_WORK  # multiply-adds: a millisecond or less, which Ctrl-C waits for


def sgd_ensemble(X, y, w0, b0, lr, length, loss):
    """As `kernels.sgd_ensemble`, or None if that is left to the long way; `length` is batch_size and epochs."""
    if not (type(w0) is type(b0) is np.ndarray and w0.ndim == 2 and len(w0) > 0 and are_usual(X, w0[0])):
        return None
    if not (w0.flags.carray and b0.flags.carray and b0.dtype == w0.dtype and b0.shape == (len(w0),)):
        return None
    batch_size, epochs = length
    if not (is_rate(lr) and type(batch_size) is type(epochs) is int and type(loss) is str and loss in CODES):
        return None
    if not (batch_size > 0 and epochs >= 0):
        return None
    (n, d), dtype, k, lr = X.shape, X.dtype, len(w0), float(lr)
    size, lanes, batch_size = d + 1, LANES[dtype.char], min(batch_size, n)
    groups = -(-k // lanes)
    pairs = groups * lanes * n  # of a member and a sample
    work, work_of_costs = pairs * epochs * operations(size), pairs * operations_of_cost(size)
    is_small = work < SERIAL_WORK and work_of_costs < MOST_WORK_OF_COSTS
    labels = usual_labels(y, n, dtype) if is_small else None
    if labels is None:
        return None
    samples, state = room_for_samples(n, size, dtype, CODES[loss]), np.empty((groups, 3, size, lanes), dtype)
    x, theta = prepare(X, labels, w0, b0, samples.rows, samples.rows_log2e, samples.label_smoothing, state)
    steps = epochs * -(-n // batch_size)
    most = LARGEST[dtype.char]
    # the sum of a batch is of slopes below 2, and log2 e is below 2 too
    if not (2.0 * n * x < most and stay_in_range(d, (x, 1.0, theta), steps * lr, loss, most)):
        return None
    first_correct, path = np.empty((groups, lanes), np.int64), np.empty((groups, 1, size, lanes), dtype)
    first_correct.fill(-1)
    looked_through = samples.rows if d == 1 else orders(groups, n)
    training = Training(batch_size, lr, 0, epochs * n)
    models = Groups(state, first_correct, path, None, None)
    launch(KERNELS[dtype.char][size > 2], work, samples, looked_through, training, models)
    theta, sums = state[:, 0].copy(), np.zeros((groups, 2, lanes))
    launch(add_costs, work_of_costs, samples, 0, n, theta, sums)
    values = np.empty((k, d), dtype), np.empty(k, dtype), np.empty(k, dtype), np.empty(k, dtype)
    ends = *values, np.empty(k, np.int64)
    write_ends(theta, sums, n, first_correct, ends)
    history = Run(np.empty((0, steps, d), dtype), np.empty((0, steps), dtype), np.empty((0, steps), dtype))
    return Ensemble(*ends, history)


def room_for_samples(n, size, dtype, loss):
    """SignedSamples without weights, to be written to."""
    rows, rows_log2e = np.empty((n, size), dtype), np.empty((n, size), dtype)
    return SignedSamples(rows, rows, rows_log2e, np.empty(n, dtype), loss, None)


@serial_kernel
def prepare(X, y, w0, b0, rows, rows_log2e, smoothing, state):
    """Writes samples, and models in lanes; returns the largest |X| and the largest parameter, NaN where a label is not
    in [0, 1] or a value not finite."""
    (n, d), (groups, _, size, lanes) = X.shape, state.shape
    largest_x, largest_theta = 0.0, 0.0
    for i in range(n):
        class_1 = y[i] > 0.5
        smoothing[i] = 1.0 - y[i] if class_1 else y[i]
        if not smoothing[i] >= 0.0:
            return math.nan, math.nan
        for j in range(size):
            x = float(X[i, j]) if j < d else 1.0
            if not math.isfinite(x):
                return math.nan, math.nan
            if abs(x) > largest_x:
                largest_x = abs(x)
            rows[i, j] = x if class_1 else -x
            rows_log2e[i, j] = LOG2_E * (x if class_1 else -x)
    state[:] = 0.0
    for g in range(groups):
        for lane in range(lanes):
            member = min(g * lanes + lane, b0.size - 1)
            for j in range(size):
                theta = float(w0[member, j] if j < d else b0[member])
                if not math.isfinite(theta):
                    return math.nan, math.nan
                if abs(theta) > largest_theta:
                    largest_theta = abs(theta)
                state[g, 0, j, lane] = theta
    return largest_x, largest_theta


@serial_kernel
def write_ends(theta, sums, n, first_correct, ends):
    """Writes what models have come to, from their lanes, `sums` being costs and how many of n samples are correct, to
    the fields of an Ensemble."""
    w, b, loss, accuracy, steps = ends
    k, d = w.shape
    lanes = theta.shape[2]
    for member in range(k):
        g, lane = member // lanes, member % lanes
        for j in range(d):
            w[member, j] = theta[g, j, lane]
        b[member] = theta[g, d, lane]
        loss[member], accuracy[member] = sums[g, 0, lane] / n, sums[g, 1, lane] / n
        steps[member] = first_correct[g, lane]
