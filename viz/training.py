"""The data space: points, labels, and the model over them, once or after every epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.collections import LineCollection
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize
from matplotlib.lines import Line2D

from viz.colors import LINE, contrast, ink, inside, visible
from viz.foot import add_foot
from viz.furniture import add_colorbar, drawing, styled
from viz.inputs import flat_axes, read_data, read_path, scalar
from viz.language import said
from viz.layout import points, root_figure, scale_of
from viz.words import coordinate, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from numpy.typing import ArrayLike

    from viz.results import Data, History, Keywords

MOST_CURVES = 20  # chosen by eye: more can't be followed
LEAST_MOVE = 0.03  # of a curve up or down, for it to be seen beside the other
CURVE_POINTS = 400  # about one a pixel of an Axes, so that a steep sigmoid is smooth


class DataPlot(NamedTuple):
    """What `plot_data` drew.

    Attributes
    ----------
    ax : matplotlib.axes.Axes
        Where it was drawn.
    figure : matplotlib.figure.Figure
        The figure around it.
    class_0, class_1 : Line2D
        The points of both classes.
    line : Line2D
        The line w x + b.
    sigmoid : Line2D
        Its sigmoid, the probability of class 1.
    boundary : Line2D or None
        Where that is 1/2; None when it lies out of view.
    legend : Legend or None
        Under the label.

    See Also
    --------
    plot_data : returns it

    Examples
    --------
    >>> from logreg import lab_data
    >>> from viz import plot_data
    >>> plot_data(lab_data(), w=4.0, b=100.0).boundary is None
    True
    """

    ax: Axes
    class_0: Line2D
    class_1: Line2D
    line: Line2D
    sigmoid: Line2D
    boundary: Line2D | None
    legend: Legend | None

    @property
    def figure(self) -> Figure:
        return root_figure(self.ax)


class EpochsPlot(NamedTuple):
    """What `plot_epochs` drew.

    Attributes
    ----------
    ax : matplotlib.axes.Axes
        Where it was drawn.
    figure : matplotlib.figure.Figure
        The figure around it.
    class_0, class_1 : Line2D
        The points of both classes.
    curves : LineCollection
        A curve for each of `epochs`.
    colorbar : Colorbar or None
        At the right.
    legend : Legend or None
        Under the label.
    epochs : array
        Numbers of the epochs that are shown, counted from 1.

    See Also
    --------
    plot_epochs : returns it

    Examples
    --------
    >>> from logreg import LogisticRegression, lab_data, train
    >>> from viz import plot_epochs
    >>> data = lab_data()
    >>> history = train(LogisticRegression(1), data, lr=2, batch_size=3, epochs=5)
    >>> drawn = plot_epochs(history, data)
    >>> drawn.epochs[[0, -1]].tolist()
    [1, 5]
    """

    ax: Axes
    class_0: Line2D
    class_1: Line2D
    curves: LineCollection
    colorbar: Colorbar | None
    legend: Legend | None
    epochs: np.ndarray

    @property
    def figure(self) -> Figure:
        return root_figure(self.ax)


def plot_data(
    data: Data,
    w: ArrayLike,
    b: ArrayLike,
    *,
    ax: Axes | None = None,
    points_kw: Keywords = None,
    line_kw: Keywords = None,
    legend: bool = True,
    title: str | None = None,
) -> DataPlot:
    """The data by class, the line w x + b, its sigmoid and the decision boundary x = -b / w if it is in view.

    Parameters
    ----------
    data : data set or tuple (x, y)
        `data[:]` gives x (n, 1) and y (n, 1); a tuple will do.
    w, b : float, or array_like of one
        Weight and bias of the model.
    ax : matplotlib.axes.Axes, optional
        A 2-D Axes, or None for a new figure; its y axis goes from -0.1 to 2, which clips the line. Drawing on an Axes
        again replaces what the function drew there before.
    points_kw, line_kw : dict, optional
        Keywords of matplotlib's `plot`, for the points of both classes and for the model's lines.
    legend : bool
        Whether there is one, under the label.
    title : str, optional
        The text of it.

    Returns
    -------
    DataPlot
        The Axes and the artists that were drawn.

    Raises
    ------
    ValueError
        More than one feature or weight, no data, lengths that disagree, labels outside [0, 1] or values that aren't
        finite.
    TypeError
        `ax` isn't a 2-D Axes.

    See Also
    --------
    plot_epochs : the sigmoid of each epoch

    Examples
    --------
    >>> from logreg import lab_data
    >>> from viz import plot_data
    >>> drawn = plot_data(lab_data(), w=4.0, b=-1.0, title="A model")
    >>> drawn.boundary.get_xdata()
    [0.25, 0.25]
    """
    x, y = read_data(data)
    w, b = scalar("w", w), scalar("b", b)
    own, ax = ax is None, flat_axes(ax)
    left, right = view_of(x)
    at = np.linspace(left, right, CURVE_POINTS)
    ground = inside(ax)
    with drawing(ax, "data", own):
        pink = visible("#CC79A7", ground, LINE)
        line = draw_curve(ax, at, w * at + b, line_kw, color=pink, linestyle="-.", label=said("line w x + b"))
        curve = draw_curve(ax, at, sigmoid(w * at + b), line_kw, color=ink(ground), label=said("sigmoid(w x + b)"))
        boundary = None
        if w != 0 and left < -b / w < right:
            label = said("boundary x = {x}", x=coordinate(-b / w, at))
            boundary = draw_boundary(ax, -b / w, label, line_kw)
        class_0, class_1 = draw_points(ax, x, y, points_kw)
        ax.set(xlabel="x", ylabel="y", xlim=(left, right), ylim=(-0.1, 2))
        ax.locator_params("x", nbins=6)
        if title is not None:
            ax.set_title(shown(title))
        drawn_legend, _ = add_foot(ax, legend=legend)
    return DataPlot(ax, class_0, class_1, line, curve, boundary, drawn_legend)


def draw_curve(ax: Axes, at: np.ndarray, values: np.ndarray, given: Keywords, **ours: Any) -> Line2D:
    return ax.plot(at, values, **styled(Line2D, {"linewidth": 1.8 * scale_of(ax), **ours}, given))[0]


def draw_boundary(ax: Axes, x: float, label: str, given: Keywords) -> Line2D:
    ours = {"color": visible("0.45", inside(ax), LINE), "linewidth": 1.2 * scale_of(ax), "linestyle": "--"}
    return ax.axvline(x, label=label, **styled(Line2D, ours, given))


def plot_epochs(
    history: History,
    data: Data,
    *,
    most: int | None = MOST_CURVES,
    ax: Axes | None = None,
    cmap: str | Colormap | None = None,
    norm: Normalize | None = None,
    points_kw: Keywords = None,
    line_kw: Keywords = None,
    colorbar: bool = True,
    legend: bool = True,
    title: str | None = None,
) -> EpochsPlot:
    """The model's sigmoid after complete epochs over the data, coloured by epoch.

    Parameters
    ----------
    history : History
        What has w (steps, 1), b (steps,), its start and `steps_per_epoch`, and `every` if it holds not every step but
        every so many.
    data : data set or tuple (x, y)
        As in `plot_data`.
    most : int or None
        How many curves are drawn at most: those of the first and the last epoch and, between these, of epochs that are
        even in how far the curve has moved; None: that of each epoch.
    ax : matplotlib.axes.Axes, optional
        A 2-D Axes, or None for a new figure; the colour bar is an inset at its right, with a shade for each curve.
        Drawing on an Axes again replaces what the function drew there before.
    cmap, norm : colormap and norm, optional
        Colours of the epochs.
    points_kw : dict, optional
        Keywords of `plot`.
    line_kw : dict, optional
        Keywords of a LineCollection.
    colorbar, legend : bool
        Whether there is one.
    title : str, optional
        The text of it.

    Returns
    -------
    EpochsPlot
        The Axes and the artists that were drawn.

    Raises
    ------
    ValueError
        Less than one epoch, `most` below 2, more than one weight or feature, shapes that disagree or values that aren't
        finite.
    TypeError
        `ax` isn't a 2-D Axes, or `history` lacks an attribute.

    See Also
    --------
    plot_data : one model over the data
    animate : a run, step by step

    Examples
    --------
    >>> from logreg import LogisticRegression, lab_data, train
    >>> from viz import plot_epochs
    >>> data = lab_data()
    >>> history = train(LogisticRegression(1), data, lr=2, batch_size=3, epochs=5)
    >>> drawn = plot_epochs(history, data)
    >>> drawn.figure.savefig("epochs.png")
    """
    w, b = epoch_ends(history)
    x, y = read_data(data)
    check_most(most)
    own, ax = ax is None, flat_axes(ax)
    left, right = view_of(x)
    at = np.linspace(left, right, CURVE_POINTS)
    heights = sigmoid(np.multiply.outer(w, at) + b[:, None])
    epochs = np.arange(1, len(w) + 1) if most is None else 1 + evenly_moved(heights, most)
    segments = np.stack(np.broadcast_arrays(at, heights[epochs - 1]), axis=-1)
    cmap = epoch_colors(inside(ax)) if cmap is None else colormaps.get_cmap(cmap)
    ours = {
        "cmap": cmap,
        "norm": shade_of_each(epochs, cmap) if norm is None else norm,
        "linewidths": 1.2 * scale_of(ax),
    }
    curves = LineCollection(list(segments), **styled(LineCollection, ours, line_kw))
    curves.set_array(epochs)
    with drawing(ax, "epochs", own):
        ax.add_collection(curves, autolim=False)
        bar = add_bar(ax, curves, epochs) if colorbar else None
        class_0, class_1 = draw_points(ax, x, y, points_kw)
        ax.set(xlabel="x", ylabel=said("y and sigmoid(w x + b)"), xlim=(left, right), ylim=(-0.1, 1.25))
        if title is not None:
            ax.set_title(shown(title))
        drawn_legend, _ = add_foot(ax, legend=legend)
    return EpochsPlot(ax, class_0, class_1, curves, bar, drawn_legend, epochs)


def check_most(most: int | None) -> None:
    from kernels.arguments import numbers

    if most is not None:
        numbers.integer("most", most, 2)


def evenly_moved(heights: np.ndarray, most: int) -> np.ndarray:
    """At most so many indices of curves (n, points): the first, the last, and between these such that a curve moves
    about as far to each as to the next, and far enough that they aren't on each other."""
    moved = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(heights, axis=0)).max(axis=1))])
    number = min(most, 1 + max(1, int(moved[-1] / LEAST_MOVE)))
    found = np.searchsorted(moved, np.linspace(0, moved[-1], number)).clip(0, len(heights) - 1)
    return np.unique([0, *found[1:-1], len(heights) - 1])


