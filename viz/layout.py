"""Figures that make room for what is in them, and leave the layout to whoever asks for another."""

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


class YieldingLayout(PlaceHolderLayoutEngine):
    """Constrained layout until `tight_layout`, `subplots_adjust` or another engine takes over.

    Matplotlib's own warns of the first two, and goes on or stays. It takes only a placeholder to be replaced silently.
    """

    def __init__(self):
        super().__init__(adjust_compatible=True, colorbar_gridspec=True)
        self._constrained = ConstrainedLayoutEngine()
        self._as_found = vars(SubplotParams())

    def set(self, **pads):
        self._constrained.set(**pads)

    def execute(self, fig):
        if vars(fig.subplotpars) == self._as_found:
            self._constrained.execute(fig)


def new_figure(width, height, *, rows=1, columns=1, **subplots):
    """A pyplot figure of that size in inches, larger where the style writes larger, and its Axes."""
    scale = text_scale()
    size = scale * width, scale * height
    return plt.subplots(rows, columns, figsize=size, layout=YieldingLayout(), **subplots)


def text_scale():
    """How much larger than matplotlib's default the style writes, at least 1."""
    return max(1.0, *(points(name) / usual for name, usual in FONT_SIZES.items()))


def points(name):
    """A font size of `rcParams` in points."""
    return FontProperties(size=mpl.rcParams[name]).get_size_in_points()


def is_laid_out(ax):
    """Whether the figure of an Axes has an engine that makes room beside it."""
    engine = ax.figure.get_layout_engine()
    return engine is not None and type(engine) is not PlaceHolderLayoutEngine


def root_figure(ax):
    """The figure that an Axes is in, also where it is in a subfigure of it: only that can be saved."""
    return ax.figure.figure
