"""The losses of `kernels.losses` for vectors of samples, chosen by their codes.

A sample has the margin m, positive where it is right, and the label smoothing y'. Its e is exp(-|m|), `wrong` and
`right` are sigma(-m) and sigma(m). As 1 / (1 + e) and e / (1 + e) they keep all digits, however small, and so does
softplus(-m) = max(-m, 0) + log(1 + e). Callers may have `right` as anything where `wrong` is 0.

`loss` is the same for all samples, so a branch on it is foreseen. The cross-entropy, on which nearly all time is spent,
has forms of its own: which sum is rounded first is what the bits of results depend on.
"""

from numba.extending import overload

from kernels.losses import CODES
from kernels.numba_cpu.runtime.subroutine import INLINED, inlined
from kernels.numba_cpu.vector.elementary import log1p_scaled, over_one_plus
from kernels.numba_cpu.vector.operators import fma, select
from kernels.numba_cpu.vector.vector_type import Vector

CROSS_ENTROPY, SQUARED_ERROR, FOCAL = CODES["bce"], CODES["mse"], CODES["focal"]
assert set(CODES.values()) == {CROSS_ENTROPY, SQUARED_ERROR, FOCAL}, "a loss without a branch would be another one"


@inlined
def value(loss, m, e, wrong, right, smoothing):
    """L"""
    if loss == SQUARED_ERROR:
        return (wrong - smoothing) * (wrong - smoothing)
    if loss == FOCAL:
        right = select(m < 0.0, right, 1.0 - wrong)
        softplus = softplus_negative(m, e)
        other = select(right == 0.0, 0.0, smoothing * softplus + tilt(m, e, smoothing))
        return (1.0 - smoothing) * (wrong * wrong * softplus) + right * right * other
    return softplus_negative(m, e) + tilt(m, e, smoothing)


@inlined
def add_value(loss, total, m, e, wrong, right, smoothing):
    """total + L, the square of a squared error not rounded by itself."""
    if loss == SQUARED_ERROR:
        return fma(wrong - smoothing, wrong - smoothing, total)
    return total + value(loss, m, e, wrong, right, smoothing)


@inlined
def negative_slope(loss, m, e, wrong, right, smoothing):
    """-dL/dm"""
    if loss == SQUARED_ERROR:
        return (wrong - smoothing) * (right * wrong * 2.0)
    if loss == FOCAL:
        right = select(m < 0.0, right, 1.0 - wrong)
        softplus, smoothed = softplus_and_smoothed(m, e, right * wrong, smoothing)
        own = wrong * wrong * (2.0 * (right * softplus) + wrong)
        other = right * right * (2.0 * (wrong * smoothed) + smoothing * right)
        return (1.0 - smoothing) * own - other
    return wrong - smoothing


@inlined
def curvature(loss, m, e, wrong, right, smoothing):
    """d^2 L/dm^2"""
    both = right * wrong
    if loss == SQUARED_ERROR:
        return 2.0 * both * (both - (wrong - smoothing) * (wrong - right))
    if loss == FOCAL:
        right = select(m < 0.0, right, 1.0 - wrong)
        softplus, smoothed = softplus_and_smoothed(m, e, both, smoothing)
        own = both * wrong * ((4.0 * right - 2.0 * wrong) * softplus + 5.0 * wrong)
        other = both * right * ((4.0 * wrong - 2.0 * right) * smoothed + 5.0 * (smoothing * right))
        return (1.0 - smoothing) * own + other
    return both


@inlined
def softplus_negative(m, e):
    """log(1 + e^-m)"""
    return select(m < 0.0, -m, 0.0) + log1p_scaled(e, e * 0.0)


@inlined
def softplus_and_smoothed(m, e, both, smoothing):
    """softplus(-m) and y' (softplus(-m) + m), which the product of sigma(m) and sigma(-m), `both`, is a factor of: 0
    where that is, though they may be infinite."""
    softplus = softplus_negative(m, e)
    smoothed = smoothing * softplus + tilt(m, e, smoothing)
    return select(both == 0.0, 0.0, softplus), select(both == 0.0, 0.0, smoothed)


def tilt(m, e, smoothing):
    """y' m; 0 where y' is, even if m is infinite."""


@overload(tilt, jit_options=INLINED)
def tilt_by_type(m, e, smoothing):
    if isinstance(smoothing, Vector):
        return lambda m, e, smoothing: select(smoothing == 0.0, 0.0, smoothing * m)
    return lambda m, e, smoothing: smoothing * m if smoothing != 0.0 else e * 0.0


# The cross-entropy, log(1 + e^-m) + y' m


@inlined
def cross_entropy(m, e, smoothing):
    """Of samples of one smoothing, a number."""
    loss = select(m < 0.0, -m, 0.0) + log1p_scaled(e, 0.0)
    if smoothing != 0.0:
        loss = loss + m * smoothing
    return loss


@inlined
def linear_part(m, smoothing):
    """max(-m, 0) + y' m: all of it but a logarithm of at most ln 2. The m of a sample that is right may be infinite."""
    hinge = select(m < 0.0, -m, 0.0)
    return select(smoothing == 0.0, hinge, fma(smoothing, m, hinge))


@inlined
def add_linear_part(total, m, smoothing):
    """total + max(-m, 0) + y' m, of samples of one smoothing, a number."""
    total = total + select(m < 0.0, -m, 0.0)
    return fma(m, smoothing, total) if smoothing != 0.0 else total


# By the logit z: residual p - y, of class 1 and 0 alike


@inlined
def residual(above, e, label):
    """p - y = (1 - y) p - y (1 - p), from e = exp(-|z|), and `above` where z > 0."""
    return over_one_plus(e, (1.0 - label) * select(above, 1.0, e) - label * select(above, e, 1.0))


@inlined
def linear_part_of_logit(logit, above, label):
    """(1 - y) max(z, 0) + y max(-z, 0), the cross-entropy but for log(1 + e), and its slope by z."""
    slope = select(above, 1.0 - label, -label)
    return slope * logit, slope


@inlined
def value_and_slope_by_logit(loss, logit, label, e, error):
    """L and dL/dz of any loss, from e = exp(-|z|) and the residual `error`."""
    above = logit > 0.0
    if loss == SQUARED_ERROR:
        return error * error, error * (e / ((e + 1.0) * (e + 1.0)) * 2.0)
    if loss == CROSS_ENTROPY:
        linear, slope = linear_part_of_logit(logit, above, label)
        return select(slope == 0.0, 0.0, linear) + log1p_scaled(e, e * 0.0), error
    class_1 = label > 0.5
    m, smoothing = select(class_1, logit, -logit), select(class_1, 1.0 - label, label)
    larger = 1.0 / (e + 1.0)
    smaller = e * larger
    wrong, right = select(m < 0.0, larger, smaller), select(m < 0.0, smaller, larger)
    slope = negative_slope(loss, m, e, wrong, right, smoothing)
    return value(loss, m, e, wrong, right, smoothing), select(class_1, -slope, slope)
