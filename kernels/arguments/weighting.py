"""Weights as kernels take them: of samples alone, in units in which none overflows.

With a weight v, a label y and the weight g of the positive class a sample's loss is

    v (g y softplus(-z) + (1 - y) softplus(z)),

as torch.nn.BCEWithLogitsLoss has it: that of the label g y / (1 - y + g y) with the weight v (1 - y + g y). So kernels
know of weights of samples alone.
"""

import math
from typing import Any

import numpy as np

from kernels.arguments import arrays, dataset, numbers
from kernels.kinds import Array, ArrayLike


def weigh_positive(y: Array, weight: Array | None, pos_weight: float) -> tuple[Array, Array]:
    """Labels and weights (n,), float64, that stand for labels `y`, weights or None, and that of the positive class.

    The weight by which a mean is divided is not among them: it is that of the samples as they were.
    """
    y = y.astype(np.float64) if isinstance(y, np.ndarray) else y.double()
    positive = pos_weight * y
    grown = 1.0 - y + positive
    labels = positive / (grown + (grown == 0))  # a sample that counts for nothing has label 0
    return labels, grown if weight is None else weight * grown


def unit_of(weight: Array) -> Array | float:
    """A unit for weights (n,) in which the largest is 1 or a little more: a power of two, so that none is rounded. Of a
    tensor the largest itself, a tensor () where it is, as nothing waits for a card."""
    largest = weight.max()
    if not isinstance(weight, np.ndarray):
        return (largest + (largest == 0)).double()
    return math.ldexp(0.5, math.frexp(largest)[1])


def in_units(weight: Array) -> tuple[Array, Array | float]:
    """Weights (n,) as float64 in their unit, and the unit."""
    unit = unit_of(weight)
    return arrays.cast(weight, np.float64) / unit, unit


def of_mean(
    X: Array, y: Array, sample_weight: ArrayLike | None, pos_weight: ArrayLike | None, by_samples: bool = False
) -> tuple[Array, Array, Array | None, Array | float]:
    """Features, labels and weights or None, of one dtype, and what weighted sums are divided by: the sum of
    `sample_weight` or, if `by_samples`, the number of samples."""
    n, dtype = len(X), arrays.dtype_of(X)
    total: Array | float = n
    weight, positive = dataset.weights(sample_weight, n, zeros=by_samples), numbers.pos_weight(pos_weight)
    if weight is None and positive is None:
        return X, y, weight, total
    if weight is not None:
        weight, unit = in_units(weight)
        taken: Any = arrays.cast(weight, dtype)
        total = n / unit if by_samples else taken.sum(dtype=weight.dtype)
    if positive is not None:
        dataset.check_labels(y)
        y, grown = weigh_positive(y, None, positive)
        grown, unit = in_units(grown)  # or the product might overflow
        weight, unit_of_product = in_units(grown if weight is None else weight * grown)
        total = total / unit / unit_of_product
    assert weight is not None  # as one of both was given
    return X, arrays.cast(y, dtype), arrays.cast(weight, dtype), total


def of_training(
    y: Array, sample_weight: ArrayLike | None, pos_weight: ArrayLike | None, loss: str
) -> tuple[Array, Array | None]:
    """Labels and weights (n,), float64, with which training minimises sum(weight * loss) / n; `y` itself and None where
    there are no weights."""
    if sample_weight is None and pos_weight is None:
        return y, None
    weight, positive = dataset.weights(sample_weight, len(y)), numbers.pos_weight_for(loss, pos_weight)
    dataset.check_labels(y)
    weight = None if weight is None else arrays.cast(weight, np.float64)
    if positive is None:
        return arrays.cast(y, np.float64), weight
    with np.errstate(over="ignore"):
        labels, weight = weigh_positive(y, weight, positive)
    if not (arrays.is_tensor(weight) or arrays.is_finite(weight)):
        raise ValueError(f"pos_weight is {pos_weight}; accepted: one whose products with sample_weight are finite")
    return labels, weight


def in_dtype(labels: Array, weight: Array | None, dtype: np.dtype) -> tuple[Array, Array | None]:
    """Both in a dtype, which must hold the weights; these may be None."""
    if weight is None:
        return labels, None
    with np.errstate(over="ignore"):
        narrow = arrays.cast(weight, dtype)
    if not arrays.is_cuda(narrow) and narrow.max() > np.finfo(dtype).max:
        raise ValueError(f"a weight of a sample is {weight.max()}; accepted: weights in the range of {dtype}")
    return arrays.cast(labels, dtype), narrow
