"""The result of `LossSurface.around`: quantities over a plane of parameter space, saved, loaded, projected on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kernels.arguments import arrays as array_checks
from kernels.arguments import memory, numbers
from kernels.losses import LOSSES
from kernels.quantities import QUANTITIES, Surface
from kernels.results import Plan, lowest_point
from logreg import export, files
from logreg.directions import Plane, Projection, project
from logreg.evaluation import add_penalty, check_penalty, evaluate
from logreg.hessian import Sharpness
from logreg.models import points_of
from logreg.windows import axis, pair_of_points

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zipfile import ZipFile

    import pandas as pd
    import torch

    from kernels import LogitPlane
    from logreg.models import Models
    from logreg.windows import Resolution, Window

FORMAT = 1
VECTORS = ("center", "s_direction", "t_direction")


class Logits(NamedTuple):
    """What is evaluated on a plane: logits, labels and weights of samples, and the CUDA device where it is, or None."""

    plane: LogitPlane
    y: np.ndarray
    sample_weight: np.ndarray | None
    pos_weight: float | None
    card: torch.device | None


class PlaneMinimum(NamedTuple):
    """The lowest point of a grid."""

    s: float
    t: float
    loss: float


@dataclass(frozen=True, eq=False, repr=False)
class PlaneSurface:
    """Loss and what belongs to it over a plane of the parameters of a model, float64; None where not asked for.

    Attributes
    ----------
    values : kernels.Surface
        The quantities, whose fields are attributes here too: axes s (ns,), t (nt,), in units of the plane's directions;
        quantities such as `loss` (nt, ns), row = t; and `plan`, how they were evaluated.
    plane : Plane
        (center, s_direction, t_direction, labels, explained): theta at (s, t), and its axes in words.
    l2 : float
        l2/2 times the squared length of w is in the loss, its gradient and its Hessian.
    cost : str
        The name of the loss.
    l2_bias : float
        l2_bias/2 times the square of b is, too.
    logits : Logits or None
        Of the samples on the plane, by which `at` evaluates other windows; None of a surface that was loaded, and of
        blocks that are callables.
    sharpness : Sharpness or None
        Of the loss at the center: the largest eigenvalue and the trace of its Hessian, where asked for.
    center_is_model : bool
        Whether the center is a model, and not between several.

    See Also
    --------
    LossSurface.around : returns it
    LossSurface.load : reads it

    Examples
    --------
    >>> from logreg import LossSurface, lab_data
    >>> data = lab_data()
    >>> surface = LossSurface.around([4.0, -1.0], data, extent=(-6, 6), resolution=61, quantities=("loss", "accuracy"))
    >>> surface.loss.shape, surface.plane.labels
    ((61, 61), ('change of w from 4', 'change of b from -1'))
    >>> float(surface.accuracy[30, 30])  # at the model
    1.0
    >>> surface.at((-1, 1), 0.5, resolution=11).loss.shape  # closer, without the data
    (11, 11)
    """

    values: Surface
    plane: Plane
    l2: float
    cost: str = "bce"
    l2_bias: float = 0.0
    logits: Logits | None = None
    sharpness: Sharpness | None = None
    center_is_model: bool = True

    def __repr__(self) -> str:
        names = ", ".join(name for name in QUANTITIES if getattr(self, name) is not None)
        return f"PlaneSurface({len(self.s)} x {len(self.t)} points: {names}; {'; '.join(self.plane.labels)})"

    def __getattr__(self, name: str) -> Any:
        if name in Surface._fields:
            return getattr(self.values, name)
        raise AttributeError(f"a PlaneSurface has no {name!r}; it has {', '.join(Surface._fields)}")

    @property
    def minimum(self) -> PlaneMinimum:
        """The lowest loss of the grid, (s, t, loss); ValueError if the loss was not asked for."""
        if self.loss is None:
            raise ValueError("the surface has no loss; accepted: a surface whose quantities include 'loss'")
        return PlaneMinimum(*lowest_point(self.s, self.t, self.loss))

    def project(self, model: Models) -> Projection:
        """Where a path of training, its start included, or a model lies on the plane.

        Parameters
        ----------
        model : classifier, module, array_like (d + 1,), path of training, or several
            As in `LossSurface.around`.

        Returns
        -------
        Projection
            (s, t, distance, outside): s, t, distance are those of the points of the path, its start, the steps that
            were kept and its end: the nearest points of the plane, and how far from it the path is; `outside` is the
            share of the path's variance at right angles to the plane.

        Raises
        ------
        TypeError
            What is no model and no run of training.
        ValueError
            Another number of weights.
        """
        points, size = points_of(model), len(self.plane.center)
        if points.shape[1] != size:
            raise ValueError(f"model has {points.shape[1] - 1} weights; accepted: {size - 1}, as the plane has")
        return project(self.plane, points)

    def at(
        self,
        s_range: Window,
        t_range: Window,
        resolution: Resolution = 300,
        *,
        quantities: str | Iterable[str] | None = None,
    ) -> PlaneSurface:
        """The same plane over another window, from the logits that were kept: the data isn't read again.

        Parameters
        ----------
        s_range, t_range : pair of floats, or float
            The window (low, high), or a number r for (-r, r).
        resolution : int, or pair of ints
            Number of points, as in `LossSurface.around`.
        quantities : str or iterable of str, optional
            As in `LossSurface.around`; by default those of this surface.

        Returns
        -------
        PlaneSurface
            With the same plane, sharpness and penalty.

        Raises
        ------
        ValueError
            A surface that was loaded, or of blocks that are callables, whose logits aren't here: for these `around`
            takes `directions=surface.plane[1:3]` and another `extent`.
        """
        if self.logits is None:
            raise ValueError(
                "the surface has no logits, as one that was loaded or is of callables; accepted: one from "
                "LossSurface.around of samples, or around again with directions=surface.plane[1:3]"
            )
        names = [name for name in QUANTITIES if getattr(self, name) is not None]
        asked = names if quantities is None else numbers.some_of("quantities", quantities, QUANTITIES)
        points = pair_of_points(resolution)
        s, t = axis("s_range", s_range, points[0]), axis("t_range", t_range, points[1])
        found = surface_of(self.logits, self.plane, s, t, asked, (self.l2, self.l2_bias), self.cost)
        return replace(found, sharpness=self.sharpness, center_is_model=self.center_is_model)

    def save(self, path: files.AnyPath) -> None:
        """Writes everything to `path` as npz, as `LossSurface.save` does; `LossSurface.load` reads it.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            A name that ends in ``.vtk`` gets the axes and the quantities as a VTK file, which ParaView reads and `load`
            does not: the gradient as vectors, the Hessian as tensors.

        Raises
        ------
        ValueError
            Axes of a VTK file that do not increase.
        """
        arrays = {"s": self.s, "t": self.t, **{name: getattr(self.plane, name) for name in VECTORS}}
        arrays |= grid_of(self).quantities
        about = {"format": FORMAT, "l2": self.l2, "cost": self.cost, "plan": self.plan, "labels": self.plane.labels}
        about |= {"explained": self.plane.explained, "l2_bias": self.l2_bias, "sharpness": self.sharpness}
        about["center_is_model"] = self.center_is_model
        about = check_about(about)
        check_layout(files.shapes_of(arrays))
        check_values(arrays)
        if export.is_vtk(path):
            along_s, along_t = self.plane.labels
            title = f"{self.cost}, l2 {self.l2:g} and {self.l2_bias:g}; s: {along_s}; t: {along_t}"
            export.write_vtk(path, title, grid_of(self))
        else:
            files.write(path, about, arrays)

    def to_frame(self) -> pd.DataFrame:
        """A table with a row for each point of the grid, of one t after another.

        Returns
        -------
        pandas.DataFrame
            s, t and the quantities, a column each, `gradient_s`, `gradient_t`, `hessian_ss`, `hessian_st`, `hessian_tt`
            among them.

        Raises
        ------
        ImportError
            Without pandas.
        """
        return export.frame_of(grid_of(self))


def grid_of(surface: PlaneSurface) -> export.Grid:
    """The axes of a surface and the quantities that were asked for."""
    quantities = {name: getattr(surface, name) for name in QUANTITIES if getattr(surface, name) is not None}
    return export.Grid(("s", "t"), surface.s, surface.t, quantities)


def surface_of(
    logits: Logits,
    plane: Plane,
    s: np.ndarray,
    t: np.ndarray,
    quantities: Sequence[str],
    l2: tuple[float, float],
    loss: str,
) -> PlaneSurface:
    """The PlaneSurface of samples whose logits on its plane are known."""
    weights: dict[str, Any] = {"sample_weight": logits.sample_weight, "pos_weight": logits.pos_weight}
    values = evaluate(logits.plane, logits.y, s, t, quantities, logits.card, loss=loss, **weights)
    return penalised(values, plane, l2, loss, logits)


def penalised(
    values: Surface, plane: Plane, l2: tuple[float, float], loss: str, logits: Logits | None = None
) -> PlaneSurface:
    """The PlaneSurface of values, to which the penalty is still to be added."""
    add_penalty(values, l2, plane)
    return PlaneSurface(values, plane, l2[0], loss, l2[1], logits)


def is_plane_surface(archive: ZipFile) -> bool:
    return "center" in files.names_in(archive)


def read_plane_surface(archive: ZipFile) -> PlaneSurface:
    """The PlaneSurface of an archive; sizes are checked before arrays are read."""
    found = files.names_in(archive)
    names = ("s", "t", *VECTORS, *(name for name in QUANTITIES if name in found))
    files.check_names(found, (*names, files.ABOUT))
    shapes, about = files.shapes_in(archive, names), check_about(files.read_about(archive))
    check_layout(shapes)
    memory.check_fits((sum(map(math.prod, shapes.values())),), np.float64)
    arrays = {name: files.read_array(archive, name, shape) for name, shape in shapes.items()}
    check_values(arrays)
    center, s_direction, t_direction = (arrays.pop(name) for name in VECTORS)
    plane = Plane(center, s_direction, t_direction, about["labels"], about["explained"])
    values = Surface(**arrays, plan=about["plan"])
    own = {name: about[name] for name in ("cost", "l2_bias", "sharpness", "center_is_model")}
    return PlaneSurface(values, plane, about["l2"], **own)


def check_layout(shapes: files.Shapes) -> None:
    """Refuses arrays that don't fit together."""
    quantities = [name for name in QUANTITIES if name in shapes]
    grid, size = (*shapes["t"], *shapes["s"]), shapes["center"]
    wanted = dict.fromkeys(VECTORS, size) | {name: (*QUANTITIES[name].lead, *grid) for name in quantities}
    vectors = len(shapes["s"]) == len(shapes["t"]) == len(size) == 1
    if not vectors or math.prod(grid) == 0 or size[0] < 2 or not quantities:
        raise ValueError(f"its arrays have shapes {shapes}; accepted: some that fit together")
    if any(shapes[name] != shape for name, shape in wanted.items()):
        raise ValueError(f"its arrays have shapes {shapes}; accepted: some that fit together")


