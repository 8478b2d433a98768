"""What training reaches with each learning rate and batch size, and where it oscillates or diverges: a map a cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Patch
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator

from viz.fill import CMAP, colorbar_ticks, tick_label
from viz.foot import add_foot, add_legend, small
from viz.furniture import add_colorbar, styled
from viz.inputs import Rates, read_rates
from viz.language import said
from viz.layout import scale_of
from viz.losses import title_of
from viz.starts import figure_of_maps
from viz.words import percent, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

    from viz.results import Keywords, RatesStudy

KINDS = "converging", "oscillating", "diverging"  # by the number of a behaviour
DASHES: dict[str, Any] = {"converging": "-", "diverging": (0, (2, 1.5))}  # of the edges
EXTENDED = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
STRIPE, EDGE = 0.6, 1.6  # points
MISSING = "lightgrey"
DEEPEST = 1e-4  # the lowest loss that has a colour of its own, relative to the highest
STRIPES = 34  # across an Axes and up: chosen by eye, so that colours between them are seen
MOST_NAMED = 12  # batch sizes with a label: more would lie on each other


class RatesPlot(NamedTuple):
    """What `plot_rates` drew, of each cost what there is.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    axes : dict
        {cost: Axes}.
    maps : dict
        {cost: QuadMesh}, a cell for each rate and batch size.
    stripes : dict
        {cost: {behaviour: LineCollection}}, over what is "oscillating" and "diverging".
    edges : dict
        {cost: {behaviour: LineCollection}}, of what is "converging", and of what is "diverging" beside what oscillates.
    colorbar : Colorbar or None
        One for all.
    legend : Legend or None
        One for all.

    See Also
    --------
    plot_rates : returns it

    Examples
    --------
    >>> from logreg import lab_data, study_rates
    >>> from viz import plot_rates
    >>> study = study_rates(lab_data(), [0.02, 0.2, 2.0], [3, 20], 15, 13, 100, epochs=100, seed=0)
    >>> list(plot_rates(study).maps)
    ['bce', 'mse']
    """

    figure: Figure
    axes: dict[str, Axes]
    maps: dict[str, QuadMesh]
    stripes: dict[str, dict[str, LineCollection]]
    edges: dict[str, dict[str, LineCollection]]
    colorbar: Colorbar | None
    legend: Legend | None


def plot_rates(
    study: RatesStudy,
    *,
    quantity: str = "loss",
    cmap: str | Colormap | None = None,
    norm: Normalize | None = None,
    map_kw: Keywords = None,
    edge_kw: Keywords = None,
    colorbar: bool = True,
    legend: bool = True,
    title: str | None = None,
) -> RatesPlot:
    """What each cost leads to with each learning rate, on a logarithmic axis, and batch size, side by side.

    Stripes are over what oscillates, crossed ones over what diverges; a line is where training ceases to converge, a
    dashed one where it begins to diverge after it oscillated. All of them can be told apart without colours. A cell is
    grey where the quantity is NaN; losses of what diverges have no colours of their own.

    Parameters
    ----------
    study : RatesStudy
        What has the rates (r,), the batch_sizes (m,), and {cost: (m, r)}: the mean final loss and accuracy, the mean
        first step at which every sample was right, steps, and behaviour, 0 where training converges, 1 where it
        oscillates and 2 where it diverges.
    quantity : {"loss", "accuracy", "steps"}, optional
        What colours stand for.
    cmap : str or Colormap, optional
        Its colours.
    norm : Normalize, optional
        What these go by; by default the logarithm, but of accuracies.
    map_kw : dict, optional
        Keywords of `pcolormesh`.
    edge_kw : dict, optional
        Keywords of the lines' LineCollection.
    colorbar, legend : bool, optional
        Whether there is one.
    title : str, optional
        That of the figure.

    Returns
    -------
    RatesPlot
        On a new figure.

    Raises
    ------
    TypeError
        For an input that lacks an attribute.
    ValueError
        For an unknown quantity, shapes that disagree, or rates or batch sizes that don't increase.

    See Also
    --------
    logreg.study_rates : what is drawn
    plot_starts : what becomes of each start

    Examples
    --------
    >>> from logreg import lab_data, study_rates
    >>> from viz import plot_rates
    >>> study = study_rates(lab_data(), [0.02, 0.2, 2.0], [3, 20], 15, 13, 100, epochs=100, seed=0)
    >>> drawn = plot_rates(study, quantity="accuracy")
    >>> drawn.axes["bce"].get_xlabel()
    'learning rate'
    """
    rates = read_rates(study, quantity)
    colors = colors_of(rates, quantity, cmap, norm)
    figure, row, foot = figure_of_maps(len(rates.values))
    axes = dict(zip(rates.values, row, strict=True))
    columns, rows = columns_of(rates.rates), np.arange(len(rates.batch_sizes) + 1) - 0.5
    maps, stripes, edges = {}, {}, {}
    for cost, ax in axes.items():
        ax.grid(False)  # which some styles draw over cells
        ours = {"cmap": colors.cmap, "norm": colors.norm, "rasterized": True}
        cells = np.ma.masked_invalid(rates.values[cost])
        maps[cost] = ax.pcolormesh(columns, rows, cells, **styled(QuadMesh, ours, map_kw))
        ax.set_facecolor(MISSING)
        ax.set(xscale="log", xlim=columns[[0, -1]], ylim=rows[[0, -1]], xlabel=shown(said("learning rate")))
        name_rows(ax, rates.batch_sizes)
        stripes[cost] = draw_stripes(ax, columns, rows, rates.behaviour[cost])
        edges[cost] = draw_edges(ax, columns, rows, rates.behaviour[cost], edge_kw)
        ax.set_title(shown(title_of(cost)))
    row[0].set_ylabel(shown(said("batch size")))
    bar = add_bar(row[-1], colors, rates, quantity, norm is None) if colorbar else None
    if title is not None:
        figure.suptitle(shown(title))
    handles = handles_of(rates, quantity) if legend else []
    drawn = add_legend(foot, [(one, str(one.get_label())) for one in handles], small()) if handles else None
    for ax in row:
        add_foot(ax, legend=False)
    return RatesPlot(figure, axes, maps, stripes, edges, bar, drawn)


def colors_of(rates: Rates, quantity: str, cmap: str | Colormap | None, norm: Normalize | None) -> ScalarMappable:
    """The colours of a quantity, one norm for all costs."""
    usual = f"{CMAP}_r" if quantity == "steps" else CMAP
    return ScalarMappable(norm or norm_of(rates, quantity), colormaps.get_cmap(usual if cmap is None else cmap))


def norm_of(rates: Rates, quantity: str) -> Normalize:
    """Colours go by the logarithm, but of shares, and for losses as high as those of what doesn't diverge."""
    if quantity == "accuracy":
        return Normalize(min(values_of(rates).min(initial=1.0), 0.99), 1)
    if quantity == "steps":
        return LogNorm(1, max(values_of(rates).max(initial=0.0), 2.0), clip=True)
    bounded = values_of(rates, KINDS.index("diverging"))
    values = bounded if bounded.size else values_of(rates)
    high = values.max(initial=0.0) or 1.0
    return LogNorm(min(max(values.min(initial=high), DEEPEST * high), high / 2), high, clip=True)


