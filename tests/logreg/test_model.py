"""The lab's model."""

import pytest
import torch
from torch import nn

from logreg import LabData, LogisticRegression


def test_seeded_start():
    torch.manual_seed(0)
    linear = LogisticRegression(1).linear
    assert linear.weight.item() == pytest.approx(-0.00749, abs=5e-6)
    assert linear.bias.item() == pytest.approx(0.53644, abs=5e-6)


@pytest.mark.parametrize("d", [1, 2, 30])
def test_layer(d):
    model = LogisticRegression(d)
    assert isinstance(model.linear, nn.Linear)
    assert [tuple(p.shape) for p in model.parameters()] == [(1, d), (1,)]
    assert list(model.state_dict()) == ["linear.weight", "linear.bias"]


@pytest.mark.parametrize("d", [1, 3])
def test_probabilities(d):
    model, x = LogisticRegression(d).double(), torch.randn(5, d, dtype=torch.float64)
    with torch.no_grad():
        z = (x * model.linear.weight).sum(1) + model.linear.bias
    p = model(x)
    assert p.shape == (5, 1)
    torch.testing.assert_close(p[:, 0], 1 / (1 + torch.exp(-z)))
    assert p.requires_grad


def test_by_hand(model_at):
    p = model_at(5, 10)(LabData().x)
    assert p[0].item() == pytest.approx(0.9933071)
    assert ((p > 0.5).float() == LabData().y).double().mean() == pytest.approx(0.35)