def shade_of_each(epochs: np.ndarray, cmap: Colormap) -> Normalize:
    """One shade for each of the epochs."""
    if len(epochs) == 1 or len(epochs) > cmap.N:
        return Normalize(1, max(int(epochs[-1]), 2))
    edges = [epochs[0] - 0.5, *(epochs[:-1] + epochs[1:]) / 2, epochs[-1] + 0.5]
    return BoundaryNorm(edges, cmap.N)


def add_bar(ax: Axes, curves: LineCollection, epochs: np.ndarray) -> Colorbar:
    """The colour bar: of shades of our own norm each with its epoch, or as many as there is room for."""
    norm = curves.norm
    if not isinstance(norm, BoundaryNorm) or len(norm.boundaries) != len(epochs) + 1:
        return add_colorbar(ax, curves, said("epoch"), ticks=np.linspace(1, epochs[-1], min(len(epochs), 6)).round())
    middles = (norm.boundaries[:-1] + norm.boundaries[1:]) / 2
    room = ax.bbox.height / root_figure(ax).dpi * 72 / (1.5 * points("ytick.labelsize"))
    some = np.unique(np.linspace(0, len(epochs) - 1, max(2, min(len(epochs), int(room)))).round().astype(int))
    bar = add_colorbar(ax, curves, said("epoch"), spacing="uniform", ticks=middles[some])
    bar.set_ticklabels([str(epoch) for epoch in epochs[some]])
    return bar


