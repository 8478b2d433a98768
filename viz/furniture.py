"""What belongs to every drawing: keywords of users, its colour bar, and how it replaces an earlier one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import matplotlib.pyplot as plt
from matplotlib.cbook import normalize_kwargs
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from viz.colors import make_legible
from viz.layout import root_figure, scale_of
from viz.words import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar

    from viz.results import Keywords

BAR = 0.28, 0.21  # inches from the Axes to its colour bar, and its width

drawn_on: WeakKeyDictionary[Axes, dict[str, list[ref[Artist]]]] = WeakKeyDictionary()  # {ax: {name: what was drawn}}


@contextmanager
def drawing(ax: Axes, name: str, own: bool = False) -> Iterator[None]:
    """What is added to `ax` in this context takes the place of what was added there before in one of the same name.

    An error leaves nothing of it there, and closes the figure if that is our `own`.
    """
    earlier = drawn_on.setdefault(ax, {})
    remove(ax, [artist() for artist in earlier.pop(name, ())])
    there = set(ax.get_children())
    try:
        yield
    except BaseException:
        remove(ax, [artist for artist in ax.get_children() if artist not in there])
        if own:
            plt.close(root_figure(ax))
        raise
    earlier[name] = [ref(artist) for artist in ax.get_children() if artist not in there]


def is_drawn(ax: Axes, name: str) -> bool:
    """Whether something that was drawn in that name is still there."""
    return not set(ax.get_children()).isdisjoint(artist() for artist in drawn_on.get(ax, {}).get(name, ()))


def add_colorbar(ax: Axes, mappable: ScalarMappable, label: str, beyond: float = 0.0, **ticks: Any) -> Colorbar:
    """The colour bar at the right of an Axes and of what reaches so many inches beyond, in an inset of it, which any
    layout engine can handle."""
    figure, scale = root_figure(ax), scale_of(ax)
    right_edge = ScaledTranslation(1, 0, ax.transAxes)  # type: ignore[arg-type]  # it is affine
    inches = figure.dpi_scale_trans + right_edge
    distance, width = BAR[0] * scale, BAR[1] * scale
    place = ax.inset_axes(
        (distance + max(beyond, 0.0), 0, width, 1), transform=blended_transform_factory(inches, ax.transAxes)
    )
    colorbar = figure.colorbar(mappable, cax=place, label=shown(label), **ticks)
    colorbar.minorticks_off()
    make_legible(place, beside=ax)
    return colorbar


def styled(kind: type[Artist], ours: Mapping[str, Any], given: Keywords) -> dict[str, Any]:
    """Keywords of a kind of artist, in which what the user has given wins over ours, whichever of its names it has."""
    return normalize_kwargs(dict(ours), kind) | normalize_kwargs(dict(given or {}), kind)


def remove(ax: Axes, artists: list[Artist | None]) -> None:
    """Takes off what is still there, the last first: a colour bar before what it explains."""
    there = set(ax.get_children())
    for artist in reversed(artists):
        if artist in there:
            artist.remove()
