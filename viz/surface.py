"""The loss over (w, b) or a quantity over a plane in three dimensions, with the paths of training on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import FixedLocator, MaxNLocator, ScalarFormatter
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection

from viz import losses
from viz.colors import LINE, inside, visible
from viz.contour import only
from viz.fill import CMAP, colorbar_ticks, log_levels, tick_label
from viz.foot import add_foot, sides_of
from viz.furniture import add_colorbar, drawing, styled
from viz.language import said
from viz.layout import cell_of, length_of, new_figure, points, root_figure, scale_of
from viz.marks import covered
from viz.paths import draw_runs, keep, marks_of, notes_on, read_runs, with_earlier, with_ends
from viz.plane import is_plane, notes_of, read_grid
from viz.words import percent, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.collections import Collection
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

    from viz.inputs import Grid
    from viz.paths import PathArtists
    from viz.results import Keywords, LossSurface, PlaneSurface, Runs

SLANTED = 0.4  # share of its cell that the label of a side may be as long as; chosen by eye
MOST_TICKS = 7  # of a side
SURFACE_LINES, WIREFRAME_LINES = 80, 40  # along each axis; chosen by eye: more look the same and take longer


class SurfacePlot(NamedTuple):
    """What `plot_surface` drew; what wasn't asked for, or has nothing to show, is None.

    Attributes
    ----------
    ax : mpl_toolkits.mplot3d.Axes3D
        Where it was drawn.
    figure : matplotlib.figure.Figure
        The figure around it.
    surface : Poly3DCollection or Line3DCollection
        The surface, or the wireframe.
    colorbar : Colorbar or None
        None of a wireframe.
    paths : dict
        {name: artists} of the runs, each with a line, a start and an end.
    path, start, end : artist or None
        Those of the only run, None where there are several.
    note : Text or None
        What is said under the picture.
    legend : Legend or None
        Under the picture, too.

    See Also
    --------
    plot_surface : returns it

    Examples
    --------
    >>> from logreg import LossSurface, lab_data
    >>> from viz import plot_surface
    >>> drawn = plot_surface(LossSurface.compute(lab_data(), 15, 13, resolution=30))
    >>> drawn.ax.get_xlabel(), drawn.paths
    ('weight w', {})
    """

    ax: Axes3D
    surface: Collection
    colorbar: Colorbar | None
    paths: dict[str, PathArtists]
    note: Text | None
    legend: Legend | None

    @property
    def figure(self) -> Figure:
        return root_figure(self.ax)

    @property
    def path(self) -> Line2D | None:
        return only(self.paths).line

    @property
    def start(self) -> Line2D | None:
        return only(self.paths).start

    @property
    def end(self) -> Line2D | None:
        return only(self.paths).end


def plot_surface(
    surface: LossSurface | PlaneSurface,
    history: Runs = None,
    *,
    quantity: str = "loss",
    wireframe: bool = False,
    z: str = "linear",
    ax: Axes3D | None = None,
    cmap: str | Colormap | None = None,
    norm: str | Normalize | None = None,
    surface_kw: Keywords = None,
    path_kw: Keywords = None,
    colorbar: bool = True,
    legend: bool = True,
    title: str | None = None,
) -> SurfacePlot:
    """The loss over (w, b) with the paths of runs, or a quantity over a plane, as a surface or a wireframe.

    Parameters
    ----------
    surface : LossSurface or PlaneSurface
        What has w (nw,), b (nb,), Z (nb, nw), loss (its name) and minimum (w, b, loss); that of a plane has s, t, plane
        and a `quantity` that is a height (nt, ns). At most 80 grid lines per side are drawn, both ends included.
    history : run, dict or list of runs, optional
        A run, {name: run}, or a list of runs, each with w (steps, 1), b (steps,), start_w, start_b and its height:
        start_loss and full_loss(), the loss on all the data after each step, (steps,); one that holds a step of `every`
        and not the last of its `steps` also has end_w, end_b and end_loss. What lies outside the grid is left out, with
        a note.
    quantity : str
        Of a plane: "loss", "mse", "accuracy" or "balanced_accuracy". A path is not drawn on it, as it is at another
        height where it is off the plane: `plot_contour` draws it.
    wireframe : bool
        Whether it is a wireframe.
    z : {"linear", "log"}
        "log": heights by their logarithm, those below the lowest level at that level.
    ax : Axes3D, optional
        A 3-D Axes, or None for a new figure. Drawing on it again replaces what was drawn before, as `plot_contour`
        does.
    cmap, norm : colormap and norm, optional
        Colours of the surface, and what they go by.
    surface_kw : dict, optional
        Keywords of matplotlib's `plot_surface`, or `plot_wireframe`.
    path_kw : dict, optional
        Keywords of the lines of paths.
    colorbar, legend : bool
        Whether there is one, a colour bar if not of a wireframe.
    title : str, optional
        The text of it.

    Returns
    -------
    SurfacePlot
        The Axes and the artists that were drawn.

    Raises
    ------
    TypeError
        `ax` isn't a 3-D Axes, or an input lacks an attribute.
    ValueError
        A grid smaller than 2 x 2, a negative loss, values that aren't finite, shapes that disagree, more than one
        weight, or a quantity that isn't there.

    See Also
    --------
    plot_contour : from above

    Examples
    --------
    >>> from logreg import LossSurface, lab_data
    >>> from viz import plot_surface
    >>> surface = LossSurface.compute(lab_data(), w_range=15, b_range=13, resolution=50)
    >>> drawn = plot_surface(surface, z="log", title="The lab's loss")
    >>> drawn.ax.get_title()
    "The lab's loss"
    """
    grid = read_grid(surface, quantity, losses.heights())
    if history is not None and is_plane(surface):
        raise ValueError(
            "history is given with a plane's surface; accepted: None, as plot_contour draws its projection"
        )
    up = height_of(grid, z)
    runs = read_runs(surface, grid, history, path_kw, high=True)
    own, ax = ax is None, solid_axes(ax)
    runs = with_earlier(ax, "surface", surface, runs)
    with drawing(ax, "surface", own):
        high, bar = grid._replace(Z=up(grid.Z)), None
        if wireframe:
            drawn = draw_wireframe(ax, high, surface_kw)
        else:
            drawn = draw_solid(ax, high, cmap, surface_kw)
            color_by_values(drawn, norm_of(grid) if norm is None else norm, z)
        ax.set(xlim=grid.window[0], ylim=grid.window[1])
        names = label_sides(ax, grid, words_of_heights(grid, z, elsewhere=colorbar and not wireframe))
        scale_heights(ax, grid, z)
        if colorbar and not wireframe:
            bar = add_colorbar(ax, drawn, grid.label, reach_of(ax), **ticks_of_bar(grid, drawn))
        if title is not None:
            ax.set_title(shown(title))
        lifted = {name: run._replace(heights=up(np.asarray(run.heights))) for name, run in runs.items()}
        paths = draw_runs(ax, grid, lifted)
        hidden = covered(marks_of(ax, grid, runs), scale_of(ax))
        notes = [*names, *hidden, *notes_on(grid, runs), *notes_of(surface)]
        drawn_legend, note = add_foot(ax, notes, legend, with_ends(paths))
    keep(ax, surface, runs)
    return SurfacePlot(ax, drawn, bar, paths, note, drawn_legend)


def height_of(grid: Grid, z: str) -> Callable[[np.ndarray], np.ndarray]:
    """How high a value is drawn; ValueError for a scale that isn't known, or isn't of the values that are drawn."""
    if z not in ("linear", "log"):
        raise ValueError(f"z is {z!r}; accepted: 'linear', 'log'")
    if z == "linear":
        return lambda values: values
    if grid.scale != "log":
        raise ValueError(f"z is 'log' and what is drawn the {grid.label}; accepted: 'linear', as it may be 0")
    lowest = log_levels(grid.Z)[0]
    return lambda values: np.log10(np.maximum(values, lowest))


def norm_of(grid: Grid) -> Normalize:
    low, high = log_levels(grid.Z)[[0, -1]]
    return LogNorm(low, high, clip=True) if grid.scale == "log" else Normalize()


def draw_solid(ax: Axes3D, grid: Grid, cmap: str | Colormap | None, given: Keywords) -> Poly3DCollection:
    ours = {"rstride": 1, "cstride": 1, "cmap": CMAP if cmap is None else cmap, "linewidth": 0, "antialiased": False}
    return ax.plot_surface(*thinned(grid, SURFACE_LINES), **styled(Poly3DCollection, ours, given))


def color_by_values(drawn: Poly3DCollection, norm: str | Normalize, z: str) -> None:
    """Gives a surface the colours of its values, which aren't its heights where these are logarithms."""
    heights = drawn.get_array()
    if heights is not None:  # which is so of a surface of one colour
        drawn.set_array(10.0**heights if z == "log" else heights)
        drawn.set_norm(norm)


