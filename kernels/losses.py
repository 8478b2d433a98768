"""The losses of a sample, a row each: what they are called, and their values and derivatives by the margin.

A sample with the logit z and a label y in [0, 1] is of class 1 where y > 0.5, else of class 0. Its margin m is z for
class 1 and -z for class 0: positive where the sample is right. A label is 1 or 0 but for its smoothing,
y' = min(y, 1 - y). By these two, with sigma(m) = 1 / (1 + e^-m) the probability of the sample's class, every loss is
written once for each language: here for NumPy and torch, in `numba_cpu.vector.losses` for vectors, in
`torch_cuda.triton.losses` for Triton. The order of the rows is that of their codes there.

What is here takes arrays or tensors of any shape, and doesn't import torch.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kernels.kinds import Array


class Parts(NamedTuple):
    """What losses are made of, each an array of one shape.

    margin     m
    softplus   log(1 + e^-m)
    wrong      sigma(-m), the probability of the other class
    right      sigma(m)
    smoothing  y'
    tilt       y' m, 0 where y' is, even if m is infinite
    """

    margin: Array
    softplus: Array
    wrong: Array
    right: Array
    smoothing: Array
    tilt: Array


class Strip(NamedTuple):
    """Bounds in a strip of the complex plane around the real axis: of |sigma(z)|, and of |log(1 + e^z)|."""

    sigmoid: float
    softplus: float


class Loss(NamedTuple):
    """A loss L of a sample.

    name             as users choose it
    title            in words, for pictures, and the `unit` of a value
    formula, source  what it is, and where it comes from
    value            L of Parts
    slope            dL/dm
    curvature        d^2 L/dm^2
    excess           (1 - y) L(class 0) + y L(class 1) = L(y) + excess y (1 - y): 0 where L is linear in the label y
    bounds           of |L|, |dL/dz|, |d^2 L/dz^2| and |d^3 L/dz^3| in a Strip, all times a factor; what is constant or
                     linear in z is left out of the first
    largest          |L|, |dL/dz| and |d^2 L/dz^2| where |z| is at most a number, or somewhat more; that may be infinite
    """

    name: str
    title: str
    unit: str
    formula: str
    source: str
    value: Callable[[Parts], Array]
    slope: Callable[[Parts], Array]
    curvature: Callable[[Parts], Array]
    excess: float
    bounds: Callable[[Strip, float], tuple[float, float, float, float]]
    largest: Callable[[float], tuple[float, float, float]]

    @property
    def linear_in_label(self) -> bool:
        """Whether its positive part can have a weight of its own."""
        return self.excess == 0


def cross_entropy(of: Parts) -> Array:
    return of.softplus + of.tilt


def cross_entropy_slope(of: Parts) -> Array:
    return of.smoothing - of.wrong


def cross_entropy_curvature(of: Parts) -> Array:
    return of.right * of.wrong


def cross_entropy_bounds(strip: Strip, factor: float) -> tuple[float, float, float, float]:
    s = strip.sigmoid
    return factor * strip.softplus, factor * s, factor * s**2, factor * s**2 * (1 + 2 * s)


def squared_error(of: Parts) -> Array:
    return (of.wrong - of.smoothing) ** 2


def squared_error_slope(of: Parts) -> Array:
    return -2 * (of.wrong - of.smoothing) * (of.right * of.wrong)


def squared_error_curvature(of: Parts) -> Array:
    r, w = of.right, of.wrong
    return 2 * r * w * (r * w - (w - of.smoothing) * (w - r))


def squared_error_bounds(strip: Strip, factor: float) -> tuple[float, float, float, float]:
    s = strip.sigmoid
    first, second = s**2, s**2 * (1 + 2 * s)  # of sigma' and sigma''
    third = s**2 * ((1 + 2 * s) ** 2 + 2 * s**2)
    return (
        factor * (s * (s + 2)),
        factor * (2 * s**2 * (s + 1)),
        factor * (2 * first**2 + 2 * (s + 1) * second),
        factor * (6 * first * second + 2 * (s + 1) * third),
    )


# F(m) = w^2 softplus(-m) with r' = r w, w' = -r w, softplus(-m)' = -w; the smoothed part is F(-m), whose
# y' softplus(m) is y' softplus(-m) + y' m.


def focal(of: Parts) -> Array:
    r, w, smoothed = of.right, of.wrong, of.smoothing * of.softplus + of.tilt
    return (1 - of.smoothing) * w**2 * of.softplus + r**2 * smoothed


def focal_slope(of: Parts) -> Array:
    """F' = -w^2 (2 r softplus(-m) + w)"""
    r, w, smoothed = of.right, of.wrong, of.smoothing * of.softplus + of.tilt
    return r**2 * (2 * w * smoothed + of.smoothing * r) - (1 - of.smoothing) * w**2 * (2 * r * of.softplus + w)


