"""Training, as tests of several kernels do it: held to the oracle wherever tensors are, `place` takes arrays there."""

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

import kernels
from kernels.losses import LOSSES
from tests import oracle, problems


def focal_loss(z, y):
    """The formula as published (Lin et al., 2017): -(1 - p_t)^gamma log p_t, gamma = 2, of each class by its label."""
    log_p, log_q = torch.nn.functional.logsigmoid(z), torch.nn.functional.logsigmoid(-z)
    p, q = log_p.exp(), log_q.exp()
    return -(y * q**2 * log_p + (1 - y) * p**2 * log_q)


# The losses of samples (n,) from logits and labels, by functions of torch alone
TORCH_LOSSES = {
    "bce": lambda z, y: binary_cross_entropy_with_logits(z, y, reduction="none"),
    "mse": lambda z, y: mse_loss(torch.sigmoid(z), y, reduction="none"),
    "focal": focal_loss,
}


# Of an ensemble of three
RATES = {
    "lr": {"lr": np.array([0.0, 0.5, 0.3])},
    "of all": {"momentum": 0.9, "weight_decay": 0.1},
    "of members": {
        "lr": np.array([0.3, 0.0, 0.1]),
        "momentum": np.array([0.0, 0.5, 0.9]),
        "weight_decay": np.array([0.3, 0.2, 0.0]),
    },
}


def host(values):
    return [torch.as_tensor(value).cpu().numpy() for value in values]


def with_weights(settings, n, loss):
    """Settings whose sample_weight, if there is one, is (n,), some of it 0; a loss that has no positive part has no
    pos_weight."""
    weight = np.random.default_rng(n).exponential(size=n)
    weight[::3] = 0.0
    chosen = settings | ({"sample_weight": weight} if "sample_weight" in settings else {})
    return {name: value for name, value in chosen.items() if name != "pos_weight" or LOSSES[loss].linear_in_label}


def placed(place, settings):
    return {name: place(value) if isinstance(value, np.ndarray) else value for name, value in settings.items()}


def of_member(settings, i):
    """Settings with the rates of one member, of those that have their own."""
    rates = ("lr", "momentum", "weight_decay")
    return {name: value[i] if name in rates and np.ndim(value) else value for name, value in settings.items()}


def assert_members(place, n, d, batch_size, k, dtype=np.float64, loss="bce", scale=1.0, **settings):
    """Every member of an ensemble is the run from its start, with the steps, the loss and the accuracy of that run."""
    X, y, *_ = problems.sgd_problem(n, d, dtype)
    rng = np.random.default_rng([n, k])
    w0, b0 = (scale * rng.normal(size=(k, d))).astype(dtype), (scale * rng.normal(size=k)).astype(dtype)
    settings = {"lr": 0.3, "batch_size": batch_size, "epochs": 4, "loss": loss} | with_weights(settings, n, loss)
    progress = settings.pop("progress", None)
    chosen = [k - 1, 0]
    options = {"history_of": chosen, "backend": "torch", "progress": progress}
    ends = kernels.sgd_ensemble(*map(place, (X, y, w0, b0)), **placed(place, settings), **options)
    *fields, steps = host(ends[:-1])
    w, b, value, accuracy = fields
    assert {field.dtype for field in fields} == {np.dtype(dtype)}
    eps = float(np.finfo(dtype).eps) / (1 - np.max(settings.get("momentum", 0.0)))
    for i in range(k):
        path_w, path_b, _ = oracle.sgd_path(X, y, w0[i], b0[i], **of_member(settings, i))
        np.testing.assert_allclose(w[i], path_w[-1], rtol=0, atol=max(1e-12, 8 * eps * np.abs(path_w).max()))
        np.testing.assert_allclose(b[i], path_b[-1], rtol=0, atol=max(1e-12, 8 * eps * np.abs(path_b).max()))
        assert steps[i] == oracle.first_all_correct(X, y, np.vstack([w0[i], path_w]), np.append(b0[i], path_b))
        X1, theta = np.column_stack([X, np.ones(n)]).astype(float), np.append(w[i], b[i]).astype(float)
        weights = settings.get("sample_weight", 1.0), settings.get("pos_weight")
        cost, _ = oracle.cost_and_gradient(X1, y.astype(float), theta, loss, *weights)
        assert value[i] == pytest.approx(cost, rel=max(1e-12, 2 * eps), abs=1e-300)
        assert accuracy[i] == dtype(np.mean((X1 @ theta > 0) == (y > 0.5)))
    for row, i in enumerate(chosen):
        path = oracle.sgd_path(X, y, w0[i], b0[i], **of_member(settings, i))
        for got, want in zip(host(ends.history), path, strict=True):
            np.testing.assert_allclose(got[row], want, rtol=0, atol=max(1e-12, 8 * eps * (1 + np.abs(want).max())))


