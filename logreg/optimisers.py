"""What an optimiser of PyTorch trains: the layer that makes a model's logit, its parameters, and their penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from logreg.estimators import Penalty, full_name
from logreg.models import output_layer, unwrapped

if TYPE_CHECKING:
    from torch.optim import Optimizer

DECOUPLED = ("AdamW", "Adafactor", "Muon")  # optimisers whose weight decay is no gradient of a penalty
COUPLED = ("SGD", "Adam", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop")  # those whose is


def last_linear(model: nn.Module) -> nn.Linear:
    """The layer that makes a module's logit: the module as `output_layer` reads it, or, where a Sequential runs its
    parts one after another, the last of these with parameters."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {full_name(model)}; accepted: a module of PyTorch")
    module = unwrapped(model)
    while isinstance(module, nn.Sequential):
        parts = [part for part in module if any(True for _ in part.parameters())]
        if not parts or len({id(part) for part in parts}) < len(parts):
            break
        module = unwrapped(parts[-1])
    return output_layer(module)


def theta_of(layer: nn.Linear) -> torch.Tensor:
    """A copy of the parameters (d + 1,) of a layer, where they are; of two outputs, of their difference."""
    weight = layer.weight.detach()
    own: Any = layer.bias
    bias = weight.new_zeros(len(weight)) if own is None else own.detach()
    rows = torch.cat([weight, bias[:, None]], dim=1)
    return rows[0] if len(rows) == 1 else rows[1] - rows[0]


def penalty_of(optimizer: Optimizer, layer: nn.Linear) -> Penalty | None:
    """The Penalty that weight decay is: of two outputs half of it, as both have a half of their difference. None where
    it isn't known whether it is one."""
    of_w, of_b = (decay_of(optimizer, parameter) for parameter in (layer.weight, layer.bias))
    if of_w is None and of_b is None:
        raise ValueError("optimizer has no parameter of the model; accepted: one that trains it")
    l2, l2_bias = (0.0 if decay is None else decay / layer.out_features for decay in (of_w, of_b))
    kind = type(optimizer).__name__
    is_known = kind in COUPLED or (l2 == l2_bias == 0 and kind != "ASGD")  # whose lambd is a decay, too
    return Penalty(l2, l2_bias) if is_known else None


def decay_of(optimizer: Optimizer, parameter: torch.Tensor | None) -> float | None:
    """The weight decay of a parameter, 0 if it is decoupled from the gradient or there is none; None if it isn't
    trained."""
    for group in optimizer.param_groups:
        if any(parameter is trained for trained in group["params"]):
            decoupled = type(optimizer).__name__ in DECOUPLED or group.get("decoupled_weight_decay", False)
            still = parameter is None or not parameter.requires_grad
            return 0.0 if decoupled or still else float(group.get("weight_decay", 0.0))
    return None
