"""Contenders for a training loop on all the data at once, as it is written for PyTorch: nn.Linear, a cost, backward,
torch.optim.SGD. Each takes a `Training` and returns the call that is timed, whose result is w (d,) and b (1,)."""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, linear

from bench.timing import Contender
from kernels import linear_bce


def ours(training):
    """kernels.linear_bce in place of the layer's forward pass and BCEWithLogitsLoss."""
    return loop(training, fused_cost)


def ours_fused(training):
    """The same with torch.optim.SGD(fused=True)."""
    return loop(training, fused_cost, fused=True)


def eager(training):
    """BCEWithLogitsLoss()(layer(X).squeeze(), y)."""
    return loop(training, cost)


def eager_fused(training):
    """The same with torch.optim.SGD(fused=True)."""
    return loop(training, cost, fused=True)


def compiled(training):
    """torch.compile of that cost: forward and backward pass by Inductor."""
    return loop(training, compiled_anew())


def compiled_fused(training):
    """The same with torch.optim.SGD(fused=True)."""
    return loop(training, compiled_anew(), fused=True)


def cost(layer, X, y):
    return torch.nn.BCEWithLogitsLoss()(layer(X).squeeze(), y)


def fused_cost(layer, X, y):
    return linear_bce(X, layer.weight, layer.bias, y)


def compiled_anew():
    """Of tensors, as a compiled function of the layer is compiled again for each new layer."""
    torch._dynamo.reset()
    compiled = torch.compile(cost_of_tensors, fullgraph=True, dynamic=False)
    return lambda layer, X, y: compiled(layer.weight, layer.bias, X, y)


def cost_of_tensors(weight, bias, X, y):
    return binary_cross_entropy_with_logits(linear(X, weight, bias).squeeze(), y)


def loop(training, cost, **options):
    X, y, w, b = (torch.from_numpy(values) for values in training[:4])

    def run():
        layer = torch.nn.Linear(len(w), 1, dtype=w.dtype)
        layer.weight.data[0], layer.bias.data[:] = w, b
        optimizer = torch.optim.SGD(layer.parameters(), lr=training.settings["lr"], **options)
        for _ in range(training.steps):
            optimizer.zero_grad()
            cost(layer, X, y).backward()
            optimizer.step()
        return layer.weight.detach()[0].numpy(), layer.bias.detach().numpy()

    return run


CONTENDERS = (
    Contender("kernels.linear_bce", ours, float32=1e-5, compiles="disk"),
    Contender("kernels.linear_bce, fused SGD", ours_fused, float32=1e-5, compiles="disk"),
    Contender("eager PyTorch", eager, float32=1e-4),
    Contender("eager PyTorch, fused SGD", eager_fused, float32=1e-4),
    Contender("torch.compile", compiled, float32=1e-4, compiles="process"),
    Contender("torch.compile, fused SGD", compiled_fused, float32=1e-4, compiles="process"),
)
