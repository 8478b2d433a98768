"""The lab's own loop, which the compiled run is compared with, against its printed result and an independent run."""

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from logreg import LabData
from logreg.commands.eager import train_eagerly
from tests import oracle, problems

LAB_RUN = {"lr": 2.0, "batch_size": 3, "epochs": 100}


def test_the_result_of_the_lab(model_at):
    model = model_at(5, 10)
    path = train_eagerly(model, LabData(), **LAB_RUN)
    assert len(path) == 700
    assert path[-1] == pytest.approx((15.6832, -3.8269, 9.877e-5), rel=1e-4)
    assert path[-1][:2] == (model.linear.weight.item(), model.linear.bias.item())
    assert all(isinstance(value, float) for value in path[0])


@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_every_step(loss, model_at):
    x, y = problems.lab_data(np.float64)
    data = TensorDataset(*(torch.from_numpy(v)[:, None] for v in (x, y)))
    path = train_eagerly(model_at(-1, 2, torch.float64), data, lr=2, batch_size=3, epochs=3, loss=loss)
    w, b, losses = oracle.sgd_path(x[:, None], y, -1, 2, lr=2, batch_size=3, epochs=3, loss=loss)
    np.testing.assert_allclose(path, np.column_stack([w, b, losses]), rtol=1e-12)


def test_no_epochs(model_at):
    model = model_at(5, 10)
    assert train_eagerly(model, LabData(), lr=2, batch_size=3, epochs=0) == []
    assert model.linear.weight.item() == 5
