"""Many models at once on the CPU: models in the lanes of a vector, every thread with models of its own.

With the class sign c of a sample, 1 or -1, signed rows r = c (x, 1) and theta = (w, b) the margin is m = r.theta, and
theta is moved by minus dL/dm times r. The bias is the weight of the last column, and nothing cancels.

Models compute in the dtype of the data. Parameters are carried with what rounding takes from them at each step, which
would otherwise be most of the error. Whether a sample is classified correctly goes by the logit in float64, or by one
that is sure to have its sign.
"""

from typing import NamedTuple

import numpy as np
from numba import types

from kernels.losses import CODES
from kernels.numba_cpu.runtime.launch import threads
from kernels.numba_cpu.runtime.subroutine import inlined
from kernels.numba_cpu.vector import losses
from kernels.numba_cpu.vector.elementary import LN2, LOG2_E, exp2
from kernels.numba_cpu.vector.memory import load, store
from kernels.numba_cpu.vector.operators import fma, select, splat
from kernels.numba_cpu.vector.vector_type import REGISTERS, Vector

# Four registers of models are four chains of dependent operations, enough to hide most of their latency.
F32_MODELS, F64_MODELS = Vector(types.float32, REGISTERS.width), Vector(types.float64, REGISTERS.width // 2)
F32_MODELS_WIDE, F32_STEPS = F32_MODELS.with_dtype(types.float64), F32_MODELS.with_dtype(types.int64)
F64_STEPS = F64_MODELS.with_dtype(types.int64)
LANES = {"f": F32_MODELS.lanes, "d": F64_MODELS.lanes}
MODELS_AT_ONCE = REGISTERS.width // 4  # in float64, where costs are computed: two registers
FLOAT64_MODELS = Vector(types.float64, MODELS_AT_ONCE)
OPERATIONS_PER_THREAD = 500_000_000  # multiply-adds of one launch, of all lanes: well under 0.1 s, for Ctrl-C
VALUES_AT_ONCE = 2**16  # of rows that are made at once: what they are made of is small beside large data
FARTHEST = (
    1100.0  # |log2 odds| that a margin counts as: exp2 goes no farther than 2^1022, and times it more would be seen
)


class SignedSamples(NamedTuple):
    """Samples as models take them.

    rows             r = c (x, 1), (n, d + 1)
    weighted_rows    the same times the samples' weights
    rows_log2e       the same times log2 e, so that margins are logarithms to base 2
    label_smoothing  (n,)
    loss             its code
    weight           (n,) or None
    """

    rows: np.ndarray
    weighted_rows: np.ndarray
    rows_log2e: np.ndarray
    label_smoothing: np.ndarray
    loss: int
    weight: np.ndarray | None


class Training(NamedTuple):
    """Samples [first, last) of all those that the epochs have one after the other, in batches, and the learning rate,
    unless models have their own."""

    batch_size: int
    lr: float
    first: int
    last: int


class Groups(NamedTuple):
    """Models in lanes, all groups of them or one, which has not the first axis.

    state               parameters, what rounding took from them, and the gradient of a batch that isn't complete
                        (groups, 3, d + 1, lanes)
    first_correct_step  the step at which every sample was classified correctly first, or -1 (groups, lanes)
    path                parameters after each step (groups, 1 + steps, d + 1, lanes), from the second entry on, as far
                        as it has room
    rates               learning rates over the number of samples in a batch, and in the last of an epoch (groups, 2,
                        lanes), or None for that of `Training`
    drift               momentum - 1, the root of learning rate times weight decay, and the last step of each parameter
                        (groups, 2 + d + 1, lanes), or None without either
    """

    state: np.ndarray
    first_correct_step: np.ndarray
    path: np.ndarray
    rates: np.ndarray | None
    drift: np.ndarray | None


@inlined
def negative_slope(loss, log2_odds, smoothing):
    """-dL/dm of the margin m = log2_odds ln 2."""
    odds, above = exp2(log2_odds)
    wrong = 1.0 / above
    if loss == losses.CROSS_ENTROPY:
        return wrong - smoothing
    e = select(log2_odds < 0.0, odds, 1.0 / odds)
    near = select(log2_odds > FARTHEST, FARTHEST, select(log2_odds < -FARTHEST, -FARTHEST, log2_odds))
    return losses.negative_slope(loss, near * LN2, e, wrong, wrong * odds, smoothing)


@inlined
def kahan_step(theta, compensation, gradient, rate):
    """theta + rate gradient, and what rounding took from it, now or before (Kahan)."""
    step = fma(gradient, rate, compensation)
    total = theta + step
    return total, step - (total - theta)


@inlined
def is_correct(margin, class_sign):
    """Whether class 1 has z > 0 and class 0 has z <= 0."""
    return margin > 0.0 if class_sign > 0.0 else margin >= 0.0


@inlined
def record_first_correct(steps_type, first_correct_step, at, correct, step):
    """Records the step for the models, from `at` on, that are correct in every sample now; returns which have yet to
    be."""
    before = load(steps_type, first_correct_step, at)
    after = select((before == -1) & correct, step, before)
    store(first_correct_step, at, after)
    return after == -1


@inlined
def wide_margin(wide_type, rows, i, theta, lane, lanes):
    """Margins of sample `i` in float64, every operation rounded, by `theta` (d + 1, lanes) from a given lane."""
    margin = splat(wide_type, 0.0)
    for j in range(rows.shape[1]):
        margin = margin + load(wide_type, theta, j * lanes + lane) * rows[i, j]
    return margin


@np.errstate(over="ignore")  # of weights, which takes a model that has such a sample out of the range too
def signed_samples(X, y, weight, loss):
    """Samples, of whose rows some are made at a time."""
    n, size = len(X), X.shape[1] + 1
    rows, rows_log2e = np.empty((2, n, size), X.dtype)
    weighted_rows = rows if weight is None else np.empty_like(rows)
    for part in parts(n, max(1, VALUES_AT_ONCE // size)):
        write_rows(X[part], y[part], rows[part], rows_log2e[part])
        if weight is not None:
            np.multiply(weight[part, None], rows[part], out=weighted_rows[part])
    return SignedSamples(rows, weighted_rows, rows_log2e, np.where(y > 0.5, 1 - y, y), CODES[loss], weight)


def write_rows(X, y, rows, rows_log2e):
    """Writes the signed rows (n, d + 1), and these times log2 e."""
    rows[:, -1] = np.where(y > 0.5, 1, -1)
    np.multiply(rows[:, -1:], X, out=rows[:, :-1])
    # what is beyond overflows in any step; the next smaller, as the product would be rounded up
    largest = np.nextafter(np.finfo(X.dtype).max / X.dtype.type(LOG2_E), X.dtype.type(0))
    rows_log2e[:] = LOG2_E * np.clip(rows, -largest, largest).astype(np.float64)


def parts(count, size):
    """Slices of at most `size` of so many, in their order."""
    return (slice(first, min(first + size, count)) for first in range(0, count, size))


def in_lanes(theta):
    """(m, d + 1) as (groups, d + 1, lanes), the last group filled up with copies of the last model."""
    lanes, (m, size) = LANES[theta.dtype.char], theta.shape
    padded = np.empty((-(-m // lanes) * lanes, size), theta.dtype)
    padded[:m], padded[m:] = theta, theta[-1]
    return np.ascontiguousarray(padded.reshape(-1, lanes, size).swapaxes(1, 2))


def from_lanes(values, m):
    """The first m models of (groups, ..., lanes) as (m, ...)."""
    models = values.transpose(0, -1, *range(1, values.ndim - 1))
    return models.reshape(values.shape[0] * values.shape[-1], *models.shape[2:])[:m]


def samples_at_once(models, operations):
    """How many samples a launch of all threads may take for each of so many models."""
    return max(1, OPERATIONS_PER_THREAD * threads() // (models * operations))
