"""The fused loss as a torch operator: under autograd and torch.compile.

The forward pass computes loss and gradient in one pass over the data; the backward pass scales what it saved.
"""

import torch

from kernels import checks
from kernels.update import data_of, mean_loss_grad


@torch.library.custom_op("logreg_kernels::linear_bce", mutates_args=())
def loss_and_gradient(
    X: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean loss () and its gradients, in the shapes of weight and bias."""
    backend = checks.backend(None, X=X, weight=weight, bias=bias, y=y)
    X_array, y_array, _ = data_of(X, y, None)
    d = X_array.shape[1]
    w = trained("weight", weight, ((d,), (1, d)), X)
    b = trained("bias", bias, ((), (1,)), X)
    means = mean_loss_grad(X_array, y_array, w, b, None, backend)
    loss, grad_w, grad_b = (torch.as_tensor(value, device=X.device).to(X.dtype, copy=True) for value in means)
    return loss, grad_w.reshape(weight.shape), grad_b.reshape(bias.shape)


def trained(name, value, shapes, X):
    if value.dtype != X.dtype:
        raise TypeError(f"{name} has dtype {value.dtype}; accepted: {X.dtype}, the dtype of X")
    if value.device != X.device:
        raise ValueError(f"{name} is on device {value.device}; accepted: {X.device}, as X")
    return checks.coefficients(name, value, shapes, checks.dtype_of(X))


@loss_and_gradient.register_fake
def shapes_alone(X, weight, bias, y):
    return X.new_empty(()), torch.empty_like(weight), torch.empty_like(bias)


def save(ctx, inputs, output):
    _, *gradient = output
    ctx.mark_non_differentiable(*gradient)
    ctx.save_for_backward(*gradient)


def scaled(ctx, by_loss, *_):
    if torch.is_grad_enabled():  # in a backward pass with create_graph=True
        raise NotImplementedError("linear_bce has no second derivative; accepted: backward without create_graph")
    grad_weight, grad_bias = ctx.saved_tensors
    return None, by_loss * grad_weight, by_loss * grad_bias, None


loss_and_gradient.register_autograd(scaled, setup_context=save)


def linear_bce(X, weight, bias, y):
    """`kernels.linear_bce`"""
    for name, value in (("X", X), ("weight", weight), ("bias", bias), ("y", y)):
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"{name} is a {type(value).__name__}; accepted: a tensor")
        if name in ("X", "y") and value.requires_grad:
            raise ValueError(f"{name} requires a gradient; accepted: data without, only weight and bias have one here")
    return loss_and_gradient(X, weight, bias, y)[0]
