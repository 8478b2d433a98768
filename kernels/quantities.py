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

    Attributes
    ----------
    s, t : array or tensor (ns,) and (nt,), float64
        The axes.
    loss : array or tensor (nt, ns)
        Mean of the loss that was chosen.
    mse : array or tensor (nt, ns)
        Mean of (sigmoid(z) - y)².
    accuracy : array or tensor (nt, ns)
        Share of samples classified correctly.
    balanced_accuracy : array or tensor (nt, ns)
        Mean over the classes of the share of their samples classified correctly.
    gradient : array or tensor (2, nt, ns)
        Of the loss with respect to s and t.
    hessian : array or tensor (3, nt, ns)
        Of the loss as ss, st, tt.
    plan : Plan
        How it was evaluated.

    See Also
    --------
    surface_on_plane : returns it

    Examples
    --------
    >>> from kernels import LogitPlane, surface_on_plane
    >>> plane = LogitPlane([0.0, 0.0], [1.0, -1.0], [1.0, 1.0])
    >>> surface = surface_on_plane(plane, [1, 0], s=[0.0, 1.0], t=[0.0], quantities=("loss", "gradient"))
    >>> surface.loss.shape, surface.gradient.shape, surface.hessian is None
    ((1, 2), (2, 1, 2), True)
    >>> surface.gradient[:, 0, 0].tolist()
    [-0.5, 0.0]
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
