"""How sharply the loss curves at a model: the largest eigenvalue of its Hessian, and their sum."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kernels.arguments import arrays
from logreg.directions import curvatures, divisor_of, hessian, penalty_of_each
from logreg.models import read_models
from logreg.objective import Objective, objective_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from logreg.classes import ClassWeight
    from logreg.directions import MeanLoss
    from logreg.models import Models
    from logreg.samples import Samples

MOST_DENSE = 256  # parameters of which the Hessian is decomposed: of so many, products with vectors took as long
RESIDUAL = 1e-6  # of an eigenvector, times the largest eigenvalue in size
MOST_VECTORS, VECTORS_KEPT = 40, 12  # while one is looked for; of 24 to 60 no number took clearly fewer passes


class Sharpness(NamedTuple):
    """The largest eigenvalue and the trace of the Hessian of a loss in all parameters: numbers at a model, arrays (k,)
    along a path."""

    largest: Any
    trace: Any


def sharpness(
    model: Models,
    data: Any,
    *,
    loss: str = "bce",
    l2: float | None = None,
    weight_decay: float | None = None,
    sample_weight: ArrayLike | None = None,
    class_weight: ClassWeight = None,
    pos_weight: ArrayLike | None = None,
    positive: Any = None,
) -> Sharpness:
    """The Sharpness of a linear model: of the Hessian of the loss on all its data, with its penalty, in the weights and
    the bias.

    Arguments are those of `LossSurface.around`. Of a History, another path of training or a list of models there is a
    number for each of its points: the start, after each step that was kept, and the end if that isn't the last of them.

    The trace is exact. So is the largest eigenvalue of up to 256 parameters; of more it comes from products with
    vectors, some dozens of passes over the data without a matrix (d + 1)^2, within 1e-6 of the largest in size, mostly
    1e-9. Raises ValueError or TypeError that name a wrong argument; ValueError for several runs, and where the Hessian
    leaves the range of float64.
    """
    known = read_models(model)
    if len(known.paths) > 1:
        raise ValueError(f"model holds {len(known.paths)} paths; accepted: one model or one path")
    objective = objective_of(
        known,
        data,
        loss=loss,
        l2=l2,
        weight_decay=weight_decay,
        sample_weight=sample_weight,
        class_weight=class_weight,
        pos_weight=pos_weight,
        positive=positive,
    )
    if not known.paths:
        return sharpness_at(objective, known.theta, known.has_bias)
    points = [sharpness_at(objective, theta, known.has_bias) for theta in known.paths[0]]
    return Sharpness(*np.array(points).T)


def sharpness_at(objective: Objective, theta: np.ndarray, has_bias: bool = True) -> Sharpness:
    """The Sharpness at parameters theta (d + 1,), of the weights alone if there is no bias."""
    samples, mean, penalty = objective.samples, objective.mean, objective.penalty
    free = len(theta) if has_bias else len(theta) - 1
    if free <= MOST_DENSE:
        matrix = hessian(samples, theta, penalty, mean)[:free, :free]
        trace = in_range(np.trace(matrix))
        return Sharpness(float(np.linalg.eigvalsh(matrix)[-1]), trace)
    each = penalty_of_each(penalty, len(theta) - 1)[:free]
    trace = in_range(trace_of(samples, theta, mean, has_bias) + each.sum())
    product = partial(times_hessian, samples, theta, mean, each)
    return Sharpness(largest_eigenvalue(product, free), trace)


def in_range(trace: float) -> float:
    if not math.isfinite(trace):
        raise ValueError(f"the Hessian's trace is {trace}; accepted: features whose squares are in range")
    return float(trace)


def trace_of(samples: Samples, theta: np.ndarray, mean: MeanLoss, has_bias: bool) -> float:
    """The trace of a mean loss's Hessian in the weights and, if there is one, the bias; one pass."""
    parts = [c @ (squared_lengths(batch.x) + has_bias) for batch, c in curvatures(samples, theta, mean)]
    return sum(parts) / divisor_of(samples, mean)


def squared_lengths(x: Any) -> np.ndarray:
    """Those of the rows of features (rows, d), dense or sparse."""
    if arrays.is_sparse(x):
        squares: Any = x
        return np.ravel(squares.power(2).sum(axis=1))
    return np.einsum("ij,ij->i", x, x)


def times_hessian(
    samples: Samples, theta: np.ndarray, mean: MeanLoss, penalty: np.ndarray, vector: np.ndarray
) -> np.ndarray:
    """The Hessian X' diag(curvature) X + diag(penalty) times a vector, of weights and bias or of weights alone; one
    pass. Curvatures are computed anew in each, as batches may come in another order."""
    total, d = np.zeros_like(vector), len(theta) - 1
    for batch, curvature in curvatures(samples, theta, mean):
        along = curvature * (batch.x @ vector[:d] + vector[d:].sum())
        total[:d] += batch.x.T @ along
        total[d:] += along.sum()
    return total / divisor_of(samples, mean) + penalty * vector


def largest_eigenvalue(product: Callable[[np.ndarray], np.ndarray], size: int) -> float:
    """The largest eigenvalue of a symmetric matrix by its products with vectors (size,): Lanczos's method, restarted
    with the best vectors (Wu and Simon, SIAM J. Matrix Anal. Appl. 22, 2000).

    An eigenvalue is as near as the residual is long; that it is the largest one a random start makes all but certain.
    """
    new = np.random.default_rng(0).normal(size=size)
    vectors, images = np.empty((0, size)), np.empty((0, size))
    while True:
        for _ in range(2):  # the second time for what rounding left of them
            new -= (vectors @ new) @ vectors
            new /= np.linalg.norm(new)
        vectors, images = np.vstack([vectors, new]), np.vstack([images, product(new)])
        eigenvalues, mix = np.linalg.eigh(vectors @ images.T)
        new = mix[:, -1] @ images - eigenvalues[-1] * (mix[:, -1] @ vectors)
        if np.linalg.norm(new) <= RESIDUAL * np.abs(eigenvalues).max():
            return float(eigenvalues[-1])
        if len(vectors) == MOST_VECTORS:
            best = mix[:, -VECTORS_KEPT:].T
            vectors, images = best @ vectors, best @ images
