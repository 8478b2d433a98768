"""What the kernels return: plain named tuples, with NumPy arrays for NumPy input and tensors for tensors; and where a
grid of values is lowest."""

from typing import NamedTuple

import numpy as np

from kernels.kinds import Array


class LogitPlane(NamedTuple):
    """Logits on a plane of parameter space, `offset + s * s_slope + t * t_slope`; each field (n,)."""

    offset: Array
    s_slope: Array
    t_slope: Array


class Plan(NamedTuple):
    """How a surface is evaluated.

    method  "direct" or "spectral"
    nodes   (s nodes, t nodes) of the interpolation; None when direct
    bound   bound on the absolute error of the interpolation, relative to max(1, max|quantity|); 0.0 when direct
    reason  one sentence: why this method
    """

    method: str
    nodes: tuple[int, int] | None
    bound: float
    reason: str


class LossGrad(NamedTuple):
    """Mean loss (scalar) and its gradient: `grad_w` (d,), `grad_b` (scalar)."""

    loss: Array
    grad_w: Array
    grad_b: Array


class Path(NamedTuple):
    """`w` (steps, d) and `b` (steps,) after each kept step, and `loss` (steps,), the minibatch's before it."""

    w: Array
    b: Array
    loss: Array


class Run(Path):
    """A path, of these three fields, and beside them what another run goes on from.

    velocity  of the last step (d + 1,), the bias last, float64; of float32 data (2, d + 1), with the parameters before
              they were rounded below it. None in the history of an ensemble
    """

    velocity: Array | None = None

    def __new__(cls, w: Array, b: Array, loss: Array, velocity: Array | None = None) -> "Run":
        run = tuple.__new__(cls, (w, b, loss))
        run.velocity = velocity
        return run


class Ensemble(NamedTuple):
    """The ends of k training runs; a run that diverged has NaN everywhere and -1 steps.

    w, b      final parameters (k, d), (k,)
    loss      final loss on all the data, of the cost that was trained (k,)
    accuracy  final share of samples classified correctly (k,)
    steps     first step at which every sample was correct, 0 being the start, -1 if never (k,) int64
    history   Run of the m members asked for: w (m, steps, d), b (m, steps), loss (m, steps)
    """

    w: Array
    b: Array
    loss: Array
    accuracy: Array
    steps: Array
    history: Run


def lowest_point(across: np.ndarray, up: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """The lowest of values (rows, columns) on a grid, the first of several: its two coordinates and itself."""
    row, column = np.unravel_index(values.argmin(), values.shape)
    return float(across[column]), float(up[row]), float(values[row, column])
