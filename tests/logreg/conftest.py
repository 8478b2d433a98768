"""Models and data of every test of `logreg`; pictures go to files, never to a window."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from logreg import LogisticRegression
from tests import problems

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def figures_closed(monkeypatch):
    def show(*args, **kwargs):
        raise AssertionError("plt.show was called")

    monkeypatch.setattr(plt, "show", show)
    yield
    left_open = plt.get_fignums()
    plt.close("all")
    assert left_open == []


@pytest.fixture
def model_at():
    """Makes a LogisticRegression with these weights (d,), or one weight, and this bias."""

    def model_at(w, b, dtype=torch.float32):
        w = torch.tensor(np.atleast_1d(w), dtype=dtype)
        model = LogisticRegression(len(w)).to(dtype)
        with torch.no_grad():
            model.linear.weight[0] = w
            model.linear.bias.fill_(float(np.squeeze(b)))
        return model

    return model_at


@pytest.fixture
def wide():
    """Noisy data of 30 features, float64, with a start: `problems.SGDProblem`."""
    return problems.sgd_problem(97, 30)
