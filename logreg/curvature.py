"""How the mean loss of samples curves in all parameters: its Hessian, as a matrix or by what it does to vectors."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kernels.arguments import arrays, memory
from kernels.arguments.weighting import unit_of, weigh_positive
from kernels.losses import LOSSES, parts_of
from logreg import eigen
from logreg.devices import host
from logreg.samples import ArraySamples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logreg.classes import Weights
    from logreg.samples import Batch, Samples

# parameters up to which a matrix is made and decomposed: with more of them its products with vectors take less time, of
# 200,000 dense samples on a Zen 5; a pass over batches may be one of a network
MOST_DENSE, MOST_SPARSE, MOST_STREAMED = 1500, 256, 4000


class MeanLoss(NamedTuple):
    """The mean of a loss over samples, by its name: sum(weight * loss) / total.

    weights     of the samples; None: 1
    pos_weight  by which the loss of class 1 counts besides; None: 1
    total       the sum of the weights; None where it is the number of samples, which is known once these are read
    """

    loss: str
    weights: Weights | None = None
    pos_weight: float | None = None
    total: float | None = None

    def labels_and_shares(self, batch: Batch) -> tuple[np.ndarray, np.ndarray | None]:
        """Labels (rows,) of a batch, and the share that each sample has in the mean (rows,), None where all have the
        same."""
        if self.total is None:
            return batch.y, None
        weight = np.ones(len(batch.y)) if self.weights is None else self.weights.of(batch.y, batch.rows)
        if self.pos_weight is None:
            return batch.y, weight / self.total
        labels, share = weigh_positive(batch.y, weight / self.total, self.pos_weight)
        return host(labels), host(share)


def mean_loss(loss: str, samples: Samples, weights: Weights | None, pos_weight: float | None) -> MeanLoss:
    """The MeanLoss of samples with weights or without; these are not read for it where there are none."""
    if weights is None and pos_weight is None:
        return MeanLoss(loss)
    y = samples.labels.y
    if weights is None:
        return MeanLoss(loss, None, pos_weight, len(y))
    if weights.own is not None:  # in units in which their sum is in range
        weights = weights._replace(own=weights.own / unit_of(weights.own))
    of_classes = max(weights.zero, weights.one)
    weights = weights._replace(zero=weights.zero / of_classes, one=weights.one / of_classes)
    return MeanLoss(loss, weights, pos_weight, float(weights.of(y).sum()))


def hessian(samples: Samples, theta: np.ndarray, l2: tuple[float, float], mean: MeanLoss) -> np.ndarray:
    """Second derivatives (d + 1, d + 1) of the mean loss and the penalty l2, of weights and of the bias, at theta:
    X' diag(weight d^2 L/dz^2) X + diag(l2)."""
    d = len(theta) - 1
    memory.check_fits((d + 1, d + 1), np.float64)
    total = np.zeros((d + 1, d + 1))
    for batch, curvature in curvatures(samples, theta, mean):
        total[:d, :d] += batch.gram(curvature)
        total[:d, d] += batch.x.T @ curvature
        total[d, d] += curvature.sum()
    total[d, :d] = total[:d, d]
    total /= divisor_of(samples, mean)
    total[np.diag_indices(d + 1)] += penalty_of_each(l2, d)
    return total


def penalty_of_each(l2: tuple[float, float], d: int) -> np.ndarray:
    """The factor of each parameter's square (d + 1,), the bias last."""
    return np.append(np.full(d, l2[0]), l2[1])


def top_eigenpairs(
    samples: Samples, theta: np.ndarray, l2: tuple[float, float], mean: MeanLoss, free: int, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues (number,) of the Hessian in the first `free` parameters, all or the weights alone, and
    their eigenvectors (number, free)."""
    if free <= most_of(samples):
        eigenvalues, vectors = np.linalg.eigh(hessian(samples, theta, l2, mean)[:free, :free])
        return eigenvalues[: -number - 1 : -1], vectors.T[: -number - 1 : -1]
    each = penalty_of_each(l2, len(theta) - 1)[:free]
    return eigen.top_eigenpairs(partial(times_hessian, samples, theta, mean, each), free, number)


def most_of(samples: Samples) -> int:
    """The number of parameters up to which the Hessian is a matrix."""
    if not isinstance(samples, ArraySamples):
        return MOST_STREAMED
    return MOST_SPARSE if arrays.is_sparse(samples.x) else MOST_DENSE


def curvatures(samples: Samples, theta: np.ndarray, mean: MeanLoss) -> Iterator[tuple[Batch, np.ndarray]]:
    """Some samples at a time, and share d^2 L/dz^2 of these at theta (rows,), shares being 1 where all are the same."""
    for batch in samples:
        y, share = mean.labels_and_shares(batch)
        curvature = LOSSES[mean.loss].curvature(parts_of(batch.logits(theta), y))
        yield batch, host(curvature if share is None else share * curvature)


def divisor_of(samples: Samples, mean: MeanLoss) -> int:
    """What sums over all samples are divided by, once these have been read."""
    return len(samples.labels.y) if mean.total is None else 1


def trace_of(samples: Samples, theta: np.ndarray, l2: tuple[float, float], mean: MeanLoss, free: int) -> float:
    """The trace of the Hessian in the first `free` parameters, all or the weights alone; one pass."""
    with_bias = free == len(theta)
    parts = [c @ (batch.squared_lengths + with_bias) for batch, c in curvatures(samples, theta, mean)]
    return sum(parts) / divisor_of(samples, mean) + penalty_of_each(l2, len(theta) - 1)[:free].sum()


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