def ticks_of_bar(grid: Grid, drawn: Poly3DCollection) -> dict[str, Any]:
    """The ticks of its colour bar, as those of `ticks_of`."""
    if grid.scale == "share":
        return {"format": percent}
    norm = drawn.norm
    if not isinstance(norm, LogNorm):
        return {}
    norm.autoscale_None(drawn.get_array())
    low, high = (float(end) for end in (norm.vmin, norm.vmax) if end is not None)
    return {"ticks": colorbar_ticks(low, high), "format": tick_label}


def words_of_heights(grid: Grid, z: str, elsewhere: bool) -> str:
    """What stands along the heights, which a colour bar elsewhere may say already; but for their scale."""
    scale = said("log scale") if z == "log" else ""
    return scale if elsewhere else ", ".join(filter(None, (grid.label, scale)))


def label_sides(ax: Axes3D, grid: Grid, upright: str) -> list[str]:
    """Labels the sides, those with a remark in two lines, with room for them and for large tick labels, beside which
    matplotlib places them. Longer ones are returned, as notes on short ones."""
    labels = [shown(label).replace(" (", "\n(") for label in grid.axis_labels]
    ax.set(xlabel=labels[0], ylabel=labels[1])
    notes = []
    if max(map(length_of, (ax.xaxis.label, ax.yaxis.label))) > SLANTED * cell_of(ax)[0]:
        labels = [shown(name) for name in grid.names]
        notes = [f"{name}: {label}" for name, label in zip(grid.names, grid.axis_labels, strict=True)]
    long = "\n" in "".join(labels)
    larger = max(0, points("xtick.labelsize") - 10)
    usual, room = mpl.rcParams["axes.labelpad"], 3 * larger
    ax.tick_params(pad=mpl.rcParams["xtick.major.pad"] + larger)
    ax.set_xlabel(labels[0], labelpad=room + (16 if long else usual))
    ax.set_ylabel(labels[1], labelpad=room + (16 if long else usual))
    ax.set_zlabel(shown(upright), labelpad=room + (8 if long else usual))
    ax.set_box_aspect(None, zoom=0.85 if long else 1)
    return notes


