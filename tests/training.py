"""Training on tensors held to the oracle, wherever they are: `place` takes NumPy arrays there."""

import numpy as np
import pytest
import torch

import kernels
from tests import oracle, problems


def host(values):
    return [torch.as_tensor(value).cpu().numpy() for value in values]


def assert_members(place, n, d, batch_size, k, dtype=np.float64, loss="bce", scale=1.0, **settings):
    """Every member of an ensemble is the run from its start, with the steps, the loss and the accuracy of that run."""
    X, y, *_ = problems.sgd_problem(n, d, dtype)
    rng = np.random.default_rng([n, k])
    w0, b0 = (scale * rng.normal(size=(k, d))).astype(dtype), (scale * rng.normal(size=k)).astype(dtype)
    settings = {"lr": 0.3, "batch_size": batch_size, "epochs": 4, "loss": loss} | settings
    progress = settings.pop("progress", None)
    chosen = [k - 1, 0]
    ends = kernels.sgd_ensemble(
        *map(place, (X, y, w0, b0)), **settings, history_of=chosen, backend="torch", progress=progress
    )
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


def assert_run(place, n, d, batch_size, loss, options):
    """A run from normal data with soft labels, its history, and the parameters that it ends with."""
    problem = problems.sgd_problem(n, d, soft=True)
    settings = {"lr": 0.3, "batch_size": batch_size, "epochs": 5, "loss": loss}
    X, y, w, b = map(place, (problem.X, problem.y, problem.w.copy(), problem.b.copy()))
    run = kernels.sgd_run_(X, y, w, b, **settings, **options, backend="torch")
    every = options.get("history", 1)
    path = oracle.sgd_path(*problem, **settings, **{name: options[name] for name in options if name != "history"})
    for got, want in zip(host(run), path, strict=True):
        np.testing.assert_allclose(got, want[every - 1 :: every] if every else want[:0], rtol=0, atol=1e-11)
    np.testing.assert_allclose(host([w])[0], path[0][-1], rtol=0, atol=1e-11)
    np.testing.assert_allclose(host([b])[0], path[1][-1:], rtol=0, atol=1e-11)
