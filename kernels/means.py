"""Loss and gradient of all samples on any backend, in range though sums of them may not be."""

import math
from typing import Any, TypeAlias

import numpy as np

from kernels import backends
from kernels.arguments import arrays, dataset
from kernels.bodies import Backend
from kernels.kinds import Array, Tensor

Means: TypeAlias = tuple[Any, Any, Any]  # loss and gradient by w and by b: numbers and an array, or tensors


def mean_loss_grad(
    backend: Backend[Any], X: Array, y: Array, weight: Array | None, w: Array, b: Array, total: Array | float
) -> Means:
    """Sums over the samples, divided by `total`: loss, gradient by w (d,) and by b. Raises what is wrong with X or y if
    they are not finite. Of CUDA tensors the means are tensors too."""
    result = means_of(backend, X, y, weight, w, b, total)
    if arrays.is_tensor(X) or all_finite(*result):
        return result
    dataset.check_values(X, y)
    share = 0.5 ** len(y).bit_length()  # of it the sums are below the means, which may be in range where they aren't
    weight = np.full_like(y, share) if weight is None else weight * arrays.dtype_of(y).type(share)
    with np.errstate(over="ignore", invalid="ignore"):
        return means_of(backend, X, y, weight, w, b, total * share)


def means_of(
    backend: Backend[Any], X: Array, y: Array, weight: Array | None, w: Array, b: Array, total: Array | float
) -> Means:
    """The same, whether in range or not: NumPy's unless X is a tensor."""
    of_tensors = arrays.is_tensor(X)
    X, y, weight, w, b = backends.arguments_of(backend, X, y, weight, w, b)
    loss, grad_w, grad_b = means = backend.gradients().loss_and_gradient(X, y, weight, w, b, total)
    return means if of_tensors or not backend.TENSORS else (loss.numpy(), grad_w.numpy(), grad_b.numpy())


def all_finite(loss: Any, grad_w: Any, grad_b: Any) -> bool:
    return math.isfinite(loss) and math.isfinite(grad_b) and arrays.is_finite(grad_w)


def step_on_card_(w: Tensor, b: Tensor, means: Means, lr: float) -> Tensor:
    """Subtracts lr times the gradient from tensors w (d,) and b (1,), in place, if loss and parameters stay finite in
    their dtype; returns the loss in it. Nothing waits for the device."""
    import torch

    loss, grad_w, grad_b = means
    loss, new_w, new_b = (value.to(w.dtype) for value in (loss, w - lr * grad_w, b - lr * grad_b))
    inside = loss.isfinite() & new_w.isfinite().all() & new_b.isfinite().all()
    w.copy_(torch.where(inside, new_w, w))
    b.copy_(torch.where(inside, new_b, b))
    return loss
