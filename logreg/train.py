"""Training a model with the compiled kernel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import nn

from kernels import reference, sgd_run_
from kernels.arguments import arrays, dataset, numbers, weighting
from kernels.results import Run
from logreg import files, keeping
from logreg.data import VALUES_AT_ONCE, Data, blocks, samples
from logreg.devices import Device, card_of, host, moved
from logreg.model import Model, linear_layer, parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

LOGITS_AT_ONCE = 2**18  # 2 MB of float64: those of all steps and samples may not fit into memory
LEAST_ROWS = 128  # of the data at once, where there are so many: fewer make slow products of matrices

Values = TypeVar("Values", np.ndarray, torch.Tensor)


@dataclass(frozen=True, eq=False)
class History:
    """A training run: NumPy arrays in the dtype of the model, and the data that it was trained on.

    w (k, d), b (k,)       parameters after each step that was kept: every step, or every `every`-th
    loss (k,)              minibatch loss before each of these steps
    start_w (d,), start_b  parameters before the first step
    end_w (d,), end_b      parameters after the last step, whether it was kept or not
    steps                  how many there were
    steps_per_epoch        steps that go once through the data
    cost                   what was minimised, a name of `kernels.losses`; weight decay is no part of it
    x (n, d), y (n,)       the data, in its own order: the arrays that data[:] gave, not copies of them, so that losses
                           and accuracies on all of it are of what it holds when they are asked for
    every                  steps from one that was kept to the next; 0 if none was
    sample_weight (n,)     by which losses were multiplied, and the factor of the positive class: losses on all the data
    pos_weight             are weighted as they were, accuracies not at all; None: 1
    velocity               of the last step, as `kernels.sgd_run_` takes it to go on; None of a part of a run
    """

    w: np.ndarray
    b: np.ndarray
    loss: np.ndarray
    start_w: np.ndarray
    start_b: float
    end_w: np.ndarray
    end_b: float
    steps: int
    steps_per_epoch: int
    cost: str
    x: np.ndarray
    y: np.ndarray
    every: int = 1
    sample_weight: np.ndarray | None = None
    pos_weight: float | None = None
    velocity: np.ndarray | None = None

    def full_loss(self) -> np.ndarray:
        """Loss on all the data after each step that was kept (k,), float64."""
        return losses_at(self, self.w, self.b)

    @property
    def start_loss(self) -> float:
        """Loss on all the data before the first step."""
        return losses_at(self, self.start_w[None], [self.start_b]).item()

    @property
    def end_loss(self) -> float:
        """Loss on all the data after the last step."""
        return losses_at(self, self.end_w[None], [self.end_b]).item()

    def full_accuracy(self) -> np.ndarray:
        """Share of all the samples that are classified correctly after each step that was kept (k,), float64."""
        return shares_correct_at(self, self.w, self.b)

    def steps_to_accuracy_1(self) -> int | None:
        """The first step, 0 being the start, at which every sample is classified correctly; None if there is none.
        Steps that were not kept are not looked at."""
        start = shares_correct_at(self, self.start_w[None], [self.start_b])
        perfect = np.flatnonzero(np.append(start, self.full_accuracy()) == 1)
        return int(perfect[0]) * self.every if len(perfect) else None

    def until(self, steps: int) -> History:
        """The history of the first `steps` steps, which ends with the last of them that was kept, or at the start."""
        if numbers.integer("steps", steps, 0) >= self.steps:
            return self
        kept = steps // self.every if self.every else 0
        end_w, end_b = (self.w[kept - 1], float(self.b[kept - 1])) if kept else (self.start_w, self.start_b)
        return replace(
            self,
            w=self.w[:kept],
            b=self.b[:kept],
            loss=self.loss[:kept],
            end_w=end_w,
            end_b=end_b,
            steps=kept * self.every,
            velocity=None,
        )

    def save(self, path: files.AnyPath) -> None:
        """Writes everything to `path` as npz, its data too, as `LossSurface.save` does; `History.load` reads it."""
        keeping.save(path, keeping.HISTORY, vars(self))

    @classmethod
    def load(cls, path: files.AnyPath) -> History:
        """What `save` wrote, in the same dtypes; it is read, and refused, as `LossSurface.load` does."""
        return cls(**keeping.load(path, keeping.HISTORY))


def losses_at(run: History, w: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Loss of a History's model on all its data with each of the parameters w (k, d), b (k,): (k,) float64."""
    labels, weight = weighting.of_training(run.y, run.sample_weight, run.pos_weight, run.cost)
    columns = [host(column) for column in (labels, weight) if column is not None]
    return mean_of(lambda z, y, *weight: weighted(reference.value(z, y, run.cost), *weight), run.x, columns, w, b)


