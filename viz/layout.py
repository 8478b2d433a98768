"""Figures that make room for what is in them, and leave the layout to whoever asks for another."""

from weakref import WeakSet

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import SubplotParams
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine, PlaceHolderLayoutEngine

FONT_SIZES = {  # in points, what the sizes of our figures are for
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.titlesize": 12,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
}
KEPT = 0.85  # of its width, by an Axes that gives room to its colour bar
narrowed: WeakSet = WeakSet()


class YieldingLayout(PlaceHolderLayoutEngine):
    """Constrained layout until `tight_layout`, `subplots_adjust` or another engine takes over.

    Matplotlib's own warns of the first two, and goes on or stays. It takes only a placeholder to be replaced silently.
    """

    def __init__(self):
        super().__init__(adjust_compatible=True, colorbar_gridspec=True)
        self.constrained = ConstrainedLayoutEngine()
        self.as_found = vars(SubplotParams())

    def set(self, **pads):
        self.constrained.set(**pads)

    def execute(self, fig):
        if vars(fig.subplotpars) == self.as_found:
            self.constrained.execute(fig)
            return
        for ax in fig.axes:
            if ax.child_axes:
                narrow(ax)


def new_figure(width, height, *, rows=1, columns=1, **subplots):
    """A pyplot figure of that size in inches, larger where the style writes larger, and its Axes."""
    return plt.subplots(rows, columns, figsize=scaled(width, height), layout=YieldingLayout(), **subplots)


def scaled(width, height):
    """The size of a figure, larger by as much as the style writes larger than matplotlib's default."""
    scale = max(1.0, *(points(name) / usual for name, usual in FONT_SIZES.items()))
    return scale * width, scale * height


def points(name):
    """A font size of `rcParams` in points."""
    return FontProperties(size=mpl.rcParams[name]).get_size_in_points()


def make_room(ax):
    """Room for a colour bar beside an Axes: of its own width where its figure has no layout engine that makes room."""
    engine = ax.figure.get_layout_engine()
    if engine is None or type(engine) is PlaceHolderLayoutEngine:
        narrow(ax)


def narrow(ax):
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


def root_figure(ax):
    """The figure that an Axes is in, also where it is in a subfigure of it: only that can be saved."""
    return ax.figure.figure
