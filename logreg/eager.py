"""The lab's own training loop, in eager PyTorch: what the compiled run is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

if TYPE_CHECKING:
    from logreg.model import LogisticRegression


CRITERIA = {"bce": nn.BCELoss, "mse": nn.MSELoss}  # the lab's costs


def train_eagerly(
    model: LogisticRegression, data: Dataset, *, lr: float, batch_size: int, epochs: int, loss: str = "bce"
) -> list[tuple[float, float, float]]:
    """Trains a LogisticRegression as the lab's notebook does: DataLoader in order, a cost on probabilities, autograd,
    torch.optim.SGD. Returns [(w, b, minibatch loss)] of every step, as Python floats, for one feature."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    criterion = CRITERIA[loss]()
    path = []
    for _ in range(epochs):
        for x, y in DataLoader(data, batch_size=batch_size):
            batch_loss = criterion(model(x), y)
            optimizer.zero_grad()
            batch_loss.backward()
            optimizer.step()
            path.append((model.linear.weight.item(), model.linear.bias.item(), batch_loss.item()))
    return path
