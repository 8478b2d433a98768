"""Training by torch.compile, held to the contract of every backend, on the CPU and on a card."""

import numpy as np
import pytest
import torch

import kernels
from kernels.arguments import arrays
from kernels.losses import LOSSES
from tests import oracle, problems
from tests.training import assert_run, assert_runs_go_on, host

OPTIONS = (
    {},
    {"momentum": 0.7, "weight_decay": 0.01, "shuffle_seed": 12, "history": 4},
    {"shuffle_seed": 3, "history": 0},
    {"sample_weight": True, "pos_weight": 2.5, "shuffle_seed": 3},
)


def truth(X, y, w, b, weight=None):
    """Loss and gradient by w and b in float64."""
    X1 = np.column_stack([X, np.ones(len(y))]).astype(float)
    z, share = X1 @ np.append(w, b), np.ones(len(y)) if weight is None else weight
    y = y.astype(float)
    losses = y * oracle.softplus(-z) + (1 - y) * oracle.softplus(z)
    slopes = (1 - y) * oracle.sigmoid(z) - y * oracle.sigmoid(-z)
    gradient = (share * slopes) @ X1 / share.sum()
    return np.average(losses, weights=share), gradient[:-1], gradient[-1]


def assert_pass(place, n, d, dtype, tolerance):
    """One pass over random data with soft labels and weights."""
    X, y, w, b = problems.sgd_problem(n, d, dtype, soft=True)
    weight = np.random.default_rng(n).exponential(size=n)
    for share in (None, weight):
        arguments = map(place, (X, y, w, b))
        got = kernels.bce_loss_grad(*arguments, sample_weight=place(share), backend="torch")
        for one, want in zip(host(got), truth(X, y, w, b, share), strict=True):
            assert one.dtype == dtype
            np.testing.assert_allclose(one, want, rtol=0, atol=tolerance * (1 + np.abs(X).max()))


def test_loss_and_gradient_of_any_size(place, one_graph, monkeypatch):
    from kernels.torch_cuda.graphs import gradient

    for n, d in ((1, 3), (17, 30), (997, 7), (20_000, 3), (1, 70), (40, 80)):
        assert_pass(place, n, d, np.float64, 1e-14)
    monkeypatch.setattr(gradient, "BLOCK_BYTES", dict.fromkeys(gradient.BLOCK_BYTES, 5000))
    monkeypatch.setattr(gradient, "ROWS", 83)
    for d in (3, 7, 70):
        assert_pass(place, 997, d, np.float64, 1e-14)  # with a last block of one sample


def test_a_bias_may_be_a_number(place):
    X, y, w, _ = problems.sgd_problem(30, 3)
    for bias in (0.25, torch.tensor(0.25)):
        got = kernels.bce_loss_grad(*map(place, (X, y, w)), bias, backend="torch")
        for one, want in zip(host(got), truth(X, y, w, [0.25]), strict=True):
            np.testing.assert_allclose(one, want, rtol=0, atol=1e-14)


@pytest.mark.long
@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 33])
def test_loss_and_gradient_of_float32(d, place, one_graph):
    for n in (2, 1003):
        assert_pass(place, n, d, np.float32, 3e-6)


@pytest.mark.long
@pytest.mark.parametrize("d", [1, 2, 4])
def test_few_features(d, place, one_graph):
    for n in (1, 1003):
        assert_pass(place, n, d, np.float64, 1e-14)


@pytest.mark.long
@pytest.mark.parametrize("columns", [np.s_[:, :2], np.s_[:, ::2]])
def test_features_apart_in_memory(columns, place, one_graph):
    X, y, w, b = problems.sgd_problem(50, 4)
    X, w = X[columns], w[:2]
    for array in (place(X), place(np.asfortranarray(X))):
        got = kernels.bce_loss_grad(array, *map(place, (y, w, b)), backend="torch")
        for one, want in zip(host(got), truth(X, y, w, b), strict=True):
            np.testing.assert_allclose(one, want, rtol=0, atol=1e-14)


def test_a_step_is_in_place(place):
    X, y, w, b = problems.sgd_problem(30, 3)
    loss, grad_w, grad_b = truth(X, y, w, b)
    data, parameters = [place(X), place(y)], [place(w.copy()), place(b.copy())]
    got = kernels.sgd_step_(*data, *parameters, lr=0.25, backend="torch")
    assert float(got) == pytest.approx(loss, rel=1e-13, abs=0)
    end_w, end_b = host(parameters)
    np.testing.assert_allclose(end_w, w - 0.25 * grad_w, rtol=0, atol=1e-14)
    np.testing.assert_allclose(end_b, b - 0.25 * grad_b, rtol=0, atol=1e-14)


def test_runs_of_any_size(place, one_graph):
    for n, d, batch_size in ((41, 2, 3), (17, 9, 1), (30, 30, 30), (33, 5, 8)):
        for options in OPTIONS:
            assert_run(place, n, d, batch_size, "bce", options)


@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_runs_go_on(dtype, place):
    assert_runs_go_on(place, 20, 3, 6, dtype)


