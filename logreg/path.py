"""Paths of training by any optimiser: parameters that are noted as it steps, or as models are added."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from kernels.arguments import arrays, numbers
from kernels.losses import LOSSES
from logreg import files, keeping
from logreg.classes import BALANCED, BY_NUMBER, Labels, by_name
from logreg.estimators import Penalty, full_name
from logreg.models import DIFFERENT, LinearModel, common, read_model
from logreg.optimisers import last_linear, penalty_of, theta_of
from logreg.samples import ArraySamples, gathered, read_samples
from logreg.scores import Scored

if TYPE_CHECKING:
    from collections.abc import Iterable

EMPTY = "the path is empty; accepted: one to which a model was added"


class TrainingPath(Scored):
    """Parameters along training: at the start, after each step that is kept, and at the end.

    It is taken wherever a History is, by surfaces, projections and pictures; what needs losses along it, such as a path
    in three dimensions, also needs its `data`.

    Parameters
    ----------
    models : iterable of models
        Each as `LossSurface.around` takes it, the first of which is the start; more are added by `add` or by an
        optimiser, see `record`.
    every : int
        Keeps each so many steps.
    data : tuple (x, y), data set, or iterable of batches, optional
        By which losses along the path are told, in which all samples count the same and no penalty is.
    loss : {"bce", "mse", "focal"}
        What these losses are.
    positive : label, optional
        What is class 1, as in `LossSurface.around`.

    Attributes
    ----------
    w, b : array (k, d) and (k,), float64
        After each step that was kept: every `every`-th.
    start_w, start_b : array (d,) and float
        Before the first step.
    end_w, end_b : array (d,) and float
        After the last, whether it was kept or not.
    x, y : array (n, d) and (n,)
        The data, if there is any.
    steps : int
        How many there were.
    steps_per_epoch : int
        Steps that go once through the data, for `viz.plot_epochs`; 0 if it isn't known.

    See Also
    --------
    record : of an optimiser of PyTorch
    train : of our own training

    Examples
    --------
    >>> from logreg import TrainingPath, lab_data
    >>> path = TrainingPath([[0.0, 0.0], [2.0, -0.5], [4.0, -1.0]], data=lab_data())
    >>> path.steps, path.w.tolist(), path.full_accuracy().tolist()
    (2, [[2.0], [4.0]], [1.0, 1.0])
    >>> path.add([6.0, -1.5])
    >>> round(path.end_loss, 3)
    0.135
    """

    sample_weight, pos_weight = None, None

    def __init__(
        self, models: Iterable[Any] = (), *, every: int = 1, data: Any = None, loss: str = "bce", positive: Any = None
    ) -> None:
        if not isinstance(models, (list, tuple, np.ndarray, Iterator)):
            raise TypeError(
                f"models is a {full_name(models)}; accepted: a list of models, the first of which is the start"
            )
        self.every = numbers.integer("every", every, 1)
        self.steps = -1  # before there is a start
        self.steps_per_epoch = 0
        self.cost = numbers.one_of("loss", loss, LOSSES)
        self.data, self.positive = data, positive
        self.known: LinearModel | None = None
        self.kept: list[np.ndarray] = []
        self.noted: list[torch.Tensor] = []  # kept, and still where the optimiser has its parameters
        self.last: np.ndarray | torch.Tensor | None = None
        self.recorded: Recorded | None = None
        for model in models:
            self.add(model)
        if self.known is not None and data is not None:
            self.samples  # noqa: B018  # what can't be read is said at once

    def __repr__(self) -> str:
        return f"TrainingPath({max(self.steps, 0)} steps; {'no' if self.last is None else len(self.last) - 1} weights)"

    @property
    def model(self) -> LinearModel | None:
        """What is known of all its models: classes, steps before them, and their penalty, which is the optimiser's."""
        known = self.known
        if known is not None and self.recorded is not None:
            known = known._replace(penalty=penalty_of(self.recorded.optimizer, self.recorded.layer))
        read = vars(self).get("samples")
        if known is not None and known.classes is None and read is not None and read.labels.classes != (0, 1):
            known = known._replace(classes=read.labels.classes)
        return known

    def add(self, model: Any) -> None:
        """Notes the parameters of a model as those after one more step, or as the start.

        Parameters
        ----------
        model : classifier, module, or array_like (d + 1,)
            An estimator after `partial_fit` or a warm start, a module, or a vector theta.

        Raises
        ------
        ValueError
            One that doesn't go with those before it: of other features, or of other classes.
        """
        new = read_model(model)._replace(paths=(), run=None)
        known = new if self.known is None else common([self.known, new])._replace(theta=new.theta)
        self.fetch()
        self.known = known
        self.note(new.theta)

    def note(self, theta: np.ndarray | torch.Tensor) -> None:
        """Takes parameters as those after one more step; nothing waits for a card.

        Parameters
        ----------
        theta : array or tensor (d + 1,)
            The weights and the bias.
        """
        self.steps += 1
        self.last = theta
        if self.steps % self.every == 0:
            if isinstance(theta, np.ndarray):
                self.kept.append(theta)
            else:
                self.noted.append(theta)

    def stop(self) -> None:
        """Ends the recording of an optimiser's steps."""
        if self.recorded is not None:
            self.known = self.model
            self.recorded.handle.remove()
            self.recorded = None

    def fetch(self) -> None:
        """Brings what was noted to the host."""
        if self.noted:
            self.kept.extend(torch.stack(self.noted).double().cpu().numpy())
            self.noted.clear()

    @property
    def thetas(self) -> np.ndarray:
        """Parameters (k + 1, d + 1) at the start and after the steps that were kept, the bias last."""
        self.fetch()
        if not self.kept:
            raise ValueError(EMPTY)
        return np.stack(self.kept)

    @property
    def w(self) -> np.ndarray:
        return self.thetas[1:, :-1]

    @property
    def b(self) -> np.ndarray:
        return self.thetas[1:, -1]

    @property
    def start_w(self) -> np.ndarray:
        return self.thetas[0, :-1]

    @property
    def start_b(self) -> float:
        return float(self.thetas[0, -1])

    @property
    def end(self) -> np.ndarray:
        """Parameters (d + 1,) after the last step, the bias last."""
        last: Any = self.last
        if last is None:
            raise ValueError(EMPTY)
        return last if isinstance(last, np.ndarray) else last.double().cpu().numpy()

    def save(self, path: files.AnyPath) -> None:
        """Writes everything to `path` as npz, its data too, as `LossSurface.save` does; `TrainingPath.load` reads it.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            The file. Names of features are not kept.

        Raises
        ------
        ValueError
            A path of pipelines, whose steps can't be kept.
        """
        thetas, known = self.thetas, self.model
        assert known is not None  # as there is a start
        if known.prepare is not None:
            raise ValueError("the path is of pipelines, whose steps aren't kept; accepted: a path of their last steps")
        x, y = (None, None) if self.data is None else (dense(self.x), self.y)
        classes = None if known.classes is None else tuple(known.classes)
        weights = None if known.class_weight is None else kept_weights(known.classes, known.class_weight)
        fields = {name: getattr(self, name) for name in ("steps", "every", "steps_per_epoch", "cost")}
        fields |= {"thetas": thetas, "end": self.end, "x": x, "y": y, "has_bias": bool(known.has_bias)}
        keeping.save(path, LAYOUT, fields | {"penalty": known.penalty, "classes": classes, "class_weight": weights})

    @classmethod
    def load(cls, path: files.AnyPath) -> TrainingPath:
        """What `save` wrote; it is read, and refused, as `LossSurface.load` does. More can be added to it.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            The file.

        Returns
        -------
        TrainingPath
            With the same bits.
        """
        fields = keeping.load(path, LAYOUT)
        made = cls(every=fields["every"], loss=fields["cost"])
        if fields["x"] is not None:
            made.data = fields["x"], fields["y"]
            made.samples = ArraySamples(fields["x"], Labels(fields["y"]))
        made.steps, made.steps_per_epoch = fields["steps"], fields["steps_per_epoch"]
        made.kept, made.last = list(fields["thetas"]), fields["end"]
        classes, weights = fields["classes"], fields["class_weight"]
        if isinstance(weights, tuple):
            weights = dict(zip(classes, weights, strict=True))
        made.known = LinearModel(fields["end"], fields["has_bias"], classes, weights, fields["penalty"])
        return made

    @property
    def end_w(self) -> np.ndarray:
        return self.end[:-1]

    @property
    def end_b(self) -> float:
        return float(self.end[-1])

    @property
    def x(self) -> np.ndarray:
        return self.samples.x

    @property
    def y(self) -> np.ndarray:
        return self.samples.labels.y

    @cached_property
    def samples(self) -> ArraySamples:
        """The data by which losses along the path are told, as its models take it; ValueError if there is none."""
        known = self.model
        if self.data is None or known is None:
            raise ValueError("the path has no data; accepted: one that was made with data=(x, y)")
        found = read_samples(self.data, known.meaning(self.positive), known.expected)
        return found if isinstance(found, ArraySamples) else ArraySamples(*gathered(found))


