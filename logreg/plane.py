"""The result of `LossSurface.around`: quantities over a plane of parameter space, saved, loaded, projected on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kernels.arguments import grids, memory, numbers
from kernels.results import Plan
from logreg import files
from logreg.directions import Plane, Projection, Run, path_of, project
from logreg.evaluation import check_penalty

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zipfile import ZipFile

FORMAT = 1
VECTORS = ("center", "s_direction", "t_direction")


class PlaneMinimum(NamedTuple):
    """The lowest point of a grid."""

    s: float
    t: float
    loss: float


@dataclass(frozen=True, eq=False)
class PlaneSurface:
    """Loss and what belongs to it over a plane of the parameters of a model, float64; None where not asked for.

    s (ns,), t (nt,)      axes, in units of the plane's directions
    plane                 Plane(center, s_direction, t_direction, labels, explained): theta at (s, t), and its axes
    loss (nt, ns)         mean cross-entropy + l2/2 |w|^2, row = t
    mse (nt, ns)          mean of (sigmoid(z) - y)^2
    accuracy (nt, ns)     share of samples classified correctly
    gradient (2, nt, ns)  of the loss, with respect to s and t
    hessian (3, nt, ns)   of the loss, as ss, st, tt
    l2                    the penalty that loss, gradient and hessian include
    plan                  how the kernels evaluated it: method, nodes, bound, reason
    """

    s: np.ndarray
    t: np.ndarray
    plane: Plane
    loss: np.ndarray | None
    mse: np.ndarray | None
    accuracy: np.ndarray | None
    gradient: np.ndarray | None
    hessian: np.ndarray | None
    l2: float
    plan: Plan

    @property
    def minimum(self) -> PlaneMinimum:
        """The lowest loss of the grid; ValueError if the loss was not asked for."""
        if self.loss is None:
            raise ValueError("the surface has no loss; accepted: a surface whose quantities include 'loss'")
        return PlaneMinimum(*lowest_point(self.s, self.t, self.loss))

    def project(self, history: Run) -> Projection:
        """Where the path of a History, its start included, lies on the plane: Projection(s, t, distance, outside).

        s, t, distance are those of the points of the path, its start, the steps that were kept and its end: the nearest
        points of the plane, and how far from it the path is; `outside` is the share of the path's variance at right
        angles to the plane. TypeError for what isn't one run of training, ValueError for another number of weights.
        """
        path, size = path_of(history), len(self.plane.center)
        if path.shape[1] != size:
            raise ValueError(f"history has {path.shape[1] - 1} weights; accepted: {size - 1}, as the plane has")
        return project(self.plane, path)

    def save(self, path: files.AnyPath) -> None:
        """Writes everything to `path` as npz, as `LossSurface.save` does; `LossSurface.load` reads it."""
        arrays = {"s": self.s, "t": self.t, **{name: getattr(self.plane, name) for name in VECTORS}}
        arrays |= {name: getattr(self, name) for name in grids.QUANTITIES if getattr(self, name) is not None}
        about = {"format": FORMAT, "l2": self.l2, "plan": self.plan, "labels": self.plane.labels}
        about = check_about(about | {"explained": self.plane.explained})
        check_layout(files.shapes_of(arrays))
        check_values(arrays)
        files.write(path, about, arrays)


def lowest_point(across: np.ndarray, up: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """The lowest of values (rows, columns) on a grid, the first of several: its two coordinates and itself."""
    row, column = np.unravel_index(values.argmin(), values.shape)
    return float(across[column]), float(up[row]), float(values[row, column])


def is_plane_surface(archive: ZipFile) -> bool:
    return "center" in files.names_in(archive)


def read_plane_surface(archive: ZipFile) -> PlaneSurface:
    """The PlaneSurface of an archive; sizes are checked before arrays are read."""
    found = files.names_in(archive)
    names = ("s", "t", *VECTORS, *(name for name in grids.QUANTITIES if name in found))
    files.check_names(found, (*names, files.ABOUT))
    shapes, about = files.shapes_in(archive, names), check_about(files.read_about(archive))
    check_layout(shapes)
    memory.check_fits((sum(map(math.prod, shapes.values())),), np.float64)
    arrays = {name: files.read_array(archive, name, shape) for name, shape in shapes.items()}
    check_values(arrays)
    center, s_direction, t_direction = (arrays.pop(name) for name in VECTORS)
    plane = Plane(center, s_direction, t_direction, about["labels"], about["explained"])
    values = {name: arrays.get(name) for name in grids.QUANTITIES}
    return PlaneSurface(arrays["s"], arrays["t"], plane, **values, l2=about["l2"], plan=about["plan"])


def check_layout(shapes: files.Shapes) -> None:
    """Refuses arrays that don't fit together."""
    quantities = [name for name in grids.QUANTITIES if name in shapes]
    grid, size = (*shapes["t"], *shapes["s"]), shapes["center"]
    wanted = dict.fromkeys(VECTORS, size) | {name: (*grids.QUANTITIES[name], *grid) for name in quantities}
    vectors = len(shapes["s"]) == len(shapes["t"]) == len(size) == 1
    if not vectors or math.prod(grid) == 0 or size[0] < 2 or not quantities:
        raise ValueError(f"its arrays have shapes {shapes}; accepted: some that fit together")
    if any(shapes[name] != shape for name, shape in wanted.items()):
        raise ValueError(f"its arrays have shapes {shapes}; accepted: some that fit together")


def check_values(arrays: dict[str, np.ndarray]) -> None:
    """Refuses axes and vectors that are not finite, quantities that can't be. Derivatives may overflow."""
    for name in ("s", "t", *VECTORS):
        arrays.check_finite(name, arrays[name])
    for name in ("loss", "mse", "accuracy"):
        if name in arrays:
            files.check_range(name, arrays[name], 1.0 if name == "accuracy" else math.inf)
    for name in ("gradient", "hessian"):
        if name in arrays and np.isnan(arrays[name].min()):
            raise ValueError(f"{name} has a NaN; accepted: numbers")


def check_about(about: dict[str, Any]) -> dict[str, Any]:
    """The description with its entries as a PlaneSurface has them; ValueError or TypeError for another one."""
    if about["format"] != FORMAT:
        raise ValueError(f"its format is {about['format']}; accepted: {FORMAT}")
    first, second = about["labels"]
    if not (isinstance(first, str) and isinstance(second, str)):
        raise ValueError(f"its labels are {about['labels']}; accepted: two texts")
    explained = None if about["explained"] is None else tuple(map(float, about["explained"]))
    if explained is not None and not (len(explained) == 2 and all(0 <= share <= 1 for share in explained)):
        raise ValueError(f"its shares are {about['explained']}; accepted: two from 0 to 1, or none")
    entries = {"labels": (first, second), "explained": explained}
    return about | entries | {"l2": check_penalty(about["l2"]), "plan": check_plan(*about["plan"])}


def check_plan(method: str, nodes: Sequence[int] | None, bound: float, reason: str) -> Plan:
    numbers.one_of("method", method, numbers.METHODS[1:])
    pair = None if nodes is None else tuple(numbers.integer("nodes", number, 1) for number in nodes)
    if not (pair is None or len(pair) == 2) or not isinstance(reason, str):
        raise ValueError(f"its plan is {(method, nodes, bound, reason)}; accepted: a pair of nodes or none, a reason")
    return Plan(method, pair, numbers.nonnegative("bound", bound), reason)
