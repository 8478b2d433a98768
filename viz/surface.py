"""The loss over (w, b), in three dimensions or as contours, with the training path on it."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm
from matplotlib.contour import ContourSet
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.quiver import Quiver
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d import Axes3D

from .inputs import finite_array, flat_axes, read_full_loss, read_path, read_surface, scalar

CMAP = "viridis"
LEVELS = 25
DEEPEST = 1e-9  # the lowest level, relative to the highest loss
SURFACE_LINES, WIREFRAME_LINES = 80, 40
ARROWS = 8
PATH_COLOR = "#D55E00"
ARROW_SIZE = {"units": "inches", "width": 0.03, "headwidth": 6, "headlength": 7, "headaxislength": 6}


class SurfacePlot(NamedTuple):
    """What `plot_surface` drew; what wasn't asked for, or has nothing to show, is None."""

    ax: Axes3D
    surface: Collection
    path: Line2D | None
    start: Line2D | None
    end: Line2D | None
    note: Annotation | None
    legend: Legend | None

    @property
    def figure(self):
        return self.ax.figure


class ContourPlot(NamedTuple):
    """What `plot_contour` drew; what wasn't asked for, or has nothing to show, is None."""

    ax: Axes
    contours: ContourSet
    colorbar: Colorbar
    minimum: Line2D
    path: Line2D | None
    arrows: Quiver | None
    start: Line2D | None
    end: Line2D | None
    window: Rectangle | None
    note: Annotation | None
    legend: Legend

    @property
    def figure(self):
        return self.ax.figure


def plot_surface(surface, history=None, *, wireframe=False, ax=None):
    """Draw the loss as a surface, or a wireframe, over (w, b), with the path of `history` on it.

    `surface` has `w (nw,)`, `b (nb,)`, `Z (nb, nw)`, `loss` ("bce" or "mse") and `minimum (w, b, loss)`. At most 80
    grid lines per side are drawn, both ends included. `history` has `w (steps, 1)`, `b (steps,)`, `start_w`, `start_b`
    and the height of the path: `start_loss` and `full_loss()`, the full-data loss after each step, `(steps,)`. What
    lies outside the grid is left out, with a note. `ax` is a 3-D Axes or None for a new figure.

    Returns `SurfacePlot`. TypeError if `ax` isn't a 3-D Axes or an input lacks an attribute; ValueError for a grid
    smaller than 2 x 2, a negative loss, values that aren't finite, shapes that disagree or more than one weight.
    """
    grid = read_surface(surface)
    path = None if history is None else read_path(history)
    height = None if history is None else read_full_loss(history, path)
    ax = _axes_3d(ax)
    drawn = _draw_wireframe(ax, grid) if wireframe else _draw_surface(ax, grid)
    ax.set(xlabel="weight w", ylabel="bias b", zlabel=grid.label, xlim=_ends(grid.w), ylim=_ends(grid.b))
    if path is None:
        return SurfacePlot(ax, drawn, None, None, None, None, None)
    inside = grid.contains(*path)
    line, start, end = _draw_path(ax, np.where(inside, [*path, height], np.nan), inside)
    note = _note_if_left(ax, path, inside, xy=(0.99, 0.99), ha="right", va="top")
    return SurfacePlot(ax, drawn, line, start, end, note, ax.legend(loc="upper left", fontsize="small"))