def dense(x: Any) -> np.ndarray:
    if arrays.is_sparse(x):
        raise TypeError("data x is sparse, which isn't kept; accepted: dense features")
    return x


def kept_weights(classes: Any, class_weight: Any) -> str | tuple[float, float]:
    """Weights of classes as they are kept: "balanced", or those of class 0 and class 1."""
    return class_weight if isinstance(class_weight, str) else by_name(classes, class_weight)


def checked_penalty(name: str, value: Any) -> Penalty | None:
    if value is None:
        return None
    l2, l2_bias, of_sum = value
    return Penalty(numbers.nonnegative(name, l2), numbers.nonnegative(name, l2_bias), checked_flag(name, of_sum))


def checked_flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}; accepted: true or false")
    return value


def checked_weights(name: str, value: Any) -> str | tuple[float, float] | None:
    if value in (None, BALANCED, BY_NUMBER, DIFFERENT):
        return value
    zero, one = value
    return numbers.nonnegative(name, zero), numbers.nonnegative(name, one)


def path_fits(sizes: keeping.Sizes, entries: keeping.Entries) -> bool:
    if entries["class_weight"] is not None and entries["classes"] is None:
        return False
    data, labels = {name: sizes[name] for name in "ndl" if name in sizes}, sizes.get("l", 0)
    own = not data or (labels > 0 and data == {"n": labels, "d": sizes["p"] - 1, "l": labels})
    return own and sizes["p"] > 1 and sizes["m"] == entries["steps"] // entries["every"] + 1


