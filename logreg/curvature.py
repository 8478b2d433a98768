"""How the mean loss of samples curves in all parameters: its Hessian, as a matrix or by what it does to vectors."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kernels.arguments import arrays, memory
from kernels.arguments.weighting import unit_of, weigh_positive
from kernels.losses import LOSSES, parts_of
from logreg import eigen
from logreg.blocks import Blocks
from logreg.devices import host
from logreg.samples import StreamedSamples, times_own

if TYPE_CHECKING:
    from logreg.blocks import AnySamples
    from logreg.classes import Weights
    from logreg.samples import Batch

# parameters up to which a matrix is made and decomposed: with more of them its products with vectors take less time, of
# 200,000 dense samples on a Zen 5; a pass over batches may be one of a network
MOST_DENSE, MOST_SPARSE, MOST_STREAMED = 1500, 256, 4000


class MeanLoss(NamedTuple):
    """The mean of a loss over samples, by its name: sum(weight * loss) / total.

    weights     of the samples; None: 1
    pos_weight  by which the loss of class 1 counts besides; None: 1
    total       the sum of the weights; None where it is the number of samples, which is known once these are read
    unit        in which weights are taken that batches have of their own
    """

    loss: str
    weights: Weights | None = None
    pos_weight: float | None = None
    total: float | None = None
    unit: float = 1.0

    def labels_and_shares(self, batch: Batch) -> tuple[np.ndarray, np.ndarray | None]:
        """Labels (rows,) of a batch, and the share that each sample has in the mean (rows,), None where all have the
        same."""
        if self.total is None:
            return batch.y, None
        weight = np.ones(len(batch.y)) if self.weights is None else self.weights.of(batch.y, batch.rows)
        weight = times_own(weight, None if batch.weight is None else batch.weight / self.unit)
        if self.pos_weight is None:
            return batch.y, weight / self.total
        labels, share = weigh_positive(batch.y, weight / self.total, self.pos_weight)
        return host(labels), host(share)


def mean_loss(loss: str, samples: AnySamples, weights: Weights | None, pos_weight: float | None) -> MeanLoss:
    """The MeanLoss of samples with weights or without; these are not read for it where there are none."""
    if weights is None and pos_weight is None:
        return MeanLoss(loss)
    if weights is None:
        return MeanLoss(loss, None, pos_weight, samples.n)
    if weights.own is not None:  # in units in which their sum is in range
        weights = weights._replace(own=weights.own / unit_of(weights.own))
    of_classes = max(weights.zero, weights.one)
    weights = weights._replace(zero=weights.zero / of_classes, one=weights.one / of_classes)
    return MeanLoss(loss, weights, pos_weight, samples.total(weights), samples.unit)


def hessian(samples: AnySamples, theta: np.ndarray, l2: tuple[float, float], mean: MeanLoss) -> np.ndarray:
    """Second derivatives (d + 1, d + 1) of the mean loss and the penalty l2, of weights and of the bias, at theta:
    X' diag(weight d^2 L/dz^2) X + diag(l2)."""
    d = len(theta) - 1
    memory.check_fits((d + 1, d + 1), np.float64)
    total = samples.sum(HessianSum(theta, mean))
    total[d, :d] = total[:d, d]
    total /= divisor_of(samples, mean)
    total[np.diag_indices(d + 1)] += penalty_of_each(l2, d)
    return total


def penalty_of_each(l2: tuple[float, float], d: int) -> np.ndarray:
    """The factor of each parameter's square (d + 1,), the bias last."""
    return np.append(np.full(d, l2[0]), l2[1])


