"""The lab's model, and the parameters of this and other linear models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeGuard

import numpy as np
import torch
from torch import nn, sigmoid

from kernels.arguments import arrays

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class LinearClassifier(Protocol):
    """A linear classifier as scikit-learn has it, once it is fitted."""

    coef_: ArrayLike
    intercept_: ArrayLike


Model: TypeAlias = nn.Module | LinearClassifier


class LogisticRegression(nn.Module):
    """p = sigmoid(x w + b) for features x (n, n_inputs); returns probabilities (n, 1)."""

    def __init__(self, n_inputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_inputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return sigmoid(self.linear(x))


OURS = LogisticRegression, nn.Linear


def seeded_model(n_inputs: int, seed: int) -> LogisticRegression:
    """A LogisticRegression whose parameters are drawn by a seed; the state of torch's generator stays as it is."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LogisticRegression(n_inputs)


def check_seed(seed: int) -> None:
    """Refuses a seed that not all generators of random numbers take."""
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed is {seed}; accepted: an integer from 0 to 2^63 - 1")


def linear_layer(model: nn.Module) -> nn.Linear:
    """The nn.Linear(d, 1) that a model consists of: itself or its `linear`, and no other parameters."""
    layer: Any = model if type(model) is nn.Linear else getattr(model, "linear", model)
    own = layer._parameters if isinstance(layer, nn.Linear) else {}
    plain = not (own.get("weight") is None or own.get("bias") is None) and layer.out_features == 1
    if not (plain and ids_of_parameters(model) == {id(layer.weight), id(layer.bias)}):
        raise TypeError(
            f"model is a {full_name(model)}; accepted: logreg.LogisticRegression, or nn.Linear(d, 1) with a bias, "
            "alone or as the attribute `linear` of a module without other or transformed parameters"
        )
    return layer


def ids_of_parameters(model: nn.Module) -> set[int]:
    """Those of a module and of the modules in it, as `parameters` gives them, which takes five times as long."""
    layer: Any = model._modules.get("linear") if type(model) is LogisticRegression else model
    parts = [] if layer is model else [layer]
    if type(layer) is not nn.Linear or layer._modules or list(model._modules.values()) != parts:
        return {id(p) for p in model.parameters()}
    return {id(p) for p in (*model._parameters.values(), *layer._parameters.values()) if p is not None}


def parameters(model: Model) -> np.ndarray:
    """theta (d + 1,) float64, the bias last, of a LogisticRegression or nn.Linear(d, 1), or of a linear classifier of
    scikit-learn that was fitted to two classes."""
    if is_classifier(model):
        weight, bias = fitted(model)
    elif not isinstance(model, nn.Module):
        raise TypeError(
            f"model is a {full_name(model)}; accepted: logreg.LogisticRegression, nn.Linear(d, 1), or a linear "
            "classifier of scikit-learn that is fitted"
        )
    else:
        layer = linear_layer(model)
        weight, bias = arrays.array_of("the model's weight", layer.weight), arrays.array_of("its bias", layer.bias)
    theta = np.empty(weight.size + bias.size)
    theta[: weight.size], theta[weight.size :] = weight.reshape(-1), bias.reshape(-1)
    arrays.check_finite("the model", theta)
    return theta


def is_classifier(model: Model) -> TypeGuard[LinearClassifier]:
    return type(model) not in OURS and hasattr(model, "coef_") and hasattr(model, "intercept_")


def fitted(model: LinearClassifier) -> tuple[np.ndarray, np.ndarray]:
    """`coef_` (d,) and `intercept_` (1,) of a classifier of two classes."""
    classes = len(getattr(model, "classes_", ()))
    weight, bias = (arrays.array_of(f"model.{name}", getattr(model, name)) for name in ("coef_", "intercept_"))
    if classes != 2 or weight.shape not in ((weight.size,), (1, weight.size)) or bias.size != 1:
        raise ValueError(
            f"model is a {full_name(model)} with {classes} classes and coef_ {weight.shape}; accepted: a classifier of "
            "two classes with coef_ (1, d)"
        )
    return weight, bias


def full_name(model: object) -> str:
    """The class of a model with the module that it is from: there is a LogisticRegression elsewhere, too."""
    kind = type(model)
    return f"{kind.__module__}.{kind.__qualname__}"