def values_of(rates: Rates, below: int = len(KINDS)) -> np.ndarray:
    """The values of all costs that there are, where the number of the behaviour is lower."""
    return np.concatenate(
        [values[np.isfinite(values) & (rates.behaviour[cost] < below)] for cost, values in rates.values.items()]
    )


def add_bar(ax: Axes, colors: ScalarMappable, rates: Rates, quantity: str, ours: bool) -> Colorbar:
    """The colour bar, with round ticks where colours go by our norm, and ends where values go beyond."""
    labels = {
        "loss": said("mean final loss"),
        "accuracy": said("mean final accuracy"),
        "steps": said("mean steps until every sample is right"),
    }
    low, high = colors.get_clim()
    values = values_of(rates)
    below, above = (values < low).any(), (values > high).any()
    ticks: dict[str, Any] = {"extend": EXTENDED[bool(below), bool(above)]}
    if quantity == "accuracy":
        ticks["format"] = percent
    elif ours:
        ticks |= {"ticks": colorbar_ticks(low, high), "format": tick_label}
    return add_colorbar(ax, colors, labels[quantity], **ticks)


def columns_of(rates: np.ndarray) -> np.ndarray:
    """The borders (r + 1,) of the columns of a map, halfway between rates (r,) on a logarithmic axis."""
    logs = np.log10(rates)
    halfway = (logs[1:] + logs[:-1]) / 2
    first, last = (logs[0] - halfway[:1], logs[-1] - halfway[-1:]) if len(halfway) else (0.5 * np.ones(1),) * 2
    return 10.0 ** np.concatenate([logs[0] - abs(first), halfway, logs[-1] + abs(last)])


