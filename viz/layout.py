"""Figures that make room for what is in them, and leave the layout to whoever asks for another."""

from __future__ import annotations

from textwrap import wrap
from types import NoneType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure, SubplotParams
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine, PlaceHolderLayoutEngine
from matplotlib.transforms import Bbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.gridspec import SubplotSpec
    from matplotlib.text import Text
    from matplotlib.typing import RcKeyType

USUAL = 6.4, 4.8  # inches of an Axes and what is around it, for which marks and lines have their sizes
SMALLEST = 0.5  # share of these sizes below which marks can't be told apart; chosen by eye
WITHIN_MARGINS = 0.8  # share of its cell that an Axes has by itself, where no grid says it
ROUNDS = 4  # until what goes by the size of labels in three dimensions settles, which go by what is left to them
PAD = 1 / 24  # inches from the edge of the picture, as constrained layout has it
LEAST = 0.1  # share of its cell that an Axes keeps, whatever is around it
MOST_LINES = 4  # of a label that is broken; a longer one has smaller letters
furnished: WeakKeyDictionary[Axes, list[ref[Axes]]] = WeakKeyDictionary()  # what is beside or under which, and twins


class YieldingLayout(PlaceHolderLayoutEngine):
    """Constrained layout until `tight_layout`, `subplots_adjust` or another engine takes over.

    Matplotlib's own warns of the first two, and goes on or stays. It takes only a placeholder to be replaced silently.
    """

    def __init__(self) -> None:
        super().__init__(adjust_compatible=True, colorbar_gridspec=True)
        self.constrained = ConstrainedLayoutEngine()
        self.as_left = vars(SubplotParams())

    def set(self, **pads: Any) -> None:
        self.constrained.set(**pads)

    def execute(self, fig: Figure) -> None:
        if vars(fig.subplotpars) == self.as_left:
            solid = [ax for ax in fig.axes if hasattr(ax, "zaxis")]
            for _ in range(ROUNDS if solid else 1):
                self.constrained.execute(fig)
            for ax in solid:
                ax.apply_aspect()  # which is too late for the ground when it is drawn
            write_down(fig)
            self.as_left = dict(vars(fig.subplotpars))
            return
        for ax in fig.axes:
            if ax in furnished:
                keep_in_cell(tuple(one for one in (other() for other in furnished[ax]) if one is not None))


def write_down(figure: Figure) -> None:
    """Gives a figure that is a regular grid of Axes the parameters of where these are, by which `tight_layout` goes."""
    places = {ax.get_subplotspec(): ax.get_position(original=True) for ax in figure.axes}
    grid, *others = {None if place is None else place.get_gridspec() for place in places}
    if others or grid is None or len(places) != grid.nrows * grid.ncols:
        return
    boxes = list(places.values())
    whole = Bbox.union(boxes)
    figure.subplotpars.update(left=whole.x0, right=whole.x1, bottom=whole.y0, top=whole.y1)
    if grid.ncols > 1:
        figure.subplotpars.update(wspace=gap_of(whole.width, [box.width for box in boxes], grid.ncols))
    if grid.nrows > 1:
        figure.subplotpars.update(hspace=gap_of(whole.height, [box.height for box in boxes], grid.nrows))


def gap_of(whole: float, sizes: list[float], number: int) -> float:
    """The gap between so many Axes in a row, in units of their mean size."""
    return (whole * len(sizes) / sum(sizes) - number) / (number - 1)


class Cell:
    """A locator, as matplotlib calls it: where Axes of one place are, so that what is beside and under them stays in
    their cell."""

    def __init__(self, axes: tuple[Axes, ...]) -> None:
        self.axes = axes

    def __call__(self, ax: Axes, renderer: RendererBase | None) -> Bbox:
        if ax is not self.axes[0]:
            return self.axes[0].get_position()
        outer, labels = (Bbox.union(boxes) for boxes in zip(*self.boxes(renderer), strict=True))
        inner, to_figure = ax.get_position(original=True), ax.figure.transSubfigure.inverted()
        outer, labels = outer.transformed(to_figure), labels.transformed(to_figure)
        pad, picture = PAD * root_figure(ax).dpi, ax.figure.bbox
        left = max(0.0, pad / picture.width - min(outer.x0, labels.x0))
        right = max(0.0, outer.x1 - inner.x1)
        below = max(labels.y0 - outer.y0, pad / picture.height - outer.y0)
        width = max(inner.width - left - right, LEAST * inner.width)
        height = max(inner.height - below, LEAST * inner.height)
        return Bbox.from_bounds(inner.x0 + left, inner.y1 - height, width, height)

    def boxes(self, renderer: RendererBase | None) -> Iterator[tuple[Bbox, Bbox]]:
        """Of each Axes, in pixels: what is around it, and it with its label, where these were without the locator."""
        for ax in self.axes:
            around = ax.get_tightbbox(renderer, call_axes_locator=False, for_layout_only=True)
            label = ax.xaxis.get_tightbbox(renderer)
            boxes = [box for box in (ax.bbox, label) if box is not None]
            yield ax.bbox if around is None else around, Bbox.union(boxes)

    def get_subplotspec(self) -> SubplotSpec | None:
        return self.axes[0].get_subplotspec()