def top_eigenpairs(
    samples: AnySamples, theta: np.ndarray, l2: tuple[float, float], mean: MeanLoss, free: int, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues (number,) of the Hessian in the first `free` parameters, all or the weights alone, and
    their eigenvectors (number, free)."""
    if free <= most_of(samples):
        eigenvalues, vectors = np.linalg.eigh(hessian(samples, theta, l2, mean)[:free, :free])
        return eigenvalues[: -number - 1 : -1], vectors.T[: -number - 1 : -1]
    each = penalty_of_each(l2, len(theta) - 1)[:free]
    return eigen.top_eigenpairs(partial(times_hessian, samples, theta, mean, each), free, number)


def most_of(samples: AnySamples) -> int:
    """The number of parameters up to which the Hessian is a matrix."""
    if isinstance(samples, StreamedSamples):
        return MOST_STREAMED
    if isinstance(samples, Blocks):
        return MOST_DENSE
    return MOST_SPARSE if arrays.is_sparse(samples.x) else MOST_DENSE


def curvatures(batch: Batch, theta: np.ndarray, mean: MeanLoss) -> np.ndarray:
    """share d^2 L/dz^2 of some samples at theta (rows,), shares being 1 where all are the same."""
    y, share = mean.labels_and_shares(batch)
    curvature = LOSSES[mean.loss].curvature(parts_of(batch.logits(theta), y))
    return host(curvature if share is None else share * curvature)


def divisor_of(samples: AnySamples, mean: MeanLoss) -> int:
    """What sums over all samples are divided by, once these have been read."""
    return samples.n if mean.total is None else 1


class HessianSum(NamedTuple):
    """X' diag(curvature) X of features and a column of ones (d + 1, d + 1), its last row but 0."""

    theta: np.ndarray
    mean: MeanLoss

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.theta), len(self.theta)

    def add(self, total: np.ndarray, batch: Batch) -> None:
        curvature, d = curvatures(batch, self.theta, self.mean), len(self.theta) - 1
        total[:d, :d] += batch.gram(curvature)
        total[:d, d] += batch.sum_of(curvature)
        total[d, d] += curvature.sum()


class DiagonalSum(NamedTuple):
    """The diagonal of X' diag(curvature) X (d,)."""

    theta: np.ndarray
    mean: MeanLoss

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.theta) - 1,)

    def add(self, total: np.ndarray, batch: Batch) -> None:
        total += batch.squared_columns(curvatures(batch, self.theta, self.mean))


class TraceSum(NamedTuple):
    """The trace of X' diag(curvature) X (1,), of features and, with a bias, a column of ones."""

    theta: np.ndarray
    mean: MeanLoss
    with_bias: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return (1,)

    def add(self, total: np.ndarray, batch: Batch) -> None:
        total += (curvatures(batch, self.theta, self.mean) * (batch.squared_lengths + self.with_bias)).sum()


class ProductSum(NamedTuple):
    """X' diag(curvature) X vector, of features and, where the vector is as long as theta, a column of ones."""

    theta: np.ndarray
    mean: MeanLoss
    vector: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.vector.shape

    def add(self, total: np.ndarray, batch: Batch) -> None:
        vector, d = self.vector, len(self.theta) - 1
        along = curvatures(batch, self.theta, self.mean) * (batch.times(vector[:d]) + vector[d:].sum())
        total[:d] += batch.sum_of(along)
        total[d:] += along.sum()


def trace_of(samples: AnySamples, theta: np.ndarray, l2: tuple[float, float], mean: MeanLoss, free: int) -> float:
    """The trace of the Hessian in the first `free` parameters, all or the weights alone; one pass."""
    with_bias = free == len(theta)
    (total,) = samples.sum(TraceSum(theta, mean, with_bias))
    return float(total) / divisor_of(samples, mean) + penalty_of_each(l2, len(theta) - 1)[:free].sum()


def times_hessian(
    samples: AnySamples, theta: np.ndarray, mean: MeanLoss, penalty: np.ndarray, vector: np.ndarray
) -> np.ndarray:
    """The Hessian X' diag(curvature) X + diag(penalty) times a vector, of weights and bias or of weights alone; one
    pass. Curvatures are computed anew in each, as batches may come in another order."""
    total = samples.sum(ProductSum(theta, mean, vector))
    return total / divisor_of(samples, mean) + penalty * vector
