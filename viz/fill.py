"""Fills two-dimensional axes with a quantity: contours at log-spaced levels, cells of shares, lines of descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.collections import QuadMesh
from matplotlib.colors import BoundaryNorm, LogNorm, Normalize
from matplotlib.contour import ContourSet
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from viz.furniture import styled
from viz.inputs import finite_array
from viz.layout import scale_of
from viz.words import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.streamplot import StreamplotSet

    from viz.inputs import Grid
    from viz.results import Keywords

CMAP = "viridis"
LEVELS = 25  # of contours; chosen by eye: bands narrow enough to show a valley, wide enough to be told apart
DEEPEST = 1e-9  # the lowest level, relative to the highest value


def log_levels(Z: np.ndarray, number: int = LEVELS) -> np.ndarray:
    """So many increasing, log-spaced levels from the lowest positive value of Z, or `DEEPEST`, to the highest.

    Around the value if Z is constant, around 1 if it is zero.
    """
    high = Z.max() if Z.max() > 1e-200 else 1.0
    low = max(Z.min(where=Z > 0, initial=high), high * DEEPEST)
    if high <= low * (1 + 1e-10):
        low, high = low / 2, high * 2
    return np.geomspace(low, high, number)


def colorbar_ticks(low: float, high: float) -> np.ndarray:
    """Round values from `low` to `high`: decades, 1-2-5 steps or equal steps, whichever the range has room for."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    round_values = np.asarray(MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(low, high))
    candidates = powers, np.outer(powers, (1, 2, 5)).ravel(), round_values
    decades, steps, even = (ticks[(low <= ticks) & (ticks <= high)] for ticks in candidates)
    if len(decades) > 3:
        return decades[:: -(-len(decades) // 8)]
    return steps if len(steps) > 2 else even


class Fill(NamedTuple):
    """How axes are to be filled, None what goes by the data: with which colours, for which levels and by which norm,
    and keywords of matplotlib's `contourf` or `pcolormesh`."""

    cmap: str | Colormap | None = None
    levels: int | np.ndarray | None = None
    norm: str | Normalize | None = None
    keywords: Keywords = None

    @property
    def is_log(self) -> bool:
        """Whether colours go by the logarithm."""
        positive = not isinstance(self.levels, np.ndarray) or self.levels[0] > 0
        return positive if self.norm is None else self.norm == "log" or isinstance(self.norm, LogNorm)

    def levels_of(self, Z: np.ndarray) -> np.ndarray:
        """Increasing levels of finite values, as many as are wanted."""
        if isinstance(self.levels, np.ndarray):
            return self.levels
        levels = log_levels(Z, self.levels or LEVELS)
        return levels if self.is_log else np.linspace(levels[0], levels[-1], len(levels))


def read_levels(levels: Any) -> int | np.ndarray | None:
    """Levels as a number of them or as increasing values (k,); ValueError for others."""
    if levels is None:
        return None
    if isinstance(levels, (int, np.integer)) and not isinstance(levels, bool) and levels >= 2:
        return int(levels)
    values = np.zeros(()) if np.ndim(levels) == 0 else finite_array("levels", levels)
    if values.ndim != 1 or len(values) < 2 or (np.diff(values) <= 0).any():
        raise ValueError(f"levels is {levels!r}; accepted: how many, 2 or more, or as many increasing values")
    return values


def draw_contours(ax: Axes, grid: Grid, fill: Fill) -> ContourSet:
    """Filled contours; infinite values are grey."""
    finite = np.isfinite(grid.Z)
    levels = fill.levels_of(grid.Z[finite] if finite.any() else np.ones(1))
    lowest = levels[0] / 2 if levels[0] > 0 else -np.inf
    values = np.where(finite, np.maximum(grid.Z, lowest), levels[-1] * 2)
    below, above = grid.Z.min() < levels[0], grid.Z.max() > levels[-1]
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get((below, above), "neither")
    norm = (LogNorm() if fill.is_log else Normalize()) if fill.norm is None else fill.norm
    ours = {"levels": levels, "norm": norm, "cmap": cmap_of(fill, grey=not finite.all()), "extend": extend}
    return ax.contourf(grid.s, grid.t, values, **ours | dict(fill.keywords or {}))


def draw_cells(ax: Axes, grid: Grid, fill: Fill) -> QuadMesh:
    """One cell of its own colour for each point, as a share is a step function."""
    low, high = grid.Z.min(), grid.Z.max()
    low, high = (low, high) if low < high else (max(low - 0.01, 0), max(high, 0.01))
    cmap, norm = cmap_of(fill), fill.norm
    if fill.levels is None:
        norm = Normalize(low, high) if norm is None else norm
    elif norm is None:
        bounds = fill.levels if isinstance(fill.levels, np.ndarray) else np.linspace(low, high, fill.levels)
        norm = BoundaryNorm(bounds, cmap.N, extend="both" if bounds[0] > low or bounds[-1] < high else "neither")
    ours = {"shading": "nearest", "cmap": cmap, "norm": norm, "rasterized": True}
    return ax.pcolormesh(grid.s, grid.t, grid.Z, **styled(QuadMesh, ours, fill.keywords))


def cmap_of(fill: Fill, grey: bool = False) -> Colormap:
    """The colours of a filling, and grey for what is beyond their upper end."""
    cmap = colormaps.get_cmap(CMAP if fill.cmap is None else fill.cmap)
    return cmap.with_extremes(over="lightgrey") if grey else cmap


def ticks_of(grid: Grid, filled: ContourSet | QuadMesh) -> dict[str, Any]:
    """The ticks of a colour bar: shares in per cent, round values of a logarithmic one; matplotlib's of another."""
    if grid.scale == "share":
        return {"format": percent}
    if not isinstance(filled, ContourSet) or not isinstance(filled.norm, LogNorm):
        return {}
    low, high = np.asarray(filled.levels)[[0, -1]].tolist()
    return {"ticks": colorbar_ticks(low, high), "format": tick_label}


def draw_streams(ax: Axes, grid: Grid, gradient: np.ndarray) -> StreamplotSet:
    """Lines of steepest descent, against gradient (2, nt, ns); the axes of the grid must be evenly spaced."""
    columns, rows = np.argsort(grid.s), np.argsort(grid.t)
    along_s, along_t = -gradient[:, rows][:, :, columns]
    scale = scale_of(ax)
    style: dict[str, Any] = {"color": "white", "linewidth": 0.8 * scale, "arrowsize": 0.9 * scale, "zorder": 3}
    streams = ax.streamplot(grid.s[columns], grid.t[rows], along_s, along_t, density=scale, **style)
    streams.lines.set(path_effects=[withStroke(linewidth=1.8 * scale, foreground="#00000060")])
    return streams


def tick_label(value: float, position: float | None, powers: bool = False) -> str:
    """A number as a formatter of ticks writes it, large and small ones, or all that are, as powers of ten."""
    power = round(np.log10(value))
    if powers and abs(np.log10(value) - power) < 1e-9:
        return f"$10^{{{power}}}$"
    mantissa, _, exponent = f"{value:.{12 if value < 1e6 else 6}g}".partition("e")
    if not exponent:
        return mantissa
    factor = "" if mantissa == "1" else rf"{mantissa}\times"
    return rf"${factor}10^{{{int(exponent)}}}$"
