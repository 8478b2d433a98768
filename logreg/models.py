"""Linear models of two classes, whoever made them: what surfaces, lines and accuracies are to know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import nn

from kernels.arguments import arrays, models
from logreg import estimators
from logreg.classes import Meaning
from logreg.estimators import Penalty, full_name
from logreg.model import ids_of_parameters
from logreg.runs import is_run, path_of
from logreg.samples import Expected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike

    from logreg.runs import Run

    Model: TypeAlias = nn.Module | estimators.LinearClassifier | Run | ArrayLike
    Models: TypeAlias = Model | Sequence[Model] | Mapping[str, Model]

ACCEPTED = (
    "logreg.LogisticRegression; nn.Linear(d, 1) or (d, 2), alone, first in an nn.Sequential without other parameters, "
    "or the attribute `linear` of a module without other or transformed parameters; of another network its last layer, "
    "by logreg.head(network, loader); a logistic classifier of scikit-learn that is fitted, or a Pipeline that ends in "
    "one; a History or another path of training; theta (d + 1,), the bias last"
)


class LinearModel(NamedTuple):
    """What is known of a linear model: parameters (d + 1,) float64, the bias last, and what belongs to them.

    has_bias      whether its bias could be another than 0
    classes       labels of class 0 and class 1 that it was fitted to; None: none
    class_weight  what these counted in its loss, as scikit-learn has it
    penalty       what it was fitted with; None: one that isn't a square
    paths         parameters (k, d + 1) along its training, of each path through which a plane is to go; of none ()
    expected      what it expects of features
    """

    theta: np.ndarray
    has_bias: bool = True
    classes: tuple[Any, Any] | None = None
    class_weight: Any = None
    penalty: Penalty | None = Penalty()
    paths: tuple[np.ndarray, ...] = ()
    names: tuple[str, ...] | None = None
    prepare: Any = None

    @property
    def expected(self) -> Expected:
        return Expected(len(self.theta) - 1, self.prepare, self.names)

    def meaning(self, positive: Any) -> Meaning:
        """What its labels mean, of which the user says which one is positive, or None."""
        return Meaning(positive, self.classes)


def read_model(model: Any) -> LinearModel:
    """The LinearModel that a model is. TypeError for one of another kind, ValueError for values that aren't finite."""
    if isinstance(model, nn.Module):
        return model_of_layer(model)
    model = getattr(model, "best_estimator_", model)
    if is_run(model):
        known = model_of_run(model)
    elif estimators.is_pipeline(model):
        last, prepare = estimators.last_step(model)
        known = read_model(last)
        if prepare is not None:
            known = known._replace(prepare=prepare, names=estimators.names_after(model))
    elif estimators.is_classifier(model):
        known = model_of_classifier(model)
    else:
        known = LinearModel(theta_of(model))
    arrays.check_finite("the model", known.theta)
    return known


def read_models(model: Any) -> LinearModel:
    """The LinearModel of one model or of several, between whose ends it is: runs of training in a list or by name, or
    models by name; a list of models is one path through them.

    ValueError where they differ in their number of weights or in their classes; penalties that differ are unknown.
    """
    if isinstance(model, dict):
        return between([read_model(one) for one in model.values()])
    if not isinstance(model, (list, tuple)) or is_row_of_numbers(model):
        return read_model(model)
    if any(map(is_run, model)):
        return between([read_model(one) for one in model])
    known = [read_model(one) for one in model]
    check_alike(known)
    path = np.stack([one.theta for one in known])
    return known[-1]._replace(paths=(path,), prepare=prepared_alike(known))


def between(known: list[LinearModel]) -> LinearModel:
    """In the middle of the ends of several models, with the paths of all."""
    check_alike(known)
    paths = [one.paths or (one.theta[None],) for one in known]
    penalties = {one.penalty for one in known}
    return known[-1]._replace(
        theta=np.mean([one.theta for one in known], axis=0),
        has_bias=any(one.has_bias for one in known),
        penalty=penalties.pop() if len(penalties) == 1 else None,
        prepare=prepared_alike(known),
        paths=tuple(path for some in paths for path in some),
    )


def check_alike(known: list[LinearModel]) -> None:
    """Refuses no models, and those that can't be compared."""
    if not known:
        raise ValueError("model holds no models; accepted: at least one")
    sizes = sorted({len(one.theta) - 1 for one in known})
    if len(sizes) > 1:
        raise ValueError(f"model holds models of {sizes} weights; accepted: the same number for all")
    if len({one.prepare for one in known}) > 1 and None in {one.prepare for one in known}:
        raise ValueError("model holds pipelines with steps before the model and models without; accepted: all alike")
    classes = {one.classes for one in known} - {None}
    if len(classes) > 1:
        raise ValueError(f"model holds models of the classes {sorted(classes, key=str)}; accepted: the same for all")


