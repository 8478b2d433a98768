"""The lab's model, and the layer that is trained in it and in others."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn, sigmoid

from logreg.estimators import full_name


class LogisticRegression(nn.Module):
    """The probability p = sigmoid(x w + b) for features x, as a module of PyTorch.

    Parameters
    ----------
    n_inputs : int
        Number of features.

    Attributes
    ----------
    linear : torch.nn.Linear
        The layer with weights (1, n_inputs) and bias (1,).

    See Also
    --------
    train : trains it

    Examples
    --------
    >>> import torch
    >>> from logreg import LogisticRegression
    >>> model = LogisticRegression(2)
    >>> with torch.no_grad():
    ...     _ = model.linear.weight.copy_(torch.tensor([[1.0, -1.0]])), model.linear.bias.zero_()
    >>> [round(p, 3) for p in model(torch.tensor([[0.0, 0.0], [2.0, 0.0]])).flatten().tolist()]
    [0.5, 0.881]
    """

    def __init__(self, n_inputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_inputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Probabilities (n, 1) of class 1.

        Parameters
        ----------
        x : tensor (n, n_inputs)
            Features.

        Returns
        -------
        tensor (n, 1)
            Of class 1.
        """
        return sigmoid(self.linear(x))


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
