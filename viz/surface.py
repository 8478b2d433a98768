"""The loss over (w, b) or quantities over a plane, in three dimensions or as contours, with the training path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from mpl_toolkits.mplot3d import Axes3D

from viz import losses
from viz.colors import LINE, inside, make_legible, visible
from viz.fill import CMAP, draw_cells, draw_contours, draw_streams, log_levels
from viz.furniture import add_legend, add_note, drawing
from viz.inputs import (
    Grid,
    Path,
    finite_array,
    flat_axes,
    read_full_loss,
    read_minimum,
    read_path,
    read_surface,
)
from viz.layout import new_figure, points, root_figure
from viz.plane import read_gradient, read_plane_surface, read_projection
from viz.words import coordinate, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import Collection, QuadMesh
    from matplotlib.colorbar import Colorbar
    from matplotlib.contour import ContourSet
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.lines import Line2D
    from matplotlib.quiver import Quiver
    from matplotlib.streamplot import StreamplotSet
    from matplotlib.text import Annotation
    from numpy.typing import ArrayLike
    from typing_extensions import TypeIs

    from viz.results import History, LossSurface, PlaneSurface

SURFACE_LINES, WIREFRAME_LINES = 80, 40  # along each axis; chosen by eye: more look the same and take longer
ARROWS = 8  # on a straight path; chosen by eye
SHORT = 0.15  # a path that goes less far, in units of the window, has no room for arrows
LEGEND = 0.4, 0.3  # width and height of its corner, relative to the axes
PATH_COLOR = "#D55E00"
EDGE: dict[str, Any] = {"markeredgecolor": "black", "markeredgewidth": 1}
ARROW_SIZE: dict[str, Any] = {"units": "inches", "width": 0.03, "headwidth": 6, "headlength": 7, "headaxislength": 6}


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
    def figure(self) -> Figure:
        return root_figure(self.ax)


class ContourPlot(NamedTuple):
    """What `plot_contour` drew; what wasn't asked for, or has nothing to show, is None."""

    ax: Axes
    contours: ContourSet | QuadMesh
    colorbar: Colorbar
    minimum: Line2D | None
    path: Line2D | None
    arrows: Quiver | None
    start: Line2D | None
    end: Line2D | None
    window: Rectangle | None
    note: Annotation | None
    legend: Legend | None
    center: Line2D | None
    streams: StreamplotSet | None

    @property
    def figure(self) -> Figure:
        return root_figure(self.ax)


def plot_surface(
    surface: LossSurface | PlaneSurface,
    history: History | None = None,
    *,
    quantity: str = "loss",
    wireframe: bool = False,
    ax: Axes3D | None = None,
) -> SurfacePlot:
    """Draws a surface, or a wireframe: the loss over (w, b) with the path of `history`, or a quantity over a plane.

    `surface` has w (nw,), b (nb,), Z (nb, nw), loss (its name) and minimum (w, b, loss). At most 80 grid
    lines per side are drawn, both ends included. `history` has w (steps, 1), b (steps,), start_w, start_b and the
    height of the path: start_loss and full_loss(), the loss on all the data after each step, (steps,); one that holds a
    step of `every` and not the last of its `steps` also has end_w, end_b and end_loss. What lies outside the grid is
    left out, with a note. `ax` is a 3-D Axes or None for a new figure.

    A plane's `surface` has s, t, plane and a `quantity` that is a height (nt, ns): "loss", "mse", "accuracy" or
    "balanced_accuracy". A path is not drawn on
    it, as it is at another height where it is off the plane: `plot_contour` draws it.

    Drawing on an Axes again replaces what the function drew there before.

    Returns `SurfacePlot`. TypeError if `ax` isn't a 3-D Axes or an input lacks an attribute; ValueError for a grid
    smaller than 2 x 2, a negative loss, values that aren't finite, shapes that disagree, more than one weight, or a
    quantity that isn't there.
    """
    grid = read_grid(surface, quantity, losses.heights())
    if history is not None and is_plane(surface):
        raise ValueError(
            "history is given with a plane's surface; accepted: None, as plot_contour draws its projection"
        )
    run = None if history is None else (read_path(history), read_full_loss(history))
    ax = solid_axes(ax)
    with drawing(ax, "surface"):
        drawn = draw_wireframe(ax, grid) if wireframe else draw_solid(ax, grid)
        ax.set(xlim=ends_of(grid.s), ylim=ends_of(grid.t))
        label_sides(ax, grid)
        make_legible(ax)
        if run is None:
            return SurfacePlot(ax, drawn, None, None, None, None, None)
        path, height = run
        in_window = grid.contains(*path)
        line, start, end = draw_path(ax, np.where(in_window, [*path, height], np.nan), in_window)
        note = add_note(ax, how_it_leaves(grid, path, in_window), xy=(0.99, 0.99), ha="right", va="top")
        return SurfacePlot(ax, drawn, line, start, end, note, add_legend(ax, loc="upper left"))