def focal_curvature(of: Parts) -> Array:
    """F'' = r w^2 ((4 r - 2 w) softplus(-m) + 5 w), r w going first to what may be as large as the logit"""
    r, w, smoothed = of.right, of.wrong, of.smoothing * of.softplus + of.tilt
    own = w * ((4 * r - 2 * w) * (r * w * of.softplus) + 5 * r * w**2)
    other = r * ((4 * w - 2 * r) * (r * w * smoothed) + 5 * of.smoothing * w * r**2)
    return (1 - of.smoothing) * own + other


def focal_bounds(strip: Strip, factor: float) -> tuple[float, float, float, float]:
    """Term by term; F''' = r w^2 ((w - 2 r) ((4 r - 2 w) softplus + 5 w) + 6 r w softplus + 2 w^2 - 9 r w)"""
    s, softplus = strip
    return (
        factor * s**2 * softplus,
        factor * s**3 * (2 * softplus + 1),
        factor * s**4 * (6 * softplus + 5),
        factor * s**5 * (24 * softplus + 26),
    )


ROWS = (
    Loss(
        "bce",
        "cross-entropy",
        "nats",
        "-(y log p + (1 - y) log(1 - p)), p = sigma(z)",
        "Bishop, Pattern Recognition and Machine Learning, sec. 4.3.2",
        cross_entropy,
        cross_entropy_slope,
        cross_entropy_curvature,
        0.0,
        cross_entropy_bounds,
        lambda logit: (1 + logit, 1.0, 0.25),
    ),
    Loss(
        "mse",
        "mean squared error",
        "",
        "(p - y)^2, p = sigma(z): of a probability the Brier score",
        "Brier, Verification of forecasts expressed in terms of probability, 1950",
        squared_error,
        squared_error_slope,
        squared_error_curvature,
        1.0,
        squared_error_bounds,
        lambda logit: (1.0, 0.2963, 0.15406),  # at p = 2/3 and (15 - sqrt(33)) / 24
    ),
    Loss(
        "focal",
        "focal loss",
        "nats",
        "-(y (1 - p)^2 log p + (1 - y) p^2 log(1 - p)), p = sigma(z): samples that are right count less",
        "Lin et al., Focal loss for dense object detection, ICCV 2017, with their gamma = 2 and without their alpha",
        focal,
        focal_slope,
        focal_curvature,
        0.0,
        focal_bounds,
        lambda logit: (1 + logit, 1.13, 0.4962),  # found numerically
    ),
)
LOSSES = {row.name: row for row in ROWS}
CODES = {row.name: code for code, row in enumerate(ROWS)}


def parts_of(z: np.ndarray, y: np.ndarray) -> Parts:
    """The Parts of samples with logits z and labels y, NumPy arrays."""
    margin, smoothing = np.where(y > 0.5, z, -z), np.minimum(y, 1 - y)
    softplus = np.logaddexp(0, -margin)
    wrong, right = np.exp(-np.logaddexp(0, margin)), np.exp(-softplus)
    with np.errstate(invalid="ignore"):
        tilt = np.where(smoothing == 0, 0.0, smoothing * margin)
    return Parts(margin, softplus, wrong, right, smoothing, tilt)
