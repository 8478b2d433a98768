"""Drop-ins for the class and the function that the original lab notebook defines."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from .inputs import read_data, to_numpy
from .surface import plot_contour, plot_surface
from .training import plot_data


class _Minimum(NamedTuple):
    w: float
    b: float
    loss: float


class _Surface(NamedTuple):
    w: np.ndarray
    b: np.ndarray
    Z: np.ndarray
    loss: str
    minimum: _Minimum


class _Recorded(NamedTuple):
    """A history whose start is the first pair recorded, the class never seeing the parameters before a step."""

    w: np.ndarray
    b: np.ndarray
    start_w: float
    start_b: float
    start_loss: float
    losses: np.ndarray

    def full_loss(self):
        return self.losses


class plot_error_surfaces:
    """The mean cross-entropy of logistic regression over (w, b) and the path that training takes on it.

    `X`, `Y` are `(n, 1)` or `(n,)`, arrays or tensors, kept as NumPy arrays in `x`, `y`. `w`, `b`, `Z` are float64
    meshgrids `(n_samples, n_samples)` over [-w_range, w_range] x [-b_range, b_range]. `W`, `B` and `LOSS` list what
    was recorded, and `n` counts it. Unless `go` is false the surface and its contours are drawn. Each drawing makes
    new pyplot figures, never calls `plt.show`, and takes the path's height from the loss over all of X and Y.

    ValueError for a range that isn't positive, fewer than 2 samples per axis, or data that isn't one feature and
    labels in [0, 1].
    """

    def __init__(self, w_range, b_range, X, Y, n_samples=30, go=True):
        from kernels import loss_surface

        if not (0 < w_range < np.inf and 0 < b_range < np.inf and n_samples >= 2):
            raise ValueError(
                "w_range and b_range must be positive and finite and n_samples at least 2, got "
                f"{w_range}, {b_range}, {n_samples}"
            )
        self.x, self.y = to_numpy(X), to_numpy(Y)
        w, b = np.linspace(-w_range, w_range, n_samples), np.linspace(-b_range, b_range, n_samples)
        self.w, self.b = np.meshgrid(w, b)
        self.Z = loss_surface(*read_data((self.x, self.y)), w, b)
        self.W, self.B, self.LOSS = [], [], []
        self.n = 0
        if go:
            plot_surface(self._surface()).ax.set_title("Loss Surface")
            plot_contour(self._surface()).ax.set_title("Loss Surface Contour")

    def set_para_loss(self, model, loss):
        """Record the weight and the bias, the first two of `model.parameters()`, and `loss` as it is given."""
        weight, bias = (parameter.item() for parameter in list(model.parameters())[:2])
        self.W.append(weight)
        self.B.append(bias)
        self.LOSS.append(loss)
        self.n += 1

    def final_plot(self):
        """Draw the surface as a wireframe and, in a second figure, as contours, each with the recorded path.

        ValueError if nothing was recorded.
        """
        path = self._path("final_plot")
        plot_surface(self._surface(), path, wireframe=True)
        plot_contour(self._surface(), path)

    def plot_ps(self):
        """Draw the data with the latest model beside the contours with the path so far, in a new figure.

        ValueError if nothing was recorded.
        """
        path = self._path("plot_ps")
        figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
        figure.get_layout_engine().set(wspace=0.06)
        plot_data((self.x, self.y), self.W[-1], self.B[-1], ax=left)
        plot_contour(self._surface(), path, ax=right)
        left.set_title(f"Data Space Iteration: {self.n}")
        right.set_title(f"Loss Surface Contour Iteration: {self.n}")

    def _surface(self):
        w, b = self.w[0], self.b[:, 0]
        row, column = np.unravel_index(self.Z.argmin(), self.Z.shape)
        return _Surface(w, b, self.Z, "bce", _Minimum(w[column], b[row], self.Z[row, column]))

    def _path(self, caller):
        if not self.W:
            raise ValueError(f"{caller} needs a recorded step: call set_para_loss(model, loss) after a training step")
        x, y = read_data((self.x, self.y))
        losses = np.array([_mean_cross_entropy(w * x + b, y) for w, b in zip(self.W, self.B, strict=True)])
        W, B = np.array(self.W), np.array(self.B)
        return _Recorded(W[1:, None], B[1:], W[0], B[0], losses[0], losses[1:])


def PlotStuff(X, Y, model, epoch, leg=True):
    """Draw the model's curve over `X (n, 1)`, labelled by its epoch, and the labels `Y` onto the current axes.

    `model(X)` gives probabilities `(n, 1)`. The legend is drawn if `leg`. Returns the two lines.
    """
    ax = plt.gca()
    (curve,) = ax.plot(to_numpy(X), to_numpy(model(X)), label=f"epoch {epoch}")
    (labels,) = ax.plot(to_numpy(X), to_numpy(Y), color="black", linewidth=1, marker=".")
    if leg:
        ax.legend()
    return curve, labels


def _mean_cross_entropy(z, y):
    """Cross-entropy of logits `z (n,)` against labels `y (n,)`, from logits so that it never saturates."""
    return np.mean(y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z))
