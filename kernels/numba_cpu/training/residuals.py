"""Derivatives of the losses of samples in the lanes of a vector, and sums over them.

With e = exp(-|z|), p = sigmoid(z) and 1 - p are 1 / (1 + e) and e / (1 + e), in one order or the other, and

    loss = log(1 + e) + (1 - y) max(z, 0) + y max(-z, 0),    dloss/dz = p - y = (1 - y) p - y (1 - p),

so nothing cancels; the logarithms of many samples are one logarithm of the product of their 1 + e.
"""

import numpy as np
from numba import njit

from kernels.numba_cpu.vector.elementary import exp_negative, log1p_scaled, over_one_plus
from kernels.numba_cpu.vector.log_product import EXPONENT_OFFSET, normalised, times
from kernels.numba_cpu.vector.operators import absolute, select, splat, to_float, to_float64, total

MOST_FACTORS = 64  # of 1 + e in a lane: their product can't overflow float32


@njit(forceinline=True)
def no_sums(samples):
    return splat(samples, 0.0), splat(samples, 0.0), splat(samples, 0.0)


@njit(forceinline=True)
def total_loss(product, losses):
    product, exponent = normalised(to_float64(product), 0)
    return total(losses) + total(log1p_scaled(product, to_float(exponent - EXPONENT_OFFSET)))


@njit(forceinline=True)
def slopes_of(logit, label, share, weighted, live, squared, sums):
    """Derivatives of the losses of the `live` samples by their logits, times their share if `weighted`, and the sums
    with theirs: the product of 1 + e (minus 1), what else there is of the losses, and the derivatives. A sample without
    a share adds 0, whatever its logit overflowed to; a label outside [0, 1] makes the derivative NaN."""
    product, losses, slopes = sums
    other = 1.0 - label
    e = exp_negative(-absolute(logit))
    above = logit > 0.0
    slope = over_one_plus(e, other * select(above, 1.0, e) - label * select(above, e, 1.0))
    part = select(above, other, -label)
    loss = part * logit
    if squared or weighted:
        if squared:
            loss = slope * slope
            slope = slope * (e / ((e + 1.0) * (e + 1.0)) * 2.0)
        else:
            loss = select(part == 0.0, 0.0, loss) + log1p_scaled(e, e * 0.0)  # whatever the logit
        counts = share > 0.0  # a sample of no weight counts for nothing, whatever its logit
        loss, slope = select(counts, loss * share, 0.0), select(counts, slope * share, 0.0)
    else:
        product = times(product, select(live, e, 0.0))
    slope = select((label >= 0.0) & (other >= 0.0), slope, np.nan)
    slope = select(live, slope, 0.0)
    return slope, (product, losses + select(live, loss, 0.0), slopes + slope)