# m points of p parameters, d weights and the bias; n samples, l labels
LAYOUT = keeping.Layout(
    "TrainingPath",
    {
        "thetas": keeping.Array("mp", files.FLOAT64),
        "end": keeping.Array("p", files.FLOAT64),
        "x": keeping.Array("nd", optional=True),
        "y": keeping.Array("l", keeping.LABELS, low=0, high=1, optional=True),
    },
    {
        "steps": keeping.count,
        "every": keeping.positive,
        "steps_per_epoch": keeping.count,
        "cost": keeping.loss_name,
        "has_bias": checked_flag,
        "penalty": checked_penalty,
        "classes": keeping.two_classes,
        "class_weight": checked_weights,
    },
    path_fits,
)


class Recorded(NamedTuple):
    """Whose steps are noted: an optimiser, the layer that it trains, and what ends it."""

    optimizer: Optimizer
    layer: nn.Linear
    handle: Any


def record(
    optimizer: Optimizer, model: nn.Module, *, every: int = 1, data: Any = None, loss: str = "bce", positive: Any = None
) -> TrainingPath:
    """The TrainingPath of a model that an optimiser of PyTorch trains: from where it is now, on with each step.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Each of its steps is noted from now on, until `path.stop()`.
    model : torch.nn.Module
        As in `LossSurface.around`, or an nn.Sequential whose last layer with parameters is an nn.Linear of one or two
        outputs, which is meant; of another network give the layer itself, as `logreg.head` does.
    every : int
        Keeps each so many steps.
    data, loss, positive : as in `TrainingPath`
        Those of losses along the path.

    Returns
    -------
    TrainingPath
        Parameters are copied where they are, so that no step waits for a card. Its penalty is the optimiser's weight
        decay of these parameters, none where it is decoupled from the gradient, as AdamW's is.

    Raises
    ------
    TypeError
        Another model or optimiser.
    ValueError
        A layer that the optimiser doesn't train.

    See Also
    --------
    head : the last layer of a network, with its data
    TrainingPath : paths of estimators, or of models in a list

    Examples
    --------
    >>> import torch
    >>> from logreg import LogisticRegression, lab_data, record
    >>> x, y = lab_data()[:]
    >>> model = LogisticRegression(1)
    >>> optimizer = torch.optim.Adam(model.parameters(), lr=0.5)
    >>> path = record(optimizer, model, data=(x, y))
    >>> for _ in range(20):
    ...     optimizer.zero_grad()
    ...     torch.nn.functional.binary_cross_entropy(model(x), y).backward()
    ...     optimizer.step()
    >>> path.stop()
    >>> path.w.shape, path.end_loss < path.start_loss
    ((20, 1), True)
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer is a {full_name(optimizer)}; accepted: an optimiser of PyTorch")
    layer = last_linear(model)
    path = TrainingPath(every=every, data=data, loss=loss, positive=positive)
    known, penalty = read_model(layer), penalty_of(optimizer, layer)
    path.known = known._replace(penalty=penalty)
    if data is not None:
        path.samples  # noqa: B018  # what can't be read is said at once
    path.note(theta_of(layer))
    handle = optimizer.register_step_post_hook(lambda *step: path.note(theta_of(layer)))
    path.recorded = Recorded(optimizer, layer, handle)
    return path
