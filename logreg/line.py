"""Losses along a line of parameter space: from one model to another, or through one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.arguments import models, numbers
from kernels.quantities import QUANTITIES
from logreg import export, files, keeping
from logreg.blocks import Blocks
from logreg.choices import DIRECTIONS
from logreg.devices import Device, card_of
from logreg.directions import Plane, coordinate_of, label_of_coordinate, random_directions, units
from logreg.evaluation import add_penalty, evaluate, logits_on
from logreg.language import said
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

    Attributes
    ----------
    alpha : array (n,)
        Positions, increasing.
    origin : array (d + 1,)
        Parameters at alpha 0, the bias last.
    direction : array (d + 1,)
        By which these change where alpha grows by 1.
    label : str
        What the axis is, in words.
    marks : dict
        {name: alpha} of the models on it.
    cost : str
        The name of the loss.
    l2, l2_bias : float
        l2/2 times the squared length of w and l2_bias/2 times the square of b are in the loss and its derivatives.
    loss, mse : array (n,)
        Mean loss with its penalty, and mean squared error.
    accuracy, balanced_accuracy : array (n,)
        Share of the samples classified correctly, and its mean over the classes.
    gradient : array (n,)
        The slope of the loss, by alpha.
    hessian : array (n,)
        Its curvature.

    See Also
    --------
    viz.plot_line : draws it

    Examples
    --------
    >>> from logreg import LossLine, lab_data
    >>> line = LossLine.between([0.0, 0.0], [8.0, -2.0], lab_data(), extent=(0, 1), resolution=3)
    >>> line
    LossLine(3 points: loss, accuracy; from model a (0) to model b (1))
    >>> line.loss.round(3).tolist(), line.accuracy.tolist()
    ([0.693, 0.197, 0.101], [0.65, 1.0, 1.0])
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

        Parameters
        ----------
        model_a, model_b : classifier, module, array_like (d + 1,), or path of training
            As in `LossSurface.around`, of a run of training its end; both of the same number of weights.
        data : tuple (x, y), data set, or iterable of batches
            As in `LossSurface.around`.
        extent : pair of floats, or float
            The window of alpha, (low, high) or r for (-r, r).
        resolution : int
            The number of its points.
        quantities : str or iterable of str
            As in `LossSurface.around`; the gradient is the slope along the line, the Hessian its curvature.
        loss, l2, weight_decay, sample_weight, class_weight, pos_weight, positive, device : as in `LossSurface.around`
            By default the penalty is what both models have.

        Returns
        -------
        LossLine
            Every point is evaluated, in float64.

        Raises
        ------
        ValueError, TypeError
            They name a wrong argument.
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
        line = Plane(origin, end - origin, np.zeros(len(end)), (said("from model a (0) to model b (1)"), ""))
        return LossLine(
            **along(line, objective, alpha, names, card), marks={said("model a"): 0.0, said("model b"): 1.0}
        )

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

        Parameters
        ----------
        model : classifier, module, array_like (d + 1,), or path of training
            As in `LossSurface.around`, of a run of training its end.
        data : tuple (x, y), data set, or iterable of batches
            As in `LossSurface.around`.
        direction : str, or array_like (d + 1,)
            A vector of any length but 0, the name of a column of x, "bias", or by `seed` "random", of length 1, or
            "filter", each weight by its own size; the last two are the first axis of the surface with these directions.
        extent : pair of floats, or float, optional
            The window of alpha, in units of the direction: (low, high), r for (-r, r), or None for as far as the
            weights are long.
        resolution : int
            The number of its points.
        quantities : str or iterable of str
            As in `between`.
        loss, l2, weight_decay, sample_weight, class_weight, pos_weight, positive : as in `LossSurface.around`
            What the loss is, its penalty, and the weights and the meaning of labels.
        seed : int, optional
            Of a random direction, as numpy.random.default_rng takes it.
        device : str or torch.device, optional
            Where it is computed.

        Returns
        -------
        LossLine
            Every point is evaluated, in float64.

        Raises
        ------
        ValueError, TypeError
            They name a wrong argument.
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
        return LossLine(**along(line, objective, alpha, names, card), marks={said("model"): 0.0})

    def theta(self, alpha: ArrayLike) -> np.ndarray:
        """Parameters at positions on the line, the bias last.

        Parameters
        ----------
        alpha : float, or array_like (k,)
            A position or several.

        Returns
        -------
        array (d + 1,) or (k, d + 1)
            Of one position, or of several.
        """
        return self.origin + np.multiply.outer(np.asarray(alpha, np.float64), self.direction)

    def to_frame(self) -> pd.DataFrame:
        """A table with a row for each point.

        Returns
        -------
        pandas.DataFrame
            alpha and each quantity in a column.

        Raises
        ------
        ImportError
            Without pandas.
        """
        return export.table_of({"alpha": self.alpha, **self.values})

    def save(self, path: files.AnyPath) -> None:
        """Writes everything to `path` as npz, as `LossSurface.save` does; `LossLine.load` reads it.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            The file.
        """
        keeping.save(path, LAYOUT, vars(self))

    @classmethod
    def load(cls, path: files.AnyPath) -> LossLine:
        """What `save` wrote; it is read, and refused, as `LossSurface.load` does.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            The file.

        Returns
        -------
        LossLine
            With the same bits.
        """
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
        return vector, said("along the direction")
    if direction in RANDOM:
        vectors, _ = random_directions(theta if model.has_bias else theta[:-1], direction, seed)
        return np.pad(vectors[0], (0, d + 1 - vectors.shape[1])), said(RANDOM[direction])
    if direction in DIRECTIONS:
        accepted = "accepted: 'random', 'filter', the name of a column, 'bias', or a vector"
        raise ValueError(f"direction is {direction!r}, which spans a plane; {accepted}")
    k = coordinate_of("direction", direction, d, names)
    return units([k], d + 1)[0], label_of_coordinate(theta, k, names)


def along(line: Plane, objective: Objective, alpha: np.ndarray, names: Iterable[str], card: Any) -> dict[str, Any]:
    """The fields of a LossLine but its marks, of a plane that has a single t and goes nowhere with it."""
    samples, loss, _, pos_weight, penalty = objective
    if isinstance(samples, Blocks):
        raise TypeError("data is a list of callables; accepted: samples or batches (x, y), as lines keep their logits")
    logits, y = logits_on(line, samples), samples.labels.y
    options: dict[str, Any] = {"sample_weight": objective.sample_weight, "pos_weight": pos_weight}
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
