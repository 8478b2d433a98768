"""Linear models of two classes, whoever made them: what surfaces, lines and accuracies are to know of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import nn

from kernels.arguments import arrays, models
from kernels.arguments.tables import is_table
from logreg import estimators
from logreg.classes import Meaning
from logreg.estimators import Penalty, full_name
from logreg.model import LogisticRegression, ids_of_parameters
from logreg.outputs import evaluating, is_made_of, replaced, tensor_of
from logreg.runs import is_run, path_of
from logreg.samples import Expected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike

    from logreg.runs import Run

    Model: TypeAlias = nn.Module | estimators.LinearClassifier | Run | ArrayLike
    Models: TypeAlias = Model | Sequence[Model] | Mapping[str, Model]

DIFFERENT = "different"  # weights of classes
AFTERWARDS = nn.Sigmoid, nn.Softmax, nn.LogSoftmax, nn.Flatten, nn.Identity, nn.Dropout
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
    class_weight  what these counted in its loss, as `classes.read_weights` takes it; DIFFERENT: not the same for all
    penalty       what it was fitted with; None: one that isn't a square, or of several, not the same
    paths         parameters (k, d + 1) along its training, of each path through which a plane is to go; of none ()
    names         of the features that it was fitted to; None: they have none
    prepare       what features go through first; None: nothing
    run           the run of training whose end it is, which may have weights of samples; None: of none
    """

    theta: np.ndarray
    has_bias: bool = True
    classes: tuple[Any, Any] | None = None
    class_weight: Any = None
    penalty: Penalty | None = Penalty()
    paths: tuple[np.ndarray, ...] = ()
    names: tuple[str, ...] | None = None
    prepare: Callable[[Any], Any] | None = None
    run: Any = None

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
        known = model_of_pipeline(model)
    elif estimators.is_classifier(model):
        known = model_of_classifier(model)
    else:
        known = LinearModel(theta_of(model))
    arrays.check_finite("the model", known.theta)
    return known


def read_models(model: Any) -> LinearModel:
    """The LinearModel of one model or of several, between whose ends it is: runs of training in a list or by name, or
    models by name; a list of models is one path through them.

    ValueError where they differ in their number of weights or in their classes.
    """
    if isinstance(model, dict):
        return between([read_model(one) for one in model.values()])
    if not isinstance(model, (list, tuple)) or is_row_of_numbers(model):
        return read_model(model)
    if any(map(is_run, model)):
        return between([read_model(one) for one in model])
    known = [read_model(one) for one in model]
    return common(known)._replace(theta=known[-1].theta, paths=(np.stack([one.theta for one in known]),))


def between(known: list[LinearModel]) -> LinearModel:
    """In the middle of the ends of several models, with the paths of all."""
    paths = [one.paths or (one.theta[None],) for one in known]
    return common(known)._replace(
        theta=np.mean([one.theta for one in known], axis=0), paths=tuple(path for some in paths for path in some)
    )


def common(known: list[LinearModel]) -> LinearModel:
    """What several models have in common; ValueError for no models, and those that can't be compared.

    Those that are nothing but parameters, as vectors are, have the classes of the others, and their features.
    """
    if not known:
        raise ValueError("model holds no models; accepted: at least one")
    sizes = sorted({len(one.theta) - 1 for one in known})
    if len(sizes) > 1:
        raise ValueError(f"model holds models of {sizes} weights; accepted: the same number for all")
    fitted = [one for one in known if one.classes is not None] or known
    classes = {one.classes for one in fitted}
    if len(classes) > 1:
        raise ValueError(f"model holds models of the classes {sorted(classes, key=str)}; accepted: the same for all")
    first, *others = fitted
    penalties = {one.penalty for one in known}
    same = all(one.class_weight == first.class_weight for one in others)
    same = same and (weighted_alike([one.run for one in known]) or not any(has_weights(one.run) for one in known))
    return LinearModel(
        first.theta,
        has_bias=any(one.has_bias for one in known),
        classes=first.classes,
        class_weight=first.class_weight if same else DIFFERENT,
        penalty=penalties.pop() if len(penalties) == 1 else None,
        names=first.names if all(one.names == first.names for one in others) else None,
        prepare=prepared_alike(fitted),
        run=known[0].run if weighted_alike([one.run for one in known]) else None,
    )


def has_weights(run: Any) -> bool:
    """Whether a run of training, or None, had weights of samples or of the positive class."""
    return getattr(run, "sample_weight", None) is not None or getattr(run, "pos_weight", None) is not None


def weighted_alike(runs: list[Any]) -> bool:
    """Whether all are runs of the same weights on the same data, or the same run."""
    first, *others = runs
    return has_weights(first) and all(
        has_weights(run)
        and run.pos_weight == first.pos_weight
        and run.x.shape == first.x.shape
        and np.array_equal(run.x, first.x)
        and np.array_equal(run.sample_weight, first.sample_weight)
        for run in others
    )


def prepared_alike(known: list[LinearModel]) -> Callable[[Any], Any] | None:
    """What data goes through before models, which are of the same features only if their steps give the same."""
    if all(one.prepare is known[0].prepare for one in known):
        return known[0].prepare
    steps = [one.prepare for one in known if one.prepare is not None]
    if len(steps) < len(known):
        raise ValueError("model holds pipelines with steps before the model and models without; accepted: all alike")

    return Alike(tuple(steps))


