"""The losses in Triton, by their codes: the formulas of `kernels.losses`, whose tests hold them to those.

`of` is a tuple of a sample's parts, scalars or blocks: its margin m, exp(-|m|), sigma(m), sigma(-m) and the smoothing
of its label. With e = exp(-|m|) the probabilities sigma(|m|) and sigma(-|m|) are 1 / (1 + e) and e / (1 + e): nothing
cancels. What a kernel doesn't need the compiler leaves out.
"""

import triton
import triton.language as tl

from kernels.losses import CODES

BCE: tl.constexpr = tl.constexpr(CODES["bce"])
MSE: tl.constexpr = tl.constexpr(CODES["mse"])
FOCAL: tl.constexpr = tl.constexpr(CODES["focal"])


@triton.jit
def log1p(x):
    """log(1 + x), x >= 0, to all digits (Kahan)."""
    above = 1 + x
    return tl.where(above == 1, x, tl.log(above) * (x / (above - 1)))


@triton.jit
def parts_of(m, smoothing):
    e = tl.exp(-tl.abs(m))
    larger = 1 / (1 + e)
    smaller = e * larger
    return m, e, tl.where(m > 0, larger, smaller), tl.where(m > 0, smaller, larger), smoothing


@triton.jit
def hinge(of):
    """The cross-entropy less log(1 + exp(-|m|)): softplus and tilt have each a part that is linear in m."""
    m, _, _, _, smoothing = of
    wrong = tl.where(m > 0, smoothing, 1 - smoothing)
    return tl.where(wrong > 0, wrong * tl.abs(m), 0.0)


@triton.jit
def softplus_and_smoothed(of):
    """Losses of the sample's class and, times the smoothing, of the other one: log(1 + exp(-m)), y' log(1 + exp(m))."""
    m, e, _, _, smoothing = of
    log = log1p(e)
    smoothed = smoothing * (log + tl.where(m > 0, m, 0.0))
    return log + tl.where(m > 0, 0.0, -m), tl.where(smoothing > 0, smoothed, 0.0)


@triton.jit
def value(of, LOSS: tl.constexpr):
    """L"""
    _, e, right, wrong, smoothing = of
    if LOSS == BCE:
        found = log1p(e) + hinge(of)
    elif LOSS == MSE:
        found = (wrong - smoothing) * (wrong - smoothing)
    else:
        tl.static_assert(LOSS == FOCAL)
        softplus, smoothed = softplus_and_smoothed(of)
        found = (1 - smoothing) * (wrong * wrong * softplus) + right * right * smoothed
    return found


@triton.jit
def slope(of, LOSS: tl.constexpr):
    """dL/dm"""
    _, _, right, wrong, smoothing = of
    if LOSS == BCE:
        found = smoothing - wrong
    elif LOSS == MSE:
        found = (smoothing - wrong) * (right * wrong * 2)
    else:
        tl.static_assert(LOSS == FOCAL)
        softplus, smoothed = softplus_and_smoothed(of)
        own = wrong * wrong * (2 * right * softplus + wrong)
        found = right * right * (2 * wrong * smoothed + smoothing * right) - (1 - smoothing) * own
    return found


@triton.jit
def of_logits(z, y):
    """Parts of samples with logits z and labels y, and whether they are of class 1: there dm/dz is 1, else -1."""
    in_class_1 = y > 0.5
    return parts_of(tl.where(in_class_1, z, -z), tl.where(in_class_1, 1 - y, y)), in_class_1


@triton.jit
def value_and_slope(z, y, LOSS: tl.constexpr):
    """The loss L of each sample, from logits and labels, and dL/dz."""
    of, in_class_1 = of_logits(z, y)
    by_margin = slope(of, LOSS)
    return value(of, LOSS), tl.where(in_class_1, by_margin, -by_margin)
