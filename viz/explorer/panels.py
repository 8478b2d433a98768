"""What is drawn of a run: its path on the surface, the data with the model of a step, loss and accuracy along it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from viz.colors import LINE, TEXT, ink, inside, under, visible
from viz.explorer.live import box_around
from viz.fill import Fill, draw_contours, tick_label, ticks_of
from viz.language import said
from viz.paths import LOOKS
from viz.training import sigmoid, view_of
from viz.words import percent, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import ContourSet

    from viz.explorer.live import LiveFigure
    from viz.explorer.problem import Problem
    from viz.explorer.run import Run
    from viz.inputs import Grid

PATH = LOOKS[0].color
CLASS_0, CLASS_1 = "#0072B2", "#D55E00"
LOSS, ACCURACY = "#0072B2", "#B04A00"  # or as near to these as can be read
CURVE_POINTS = 200
MOST_DRAWN = 1000  # points of a path, twice, about one a pixel of a panel; and samples
MOST_LOGIT = 12.0  # shown: of a sigmoid no more can be seen
GOLDEN = 0.618  # by whose multiples samples of a class are spread, evenly however many there are
AROUND = 0.085, 0.095, 0.075, 0.03  # the panel of losses, in shares of the figure: its labels
LOWEST_LOSS = 1e-12  # drawn: that below is rounding


class SurfacePanel:
    """The surface of a cost with the whole path on it, the part up to a step on top of that, its start and the step."""

    def __init__(self, figure: LiveFigure, ax: Axes, bar: Axes, problem: Problem) -> None:
        self.ax, self.bar, self.problem = ax, bar, problem
        self.contours: ContourSet | None = None
        first, second = map(shown, problem.labels)
        ax.set(xlabel=first, ylabel=second, xlim=problem.s[[0, -1]], ylim=problem.t[[0, -1]])
        ax.set_title(shown(said("Loss surface: drag the start, or click")))
        halo = [withStroke(linewidth=4, foreground="white")]
        self.path = ax.plot([], [], color=PATH, linewidth=1, alpha=0.7, label="_path")[0]
        self.walked = ax.plot([], [], color=PATH, linewidth=2, path_effects=halo, label="_walked")[0]
        self.start = draw_mark(ax, "o", "white", 13)
        self.now = draw_mark(ax, "s", PATH, 9)
        figure.move(self.path, self.walked, self.start, self.now)

    def fill(self, grid: Grid) -> None:
        """Draws the surface of a cost in place of another."""
        if self.contours is not None:
            self.contours.remove()
        self.bar.clear()
        self.contours = draw_contours(self.ax, grid, Fill())
        self.ax.figure.colorbar(self.contours, cax=self.bar, **ticks_of(grid, self.contours))
        self.bar.minorticks_off()
        self.bar.set_title(shown(said("loss")), loc="left")

    def show(self, run: Run, k: int) -> None:
        """Moves the artists to a run and the k-th of its points."""
        drawn = drawn_of(len(run.steps))
        walked = np.append(drawn[drawn < k], k)
        self.path.set_data(run.s[drawn], run.t[drawn])
        self.walked.set_data(run.s[walked], run.t[walked])
        self.start.set_data(run.s[:1], run.t[:1])
        self.now.set_data(run.s[k : k + 1], run.t[k : k + 1])


class FeaturePanel:
    """Samples of one feature with the sigmoid of a step; the side that it calls class 1 is shaded, wrong ones
    are ringed."""

    def __init__(self, figure: LiveFigure, ax: Axes, problem: Problem) -> None:
        self.ax = ax
        self.left, self.right = view_of(problem.X[:, 0])
        self.at = np.linspace(self.left, self.right, CURVE_POINTS)
        x, self.y = problem.X[seen_of(problem), 0], problem.y[seen_of(problem)]
        label, view = labelled("x", problem), (self.left, self.right)
        furnish_data(ax, shown(said("The data, and the model after the step shown")), label, view)
        self.side = Rectangle((0, 0), 0, 1, transform=ax.get_xaxis_transform(), color=CLASS_1, alpha=0.13, linewidth=0)
        ax.add_patch(self.side)
        self.sigmoid = ax.plot([], [], color=ink(inside(ax)), linewidth=2)[0]
        self.x, self.points = x, draw_samples(ax, x, self.y, self.y)
        self.wrong = draw_rings(ax)
        figure.move(self.side, self.sigmoid, *self.points, self.wrong)

    def show(self, run: Run, k: int) -> None:
        (w, b), x, y = run.theta[k], self.x, self.y
        self.sigmoid.set_data(self.at, sigmoid(w * self.at + b))
        low, high = side_of_class_1(w, b, self.left, self.right)
        self.side.set(x=low, width=high - low)
        wrong = (w * x + b > 0) != (y > 0.5)
        self.wrong.set_data(x[wrong], y[wrong])


class LogitPanel:
    """Samples of many features by their logit at a step, with the sigmoid; wrong ones are ringed."""

    def __init__(self, figure: LiveFigure, ax: Axes, problem: Problem) -> None:
        self.ax, self.X, self.y = ax, problem.X[seen_of(problem)], problem.y[seen_of(problem)]
        view = -1.05 * MOST_LOGIT, 1.05 * MOST_LOGIT
        label = labelled(said("logit (beyond ±{most:g} at the edge)", most=MOST_LOGIT), problem)
        furnish_data(ax, shown(said("The samples by their logit after the step shown")), label, view)
        size: dict[str, Any] = {"width": view[1], "height": 1, "transform": ax.get_xaxis_transform()}
        ax.add_patch(Rectangle((0, 0), **size, color=CLASS_1, alpha=0.13, linewidth=0))
        at = np.linspace(*view, CURVE_POINTS)
        ax.plot(at, sigmoid(at), color=ink(inside(ax)), linewidth=2)
        spread = 0.16 * (np.arange(len(self.y)) * GOLDEN % 1 - 0.5)
        self.heights = self.y + spread
        self.points = draw_samples(ax, self.y, self.heights, self.y, 4)
        self.wrong = draw_rings(ax, 7)
        figure.move(*self.points, self.wrong)

    def show(self, run: Run, k: int) -> None:
        z = self.X @ run.theta[k, :-1] + run.theta[k, -1]
        at, one = np.clip(z, -MOST_LOGIT, MOST_LOGIT), self.y > 0.5
        for points, some in zip(self.points, (~one, one), strict=True):
            points.set_xdata(at[some])
        wrong = (z > 0) != one
        self.wrong.set_data(at[wrong], self.heights[wrong])


class ProgressPanel:
    """Loss and accuracy on all the data along a run, over the number of the step, with a line at the step shown."""

    def __init__(self, figure: LiveFigure, ax: Axes) -> None:
        self.ax, self.right = ax, ax.twinx()
        ax.set_xscale("symlog", linthresh=1, linscale=0.4)
        ax.set_yscale("log")
        ax.set_xlabel(shown(said("step")))
        loss, accuracy = (visible(color, under(ax), TEXT) for color in (LOSS, ACCURACY))
        ax.set_ylabel(shown(said("loss (solid)")), color=loss)
        self.right.set_ylabel(shown(said("accuracy (dashed)")), color=accuracy)
        self.right.set(ylim=(-0.04, 1.04), yticks=[0, 0.5, 1])
        self.right.yaxis.set_major_formatter(percent)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(written))
        self.loss = ax.plot([], [], color=loss, linewidth=2)[0]
        dashes: Any = (0, (4, 1.5))
        self.accuracy = self.right.plot([], [], color=accuracy, linewidth=1.8, linestyle=dashes)[0]
        self.line = self.right.axvline(0, color=visible("0.35", inside(ax), LINE), linewidth=1)
        self.now = draw_mark(self.right, "s", PATH, 7)
        self.now.set_clip_on(False)
        figure.part(ax, self.right, box=box_around(ax, *AROUND))
        figure.move(self.loss, self.accuracy, self.line, self.now)

    def show(self, run: Run, k: int) -> None:
        drawn = drawn_of(len(run.steps))
        loss = np.maximum(np.nan_to_num(run.loss[drawn], nan=LOWEST_LOSS), LOWEST_LOSS)
        self.loss.set_data(run.steps[drawn], loss)
        self.accuracy.set_data(run.steps[drawn], run.accuracy[drawn])
        self.line.set_xdata([run.steps[k]] * 2)
        self.now.set_data(run.steps[k : k + 1], run.accuracy[k : k + 1])
        fit_decades(self.ax, max(run.steps[-1], 1), loss)


def drawn_of(points: int) -> np.ndarray:
    """Which of so many points are drawn: all of a few, else some that are evenly spread and some by their logarithm,
    as most happens at first."""
    every = -(-points // MOST_DRAWN)
    by_logarithm = np.geomspace(1, points, MOST_DRAWN).astype(int) - 1
    return np.union1d(np.arange(0, points, every), np.append(by_logarithm, points - 1))


def fit_decades(ax: Axes, last: int, loss: np.ndarray) -> None:
    """Limits and ticks of a run: whole decades, so that they stay while a start is dragged about."""
    low, high = np.floor(np.log10(loss.min())), np.ceil(np.log10(loss.max()))
    high = max(high, low + 1)
    if (*ax.get_xlim(), *ax.get_ylim()) == (0, last, 10**low, 10**high):
        return
    between = np.arange(low, high + 1, max(1, round((high - low) / 3)))
    ax.set(xlim=(0, last), ylim=(10**low, 10**high))
    ax.yaxis.set_major_locator(FixedLocator(list(10**between)))
    ax.xaxis.set_major_locator(FixedLocator([0, *10 ** np.arange(np.floor(np.log10(last)) + 1)]))


def written(value: float, position: float | None = None) -> str:
    """A number of steps, or a loss, at a tick."""
    return tick_label(value, position) if value > 0 else "0"


def seen_of(problem: Problem) -> np.ndarray:
    """Which samples are drawn: of many some, evenly, as all would take a good part of a second."""
    samples = len(problem.y)
    return np.linspace(0, samples - 1, min(samples, MOST_DRAWN)).astype(int)


def labelled(label: str, problem: Problem) -> str:
    """The label of an axis, with how many samples are drawn if not all are."""
    samples = len(problem.y)
    if samples <= MOST_DRAWN:
        return shown(label)
    return shown(said("{label}; {some:,} of {all:,} samples", label=label, some=MOST_DRAWN, all=samples))


def furnish_data(ax: Axes, title: str, label: str, view: tuple[float, float]) -> None:
    """What stays of a panel of samples: labels, limits, and in the free strip above them what marks mean."""
    ax.set(title=title, xlabel=label, ylabel="y", xlim=view, ylim=(-0.15, 1.5), yticks=[0, 0.5, 1])
    ax.locator_params("x", nbins=6)


def draw_mark(ax: Axes, marker: str, color: Any, size: float) -> Line2D:
    style: dict[str, Any] = {"markeredgecolor": "black", "markeredgewidth": 1.5, "linestyle": "none"}
    return ax.plot([], [], marker=marker, color=color, markersize=size, **style)[0]


def draw_samples(ax: Axes, x: np.ndarray, heights: np.ndarray, y: np.ndarray, size: float = 7) -> tuple[Line2D, Line2D]:
    """Samples of class 0 and of class 1, circles and squares."""
    one, edge = y > 0.5, {"linestyle": "none", "markeredgecolor": "white", "markeredgewidth": size / 10}
    style: dict[str, Any] = edge | {"markersize": size}
    class_0 = ax.plot(x[~one], heights[~one], marker="o", color=CLASS_0, label=said("class 0"), **style)[0]
    return class_0, ax.plot(x[one], heights[one], marker="s", color=CLASS_1, label=said("class 1"), **style)[0]


def draw_rings(ax: Axes, size: float = 12) -> Line2D:
    """Rings around what is wrong; and the legend of all samples, in the strip above them."""
    rings = draw_mark(ax, "o", "none", size)
    rings.set(label=said("wrong"), markeredgecolor=ink(inside(ax)))
    ax.legend(loc="upper center", ncols=3, frameon=False, borderaxespad=0.1, handletextpad=0.1)
    return rings


def side_of_class_1(w: float, b: float, left: float, right: float) -> tuple[float, float]:
    """Where in a view w x + b > 0, (low, high)."""
    if w == 0:
        return (left, right) if b > 0 else (left, left)
    boundary = float(np.clip(-b / w, left, right))
    return (boundary, right) if w > 0 else (left, boundary)
