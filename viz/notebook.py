"""Drop-ins for the class and the function that the original lab notebook defines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from viz.colors import ink, inside
from viz.contour import ContourPlot, plot_contour
from viz.display import Display
from viz.inputs import read_data, scalar, to_numpy
from viz.language import said
from viz.losses import mean_at, names
from viz.surface import SurfacePlot, plot_surface
from viz.training import plot_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from mpl_toolkits.mplot3d import Axes3D
    from numpy.typing import ArrayLike
    from torch import nn


class LabSurface(NamedTuple):
    """The loss over the lab's axes w (nw,), b (nb,)."""

    w: np.ndarray
    b: np.ndarray
    Z: np.ndarray
    loss: str

    @property
    def minimum(self) -> tuple[float, float, float]:
        from kernels.results import lowest_point

        return lowest_point(self.w, self.b, self.Z)


class RecordedPath(NamedTuple):
    """A history of recorded pairs, the first of them its start; losses are those over the data x (n,), y (n,)."""

    w: np.ndarray
    b: np.ndarray
    start_w: float
    start_b: float
    x: np.ndarray
    y: np.ndarray
    loss: str

    @property
    def start_loss(self) -> float:
        return self.loss_at(self.start_w, self.start_b)

    def full_loss(self) -> np.ndarray:
        return np.array([self.loss_at(w, b) for w, b in zip(self.w[:, 0], self.b, strict=True)])

    def loss_at(self, w: float, b: float) -> float:
        return mean_at(self.loss, w * self.x + b, self.y)


class plot_error_surfaces:
    """The loss of logistic regression over (w, b) and the path that training takes on it, as the lab draws both.

    Parameters
    ----------
    w_range, b_range : float
        The window is [-w_range, w_range] x [-b_range, b_range].
    X, Y : array_like (n, 1) or (n,)
        The feature and the labels, arrays or tensors.
    n_samples : int
        Points per axis, at least 2.
    go : bool
        Whether the surface and its contours are drawn at once.
    loss : {"bce", "mse", "focal"}
        The mean cross-entropy, the mean squared error of the probabilities, or the mean focal loss.

    Attributes
    ----------
    x, y : array
        X and Y as NumPy arrays.
    w, b, Z : array (n_samples, n_samples)
        Float64 meshgrids, and the loss there.
    W, B, LOSS : list
        What was recorded.
    n : int
        How many there are.

    Raises
    ------
    ValueError
        A range that isn't positive, fewer than 2 samples per axis, another loss, or data that isn't one feature and
        labels in [0, 1].

    See Also
    --------
    PlotStuff : the notebook's other function
    plot_contour : pictures outside that notebook

    Notes
    -----
    A picture is shown as soon as it is drawn, below the cell of a notebook or in a window, one for each kind, which
    stays until the program ends; nothing waits. Pyplot has none of these figures: what a cell plots next isn't drawn on
    them, and `plt.show` doesn't wait for them. `figures` holds the latest of each kind: "surface", "contour",
    "iteration", "final surface", "final contour".

    The path's height is the loss over all of X and Y. Its first point is marked as the first recorded: the start, if
    `set_para_loss` was called before training too, else what the first step led to. Steps whose parameters aren't
    finite are left out of it, and the title counts them.

    Examples
    --------
    >>> from logreg import LogisticRegression, lab_data
    >>> from viz import plot_error_surfaces
    >>> x, y = lab_data()[:]
    >>> get_surface = plot_error_surfaces(15, 13, x, y, n_samples=30, go=False)
    >>> get_surface.Z.shape
    (30, 30)
    >>> get_surface.set_para_loss(LogisticRegression(1), 0.7)
    >>> get_surface.n, get_surface.LOSS
    (1, [0.7])
    """

    def __init__(
        self,
        w_range: ArrayLike,
        b_range: ArrayLike,
        X: ArrayLike,
        Y: ArrayLike,
        n_samples: int = 30,
        go: bool = True,
        *,
        loss: str = "bce",
    ) -> None:
        from kernels import loss_surface
        from kernels.arguments import memory, numbers

        w_most, b_most = scalar("w_range", w_range), scalar("b_range", b_range)
        if not (w_most > 0 and b_most > 0):
            raise ValueError(f"w_range is {w_most:g} and b_range {b_most:g}; accepted: numbers > 0")
        self.loss = numbers.one_of("loss", loss, names())
        points = numbers.integer("n_samples", n_samples, 2)
        memory.check_fits((points, points, 3), np.float64)
        self.x, self.y = to_numpy(X), to_numpy(Y)
        w, b = np.linspace(-w_most, w_most, points), np.linspace(-b_most, b_most, points)
        self.w, self.b = np.meshgrid(w, b)
        x, y = read_data((self.x, self.y))
        self.Z = np.asarray(loss_surface(x, y, w, b, loss=loss))
        self.W: list[float] = []
        self.B: list[float] = []
        self.LOSS: list[Any] = []
        self.n = 0
        self.display = Display()
        if go:
            draw_surface(self, "surface").set_title(said("Loss Surface"))
            draw_contour(self, "contour").set_title(said("Loss Surface Contour"))
            self.display.show("surface", "contour")

    @property
    def figures(self) -> dict[str, Figure]:
        """The latest figure of each kind, by its name."""
        return self.display.figures

    def set_para_loss(self, model: nn.Module, loss: Any) -> None:
        """Records the weight and the bias of a model, and a loss.

        Parameters
        ----------
        model : torch.nn.Module
            Of whose `model.parameters()` the first two are recorded.
        loss : float or tensor
            Kept as it is given; only a tensor that requires a gradient is detached, as a graph needn't be kept and
            can't be plotted.

        Raises
        ------
        TypeError
            What has no parameters; nothing is recorded then.
        ValueError
            The first two aren't of one element each; nothing is recorded then.
        """
        if not hasattr(model, "parameters"):
            raise TypeError(f"model is a {type(model).__name__}; accepted: a torch.nn.Module")
        parameters = list(model.parameters())[:2]
        if [parameter.numel() for parameter in parameters] != [1, 1]:
            shapes = [tuple(parameter.shape) for parameter in parameters]
            raise ValueError(f"model has first parameters of shapes {shapes}; accepted: one weight, then one bias")
        weight, bias = (parameter.item() for parameter in parameters)
        self.W.append(weight)
        self.B.append(bias)
        self.LOSS.append(loss.detach() if getattr(loss, "requires_grad", False) else loss)
        self.n += 1

    get_stuff = set_para_loss  # as copies of 2018 call it

    def final_plot(self) -> None:
        """Draws the surface as a wireframe and, in a second figure, as contours, each with the recorded path.

        Raises
        ------
        ValueError
            Nothing was recorded.
        """
        steps, path = finite_path(self, "final_plot")
        for ax in draw_surface(self, "final surface", path, wireframe=True), draw_contour(self, "final contour", path):
            ax.set_title(how_many_are_left_out(self, steps))
        self.display.show("final surface", "final contour")

    def plot_ps(self) -> None:
        """Draws the data with the latest model whose parameters are finite beside the contours with the path so far.

        Raises
        ------
        ValueError
            Nothing was recorded.
        """
        steps, path = finite_path(self, "plot_ps")
        left, right = self.display.new_figure("iteration", columns=2).subplots(1, 2)
        if path is None:
            left.set_title(said("Data Space: no finite model"))
            left.set_axis_off()
        else:
            latest = steps[-1]
            plot_data((self.x, self.y), self.W[latest], self.B[latest], ax=left)
            left.set_title(said("Data Space Iteration: {step}", step=latest + 1))
        mark_first_recorded(plot_contour(surface_of(self), path, ax=right))
        titles = said("Loss Surface Contour Iteration: {step}", step=self.n), how_many_are_left_out(self, steps)
        right.set_title("\n".join(filter(None, titles)))
        self.display.show("iteration")


