"""The data space: points, labels, and the model over them, once or after every epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, Normalize

from viz.colors import LINE, contrast, ink, inside, make_legible, visible
from viz.furniture import add_colorbar, add_legend, drawing
from viz.inputs import flat_axes, read_data, read_path, scalar
from viz.layout import root_figure
from viz.words import coordinate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike

    from viz.results import Data, History

CURVE_POINTS = 400  # about one a pixel of an Axes, so that a steep sigmoid is smooth


class DataPlot(NamedTuple):
    """What `plot_data` drew; `boundary` is None when it lies out of view."""

    ax: Axes
    class_0: Line2D
    class_1: Line2D
    line: Line2D
    sigmoid: Line2D
    boundary: Line2D | None
    legend: Legend

    @property
    def figure(self) -> Figure:
        return root_figure(self.ax)


class EpochsPlot(NamedTuple):
    """What `plot_epochs` drew; `curves` holds one curve per epoch."""

    ax: Axes
    class_0: Line2D
    class_1: Line2D
    curves: LineCollection
    colorbar: Colorbar
    legend: Legend

    @property
    def figure(self) -> Figure:
        return root_figure(self.ax)


def plot_data(data: Data, w: ArrayLike, b: ArrayLike, *, ax: Axes | None = None) -> DataPlot:
    """Draws the data by class, the line w x + b, its sigmoid and the decision boundary x = -b / w if it is in view.

    `data[:]` gives x (n, 1) and y (n, 1); a tuple (x, y) will do. `w` and `b` are numbers or arrays of one
    element. `ax` is a 2-D Axes or None for a new figure; its y axis goes from -0.1 to 2, which clips the line. Drawing
    on an Axes again replaces what the function drew there before.

    Returns `DataPlot`. ValueError for more than one feature or weight, no data, lengths that disagree, labels
    outside [0, 1] or values that aren't finite; TypeError if `ax` isn't a 2-D Axes.
    """
    x, y = read_data(data)
    w, b = scalar("w", w), scalar("b", b)
    ax = flat_axes(ax)
    left, right = view_of(x)
    at = np.linspace(left, right, CURVE_POINTS)
    ground = inside(ax)
    with drawing(ax, "data"):
        color = visible("#CC79A7", ground, LINE)
        (line,) = ax.plot(at, w * at + b, color=color, linewidth=1.6, linestyle="-.", label="line w x + b")
        (curve,) = ax.plot(at, sigmoid(w * at + b), color=ink(ground), linewidth=2, label="sigmoid(w x + b)")
        boundary = None
        if w != 0 and left < -b / w < right:
            boundary = draw_boundary(ax, -b / w, f"boundary x = {coordinate(-b / w, at)}")
        class_0, class_1 = draw_points(ax, x, y)
        ax.set(xlabel="x", ylabel="y", xlim=(left, right), ylim=(-0.1, 2))
        ax.locator_params("x", nbins=6)
        legend = add_legend(ax, loc="upper left" if w >= 0 else "upper right")
        make_legible(ax)
    return DataPlot(ax, class_0, class_1, line, curve, boundary, legend)


def draw_boundary(ax: Axes, x: float, label: str) -> Line2D:
    return ax.axvline(x, color=visible("0.45", inside(ax), LINE), linewidth=1.2, linestyle="--", label=label)


def plot_epochs(history: History, data: Data, *, ax: Axes | None = None) -> EpochsPlot:
    """Draws the model's sigmoid after each complete epoch over the data, coloured by epoch.

    `history` has w (steps, 1), b (steps,), its start and `steps_per_epoch`, and `every` if it holds not every step
    but every so many; `data` is as in `plot_data`. `ax` is a 2-D Axes or None for a new figure; the colour bar is an
    inset at its right. Drawing on an Axes again replaces what the function drew there before.

    Returns `EpochsPlot`. ValueError for less than one epoch, more than one weight or feature, shapes that disagree
    or values that aren't finite; TypeError if `ax` isn't a 2-D Axes or `history` lacks an attribute.
    """
    w, b = epoch_ends(history)
    x, y = read_data(data)
    ax = flat_axes(ax)
    left, right = view_of(x)
    at = np.linspace(left, right, CURVE_POINTS)
    heights = sigmoid(np.multiply.outer(w, at) + b[:, None])
    segments = np.stack(np.broadcast_arrays(at, heights), axis=-1)
    cmap, norm = epoch_colors(inside(ax)), Normalize(1, max(len(w), 2))
    curves = LineCollection(list(segments), cmap=cmap, norm=norm, linewidths=1.2)
    curves.set_array(np.arange(1, len(w) + 1))
    with drawing(ax, "epochs"):
        ax.add_collection(curves, autolim=False)
        colorbar = add_colorbar(ax, curves, "epoch", ticks=np.linspace(1, len(w), min(len(w), 6)).round())
        class_0, class_1 = draw_points(ax, x, y)
        ax.set(xlabel="x", ylabel="y and sigmoid(w x + b)", xlim=(left, right), ylim=(-0.1, 1.25))
        legend = add_legend(ax, loc="upper left", ncols=2)
        make_legible(ax)
    return EpochsPlot(ax, class_0, class_1, curves, colorbar, legend)


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


def draw_points(ax: Axes, x: np.ndarray, y: np.ndarray) -> tuple[Line2D, Line2D]:
    one = y > 0.5
    ground = inside(ax)
    style: dict[str, Any] = {
        "linestyle": "none",
        "markeredgecolor": "white",
        "markeredgewidth": 1,
        "markersize": 7,
        "zorder": 5,
    }
    (class_0,) = ax.plot(x[~one], y[~one], marker="o", color=visible("#0072B2", ground, LINE), label="class 0", **style)
    (class_1,) = ax.plot(x[one], y[one], marker="s", color=visible("#D55E00", ground, LINE), label="class 1", **style)
    return class_0, class_1


def view_of(x: np.ndarray) -> tuple[float, float]:
    margin = 0.05 * (np.ptp(x) or 1)
    return x.min() - margin, x.max() + margin


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * z))
