"""The loss and other quantities along a line of parameter space, several lines or two quantities on one Axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary, ref

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from viz import losses
from viz.colors import LINE, inside, make_legible, visible
from viz.fill import colorbar_ticks, tick_label
from viz.foot import add_foot
from viz.furniture import drawing, is_drawn, styled
from viz.inputs import finite_array, flat_axes, penalty_of, require, scalar
from viz.language import said
from viz.layout import root_figure, scale_of
from viz.marks import edge
from viz.paths import look_of
from viz.words import percent, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

    from viz.results import Keywords, Line

MARKERS = "osD^v"
MARK = 7  # points
SCALES = "linear", "log"


class Curve(NamedTuple):
    """Quantities along a line: alpha (n,), values (n,) and words of each, points {name: alpha}, and its keywords."""

    alpha: np.ndarray
    values: tuple[np.ndarray, ...]
    words: tuple[str, ...]
    along: str
    marks: dict[str, float]
    keywords: Keywords


class Kept(NamedTuple):
    """What was drawn on an Axes: which quantities, by which scale, of which lines by their labels; the right side."""

    names: tuple[str, ...]
    yscale: str
    curves: dict[str, Curve]
    twin: ref[Axes] | None


class LinePlot(NamedTuple):
    """What `plot_line` drew of a line; None what has nothing to show.

    Attributes
    ----------
    ax : matplotlib.axes.Axes
        Where it was drawn.
    figure : matplotlib.figure.Figure
        The figure around it.
    line : Line2D
        The first quantity.
    marks : dict
        {name: mark} of the points on it.
    legend : Legend or None
        Under the label.
    twin : Axes or None
        The right side.
    twin_line : Line2D or None
        The second quantity.
    lines : dict
        {label: (line, twin_line)} of all on the Axes.

    See Also
    --------
    plot_line : returns it

    Examples
    --------
    >>> from logreg import LossLine, lab_data
    >>> from viz import plot_line
    >>> drawn = plot_line(LossLine.between([0.0, 0.0], [8.0, -2.0], lab_data()), quantity=("loss", "accuracy"))
    >>> list(drawn.marks), drawn.twin_line is not None
    (['model a', 'model b'], True)
    """

    ax: Axes
    line: Line2D
    marks: dict[str, Line2D]
    legend: Legend | None
    twin: Axes | None
    twin_line: Line2D | None
    lines: dict[str, tuple[Line2D, Line2D | None]]

    @property
    def figure(self) -> Figure:
        return root_figure(self.ax)


kept_on: WeakKeyDictionary[Axes, Kept] = WeakKeyDictionary()


def plot_line(
    line: Line,
    *,
    quantity: str | tuple[str, str] = "loss",
    ax: Axes | None = None,
    label: str | None = None,
    yscale: str = "linear",
    line_kw: Keywords = None,
    marks_kw: Keywords = None,
    legend: bool = True,
    title: str | None = None,
) -> LinePlot:
    """A quantity along a line of parameter space, or two, the second by an axis at the right, with the line's points.

    Parameters
    ----------
    line : LossLine
        What has alpha (n,), increasing, label (what alpha is, in words), marks {name: alpha}, cost (the name of the
        loss) and the quantities as attributes, each (n,) or None: loss, mse, accuracy, balanced_accuracy, gradient and
        hessian, the first and second derivative along the line. `l2` and `l2_bias` are said with the loss.
    quantity : str or pair of str
        A name, or a pair of names; shares are in per cent.
    ax : matplotlib.axes.Axes, optional
        A 2-D Axes, or None for a new figure. Lines of other labels that show the same quantities stay on it, in their
        own colours and dashes; what else the function drew there is replaced.
    label : str, optional
        The name of the line in the legend.
    yscale : {"linear", "log"}
        Of the first quantity.
    line_kw, marks_kw : dict, optional
        Keywords of `plot` for the lines and for the points.
    legend : bool
        Whether there is one, under the label.
    title : str, optional
        The text of it.

    Returns
    -------
    LinePlot
        The Axes and the artists that were drawn.

    Raises
    ------
    TypeError
        `ax` isn't a 2-D Axes, or `line` lacks an attribute.
    ValueError
        A quantity that isn't there, shapes that disagree, values that aren't finite, or a logarithmic scale of what
        isn't positive.

    See Also
    --------
    logreg.LossLine : lines that it draws

    Examples
    --------
    >>> from logreg import LossLine, lab_data
    >>> from viz import plot_line
    >>> line = LossLine.between([0.0, 0.0], [8.0, -2.0], lab_data(), resolution=51)
    >>> drawn = plot_line(line, yscale="log")
    >>> drawn.ax.get_xlabel(), drawn.line.get_ydata().shape
    ('from model a (0) to model b (1)', (51,))
    """
    names = tuple(quantity) if isinstance(quantity, (tuple, list)) else (quantity,)
    name = "" if label is None else str(label)
    curve = read_curve(line, names, line_kw)
    check_scale(yscale, names[0], curve.values[0])
    own, ax = ax is None, flat_axes(ax)
    curves = with_earlier(ax, names, yscale) | {name: curve}
    with drawing(ax, "line", own):
        twin = ax.twinx() if len(names) == 2 else None
        kept_on[ax] = Kept(names, yscale, {}, None if twin is None else ref(twin))
        sides = [ax] if twin is None else [ax, twin]
        for side, which in zip(sides, names, strict=True):
            label_side(side, curves, which, sides.index(side), yscale)
        lines = {key: draw_curve(sides, one, names, key, k) for k, (key, one) in enumerate(curves.items())}
        marks = {key: draw_marks(ax, one, names[0], marks_kw) for key, one in curves.items()}
        for side in sides:
            side.relim()
            side.autoscale_view(scalex=False)
        if title is not None:
            ax.set_title(shown(title))
        drawn_legend, _ = add_foot(ax, legend=legend, twin=twin)
    kept_on[ax] = kept_on[ax]._replace(curves=curves)
    drawn, *right = lines[name]
    both = {key: (first, second[0] if second else None) for key, (first, *second) in lines.items()}
    return LinePlot(ax, drawn, marks[name], drawn_legend, twin, right[0] if right else None, both)


def read_curve(line: Line, names: tuple[str, ...], keywords: Keywords) -> Curve:
    """The Curve of one or two quantities."""
    require("line", line, ("alpha", "label", "marks", "cost"))
    alpha = finite_array("line.alpha", line.alpha)
    if alpha.ndim != 1 or len(alpha) < 2 or (np.diff(alpha) <= 0).any():
        raise ValueError(f"line.alpha has shape {alpha.shape}; accepted: (n,), n >= 2, strictly increasing values")
    accepted = losses.quantities()
    if len(names) not in (1, 2) or any(name not in accepted for name in names):
        found = repr(names[0]) if len(names) == 1 else repr(names)
        raise ValueError(f"quantity is {found}; accepted: {', '.join(map(repr, accepted))}, or a pair of these")
    if line.cost not in losses.names():
        raise ValueError(f"line.cost is {line.cost!r}; accepted: {', '.join(map(repr, losses.names()))}")
    if not isinstance(line.marks, Mapping):
        raise TypeError(f"line.marks is a {type(line.marks).__name__}; accepted: {{name: alpha}}")
    values = tuple(values_of(line, name, len(alpha)) for name in names)
    words = tuple(losses.label_along_line(name, line.cost, penalty_of(line)) for name in names)
    marks = {str(name): scalar(f"line.marks[{name!r}]", at) for name, at in line.marks.items()}
    return Curve(alpha, values, words, str(line.label), marks, keywords)


def values_of(line: Line, name: str, n: int) -> np.ndarray:
    values = getattr(line, name, None)
    if values is None:
        held = [other for other in losses.quantities() if getattr(line, other, None) is not None]
        raise ValueError(f"line has no {name}, only {held}; accepted: a line whose quantities include {name!r}")
    array = finite_array(f"line.{name}", values)
    if array.shape != (n,):
        raise ValueError(f"line.{name} has shape {array.shape}; accepted: ({n},), as alpha has")
    return array


def check_scale(yscale: str, name: str, values: np.ndarray) -> None:
    if yscale not in SCALES:
        raise ValueError(f"yscale is {yscale!r}; accepted: {', '.join(map(repr, SCALES))}")
    if yscale == "log" and values.min() <= 0:
        raise ValueError(f"yscale is 'log' and line.{name} has values down to {values.min():g}; accepted: 'linear'")


def with_earlier(ax: Axes, names: tuple[str, ...], yscale: str) -> dict[str, Curve]:
    """The curves that stay on an Axes where others are drawn; the right side that belongs to them is taken off."""
    earlier = kept_on.get(ax)
    if earlier is None:
        return {}
    twin = None if earlier.twin is None else earlier.twin()
    if twin is not None and twin in root_figure(ax).axes:
        twin.remove()
    return earlier.curves if (earlier.names, earlier.yscale) == (names, yscale) and is_drawn(ax, "line") else {}


def label_side(side: Axes, curves: dict[str, Curve], name: str, which: int, yscale: str) -> None:
    """The labels, the scale and the ticks of one side, the left one being that of the Axes itself."""
    side.set_yscale(yscale if which == 0 else "linear")
    if losses.is_share(name):
        side.yaxis.set_major_formatter(percent)
    elif side.get_yscale() == "log":
        values = np.concatenate([curve.values[which] for curve in curves.values()])
        side.yaxis.set_major_locator(FixedLocator(colorbar_ticks(values.min(), values.max()).tolist()))
        side.yaxis.set_major_formatter(tick_label)
        side.yaxis.set_minor_locator(NullLocator())
    side.set_ylabel(shown("\n".join(dict.fromkeys(curve.words[which] for curve in curves.values()))))
    ends = np.array([curve.alpha[[0, -1]] for curve in curves.values()])
    along = shown("\n".join(dict.fromkeys(curve.along for curve in curves.values())))
    side.set(xlabel=along if which == 0 else "", xlim=(ends[:, 0].min(), ends[:, 1].max()))
    make_legible(side)


def draw_curve(sides: list[Axes], curve: Curve, names: tuple[str, ...], label: str, k: int) -> list[Line2D]:
    """The lines of a curve, one a side, each in a look of its own."""
    lines = []
    for which, (side, values) in enumerate(zip(sides, curve.values, strict=True)):
        look = look_of(k * len(sides) + which)
        ours = {
            "color": visible(look.color, inside(sides[0]), LINE),
            "linestyle": look.dashes,
            "linewidth": 1.8 * scale_of(sides[0]),
            "drawstyle": "steps-mid" if losses.is_share(names[which]) else "default",
            "label": entry_of(label, names, which),
        }
        lines += side.plot(curve.alpha, values, **styled(Line2D, ours, curve.keywords))
    return lines


def entry_of(label: str, names: tuple[str, ...], which: int) -> str:
    """What a line is called in the legend; nothing, "_", if there is nothing to tell it from."""
    if len(names) == 1:
        return label or "_"
    quantity = losses.short_name(names[which])
    quantity = said("{quantity} (right)", quantity=quantity) if which else quantity
    return f"{label}: {quantity}" if label else quantity


def draw_marks(ax: Axes, curve: Curve, name: str, given: Keywords) -> dict[str, Line2D]:
    """The points of a line that are in view, each in the legend once."""
    scale = scale_of(ax)
    style: dict[str, Any] = {"linestyle": "none", "color": "white", "markersize": MARK * scale, "zorder": 5}
    labelled, marks = ax.get_legend_handles_labels()[1], {}
    for k, (mark, at) in enumerate(curve.marks.items()):
        if not curve.alpha[0] <= at <= curve.alpha[-1]:
            continue
        nearest = curve.values[0][np.abs(curve.alpha - at).argmin()]
        value = nearest if losses.is_share(name) else np.interp(at, curve.alpha, curve.values[0])
        ours = style | edge(scale) | {"marker": MARKERS[k % len(MARKERS)], "clip_on": False}
        ours["label"] = f"_{mark}" if mark in labelled else mark
        marks[mark] = ax.plot(at, value, **styled(Line2D, ours, given))[0]
    return marks
