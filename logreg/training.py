"""Training a model with the compiled kernel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from kernels import sgd_run_
from kernels.arguments import arrays, numbers
from kernels.results import Run
from logreg import files, keeping
from logreg.classes import ZERO_AND_ONE, Meaning, weights_with_classes
from logreg.devices import Device, card_of, host, moved
from logreg.model import linear_layer
from logreg.samples import as_arrays
from logreg.scores import Scored

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from kernels.kinds import Progress
    from logreg.classes import ClassWeight


@dataclass(frozen=True, eq=False, repr=False)
class History(Scored):
    """A training run: NumPy arrays in the dtype of the model, and the data that it was trained on.

    Attributes
    ----------
    w, b : array (k, d) and (k,)
        Parameters after each step that was kept: every step, or every `every`-th.
    loss : array (k,)
        Minibatch loss before each of these steps.
    start_w, start_b : array (d,) and float
        Parameters before the first step.
    end_w, end_b : array (d,) and float
        Parameters after the last step, whether it was kept or not.
    steps : int
        How many there were.
    steps_per_epoch : int
        Steps that go once through the data.
    cost : str
        What was minimised: "bce", "mse" or "focal"; weight decay is no part of it.
    x, y : array (n, d) and (n,)
        The data, in its own order: the arrays that data[:] gave, not copies of them, so that losses and accuracies on
        all of it are of what it holds when they are asked for.
    every : int
        Steps from one that was kept to the next; 0 if none was.
    sample_weight, pos_weight : array (n,) and float, or None
        By which losses were multiplied, and the factor of the positive class: losses on all the data are weighted as
        they were, accuracies not at all; None: 1.
    velocity : array or None
        Of the last step, as `kernels.sgd_run_` takes it to go on; None of a part of a run.
    epoch : int or None
        Epochs trained so far, those before this run included: `first_epoch` of a call that goes on; None of a part of a
        run.
    l2, l2_bias : float
        The penalty l2/2 times the squared length of w, and l2_bias/2 times the square of b, that was minimised with the
        cost, by weight decay.
    classes : tuple or None
        What stood for class 0 and class 1 in the data; None: 0 and 1.

    See Also
    --------
    train : returns it
    viz.plot_contour : draws it on a surface

    Examples
    --------
    >>> import torch
    >>> from logreg import LogisticRegression, lab_data, train
    >>> model = LogisticRegression(1)
    >>> with torch.no_grad():
    ...     _ = model.linear.weight.fill_(5.0), model.linear.bias.fill_(10.0)
    >>> history = train(model, lab_data(), lr=2, batch_size=3, epochs=100)
    >>> history
    History(700 steps of bce; 1 weights, 20 samples)
    >>> history.steps_to_accuracy_1(), round(history.start_loss, 2), round(history.end_loss, 2)
    (25, 5.2, 0.05)
    >>> history.until(14).steps
    14
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
    l2: float = 0.0
    l2_bias: float = 0.0
    classes: tuple[Any, Any] | None = None
    epoch: int | None = None

    def __repr__(self) -> str:
        d, samples = len(self.start_w), len(self.y)
        return f"History({self.steps} steps of {self.cost}; {d} weights, {samples} samples)"

    def until(self, steps: int) -> History:
        """The history of the first `steps` steps, which ends with the last of them that was kept, or at the start.

        Parameters
        ----------
        steps : int
            How many, at least 0.

        Returns
        -------
        History
            Of the same data, without velocity and epoch unless it is the whole run.
        """
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
            epoch=None,
        )

    def save(self, path: files.AnyPath) -> None:
        """Writes everything to `path` as npz, its data too, as `LossSurface.save` does; `History.load` reads it.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            The file.
        """
        keeping.save(path, keeping.HISTORY, vars(self))

    @classmethod
    def load(cls, path: files.AnyPath) -> History:
        """What `save` wrote, in the same dtypes; it is read, and refused, as `LossSurface.load` does.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            The file.

        Returns
        -------
        History
            With the same bits.
        """
        return cls(**keeping.load(path, keeping.HISTORY))


