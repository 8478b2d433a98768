"""What tiles of a surface have in common."""

import numpy as np
from numba import njit

from kernels.numba_cpu.vector.elementary import softplus


@njit(forceinline=True)
def loss_of_margin(margin, distance):
    """softplus(m) - y' m: the loss of a sample by its own logarithm, for one whose factor no product can hold."""
    loss = softplus(margin)
    if distance != 0.0:
        loss = loss - margin * distance
    return loss


@njit
def sums_of_tile(sums, tile, cells):
    """The sums that a tile has so far, or room for them if there is none to keep."""
    return sums[tile] if sums.size > 0 else np.empty(cells)
