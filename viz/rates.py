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
STRIPE, EDGE = 0.6, 1.6  # points
MISSING = "lightgrey"
DEEPEST = 1e-4  # the lowest loss that has a colour of its own, relative to the highest
STRIPES = 34  # across an Axes and up: chosen by eye, so that colours between them are seen
MOST_NAMED = 12  # batch sizes with a label: more would lie on each other


class RatesPlot(NamedTuple):
    """What `plot_rates` drew: for each cost an Axes, its map, the stripes over what oscillates and diverges, and the
    edges of what converges and of what diverges, whatever there is of these."""

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
    """Draws, side by side, what each cost leads to with each learning rate, on a logarithmic axis, and batch size.

    `study` has the rates (r,), the batch_sizes (m,), and, of each cost, the mean final loss[cost] (m, r) and
    accuracy[cost], the mean first step at which every sample was right, steps[cost], and behaviour[cost], 0 where
    training converges, 1 where it oscillates and 2 where it diverges. `quantity` is which of "loss", "accuracy" and
    "steps" colours stand for; where it is NaN a cell is grey.

    Stripes are over what oscillates, crossed ones over what diverges; a line is where training ceases to converge, a
    dashed one where it begins to diverge. All of them can be told apart without colours.

    `cmap` and `norm` are colours of the quantity, `map_kw` keywords of `pcolormesh`, `edge_kw` of the lines'
    LineCollection; `title` is that of the figure.

    Returns `RatesPlot`, on a new figure. TypeError if an input lacks an attribute, ValueError for an unknown quantity,
    shapes that disagree, or rates and batch sizes that don't increase.
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
    bar = add_bar(row[-1], colors, quantity, norm is None) if colorbar else None
    if title is not None:
        figure.suptitle(shown(title))
    handles = handles_of(rates, quantity) if legend else []
    drawn = add_legend(foot, handles, [str(one.get_label()) for one in handles], small()) if handles else None
    for ax in row:
        add_foot(ax, legend=False)
    return RatesPlot(figure, axes, maps, stripes, edges, bar, drawn)


def colors_of(rates: Rates, quantity: str, cmap: str | Colormap | None, norm: Normalize | None) -> ScalarMappable:
    """The colours of a quantity, one norm for all costs."""
    usual = f"{CMAP}_r" if quantity == "steps" else CMAP
    return ScalarMappable(norm or norm_of(rates, quantity), colormaps.get_cmap(usual if cmap is None else cmap))


def norm_of(rates: Rates, quantity: str) -> Normalize:
    values = np.concatenate([some[np.isfinite(some)] for some in rates.values.values()])
    if quantity == "accuracy":
        return Normalize(min(values.min(initial=1.0), 0.99), 1)
    high = max(values.max(initial=0.0), 2.0) if quantity == "steps" else values.max(initial=0.0) or 1.0
    low = 1.0 if quantity == "steps" else max(values.min(initial=high), DEEPEST * high)
    return LogNorm(min(low, high / 2), high, clip=True)


def add_bar(ax: Axes, colors: ScalarMappable, quantity: str, ours: bool) -> Colorbar:
    """The colour bar, with round ticks where colours go by our norm."""
    labels = {
        "loss": said("mean final loss"),
        "accuracy": said("mean final accuracy"),
        "steps": said("mean steps until every sample is right"),
    }
    if quantity == "accuracy":
        return add_colorbar(ax, colors, labels[quantity], format=percent)
    low, high = colors.get_clim()
    ticks: dict[str, Any] = {"ticks": colorbar_ticks(low, high), "format": tick_label} if ours else {}
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
