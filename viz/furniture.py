"""What stands on or beside a drawing: its colour bar, its legend, its note; and how it replaces an earlier one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from viz.colors import TEXT, make_legible, mixtures, visible
from viz.layout import make_room, points, root_figure
from viz.words import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.text import Annotation

BAR = 0.28, 0.21  # inches from the Axes to its colour bar, and its width

drawn_on: WeakKeyDictionary[Axes, dict[str, list[ref[Artist]]]] = WeakKeyDictionary()  # {ax: {name: what was drawn}}


@contextmanager
def drawing(ax: Axes, name: str) -> Iterator[None]:
    """What is added to `ax` in this context takes the place of what was added there before in one of the same name."""
    earlier = drawn_on.setdefault(ax, {})
    remove(ax, [artist() for artist in earlier.pop(name, ())])
    there = set(ax.get_children())
    try:
        yield
    finally:
        earlier[name] = [ref(artist) for artist in ax.get_children() if artist not in there]


def add_colorbar(ax: Axes, mappable: ScalarMappable, label: str, **ticks: Any) -> Colorbar:
    """The colour bar at the right of an Axes, in an inset of it, which any layout engine can handle."""
    make_room(ax)
    figure = root_figure(ax)
    right_edge = ScaledTranslation(1, 0, ax.transAxes)  # type: ignore[arg-type]  # it is affine
    inches = figure.dpi_scale_trans + right_edge
    place = ax.inset_axes((BAR[0], 0, BAR[1], 1), transform=blended_transform_factory(inches, ax.transAxes))
    colorbar = figure.colorbar(mappable, cax=place, label=shown(label), **ticks)
    make_legible(place)
    return colorbar


def add_note(ax: Axes, text: str, **placement: Any) -> Annotation | None:
    """A sentence in a corner of an Axes, None if it is empty."""
    if not text:
        return None
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    style: dict[str, Any] = {"xycoords": "axes fraction", "fontsize": small(), "color": "black", "zorder": 13}
    return ax.annotate(shown(text), bbox=box, **style, **placement)


def add_legend(owner: Axes | Figure, **options: Any) -> Legend:
    """The legend of an Axes or a figure, on a ground of its own."""
    legend = owner.legend(fontsize=small(), frameon=True, **options)
    frame = legend.get_frame()
    alpha = frame.get_alpha()
    ground = mixtures(frame.get_facecolor()[:3], 1 if alpha is None else alpha)
    for text in legend.get_texts():
        text.set(text=shown(text.get_text()), color=visible(text.get_color(), ground, TEXT))
    return legend


def small() -> float:
    """The size of letters in legends and notes, in points."""
    return 0.833 * points("legend.fontsize")


def remove(ax: Axes, artists: list[Artist | None]) -> None:
    """Takes off what is still there, the last first: a colour bar before what it explains."""
    there = set(ax.get_children())
    for artist in reversed(artists):
        if artist in there:
            artist.remove()
