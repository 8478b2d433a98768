"""What the steps of a run have: rates, parameters, and a record of them.

Kernels of short runs are given plain tuples in the order of these classes. Numba takes 2 to 3 us to see what a named
tuple from Python is (0.68, on a Xeon at 2.5 GHz); a run of the lab takes 100, a shuffled run a launch for every epoch.
"""

from typing import NamedTuple

import numpy as np

from kernels.numba_cpu.runtime.subroutine import inlined


class Rates(NamedTuple):
    """The learning rate, the momentum, the weight decay, and the largest loss or parameter allowed."""

    lr: float
    momentum: float
    decay: float
    largest: float


class Steps(NamedTuple):
    """The steps [first, last) of a run, the first from the row `begin`."""

    begin: int
    first: int
    last: int
    batch_size: int


class State(NamedTuple):
    """Parameters (w, b), padded, and the velocity (d + 1,) of the last step taken; float64."""

    theta: np.ndarray
    velocity: np.ndarray


class Record(NamedTuple):
    """Parameters after `every` so many steps, none for 0, and the loss before: w (k, d), b (k,), loss (k,)."""

    every: int
    w: np.ndarray
    b: np.ndarray
    loss: np.ndarray


@inlined
def next_record(first, every):
    """Of the steps from `first`: the place in the record of the next one that is recorded, and how many until then."""
    return (first // every, every - first % every) if every > 0 else (0, 0)
