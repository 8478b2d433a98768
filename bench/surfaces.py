"""Contenders for the lab's loss surface. Each takes a `Grid` and returns the call that is timed, whose result is the
surface (len(b), len(w)). Work that depends on the data alone, such as views and buffers, is done before."""

import numpy as np
import torch

import kernels
from bench.timing import Contender

CHUNK_BYTES = 2**16  # of the surface, at a time: the logits of 20 samples then stay in the second-level cache


def ours(grid):
    """The call as users write it, into a new array."""
    return lambda: kernels.loss_surface(grid.x, grid.y, grid.w, grid.b)


def ours_into_out(grid):
    """The same into an array that was written to before, so that the system has no pages to clear."""
    out = np.full((len(grid.b), len(grid.w)), np.nan, grid.x.dtype)
    return lambda: kernels.loss_surface(grid.x, grid.y, grid.w, grid.b, out=out)


def ours_direct(grid):
    """Every sample at every point, where the default may interpolate."""
    return lambda: kernels.loss_surface(grid.x, grid.y, grid.w, grid.b, method="direct")


def ours_by_torch(grid):
    """The same call with `backend="torch"`: graphs of torch.compile, here through Inductor's C++."""
    return lambda: kernels.loss_surface(grid.x, grid.y, grid.w, grid.b, backend="torch")


def reference(grid):
    """`kernels.reference.loss_surface`: float64, a row at a time."""
    return lambda: kernels.loss_surface(grid.x, grid.y, grid.w, grid.b, backend="reference")


def eager_plainly(grid):
    """The formula as one would write it, the mean of logaddexp over all samples and points at once."""
    x, y, w, b = tensors(grid)
    return lambda: mean_of_logaddexp(x, y, w, b).numpy()


def eager(grid):
    """The strongest form found: margins of a few rows at once in the dtype of the data, in place, and one logarithm of
    the product of the 20 samples' 1 + exp(-|m|), which is within [1, 2^20] whatever the logits."""
    x, y, w, b = tensors(grid)
    rows = max(1, CHUNK_BYTES // (len(w) * w.itemsize))

    def run():
        sign = 1 - 2 * y
        along_w, along_b = (sign * x)[:, None] * w, b[:, None, None] * sign[:, None]
        surface = w.new_empty(len(b), len(w))
        for out, biases in zip(surface.split(rows), along_b.split(rows), strict=True):
            margin = along_w + biases
            tail = margin.abs().neg_().exp_().add_(1).prod(1).log_()
            torch.add(tail, margin.relu_().sum(1), out=out).div_(len(x))
        return surface.numpy()

    return run


def compiled(grid):
    """The strongest form's formula, unrolled over the samples: Inductor fuses it into one loop over the grid, without
    an array of grid x samples."""

    def surface(x, y, w, b):
        sign = 1 - 2 * y
        hinge, product = 0, 1
        for n in range(len(x)):
            margin = w * (sign[n] * x[n]) + b[:, None] * sign[n]
            hinge = hinge + torch.relu(margin)
            product = product * (1 + torch.exp(-margin.abs()))
        return (hinge + torch.log(product)) / len(x)

    return compile_for(surface, tensors(grid))


def compiled_plainly(grid):
    """torch.compile of that formula."""
    return compile_for(mean_of_logaddexp, tensors(grid))


def compiled_product(grid):
    """Our idea given to Inductor: exp(m) from one table per axis, float64, one logarithm of the product of 1 + exp(m).
    It is right on the lab's window, not in general: the product overflows where margins add up to 709, and losses
    below 1e-16 are lost."""

    def surface(x, y, w, b):
        sign = (1 - 2 * y).double()
        along_w, along_b = torch.exp((sign * x)[:, None] * w), torch.exp(sign[:, None] * b)
        product = 1
        for n in range(len(x)):
            product = product * (1 + along_w[n] * along_b[n, :, None])
        return (torch.log(product) / len(x)).to(x.dtype)

    x, y, *_ = tensors(grid)
    return compile_for(surface, (x, y, torch.from_numpy(grid.w), torch.from_numpy(grid.b)))


def double_loop(grid):
    """As the lab's notebook does it: a NumPy expression of 20 samples for each point, log(p + 1e-16)."""
    x, y = grid.x.astype(np.float64), grid.y.astype(np.float64)

    def run():
        surface = np.empty((len(grid.b), len(grid.w)), grid.x.dtype)
        for j, b in enumerate(grid.b):
            for i, w in enumerate(grid.w):
                p = 1 / (1 + np.exp(-(w * x + b)))
                surface[j, i] = -np.mean(y * np.log(p + 1e-16) + (1 - y) * np.log(1 - p + 1e-16))
        return surface

    return run


def full(grid):
    """No computation: what it costs to get the memory of the result and to write it, on one thread."""
    return lambda: np.full((len(grid.b), len(grid.w)), 0.5, grid.x.dtype)


def fill(grid):
    """No computation: what it costs to write the result into warm memory, on as many threads as the others."""
    surface = torch.zeros(len(grid.b), len(grid.w), dtype=torch.from_numpy(grid.x).dtype)
    return lambda: surface.fill_(0.5)


def mean_of_logaddexp(x, y, w, b):
    margin = (w[:, None] * x + b[:, None, None]) * (1 - 2 * y)
    return torch.logaddexp(torch.zeros_like(margin), margin).mean(-1)


def tensors(grid):
    """x, y, w, b as tensors of the dtype of the data."""
    return [torch.from_numpy(v.astype(grid.x.dtype, copy=False)) for v in grid]


def compile_for(function, arguments):
    run = compiled_anew(function)
    return lambda: run(*arguments).numpy()


def compiled_anew(function):
    torch._dynamo.reset()  # or each call would try the guards of all shapes before it
    return torch.compile(function, fullgraph=True, dynamic=False)


CONTENDERS = (
    Contender("kernels.loss_surface", ours, 1e-12, 6e-8, compiles="disk"),
    Contender("kernels.loss_surface, out=", ours_into_out, 1e-12, 6e-8),
    Contender("kernels.loss_surface, direct", ours_direct, 1e-12, 6e-8),
    Contender("kernels.loss_surface, backend torch", ours_by_torch, 1e-12, 6e-8, compiles="process"),
    Contender("eager PyTorch, reference", reference, 1e-12, 6e-8, most_points=2**20),
    Contender("eager PyTorch, as written", eager_plainly, 1e-12, 2e-6, most_points=2**20),
    Contender("eager PyTorch, strongest", eager, 1e-12, 2e-6, most_points=2**21),
    Contender("torch.compile, as written", compiled_plainly, 1e-12, 2e-6, compiles="process", most_points=2**20),
    Contender("torch.compile, strongest", compiled, 1e-12, 2e-6, compiles="process"),
    Contender("torch.compile, product", compiled_product, 1e-12, 6e-8, compiles="process"),
    Contender("the lab's double loop", double_loop, 1e-4, 1e-4, most_points=2**12),
    Contender("np.full", full),
    Contender("torch fill_", fill),
)