def plot_contour(
    surface: LossSurface | PlaneSurface,
    history: History | None = None,
    *,
    quantity: str = "loss",
    window: ArrayLike | None = None,
    ax: Axes | None = None,
) -> ContourPlot:
    """Draws filled contours of the whole grid at log-spaced levels, the grid minimum and the path of `history`.

    `surface` and `history` are as in `plot_surface`; the path has arrows that show its direction, and is clipped to
    the grid, with a note if it leaves. `window=((w0, w1), (b0, b1))` outlines a rectangle. `ax` is a 2-D Axes or None
    for a new figure; the colour bar is an inset at its right. Drawing on an Axes again replaces what was drawn before.

    The surface of a plane has a choice of `quantity`: "loss", "mse"; "accuracy" and "balanced_accuracy", a cell for
    each point, as they are step functions; "gradient", lines of steepest descent over the loss; "hessian", the ratio of
    the sizes of its eigenvalues, grey above 1e9.
    Its center is marked. The path, of any number of weights, is projected on the plane by
    `surface.project(history)`; a note says how far it is from the plane.

    Returns `ContourPlot`. Raises what `plot_surface` raises, TypeError if `ax` isn't a 2-D Axes, and ValueError if
    `window` isn't two increasing pairs.
    """
    grid = read_grid(surface, quantity, losses.quantities())
    gradient = read_gradient(surface, grid) if quantity == "gradient" and is_plane(surface) else None
    lowest = lowest_of(surface, grid, quantity)
    path, notes = None, []
    if history is not None:
        path, off_plane = read_projection(surface, history) if is_plane(surface) else (read_path(history), "")
        notes.append(off_plane)
    outline = None if window is None else read_window(window)
    ax = flat_axes(ax)
    with drawing(ax, "contour"):
        contours, colorbar = (draw_cells if grid.scale == "share" else draw_contours)(ax, grid)
        streams = None if gradient is None else draw_streams(ax, grid, gradient)
        line = arrows = start = end = center = minimum = None
        if path is not None:
            in_window = grid.contains(*path)
            line, start, end = draw_path(ax, np.array(path), in_window)
            arrows = draw_arrows(ax, grid, path)
            notes.append(how_it_leaves(grid, path, in_window))
        elif is_plane(surface) and grid.contains(0, 0):
            center = draw_mark(ax, (0, 0), "P", "white", 10, "trained model")
        if lowest is not None:
            minimum = draw_mark(ax, lowest, "*", "#F0E442", 14, "lowest on this grid")
        note = add_note(ax, "\n".join(filter(None, notes)), xy=(0.02, 0.02), ha="left", va="bottom")
        if outline is not None:
            ax.add_patch(outline)
        first, second = map(shown, grid.axis_labels)
        ax.set(xlabel=first, ylabel=second, xlim=ends_of(grid.s), ylim=ends_of(grid.t))
        legend = draw_legend(ax, grid, path)
        make_legible(ax)
    return ContourPlot(
        ax, contours, colorbar, minimum, line, arrows, start, end, outline, note, legend, center, streams
    )


