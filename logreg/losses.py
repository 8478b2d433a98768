"""The losses as the lab knows them, a row each."""

from typing import NamedTuple

from torch import nn


class Loss(NamedTuple):
    """A loss: its name in words, the quantity of a kernels' Surface that is its mean, the most that a sample's loss is
    curved along its logit (second derivative), and PyTorch's form of it on probabilities."""

    name: str
    quantity: str
    curvature: float
    criterion: type[nn.Module]


# The curvature is p (1 - p), and, of the squared error p^2, 2 p^2 (1 - p) (2 - 3 p) at p = (15 - sqrt(33)) / 24.
LOSSES = {
    "bce": Loss("cross-entropy", "loss", 0.25, nn.BCELoss),
    "mse": Loss("mean squared error", "mse", 0.15406, nn.MSELoss),
}
