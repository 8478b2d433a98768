"""Training with a penalty on the weights, as the surfaces have it: the bias is free."""

from typing import Any

import torch
from torch import nn

from kernels import bce_loss_grad
from logreg.devices import Device, card_of
from logreg.model import linear_layer
from logreg.samples import as_arrays
from logreg.training import History, copies_of


def train_penalised(model: nn.Module, data: Any, *, lr: float, steps: int, l2: float, device: Device = None) -> History:
    """Minimises the mean cross-entropy of all the data + l2/2 |w|^2, the bias left out, by proximal gradient descent.

    A step, of `steps` >= 1, goes down the cross-entropy and divides the weights by 1 + lr l2, which stays still at the
    minimum and is stable for any l2 >= 0. All the data is in each: minibatches would keep it from the minimum. `model`
    ends with the trained parameters; the other arguments are those of `train`. Returns a History, whose losses are
    without the penalty.
    """
    card, layer, (x, (y, _)) = card_of(device), linear_layer(model), as_arrays(data)
    weight, bias = layer.weight.detach()[0], layer.bias.detach()
    start = copies_of(weight, bias)
    X, labels, w, b = (torch.as_tensor(values, device=card) for values in (x, y, weight.clone(), bias.clone()))
    path = []
    for _ in range(steps):
        gradient: Any = bce_loss_grad(X, labels, w, b)  # of tensors, as these are
        loss, grad_w, grad_b = gradient
        w, b = (w - lr * grad_w) / (1 + lr * l2), b - lr * grad_b
        path.append((w, b[0], loss))
    weight.copy_(w)
    bias.copy_(b)
    kept_w, kept_b, losses = (torch.stack(values).cpu().numpy() for values in zip(*path, strict=True))
    ends = *start, *copies_of(weight, bias)
    return History(kept_w, kept_b, losses, *ends, steps, steps_per_epoch=1, cost="bce", x=x, y=y, l2=l2)
