"""Pictures of a figure in which little moves: what stays is drawn once, and what moves over it for each picture."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.legend import Legend

from viz.foot import Foot

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.typing import ColorType

DPI = 80  # pixels an inch: 1024 x 384 a frame


class Still(FigureCanvasAgg):
    """A canvas of one colour, opaque, that is drawn when it is asked for, and not whenever something changes, as
    pyplot's are."""

    def __init__(self, figure: Figure, ground: ColorType) -> None:
        super().__init__(figure)
        self.ground = to_rgba(ground)

    def draw(self) -> None:
        self.renderer = self.get_renderer()
        np.asarray(self.renderer.buffer_rgba())[:] = np.multiply(self.ground, 255).round()
        self.figure.draw(self.renderer)

    def draw_idle(self, *args: Any, **kwargs: Any) -> None:
        pass


@contextmanager
def studio(figure: Figure, ground: ColorType) -> Iterator[Still]:
    """A figure on a canvas of its own, opaque, of `DPI` whatever `rcParams` say; afterwards it is as it was."""
    canvas, dpi, patch = figure.canvas, figure.dpi, figure.patch
    before = {"facecolor": patch.get_facecolor(), "alpha": patch.get_alpha()}
    try:
        still = Still(figure, ground)  # without a window, whose size would change with the dots per inch
        figure.set_dpi(DPI)
        patch.set(facecolor=ground, alpha=1)
        figure.draw_without_rendering()  # which moves everything to its place
        yield still
    finally:
        patch.set(**before)
        figure.set_dpi(dpi)
        figure.set_canvas(canvas)


def whole_picture(canvas: Still) -> np.ndarray:
    """A picture (height, width, 4), uint8, of which everything is drawn."""
    canvas.draw()
    return np.array(canvas.buffer_rgba())


@contextmanager
def camera(figure: Figure, moving: Collection[Artist], ground: ColorType) -> Iterator[Callable[[], np.ndarray]]:
    """A function that takes a picture (height, width, 4) as `whole_picture` does, to the same bits, as long as only
    `moving` artists have changed since the camera was set up."""
    with studio(figure, ground) as canvas:
        lifted = lifted_out(figure, moving)
        with animated(lifted):
            canvas.draw()
        background = canvas.copy_from_bbox(figure.bbox)

        def picture() -> np.ndarray:
            canvas.restore_region(background)
            for artist in lifted:
                figure.draw_artist(artist)
            return np.array(canvas.buffer_rgba())

        yield picture


def lifted_out(figure: Figure, moving: Collection[Artist]) -> list[Artist]:
    """What moves, and what is drawn after that and may lie over it, in the order in which it is drawn."""
    lifted: list[Artist] = []
    for child in in_order(figure):
        if isinstance(child, Axes) and child not in moving:
            lifted += [artist for artist in from_first(moving, in_order(child)) if not is_apart(artist, child)]
        elif child in moving or (lifted and not isinstance(child, Axes)):
            lifted.append(child)
    return lifted


def in_order(owner: Figure | Axes) -> list[Artist]:
    """What a figure or an Axes draws over its ground, in its order."""
    hidden: set[Artist] = {owner.patch}
    if isinstance(owner, Axes) and not (owner.axison and owner.get_frame_on()):
        hidden |= {*owner.spines.values()}
    if isinstance(owner, Axes) and not owner.axison:
        hidden |= {owner.xaxis, owner.yaxis}
    return sorted((child for child in owner.get_children() if child not in hidden), key=lambda child: child.zorder)


def from_first(moving: Collection[Artist], artists: list[Artist]) -> list[Artist]:
    """Those from the first on that moves."""
    first = next((k for k, artist in enumerate(artists) if artist in moving), len(artists))
    return artists[first:]


def is_apart(artist: Artist, ax: Axes) -> bool:
    """Whether an artist has been drawn beside an Axes, or nothing."""
    beside = isinstance(artist, Legend) and not artist.get_window_extent().overlaps(ax.bbox)
    return beside or isinstance(artist, Foot)


@contextmanager
def animated(artists: list[Artist]) -> Iterator[None]:
    """Artists that aren't drawn with their figure."""
    before = [artist.get_animated() for artist in artists]
    try:
        for artist in artists:
            artist.set_animated(True)
        yield
    finally:
        for artist, value in zip(artists, before, strict=True):
            artist.set_animated(value)
