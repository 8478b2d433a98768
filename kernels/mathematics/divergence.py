"""Whether runs can diverge at all: what is found beforehand needn't be looked for at every step."""

from collections.abc import Iterable

from kernels.arguments import arrays
from kernels.kinds import Array


def losses_may_overflow(X: Array, weight: Array | None, starts: Iterable[Array], steps: int, lr: float) -> bool:
    """Whether a loss might leave the range of the dtype of X (n, d) in so many steps from w (k, d), b (k,): with slopes
    of at most the largest weight, parameters move by lr times that and the largest feature at most in each."""
    x, g = max(1.0, largest(X)), 1.0 if weight is None else max(1.0, largest(weight))
    theta = max(map(largest, starts)) + steps * lr * g * x
    return not theta * (X.shape[1] * x + 1.0) * g < 0.5 * arrays.largest_of(X)


def largest(values: Array) -> float:
    return float(max(values.max(), -values.min()))