def new_figure(*, rows: int = 1, columns: int = 1, **subplots: Any) -> tuple[Figure, Any]:
    """A pyplot figure with its Axes, each as large as the style has figures."""
    return plt.subplots(rows, columns, figsize=size_of(rows, columns), layout=YieldingLayout(), **subplots)


def size_of(rows: int, columns: int) -> tuple[float, float]:
    """Width and height in inches of a figure of so many Axes, each as large as the style has figures."""
    width, height = mpl.rcParams["figure.figsize"]
    return columns * width, rows * height


def points(name: RcKeyType) -> float:
    """A font size of `rcParams` in points."""
    return FontProperties(size=mpl.rcParams[name]).get_size_in_points()


def make_room(*axes: Axes) -> None:
    """Room for what is beside and under Axes of one place: their own where no layout engine makes room."""
    furnished[axes[0]] = [ref(ax) for ax in axes]
    engine = axes[0].figure.get_layout_engine()
    if engine is None or type(engine) is PlaceHolderLayoutEngine:
        keep_in_cell(axes)


def keep_in_cell(axes: tuple[Axes, ...]) -> None:
    """Sets a `Cell`, unless they have locators of others."""
    if all(isinstance(ax.get_axes_locator(), (NoneType, Cell)) for ax in axes):
        for ax in axes:
            ax.set_axes_locator(Cell(axes))  # type: ignore[arg-type]  # of an Axes


def cell_of(ax: Axes) -> tuple[float, float]:
    """Width and height in inches of what an Axes has of its figure, with what is around it."""
    figure, place = ax.figure, ax.get_subplotspec()
    if place is None:
        box, across, up = ax.get_position(original=True), 1 / WITHIN_MARGINS, 1 / WITHIN_MARGINS
    else:
        grid = place.get_topmost_subplotspec().get_gridspec()
        margins: Any = grid.get_subplot_params(figure)  # type: ignore[arg-type]  # a subfigure will do
        gaps = 1 + margins.wspace * (1 - 1 / grid.ncols), 1 + margins.hspace * (1 - 1 / grid.nrows)
        across, up = gaps[0] / (margins.right - margins.left), gaps[1] / (margins.top - margins.bottom)
        box = place.get_position(figure)  # type: ignore[arg-type]  # that of a subfigure will do
    width, height = min(1.0, across * box.width), min(1.0, up * box.height)
    return width * figure.bbox.width / root_figure(ax).dpi, height * figure.bbox.height / root_figure(ax).dpi


def scale_of(ax: Axes) -> float:
    """How large marks and lines are to be in an Axes, beside those of one of `USUAL` size or larger."""
    width, height = cell_of(ax)
    return min(1.0, max(SMALLEST, min(width / USUAL[0], height / USUAL[1])))


def fit(text: Text, inches: float) -> None:
    """Breaks the lines of a text that are longer than that, where they have spaces; of a text that is longer still the
    letters are smaller."""
    lines = text.get_text().split("\n")
    text.set_text("\n".join([fitted(text, line, inches) for line in lines]))
    while (length := length_of(text)) > inches:  # letters have whole pixels
        text.set_fontsize(min(inches / length, 0.95) * float(text.get_fontsize()))


def fitted(text: Text, line: str, inches: float) -> str:
    """A line, broken into as few as have room, which `text` is given on the way."""
    for parts in range(1, MOST_LINES + 1):
        broken = evenly_broken(line, parts)
        text.set_text(broken)
        if length_of(text) <= inches:
            break
    return broken


def evenly_broken(line: str, parts: int) -> str:
    """A line in at most so many parts, of which the longest is as short as can be."""
    letters = -(-len(line) // parts)
    while len(broken := wrap(line, max(letters, 1), break_long_words=False, break_on_hyphens=False)) > parts:
        letters += 1
    return "\n".join(broken)


def length_of(text: Text) -> float:
    """The length in inches of a text that isn't turned, its longest line's."""
    turned: Any = text.get_rotation()
    text.set_rotation(0)
    length = text.get_window_extent().width / root_figure(text).dpi
    text.set_rotation(turned)
    return length


def root_figure(artist: Artist) -> Figure:
    """The figure that an artist is in, also where it is in a subfigure of it: only that can be saved."""
    return artist.figure.figure
