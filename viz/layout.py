"""Figures that make room for what is in them, and leave the layout to whoever asks for another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure, SubplotParams
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine, PlaceHolderLayoutEngine

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

FONT_SIZES: dict[RcKeyType, float] = {  # in points, what the sizes of our figures are for
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.titlesize": 12,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
}
KEPT = 0.85  # of its width, by an Axes that gives room to its colour bar
narrowed: WeakSet[Axes] = WeakSet()


class YieldingLayout(PlaceHolderLayoutEngine):
    """Constrained layout until `tight_layout`, `subplots_adjust` or another engine takes over.

    Matplotlib's own warns of the first two, and goes on or stays. It takes only a placeholder to be replaced silently.
    """

    def __init__(self) -> None:
        super().__init__(adjust_compatible=True, colorbar_gridspec=True)
        self.constrained = ConstrainedLayoutEngine()
        self.as_found = vars(SubplotParams())

    def set(self, **pads: Any) -> None:
        self.constrained.set(**pads)

    def execute(self, fig: Figure) -> None:
        if vars(fig.subplotpars) == self.as_found:
            self.constrained.execute(fig)
            return
        for ax in fig.axes:
            if ax.child_axes:
                narrow(ax)


def new_figure(width: float, height: float, *, rows: int = 1, columns: int = 1, **subplots: Any) -> tuple[Figure, Any]:
    """A pyplot figure of that size in inches, larger where the style writes larger, and its Axes."""
    return plt.subplots(rows, columns, figsize=scaled(width, height), layout=YieldingLayout(), **subplots)


def scaled(width: float, height: float) -> tuple[float, float]:
    """The size of a figure, larger by as much as the style writes larger than matplotlib's default."""
    scale = max(1.0, *(points(name) / usual for name, usual in FONT_SIZES.items()))
    return scale * width, scale * height


def points(name: RcKeyType) -> float:
    """A font size of `rcParams` in points."""
    return FontProperties(size=mpl.rcParams[name]).get_size_in_points()


def make_room(ax: Axes) -> None:
    """Room for a colour bar beside an Axes: of its own width where its figure has no layout engine that makes room."""
    engine = ax.figure.get_layout_engine()
    if engine is None or type(engine) is PlaceHolderLayoutEngine:
        narrow(ax)


def narrow(ax: Axes) -> None:
    """Once, and for good, takes some of its width from an Axes."""
    if ax in narrowed:
        return
    narrowed.add(ax)
    place = ax.get_subplotspec()
    if place is None:
        box = ax.get_position(original=True)
        ax.set_position((box.x0, box.y0, KEPT * box.width, box.height))
    else:
        ax.set_subplotspec(place.subgridspec(1, 2, wspace=0, width_ratios=(KEPT, 1 - KEPT))[0])


def root_figure(ax: Axes) -> Figure:
    """The figure that an Axes is in, also where it is in a subfigure of it: only that can be saved."""
    return ax.figure.figure
