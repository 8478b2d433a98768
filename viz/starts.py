"""Which starts training leads to accuracy 1 from, and how soon: a map for each cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from viz.foot import add_foot, add_legend, small
from viz.furniture import add_colorbar, styled
from viz.inputs import Starts, read_starts, scalar
from viz.language import said
from viz.layout import YieldingLayout, scale_of, size_of
from viz.losses import title_of
from viz.marks import Mark, covered, inches_of
from viz.words import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.contour import ContourSet
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.legend import Legend

    from viz.results import Keywords, Study

STARTS_A_BIN = 12  # on average; chosen by eye: with fewer a bin's colour is chance, with more bins are coarse
MOST_BINS = 300  # along each axis: fewer than pixels of its Axes
CMAP = "viridis_r"
FAILED, HATCH = "#D55E00", "//"  # black lines on it: by its colour alone it is that of some step in grey print
EMPTY = "white"
MARKERS = "osD^v"
MARKER_SIZE, CLEAR = 9, 8  # points: of a mark, and from the edge, on which one may be, to the labels of its ticks

Point: TypeAlias = tuple[str, float, float]


class StartsPlot(NamedTuple):
    """What `plot_starts` drew: for each cost an Axes and its map.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        A new one.
    axes : dict
        {cost: Axes}.
    maps : dict
        {cost: AxesImage}.
    marks : dict
        {cost: list of Line2D} of the points that were to be marked.
    hatched : dict
        {cost: ContourSet}, the hatching of what failed, None where nothing did.
    colorbar : Colorbar or None
        Of the number of steps.
    legend : Legend or None
        Under the maps.

    See Also
    --------
    plot_starts : returns it

    Examples
    --------
    >>> from logreg import lab_data, study_starts
    >>> from viz import plot_starts
    >>> study = study_starts(lab_data(), 15, 13, 500, lr=2, batch_size=3, epochs=20, seed=0)
    >>> list(plot_starts(study).axes)
    ['bce', 'mse']
    """

    figure: Figure
    axes: dict[str, Axes]
    maps: dict[str, AxesImage]
    marks: dict[str, list[Line2D]]
    colorbar: Colorbar | None
    legend: Legend | None
    hatched: dict[str, ContourSet | None]


def plot_starts(
    study: Study,
    *,
    marks: dict[str, tuple[float, float]] | None = None,
    cmap: str | Colormap | None = None,
    norm: Normalize | None = None,
    map_kw: Keywords = None,
    marks_kw: Keywords = None,
    colorbar: bool = True,
    legend: bool = True,
    title: str | None = None,
) -> StartsPlot:
    """Maps, side by side, of which starts each cost leads to accuracy 1 from, and after how many steps.

    Parameters
    ----------
    study : StartsStudy
        What has the starts w (k,), b (k,), their window w_range, b_range, and, of each cost, the final accuracy[cost]
        (k,) and steps[cost] (k,), the first step at which every sample was classified correctly; `total_steps` is the
        length of a run.
    marks : dict, optional
        {name: (w, b)}, points to be marked.
    cmap, norm : colormap and norm, optional
        Colours of the steps.
    map_kw : dict, optional
        Keywords of `imshow`.
    marks_kw : dict, optional
        Keywords of `plot`.
    colorbar, legend : bool
        Whether there is one.
    title : str, optional
        That of the figure.

    Returns
    -------
    StartsPlot
        A new figure and the artists that were drawn.

    Raises
    ------
    TypeError
        An input lacks an attribute.
    ValueError
        Shapes that disagree, no starts, starts outside their window, or values that aren't finite.

    See Also
    --------
    logreg.study_starts : what it draws
    plot_rates : by learning rate and batch size

    Notes
    -----
    The window is cut into at most 300 x 300 bins of about 12 starts each. A bin is hatched if most of its starts end
    below accuracy 1 (or diverge), else it has the colour of the mean number of steps of those that don't; a bin without
    a start is white. Titles state the share of starts.

    Examples
    --------
    >>> from logreg import lab_data, study_starts
    >>> from viz import plot_starts
    >>> study = study_starts(lab_data(), 15, 13, 500, lr=2, batch_size=3, epochs=20, seed=0)
    >>> drawn = plot_starts(study, marks={"by hand": (5, 10)})
    >>> drawn.figure.savefig("starts.png")
    """
    starts = read_starts(study)
    points = [] if marks is None else read_marks(marks)
    most = max(starts.total_steps, 2)
    colors = ScalarMappable(LogNorm(1, most, clip=True) if norm is None else norm, CMAP if cmap is None else cmap)
    figure, row, foot = figure_of_maps(len(starts.steps))
    axes = dict(zip(starts.steps, row, strict=True))
    maps, marked, hatched = {}, {}, {}
    for cost, ax in axes.items():
        steps, count = binned(starts, cost)
        maps[cost] = draw_map(ax, starts, steps, count, colors, map_kw)
        hatched[cost] = hatch(ax, starts, np.isnan(steps) & (count > 0))
        marked[cost] = draw_marks(ax, points, marks_kw)
        keep_labels_clear(ax)
        share = np.mean(starts.succeeded[cost])
        ax.set(xlabel=said("weight w at the start"), xlim=starts.w_range, ylim=starts.b_range)
        title_of_map = said(
            "{loss}: accuracy 1 from {share} of the starts", loss=title_of(cost), share=rounded_percent(share)
        )
        ax.set_title(shown(title_of_map))
    row[0].set_ylabel(said("bias b at the start"))
    bar = add_bar(row[-1], colors, starts.total_steps, norm is None) if colorbar else None
    if title is not None:
        figure.suptitle(shown(title))
    failed = Patch(
        facecolor=FAILED, edgecolor="black", hatch=2 * HATCH, linewidth=0, label=said("ends below accuracy 1")
    )
    handles = [failed, *marked[cost]]
    entries = [(handle, str(handle.get_label())) for handle in handles]
    drawn_legend = add_legend(foot, entries, small()) if legend else None
    for ax in row:
        add_foot(ax, covered(places_of(ax, starts, points), scale_of(ax)) if ax is row[0] else (), legend=False)
    return StartsPlot(figure, axes, maps, marked, bar, drawn_legend, hatched)


def add_bar(ax: Axes, colors: ScalarMappable, total: int, ours: bool) -> Colorbar:
    """The colour bar of steps, with round ticks where they go by our norm."""
    label = said("steps until every sample is right (of {total:,}; 0 drawn as 1)", total=total)
    bar = add_colorbar(ax, colors, label, format="%.0f")
    if ours:
        bar.set_ticks(round_steps(max(total, 2)), minor=False)
    return bar


def binned(starts: Starts, cost: str) -> tuple[np.ndarray, np.ndarray]:
    """The map (bins of b, bins of w): mean steps of the starts of a bin that succeed, NaN where fewer than half do, and
    the number of starts of each bin."""
    bins = int(np.clip(np.sqrt(len(starts.w) / STARTS_A_BIN), 1, MOST_BINS))
    columns, rows = (
        np.minimum(((values - low) * (bins / (high - low))).astype(int), bins - 1)
        for values, (low, high) in ((starts.w, starts.w_range), (starts.b, starts.b_range))
    )
    bin_of = rows * bins + columns
    good = starts.succeeded[cost]
    count = np.bincount(bin_of, minlength=bins * bins)
    successes = np.bincount(bin_of, good, bins * bins)
    steps = np.bincount(bin_of, np.where(good, starts.steps[cost], 0), bins * bins)
    mean = np.divide(steps, successes, out=np.full(bins * bins, np.nan), where=(2 * successes >= count) & (count > 0))
    return mean.reshape(bins, bins), count.reshape(bins, bins)


def read_marks(marks: dict[str, tuple[float, float]]) -> list[Point]:
    """[(name, w, b)]"""
    if not isinstance(marks, dict):
        raise TypeError(f"marks is a {type(marks).__name__}; accepted: {{name: (w, b)}} or None")
    for name, point in marks.items():
        if not (hasattr(point, "__len__") and len(point) == 2):
            raise TypeError(f"marks[{name!r}] is {point!r}; accepted: (w, b)")
    return [(name, scalar(f"marks[{name!r}]", w), scalar(f"marks[{name!r}]", b)) for name, (w, b) in marks.items()]


def figure_of_maps(maps: int) -> tuple[Figure, list[Axes], Axes]:
    """A figure, its row of Axes, and one under these for the legend, so that any layout engine makes room for it."""
    figure = plt.figure(figsize=size_of(1, maps), layout=YieldingLayout())
    grid = figure.add_gridspec(2, maps, height_ratios=(1, 1e-3))
    row = [figure.add_subplot(grid[0, 0])]
    for column in range(1, maps):
        row.append(figure.add_subplot(grid[0, column], sharex=row[0], sharey=row[0]))
        row[-1].tick_params(labelleft=False)
    foot = figure.add_subplot(grid[1, :])
    foot.set_axis_off()
    return figure, row, foot


def draw_map(
    ax: Axes, starts: Starts, steps: np.ndarray, count: np.ndarray, colors: ScalarMappable, given: Keywords
) -> AxesImage:
    pixels = colors.to_rgba(np.maximum(np.nan_to_num(steps), 1))
    pixels[np.isnan(steps)] = to_rgba(FAILED)
    pixels[count == 0] = to_rgba(EMPTY)
    extent = (*starts.w_range, *starts.b_range)
    ax.grid(False)  # which some styles draw over images
    ours = {"origin": "lower", "extent": extent, "aspect": "auto", "interpolation": "nearest"}
    return ax.imshow(pixels, **ours | dict(given or {}))


def hatch(ax: Axes, starts: Starts, failed: np.ndarray) -> ContourSet | None:
    """Lines over the bins that failed (bins of b, bins of w)."""
    if not failed.any():
        return None
    (left, right), (low, high), bins = starts.w_range, starts.b_range, len(failed)
    middles = (np.arange(-1, bins + 1) + 0.5) / bins  # with bins beyond the edge, so that lines go up to it
    at = left + middles * (right - left), low + middles * (high - low)
    lines = ax.contourf(*at, np.pad(failed.astype(float), 1, "edge"), levels=(0.5, 1.5), colors="none", hatches=[HATCH])
    lines.set(edgecolor="black", linewidth=0)
    return lines


def places_of(ax: Axes, starts: Starts, points: list[Point]) -> list[Mark]:
    """The marks where they are in the picture, with their names."""
    unit = inches_of(ax, np.array(starts.w_range), np.array(starts.b_range))
    return [
        Mark(said("start {name}", name=name), complex(*(np.array([w, b]) * unit)), MARKER_SIZE) for name, w, b in points
    ]


def draw_marks(ax: Axes, points: list[Point], given: Keywords) -> list[Line2D]:
    scale = scale_of(ax)
    style = {"linestyle": "none", "markersize": MARKER_SIZE * scale, "color": "white", "clip_on": False}
    style |= {"markeredgecolor": "black", "markeredgewidth": 1.5 * scale}
    return [
        ax.plot(
            w,
            b,
            label=said("start {name}", name=name),
            **styled(Line2D, style | {"marker": MARKERS[k % len(MARKERS)]}, given),
        )[0]
        for k, (name, w, b) in enumerate(points)
    ]


def keep_labels_clear(ax: Axes) -> None:
    ax.tick_params("x", pad=max(mpl.rcParams["xtick.major.pad"], CLEAR))
    ax.tick_params("y", pad=max(mpl.rcParams["ytick.major.pad"], CLEAR))


def round_steps(most: int) -> list[float]:
    """1, 3, 10, 30, ... up to `most`."""
    ticks = np.outer(10.0 ** np.arange(19), (1, 3)).ravel()
    return ticks[ticks <= most].tolist()


def rounded_percent(share: float) -> str:
    """One digit after the point, but 0 % and 100 % only where it is none or all."""
    text = f"{100 * share:.1f} %"
    if text == "100.0 %":
        return "100 %" if share == 1 else "> 99.9 %"
    if text == "0.0 %":
        return "0 %" if share == 0 else "< 0.1 %"
    return text