def train(
    model: nn.Module,
    data: Any,
    *,
    lr: float,
    batch_size: int,
    epochs: int,
    loss: str = "bce",
    sample_weight: ArrayLike | None = None,
    class_weight: ClassWeight = None,
    pos_weight: ArrayLike | None = None,
    weight_decay: float = 0.0,
    positive: Any = None,
    device: Device = None,
    history: int = 1,
    shuffle_seed: int | None = None,
    first_epoch: int = 0,
    momentum: float = 0.0,
    velocity: ArrayLike | None = None,
    backend: str | None = None,
    progress: Progress = None,
) -> History:
    """The History of training a model by minibatch gradient descent; the whole run is one kernel call.

    Parameters
    ----------
    model : LogisticRegression or torch.nn.Linear
        On the CPU, of the dtype of the data and of one output; it ends with the trained parameters, and a weight or
        bias that doesn't require grad stays as it is.
    data : tuple (x, y), data set, or iterable of batches
        `data[:]` gives x (n, d) and y (n, 1) or (n,), or it is batches (x, y), which are gathered.
    lr : float
        Learning rate, finite, at least 0.
    batch_size : int
        Samples a step, at most all; the last batch of an epoch is averaged over its own length.
    epochs : int
        Passes over the data.
    loss : {"bce", "mse", "focal"}
        Mean cross-entropy, mean squared error of the sigmoid, or mean focal loss.
    sample_weight : array_like (n,), optional
        As `kernels.sgd_run_` takes them.
    class_weight : "balanced" or dict, optional
        "balanced" or {label: weight}, which multiplies `sample_weight` as scikit-learn's does.
    pos_weight : float, optional
        That of torch.nn.BCEWithLogitsLoss, at least 0; None with loss="mse".
    weight_decay : float
        That of torch.optim.SGD, of the bias too.
    positive : label, optional
        Labels are numbers in [0, 1] or of two classes, of which `positive` is 1; by default the greater.
    device : str or torch.device, optional
        None, "cpu", or a CUDA device to train on, with model and data on the CPU before and after.
    history : int
        Keeps every so many steps, 0 none.
    shuffle_seed, first_epoch, momentum, velocity : as in `kernels.sgd_run_`
        The order of the samples, and what a run goes on from.
    backend, progress : as in `kernels.sgd_run_`
        What computes it, and a bar.

    Returns
    -------
    History
        With whose `velocity` and `epoch` another call goes on, by `velocity=history.velocity` and
        `first_epoch=history.epoch`, and both are one; it keeps x and y themselves, not copies, where labels are in
        [0, 1].

    Raises
    ------
    ValueError, TypeError, MemoryError, FloatingPointError
        What `kernels.sgd_run_` raises; ValueError for another device, or a model of which nothing requires grad;
        TypeError for another model or one of another dtype.

    See Also
    --------
    record : the path of any optimiser of PyTorch
    kernels.sgd_run_ : the same for arrays
    study_starts : from very many starts at once

    Examples
    --------
    >>> import torch
    >>> from logreg import LogisticRegression, accuracy, lab_data, train
    >>> model = LogisticRegression(1)
    >>> with torch.no_grad():
    ...     _ = model.linear.weight.fill_(-15.0), model.linear.bias.fill_(-10.0)  # as bad a start as any
    >>> accuracy(model, lab_data())
    0.45
    >>> history = train(model, lab_data(), lr=2, batch_size=3, epochs=100)
    >>> history.w.shape, accuracy(model, lab_data())
    ((700, 1), 1.0)
    """
    card = card_of(device)
    layer = linear_layer(model)
    x, labels = as_arrays(data, Meaning(positive), ordered=sample_weight is not None)
    y = labels.y
    if class_weight is not None:
        sample_weight = weights_with_classes(labels, sample_weight, class_weight)
    w, b = layer.weight.detach()[0], layer.bias.detach()
    start_w, start_b = copies_of(w, b)
    check_features(x, len(start_w))
    if start_w.dtype != x.dtype:
        raise TypeError(f"model has parameters of {start_w.dtype}; accepted: {x.dtype}, the dtype of data x")
    settings: dict[str, Any] = {"shuffle_seed": shuffle_seed, "first_epoch": first_epoch, "momentum": momentum}
    settings |= {"velocity": velocity, "backend": backend, "progress": progress}
    settings |= {"lr": lr, "batch_size": batch_size, "epochs": epochs, "loss": loss, "history": history}
    settings |= {"sample_weight": sample_weight, "pos_weight": pos_weight, "weight_decay": weight_decay}
    settings |= {"frozen": frozen_part(layer)}
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
        l2=float(weight_decay),
        l2_bias=float(weight_decay),
        classes=None if labels.classes == ZERO_AND_ONE else labels.classes,
        epoch=run.epoch,
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
    return Run(host(run.w), host(run.b), host(run.loss), host(run.velocity), epoch=run.epoch)
