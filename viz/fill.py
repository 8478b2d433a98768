"""Fills two-dimensional axes with a quantity: contours at log-spaced levels, cells of shares, lines of descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from viz.furniture import add_colorbar
from viz.words import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colorbar import Colorbar
    from matplotlib.contour import ContourSet
    from matplotlib.streamplot import StreamplotSet

    from viz.inputs import Grid

CMAP = colormaps["viridis"].with_extremes(over="lightgrey")
LEVELS = 25  # of contours; chosen by eye: bands narrow enough to show a valley, wide enough to be told apart
DEEPEST = 1e-9  # the lowest level, relative to the highest value


def log_levels(Z: np.ndarray) -> np.ndarray:
    """`LEVELS` increasing, log-spaced levels from the lowest positive value of Z, or `DEEPEST`, to the highest.

    Around the value if Z is constant, around 1 if it is zero.
    """
    high = Z.max() if Z.max() > 1e-200 else 1.0
    low = max(Z.min(where=Z > 0, initial=high), high * DEEPEST)
    if high <= low * (1 + 1e-10):
        low, high = low / 2, high * 2
    return np.geomspace(low, high, LEVELS)


def colorbar_ticks(low: float, high: float) -> np.ndarray:
    """Round values from `low` to `high`: decades, 1-2-5 steps or equal steps, whichever the range has room for."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    round_values = np.asarray(MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(low, high))
    candidates = powers, np.outer(powers, (1, 2, 5)).ravel(), round_values
    decades, steps, even = (ticks[(low <= ticks) & (ticks <= high)] for ticks in candidates)
    if len(decades) > 3:
        return decades[:: -(-len(decades) // 8)]
    return steps if len(steps) > 2 else even


def draw_contours(ax: Axes, grid: Grid) -> tuple[ContourSet, Colorbar]:
    """Filled contours and their colour bar; infinite values are grey, beyond its upper end."""
    finite = np.isfinite(grid.Z)
    levels = log_levels(grid.Z[finite] if finite.any() else np.ones(1))
    positive = np.where(finite, np.maximum(grid.Z, levels[0] / 2), levels[-1] * 2)
    below, above = grid.Z.min() < levels[0], not finite.all()
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get((below, above), "neither")
    contours = ax.contourf(grid.s, grid.t, positive, levels, norm=LogNorm(), cmap=CMAP, extend=extend)
    ticks = colorbar_ticks(levels[0], levels[-1])
    colorbar = add_colorbar(ax, contours, grid.label, ticks=ticks, format=tick_label)
    return contours, colorbar


def draw_cells(ax: Axes, grid: Grid) -> tuple[QuadMesh, Colorbar]:
    """One cell of its own colour for each point, as a share is a step function, and the colour bar in per cent."""
    low, high = grid.Z.min(), grid.Z.max()
    low, high = (low, high) if low < high else (max(low - 0.01, 0), max(high, 0.01))
    cells = ax.pcolormesh(grid.s, grid.t, grid.Z, shading="nearest", cmap=CMAP, vmin=low, vmax=high, rasterized=True)
    return cells, add_colorbar(ax, cells, grid.label, format=percent)


def draw_streams(ax: Axes, grid: Grid, gradient: np.ndarray) -> StreamplotSet:
    """Lines of steepest descent, against gradient (2, nt, ns); the axes of the grid must be evenly spaced."""
    columns, rows = np.argsort(grid.s), np.argsort(grid.t)
    along_s, along_t = -gradient[:, rows][:, :, columns]
    style: dict[str, Any] = {"color": "white", "linewidth": 0.8, "arrowsize": 0.9, "density": 1.0, "zorder": 3}
    streams = ax.streamplot(grid.s[columns], grid.t[rows], along_s, along_t, **style)
    streams.lines.set(path_effects=[withStroke(linewidth=1.8, foreground="#00000060")])
    return streams


def tick_label(value: float, position: int | None) -> str:
    mantissa, _, exponent = f"{value:.{12 if value < 1e6 else 6}g}".partition("e")
    if not exponent:
        return mantissa
    factor = "" if mantissa == "1" else rf"{mantissa}\times"
    return rf"${factor}10^{{{int(exponent)}}}$"
