"""Sums of grids of numbers, one after the other, and what rounding took from them."""

from typing import Any

import numpy as np

from kernels.kinds import Array


def add(total: Array, lost: Array, values: Array) -> None:
    """Adds `values` to `total` in place, and to `lost` what rounding took (Knuth, The Art of Computer Programming 2,
    sec. 4.2.2, theorem B). Arrays or tensors of one shape, float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        before: Any = total + 0.0
        total += values
        taken: Any = total - before
        before -= total - taken  # in place, as grids are large: 3 new ones, not 7
        taken -= values
        before -= taken
        lost += before


def finished(total: Array, lost: Array) -> Array:
    """The sum, rounded once; of one that overflows nothing is lost but NaN."""
    found = total + lost
    unknown: Any = lost != lost
    found[unknown] = total[unknown]
    return found