def scale_heights(ax: Axes3D, grid: Grid, z: str) -> None:
    """Ticks of all sides, as many as there is room for; of heights in per cent, or of values whose logarithms they
    are."""
    for side in (ax.xaxis, ax.yaxis, ax.zaxis):
        side.set_major_locator(MaxNLocator(round(MOST_TICKS * scale_of(ax)), steps=[1, 2, 2.5, 5, 10]))
    ax.zaxis.set_major_formatter(percent if grid.scale == "share" else ScalarFormatter())
    if z == "log":
        heights = np.log10(colorbar_ticks(*log_levels(grid.Z)[[0, -1]].tolist()))
        ticks = few(heights, round(MOST_TICKS * scale_of(ax)))
        ax.zaxis.set_major_locator(FixedLocator(ticks))
        powers = all(abs(height - round(height)) < 1e-9 for height in ticks)
        ax.zaxis.set_major_formatter(lambda height, position: tick_label(10.0**height, position, powers))


def few(heights: np.ndarray, most: int) -> list[float]:
    """Ticks at most so many of those at logarithms: the powers of ten, or some."""
    powers = heights[np.abs(heights - heights.round()) < 1e-9]
    if len(heights) > most and len(powers) >= 2:
        heights = powers
    return heights[:: -(-len(heights) // most) or 1].tolist()


def reach_of(ax: Axes3D) -> float:
    """How many inches the labels of heights reach beyond the right edge."""
    box = sides_of(ax)[-1].get_tightbbox()
    return 0.0 if box is None else (box.x1 - ax.bbox.x1) / root_figure(ax).dpi


def draw_wireframe(ax: Axes3D, grid: Grid, given: Keywords) -> Collection:
    color = visible("#0072B2", inside(ax), LINE)
    ours = {"rstride": 1, "cstride": 1, "color": color, "linewidth": 0.6}
    return ax.plot_wireframe(*thinned(grid, WIREFRAME_LINES), **styled(Line3DCollection, ours, given))


def thinned(grid: Grid, lines: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Meshgrids of at most `lines` rows and columns of the grid, evenly strided, the first and last included."""
    rows, columns = (np.linspace(0, n - 1, min(n, lines)).round().astype(int) for n in grid.Z.shape)
    return *np.meshgrid(grid.s[columns], grid.t[rows]), grid.Z[np.ix_(rows, columns)]


def solid_axes(ax: Axes3D | None) -> Axes3D:
    if ax is None:
        return new_figure(subplot_kw={"projection": "3d"})[1]
    if not isinstance(ax, Axes3D):
        accepted = 'a 3-D Axes, as from plt.subplots(subplot_kw={"projection": "3d"}), or None'
        raise TypeError(f"ax is a {type(ax).__name__}; accepted: {accepted}")
    return ax
