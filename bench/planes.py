"""Contenders for surfaces of many samples. Each takes a `PlaneSurface` and returns the call that is timed, whose result
is the loss (len(t), len(s)). All work in float64."""

import numba
import numpy as np
import pytest
import torch

import kernels
from bench.surfaces import compiled_anew
from bench.timing import Contender

LOGITS_AT_ONCE = 2**20  # 8 MB: what eager PyTorch and scikit-learn need for their intermediate results stays small


def ours(problem):
    """The call as users write it, to tol=1e-10: loss_surface for one feature, else logit_plane, which is included, and
    surface_on_plane."""
    if problem.X.shape[1] == 1:
        return lambda: kernels.loss_surface(problem.X, problem.y, problem.s, problem.t, tol=1e-10)
    return lambda: kernels.surface_on_plane(plane_of(problem), problem.y, problem.s, problem.t, tol=1e-10).loss


def ours_direct(problem):
    """Every sample at every point."""
    return lambda: kernels.surface_on_plane(plane_of(problem), problem.y, problem.s, problem.t, method="direct").loss


def eager(problem):
    """The mean of logaddexp(0, margin), so many points at once that the margins are 8 MB."""
    return by_points(problem, loss_at)


def compiled(problem):
    """torch.compile of that formula for so many points at once."""
    fields = tensors(problem)
    count = len(problem.s) * len(problem.t)
    at_once = max(1, LOGITS_AT_ONCE // len(problem.y))
    at_once = 2 ** int(np.log2(min(at_once, count)))  # divides the points of a thinned surface
    points = points_of(problem)
    run = compiled_anew(lambda s, t: loss_at(s, t, *fields))

    def surface():
        parts = [run(s, t) for s, t in zip(*(axis.split(at_once) for axis in points), strict=True)]
        return torch.cat(parts).reshape(len(problem.t), len(problem.s)).numpy()

    return surface


def scikit_learn(problem):
    """sklearn._loss.HalfBinomialLoss of the logits of a point at a time, on as many threads as the others."""
    half_binomial = pytest.importorskip("sklearn._loss", reason="scikit-learn is not installed").HalfBinomialLoss()
    p, q, r = plane_of(problem)
    threads = torch.get_num_threads()

    def run():
        losses = [
            [half_binomial.loss(problem.y, p + s * q + t * r, n_threads=threads).mean() for s in problem.s]
            for t in problem.t
        ]
        return np.array(losses)

    return run


@numba.njit(parallel=True)
def write_rows(surface, value):
    for j in numba.prange(len(surface)):
        surface[j] = value


def fresh_fill(problem):
    """No computation: what it costs to get the memory of the result from NumPy, which asks for large pages, and to
    write it, on as many threads."""

    def run():
        surface = np.empty((len(problem.t), len(problem.s)))
        write_rows(surface, 0.5)
        return surface

    return run


def torch_fill(problem):
    """torch.full: the same as PyTorch does it."""
    return lambda: torch.full((len(problem.t), len(problem.s)), 0.5, dtype=torch.float64).numpy()


def dgemm(problem):
    """NumPy's matrix product with one multiply-add an evaluation, for the speed of the hardware."""
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(len(problem.t), len(problem.y))), rng.normal(size=(len(problem.y), len(problem.s)))
    return lambda: left @ right


def plane_of(problem):
    return kernels.logit_plane(problem.X, problem.center, problem.s_direction, problem.t_direction)


def tensors(problem):
    return [torch.from_numpy(np.ascontiguousarray(field)) for field in (*plane_of(problem), problem.y)]


def points_of(problem):
    t, s = torch.meshgrid(torch.from_numpy(problem.t), torch.from_numpy(problem.s), indexing="ij")
    return s.reshape(-1), t.reshape(-1)


def loss_at(s, t, p, q, r, y):
    margin = (p + s[:, None] * q + t[:, None] * r) * (1 - 2 * y)
    return torch.logaddexp(torch.zeros((), dtype=margin.dtype), margin).mean(-1)


def by_points(problem, function):
    fields, points = tensors(problem), points_of(problem)
    at_once = max(1, LOGITS_AT_ONCE // len(problem.y))

    def run():
        parts = [function(s, t, *fields) for s, t in zip(*(axis.split(at_once) for axis in points), strict=True)]
        return torch.cat(parts).reshape(len(problem.t), len(problem.s)).numpy()

    return run


OURS = Contender("kernels", ours, 1e-10, compiles="disk")
DIRECT = Contender("kernels, direct", ours_direct, 1e-12, most_points=2**40)
EAGER = Contender("eager PyTorch", eager, 1e-12, most_points=2**26)
COMPILED = Contender("torch.compile", compiled, 1e-12, compiles="process", most_points=2**27)
SCIKIT_LEARN = Contender("scikit-learn's loss", scikit_learn, 1e-12, most_points=2**26)
FILL = Contender("fill of np.empty", fresh_fill)
TORCH_FILL = Contender("torch.full", torch_fill)
DGEMM = Contender("NumPy's dgemm", dgemm)
