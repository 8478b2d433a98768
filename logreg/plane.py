"""The result of `LossSurface.around`: quantities over a plane of parameter space, saved, loaded, projected on."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kernels import checks
from kernels.results import Plan
from logreg import files
from logreg.directions import Plane, path_of, project
from logreg.evaluation import check_penalty

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
    def minimum(self):
        """The lowest loss of the grid; ValueError if the loss was not asked for."""
        if self.loss is None:
            raise ValueError("the surface has no loss; accepted: a surface whose quantities include 'loss'")
        row, column = np.unravel_index(self.loss.argmin(), self.loss.shape)
        return PlaneMinimum(float(self.s[column]), float(self.t[row]), float(self.loss[row, column]))

    def project(self, history):
        """Where the path of a History, its start included, lies on the plane: Projection(s, t, distance, outside).

        s, t, distance are those of the points of the path, its start, the steps that were kept and its end: the nearest
        points of the plane, and how far from it the path is; `outside` is the share of the path's variance at right
        angles to the plane.
        """
        path, size = path_of(history), len(self.plane.center)
        if path.shape[1] != size:
            raise ValueError(f"history has {path.shape[1] - 1} weights; accepted: {size - 1}, as the plane has")
        return project(self.plane, path)

    def save(self, path):
        """Writes everything to `path` as npz, all or nothing; `LossSurface.load` reads it."""
        arrays = {"s": self.s, "t": self.t, **{name: getattr(self.plane, name) for name in VECTORS}}
        arrays |= {name: getattr(self, name) for name in checks.QUANTITIES if getattr(self, name) is not None}
        about = {"format": FORMAT, "l2": self.l2, "plan": self.plan, "labels": self.plane.labels}
        files.write(path, about | {"explained": self.plane.explained}, arrays)


def is_plane_surface(archive):
    return "center.npy" in archive.namelist()


def read_plane_surface(archive):
    """The PlaneSurface of an archive; sizes are checked before arrays are read."""
    names = {name.removesuffix(".npy") for name in archive.namelist()}
    quantities = [name for name in checks.QUANTITIES if name in names]
    shapes = {name: files.stored_shape(archive, name) for name in ("s", "t", *VECTORS, *quantities)}
    (ns,), (nt,), (size,) = (shapes[name] for name in ("s", "t", "center"))
    wanted = dict.fromkeys(VECTORS, (size,)) | {name: (*checks.QUANTITIES[name], nt, ns) for name in quantities}
    if any(shapes[name] != shape for name, shape in wanted.items()) or ns * nt == 0 or size < 2 or not quantities:
        raise ValueError(f"its arrays don't fit together: {shapes}")
    about = files.read_about(archive)
    if about["format"] != FORMAT:
        raise ValueError(f"its format is {about['format']}; accepted: {FORMAT}")
    labels, explained = described(about)
    check_penalty(about["l2"])
    plan = plan_of(*about["plan"])
    components = sum(int(np.prod(checks.QUANTITIES[name])) for name in quantities)
    checks.memory((components * nt * ns + 3 * size + nt + ns,), np.float64)
    arrays = {name: files.read_array(archive, name, shape) for name, shape in shapes.items()}
    if not all(np.isfinite(arrays[name]).all() for name in ("s", "t", *VECTORS)):
        raise ValueError("its axes or directions are not finite")
    plane = Plane(*(arrays.pop(name) for name in VECTORS), labels, explained)
    values = {name: arrays.get(name) for name in checks.QUANTITIES}
    return PlaneSurface(arrays["s"], arrays["t"], plane, **values, l2=about["l2"], plan=plan)


def described(about):
    """Two labels, and two shares or None."""
    first, second = about["labels"]
    explained = None if about["explained"] is None else tuple(map(float, about["explained"]))
    if not (isinstance(first, str) and isinstance(second, str) and (explained is None or len(explained) == 2)):
        raise ValueError(f"it says {about}; accepted: two labels, and two shares or null")
    return (first, second), explained


def plan_of(method, nodes, bound, reason):
    checks.one_of("method", method, checks.METHODS[1:])
    return Plan(method, None if nodes is None else (int(nodes[0]), int(nodes[1])), float(bound), str(reason))
