"""Derivatives of the losses of samples in the lanes of a vector, and sums over them.

With e = exp(-|z|) nothing cancels (`vector.losses`), and the logarithms in the cross-entropies of many samples are one
logarithm of the product of their 1 + e.
"""

from typing import NamedTuple

import numpy as np

from kernels.numba_cpu.runtime.subroutine import inlined
from kernels.numba_cpu.vector import losses
from kernels.numba_cpu.vector.elementary import exp_negative, log1p_scaled
from kernels.numba_cpu.vector.log_product import EXPONENT_BIAS, multiply_one_plus, renormalised
from kernels.numba_cpu.vector.operators import absolute, select, splat, to_float, to_float64, total

MOST_FACTORS = 64  # of 1 + e in a lane: their product can't overflow float32


class LaneSums(NamedTuple):
    """Sums in lanes: the product of 1 + e, minus 1; what else there is of the losses; their derivatives."""

    product: object
    losses: object
    slopes: object


@inlined
def no_sums(samples):
    return LaneSums(splat(samples, 0.0), splat(samples, 0.0), splat(samples, 0.0))


@inlined
def total_loss(sums):
    product, exponent = renormalised(to_float64(sums.product), 0)
    return total(sums.losses) + total(log1p_scaled(product, to_float(exponent - EXPONENT_BIAS)))


@inlined
def slopes_of(loss, logit, label, weight, weighted, live, sums):
    """weight dL/dz of the samples that are `live`, and the sums with theirs; the weights are 1 unless `weighted`. A
    sample of weight 0 adds 0, whatever its logit overflowed to; a label outside [0, 1] makes the derivative NaN."""
    product, value, slopes = sums
    e = exp_negative(-absolute(logit))
    above = logit > 0.0
    slope = losses.residual(above, e, label)
    linear, _ = losses.linear_part_of_logit(logit, above, label)
    if weighted or loss != losses.CROSS_ENTROPY:
        linear, slope = losses.value_and_slope_by_logit(loss, logit, label, e, slope)
        counts = weight > 0.0
        linear, slope = select(counts, linear * weight, 0.0), select(counts, slope * weight, 0.0)
    else:
        product = multiply_one_plus(product, select(live, e, 0.0))
    slope = select((label >= 0.0) & (1.0 - label >= 0.0), slope, np.nan)
    slope = select(live, slope, 0.0)
    return slope, LaneSums(product, value + select(live, linear, 0.0), slopes + slope)
