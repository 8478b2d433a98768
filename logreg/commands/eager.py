"""The lab's own training loop, in eager PyTorch: what the compiled run is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from kernels.reference import value

if TYPE_CHECKING:
    from logreg.model import LogisticRegression


CRITERIA = {"bce": nn.BCELoss(), "mse": nn.MSELoss()}  # the lab's costs, of probabilities


def train_eagerly(
    model: LogisticRegression, data: Dataset, *, lr: float, batch_size: int, epochs: int, loss: str = "bce"
) -> list[tuple[float, float, float]]:
    """Trains a LogisticRegression as the lab's notebook does: DataLoader in order, a cost on probabilities, autograd,
    torch.optim.SGD; a cost that torch.nn hasn't is that of `kernels.reference`, on logits. Returns [(w, b, minibatch
    loss)] of every step, as Python floats, for one feature."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    path = []
    for _ in range(epochs):
        for x, y in DataLoader(data, batch_size=batch_size):
            batch_loss = CRITERIA[loss](model(x), y) if loss in CRITERIA else value(model.linear(x), y, loss).mean()
            optimizer.zero_grad()
            batch_loss.backward()
            optimizer.step()
            path.append((model.linear.weight.item(), model.linear.bias.item(), batch_loss.item()))
    return path