def run(problem, backend="numba", **settings):
    """The history, from copies of the start; the arrays that were trained in place."""
    w, b = problem.w.copy(), problem.b.copy()
    return kernels.sgd_run_(problem.X, problem.y, w, b, backend=backend, **settings), w, b


def assert_run(place, n, d, batch_size, loss, options):
    """A run from normal data with soft labels, its history, and the parameters that it ends with."""
    problem = problems.sgd_problem(n, d, soft=True)
    settings = {"lr": 0.3, "batch_size": batch_size, "epochs": 5, "loss": loss} | with_weights(options, n, loss)
    X, y, w, b = map(place, (problem.X, problem.y, problem.w.copy(), problem.b.copy()))
    run = kernels.sgd_run_(X, y, w, b, **placed(place, settings), backend="torch")
    every = settings.pop("history", 1)
    path = oracle.sgd_path(*problem, **settings)
    for got, want in zip(host(run), path, strict=True):
        np.testing.assert_allclose(got, want[every - 1 :: every] if every else want[:0], rtol=0, atol=1e-11)
    np.testing.assert_allclose(host([w])[0], path[0][-1], rtol=0, atol=1e-11)
    np.testing.assert_allclose(host([b])[0], path[1][-1:], rtol=0, atol=1e-11)


def assert_runs_go_on(place, n, d, batch_size, dtype):
    """Two runs, the second with the velocity of the first, are one, and the velocity is that of the oracle; what is
    frozen stays."""
    problem = problems.sgd_problem(n, d, dtype)
    settings = {"lr": 0.3, "batch_size": batch_size, "momentum": 0.9, "shuffle_seed": 1, "backend": "torch"}
    X, y = place(problem.X), place(problem.y)
    for frozen in (None, "w", "b"):
        (w, b), (end_w, end_b) = ((place(problem.w.copy()), place(problem.b.copy())) for _ in range(2))
        whole = kernels.sgd_run_(X, y, end_w, end_b, **settings, epochs=4, frozen=frozen)
        first = kernels.sgd_run_(X, y, w, b, **settings, epochs=2, frozen=frozen)
        on = {"velocity": first.velocity, "first_epoch": first.epoch, "frozen": frozen}
        second = kernels.sgd_run_(X, y, w, b, **settings, **on, epochs=2)
        assert (first.epoch, second.epoch, whole.epoch) == (2, 4, 4)
        for one, other in zip(host([w, b, second.velocity]), host([end_w, end_b, whole.velocity]), strict=True):
            np.testing.assert_array_equal(one, other)
        for path, *parts in zip(host(whole), host(first), host(second), strict=True):
            np.testing.assert_array_equal(path, np.concatenate(parts))
        ends = dict(zip("wb", host([w, b]), strict=True))
        for name, start in (("w", problem.w), ("b", problem.b)):
            assert (name == frozen) == (ends[name] == start).all()
        moves = host([second.velocity])[0].reshape(-1, d + 1)[0] != 0
        np.testing.assert_array_equal(moves, np.append(np.full(d, frozen != "w"), frozen != "b"))


def assert_losses_are_watched(place, batch_size, dtype):
    """A loss beyond the range of the dtype ends a run before its step, and a member of an ensemble; squared errors have
    none."""
    top = float(np.finfo(dtype).max)
    X, y = np.array([[1, 1], [1, 1], [100, 100], [1, 1]], dtype), np.zeros(4, dtype)
    w, b = np.full(2, 0.1 * top, dtype), np.zeros(1, dtype)
    settings = {"lr": 1.0, "batch_size": batch_size, "epochs": 1, "backend": "torch"}
    arrays = [place(v.copy()) for v in (X, y, w, b)]
    step = 2 // batch_size + 1
    with pytest.raises(FloatingPointError, match=rf"^sgd_run_: step {step} of"):
        kernels.sgd_run_(*arrays, **settings)
    np.testing.assert_array_equal(host(arrays[2:])[0], w)
    kernels.sgd_run_(*arrays, **settings, loss="mse")
    starts = np.stack([w, w / 1000]), np.zeros(2, dtype)
    ends = kernels.sgd_ensemble(*map(place, (X, y, *starts)), **settings, history_of=[0, 1])
    for field in host(ends[:4]):
        assert np.isnan(field[0]).all()
        assert np.isfinite(field[1]).all()
    assert host([ends.steps])[0].tolist() == [-1, -1]
    for field in host(ends.history):
        kept = np.isfinite(field.reshape(2, len(field[0]), -1)).all(axis=-1)
        np.testing.assert_array_equal(kept, [np.arange(4 // batch_size) < step - 1, [True] * (4 // batch_size)])
    weight = place(np.array([1, 1, 0, 1], dtype))
    kernels.sgd_run_(*map(place, (X, y, w.copy(), b.copy())), **settings, sample_weight=weight)
    ends = kernels.sgd_ensemble(*map(place, (X, y, *starts)), **settings, sample_weight=weight)
    assert np.isfinite(host([ends.loss])[0]).all()