def check_values(arrays: dict[str, np.ndarray]) -> None:
    """Refuses axes and vectors that are not finite, quantities that can't be. Derivatives may overflow."""
    for name in ("s", "t", *VECTORS):
        array_checks.check_finite(name, arrays[name])
    for name, quantity in QUANTITIES.items():
        if name in arrays and quantity.floor == 0:
            files.check_range(name, arrays[name], math.inf if quantity.smooth else 1.0)
        elif name in arrays and np.isnan(arrays[name].min()):
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
    numbers_of_it = about.get("sharpness")
    sharpness = None if numbers_of_it is None else Sharpness(*(check_number("sharpness", v) for v in numbers_of_it))
    is_model = about.get("center_is_model", True)
    if not isinstance(is_model, bool):
        raise ValueError(f"its center_is_model is {is_model!r}; accepted: true or false")
    entries = {"labels": (first, second), "explained": explained, "sharpness": sharpness, "center_is_model": is_model}
    cost = numbers.one_of("cost", about.get("cost", "bce"), LOSSES)  # of files before there was another
    l2, l2_bias = check_penalty(about["l2"]), check_penalty(about.get("l2_bias", 0.0), "l2_bias")
    return about | entries | {"l2": l2, "l2_bias": l2_bias, "plan": check_plan(*about["plan"]), "cost": cost}


def check_number(name: str, value: Any) -> float:
    if not (isinstance(value, float) and math.isfinite(value)):
        raise ValueError(f"its {name} has {value!r}; accepted: finite numbers")
    return value


def check_plan(method: str, nodes: Sequence[int] | None, bound: float, reason: str) -> Plan:
    numbers.one_of("method", method, numbers.METHODS[1:])
    pair = None if nodes is None else tuple(numbers.integer("nodes", number, 1) for number in nodes)
    if not (pair is None or len(pair) == 2) or not isinstance(reason, str):
        raise ValueError(f"its plan is {(method, nodes, bound, reason)}; accepted: a pair of nodes or none, a reason")
    return Plan(method, pair, numbers.nonnegative("bound", bound), reason)
