"""The fused loss as a torch operator: under autograd, in both modes, torch.func and torch.compile.

One pass over the data gives loss and gradient; the first derivative, in either mode, is a product with that gradient.
The gradient's own derivative is a product with the Hessian, in eager PyTorch, which has all further derivatives. Under
torch.func.vmap there is one pass for all members: matrix products.
"""

import contextlib
from typing import Any

import torch
from torch._C import _functorch as functorch
from torch.autograd import forward_ad

from kernels import backends, reference
from kernels.arguments import arrays, dataset, models, numbers, weighting
from kernels.arguments.weighting import weigh_positive
from kernels.means import mean_loss_grad

OPERATOR = "logreg_kernels::linear_bce"

# Not by torch.library.custom_op: calls of its operators take as long as the kernel takes for 100 samples.
torch.library.define(
    OPERATOR,
    "(Tensor X, Tensor weight, Tensor bias, Tensor y, Tensor? sample_weight, Tensor? pos_weight)"
    " -> (Tensor, Tensor, Tensor)",
)


def loss_and_gradient(X, weight, bias, y, sample_weight, pos_weight):
    """Mean loss () and its gradients, in the shapes of weight and bias."""
    body = backends.chosen(None, X=X, weight=weight, bias=bias, y=y, sample_weight=sample_weight)
    sample_weight = None if sample_weight is None else sample_weight.reshape(-1)
    data = weighting.of_mean(*dataset.samples(X, y), sample_weight, pos_weight, by_samples=True)
    X_array, y_array, weights, total = data
    dtype = arrays.dtype_of(X_array)
    if weight.is_cpu:  # FSDP2 frees its parameters, which it couldn't once NumPy has seen their memory
        weight, bias = weight.clone(), bias.clone()
    w = models.coefficients("weight", weight, (weight.shape,), dtype)
    b = models.coefficients("bias", bias, (bias.shape,), dtype)
    found = mean_loss_grad(body, X_array, y_array, weights, w, b, total)
    loss, grad_w, grad_b = (torch.as_tensor(value, device=X.device).to(X.dtype, copy=True) for value in found)
    return loss, grad_w.reshape(weight.shape), grad_b.reshape(bias.shape)


def shapes_alone(X, weight, bias, y, sample_weight, pos_weight):
    return X.new_empty(()), torch.empty_like(weight), torch.empty_like(bias)


def of_members(info, in_dims, X, weight, bias, y, sample_weight, pos_weight):
    """Losses (k,) and gradients (k, ...) of k members, of which some arguments are the same."""
    arguments = X, weight, bias, y, sample_weight, pos_weight
    of_all: list[Any] = [
        None if value is None else value[None] if dim is None else value.movedim(dim, 0)
        for value, dim in zip(arguments, in_dims, strict=True)
    ]
    X, w, b, *samples = of_all
    shapes = w.shape[1:], b.shape[1:]
    labels, share = shared(X, *(None if value is None else value.reshape(len(value), -1) for value in samples))
    z = product(X, w.reshape(len(w), -1, 1))[..., 0] + b.reshape(len(b), 1)
    slopes = reference.weighed(reference.slope(z, labels), share)
    slopes = torch.where((labels >= 0) & (labels <= 1), slopes, torch.nan)
    losses = reference.weighed(reference.value(z, labels), share).sum(1)
    gradients = product(slopes[:, None], X), slopes.sum(1)
    shaped = (value.reshape(-1, *shape) for value, shape in zip(gradients, shapes, strict=True))
    return tuple(value.expand(info.batch_size, *value.shape[1:]) for value in (losses, *shaped)), (0, 0, 0)


def shared(X, y, sample_weight, pos_weight):
    """Labels (..., n), and the weights with which the losses of X (..., n, d) are summed up."""
    if pos_weight is not None:
        y, sample_weight = weigh_positive(y, sample_weight, pos_weight)
    share = X.new_ones(1) if sample_weight is None else sample_weight
    return y.to(X.dtype), share.to(X.dtype) / X.shape[-2]


torch.library.impl(OPERATOR, "default", loss_and_gradient)
torch.library.register_fake(OPERATOR, shapes_alone)
torch.library.register_vmap(OPERATOR, of_members)
operator = torch.ops.logreg_kernels.linear_bce.default


def product(left, right):
    """left @ right in the dtype of both, in torch.autocast too: it leaves float64 alone, and can't be turned off within
    torch.func.vmap."""
    if torch.is_autocast_enabled(left.device.type):
        return (left.double() @ right.double()).to(left.dtype)
    return left @ right


class MeanLoss(torch.autograd.Function):
    """The loss, and its gradients, which here have the derivative 0: marked as having none, they would need tangents
    within torch.func.vmap, and elsewhere must have none."""

    generate_vmap_rule = True

    @staticmethod
    def forward(*inputs):
        return operator(*inputs)

    @staticmethod
    def setup_context(ctx, inputs, output):
        keep(ctx, *output[1:], *inputs)

    @staticmethod
    def backward(ctx, by_loss, *_):
        refuse_constants("requires a gradient", *ctx.needs_input_grad)
        if by_loss is None:
            return (None,) * 6
        grad_weight, grad_bias, *inputs = ctx.saved_tensors
        if torch.is_grad_enabled() or forward_ad._current_level >= 0:  # there may be a further derivative
            grad_weight, grad_bias = Gradient.apply(grad_weight, grad_bias, *inputs)
        return None, by_loss * grad_weight, by_loss * grad_bias, None, None, None

    @staticmethod
    def jvp(ctx, *tangents):
        refuse_constants("has a tangent", *(tangent is not None for tangent in tangents))
        with derivatives_of(ctx) as saved:
            gradient = Gradient.apply(*saved)
            along = [
                (slope * tangent).sum()
                for slope, tangent in zip(gradient, tangents[1:3], strict=True)
                if tangent is not None
            ]
            return sum(along), *map(torch.zeros_like, gradient)


