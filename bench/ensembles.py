"""Contenders for many training runs at once. Each takes `Starts` and returns the call that is timed, whose result is
the trained w (k, d) and b (k,)."""

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

import kernels
from bench.timing import Contender

CHUNK_BYTES = 2**17  # of parameters and of logits each, so that they stay in cache


def ours(starts):
    """The call as users write it, with loss, accuracy and the step at which each run was right first, which no other
    contender computes."""

    def run():
        ends = kernels.sgd_ensemble(starts.X, starts.y, starts.w0, starts.b0, **starts.settings)
        return ends.w, ends.b

    return run


def reference(starts):
    """The same with `backend="reference"`: the shortest form in eager PyTorch, with float64 logits of all samples after
    every step."""

    def run():
        ends = kernels.sgd_ensemble(starts.X, starts.y, starts.w0, starts.b0, **starts.settings, backend="reference")
        return ends.w, ends.b

    return run


def eager_plainly(starts):
    """Batched eager PyTorch as one would write it: a matrix product of all runs with each minibatch, the gradient by
    another."""
    X1, y, batch_size, lr, epochs = pieces(starts)

    def run():
        theta = thetas(starts)
        for _ in range(epochs):
            for x, labels in zip(X1.split(batch_size), y.split(batch_size), strict=True):
                residual = torch.sigmoid(theta @ x.T) - labels
                theta = theta - lr * (residual @ x) / len(labels)
        return ends_of(theta)

    return run


def eager(starts):
    """The strongest eager form found: the gradient written out, three operations in place a step, the runs in chunks
    that stay in cache."""
    X1, y, batch_size, lr, epochs = pieces(starts)
    batches = list(zip(X1.split(batch_size), X1.T.split(batch_size, dim=1), y.split(batch_size), strict=True))
    chunk = max(1, CHUNK_BYTES // (X1.itemsize * max(batch_size, X1.shape[1])))

    def run():
        theta = thetas(starts)
        for some in theta.split(chunk):
            for _ in range(epochs):
                for x, x_transposed, labels in batches:
                    residual = torch.mm(some, x_transposed).sigmoid_().sub_(labels)
                    some.addmm_(residual, x, alpha=-lr / len(labels))
        return ends_of(theta)

    return run


def vmapped(starts):
    """torch.func: the gradient of one run's loss, vectorised over the runs by vmap."""
    X1, y, batch_size, lr, epochs = pieces(starts)

    def loss(theta, x, labels):
        return binary_cross_entropy_with_logits(x @ theta, labels)

    gradient = torch.func.vmap(torch.func.grad(loss), in_dims=(0, None, None))

    def run():
        theta = thetas(starts)
        for _ in range(epochs):
            for x, labels in zip(X1.split(batch_size), y.split(batch_size), strict=True):
                theta -= lr * gradient(theta, x, labels)
        return ends_of(theta)

    return run


def compiled(starts):
    """torch.compile of an epoch, unrolled over its samples: Inductor fuses it into one loop over the runs."""
    X1, y, batch_size, lr, epochs = pieces(starts)
    if X1.shape[1] > 2:
        pytest.skip("an unrolled epoch of many features takes Inductor minutes")

    def epoch(w, b, x, y):
        for some, labels in zip(x.split(batch_size), y.split(batch_size), strict=True):
            residuals = [torch.sigmoid(w * some[i] + b) - labels[i] for i in range(len(some))]
            w = w - lr / len(some) * sum(residual * some[i] for i, residual in enumerate(residuals))
            b = b - lr / len(some) * sum(residuals)
        return w, b

    torch._dynamo.reset()
    step = torch.compile(epoch, fullgraph=True, dynamic=False)

    def run():
        w, b = thetas(starts).T.contiguous()
        for _ in range(epochs):
            w, b = step(w, b, X1[:, 0], y)
        return w.numpy()[:, None], b.numpy()

    return run


def jax_scan(starts):
    """JAX: jit of a loop over epochs, the runs in one matrix product."""
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    X, y, w0, b0, settings = starts
    if X.dtype == np.float64:
        jax.config.update("jax_enable_x64", True)
    X1, lr, size = np.column_stack([X, np.ones_like(y)]), settings["lr"], settings["batch_size"]

    def epoch(_, theta):
        for begin in range(0, len(y), size):
            x, labels = X1[begin : begin + size], y[begin : begin + size]
            theta = theta - lr / len(labels) * ((jax.nn.sigmoid(theta @ x.T) - labels) @ x)
        return theta

    train = jax.jit(lambda theta: jax.lax.fori_loop(0, settings["epochs"], epoch, theta))

    def run():
        theta = np.asarray(train(np.column_stack([w0, b0])))
        return theta[:, :-1], theta[:, -1]

    return run


def thetas(starts):
    return torch.from_numpy(np.column_stack([starts.w0, starts.b0]))


def ends_of(theta):
    return theta[:, :-1].numpy(), theta[:, -1].numpy()


def pieces(starts):
    X1 = torch.from_numpy(np.column_stack([starts.X, np.ones_like(starts.y)]))
    settings = starts.settings
    return X1, torch.from_numpy(starts.y), settings["batch_size"], settings["lr"], settings["epochs"]


CONTENDERS = (
    Contender("kernels.sgd_ensemble", ours, 1e-11, 1e-6, compiles="disk"),
    Contender("eager PyTorch, reference", reference, 1e-11, 1e-4, most_points=2**12),
    Contender("eager PyTorch, as written", eager_plainly, 1e-11, 1e-4, most_points=2**16),
    Contender("eager PyTorch, strongest", eager, 1e-11, 1e-4, most_points=2**16),
    Contender("torch.func.vmap", vmapped, 1e-11, 1e-4, most_points=2**14),
    Contender("torch.compile", compiled, 1e-11, 1e-4, compiles="process", most_points=2**18),
    Contender("JAX", jax_scan, 1e-11, 1e-4, compiles="process", most_points=2**18),
)