def prepared_alike(known: list[LinearModel]) -> Callable[[Any], Any] | None:
    """What data goes through before models, which are of the same features only if their steps give the same."""
    steps = [one.prepare for one in known]
    if all(one is steps[0] for one in steps):
        return steps[0]

    def prepare(x: Any) -> Any:
        first, *others = (one(x) for one in steps)
        for other in others:
            if not (np.shape(first) == np.shape(other) and np.allclose(first, other)):
                raise ValueError(
                    "model holds pipelines whose steps give different features; accepted: the same features for all, "
                    "such as models of steps that were fitted once"
                )
        return first

    return prepare


def points_of(model: Any) -> np.ndarray:
    """The parameters (k, d + 1) along a run or a list of models, or (1, d + 1) of a model."""
    known = read_models(model)
    return np.vstack(known.paths) if known.paths else known.theta[None]


def model_of_run(run: Run) -> LinearModel:
    """The last of the models along a run, which is a path; a TrainingPath of models also knows more of them."""
    path = path_of(run)
    known = getattr(run, "model", None)
    if isinstance(known, LinearModel):
        return known._replace(theta=path[-1].copy(), paths=(path,))
    penalty = Penalty(getattr(run, "l2", 0.0), getattr(run, "l2_bias", 0.0))
    return LinearModel(path[-1].copy(), penalty=penalty, paths=(path,))


def model_of_classifier(model: estimators.LinearClassifier) -> LinearModel:
    weight, bias = estimators.fitted(model)
    about: Any = model
    low, high = np.asarray(about.classes_).tolist()
    names = getattr(about, "feature_names_in_", None)
    return LinearModel(
        np.append(weight, bias).astype(np.float64),
        has_bias=getattr(about, "fit_intercept", True),
        classes=(low, high),
        class_weight=getattr(about, "class_weight", None),
        penalty=estimators.penalty_of(model),
        names=None if names is None else tuple(map(str, names)),
    )


def theta_of(values: Any) -> np.ndarray:
    """A vector theta (d + 1,) that is given as a model."""
    if not (isinstance(values, (np.ndarray, torch.Tensor)) or is_row_of_numbers(values)):
        raise TypeError(f"model is a {full_name(values)}; accepted: {ACCEPTED}")
    array = arrays.array_of("model", values)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"model has shape {array.shape}; accepted: theta (d + 1,), the weights and then the bias")
    return models.theta("model", values, len(array) - 1)


def is_row_of_numbers(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and len(values) > 0 and all(np.isscalar(value) for value in values)


def model_of_layer(model: nn.Module) -> LinearModel:
    layer = output_layer(model)
    weight = on_host("the model's weight", layer.weight)
    own: Any = layer.bias
    rows = np.zeros((weight.shape[0], weight.shape[1] + 1))
    rows[:, :-1] = weight
    if own is not None:
        rows[:, -1] = on_host("its bias", own)
    theta = rows[0] if len(rows) == 1 else rows[1] - rows[0]
    arrays.check_finite("the model", theta)
    return LinearModel(theta, has_bias=own is not None)


def on_host(name: str, parameter: torch.Tensor) -> np.ndarray:
    """A parameter as an array, of a network on a card or in half precision too."""
    narrow = parameter.dtype in (torch.float16, torch.bfloat16)
    return arrays.array_of(name, parameter.detach().double().cpu() if narrow or not parameter.is_cpu else parameter)


def output_layer(model: nn.Module) -> nn.Linear:
    """The nn.Linear(d, 1) or (d, 2) that a module consists of: itself, its `linear`, or the first of a Sequential, and
    no other parameters. Of two outputs the logit is the second less the first."""
    layer: Any = model
    if isinstance(model, nn.Sequential) and len(model):
        layer = model[0]
    elif type(model) is not nn.Linear:
        layer = getattr(model, "linear", model)
    own = layer._parameters if isinstance(layer, nn.Linear) else {}
    plain = own.get("weight") is not None and layer.out_features <= 2
    if not (plain and ids_of_parameters(model) == {id(p) for p in (layer.weight, layer.bias) if p is not None}):
        raise TypeError(f"model is a {full_name(model)}; accepted: {ACCEPTED}")
    return layer
