"""The losses as pictures show them: what they are called, and what they are at logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


class Loss(NamedTuple):
    """A loss: its name, its mean over the data and the unit of that in words, the quantity of kernels that is this mean
    and the function that gives it of each sample."""

    name: str
    mean: str
    unit: str
    quantity: str
    of_samples: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def label(self, added: str = "") -> str:
        """The mean in words, with what is added to it."""
        return f"{self.mean}{added}{self.unit}"


def cross_entropy(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The cross-entropy of logits z against labels y, from logits so that it never saturates."""
    return y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)


def squared_error(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The squared error of sigmoid(z) against labels y, with all digits also where the error is tiny."""
    return ((1 - y) * np.exp(-np.logaddexp(0, -z)) - y * np.exp(-np.logaddexp(0, z))) ** 2


LOSSES = {
    "bce": Loss("cross-entropy", "mean cross-entropy", " (nats)", "loss", cross_entropy),
    "mse": Loss("mean squared error", "mean squared error", "", "mse", squared_error),
}


def name_of(loss: str) -> str:
    """What a loss is called; an unknown one as it is."""
    return LOSSES[loss].name if loss in LOSSES else loss