def epoch_colors(ground: np.ndarray) -> ListedColormap:
    """The part of viridis that can be seen on `ground`, the clearest for the last epoch."""
    shades = colormaps["viridis"](np.linspace(0, 1, 256))[:, :3]
    seen = contrast(shades, ground)
    order = np.argsort(seen)
    return ListedColormap(shades[order[seen[order] >= LINE]])


def epoch_ends(history: History) -> tuple[np.ndarray, np.ndarray]:
    path = read_path(history)
    per_epoch = int(scalar("history.steps_per_epoch", getattr(history, "steps_per_epoch", 0)))
    if per_epoch < 1:
        raise ValueError(f"history.steps_per_epoch is {per_epoch}; accepted: at least 1")
    every = int(scalar("history.every", getattr(history, "every", 1)))
    if every < 1 or per_epoch % every:
        raise ValueError(f"history.every is {every}; accepted: what divides the {per_epoch} steps of an epoch")
    kept = per_epoch // every
    w, b = path.s[kept::kept], path.t[kept::kept]
    if len(w) == 0:
        raise ValueError(f"history has {len(path.s) - 1} steps; accepted: those of an epoch, {per_epoch}, or more")
    return w, b


def draw_points(ax: Axes, x: np.ndarray, y: np.ndarray, given: Keywords) -> tuple[Line2D, Line2D]:
    one, ground, scale = y > 0.5, inside(ax), scale_of(ax)
    style = {"linestyle": "none", "markeredgecolor": "white", "markeredgewidth": scale, "markersize": 7 * scale}
    circles = style | {"marker": "o", "color": visible("#0072B2", ground, LINE), "label": said("class 0"), "zorder": 5}
    squares = style | {"marker": "s", "color": visible("#D55E00", ground, LINE), "label": said("class 1"), "zorder": 5}
    (class_0,) = ax.plot(x[~one], y[~one], **styled(Line2D, circles, given))
    (class_1,) = ax.plot(x[one], y[one], **styled(Line2D, squares, given))
    return class_0, class_1


def view_of(x: np.ndarray) -> tuple[float, float]:
    margin = 0.05 * (np.ptp(x) or 1)
    return x.min() - margin, x.max() + margin


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * z))
