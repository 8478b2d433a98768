"""Marks at points of the axes: drawn, and what one of them hides told in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from viz.language import said
from viz.layout import root_figure, scale_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from viz.inputs import Grid

MARK, STAR, CROSS = 8, 14, 10  # points


class Mark(NamedTuple):
    """A mark of so many points: what it marks, in words, and where it is, in inches."""

    who: str
    at: complex
    size: float = MARK


def inches_of(ax: Axes, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The lengths (2,) of the units of both axes, which go from the lowest to the highest of s (ns,) and t (nt,)."""
    size = np.array([ax.bbox.width, ax.bbox.height]) / root_figure(ax).dpi
    return size / (np.ptp(s), np.ptp(t))


def place_in(grid: Grid, unit: np.ndarray, s: float, t: float) -> complex:
    """A point in inches from the corner of the window."""
    return complex(*((s, t) - np.array([grid.s.min(), grid.t.min()])) * unit)


def covered(marks: Sequence[Mark], scale: float) -> list[str]:
    """Sentences on which mark hides which, in the order in which they are drawn."""
    return [
        said("{over} covers {under}", over=over.who, under=under.who)
        for k, over in enumerate(marks)
        for under in marks[:k]
        if abs(over.at - under.at) < scale * under.size / 2 / 72
    ]


def draw_minimum(
    ax: Axes, grid: Grid, lowest: tuple[float, float], marks: Sequence[Mark]
) -> tuple[Line2D | None, list[str]]:
    """The star at the lowest point; None where one of the marks is there, and a sentence that says so."""
    inside = all(low < value < high for value, (low, high) in zip(lowest, grid.window, strict=True))
    at = place_in(grid, inches_of(ax, grid.s, grid.t), *lowest)
    there = [mark.who for mark in marks if abs(mark.at - at) < scale_of(ax) * mark.size / 72]
    if there and inside:
        return None, [said("{who} is at the lowest point on this grid", who=there[-1])]
    if there:
        return None, [said("{who} is at the lowest point on this grid, which is at its edge", who=there[-1])]
    label = said("lowest on this grid") if inside else said("lowest on this grid: at its edge, not inside")
    return draw_mark(ax, lowest, "*", "#F0E442", STAR, label), []


def draw_mark(ax: Axes, point: tuple[float, float], marker: str, color: str, size: float, label: str) -> Line2D:
    scale = scale_of(ax)
    style: dict[str, Any] = {"marker": marker, "markersize": scale * size, "color": color, "linestyle": "none"}
    return ax.plot(*point, **style, **edge(scale), clip_on=False, zorder=9, label=label)[0]


def edge(scale: float) -> dict[str, Any]:
    return {"markeredgecolor": "black", "markeredgewidth": scale}
