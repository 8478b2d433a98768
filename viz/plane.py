"""Reads what is drawn over a plane of parameter space: a quantity as a grid, and a path projected on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from viz import losses
from viz.inputs import Grid, Path, finite_array, monotonic_axis, require, scalar

if TYPE_CHECKING:
    from viz.results import History, PlaneSurface

LARGEST_CONDITION = 1e9  # as many decades as the contours tell apart, and far from where rounding decides
NOTICEABLE = 1e-6  # distance from the plane, relative to how far the path goes


def read_plane_surface(surface: PlaneSurface, quantity: str) -> Grid:
    """The `Grid` of a quantity over a plane; that of "gradient" is the loss, of "hessian" its condition number.

    `surface` has s (ns,), t (nt,), plane.labels, l2 and, of loss, mse, accuracy, balanced_accuracy (nt, ns), gradient
    (2, nt, ns) and hessian (3, nt, ns), what is drawn. TypeError if an attribute is missing. ValueError if
    the quantity is, the grid is smaller than 2 x 2, shapes disagree or a value isn't finite or has the wrong sign.
    """
    require("surface", surface, ("s", "t", "plane", "l2"))
    s, t = monotonic_axis("surface.s", surface.s), monotonic_axis("surface.t", surface.t)
    require("surface.plane", surface.plane, ("labels",))
    first, second = map(str, surface.plane.labels)
    l2 = scalar("surface.l2", surface.l2)
    if quantity == "hessian":
        Z = condition_number(values_of(surface, quantity, (len(t), len(s))))
        too_large = "" if np.isfinite(Z).all() else "; grey: above $10^9$"
        label = f"condition number of the Hessian in this plane{too_large}"
        return Grid(s, t, Z, label, ("s", "t"), (first, second))
    name = "loss" if quantity == "gradient" else quantity
    Z = values_of(surface, name, (len(t), len(s)))
    if Z.min() < 0:
        raise ValueError(f"surface.{name} has values down to {Z.min():g}; accepted: values >= 0")
    label = losses.quantity_label(quantity, getattr(surface, "cost", "bce"), f" + {l2:g}/2 |w|²" if l2 else "")
    if quantity == "gradient":
        label += "\nlines: steepest descent"
    return Grid(s, t, Z, label, ("s", "t"), (first, second), "share" if losses.is_share(name) else "log")


def read_gradient(surface: PlaneSurface, grid: Grid) -> np.ndarray:
    """The gradient (2, nt, ns) of a plane's surface; ValueError if it is missing or the axes aren't even."""
    gradient = values_of(surface, "gradient", grid.Z.shape)
    for name, axis in (("s", grid.s), ("t", grid.t)):
        if not np.allclose(np.diff(axis), (axis[-1] - axis[0]) / (len(axis) - 1)):
            raise ValueError(f"surface.{name} is uneven; accepted: evenly spaced values where the gradient is drawn")
    return gradient


def read_projection(surface: PlaneSurface, history: History) -> tuple[Path, str]:
    """The `Path` of a history on the plane, and a sentence on how far it is from it, "" where it isn't.

    `surface.project(history)` gives s, t, distance, each (steps + 1,), and outside, the share of the path's
    variance that is not in the plane.
    """
    require("surface", surface, ("project",))
    require("surface.plane", surface.plane, ("s_direction", "t_direction"))
    found = surface.project(history)
    require("surface.project(history)", found, ("s", "t", "distance", "outside"))
    s, t, distance = (finite_array(f"the path's {name}", getattr(found, name)) for name in ("s", "t", "distance"))
    lengths = [np.linalg.norm(vector) for vector in (surface.plane.s_direction, surface.plane.t_direction)]
    reach = np.hypot(np.ptp(s) * lengths[0], np.ptp(t) * lengths[1])
    if distance.max() <= NOTICEABLE * reach:
        return Path(s, t), ""
    share = 100 * scalar("the path's outside", found.outside)
    return Path(
        s, t
    ), f"projected: {share:.3g} % of the path's variance\nis outside the plane, by up to {distance.max():.2g}"


def condition_number(hessian: np.ndarray) -> np.ndarray:
    """Ratio of the sizes of the eigenvalues of a symmetric 2 x 2 matrix, (3, ...) as ss, st, tt; infinite if it is too
    large."""
    ss, st, tt = hessian / np.maximum(np.abs(hessian).max(axis=0), 1e-300)
    larger = np.abs(ss + tt) / 2 + np.hypot((ss - tt) / 2, st)
    with np.errstate(divide="ignore", invalid="ignore"):
        condition = larger**2 / np.abs(ss * tt - st**2)  # the determinant is the product of both
    return np.where(condition <= LARGEST_CONDITION, condition, np.inf)


def values_of(surface: PlaneSurface, name: str, grid: tuple[int, ...]) -> np.ndarray:
    values = getattr(surface, name, None)
    if values is None:
        held = [other for other in losses.quantities() if getattr(surface, other, None) is not None]
        raise ValueError(f"surface has no {name}, only {held}; accepted: a surface whose quantities include {name!r}")
    array, shape = finite_array(f"surface.{name}", values), (*losses.lead_of(name), *grid)
    if array.shape != shape:
        raise ValueError(f"surface.{name} has shape {array.shape}; accepted: {shape}")
    return array
