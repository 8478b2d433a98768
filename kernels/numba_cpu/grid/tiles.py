"""What the kernels of tiles have in common: where their points belong, sums of a tile, samples evaluated one by one."""

from typing import NamedTuple

import numpy as np

from kernels.numba_cpu.runtime.subroutine import inlined, subroutine
from kernels.numba_cpu.vector.elementary import exp
from kernels.numba_cpu.vector.losses import cross_entropy
from kernels.numba_cpu.vector.operators import absolute


class Places(NamedTuple):
    """Rows and columns of the surface where the points of ascending axes belong."""

    rows: np.ndarray
    columns: np.ndarray


@inlined
def loss_of_margin(margin, smoothing):
    """The cross-entropy of a sample by its own logarithm, for one whose factor no product can hold."""
    return cross_entropy(margin, exp(-absolute(margin)), smoothing)


@subroutine
def tile_accumulator(sums, tile, cells):
    """The sums that a tile has so far, or room for them if there is none to keep."""
    return sums[tile] if sums.size > 0 else np.empty(cells)


@subroutine
def step_between(places):
    """How far each place is from the one before it, or 0 where that is not always the same."""
    step = places[1] - places[0] if places.size > 1 else 0
    for k in range(1, places.size):
        if places[k] - places[k - 1] != step:
            return 0
    return step