@dataclass(frozen=True)
class Alike:
    """What gives the same features as all of several steps; it can be pickled as they can."""

    steps: tuple[Callable[[Any], Any], ...]

    def __call__(self, x: Any) -> Any:
        first, *others = (one(x) for one in self.steps)
        if not all(are_close(first, other) for other in others):
            raise ValueError(
                "model holds pipelines whose steps give different features; accepted: the same features for all, such "
                "as models of steps that were fitted once"
            )
        return first


@dataclass(frozen=True)
class InTurn:
    """What gives data to one step and what comes of it to another."""

    before: Callable[[Any], Any]
    after: Callable[[Any], Any]

    def __call__(self, x: Any) -> Any:
        return self.after(self.before(x))


def are_close(one: Any, other: Any) -> bool:
    """Whether features are the same but for rounding, dense or sparse."""
    if one.shape != other.shape or arrays.is_sparse(one) != arrays.is_sparse(other):
        return False
    if not arrays.is_sparse(one):
        return bool(np.allclose(one, other))
    difference = abs(one - other)
    return bool(difference.max() <= 1e-8 + 1e-5 * abs(other).max())


def points_of(model: Any) -> np.ndarray:
    """The parameters (k, d + 1) along a run or a list of models, or (1, d + 1) of a model."""
    known = read_models(model)
    return np.vstack(known.paths) if known.paths else known.theta[None]


def model_of_run(run: Any) -> LinearModel:
    """The last of the models along a run, which is a path; a TrainingPath of models also knows more of them."""
    path = path_of(run)
    known = getattr(run, "model", None)
    if isinstance(known, LinearModel):
        return known._replace(theta=path[-1].copy(), paths=(path,))
    penalty = Penalty(getattr(run, "l2", 0.0), getattr(run, "l2_bias", 0.0))
    return LinearModel(path[-1].copy(), classes=getattr(run, "classes", None), penalty=penalty, paths=(path,), run=run)


def model_of_pipeline(model: Any) -> LinearModel:
    """That of its last step, whose data goes through the steps before it, of pipelines within pipelines too."""
    last, prepare = estimators.last_step(model)
    known = read_model(last)
    if prepare is None:
        return known
    inner = known.prepare
    if inner is None:
        return known._replace(prepare=prepare, names=estimators.names_after(model) or known.names)
    return known._replace(prepare=InTurn(prepare, inner))


def model_of_classifier(model: estimators.LinearClassifier) -> LinearModel:
    weight, bias = estimators.fitted(model)
    about: Any = model
    low, high = np.asarray(about.classes_).tolist()
    names = getattr(about, "feature_names_in_", None)
    return LinearModel(
        np.append(weight, bias).astype(np.float64),
        has_bias=bool(getattr(about, "fit_intercept", True)),
        classes=(low, high),
        class_weight=estimators.class_weight_of(about),
        penalty=estimators.penalty_of(model),
        names=None if names is None else tuple(map(str, names)),
    )


def theta_of(values: Any) -> np.ndarray:
    """A vector theta (d + 1,) that is given as a model."""
    if hasattr(values, "fit"):
        raise TypeError(
            f"model is a {full_name(values)} without coef_ and intercept_: it isn't fitted, or isn't linear itself; "
            "accepted: a logistic classifier of scikit-learn that is fitted, or theta (d + 1,)"
        )
    if not (isinstance(values, (np.ndarray, torch.Tensor)) or is_table(values) or is_row_of_numbers(values)):
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
    """The nn.Linear(d, 1) or (d, 2) that a module is: itself, its `linear`, or the first of a Sequential before what
    makes probabilities of logits, and no other parameters. Of two outputs the logit is the second less the first."""
    module = unwrapped(model)
    layer: Any = module
    if isinstance(module, nn.Sequential):
        layer = next(iter(module), module)
    elif type(module) is not nn.Linear:
        layer = getattr(module, "linear", module)
    if not (is_plain(layer) and layer.out_features <= 2 and adds_nothing(module, layer)):
        raise TypeError(f"model is a {full_name(model)}; accepted: {ACCEPTED}")
    return layer


def unwrapped(model: nn.Module) -> nn.Module:
    """The module in what only passes calls on to it: of torch.compile, DataParallel, AveragedModel and their kin."""
    while True:
        inner = next((model._modules[name] for name in ("_orig_mod", "module") if name in model._modules), None)
        if inner is None or len(model._modules) > 1 or model._parameters:
            return model
        model = inner


def is_plain(layer: Any) -> bool:
    """Whether a layer is an nn.Linear that gives what its weight and bias say."""
    if type(layer) is not nn.Linear or layer._forward_hooks or layer._forward_pre_hooks:
        return False
    return layer.weight is layer._parameters.get("weight") and layer.bias is layer._parameters.get("bias")


def adds_nothing(module: nn.Module, layer: nn.Linear) -> bool:
    """Whether a module's output is that of its layer, or probabilities of it: by its parts, or by what it gives."""
    if module is layer or type(module) is LogisticRegression:
        return ids_of_parameters(module) == {id(p) for p in layer.parameters()}
    if {id(p) for p in module.parameters()} != {id(p) for p in layer.parameters()} or list(module.buffers()):
        return False
    if isinstance(module, nn.Sequential):
        return all(isinstance(part, AFTERWARDS) for part in list(module)[1:])
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(8, layer.in_features, generator=generator).to(layer.weight)
    with evaluating(module), replaced(layer) as numbers:
        try:
            output = tensor_of(module(features))
        except Exception:  # whatever a module raises that takes something else
            return False
        return output is not None and len(numbers) == 1 and is_made_of(output, numbers[0])
