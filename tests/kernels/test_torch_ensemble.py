"""Ensembles by torch.compile: every member is the run from its start, on the CPU and on a card."""

import numpy as np
import pytest
import torch

import kernels
from tests import oracle, problems


def host(values):
    return [torch.as_tensor(value).cpu().numpy() for value in values]


def assert_members(place, n, d, batch_size, k, dtype=np.float64, loss="bce", scale=1.0):
    X, y, *_ = problems.sgd_problem(n, d, dtype)
    rng = np.random.default_rng([n, k])
    w0, b0 = (scale * rng.normal(size=(k, d))).astype(dtype), (scale * rng.normal(size=k)).astype(dtype)
    settings = {"lr": 0.3, "batch_size": batch_size, "epochs": 4, "loss": loss}
    chosen = [k - 1, 0]
    ends = kernels.sgd_ensemble(*map(place, (X, y, w0, b0)), **settings, history_of=chosen, backend="torch")
    *fields, steps = host(ends[:-1])
    w, b, value, accuracy = fields
    assert {field.dtype for field in fields} == {np.dtype(dtype)}
    eps = float(np.finfo(dtype).eps)
    for i in range(k):
        path_w, path_b, _ = oracle.sgd_path(X, y, w0[i], b0[i], **settings)
        np.testing.assert_allclose(w[i], path_w[-1], rtol=0, atol=max(1e-12, 8 * eps * np.abs(path_w).max()))
        np.testing.assert_allclose(b[i], path_b[-1], rtol=0, atol=max(1e-12, 8 * eps * np.abs(path_b).max()))
        assert steps[i] == oracle.first_all_correct(X, y, np.vstack([w0[i], path_w]), np.append(b0[i], path_b))
        X1, theta = np.column_stack([X, np.ones(n)]).astype(float), np.append(w[i], b[i]).astype(float)
        cost, _ = oracle.cost_and_gradient(X1, y.astype(float), theta, loss)
        assert value[i] == pytest.approx(cost, rel=max(1e-12, 2 * eps), abs=1e-300)
        assert accuracy[i] == dtype(np.mean((X1 @ theta > 0) == (y > 0.5)))
    for row, i in enumerate(chosen):
        path = oracle.sgd_path(X, y, w0[i], b0[i], **settings)
        for got, want in zip(host(ends.history), path, strict=True):
            np.testing.assert_allclose(got[row], want, rtol=0, atol=max(1e-12, 8 * eps * (1 + np.abs(want).max())))


def test_members_are_runs(place, one_graph, monkeypatch):
    from kernels.torch_cuda import ensemble

    for shape in ((53, 2, 5, 5), (31, 7, 1, 3), (97, 30, 13, 1), (1, 3, 1, 4)):
        assert_members(place, *shape)
    monkeypatch.setattr(ensemble, "LOGITS", dict.fromkeys(ensemble.LOGITS, 100))
    assert_members(place, 53, 2, 5, 5)


@pytest.mark.long
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_members_of_one_feature(loss, dtype, place, one_graph):
    for shape in ((20, 1, 3, 40), (10, 1, 10, 1), (1, 1, 1, 3)):
        assert_members(place, *shape, dtype=dtype, loss=loss)
    assert_members(place, 20, 1, 3, 30, dtype=np.float64, loss=loss, scale=10.0)


def test_divergence_stops_nobody(place):
    X, y, *_ = problems.sgd_problem(20, 2)
    w0, b0 = np.array([[1e308, 1e308], [0.5, 0.25]]), np.array([1e308, 0.0])
    settings = {"lr": 1e308, "batch_size": 20, "epochs": 1}
    X[:, 1] = 1e200
    ends = kernels.sgd_ensemble(*map(place, (X, y, w0, b0)), **settings, history_of=[0, 1], backend="torch")
    for got in host(ends[:4]):
        assert np.isnan(got[0]).all()
    assert host([ends.steps])[0][0] == -1
    tame = kernels.sgd_ensemble(*map(place, (X[:, :1].repeat(2, 1), y, w0 / 1e308, b0)), **settings | {"lr": 0.1})
    assert np.isfinite(host(tame[:4])[0]).all()
