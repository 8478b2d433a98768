"""What losses are made of, in graphs: one exponential a sample.

With e = exp(-|m|) the probabilities sigma(|m|) and sigma(-|m|) are 1 / (1 + e) and e / (1 + e), and log(1 + exp(-m)) is
max(-m, 0) + log(1 + e): nothing cancels. What a loss doesn't need of it the compiler leaves out.
"""

from typing import Any

import torch

from kernels.losses import LOSSES, Parts

TERMS = {torch.float32: 7, torch.float64: 16}  # of the series of the logarithm


def parts_of(m, e, smoothing):
    """Parts of margins, exp(-|margin|) and smoothings, of one shape or such that broadcast to it."""
    larger = 1 / (1 + e)
    smaller = e * larger
    wrong, right = torch.where(m > 0, smaller, larger), torch.where(m > 0, larger, smaller)
    tilt = torch.where(smoothing > 0, smoothing * m, 0.0)
    return Parts(m, log1p(e) + (-m).clamp(min=0.0), wrong, right, smoothing, tilt)


def log1p(e):
    """log(1 + e) of e in [0, 1], as 2 atanh(s) of s = e / (2 + e), which is quicker than the library's."""
    s = e / (2 + e)
    square = s * s
    tail = 0.0  # (2 atanh(s) - 2 s) / s^3
    for k in reversed(range(TERMS[e.dtype])):
        tail = tail * square + 2 / (2 * k + 3)
    return e - s * (e - square * tail)


def value_and_slope(z, y, loss):
    """The loss L of each sample, from logits and labels, and dL/dz."""
    in_class_1 = y > 0.5
    m, smoothing = torch.where(in_class_1, z, -z), torch.where(in_class_1, 1 - y, y)
    of = parts_of(m, torch.exp(-z.abs()), smoothing)
    slope: Any = LOSSES[loss].slope(of)  # a tensor, as all of it is
    return LOSSES[loss].value(of), torch.where(in_class_1, slope, -slope)


def weighted_value_and_slope(z, y, weight, loss):
    """The same times the weights of the samples, 0 where these are, whatever a logit overflowed to."""
    return tuple(torch.where(weight > 0, of * weight, 0.0) for of in value_and_slope(z, y, loss))
