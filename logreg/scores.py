"""Losses and accuracies on all the data: of a model, and along a path of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import torch

from kernels import reference
from kernels.arguments import weighting
from logreg.data import VALUES_AT_ONCE, blocks
from logreg.devices import host
from logreg.models import read_model
from logreg.samples import read_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from logreg.models import Model

LOGITS_AT_ONCE = 2**18  # 2 MB of float64: those of all steps and samples may not fit into memory
LEAST_ROWS = 128  # of the data at once, where there are so many: fewer make slow products of matrices

Values = TypeVar("Values", np.ndarray, torch.Tensor)


class Trained(Protocol):
    """A run of training with its data x (n, d), y (n,): parameters w (k, d), b (k,) after each step that was kept."""

    @property
    def w(self) -> np.ndarray: ...

    @property
    def b(self) -> np.ndarray: ...

    @property
    def start_w(self) -> np.ndarray: ...

    @property
    def start_b(self) -> float: ...

    @property
    def end_w(self) -> np.ndarray: ...

    @property
    def end_b(self) -> float: ...

    @property
    def every(self) -> int: ...

    @property
    def cost(self) -> str: ...

    @property
    def x(self) -> np.ndarray: ...

    @property
    def y(self) -> np.ndarray: ...

    @property
    def sample_weight(self) -> np.ndarray | None: ...

    @property
    def pos_weight(self) -> float | None: ...

    def full_accuracy(self) -> np.ndarray: ...


class Scored:
    """What a run of training that has its data says of it."""

    def full_loss(self: Trained) -> np.ndarray:
        """Loss on all the data after each step that was kept.

        Returns
        -------
        array (k,), float64
            Of the cost that was minimised, with the weights of samples that it was trained with, and no penalty.
        """
        return losses_at(self, self.w, self.b)

    @property
    def start_loss(self: Trained) -> float:
        """Loss on all the data before the first step."""
        return losses_at(self, self.start_w[None], [self.start_b]).item()

    @property
    def end_loss(self: Trained) -> float:
        """Loss on all the data after the last step."""
        return losses_at(self, self.end_w[None], [self.end_b]).item()

    def full_accuracy(self: Trained) -> np.ndarray:
        """Share of all the samples that are classified correctly after each step that was kept.

        Returns
        -------
        array (k,), float64
            Each sample counts the same.
        """
        return shares_correct_at(self, self.w, self.b)

    def steps_to_accuracy_1(self: Trained) -> int | None:
        """The first step, 0 being the start, at which every sample is classified correctly.

        Returns
        -------
        int or None
            None if there is none. Steps that were not kept are not looked at.
        """
        start = shares_correct_at(self, self.start_w[None], [self.start_b])
        perfect = np.flatnonzero(np.append(start, self.full_accuracy()) == 1)
        return int(perfect[0]) * self.every if len(perfect) else None


def losses_at(run: Trained, w: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Loss of a run's model on all its data with each of the parameters w (k, d), b (k,): (k,) float64."""
    labels, weight = weighting.of_training(run.y, run.sample_weight, run.pos_weight, run.cost)
    columns = [host(column) for column in (labels, weight) if column is not None]
    return mean_of(lambda z, y, *weight: weighted(reference.value(z, y, run.cost), *weight), run.x, columns, w, b)


def shares_correct_at(run: Trained, w: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Share of a run's samples that each of the parameters w (k, d), b (k,) classifies correctly: (k,) float64."""
    return mean_of(is_correct, run.x, [run.y], w, b)


def mean_of(
    function: Callable[..., torch.Tensor], x: np.ndarray, columns: Sequence[np.ndarray], w: ArrayLike, b: ArrayLike
) -> np.ndarray:
    """Mean over the data x (n, d) of function(z, *columns), columns being (n,) and z the logits by each of the
    parameters w (k, d), b (k,): (k,) float64. x is read once for as many parameters as are taken at once."""
    n, d = x.shape
    at_once = max(1, min(VALUES_AT_ONCE // d, LOGITS_AT_ONCE // min(n, LEAST_ROWS)))
    weights, biases = np.asarray(w), np.asarray(b)
    tensors = [torch.from_numpy(column.astype(np.float64)) for column in columns]
    means = np.empty(len(biases))
    for start in range(0, len(biases), at_once):
        some = slice(start, start + at_once)
        means[some] = sums_of(function, x, tensors, *(v[some].astype(np.float64) for v in (weights, biases))) / n
    return means


@np.errstate(over="ignore", invalid="ignore")
def sums_of(
    function: Callable[..., torch.Tensor], x: np.ndarray, columns: Sequence[torch.Tensor], w: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """Sums over the data of the same, (k,), in one pass over it."""
    sums = np.zeros(len(b))
    for rows, features in blocks(x, max(LEAST_ROWS, LOGITS_AT_ONCE // len(b))):
        z = w @ features.T
        z += b[:, None]
        sums += function(torch.from_numpy(z), *(column[rows] for column in columns)).double().sum(-1).numpy()
    return sums


def is_correct(z: Values, y: Values) -> Values:
    """Whether the predicted class, 1 where z > 0, is the true one, 1 where y > 0.5."""
    return (z > 0) == (y > 0.5)


def weighted(values: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
    """Values (..., n) times weights (n,): where these are 0, 0 whatever the value."""
    return values if weight is None else torch.where(weight > 0, weight * values, 0.0)


def accuracy(model: Model, data: Any, *, positive: Any = None) -> float:
    """Share of the samples that the model classifies correctly: class 1 where its logit, in float64, is above 0.

    Parameters
    ----------
    model : classifier, module, array_like (d + 1,), or path of training
        As in `LossSurface.around`; of a path of training its last model is meant.
    data : tuple (x, y), data set, or iterable of batches
        As in `LossSurface.around`.
    positive : label, optional
        What is class 1, as in `LossSurface.around`.

    Returns
    -------
    float
        From 0 to 1; each sample counts the same.

    Raises
    ------
    ValueError, TypeError
        They name a wrong argument.

    Examples
    --------
    >>> from logreg import accuracy, lab_data
    >>> accuracy([4.0, -1.0], lab_data())  # w = 4 and b = -1, so class 1 where x > 0.25
    1.0
    >>> accuracy([4.0, 0.0], lab_data())
    0.9
    """
    known = read_model(model)
    samples = read_samples(data, known.meaning(positive), known.expected)
    correct = sum(int(is_correct(batch.logits(known.theta), batch.y).sum()) for batch in samples)
    return correct / len(samples.labels.y)
