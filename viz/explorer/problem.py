"""What is explored: samples, and a window of a plane of parameters; of one feature that of weight and bias."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from viz.inputs import Grid, finite_array, monotonic_axis, require, scalar
from viz.language import said

if TYPE_CHECKING:
    from viz.results import Data

POINTS = 200  # of each axis: a surface takes milliseconds, and its contours are smooth
SMALLEST = 1e-90  # the largest abs(x), so that weights of its window can be drawn
LAB_WINDOW = (-20.0, 20.0), (-15.0, 15.0)  # the lab's, widened to where its training ends


class Problem(NamedTuple):
    """Samples X (n, d), y (n,), and a window s (ns,), t (nt,) of parameters theta (d + 1,), the bias last, which are
    center + s s_direction + t t_direction; what both axes are in words."""

    X: np.ndarray
    y: np.ndarray
    center: np.ndarray
    s_direction: np.ndarray
    t_direction: np.ndarray
    s: np.ndarray
    t: np.ndarray
    labels: tuple[str, str]

    @property
    def has_one_feature(self) -> bool:
        return self.X.shape[1] == 1

    @property
    def is_of_weight_and_bias(self) -> bool:
        """Whether the plane's coordinates are the parameters themselves."""
        axes = self.center, self.s_direction, self.t_direction
        return self.has_one_feature and np.array_equal(axes, ((0, 0), (1, 0), (0, 1)))

    def theta_at(self, s: float, t: float) -> np.ndarray:
        """The parameters (d + 1,) at a point of the plane."""
        return self.center + s * self.s_direction + t * self.t_direction

    def project(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """s (k,) and t (k,) of the points of the plane that are nearest to theta (k, d + 1)."""
        away = theta - self.center
        if self.is_of_weight_and_bias:
            return away[:, 0], away[:, 1]
        directions = np.column_stack([self.s_direction, self.t_direction])
        s, t = np.linalg.pinv(directions) @ away.T
        return s, t

    def contains(self, s: Any, t: Any) -> np.ndarray:
        """Whether points are in the window, in their shape."""
        return (self.s[0] <= s) & (s <= self.s[-1]) & (self.t[0] <= t) & (t <= self.t[-1])

    def grid_of(self, loss: str) -> Grid:
        """A loss over the window."""
        from kernels import logit_plane, surface_on_plane

        plane = logit_plane(self.X, self.center, self.s_direction, self.t_direction)
        Z = np.asarray(surface_on_plane(plane, self.y, self.s, self.t, loss=loss).loss)
        return Grid(self.s, self.t, Z, name_of_mean(loss), ("s", "t"), self.labels)


def name_of_mean(loss: str) -> str:
    """The mean of a cost in words, with its unit."""
    return {"bce": said("mean cross-entropy (nats)"), "mse": said("mean squared error")}[loss]


def read_problem(data: Data | None, surface: Any) -> Problem:
    """The `Problem` of data, the lab's if None, in the window of a surface, if there is one.

    ValueError for data of several features without a plane, a plane of other parameters, or a penalty in the surface.
    """
    X, y = lab_data() if data is None else read_samples(data)
    if surface is not None and any(
        scalar(f"surface.{name}", getattr(surface, name, 0.0)) for name in ("l2", "l2_bias")
    ):
        raise ValueError("surface has a penalty, l2 or l2_bias; accepted: one of the loss alone, as that is trained")
    if hasattr(surface, "plane"):
        return on_plane(X, y, surface)
    if X.shape[1] > 1:
        raise ValueError(
            f"data x has {X.shape[1]} features and there is no plane; accepted: one feature, or a surface with the "
            "plane, as logreg.LossSurface.around(model, data) gives it"
        )
    if surface is not None:
        require("surface", surface, ("w", "b"))
        s, t = axis_of("surface.w", surface.w), axis_of("surface.b", surface.b)
    else:
        farthest = np.abs(X).max() or 1.0
        if farthest < SMALLEST:
            raise ValueError(f"data x has no value above {farthest:g} in size; accepted: one of {SMALLEST:g}, or all 0")
        s, t = (np.linspace(*window, POINTS) for window in LAB_WINDOW)
        s = s if data is None else s / farthest
    return Problem(X, y, np.zeros(2), np.eye(2)[0], np.eye(2)[1], s, t, (said("weight w"), said("bias b")))


def on_plane(X: np.ndarray, y: np.ndarray, surface: Any) -> Problem:
    """The problem on the plane of a surface with axes s and t."""
    require("surface", surface, ("s", "t"))
    require("surface.plane", surface.plane, ("center", "s_direction", "t_direction", "labels"))
    names = "center", "s_direction", "t_direction"
    vectors = [finite_array(f"surface.plane.{name}", getattr(surface.plane, name)) for name in names]
    for name, vector in zip(names, vectors, strict=True):
        if vector.shape != (size := (X.shape[1] + 1,)):
            raise ValueError(f"surface.plane.{name} has shape {vector.shape}; accepted: (d + 1,) = {size}, as data has")
    center, s_direction, t_direction = vectors
    first, second = map(str, surface.plane.labels)
    axes = axis_of("surface.s", surface.s), axis_of("surface.t", surface.t)
    return Problem(X, y, center, s_direction, t_direction, *axes, (first, second))


def axis_of(name: str, values: Any) -> np.ndarray:
    """Evenly spaced points over the window of an axis."""
    axis = monotonic_axis(name, values)
    return np.linspace(axis.min(), axis.max(), POINTS)


def read_samples(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """X (n, d) and y (n,) from anything whose `data[:]` gives them; ValueError for other shapes or labels."""
    from kernels.arguments.dataset import pair

    x, y = pair(data)
    X, y = finite_array("data x", x), finite_array("data y", y)
    X = X[:, None] if X.ndim == 1 else X
    if X.ndim != 2 or X.size == 0:
        raise ValueError(f"data x has shape {X.shape}; accepted: (n, d) or (n,) with n >= 1")
    if y.shape not in ((len(X),), (len(X), 1)):
        raise ValueError(f"data y has shape {y.shape}; accepted: ({len(X)},) or ({len(X)}, 1), one label for each of x")
    if y.min() < 0 or y.max() > 1:
        raise ValueError(f"data y has values from {y.min():g} to {y.max():g}; accepted: labels in [0, 1]")
    return X, y.ravel()


def lab_data() -> tuple[np.ndarray, np.ndarray]:
    """The lab's data: X (20, 1) with the float32 values of torch.arange(-1, 1, 0.1), and y (20,), 1 where x > 0.2."""
    i = np.arange(20)
    lane = np.where(i < 16, i % 8, 0)  # torch rounds the start of each vector: 8 lanes and a scalar tail here
    x = ((-1 + 0.1 * (i - lane)).astype(np.float32) + 0.1 * lane).astype(np.float32)
    return x[:, None].astype(np.float64), (x > 0.2).astype(np.float64)
