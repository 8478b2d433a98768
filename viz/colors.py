"""Colours that can be seen on what lies under them, whatever the style: contrast is that of WCAG 2.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from matplotlib.colors import to_rgb, to_rgba

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import ColorType
    from numpy.typing import ArrayLike

RGB: TypeAlias = tuple[float, float, float]

TEXT, LINE = 4.5, 3.0  # least contrast
BLACK_AND_WHITE = np.array([(0.0, 0.0, 0.0), (1.0, 1.0, 1.0)])


def luminance(colors: ArrayLike) -> np.ndarray:
    """Relative luminance of sRGB colours (..., 3)."""
    colors = np.asarray(colors, float)
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


def contrast(colors: ArrayLike, others: ArrayLike) -> np.ndarray:
    """Contrast of sRGB colours (..., 3), from 1 to 21."""
    one, other = luminance(colors) + 0.05, luminance(others) + 0.05
    return np.maximum(one, other) / np.minimum(one, other)


def visible(color: ColorType, ground: ArrayLike, least: float) -> RGB:
    """`color`, or where its contrast to `ground` is too small the nearest to it on the way to black or white.

    `ground` is a colour or several (k, 3), of which the worst counts.
    """
    color, ground = to_rgb(color), np.atleast_2d(ground)
    for share in np.linspace(0, 1, 51):
        mixed = (1 - share) * np.array(color) + share * BLACK_AND_WHITE
        worst = contrast(mixed[:, None], ground).min(axis=1)
        if worst.max() >= least:
            return tuple(mixed[worst.argmax()].tolist())
    return ink(ground)


def ink(ground: ArrayLike) -> RGB:
    """Black or white, whichever has more contrast to a colour, or to the worst of several (k, 3)."""
    return to_rgb(BLACK_AND_WHITE[contrast(BLACK_AND_WHITE[:, None], np.atleast_2d(ground)).min(axis=1).argmax()])


def under(ax: Axes) -> np.ndarray:
    """The colour under what is written beside an Axes.

    Where the figure is transparent, that which the style's labels are for: dark under light ones.
    """
    base = BLACK_AND_WHITE[int(luminance(to_rgb(ax.xaxis.label.get_color())) < 0.5)]
    root = ax.figure.figure
    return blend(ax.figure.get_facecolor(), blend(root.get_facecolor(), base))


def inside(ax: Axes) -> np.ndarray:
    """The colour under what is drawn in an Axes, on the panes of one in three dimensions."""
    ground = blend(ax.get_facecolor(), under(ax))
    return blend(ax.zaxis.pane.get_facecolor(), ground) if hasattr(ax, "zaxis") else ground


def mixtures(color: ColorType, alpha: float) -> np.ndarray:
    """What a colour can look like that lets some of what is under it through (2, 3)."""
    return (1 - alpha) * BLACK_AND_WHITE + alpha * np.array(to_rgb(color))


def make_legible(ax: Axes, beside: Axes | None = None) -> None:
    """Title, labels and tick labels in the style's colours, or as near to these as can be read; those of a colour bar
    `beside` an Axes too where that is under them."""
    ground = [under(ax)]
    for wide in (ax, beside):  # in three dimensions labels are inside, and the ground may be as wide as the cell
        if wide is not None and hasattr(wide, "zaxis"):
            ground.append(blend(wide.get_facecolor(), ground[0]))
    axes = [getattr(ax, name) for name in ("xaxis", "yaxis", "zaxis") if hasattr(ax, name)]
    for text in (ax.title, *(axis.label for axis in axes)):
        text.set_color(visible(text.get_color(), ground, TEXT))
    for axis in axes:
        color = visible(axis.get_major_ticks(1)[0].label1.get_color(), ground, TEXT)
        axis.set_tick_params(which="both", labelcolor=color)
        axis.get_offset_text().set_color(color)


def blend(color: ColorType, ground: np.ndarray) -> np.ndarray:
    *rgb, alpha = to_rgba(color)
    return alpha * np.array(rgb) + (1 - alpha) * np.asarray(ground)
