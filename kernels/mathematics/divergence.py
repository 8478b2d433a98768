"""Whether runs can diverge at all, which needn't be looked for at every step then, and what one raises that does."""

import math
from collections.abc import Iterable

from kernels.arguments import arrays
from kernels.kinds import Array
from kernels.losses import LOSSES

ROUNDING = 0.5  # of the range is left for what rounding adds to the parameters of a whole run


def losses_may_overflow(
    X: Array, weight: Array | None, starts: Iterable[Array], steps: int, rates: Array, loss: str
) -> bool:
    """Whether a loss might leave the range of the dtype of X (n, d) in so many steps from w (k, d), b (k,), by `rates`
    as `kernels.bodies.EnsembleBody` has them.

    With learning rate r, momentum m, weight decay c and gradients g a step leads from a parameter t to

        (1 + m - r c) t - m t_before - r g.

    Of 1 that a gradient adds to t there is sum_i u^i v^(s - i) after s more steps, u and v being the roots of
    z^2 - (1 + m - r c) z + m. If m < 1 and r c <= 2, neither is beyond 1, and the smaller one not beyond sqrt(m), as
    u v = m: the sum is at most 1 / (1 - sqrt(m)). A start counts 1 + m times, as its t_before is itself."""
    lr, momentum, decay = [*(float(row.max()) for row in rates), 0.0, 0.0][:3]
    if not (momentum < 1 and lr * decay <= 2):
        return True
    gain = 1 / (1 - math.sqrt(momentum))
    g = 1.0 if weight is None else largest(weight)
    theta = gain * (1 + momentum) * max(map(largest, starts))
    return not stay_in_range(X.shape[1], (largest(X), g, theta), gain * steps * lr, loss, arrays.largest_of(X))


def stay_in_range(d: int, largest_of: tuple[float, float, float], rate: float, loss: str, most: float) -> bool:
    """Whether losses stay below `most` in a run whose rates of all steps add up to `rate`, of d features: parameters
    move by the rate times the largest weight, slope of the loss and feature at most in each. `largest_of` are that
    feature, that weight and the largest parameter at the start."""
    x, g, theta = largest_of
    x, g = max(1.0, x), max(1.0, g)
    slope = max(1.0, LOSSES[loss].largest(math.inf)[1])
    return (theta + rate * slope * g * x) * (d * x + 1.0) * g < ROUNDING * most


class LeftRange(FloatingPointError):
    """A run left the range of its dtype at `step`."""

    step: int


def left_range(step: int, steps: int, dtype: object, lr: float) -> LeftRange:
    """What a run raises whose step, by its number from 1 on, leaves the range of the dtype."""
    error = LeftRange(
        f"sgd_run_: step {step} of {steps} leaves the range of {str(dtype).removeprefix('torch.')} (lr = {lr}); "
        "w and b hold the last finite parameters"
    )
    error.step = step
    return error


def largest(values: Array) -> float:
    return float(max(values.max(), -values.min()))
