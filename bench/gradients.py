"""Contenders for the loss and gradient of the whole data. Each takes a `Pass` and returns the call that is timed, whose
result is the loss, the gradient by w (d,) and by b; of those that
take a step, the loss before it and w, b after it."""

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

import kernels
from bench.timing import Contender

STEP = 0.5  # the learning rate


def ours(problem):
    """The call as users write it."""
    return lambda: kernels.bce_loss_grad(*problem)


def ours_by_torch(problem):
    """The same with `backend="torch"`: graphs of torch.compile, here through Inductor's C++."""
    return lambda: kernels.bce_loss_grad(*problem, backend="torch")


def operator(problem):
    """kernels.linear_bce, forward and backward, under torch.autograd."""
    return under_autograd(problem, lambda X, y, w, b: kernels.linear_bce(X, w, b, y))


def autograd(problem):
    """Forward and backward of binary_cross_entropy_with_logits on a linear layer."""
    return under_autograd(problem, eager_loss)


def eager_loss(X, y, w, b):
    return binary_cross_entropy_with_logits(torch.nn.functional.linear(X, w[None], b)[:, 0], y)


def under_autograd(problem, cost):
    X, y, w, b = tensors(problem)
    parameters = w.requires_grad_(), b.requires_grad_()

    def run():
        loss = cost(X, y, *parameters)
        return values(loss.detach(), *torch.autograd.grad(loss, parameters))

    return run


def by_hand(problem):
    """The gradient written out: two products with X, the elementwise operations in place."""
    X, y, w, b = tensors(problem)

    def run():
        z = torch.addmv(b.expand(len(y)), X, w)
        loss = binary_cross_entropy_with_logits(z, y)
        residual = z.sigmoid_().sub_(y).div_(len(y))
        return values(loss, residual @ X, residual.sum())

    return run


def compiled(problem):
    """torch.compile of the same formula."""
    X, y, w, b = tensors(problem)

    def loss_and_gradient(X, y, w, b):
        z = X @ w + b
        residual = (torch.sigmoid(z) - y) / len(y)
        return (softplus(z) - y * z).mean(), residual @ X, residual.sum()

    torch._dynamo.reset()
    function = torch.compile(loss_and_gradient, fullgraph=True, dynamic=False)
    return lambda: values(*function(X, y, w, b))


def sklearns(problem):
    """scikit-learn's compiled loss, as its solvers call it: two products with X and one pass over the logits."""
    from sklearn._loss import HalfBinomialLoss
    from sklearn.linear_model._linear_loss import LinearModelLoss

    X, y, w, b = problem
    loss = LinearModelLoss(base_loss=HalfBinomialLoss(), fit_intercept=True)
    theta = np.append(w, b)

    def run():
        value, gradient = loss.loss_gradient(theta, X, y, n_threads=torch.get_num_threads())
        return value, gradient[:-1], gradient[-1]

    return run


def read(problem):
    """torch.sum(X): X read once and nothing else, the floor."""
    X = tensors(problem)[0]
    return X.sum


def our_step(problem):
    """The call as users write it."""
    X, y, w, b = copied(problem)
    return lambda: (kernels.sgd_step_(X, y, w, b, lr=STEP), w, b)


def optimizer_step(problem):
    """The cost from logits, backward, torch.optim.SGD."""
    return step_with_optimizer(problem)


def fused_optimizer_step(problem):
    """The same with torch.optim.SGD(fused=True)."""
    return step_with_optimizer(problem, fused=True)


def step_with_optimizer(problem, **options):
    own = copied(problem)
    X, y, w, b = tensors(own)
    optimizer = torch.optim.SGD((w.requires_grad_(), b.requires_grad_()), lr=STEP, **options)

    def run():
        optimizer.zero_grad()
        loss = eager_loss(X, y, w, b)
        loss.backward()
        optimizer.step()
        return loss.item(), own.w, own.b

    return run


def step_by_hand(problem):
    """The gradient written out, in place."""
    own = copied(problem)
    X, y, w, b = tensors(own)

    def run():
        z = torch.addmv(b.expand(len(y)), X, w)
        loss = binary_cross_entropy_with_logits(z, y)
        residual = z.sigmoid_().sub_(y)
        w.addmv_(X.T, residual, alpha=-STEP / len(y))
        b.sub_(residual.mean(), alpha=STEP)
        return loss.item(), own.w, own.b

    return run


def compiled_step(problem):
    """torch.compile of the same formula, with the updates in place."""
    own = copied(problem)

    def step(X, y, w, b):
        z = X @ w + b
        residual = (torch.sigmoid(z) - y) / len(y)
        w -= STEP * (residual @ X)
        b -= STEP * residual.sum()
        return (softplus(z) - y * z).mean()

    torch._dynamo.reset()
    take_step, arguments = torch.compile(step, fullgraph=True, dynamic=False), tensors(own)
    return lambda: (take_step(*arguments).item(), own.w, own.b)


def copied(problem):
    """The problem with parameters of its own, for steps in place."""
    return problem._replace(w=problem.w.copy(), b=problem.b.copy())


def tensors(problem):
    return [torch.from_numpy(array) for array in problem]


def values(loss, grad_w, grad_b):
    return loss.item(), grad_w.numpy(), grad_b.item()


# ours next to the floor: on memory that was just written reading takes longer
CONTENDERS = (
    Contender("kernels.bce_loss_grad, backend torch", ours_by_torch, 1e-12, 1e-5, compiles="process"),
    Contender("eager PyTorch, autograd", autograd, 1e-12, 5e-2),
    Contender("eager PyTorch, by hand", by_hand, 1e-12, 5e-2),
    Contender("torch.compile", compiled, 1e-12, 5e-2, compiles="process"),
    Contender("scikit-learn", sklearns, 1e-12, 5e-2),
    Contender("kernels.bce_loss_grad", ours, 1e-12, 1e-5, compiles="disk"),
    Contender("kernels.linear_bce", operator, 1e-12, 1e-5, compiles="disk"),
    Contender("torch.sum(X)", read),
)
STEPS = (
    Contender("kernels.sgd_step_", our_step, 1e-12, 1e-5, compiles="disk"),
    Contender("eager PyTorch, torch.optim.SGD", optimizer_step, 1e-12, 1e-5),
    Contender("eager PyTorch, fused SGD", fused_optimizer_step, 1e-12, 1e-5),
    Contender("eager PyTorch, by hand", step_by_hand, 1e-12, 1e-5),
    Contender("torch.compile", compiled_step, 1e-12, 1e-5, compiles="process"),
)