def shares_correct_at(run: History, w: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Share of a History's samples that each of the parameters w (k, d), b (k,) classifies correctly: (k,) float64."""
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


def train(
    model: nn.Module,
    data: Data,
    *,
    lr: float,
    batch_size: int,
    epochs: int,
    loss: str = "bce",
    sample_weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    device: Device = None,
    history: int = 1,
    **settings: Any,
) -> History:
    """Trains the model by minibatch gradient descent; the whole run is one kernel call.

    `model` is a LogisticRegression or an nn.Linear(d, 1), on the CPU, of the dtype of the data; it ends with the
    trained parameters, and a weight or bias that doesn't require grad stays as it is. `data[:]` gives x (n, d) and
    y (n, 1) or (n,). The other arguments are those of `kernels.sgd_run_`, also `shuffle_seed`, `first_epoch`,
    `momentum`, `weight_decay`, `velocity`, `backend` and `progress`; `device` is None, "cpu", or a CUDA device to train
    on, with model and data on the CPU before and after. Returns a History, with whose `velocity` another call goes on;
    it keeps x and y themselves, not copies.

    Raises what `kernels.sgd_run_` raises; ValueError for another device, or a model of which nothing requires grad;
    TypeError for another model or one of another dtype.
    """
    card = card_of(device)
    layer = linear_layer(model)
    x, y = samples(data)
    w, b = layer.weight.detach()[0], layer.bias.detach()
    start_w, start_b = copies_of(w, b)
    check_features(x, len(start_w))
    if start_w.dtype != x.dtype:
        raise TypeError(f"model has parameters of {start_w.dtype}; accepted: {x.dtype}, the dtype of data x")
    settings |= {"lr": lr, "batch_size": batch_size, "epochs": epochs, "loss": loss, "history": history}
    settings |= {"sample_weight": sample_weight, "pos_weight": pos_weight, "frozen": frozen_part(layer)}
    run = sgd_run_(x, y, w, b, **settings) if card is None else run_on(card, x, y, w, b, settings)
    per_epoch = -(-len(y) // int(batch_size))
    return History(
        host(run.w),
        host(run.b),
        host(run.loss),
        start_w,
        start_b,
        *copies_of(w, b),
        steps=int(epochs) * per_epoch,
        steps_per_epoch=per_epoch,
        cost=loss,
        x=x,
        y=y,
        every=int(history),
        sample_weight=weights_of(sample_weight),
        pos_weight=numbers.pos_weight(pos_weight),
        velocity=host(run.velocity),
    )


def frozen_part(layer: nn.Linear) -> str | None:
    """Which parameters of an nn.Linear don't require grad: "w", "b", or None of them."""
    if layer.weight.requires_grad and layer.bias.requires_grad:
        return None
    if not (layer.weight.requires_grad or layer.bias.requires_grad):
        raise ValueError("model has no parameter that requires grad; accepted: weight or bias to be trained")
    return "b" if layer.weight.requires_grad else "w"


def weights_of(sample_weight: ArrayLike | None) -> np.ndarray | None:
    """A copy of the weights of the samples (n,), float64; None if there are none."""
    return None if sample_weight is None else arrays.array_of("sample_weight", sample_weight).astype(np.float64)


def copies_of(w: torch.Tensor, b: torch.Tensor) -> tuple[np.ndarray, float]:
    """The weights (d,) and the bias of a model, as they are now."""
    return arrays.array_of("the model's weight", w).copy(), float(arrays.array_of("the model's bias", b)[0])


def check_features(x: np.ndarray, d: int) -> None:
    if x.ndim == 2 and x.shape[1] != d:
        raise ValueError(f"data x has {x.shape[1]} features; accepted: {d}, as the model has weights")


def accuracy(model: Model, data: Data) -> float:
    """Share of the samples that the model classifies correctly: class 1 where its logit, in float64, is above 0.

    `model` is a LogisticRegression, an nn.Linear(d, 1), or a linear classifier of scikit-learn that was fitted to two
    classes, the second of which is 1; `data[:]` gives x (n, d) and y.
    """
    w, b = np.split(parameters(model), [-1])
    x, y = samples(data)
    x, y = host(dataset.features("data x", x)), host(dataset.labels(y, len(x)))
    check_features(x, len(w))
    return mean_of(is_correct, x, [y], w[None], b).item()


def run_on(
    card: torch.device, x: np.ndarray, y: np.ndarray, w: torch.Tensor, b: torch.Tensor, settings: dict[str, Any]
) -> Run:
    """The Run on a CUDA device, with NumPy arrays in and out; w and b end as the trained parameters."""
    parameters, weight = (w.to(card), b.to(card)), settings["sample_weight"]
    if weight is not None:
        settings |= {"sample_weight": moved(card, arrays.array_of("sample_weight", weight))[0]}
    try:
        X, labels = moved(card, x, y)
        run = sgd_run_(X, labels, *parameters, **settings)
    finally:
        for end, start in zip(parameters, (w, b), strict=True):
            start.copy_(end)
    return Run(host(run.w), host(run.b), host(run.loss), host(run.velocity))