def name_rows(ax: Axes, batch_sizes: np.ndarray) -> None:
    """Labels of rows, fewer where there are many; on the first of Axes that share them."""
    every = -(-len(batch_sizes) // MOST_NAMED)
    ax.set_yticks(np.arange(len(batch_sizes))[::every], [f"{size}" for size in batch_sizes[::every]])
    ax.yaxis.set_minor_locator(NullLocator())


def draw_stripes(ax: Axes, columns: np.ndarray, rows: np.ndarray, behaviour: np.ndarray) -> dict[str, LineCollection]:
    """Stripes over the cells that oscillate, and over those that diverge in both directions."""
    drawn = {}
    for kind in ("oscillating", "diverging"):
        cells = [outline(columns[j : j + 2], rows[i : i + 2]) for i, j in np.argwhere(behaviour == KINDS.index(kind))]
        if cells:
            drawn[kind] = LineCollection(stripes_of(kind), transform=ax.transAxes, zorder=2, **ink_of(ax, STRIPE))
            ax.add_collection(drawn[kind], autolim=False)
            drawn[kind].set_clip_path(Path.make_compound_path(*cells), ax.transData)
    return drawn


def outline(columns: np.ndarray, rows: np.ndarray) -> Path:
    """The outline of a cell between two columns and two rows."""
    return Path([(columns[k], rows[n]) for k, n in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))])


def stripes_of(kind: str) -> list[np.ndarray]:
    """Slanted lines (2, 2) over all of the unit square: upwards, of what diverges downwards too."""
    up = [np.array([(k / STRIPES, 0.0), (k / STRIPES + 1, 1.0)]) for k in range(-STRIPES, STRIPES)]
    return up if kind == "oscillating" else up + [line * (1, -1) + (0, 1) for line in up]


def draw_edges(
    ax: Axes, columns: np.ndarray, rows: np.ndarray, behaviour: np.ndarray, given: Keywords
) -> dict[str, LineCollection]:
    """The borders of cells where training ceases to converge, and, dashed, where from oscillating it diverges."""
    drawn = {}
    for kind, dashes in DASHES.items():
        borders = borders_of(columns, rows, behaviour, kind)
        if borders:
            ours = {"linestyle": dashes, "zorder": 3, "capstyle": "butt", **ink_of(ax, EDGE)}
            drawn[kind] = LineCollection(borders, **styled(LineCollection, ours, given))
            ax.add_collection(drawn[kind], autolim=False)
    return drawn


def borders_of(columns: np.ndarray, rows: np.ndarray, behaviour: np.ndarray, kind: str) -> list[np.ndarray]:
    """The sides (2, 2) of cells between behaviours (m, r) that the edge of a kind lies between."""
    upright = between(behaviour[:, :-1], behaviour[:, 1:]) == kind
    level = between(behaviour[:-1], behaviour[1:]) == kind
    sides = [np.array([(columns[j + 1], rows[i]), (columns[j + 1], rows[i + 1])]) for i, j in np.argwhere(upright)]
    return sides + [np.array([(columns[j], rows[i + 1]), (columns[j + 1], rows[i + 1])]) for i, j in np.argwhere(level)]


def between(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which edge is between behaviours: that of what converges, of what diverges among what doesn't, or ""."""
    edge = np.where(np.minimum(one, other) == KINDS.index("converging"), "converging", "diverging")
    return np.where(one == other, "", edge)


def ink_of(ax: Axes, width: float) -> dict[str, Any]:
    """Dark lines with a light edge, which are seen on any colour."""
    wide = width * scale_of(ax)
    edge = withStroke(linewidth=2.5 * wide, foreground="white")
    return {"colors": "black", "linewidths": wide, "path_effects": [edge]}


def handles_of(rates: Rates, quantity: str) -> list[Patch]:
    """What the legend has, if it is there: what oscillates, what diverges, and cells without a value."""
    behaviour = np.concatenate([some.ravel() for some in rates.behaviour.values()])
    missing = any(np.isnan(values).any() for values in rates.values.values())
    without = said("never every sample right") if quantity == "steps" else said("leaves the range of numbers")
    kinds: list[tuple[bool, dict[str, Any]]] = [
        (bool((behaviour == KINDS.index("oscillating")).any()), {"hatch": "///", "label": said("oscillates")}),
        (bool((behaviour == KINDS.index("diverging")).any()), {"hatch": "xxx", "label": said("diverges")}),
        (missing, {"facecolor": MISSING, "label": without}),
    ]
    return [Patch(**{"facecolor": "white", "edgecolor": "black"} | style) for there, style in kinds if there]
