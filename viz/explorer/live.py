"""A figure that is drawn many times a second: what moves, over a picture of what doesn't."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase


class Part(NamedTuple):
    """Artists that are drawn again only where one has changed, and the box that is theirs alone, in shares of the
    figure."""

    artists: tuple[Artist, ...]
    box: Bbox

    @property
    def is_stale(self) -> bool:
        return any(artist.stale for artist in self.artists)

    def draw(self, renderer: RendererBase) -> None:
        for artist in self.artists:
            artist.draw(renderer)


def box_around(ax: Axes, left: float, below: float, right: float, above: float) -> Bbox:
    """An Axes with its labels, which reach so far, in shares of the figure."""
    x0, y0, x1, y1 = ax.get_position().extents
    return Bbox.from_extents(x0 - left, y0 - below, x1 + right, y1 + above)


class LiveFigure(Figure):
    """A figure in three layers, of which only the last is drawn each time: what stays, as long as nothing of it changes
    and the size is the same; parts that change seldom; and what moves.

    `canvas.draw_idle()` is all that a change needs: windows and browsers ask for as many pictures as they can show.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parts: list[Part] = []
        self.moving: list[Artist] = []
        self.kept_by: Any = None  # the renderer of the copies
        self.kept: Any = None  # a copy without what moves
        self.under: list[Any] = []  # copies of what is under each part

    def part(self, *artists: Artist, box: Bbox) -> None:
        """Draws artists by themselves, in a box of theirs."""
        self.parts.append(Part(artists, box))
        for artist in artists:
            artist.set_animated(True)

    def move(self, *artists: Artist) -> None:
        """Draws artists, from the back to the front, each time: changes of theirs are none of the rest."""
        self.moving += artists
        for artist in artists:
            artist.set_animated(True)

    def draw(self, renderer: Any) -> None:
        if self.canvas.is_saving():
            self.draw_in_file(renderer)
            return
        if renderer is not self.kept_by or self.stale:
            super().draw(renderer)
            self.under = [renderer.copy_from_bbox(part.box.transformed(self.transFigure)) for part in self.parts]
            self.draw_parts(renderer, self.parts)
            self.kept_by, self.kept = renderer, renderer.copy_from_bbox(self.bbox)
        else:
            self.restore(renderer)
        for artist in self.moving:
            artist.draw(renderer)
        self.stale = False

    def draw_in_file(self, renderer: RendererBase) -> None:
        """Draws everything once, as on a screen: into a file axes draw what moves, too, unless it can't be seen."""
        was_stale, moving = self.stale, [artist for artist in self.moving if artist.get_visible()]
        for artist in moving:
            artist.set_visible(False)
        super().draw(renderer)
        self.draw_parts(renderer, self.parts)
        for artist in moving:
            artist.set_visible(True)
            artist.draw(renderer)
        self.stale = was_stale

    def restore(self, renderer: Any) -> None:
        """Draws the copy, and again those parts that have changed since it was made."""
        renderer.restore_region(self.kept)
        changed = [(part, under) for part, under in zip(self.parts, self.under, strict=True) if part.is_stale]
        for _, under in changed:
            renderer.restore_region(under)
        self.draw_parts(renderer, [part for part, _ in changed])
        if changed:
            self.kept = renderer.copy_from_bbox(self.bbox)

    def draw_parts(self, renderer: RendererBase, parts: list[Part]) -> None:
        for part in parts:
            part.draw(renderer)
