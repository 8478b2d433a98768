"""The quantities of a surface, a row each, and the Surface that holds them."""

import math
from typing import NamedTuple

from kernels.kinds import Array
from kernels.results import Plan


class Quantity(NamedTuple):
    """What belongs to every point of a grid: a mean over the samples.

    name        as users ask for it; that of the Surface's field
    title       in words, for pictures
    lead        the axes before those of the grid
    smooth      whether it can be interpolated; else it is counted, exactly
    derivative  of the loss in s and t, of which order; 0 for the loss itself, None for what isn't of the loss that was
                chosen, and stays what it is whatever the weight of the positive class
    floor       what it is never below
    balanced    whether both classes have the same weight in it, however many their samples
    """

    name: str
    title: str
    lead: tuple[int, ...]
    smooth: bool
    derivative: int | None
    floor: float
    balanced: bool = False

    @property
    def components(self) -> int:
        return math.prod(self.lead)

    @property
    def of_loss(self) -> bool:
        return self.derivative is not None


ROWS = (
    Quantity("loss", "loss", (), True, 0, 0.0),
    Quantity("mse", "mean squared error", (), True, None, 0.0),
    Quantity("accuracy", "accuracy", (), False, None, 0.0),
    Quantity("balanced_accuracy", "balanced accuracy", (), False, None, 0.0, True),
    Quantity("gradient", "gradient", (2,), True, 1, -math.inf),
    Quantity("hessian", "Hessian", (3,), True, 2, -math.inf),
)
QUANTITIES = {row.name: row for row in ROWS}


class Asked(NamedTuple):
    """Names of quantities, and that of the loss that these are of."""

    names: tuple[str, ...]
    loss: str

    @property
    def smooth(self) -> "Asked":
        """Those of them that can be interpolated."""
        return Asked(tuple([name for name in self.names if QUANTITIES[name].smooth]), self.loss)


class Surface(NamedTuple):
    """Quantities over the grid (nt, ns), row = t; those that were not asked for are None.

    s, t               the axes (ns,), (nt,), float64
    loss               mean of the loss that was chosen (nt, ns)
    mse                mean of (sigmoid(z) - y)^2 (nt, ns)
    accuracy           share of samples classified correctly (nt, ns)
    balanced_accuracy  mean over the classes of the share of their samples classified correctly (nt, ns)
    gradient           of the loss with respect to s and t (2, nt, ns)
    hessian            of the loss as ss, st, tt (3, nt, ns)
    plan               how it was evaluated
    """

    s: Array
    t: Array
    loss: Array | None = None
    mse: Array | None = None
    accuracy: Array | None = None
    balanced_accuracy: Array | None = None
    gradient: Array | None = None
    hessian: Array | None = None
    plan: Plan | None = None