def test_the_device_is_looked_at_after_few_steps_of_large_batches(place, monkeypatch):
    from kernels.torch_cuda.graphs import update

    monkeypatch.setattr(update, "VALUES", 65)
    seen = []
    X, y, w, b = map(place, problems.sgd_problem(40, 3))
    settings = {"lr": 0.1, "batch_size": 5, "epochs": 2, "backend": "torch"}
    kernels.sgd_run_(X, y, w, b, **settings, progress=lambda done, _: seen.append(done))
    assert seen == [4, 8, 12, 16]


@pytest.mark.long
@pytest.mark.parametrize("d", [1, 7])
@pytest.mark.parametrize("loss", LOSSES)
def test_runs_by_any_loss(loss, d, place, one_graph):
    for n, batch_size in ((41, 3), (17, 1), (30, 30)):
        for options in OPTIONS:
            assert_run(place, n, d, batch_size, loss, options)


def test_divergence_names_the_step_and_keeps_the_last_parameters(place):
    X, y, w, b = problems.sgd_problem(40, 3)
    X[7] = 1e200  # in the second batch of five
    arrays = [place(v.copy()) for v in (X, y, w, b)]
    with pytest.raises(FloatingPointError, match=r"step 2 of 16 leaves the range of float64 \(lr = 1e\+150\)"):
        kernels.sgd_run_(*arrays, lr=1e150, batch_size=5, epochs=2, backend="torch")
    path = oracle.sgd_path(X[:5], y[:5], w, b, lr=1e150, batch_size=5, epochs=1)
    np.testing.assert_allclose(host(arrays[2:])[0], path[0][-1], rtol=1e-12)


def test_linear_bce_is_differentiable_on_the_card(monkeypatch):
    """CPU tensors in place of CUDA tensors."""
    monkeypatch.setattr(arrays, "is_cuda", arrays.is_tensor)
    X, y, w, b = (torch.from_numpy(v) for v in problems.sgd_problem(50, 3))
    w.requires_grad_(), b.requires_grad_()
    loss = kernels.linear_bce(X, w[None], b, y[:, None])
    gradients = torch.autograd.grad(2 * loss, (w, b))
    want = truth(*(v.detach().numpy() for v in (X, y, w, b)))
    assert loss.item() == pytest.approx(want[0], rel=1e-13, abs=0)
    np.testing.assert_allclose(gradients[0], 2 * want[1], rtol=0, atol=1e-14)
    np.testing.assert_allclose(gradients[1], [2 * want[2]], rtol=0, atol=1e-14)


@pytest.mark.cuda
def test_parameters_of_linear_bce_are_where_the_data_is():
    X, y, w, _ = (torch.from_numpy(v).cuda() for v in problems.sgd_problem(50, 3))
    with pytest.raises(ValueError, match=r"^bias is on device cpu; accepted: cuda:0, as X"):
        kernels.linear_bce(X, w, torch.zeros((), dtype=torch.float64), y)


def test_values_on_a_card_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(arrays, "is_cuda", arrays.is_tensor)
    X, y, w, b = (torch.from_numpy(v) for v in problems.sgd_problem(50, 3))
    X[3, 1] = torch.nan
    before = w.clone(), b.clone()
    assert kernels.bce_loss_grad(X, y, w, b).loss.isnan()
    assert kernels.sgd_step_(X, y, w, b, lr=0.1).isnan()
    assert (w.equal(before[0]), b.equal(before[1])) == (True, True)


def test_nothing_waits_for_a_card(monkeypatch):
    """So that CUDA graphs can capture a call: no value comes to the host, nor goes from its memory; the bias as well
    may be a number."""

    def refuse(*_):
        raise AssertionError("a CUDA tensor's value is looked at, or an array copied")

    X, y, w, b = (torch.from_numpy(v) for v in problems.sgd_problem(50, 3))
    weight = torch.rand(50, dtype=X.dtype)

    def call():
        stepped = w.clone(), b.clone()
        loss, grad_w, _ = kernels.bce_loss_grad(X, y, w, 0.25, sample_weight=weight)
        return loss, grad_w, kernels.sgd_step_(X, y, *stepped, lr=0.1), kernels.linear_bce(X, w, b, y), stepped

    monkeypatch.setattr(arrays, "is_cuda", arrays.is_tensor)
    call()  # compiles, which looks at values
    monkeypatch.setattr(torch, "from_numpy", refuse)
    for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__int__", "__float__"):
        monkeypatch.setattr(torch.Tensor, name, refuse)
    loss, grad_w, *results, stepped = call()
    monkeypatch.undo()
    want = truth(*(v.numpy() for v in (X, y, w)), [0.25], weight.numpy())
    assert loss.item() == pytest.approx(want[0], rel=1e-13, abs=0)
    np.testing.assert_allclose(grad_w, want[1], rtol=0, atol=1e-14)
    want = truth(*(v.numpy() for v in (X, y, w, b)))
    assert [v.item() for v in results] == pytest.approx([want[0]] * 2, rel=1e-13, abs=0)
    np.testing.assert_allclose(stepped[0], w.numpy() - 0.1 * want[1], rtol=0, atol=1e-14)
