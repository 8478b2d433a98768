"""The loss over (w, b) or quantities over a plane as contours, with the paths of training on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from viz import losses
from viz.fill import Fill, draw_cells, draw_contours, draw_streams, read_levels, ticks_of
from viz.foot import add_foot
from viz.furniture import add_colorbar, drawing
from viz.inputs import finite_array, flat_axes
from viz.language import said
from viz.layout import root_figure, scale_of
from viz.marks import CROSS, Mark, covered, draw_mark, draw_minimum, inches_of, place_in
from viz.paths import PathArtists, draw_runs, keep, marks_of, notes_on, read_runs, with_earlier, with_ends
from viz.plane import is_plane, lowest_of, notes_of, read_gradient, read_grid
from viz.words import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.contour import ContourSet
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.lines import Line2D
    from matplotlib.quiver import Quiver
    from matplotlib.streamplot import StreamplotSet
    from matplotlib.text import Text
    from numpy.typing import ArrayLike

    from viz.inputs import Grid
    from viz.results import Keywords, LossSurface, PlaneSurface, Runs


class ContourPlot(NamedTuple):
    """What `plot_contour` drew; what wasn't asked for, or has nothing to show, is None.

    Attributes
    ----------
    ax : matplotlib.axes.Axes
        Where it was drawn.
    figure : matplotlib.figure.Figure
        The figure around it.
    contours : ContourSet or QuadMesh
        The filled contours, or the cells of what is a step function.
    colorbar : Colorbar or None
        At the right.
    minimum : Line2D or None
        The mark of the lowest point of the grid.
    paths : dict
        {name: artists} of the runs, each with a line, arrows, a start and an end.
    path, arrows, start, end : artist or None
        Those of the only run, None where there are several.
    window : Rectangle or None
        The outline that was asked for.
    note : Text or None
        What is said under the label.
    legend : Legend or None
        Under the label, too.
    center : Line2D or None
        The mark of a plane's center.
    streams : StreamplotSet or None
        Lines of steepest descent.

    See Also
    --------
    plot_contour : returns it

    Examples
    --------
    >>> from logreg import LossSurface, lab_data
    >>> from viz import plot_contour
    >>> drawn = plot_contour(LossSurface.compute(lab_data(), 15, 13, resolution=50))
    >>> drawn.minimum is not None, drawn.path is None
    (True, True)
    """

    ax: Axes
    contours: ContourSet | QuadMesh
    colorbar: Colorbar | None
    minimum: Line2D | None
    paths: dict[str, PathArtists]
    window: Rectangle | None
    note: Text | None
    legend: Legend | None
    center: Line2D | None
    streams: StreamplotSet | None

    @property
    def figure(self) -> Figure:
        return root_figure(self.ax)

    @property
    def path(self) -> Line2D | None:
        return only(self.paths).line

    @property
    def arrows(self) -> Quiver | None:
        return only(self.paths).arrows

    @property
    def start(self) -> Line2D | None:
        return only(self.paths).start

    @property
    def end(self) -> Line2D | None:
        return only(self.paths).end


def plot_contour(
    surface: LossSurface | PlaneSurface,
    history: Runs = None,
    *,
    quantity: str = "loss",
    window: ArrayLike | None = None,
    ax: Axes | None = None,
    levels: int | ArrayLike | None = None,
    cmap: str | Colormap | None = None,
    norm: str | Normalize | None = None,
    contour_kw: Keywords = None,
    path_kw: Keywords = None,
    colorbar: bool = True,
    legend: bool = True,
    title: str | None = None,
) -> ContourPlot:
    """Filled contours of the whole grid at log-spaced levels, the grid minimum and the paths of runs.

    Parameters
    ----------
    surface : LossSurface or PlaneSurface
        As in `plot_surface`. That of a plane has a choice of `quantity`.
    history : run, dict or list of runs, optional
        A run, {name: run}, or a list of runs. A run is a History, as in `plot_surface`, or, where there is
        `surface.project`, what that takes: a run of any number of weights, or a model, which is drawn as a mark. Paths
        have arrows that show their direction, and are clipped to the grid; a note says which leave it. Each has its own
        colour, luminance, dashes and marker.
    quantity : str
        "loss", "mse"; "accuracy" and "balanced_accuracy", a cell for each point, as they are step functions;
        "gradient", lines of steepest descent over the loss; "hessian", the ratio of the sizes of its eigenvalues, grey
        above 1e9.
    window : pair of pairs, optional
        ((w0, w1), (b0, b1)), a rectangle to be outlined.
    ax : matplotlib.axes.Axes, optional
        A 2-D Axes, or None for a new figure; the colour bar is an inset at its right, legend and note are under its
        label. Drawing on it again replaces what was drawn before, but of the same surface runs with other names stay,
        if runs are given.
    levels : int or array_like, optional
        How many, or increasing values.
    cmap, norm : colormap and norm, optional
        Colours, and what they go by: the logarithm of positive levels.
    contour_kw : dict, optional
        Keywords of `contourf`, or `pcolormesh` for cells.
    path_kw : dict, optional
        Keywords of the lines of paths.
    colorbar, legend : bool
        Whether there is one.
    title : str, optional
        The text of it.

    Returns
    -------
    ContourPlot
        The Axes and the artists that were drawn.

    Raises
    ------
    ValueError
        What `plot_surface` raises; `window` isn't two increasing pairs, or `levels` don't increase.
    TypeError
        `ax` isn't a 2-D Axes, or an input lacks an attribute.

    See Also
    --------
    plot_surface : in three dimensions
    animate : a run, step by step
    logreg.LossSurface : surfaces that it draws

    Notes
    -----
    The center of a plane is marked unless a path is drawn. A note says how far paths are from the plane, and how sharp
    the loss is at the center, if `surface.sharpness` does.

    Examples
    --------
    >>> from logreg import LossSurface, TrainingPath, lab_data
    >>> from viz import plot_contour
    >>> data = lab_data()
    >>> surface = LossSurface.compute(data, w_range=15, b_range=13, resolution=100)
    >>> path = TrainingPath([[5.0, 10.0], [8.0, 0.0], [9.0, -2.0]], data=data)
    >>> drawn = plot_contour(surface, path)
    >>> drawn.path.get_xdata().tolist()
    [5.0, 8.0, 9.0]
    >>> drawn.figure.savefig("contour.png")
    """
    grid = read_grid(surface, quantity, losses.quantities())
    gradient = read_gradient(surface, grid) if quantity == "gradient" and is_plane(surface) else None
    lowest = lowest_of(surface, grid, quantity)
    runs = read_runs(surface, grid, history, path_kw)
    corners = None if window is None else read_window(window)
    fill = Fill(cmap, read_levels(levels), norm, contour_kw)
    own, ax = ax is None, flat_axes(ax)
    runs = with_earlier(ax, "contour", surface, runs)
    with drawing(ax, "contour", own):
        filled = (draw_cells if grid.scale == "share" else draw_contours)(ax, grid, fill)
        bar = add_colorbar(ax, filled, grid.label, **ticks_of(grid, filled)) if colorbar else None
        streams = None if gradient is None else draw_streams(ax, grid, gradient)
        first, second = map(shown, grid.axis_labels)
        ax.set(xlabel=first, ylabel=second, xlim=grid.window[0], ylim=grid.window[1])
        if title is not None:
            ax.set_title(shown(title))
        paths = draw_runs(ax, grid, runs)
        marks, center, minimum = marks_of(ax, grid, runs), None, None
        if is_plane(surface) and grid.contains(0, 0) and all(run.is_model for run in runs.values()):
            center, mark = draw_center(ax, grid, surface)
            marks = [mark, *marks]
        notes = covered(marks, scale_of(ax)) + notes_on(grid, runs) + notes_of(surface)
        if lowest is not None:
            minimum, told = draw_minimum(ax, grid, lowest, marks)
            notes = told + notes
        outline = None if corners is None else draw_window(ax, corners)
        drawn_legend, note = add_foot(ax, notes, legend, with_ends(paths))
    keep(ax, surface, runs)
    return ContourPlot(ax, filled, bar, minimum, paths, outline, note, drawn_legend, center, streams)


def draw_center(ax: Axes, grid: Grid, surface: PlaneSurface) -> tuple[Line2D, Mark]:
    """The cross at (0, 0): a model, unless the surface says that it lies between several."""
    label, who = said("trained model"), said("the trained model")
    if not getattr(surface, "center_is_model", True):
        label, who = said("center"), said("the center")
    at = place_in(grid, inches_of(ax, grid.s, grid.t), 0, 0)
    return draw_mark(ax, (0, 0), "P", "white", CROSS, label), Mark(who, at, CROSS)


def only(paths: dict[str, PathArtists]) -> PathArtists:
    """What was drawn of the only run; of none or several nothing."""
    return next(iter(paths.values())) if len(paths) == 1 else PathArtists()


def read_window(window: ArrayLike) -> np.ndarray:
    """((w0, w1), (b0, b1)) as an array; ValueError if it isn't that."""
    pairs = finite_array("window", window)
    if pairs.shape != (2, 2) or (pairs[:, 0] >= pairs[:, 1]).any():
        raise ValueError(f"window is {window!r}; accepted: ((w0, w1), (b0, b1)) with w0 < w1 and b0 < b1")
    return pairs


def draw_window(ax: Axes, corners: np.ndarray) -> Rectangle:
    scale, (left, bottom), (width, height) = scale_of(ax), corners[:, 0], np.ptp(corners, axis=1)
    style: dict[str, Any] = {"fill": False, "linestyle": "--", "linewidth": 1.4 * scale, "edgecolor": "black"}
    halo = [withStroke(linewidth=3 * scale, foreground="white")]
    outline = Rectangle(
        (left, bottom), width, height, path_effects=halo, zorder=8, label=said("original window"), **style
    )
    ax.add_patch(outline)
    return outline
