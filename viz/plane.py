"""Reads what is drawn over (w, b) or a plane of parameter space: a quantity as a grid, a path projected on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from viz import losses
from viz.inputs import (
    Grid,
    Path,
    finite_array,
    monotonic_axis,
    penalty_of,
    read_minimum,
    read_surface,
    require,
    scalar,
)
from viz.language import said

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from viz.results import LossSurface, PlaneSurface

LARGEST_CONDITION = 1e9  # as many decades as the contours tell apart, and far from where rounding decides
NOTICEABLE = 1e-6  # distance from the plane, relative to how far the path goes


class Projected(NamedTuple):
    """A path on a plane, how far it goes from there, 0 if that is rounding, and the share of its variance outside."""

    path: Path
    farthest: float
    outside: float


def is_plane(surface: LossSurface | PlaneSurface) -> TypeIs[PlaneSurface]:
    return hasattr(surface, "plane")


def read_grid(surface: LossSurface | PlaneSurface, quantity: str, accepted: tuple[str, ...]) -> Grid:
    """The `Grid` that a quantity is; ValueError for another one than is accepted."""
    accepted = accepted if is_plane(surface) else ("loss",)
    if quantity not in accepted:
        raise ValueError(f"quantity is {quantity!r}; accepted: {', '.join(map(repr, accepted))}")
    return read_plane_surface(surface, quantity) if is_plane(surface) else read_surface(surface)


def lowest_of(surface: LossSurface | PlaneSurface, grid: Grid, quantity: str) -> tuple[float, float] | None:
    """Where the loss or the squared error is lowest on the grid; None for other quantities."""
    if not is_plane(surface):
        return read_minimum(surface)
    if quantity == "hessian" or losses.is_share(quantity):
        return None
    from kernels.results import lowest_point

    return lowest_point(grid.s, grid.t, grid.Z)[:2]


def notes_of(surface: LossSurface | PlaneSurface) -> list[str]:
    """A sentence on how sharp the loss is, where the surface has it, as `sharpness` with `largest` and `trace`."""
    sharpness = getattr(surface, "sharpness", None)
    if sharpness is None:
        return []
    require("surface.sharpness", sharpness, ("largest", "trace"))
    largest, trace = (scalar(f"surface.sharpness.{name}", getattr(sharpness, name)) for name in ("largest", "trace"))
    values = {"largest": f"{largest:.3g}", "trace": f"{trace:.3g}"}
    return [said("sharpness at the centre: largest eigenvalue {largest}, trace {trace}", **values)]


def read_plane_surface(surface: PlaneSurface, quantity: str) -> Grid:
    """The `Grid` of a quantity over a plane; that of "gradient" is the loss, of "hessian" its condition number.

    `surface` has s (ns,), t (nt,), plane.labels, l2, l2_bias if that isn't 0 and, of loss, mse, accuracy,
    balanced_accuracy (nt, ns), gradient (2, nt, ns) and hessian (3, nt, ns), what is drawn. TypeError if an attribute
    is missing. ValueError if the quantity is, the grid is smaller than 2 x 2, shapes disagree or a value isn't finite
    or has the wrong sign.
    """
    require("surface", surface, ("s", "t", "plane", "l2"))
    s, t = monotonic_axis("surface.s", surface.s), monotonic_axis("surface.t", surface.t)
    require("surface.plane", surface.plane, ("labels",))
    first, second = map(str, surface.plane.labels)
    penalty = penalty_of(surface)
    if quantity == "hessian":
        Z = condition_number(values_of(surface, quantity, (len(t), len(s))))
        label = said("condition number of the Hessian in this plane")
        label += "" if np.isfinite(Z).all() else said("; grey: above $10^9$")
        return Grid(s, t, Z, label, ("s", "t"), (first, second))
    name = "loss" if quantity == "gradient" else quantity
    Z = values_of(surface, name, (len(t), len(s)))
    if Z.min() < 0:
        raise ValueError(f"surface.{name} has values down to {Z.min():g}; accepted: values >= 0")
    label = losses.quantity_label(quantity, getattr(surface, "cost", "bce"), penalty)
    if quantity == "gradient":
        label += "\n" + said("lines: steepest descent")
    return Grid(s, t, Z, label, ("s", "t"), (first, second), "share" if losses.is_share(name) else "log")


def read_gradient(surface: PlaneSurface, grid: Grid) -> np.ndarray:
    """The gradient (2, nt, ns) of a plane's surface; ValueError if it is missing or the axes aren't even."""
    gradient = values_of(surface, "gradient", grid.Z.shape)
    for name, axis in (("s", grid.s), ("t", grid.t)):
        if not np.allclose(np.diff(axis), (axis[-1] - axis[0]) / (len(axis) - 1)):
            raise ValueError(f"surface.{name} is uneven; accepted: evenly spaced values where the gradient is drawn")
    return gradient


def read_projection(surface: LossSurface | PlaneSurface, grid: Grid, run: Any, name: str) -> Projected:
    """Where a run is on a surface, by what `surface.project(run)` gives: s, t, distance, each (points,), and outside,
    the share of the path's variance that is not in the plane."""
    require("surface", surface, ("project",))
    found = surface.project(run)  # type: ignore[union-attr]  # which a surface of (w, b) needn't have
    require(f"surface.project({name})", found, ("s", "t", "distance", "outside"))
    s, t, distance = (
        np.atleast_1d(finite_array(f"the path's {part}", getattr(found, part))) for part in ("s", "t", "distance")
    )
    along_s, along_t = (np.ptp(axis if len(s) == 1 else way) for axis, way in ((grid.s, s), (grid.t, t)))
    unit_s, unit_t = lengths_of_directions(surface)
    farthest = distance.max()
    if farthest <= NOTICEABLE * np.hypot(along_s * unit_s, along_t * unit_t):
        farthest = 0.0
    return Projected(Path(s, t), farthest, scalar("the path's outside", found.outside))


def lengths_of_directions(surface: LossSurface | PlaneSurface) -> tuple[float, float]:
    """The lengths in parameter space of the units of both axes: 1 where they are w and b themselves."""
    plane: Any = getattr(surface, "plane", None)
    if plane is None:
        return 1.0, 1.0
    require("surface.plane", plane, ("s_direction", "t_direction"))
    return float(np.linalg.norm(plane.s_direction)), float(np.linalg.norm(plane.t_direction))


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