def path_arrows(grid: Grid, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Tips (k, 2) on the path, one each time that it has moved on by `reach`, and unit directions (k, 2).

    `reach` is an eighth of the distance that the path gets from its start, in units of the window; there are no arrows
    if that distance is `SHORT`. A direction is the motion over the last half of `reach`, so that the zigzag of single
    steps doesn't turn it.
    """
    points = np.column_stack(path)[grid.contains(*path)]
    scaled = points / (np.ptp(grid.s), np.ptp(grid.t))
    farthest = distances(scaled, scaled[:1]).max(initial=0)
    reach = farthest / ARROWS
    tips: list[np.ndarray] = []
    tails: list[np.ndarray] = []
    at = 0
    while farthest > SHORT and len(tips) < 2 * ARROWS:
        moved_on = distances(scaled[at:], scaled[at]) >= reach
        if not moved_on.any():
            break
        at += moved_on.argmax()
        tips.append(points[at])
        tails.append(points[:at][distances(scaled[:at], scaled[at]) >= reach / 2][-1])
    ends, motions = np.reshape(tips, (-1, 2)), np.reshape(tips, (-1, 2)) - np.reshape(tails, (-1, 2))
    return ends, motions / np.linalg.norm(motions, axis=1, keepdims=True)


def is_plane(surface: LossSurface | PlaneSurface) -> TypeIs[PlaneSurface]:
    return hasattr(surface, "plane")


def read_grid(surface: LossSurface | PlaneSurface, quantity: str, accepted: tuple[str, ...]) -> Grid:
    """The `Grid` that a quantity is; ValueError for another one than is accepted."""
    accepted = accepted if is_plane(surface) else ("loss",)
    if quantity not in accepted:
        raise ValueError(f"quantity is {quantity!r}; accepted: {', '.join(map(repr, accepted))}")
    return read_plane_surface(surface, quantity) if is_plane(surface) else read_surface(surface)


def lowest_of(surface: LossSurface | PlaneSurface, grid: Grid, quantity: str) -> tuple[float, float] | None:
    """Where the loss or the squared error is lowest on the grid; None for other quantities."""
    if not is_plane(surface):
        return read_minimum(surface)
    if quantity == "hessian" or losses.is_share(quantity):
        return None
    from kernels.results import lowest_point

    return lowest_point(grid.s, grid.t, grid.Z)[:2]


def draw_solid(ax: Axes3D, grid: Grid) -> Collection:
    low, high = log_levels(grid.Z)[[0, -1]]
    norm = LogNorm(low, high, clip=True) if grid.scale == "log" else Normalize()
    return ax.plot_surface(
        *thinned(grid, SURFACE_LINES), rstride=1, cstride=1, cmap=CMAP, norm=norm, linewidth=0, antialiased=False
    )


def label_sides(ax: Axes3D, grid: Grid) -> None:
    """Long labels in two lines, with room for them and for large tick labels, beside which matplotlib places them."""
    first, second = (shown(label).replace(" (", "\n(") for label in grid.axis_labels)
    long = "\n" in first + second
    larger = max(0, points("xtick.labelsize") - 10)
    usual, room = mpl.rcParams["axes.labelpad"], 3 * larger
    ax.tick_params(pad=mpl.rcParams["xtick.major.pad"] + larger)
    ax.set_xlabel(first, labelpad=room + (12 if long else usual))
    ax.set_ylabel(second, labelpad=room + (12 if long else usual))
    ax.set_zlabel(shown(grid.label), labelpad=room + (8 if long else usual))
    if long:
        ax.set_box_aspect(None, zoom=0.85)


def draw_wireframe(ax: Axes3D, grid: Grid) -> Collection:
    color = visible("#0072B2", inside(ax), LINE)
    return ax.plot_wireframe(*thinned(grid, WIREFRAME_LINES), rstride=1, cstride=1, color=color, linewidth=0.6)


def thinned(grid: Grid, lines: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Meshgrids of at most `lines` rows and columns of the grid, evenly strided, the first and last included."""
    rows, columns = (np.linspace(0, n - 1, min(n, lines)).round().astype(int) for n in grid.Z.shape)
    return *np.meshgrid(grid.s[columns], grid.t[rows]), grid.Z[np.ix_(rows, columns)]


def draw_path(ax: Axes, points: np.ndarray, in_window: np.ndarray) -> tuple[Line2D, Line2D | None, Line2D | None]:
    """The line through `points`, one row per coordinate, and its first and last point where they are in the window."""
    halo = [withStroke(linewidth=3.6, foreground="white")]
    (line,) = ax.plot(*points, color=PATH_COLOR, linewidth=1.8, path_effects=halo, zorder=10, label="path")
    mark: dict[str, Any] = {"linestyle": "none", "markersize": 8, **EDGE, "zorder": 12}
    start = end = None
    if in_window[0]:
        (start,) = ax.plot(*points[:, :1], marker="o", color="white", label="start", **mark)
    if in_window[-1]:
        (end,) = ax.plot(*points[:, -1:], marker="s", color=PATH_COLOR, label="end", **mark)
    return line, start, end


def draw_arrows(ax: Axes, grid: Grid, path: Path) -> Quiver | None:
    tips, directions = path_arrows(grid, path)
    if len(tips) == 0:
        return None
    style: dict[str, Any] = {"color": PATH_COLOR, "edgecolor": "white", "linewidth": 0.8, "zorder": 11, **ARROW_SIZE}
    return ax.quiver(*tips.T, *directions.T, angles="xy", pivot="tip", scale_units="inches", scale=6, **style)


def draw_mark(ax: Axes, point: tuple[float, float], marker: str, color: str, size: float, label: str) -> Line2D:
    style: dict[str, Any] = {"marker": marker, "markersize": size, "color": color, "linestyle": "none", **EDGE}
    return ax.plot(*point, **style, clip_on=False, zorder=9, label=label)[0]


def how_it_leaves(grid: Grid, path: Path, in_window: np.ndarray) -> str:
    """Says which part of the path isn't in the window, "" if all of it is; an end that isn't, with where it is."""
    if in_window.all():
        return ""
    start, end = (place_of(grid, path.s[k], path.t[k]) for k in (0, -1))
    match bool(in_window[0]), bool(in_window[-1]):
        case True, True:
            return "the path leaves the window\nand comes back"
        case True, False:
            return f"the path leaves the window\nand ends at {end}"
        case False, True:
            return f"the path starts outside the window,\nat {start}"
    visits = "but goes through it" if in_window.any() else "and is not in it"
    return f"the path starts and ends outside the window,\nat {start} and at {end},\n{visits} at the steps kept"


def place_of(grid: Grid, s: float, t: float) -> str:
    first, second = grid.names
    return f"{first} = {coordinate(s, grid.s)}, {second} = {coordinate(t, grid.t)}"


def draw_legend(ax: Axes, grid: Grid, path: Path | None) -> Legend | None:
    if not ax.get_legend_handles_labels()[0]:
        return None
    legend = add_legend(ax, loc=emptiest_corner(grid, path), framealpha=0.9)
    legend.set_zorder(20)
    return legend


def emptiest_corner(grid: Grid, path: Path | None) -> str:
    if path is None:
        return "upper left"
    across, up = (path.s - grid.s.min()) / np.ptp(grid.s), (path.t - grid.t.min()) / np.ptp(grid.t)
    left, right = across < LEGEND[0], across > 1 - LEGEND[0]
    lower, upper = up < LEGEND[1], up > 1 - LEGEND[1]
    crowd = {"upper left": left & upper, "upper right": right & upper, "lower right": right & lower}
    return min(crowd, key=lambda corner: (crowd[corner][[0, -1]].any(), np.count_nonzero(crowd[corner])))


def read_window(window: ArrayLike) -> Rectangle:
    pairs = finite_array("window", window)
    if pairs.shape != (2, 2) or (pairs[:, 0] >= pairs[:, 1]).any():
        raise ValueError(f"window is {window!r}; accepted: ((w0, w1), (b0, b1)) with w0 < w1 and b0 < b1")
    (left, right), (bottom, top) = pairs.tolist()
    halo = [withStroke(linewidth=3, foreground="white")]
    return Rectangle(
        (left, bottom),
        right - left,
        top - bottom,
        fill=False,
        linestyle="--",
        linewidth=1.4,
        edgecolor="black",
        path_effects=halo,
        zorder=8,
        label="original window",
    )


def ends_of(axis: np.ndarray) -> tuple[float, float]:
    return axis.min(), axis.max()


def distances(points: np.ndarray, point: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points - point, axis=1)


def solid_axes(ax: Axes3D | None) -> Axes3D:
    if ax is None:
        return new_figure(7, 5.5, subplot_kw={"projection": "3d"})[1]
    if not isinstance(ax, Axes3D):
        accepted = 'a 3-D Axes, as from plt.subplots(subplot_kw={"projection": "3d"}), or None'
        raise TypeError(f"ax is a {type(ax).__name__}; accepted: {accepted}")
    return ax