def plot_contour(surface, history=None, *, window=None, ax=None):
    """Draw filled contours of the whole grid at log-spaced levels, the grid minimum and the path of `history`.

    `surface` and `history` are as in `plot_surface`; the path has arrows that show its direction, and is clipped to
    the grid, with a note if it leaves. `window=((w0, w1), (b0, b1))` outlines a rectangle. `ax` is a 2-D Axes or None
    for a new figure; the colour bar takes its space from it.

    Returns `ContourPlot`. Raises what `plot_surface` raises, TypeError if `ax` isn't a 2-D Axes, and ValueError if
    `window` isn't two increasing pairs.
    """
    grid = read_surface(surface)
    lowest = [scalar(f"surface.minimum.{name}", getattr(surface.minimum, name)) for name in "wb"]
    path = None if history is None else read_path(history)
    outline = None if window is None else _read_window(window)
    ax = flat_axes(ax)
    contours, colorbar = _draw_contours(ax, grid)
    line = arrows = start = end = note = None
    if path is not None:
        inside = grid.contains(*path)
        line, start, end = _draw_path(ax, np.array(path), inside)
        arrows = _draw_arrows(ax, grid, path)
        note = _note_if_left(ax, path, inside, xy=(0.02, 0.02), ha="left", va="bottom")
    style = {"marker": "*", "markersize": 14, "color": "#F0E442", "markeredgecolor": "black", "linestyle": "none"}
    (minimum,) = ax.plot(*lowest, **style, clip_on=False, zorder=9, label="lowest on this grid")
    rectangle = None if outline is None else ax.add_patch(outline)
    ax.set(xlabel="weight w", ylabel="bias b", xlim=_ends(grid.w), ylim=_ends(grid.b))
    legend = ax.legend(loc=_emptiest_corner(grid, path), fontsize="small", framealpha=0.9)
    legend.set_zorder(20)
    return ContourPlot(ax, contours, colorbar, minimum, line, arrows, start, end, rectangle, note, legend)


def log_levels(Z):
    """`LEVELS` increasing, log-spaced levels from the lowest positive value of Z, or `DEEPEST`, to the highest.

    Around the value if Z is constant, around 1 if it is zero.
    """
    high = Z.max() if Z.max() > 1e-200 else 1.0
    low = max(Z.min(where=Z > 0, initial=high), high * DEEPEST)
    if high <= low * (1 + 1e-10):
        low, high = low / 2, high * 2
    return np.geomspace(low, high, LEVELS)


