"""The loss on all the data that surfaces, lines and sharpness are of: samples, their weights, and a penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kernels.arguments import numbers
from kernels.losses import LOSSES
from kernels.workers.runner import HERE, Runner
from logreg.blocks import AnySamples, Blocks, are_blocks
from logreg.classes import Weights, read_weights, weights_of_classes
from logreg.curvature import MeanLoss, mean_loss
from logreg.evaluation import check_penalty
from logreg.models import DIFFERENT, has_weights
from logreg.samples import ArraySamples, StreamedSamples, read_samples, times_own

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from logreg.classes import ClassWeight
    from logreg.models import LinearModel


class Objective(NamedTuple):
    """A loss by its name, samples with their weights and that of class 1, None where all count the same, and the
    penalties of weights and bias."""

    samples: AnySamples
    loss: str
    weights: Weights | None
    pos_weight: float | None
    penalty: tuple[float, float]

    @property
    def sample_weight(self) -> np.ndarray | None:
        """The weights of samples that are here (n,), or None."""
        assert not isinstance(self.samples, Blocks)  # of which nothing is here
        if self.weights is None:
            return None
        own = self.samples.taken if isinstance(self.samples, StreamedSamples) else None
        return times_own(self.weights.of(self.samples.labels.y), own)

    @property
    def mean(self) -> MeanLoss:
        """What is penalised."""
        return mean_loss(self.loss, self.samples, self.weights, self.pos_weight)


def objective_of(
    known: LinearModel,
    data: Any,
    *,
    loss: str,
    l2: float | None,
    weight_decay: float | None,
    sample_weight: ArrayLike | None,
    class_weight: ClassWeight,
    pos_weight: ArrayLike | None,
    positive: Any,
    runner: Runner = HERE,
) -> Objective:
    """The Objective of a model and its data; the arguments are those of `LossSurface.around`. `runner` reads blocks."""
    numbers.one_of("loss", loss, LOSSES)
    samples: AnySamples
    if are_blocks(data):
        samples = Blocks(data, known.meaning(positive), known.expected, runner)
    else:
        samples = read_samples(data, known.meaning(positive), known.expected, weighted=True)
    own = sample_weight is class_weight is pos_weight is None and known.run is not None and loss == known.run.cost
    if own and is_data_of(known.run, samples):
        sample_weight, pos_weight = known.run.sample_weight, known.run.pos_weight
    weights = weights_of(known, samples, sample_weight, class_weight)
    weight_of_class_1 = numbers.pos_weight_for(loss, pos_weight)
    penalty = penalty_around(known, samples, weights, l2, weight_decay)
    return Objective(samples, loss, weights, weight_of_class_1, penalty)


def is_data_of(run: Any, samples: AnySamples) -> bool:
    """Whether a run of training had weights of samples, and had them on this data."""
    if not (has_weights(run) and isinstance(samples, ArraySamples) and samples.x.shape == run.x.shape):
        return False
    return samples.x is run.x or (isinstance(samples.x, np.ndarray) and np.array_equal(samples.x, run.x))


def weights_of(
    known: LinearModel, samples: AnySamples, sample_weight: ArrayLike | None, class_weight: ClassWeight
) -> Weights | None:
    """Weights of the samples with those of their classes, the model's own by default, but for those that batches have
    of their own; None if there are none at all."""
    if sample_weight is not None:
        samples.require_order()
        if samples.weighted:
            raise ValueError("sample_weight is given beside batches (x, y, sample_weight); accepted: None")
    weighted = sample_weight is not None or samples.weighted
    if class_weight is None and known.class_weight == DIFFERENT and not weighted:
        raise ValueError("class_weight is None and the models were fitted with different weights; accepted: one, or {}")
    class_weight = known.class_weight if class_weight is None else class_weight
    if isinstance(class_weight, str) and class_weight == DIFFERENT:
        class_weight = None
    if not weighted and class_weight is None:
        return None
    if sample_weight is None or isinstance(samples, Blocks):
        return weights_of_classes(samples.counted, class_weight)
    return read_weights(samples.labels, sample_weight, class_weight)


def penalty_around(
    known: LinearModel, samples: AnySamples, weights: Weights | None, l2: float | None, weight_decay: float | None
) -> tuple[float, float]:
    """The penalties of weights and bias that are asked for, or the model's own beside the mean loss."""
    if l2 is not None and weight_decay is not None:
        raise ValueError(f"l2 is {l2!r} and weight_decay {weight_decay!r}; accepted: one of both")
    if l2 is not None:
        return check_penalty(l2), 0.0
    if weight_decay is not None:
        return (check_penalty(weight_decay, "weight_decay"),) * 2
    if known.penalty is None:
        raise ValueError(
            "l2 is None, and the penalty of the model isn't a square, or several models have different ones; accepted: "
            "l2 or weight_decay"
        )
    if not any(known.penalty[:2]):
        return 0.0, 0.0
    if weights is None and not known.penalty.of_sum:
        return known.penalty[:2]
    total = samples.n if weights is None else samples.total(weights) * samples.unit
    return known.penalty.beside_mean(samples.n, total)
