"""Training many models at once on the CPU: models in the lanes of a vector, every thread with models of its own.

A sample of class 1 has the sign 1, one of class 0 the sign -1, and y' = min(y, 1 - y) is its label's distance from its
class. With signed rows r = sign (x, 1) and theta = (w, b) the margin is m = r.theta, and with s = 1 / (1 + e^m) the
cost is softplus(-m) + y' m or (s - y')^2, with derivatives y' - s and -2 (s - y') s (1 - s) by m. The bias is the
weight of the last column, and nothing cancels.

Models compute in the dtype of the data. Parameters are carried with what rounding takes from them at each step, which
would otherwise be most of the error. Whether a sample is classified correctly goes by the logit in float64, or by one
that is sure to have its sign.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, types

from kernels.numba_cpu.runtime.launch import threads
from kernels.numba_cpu.vector.elementary import LOG2_E, exp2
from kernels.numba_cpu.vector.memory import load, store
from kernels.numba_cpu.vector.operators import fma, select, splat
from kernels.numba_cpu.vector.vector_type import Vector, register_bytes

# Four registers of models are four chains of dependent operations, enough to hide most of their latency.
SINGLE, DOUBLE = Vector(types.float32, register_bytes()), Vector(types.float64, register_bytes() // 2)
SINGLE_WIDE, SINGLE_STEPS = SINGLE.of(types.float64), SINGLE.of(types.int64)
DOUBLE_STEPS = DOUBLE.of(types.int64)
LANES = {"f": SINGLE.lanes, "d": DOUBLE.lanes}
PART = register_bytes() // 4
OPERATIONS_PER_THREAD = 500_000_000  # multiply-adds of one launch, of all lanes: well under 0.1 s, for Ctrl-C
WIDE_PART = Vector(types.float64, PART)


class Samples(NamedTuple):
    """Signed rows (n, d + 1), the same times the samples' weights and times log2 e, distances of the labels from their
    classes (n,), whether the squared error is minimised, and the weights (n,) or None."""

    rows: np.ndarray
    pulls: np.ndarray
    powers: np.ndarray
    distance: np.ndarray
    squared: bool
    weight: np.ndarray | None


@njit(forceinline=True)
def push(power, distance, squared):
    """Minus the derivative of a sample's cost by its margin, the logarithm of 2^power."""
    e, above = exp2(power)
    s = 1.0 / above
    error = s - distance
    return error * (s * e * s * 2.0) if squared else error


@njit(forceinline=True)
def moved(theta, lost, gradient, rate):
    """theta + rate gradient, and what rounding took from it, now or before (Kahan)."""
    step = fma(gradient, rate, lost)
    total = theta + step
    return total, step - (total - theta)


@njit(forceinline=True)
def is_right(margin, sign):
    """Whether class 1 has z > 0 and class 0 has z <= 0, by the margin sign z."""
    return margin > 0.0 if sign > 0.0 else margin >= 0.0


@njit(forceinline=True)
def noted(numbers, reached, at, right, step):
    """Notes the step for the models, from `at` on, that are right in every sample now; returns which have yet to be."""
    before = load(numbers, reached, at)
    after = select((before == -1) & right, step, before)
    store(reached, at, after)
    return after == -1


@njit(forceinline=True)
def wide_margin(wide, rows, i, theta, lane, lanes):
    """Margins of sample `i` in float64, every operation rounded, by `theta` (d + 1, lanes) from a given lane."""
    margin = splat(wide, 0.0)
    for j in range(rows.shape[1]):
        margin = margin + load(wide, theta, j * lanes + lane) * rows[i, j]
    return margin


@np.errstate(over="ignore")  # of weights, which takes a model that has such a sample out of the range too
def signed_samples(X, y, weight, loss):
    sign = np.where(y > 0.5, 1, -1).astype(X.dtype)[:, None]
    rows = np.ascontiguousarray(np.hstack([sign * X, sign]))
    largest = np.finfo(X.dtype).max / LOG2_E  # what is beyond overflows in any step
    powers = (LOG2_E * np.clip(rows, -largest, largest).astype(np.float64)).astype(X.dtype)
    pulls = rows if weight is None else weight[:, None] * rows
    return Samples(rows, pulls, powers, np.where(y > 0.5, 1 - y, y), loss == "mse", weight)


def in_lanes(theta):
    """(m, d + 1) as (groups, d + 1, lanes), the last group filled up with copies of the last model."""
    lanes = LANES[theta.dtype.char]
    padded = np.pad(theta, ((0, -len(theta) % lanes), (0, 0)), mode="edge")
    return np.ascontiguousarray(padded.reshape(-1, lanes, theta.shape[1]).transpose(0, 2, 1))


def from_lanes(values, m):
    """The first m models of (groups, ..., lanes) as (m, ...)."""
    models = np.moveaxis(values, -1, 1)
    return models.reshape(values.shape[0] * values.shape[-1], *models.shape[2:])[:m]


def samples_at_once(models, operations):
    """How many samples a launch of all threads may take for each of so many models."""
    return max(1, OPERATIONS_PER_THREAD * threads() // (models * operations))