def PlotStuff(
    X: ArrayLike, Y: ArrayLike, model: Callable[[Any], ArrayLike], epoch: int, leg: bool = True
) -> tuple[Line2D, Line2D]:
    """The lines of the model's curve over X, labelled by its epoch, and of the labels Y, drawn onto the current axes.

    Parameters
    ----------
    X, Y : array_like (n, 1)
        The feature and the labels, arrays or tensors.
    model : callable
        `model(X)` gives probabilities (n, 1).
    epoch : int
        The number in the label.
    leg : bool
        Whether the legend is drawn.

    Returns
    -------
    tuple of Line2D
        The curve, and the labels.

    See Also
    --------
    plot_epochs : all epochs in one picture

    Examples
    --------
    >>> from logreg import LogisticRegression, lab_data
    >>> from viz import PlotStuff
    >>> x, y = lab_data()[:]
    >>> curve, labels = PlotStuff(x, y, LogisticRegression(1), epoch=20)
    >>> curve.get_label()
    'epoch 20'
    """
    ax = plt.gca()
    (curve,) = ax.plot(to_numpy(X), to_numpy(model(X)), label=said("epoch {number}", number=epoch))
    (labels,) = ax.plot(to_numpy(X), to_numpy(Y), color=ink(inside(ax)), linewidth=1, marker=".")
    if leg:
        ax.legend()
    return curve, labels


def draw_surface(
    lab: plot_error_surfaces, name: str, path: RecordedPath | None = None, wireframe: bool = False
) -> Axes3D:
    ax = lab.display.new_figure(name).add_subplot(projection="3d")
    return mark_first_recorded(plot_surface(surface_of(lab), path, wireframe=wireframe, ax=ax))


def draw_contour(lab: plot_error_surfaces, name: str, path: RecordedPath | None = None) -> Axes:
    ax = lab.display.new_figure(name).add_subplot()
    return mark_first_recorded(plot_contour(surface_of(lab), path, ax=ax))


def surface_of(lab: plot_error_surfaces) -> LabSurface:
    return LabSurface(lab.w[0], lab.b[:, 0], lab.Z, lab.loss)


def finite_path(lab: plot_error_surfaces, caller: str) -> tuple[np.ndarray, RecordedPath | None]:
    """Indices of the steps at which no logit overflows, and these steps as a history, None if there are none."""
    if not lab.W:
        raise ValueError(
            f"{caller} has no recorded step; accepted: one or more, each by set_para_loss(model, loss) after a step"
        )
    x, y = read_data((lab.x, lab.y))
    W, B = np.array(lab.W), np.array(lab.B)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.flatnonzero(np.isfinite(len(x) * (np.abs(W) * np.abs(x).max() + np.abs(B))))
    if len(steps) == 0:
        return steps, None
    W, B = W[steps], B[steps]
    return steps, RecordedPath(W[1:, None], B[1:], W[0], B[0], x, y, lab.loss)


def how_many_are_left_out(lab: plot_error_surfaces, steps: np.ndarray) -> str:
    left_out = lab.n - len(steps)
    return said("{number} of {steps} recorded steps not finite", number=left_out, steps=lab.n) if left_out else ""


def mark_first_recorded(drawn: SurfacePlot | ContourPlot) -> Axes:
    """The Axes of a drawing whose path begins with the first pair recorded, which needn't be the start of training."""
    if drawn.start is not None and drawn.legend is not None:
        label = drawn.start.get_label()
        first = said("first recorded")
        drawn.start.set_label(first)
        next(text for text in drawn.legend.get_texts() if text.get_text() == label).set_text(first)
    return drawn.ax
