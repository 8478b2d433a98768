"""Loss and gradient of all samples on any backend, in range though sums of them may not be."""

import math

import numpy as np

from kernels import backends
from kernels.arguments import arrays, dataset


def mean_loss_grad(backend, X, y, weight, w, b, total):
    """Sums over the samples, divided by `total`: loss, gradient by w (d,) and by b. Raises what is wrong with X or y if
    they are not finite. Of CUDA tensors the means are tensors too."""
    result = means_of(backend, X, y, weight, w, b, total)
    if arrays.is_tensor(X) or all_finite(*result):
        return result
    dataset.check_values(X, y)
    share = 0.5 ** len(y).bit_length()  # of it the sums are below the means, which may be in range where they aren't
    weight = np.full_like(y, share) if weight is None else weight * y.dtype.type(share)
    with np.errstate(over="ignore", invalid="ignore"):
        return means_of(backend, X, y, weight, w, b, total * share)


def means_of(backend, X, y, weight, w, b, total):
    """The same, whether in range or not: NumPy's unless X is a tensor."""
    taken = backends.arguments_of(backend, X, y, weight, w, b)
    means = backend.gradients().loss_and_gradient(*taken, total)
    return means if arrays.is_tensor(X) or not backend.TENSORS else tuple(value.numpy() for value in means)


def all_finite(loss, grad_w, grad_b):
    return math.isfinite(loss) and math.isfinite(grad_b) and arrays.is_finite(grad_w)


def step_on_card_(w, b, means, lr):
    """Subtracts lr times the gradient from tensors w (d,) and b (1,), in place, if loss and parameters stay finite in
    their dtype; returns the loss in it. Nothing waits for the device."""
    import torch

    loss, grad_w, grad_b = means
    loss, new_w, new_b = (value.to(w.dtype) for value in (loss, w - lr * grad_w, b - lr * grad_b))
    inside = loss.isfinite() & new_w.isfinite().all() & new_b.isfinite().all()
    w.copy_(torch.where(inside, new_w, w))
    b.copy_(torch.where(inside, new_b, b))
    return loss