def colorbar_ticks(low, high):
    """Round values from `low` to `high`: decades, 1-2-5 steps or equal steps, whichever the range has room for."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    candidates = powers, np.outer(powers, (1, 2, 5)).ravel(), MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(low, high)
    decades, steps, even = (ticks[(low <= ticks) & (ticks <= high)] for ticks in candidates)
    if len(decades) > 3:
        return decades[:: -(-len(decades) // 8)]
    return steps if len(steps) > 2 else even


def path_arrows(grid, path):
    """Tips `(k, 2)` on the path, one each time that it has moved on by `reach`, and unit directions `(k, 2)`.

    `reach` is an eighth of the distance that the path gets from its start, in units of the window. A direction is the
    motion over the last half of `reach`, so that the zigzag of single steps doesn't turn it.
    """
    points = np.column_stack(path)[grid.contains(*path)]
    scaled = points / (np.ptp(grid.w), np.ptp(grid.b))
    reach = _distances(scaled, scaled[:1]).max(initial=0) / ARROWS
    tips, tails = [], []
    at = 0
    while reach > 0 and len(tips) < 2 * ARROWS:
        moved_on = _distances(scaled[at:], scaled[at]) >= reach
        if not moved_on.any():
            break
        at += moved_on.argmax()
        tips.append(points[at])
        tails.append(points[:at][_distances(scaled[:at], scaled[at]) >= reach / 2][-1])
    tips, tails = np.reshape(tips, (-1, 2)), np.reshape(tails, (-1, 2))
    return tips, (tips - tails) / np.linalg.norm(tips - tails, axis=1, keepdims=True)


def _draw_contours(ax, grid):
    levels = log_levels(grid.Z)
    positive = np.maximum(grid.Z, levels[0] / 2)
    extend = "min" if grid.Z.min() < levels[0] else "neither"
    contours = ax.contourf(grid.w, grid.b, positive, levels, norm=LogNorm(), cmap=CMAP, extend=extend)
    ticks = colorbar_ticks(levels[0], levels[-1])
    colorbar = ax.figure.colorbar(contours, ax=ax, label=grid.label, ticks=ticks, format=_tick_label)
    colorbar.minorticks_off()
    return contours, colorbar


def _tick_label(value, _position):
    mantissa, _, exponent = f"{value:.12g}".partition("e")
    if not exponent:
        return mantissa
    factor = "" if mantissa == "1" else rf"{mantissa}\times"
    return rf"${factor}10^{{{int(exponent)}}}$"


def _draw_surface(ax, grid):
    levels = log_levels(grid.Z)
    norm = LogNorm(levels[0], levels[-1], clip=True)
    style = {"rstride": 1, "cstride": 1, "cmap": CMAP, "norm": norm, "linewidth": 0, "antialiased": False}
    return ax.plot_surface(*_reduce(grid, SURFACE_LINES), **style)


def _draw_wireframe(ax, grid):
    return ax.plot_wireframe(*_reduce(grid, WIREFRAME_LINES), rstride=1, cstride=1, color="#0072B2", linewidth=0.6)


def _reduce(grid, lines):
    """Meshgrids of at most `lines` rows and columns of the grid, evenly strided, the first and last included."""
    rows, columns = (np.linspace(0, n - 1, min(n, lines)).round().astype(int) for n in grid.Z.shape)
    return *np.meshgrid(grid.w[columns], grid.b[rows]), grid.Z[np.ix_(rows, columns)]


def _draw_path(ax, points, inside):
    """The line through `points`, one row per coordinate, and its first and last point where they are inside."""
    halo = [withStroke(linewidth=3.6, foreground="white")]
    (line,) = ax.plot(*points, color=PATH_COLOR, linewidth=1.8, path_effects=halo, zorder=10, label="path")
    mark = {"linestyle": "none", "markeredgecolor": "black", "markersize": 8, "zorder": 12}
    start = end = None
    if inside[0]:
        (start,) = ax.plot(*points[:, :1], marker="o", color="white", label="start", **mark)
    if inside[-1]:
        (end,) = ax.plot(*points[:, -1:], marker="s", color=PATH_COLOR, label="end", **mark)
    return line, start, end


def _draw_arrows(ax, grid, path):
    tips, directions = path_arrows(grid, path)
    if len(tips) == 0:
        return None
    style = {"color": PATH_COLOR, "edgecolor": "white", "linewidth": 0.8, "zorder": 11, **ARROW_SIZE}
    return ax.quiver(*tips.T, *directions.T, angles="xy", pivot="tip", scale_units="inches", scale=6, **style)


def _note_if_left(ax, path, inside, **placement):
    """A line of text on the axes that says where the path ends, if part of it isn't inside."""
    if inside.all():
        return None
    text = f"the path leaves the window\nand ends at w = {path.w[-1]:.3g}, b = {path.b[-1]:.3g}"
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    return ax.annotate(text, xycoords="axes fraction", fontsize="small", bbox=box, zorder=13, **placement)


def _emptiest_corner(grid, path):
    if path is None:
        return "upper left"
    right, upper = path.w > np.mean(_ends(grid.w)), path.b > np.mean(_ends(grid.b))
    crowd = {"upper left": ~right & upper, "upper right": right & upper, "lower right": right & ~upper}
    return min(crowd, key=lambda corner: np.count_nonzero(crowd[corner]))


def _read_window(window):
    pairs = finite_array("window", window)
    if pairs.shape != (2, 2) or (pairs[:, 0] >= pairs[:, 1]).any():
        raise ValueError(f"window must be ((w0, w1), (b0, b1)) with w0 < w1 and b0 < b1, got {window!r}")
    corner, sides = pairs[:, 0], pairs[:, 1] - pairs[:, 0]
    halo = [withStroke(linewidth=3, foreground="white")]
    style = {"linestyle": "--", "linewidth": 1.4, "path_effects": halo, "zorder": 8}
    return Rectangle(corner, *sides, fill=False, **style, label="original window")


def _ends(axis):
    return axis.min(), axis.max()


def _distances(points, point):
    return np.linalg.norm(points - point, axis=1)


def _axes_3d(ax):
    if ax is None:
        return plt.subplots(figsize=(7, 5.5), layout="constrained", subplot_kw={"projection": "3d"})[1]
    if not isinstance(ax, Axes3D):
        accepted = 'a 3-D Axes, as from plt.subplots(subplot_kw={"projection": "3d"}), or None'
        raise TypeError(f"ax must be {accepted}, got {type(ax).__name__}")
    return ax