class Gradient(torch.autograd.Function):
    """The gradients that are given, with the derivatives that those of these inputs of the loss have."""

    generate_vmap_rule = True

    @staticmethod
    def forward(grad_weight, grad_bias, *inputs):
        return grad_weight.clone(), grad_bias.clone()  # a view would lose its tangent

    @staticmethod
    def setup_context(ctx, inputs, output):
        keep(ctx, *inputs[2:])

    @staticmethod
    def backward(ctx, *by_gradient):
        refuse_constants("requires a gradient", *ctx.needs_input_grad[2:])
        return None, None, None, *hessian_product(*ctx.saved_tensors, *by_gradient), None, None, None

    @staticmethod
    def jvp(ctx, _, __, *tangents):
        refuse_constants("has a tangent", *(tangent is not None for tangent in tangents))
        with derivatives_of(ctx) as saved:
            return hessian_product(*saved, *tangents[1:3])


def hessian_product(X, weight, bias, y, sample_weight, pos_weight, by_weight, by_bias):
    """The Hessian times a vector, whose parts may be None, in the shapes of weight and bias."""
    labels, share = shared(X, *(None if v is None else v.reshape(-1) for v in (y, sample_weight, pos_weight)))
    along = 0.0 if by_weight is None else product(X, by_weight.reshape(-1))
    along = along if by_bias is None else along + by_bias
    z = product(X, weight.reshape(-1)) + bias
    slopes = reference.weighed(reference.curvature(z, labels) * along, share)
    return product(slopes, X).reshape(weight.shape), slopes.sum().reshape(bias.shape)


def keep(ctx, *tensors):
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors)
    ctx.save_for_forward(*tensors)


@contextlib.contextmanager
def derivatives_of(ctx):
    """What was saved, without the tangents whose rule this is. Derivatives of the rule itself are on, which torch turns
    off in it: a tangent's own tangent would be 0."""
    with forward_ad._set_fwd_grad_enabled(True):
        yield [None if value is None else primal_of(value) for value in ctx.saved_tensors]


def primal_of(value):
    """A tensor without its tangent, within torch.func.vmap too, which has no rule for that."""
    if not functorch.is_batchedtensor(value):
        return forward_ad.unpack_dual(value).primal
    dim, level = functorch.maybe_get_bdim(value), functorch.maybe_get_level(value)
    return functorch._add_batch_dim(primal_of(functorch.get_unwrapped(value)), dim, level)


def refuse_constants(what, X, weight, bias, y, sample_weight, pos_weight):
    """Raises what is said of the first of the arguments, but for weight and bias, whose flag is set."""
    for name, flag in (("X", X), ("y", y), ("sample_weight", sample_weight), ("pos_weight", pos_weight)):
        if flag:
            refuse(name, what)


def refuse(name, what):
    raise ValueError(f"{name} {what}; accepted: data without, only weight and bias have derivatives here")


def checked(X, weight, bias, y, sample_weight, pos_weight):
    """The arguments of `kernels.linear_bce`, tensors or None."""
    if pos_weight is not None and not isinstance(pos_weight, torch.Tensor):
        number = pos_weight if isinstance(pos_weight, float) else numbers.pos_weight(pos_weight)
        pos_weight = torch.tensor(number, dtype=torch.float64)
    arguments = X, weight, bias, y, sample_weight, pos_weight
    check(*arguments)
    return arguments


def mean_loss(*arguments):
    return MeanLoss.apply(*arguments)[0]


def check(X, weight, bias, y, sample_weight, pos_weight):
    """What can be seen without values, which no tensor has that is traced or a member's."""
    check_is_tensor("X", X)
    if X.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"X has dtype {X.dtype}; accepted: float32 or float64")
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(f"X has shape {tuple(X.shape)}; accepted: (n, d) with n >= 1 and d >= 1")
    n, d = X.shape
    column = (n,), (n, 1)
    check_tensor("weight", weight, ((d,), (1, d)), like=X)
    check_tensor("bias", bias, ((), (1,)), like=X)
    check_tensor("y", y, column)
    if sample_weight is not None:
        check_tensor("sample_weight", sample_weight, column)
    if pos_weight is not None:
        check_tensor("pos_weight", pos_weight, ((), (1,)))
    for name, value in (("X", X), ("y", y), ("sample_weight", sample_weight), ("pos_weight", pos_weight)):
        if value is not None and value.requires_grad:
            refuse(name, "requires a gradient")


def check_is_tensor(name, value):
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} is a {type(value).__name__}; accepted: a tensor")
    if hasattr(value, "full_tensor"):  # not by its class, which would load torch.distributed
        raise TypeError(
            f"{name} is a DTensor, in parts over processes; accepted: a tensor, as parameters are in the forward of "
            "the module that fully_shard was given, or the part of the data that this process has, to_local()"
        )


def check_tensor(name, value, shapes, like=None):
    check_is_tensor(name, value)
    if value.shape not in shapes:
        raise ValueError(f"{name} has shape {tuple(value.shape)}; accepted: {' or '.join(map(str, shapes))}")
    if like is not None and value.dtype != like.dtype:
        raise TypeError(f"{name} has dtype {value.dtype}; accepted: {like.dtype}, the dtype of X")
    if like is not None and value.device != like.device:
        raise ValueError(f"{name} is on device {value.device}; accepted: {like.device}, as X")
