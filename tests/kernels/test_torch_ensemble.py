"""Ensembles by torch.compile: every member is the run from its start, on the CPU and on a card."""

import numpy as np
import pytest
import torch

import kernels
from kernels.losses import LOSSES
from tests import problems
from tests.training import RATES, assert_losses_are_watched, assert_members, host


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("d", [1, 3])
def test_members_are_runs_by_what_is_compiled(d, loss, place):
    """The graphs' functions as they are: quickly, and on the CPU in PyTorch's own kernels."""
    with torch.compiler.set_stance("force_eager"):
        assert_members(place, 23, d, 5, 4, loss=loss)
        assert_members(place, 23, d, 4, 3, loss=loss, sample_weight=True, pos_weight=0.3)


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 3])
def test_members_are_runs_by_their_rates(d, dtype, rates, place, monkeypatch):
    from kernels.torch_cuda.graphs import ensemble

    with torch.compiler.set_stance("force_eager"):
        for n, batch_size in ((23, 5), (10, 10)):
            assert_members(place, n, d, batch_size, 3, dtype=dtype, **RATES[rates])
            monkeypatch.setattr(ensemble, "LOGITS", dict.fromkeys(ensemble.LOGITS, 20))  # two members at once


@pytest.mark.long
@pytest.mark.parametrize("rates", RATES)
def test_members_are_runs_by_their_rates_in_graphs(rates, place, one_graph):
    for shape in ((53, 2, 5), (20, 1, 3)):
        assert_members(place, *shape, 3, **RATES[rates])


@pytest.mark.long
def test_members_are_runs(place, one_graph, monkeypatch):
    from kernels.torch_cuda.graphs import ensemble

    for shape in ((53, 2, 5, 5), (31, 7, 1, 3), (97, 30, 13, 1), (1, 3, 1, 4)):
        assert_members(place, *shape)
    monkeypatch.setattr(ensemble, "LOGITS", dict.fromkeys(ensemble.LOGITS, 100))
    assert_members(place, 53, 2, 5, 5)


@pytest.mark.long
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_members_of_one_feature(loss, dtype, place, one_graph):
    for shape in ((20, 1, 3, 40), (10, 1, 10, 1), (1, 1, 1, 3)):
        assert_members(place, *shape, dtype=dtype, loss=loss)
    assert_members(place, 20, 1, 3, 30, dtype=np.float64, loss=loss, scale=10.0)


@pytest.mark.long
def test_weighted_members_are_weighted_runs(place, one_graph):
    for weights in ({"sample_weight": True}, {"sample_weight": True, "pos_weight": 0.3}):
        for shape in ((53, 2, 5, 5), (20, 1, 3, 7)):
            for loss in LOSSES:
                assert_members(place, *shape, loss=loss, **weights)


@pytest.mark.long
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_losses_are_watched(dtype, place):
    for batch_size in (1, 2):
        assert_losses_are_watched(place, batch_size, dtype)


@pytest.mark.long
def test_divergence_stops_nobody(place):
    X, y, *_ = problems.sgd_problem(20, 2)
    w0, b0 = np.array([[1e308, 1e308], [0.5, 0.25]]), np.array([1e308, 0.0])
    settings = {"lr": 1e308, "batch_size": 20, "epochs": 1}
    X[:, 1] = 1e200
    ends = kernels.sgd_ensemble(*map(place, (X, y, w0, b0)), **settings, history_of=[0, 1], backend="torch")
    for got in host(ends[:4]):
        assert np.isnan(got[0]).all()
    assert host([ends.steps])[0][0] == -1
    tame = kernels.sgd_ensemble(
        *map(place, (X[:, :1].repeat(2, 1), y, w0 / 1e308, b0)), **settings | {"lr": 0.1}, backend="torch"
    )
    assert np.isfinite(host(tame[:4])[0]).all()
