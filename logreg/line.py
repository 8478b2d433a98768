"""Losses along a line of parameter space: from one model to another, or through one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.arguments import models, numbers
from kernels.quantities import QUANTITIES
from logreg import export, files, keeping
from logreg.choices import DIRECTIONS
from logreg.devices import Device, card_of
from logreg.directions import Plane, coordinate_of, label_of_coordinate, random_directions, units
from logreg.evaluation import add_penalty, evaluate, logits_on
from logreg.models import between, read_model
from logreg.objective import Objective, objective_of
from logreg.windows import axis, reach_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import ArrayLike

    from logreg.classes import ClassWeight
    from logreg.models import LinearModel, Model
    from logreg.windows import Window

RANDOM = {"random": "along a random direction", "filter": "along a random direction, by the size of each weight"}


@dataclass(frozen=True, eq=False, repr=False)
class LossLine:
    """Loss and what belongs to it along a line through parameter space, float64; None where not asked for.

    alpha (n,)           positions, increasing
    origin (d + 1,)      parameters at alpha 0, the bias last
    direction (d + 1,)   by which these change where alpha grows by 1
    label                what the axis is, in words
    marks                {name: alpha} of the models on it
    cost                 the name of the loss
    l2, l2_bias          l2/2 |w|^2 + l2_bias/2 b^2 is in the loss and its derivatives
    loss, mse (n,)       mean loss with its penalty, and mean squared error
    accuracy, balanced_accuracy (n,)
    gradient (n,)        the slope of the loss, by alpha
    hessian (n,)         its curvature
    """

    alpha: np.ndarray
    origin: np.ndarray
    direction: np.ndarray
    label: str
    marks: dict[str, float]
    cost: str = "bce"
    l2: float = 0.0
    l2_bias: float = 0.0
    loss: np.ndarray | None = None
    mse: np.ndarray | None = None
    accuracy: np.ndarray | None = None
    balanced_accuracy: np.ndarray | None = None
    gradient: np.ndarray | None = None
    hessian: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"LossLine({len(self.alpha)} points: {', '.join(self.values)}; {self.label})"

    @property
    def values(self) -> dict[str, np.ndarray]:
        """{quantity: (n,)} of those that were asked for."""
        return {name: getattr(self, name) for name in QUANTITIES if getattr(self, name) is not None}

    @staticmethod
    def between(
        model_a: Model,
        model_b: Model,
        data: Any,
        *,
        extent: Window = (-0.5, 1.5),
        resolution: int = 201,
        quantities: str | Iterable[str] = ("loss", "accuracy"),
        loss: str = "bce",
        l2: float | None = None,
        weight_decay: float | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight = None,
        pos_weight: ArrayLike | None = None,
        positive: Any = None,
        device: Device = None,
    ) -> LossLine:
        """The line from one model, where alpha is 0, to another, where it is 1.

        Models are those of `LossSurface.around`, of a run of training its end; both of the same number of weights. By
        default the penalty is what both have. `extent` is the window of alpha, (low, high) or r for (-r, r), and
        `resolution` the number of its points. The other arguments are those of `LossSurface.around`.

        Every point is evaluated, in float64. Raises ValueError or TypeError that name a wrong argument.
        """
        names, card = numbers.some_of("quantities", quantities, QUANTITIES), card_of(device)
        alpha = axis("extent", extent, resolution)
        known = between([read_model(model) for model in (model_a, model_b)])
        origin, end = (path[-1] for path in known.paths)
        if np.array_equal(origin, end):
            raise ValueError("model_b has the parameters of model_a; accepted: another model")
        objective = objective_of(
            known,
            data,
            loss=loss,
            l2=l2,
            weight_decay=weight_decay,
            sample_weight=sample_weight,
            class_weight=class_weight,
            pos_weight=pos_weight,
            positive=positive,
        )
        line = Plane(origin, end - origin, np.zeros(len(end)), ("from model a (0) to model b (1)", ""))
        return LossLine(**along(line, objective, alpha, names, card), marks={"model a": 0.0, "model b": 1.0})

    @staticmethod
    def around(
        model: Model,
        data: Any,
        direction: str | ArrayLike,
        *,
        extent: Window | None = None,
        resolution: int = 201,
        quantities: str | Iterable[str] = ("loss", "accuracy"),
        loss: str = "bce",
        l2: float | None = None,
        weight_decay: float | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight = None,
        pos_weight: ArrayLike | None = None,
        positive: Any = None,
        seed: Any = None,
        device: Device = None,
    ) -> LossLine:
        """The line through a model, where alpha is 0, in some direction.

        `direction` is a vector (d + 1,) of any length but 0, the name of a column of x, "bias", or by `seed` "random",
        of length 1, or "filter", each weight by its own size; the last two are the first axis of the surface with these
        directions. `extent` is the window of alpha, in units of the direction: (low, high), r for (-r, r), or None for
        as far as the weights are long. The other arguments are those of `between`.
        """
        names, card = numbers.some_of("quantities", quantities, QUANTITIES), card_of(device)
        known = read_model(model)
        objective = objective_of(
            known,
            data,
            loss=loss,
            l2=l2,
            weight_decay=weight_decay,
            sample_weight=sample_weight,
            class_weight=class_weight,
            pos_weight=pos_weight,
            positive=positive,
        )
        vector, label = direction_of(direction, known, objective.samples.names, seed)
        alpha = axis("extent", reach_of(known.theta, vector) if extent is None else extent, resolution)
        line = Plane(known.theta, vector, np.zeros(len(vector)), (label, ""))
        return LossLine(**along(line, objective, alpha, names, card), marks={"model": 0.0})

    def theta(self, alpha: ArrayLike) -> np.ndarray:
        """Parameters (d + 1,) at a position, the bias last, or (k, d + 1) at several (k,)."""
        return self.origin + np.multiply.outer(np.asarray(alpha, np.float64), self.direction)

    def to_frame(self) -> pd.DataFrame:
        """A row for each point, with alpha and each quantity in a column of a pandas DataFrame; ImportError without
        pandas."""
        return export.table_of({"alpha": self.alpha, **self.values})

    def save(self, path: files.AnyPath) -> None:
        """Writes everything to `path` as npz, as `LossSurface.save` does; `LossLine.load` reads it."""
        keeping.save(path, LAYOUT, vars(self))

    @classmethod
    def load(cls, path: files.AnyPath) -> LossLine:
        """What `save` wrote; it is read, and refused, as `LossSurface.load` does."""
        return cls(**keeping.load(path, LAYOUT))


def direction_of(
    direction: str | ArrayLike, model: LinearModel, names: tuple[str, ...] | None, seed: Any
) -> tuple[np.ndarray, str]:
    """A direction (d + 1,), and what is along it, in words."""
    theta, d = model.theta, len(model.theta) - 1
    if not isinstance(direction, str):
        vector = models.theta("direction", direction, d)
        if not vector.any():
            raise ValueError("direction is 0; accepted: a vector of some length")
        return vector, "along the direction"
    if direction in RANDOM:
        vectors, _ = random_directions(theta if model.has_bias else theta[:-1], direction, seed)
        return np.pad(vectors[0], (0, d + 1 - vectors.shape[1])), RANDOM[direction]
    if direction in DIRECTIONS:
        accepted = "accepted: 'random', 'filter', the name of a column, 'bias', or a vector"
        raise ValueError(f"direction is {direction!r}, which spans a plane; {accepted}")
    k = coordinate_of("direction", direction, d, names)
    return units([k], d + 1)[0], label_of_coordinate(theta, k, names)


def along(line: Plane, objective: Objective, alpha: np.ndarray, names: Iterable[str], card: Any) -> dict[str, Any]:
    """The fields of a LossLine but its marks, of a plane that has a single t and goes nowhere with it."""
    samples, loss, weights, pos_weight, penalty = objective
    logits, y = logits_on(line, samples), samples.labels.y
    options: dict[str, Any] = {"sample_weight": None if weights is None else weights.of(y), "pos_weight": pos_weight}
    surface = evaluate(logits, y, alpha, np.zeros(1), tuple(names), card, loss=loss, method="direct", **options)
    add_penalty(surface, penalty, line)
    values = {name: getattr(surface, name).reshape(-1, len(alpha))[0] for name in names}
    about = {"label": line.labels[0], "cost": loss, "l2": penalty[0], "l2_bias": penalty[1]}
    return about | values | {"alpha": alpha, "origin": line.center, "direction": line.s_direction}


def line_fits(sizes: keeping.Sizes, _: keeping.Entries) -> bool:
    return sizes["n"] > 0 and sizes["p"] > 1


def kept_marks(name: str, value: Any) -> dict[str, float]:
    if not isinstance(value, dict):
        raise TypeError(f"{name} is {value!r}; accepted: {{name: position}}")
    return {keeping.text(f"a name in {name}", key): keeping.finite(f"{name}[{key!r}]", at) for key, at in value.items()}


# n positions, p parameters
LAYOUT = keeping.Layout(
    "LossLine",
    {
        "alpha": keeping.Array("n", files.FLOAT64, increasing=True),
        "origin": keeping.Array("p", files.FLOAT64),
        "direction": keeping.Array("p", files.FLOAT64),
        "loss": keeping.Array("n", files.FLOAT64, low=0, optional=True),
        "mse": keeping.Array("n", files.FLOAT64, low=0, optional=True),
        "accuracy": keeping.Array("n", files.FLOAT64, low=0, high=1, optional=True),
        "balanced_accuracy": keeping.Array("n", files.FLOAT64, low=0, high=1, optional=True),
        "gradient": keeping.Array("n", files.FLOAT64, optional=True),
        "hessian": keeping.Array("n", files.FLOAT64, optional=True),
    },
    {
        "label": keeping.text,
        "marks": kept_marks,
        "cost": keeping.loss_name,
        "l2": numbers.nonnegative,
        "l2_bias": numbers.nonnegative,
    },
    line_fits,
)
