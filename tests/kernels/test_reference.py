"""The reference against mpmath, torch.optim and autograd: what every other body is later held to."""

import math

import mpmath
import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from torch.nn.functional import binary_cross_entropy_with_logits

from kernels import reference
from kernels.losses import LOSSES
from kernels.quantities import QUANTITIES
from kernels.results import LogitPlane
from tests import oracle, problems
from tests.training import TORCH_LOSSES

PROBLEMS = list(problems.surface_problems(24))
LAB_RUN = {"lr": 2.0, "batch_size": 3, "epochs": 100}


def tensors(*arrays):
    return [torch.from_numpy(np.array(a)) for a in arrays]


def lab_tensors():
    x, y = tensors(*problems.lab_data())
    return x[:, None], y


def assert_surface_close(surfaces, problem, cells=64, loss="bce"):
    options = {"weights": problem.sample_weight, "loss": loss, "cells": cells, "rng": 1}
    for quantity, got in surfaces.items():
        oracle.assert_surface_close(got.numpy(), *problem[1:5], quantity, **options)


# Surfaces


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_surface_quantities(problem, loss):
    plane, (y, s, t) = LogitPlane(*tensors(*problem.plane)), tensors(problem.y, problem.s, problem.t)
    weight = None if problem.sample_weight is None else tensors(problem.sample_weight)[0]
    options = {"quantities": tuple(QUANTITIES), "loss": loss, "sample_weight": weight}
    surfaces = reference.surface_on_plane(plane, y, s, t, **options)
    assert tuple(surfaces) == tuple(QUANTITIES)
    assert {got.dtype for got in surfaces.values()} == {y.dtype}
    assert_surface_close(surfaces, problem, cells=5, loss=loss)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("problem", PROBLEMS[::2], ids=lambda problem: problem.name)
def test_loss_surface(problem, loss):
    x, y, w, b = tensors(problem.plane[1], problem.y, problem.s, problem.t)
    got = reference.loss_surface(x, y, w, b, loss)
    assert got.dtype == x.dtype
    assert_surface_close({"loss": got}, problem, cells=8, loss=loss)


@pytest.mark.parametrize("loss", [name for name, row in LOSSES.items() if row.linear_in_label])
def test_the_positive_class_has_a_weight_of_its_own(loss):
    """Of loss, gradient and Hessian; the sum is divided by that of the sample weights all the same."""
    problem, pos_weight = problems.plane(30, 2.0, labels="soft"), 2.5
    p, q, r = problem.plane
    y, s, t, weight = tensors(problem.y, problem.s, problem.t, np.linspace(0, 1, 30))
    names = ("loss", "gradient", "hessian", "accuracy", "balanced_accuracy", "mse")
    options = {"quantities": names, "loss": loss}
    got, plain = (
        reference.surface_on_plane(LogitPlane(*tensors(p, q, r)), y, s, t, **options, sample_weight=weight, **own)
        for own in ({"pos_weight": pos_weight}, {})
    )
    for name in names[3:]:
        assert torch.equal(got[name], plain[name])
    z = p + s[2].item() * q + t[1].item() * r
    of_0, of_1 = (oracle.float64_derivatives(loss, z, label)[:3] for label in (np.zeros(30), np.ones(30)))
    y, weight = problem.y, weight.numpy() / weight.sum().item()
    value, slope, curvature = (
        weight * ((1 - y) * zero + pos_weight * y * one) for zero, one in zip(of_0, of_1, strict=True)
    )
    wanted = value.sum(), (slope @ q, slope @ r), (curvature @ (q * q), curvature @ (q * r), curvature @ (r * r))
    for name, want in zip(names, wanted, strict=False):
        np.testing.assert_allclose(got[name][..., 1, 2], want, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("labels", ["noisy", "ones", "zeros"])
def test_balanced_accuracy_is_that_of_scikit_learn(labels, weighted):
    problem = problems.plane(60, 1.0, labels=labels)
    weight = np.arange(60) % 3.0 if weighted else None
    tensor = None if weight is None else torch.from_numpy(weight)
    data = LogitPlane(*tensors(*problem.plane)), *tensors(problem.y, problem.s, problem.t)
    options = {"quantities": ("balanced_accuracy",), "sample_weight": tensor}
    got = reference.surface_on_plane(*data, **options)["balanced_accuracy"]
    p, q, r = problem.plane
    for j, t in enumerate(problem.t):
        for i, s in enumerate(problem.s):
            found, predicted = problem.y > 0.5, (p + s * q) + t * r > 0
            if labels == "noisy":
                want = balanced_accuracy_score(found, predicted, sample_weight=weight)
            else:
                want = np.average(found == predicted, weights=weight)
            assert got[j, i].item() == pytest.approx(want, abs=1e-14)


def test_a_class_without_weight_is_none():
    plane = LogitPlane(*torch.tensor([[-1.0, 2.0, 3.0], [0, 0, 0], [0, 0, 0]], dtype=torch.float64))
    y, weight = torch.tensor([1.0, 0.0, 0.0]).double(), torch.tensor([0.0, 1.0, 1.0]).double()
    at = torch.zeros(1, dtype=torch.float64)
    options = {"quantities": ("balanced_accuracy",), "sample_weight": weight}
    assert reference.surface_on_plane(plane, y, at, at, **options)["balanced_accuracy"].item() == 0.0
    plane.offset[1] = -2.0
    assert reference.surface_on_plane(plane, y, at, at, **options)["balanced_accuracy"].item() == 0.5


def test_tiny_losses_keep_their_digits():
    z = torch.tensor([700.0, 300.0, 40.0, 20.0, 1.0])
    with mpmath.workprec(oracle.BITS):
        want = [float(mpmath.log1p(mpmath.exp(-float(v)))) for v in z]
    assert want[0] == pytest.approx(9.86e-305, rel=1e-3, abs=0)
    one = torch.ones(1, dtype=torch.float64)
    zero = torch.zeros(1, dtype=torch.float64)
    for got in (
        reference.loss_surface(one, one, z.double(), zero)[0],
        reference.loss_surface(one, zero, -z.double(), zero)[0],
        reference.value(z.double(), one),
    ):
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-14, atol=0)


@pytest.mark.parametrize("scale", [1e5, 1e8])
def test_extreme_logits_are_linear_or_nil(scale):
    x = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    w = torch.tensor([-scale, scale], dtype=torch.float64)
    got = reference.loss_surface(x, (x > 0).double(), w, torch.zeros(1, dtype=torch.float64))
    assert got.tolist() == [[scale, 0.0]]


def test_class_is_the_sign_of_z_in_this_order():
    plane = LogitPlane(*torch.tensor([[1.0], [-1.0], [1e-17]], dtype=torch.float64))
    s, t = torch.tensor([1.0], dtype=torch.float64), torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    for label in (0.0, 0.5, 1.0):
        y = torch.tensor([label], dtype=torch.float64)
        true_class = float(label > 0.5)
        accuracy = reference.surface_on_plane(plane, y, s, t, quantities=("accuracy",))["accuracy"]
        assert accuracy[:, 0].tolist() == [1 - true_class, 1 - true_class, true_class]


def test_accuracy_at_ties():
    rng = np.random.default_rng(0)
    x, axis = np.round(rng.uniform(-1, 1, 50), 1), np.round(np.linspace(-2, 2, 21), 1)
    problem = problems.SurfaceProblem("ties", oracle.one_feature_plane(x), rng.integers(0, 2, 50) * 1.0, axis, axis)
    got = reference.surface_on_plane(
        LogitPlane(*tensors(*problem.plane)), *tensors(problem.y, axis, axis), quantities=("accuracy",)
    )
    assert_surface_close(got, problem, cells=21 * 21)


def test_derivatives_are_those_of_the_loss():
    problem = problems.plane(20, 1.0)
    plane, (y, s, t) = LogitPlane(*tensors(*problem.plane)), tensors(problem.y, problem.s / 10, problem.t / 10)
    got = reference.surface_on_plane(plane, y, s, t, quantities=("gradient", "hessian"))

    def loss(at):
        return binary_cross_entropy_with_logits(plane.offset + at[0] * plane.s_slope + at[1] * plane.t_slope, y)

    for j in range(len(t)):
        for i in range(len(s)):
            at = torch.stack([s[i], t[j]]).requires_grad_()
            gradient = torch.autograd.functional.jacobian(loss, at)
            hessian = torch.autograd.functional.hessian(loss, at)
            torch.testing.assert_close(got["gradient"][:, j, i], gradient, rtol=1e-11, atol=1e-13)
            torch.testing.assert_close(got["hessian"][:, j, i], hessian[[0, 0, 1], [0, 1, 1]], rtol=1e-11, atol=1e-13)


def test_flipping_labels_and_logits_changes_nothing():
    problem = problems.plane(97, 3.0)
    plane, (y, s, t) = LogitPlane(*tensors(*problem.plane)), tensors(problem.y, problem.s, problem.t)
    flipped = LogitPlane(*(-column for column in plane))
    for quantity in ("loss", "mse", "hessian"):
        one = reference.surface_on_plane(plane, y, s, t, quantities=(quantity,))[quantity]
        other = reference.surface_on_plane(flipped, 1 - y, s, t, quantities=(quantity,))[quantity]
        torch.testing.assert_close(one, other, rtol=1e-13, atol=0)


def test_integer_weights_repeat_samples():
    problem = problems.plane(30, 2.0, labels="soft")
    plane, (y, s, t) = LogitPlane(*tensors(*problem.plane)), tensors(problem.y, problem.s, problem.t)
    count = torch.arange(30) % 4
    repeated = LogitPlane(*(column.repeat_interleave(count) for column in plane))
    one = reference.surface_on_plane(
        plane, y, s, t, quantities=oracle.QUANTITIES, sample_weight=count.to(torch.float64)
    )
    other = reference.surface_on_plane(repeated, y.repeat_interleave(count), s, t, quantities=oracle.QUANTITIES)
    for quantity in oracle.QUANTITIES:
        torch.testing.assert_close(one[quantity], other[quantity], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_logit_plane(dtype):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(7, 5)) * 10.0 ** rng.integers(-3, 4, (7, 5))).astype(dtype)
    thetas = rng.normal(size=(3, 6)).astype(dtype)
    plane = reference.logit_plane(*tensors(X, *thetas))
    for got, theta in zip(plane, thetas, strict=True):
        want = [math.fsum([*(float(v) * float(w) for v, w in zip(row, theta, strict=False)), theta[-1]]) for row in X]
        assert got.dtype == torch.from_numpy(X).dtype
        size = np.abs(X).astype(np.float64) @ np.abs(theta[:-1]) + abs(theta[-1])
        assert np.all(np.abs(got.numpy() - want) <= 8e-16 * size + 0.5 * np.spacing(np.abs(np.array(want, dtype))))


def test_lab_formula_agrees_where_nothing_saturates():
    x, y = problems.lab_data()
    w, b = problems.lab_window()
    plane = oracle.one_feature_plane(x)
    x, y, w, b = tensors(x, y, w, b)
    ours, labs = reference.loss_surface(x, y, w, b), reference.lab_loss_surface(x, y, w, b)
    assert ours.shape == labs.shape == (30, 30)
    assert ours.dtype == labs.dtype == torch.float32
    torch.testing.assert_close(ours, labs, rtol=1e-6, atol=0)
    far = torch.tensor([100.0], dtype=torch.float64)
    assert reference.loss_surface(x, y, far, 0 * far).item() == pytest.approx(
        oracle.loss_at(plane, problems.lab_data()[1], 100.0, 0.0), rel=1e-7
    )
    assert reference.lab_loss_surface(x, y, -far, 0 * far) < 0.7 * reference.loss_surface(x, y, -far, 0 * far)


# Gradient and one step


@pytest.mark.parametrize("scale", problems.SCALES)
def test_gradient_of_one_feature_against_mpmath(scale):
    problem = problems.one_feature(53, scale, labels="separable")
    x, y = tensors(problem.plane[1], problem.y)
    for w, b in ((0.0, 0.0), (3.0, -scale), (-0.1, 0.5), (9.0, 0.0)):
        got = reference.bce_loss_grad(x[:, None], y, *tensors([w], [b]))
        assert [v.shape for v in got] == [(), (1,), ()]
        for quantity, value in (("loss", got.loss), ("gradient", torch.stack([got.grad_w[0], got.grad_b]))):
            want = oracle.value_at(problem.plane, problem.y, w, b, quantity)
            assert np.all(
                np.abs(value.numpy() - want) <= oracle.direct_tolerance(problem.plane, problem.y, w, b, quantity)
            )


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "d"), [(1, 1), (97, 30), (20, 2)])
def test_gradient_against_autograd(n, d, weighted, dtype):
    problem = problems.sgd_problem(n, d, dtype, soft=True)
    X, y, w, b = tensors(*problem)
    weight = torch.linspace(0.1, 2, n, dtype=X.dtype) if weighted else None
    leaves = [v.double().requires_grad_() for v in (w, b)]
    want = binary_cross_entropy_with_logits(
        X.double() @ leaves[0] + leaves[1], y.double(), None if weight is None else weight.double(), reduction="sum"
    ) / (n if weight is None else weight.double().sum())
    want.backward()
    got = reference.bce_loss_grad(X, y, w, b, sample_weight=weight)
    tolerance = {"rtol": 1e-12, "atol": 1e-13} if dtype == np.float64 else {"rtol": 2e-6, "atol": 3e-7}
    for one, other in zip(got, (want.detach(), leaves[0].grad, leaves[1].grad[0]), strict=True):
        assert one.dtype == X.dtype
        torch.testing.assert_close(one.double(), other, **tolerance)


def test_sgd_step_is_in_place_and_returns_the_loss_before():
    problem = problems.sgd_problem(20, 2)
    X, y, w, b = tensors(*problem)
    before = reference.bce_loss_grad(X, y, w, b)
    loss = reference.sgd_step_(X, y, w, b, lr=0.5)
    assert loss == before.loss
    w_path, b_path, _ = oracle.sgd_path(*problem, lr=0.5, batch_size=20, epochs=1)
    np.testing.assert_allclose(w.numpy(), w_path[-1], rtol=1e-13)
    np.testing.assert_allclose(b.numpy(), b_path[-1:], rtol=1e-13)
    w0, b0 = tensors(problem.w, problem.b)
    weight = torch.linspace(1, 3, 20, dtype=torch.float64)
    gradient = reference.bce_loss_grad(X, y, w0, b0, sample_weight=weight)
    want = w0 - 0.5 * gradient.grad_w
    reference.sgd_step_(X, y, w0, b0, lr=0.5, sample_weight=weight)
    torch.testing.assert_close(w0, want)


# Runs


def torch_sgd(X, y, w, b, *, lr, batch_size, epochs, loss, shuffle_seed, momentum, weight_decay):
    """The run by autograd and torch.optim.SGD: parameters (steps, d + 1) and minibatch losses."""
    w, b = (torch.nn.Parameter(v.clone()) for v in (w, b))
    optimiser = torch.optim.SGD([w, b], lr=lr, momentum=momentum, weight_decay=weight_decay)
    path, losses = [], []
    for epoch in range(epochs):
        order = torch.arange(len(y))
        if shuffle_seed is not None:
            order = torch.from_numpy(np.random.default_rng([shuffle_seed, epoch]).permutation(len(y)))
        for start in range(0, len(y), batch_size):
            rows = order[start : start + batch_size]
            value = TORCH_LOSSES[loss](X[rows] @ w + b, y[rows]).mean()
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            path.append(torch.cat([w, b]).detach().clone())
            losses.append(value.detach())
    return torch.stack(path), torch.stack(losses)


@pytest.mark.parametrize(
    "options", [{}, {"shuffle_seed": 3}, {"momentum": 0.9, "weight_decay": 0.1, "shuffle_seed": 0}]
)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("n", "d", "batch_size"), problems.SGD_SHAPES)
def test_run_against_torch_and_numpy(n, d, batch_size, loss, options):
    problem = problems.sgd_problem(n, d, soft=n == 20)
    settings = {"lr": 0.3, "batch_size": batch_size, "epochs": 3, "loss": loss}
    settings |= {"shuffle_seed": None, "momentum": 0.0, "weight_decay": 0.0} | options
    X, y, w, b = tensors(*problem)
    path, losses = torch_sgd(X, y, w, b, **settings)
    run = reference.sgd_run_(X, y, w, b, **settings)
    steps = 3 * math.ceil(n / batch_size)
    assert [v.shape for v in run] == [(steps, d), (steps,), (steps,)]
    close = {"rtol": 1e-11, "atol": 1e-13}
    torch.testing.assert_close(torch.column_stack([run.w, run.b]), path, **close)
    torch.testing.assert_close(run.loss, losses, **close)
    assert torch.equal(torch.cat([w, b]), torch.cat([run.w[-1], run.b[-1:]]))
    for got, want in zip(run, oracle.sgd_path(*problem, **settings), strict=True):
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-11, atol=1e-13)


def test_history_keeps_every_kth_step():
    settings = {"lr": 0.3, "batch_size": 5, "epochs": 3, "shuffle_seed": 1}
    runs, ends = {}, []
    for k in (0, 1, 4, 100):
        X, y, w, b = tensors(*problems.sgd_problem(53, 2))
        runs[k] = reference.sgd_run_(X, y, w, b, **settings, history=k)
        ends.append(torch.cat([w, b]))
    assert all(torch.equal(end, ends[0]) for end in ends)
    for k in (0, 100):
        assert [v.shape for v in runs[k]] == [(0, 2), (0,), (0,)]
    for every, fourth in zip(runs[1], runs[4], strict=True):
        assert len(fourth) == 33 // 4
        assert torch.equal(every[3::4], fourth)


def test_no_epochs_change_nothing():
    X, y, w, b = tensors(*problems.sgd_problem(7, 2))
    run = reference.sgd_run_(X, y, w, b, lr=1.0, batch_size=2, epochs=0)
    assert [v.shape for v in run] == [(0, 2), (0,), (0,)]
    assert torch.equal(w, tensors(*problems.sgd_problem(7, 2))[2])
    ends = reference.sgd_ensemble(X, y, w[None], b, lr=1.0, batch_size=2, epochs=0, history_of=[0])
    assert torch.equal(ends.w[0], w)
    assert ends.history.w.shape == (1, 0, 2)


DIVERGING = {"lr": 1.5e307, "batch_size": 1, "epochs": 2}  # the second sample's gradient is a hundredfold


def diverging_data():
    X = torch.tensor([[1.0], [-100.0], [1.0]], dtype=torch.float64)
    return X, torch.zeros(3, dtype=torch.float64)


def test_diverging_run_names_the_step_and_keeps_the_last_finite_parameters():
    X, y = diverging_data()
    w, b = torch.zeros(1).double(), torch.zeros(1).double()
    with pytest.raises(FloatingPointError, match=r"step 2 of 6\b"):
        reference.sgd_run_(X, y, w, b, **DIVERGING)
    assert w.item() == b.item() == -0.5 * DIVERGING["lr"]


# Ensembles


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("n", "d", "batch_size"), problems.SGD_SHAPES)
def test_ensemble_members_are_runs(n, d, batch_size, loss):
    X, y = tensors(*problems.sgd_problem(n, d)[:2])
    rng = np.random.default_rng(0)
    w0, b0 = tensors(rng.normal(size=(4, d)), rng.normal(size=4))
    settings = {"lr": 0.5, "batch_size": batch_size, "epochs": 4, "loss": loss}
    start = w0.clone()
    ends = reference.sgd_ensemble(X, y, w0, b0, **settings, history_of=(2, 0))
    assert torch.equal(w0, start)
    assert ends.steps.dtype == torch.int64
    close = {"rtol": 1e-11, "atol": 1e-13}
    for member in range(4):
        w, b = w0[member].clone(), b0[member : member + 1].clone()
        run = reference.sgd_run_(X, y, w, b, **settings)
        torch.testing.assert_close(ends.w[member], w, **close)
        torch.testing.assert_close(ends.b[member], b[0], **close)
        if member in (2, 0):
            for got, want in zip(ends.history, run, strict=True):
                torch.testing.assert_close(got[(2, 0).index(member)], want, **close)
        torch.testing.assert_close(ends.loss[member], reference.loss_grad(X, y, w, b, loss).loss, **close)
        assert ends.accuracy[member] == ((X @ w + b > 0) == (y > 0.5)).double().mean()
        w_path, b_path = torch.cat([w0[member, None], run.w]), torch.cat([b0[member, None], run.b])
        assert ends.steps[member] == oracle.first_all_correct(X, y, w_path, b_path)


@pytest.mark.parametrize("loss", LOSSES)
def test_diverging_members_stop_nobody(loss):
    x = np.random.default_rng(0).normal(size=(20, 1))
    X, y, w0 = tensors(100 * x, (x[:, 0] > 0) * 1.0, np.linspace(-1, 1, 9)[:, None])
    settings = {"lr": 5e307, "batch_size": 3, "epochs": 3, "loss": loss}
    ends = reference.sgd_ensemble(X, y, w0, w0[:, 0] / 3, **settings)
    diverged = []
    for member in range(9):
        w, b = w0[member].clone(), w0[member] / 3
        try:
            reference.sgd_run_(X, y, w, b, **settings)
        except FloatingPointError:
            diverged.append(member)
            w, b = w * torch.nan, b * torch.nan
        torch.testing.assert_close(torch.cat([ends.w[member], ends.b[member, None]]), torch.cat([w, b]), equal_nan=True)
    assert 0 < len(diverged) < 9
    assert ends.accuracy.isnan().nonzero()[:, 0].tolist() == diverged


def test_member_that_diverges_is_nan_and_minus_one():
    X, y = diverging_data()
    w0, b0 = torch.tensor([[0.0], [0.0]], dtype=torch.float64), torch.tensor([0.0, -1e300], dtype=torch.float64)
    ends = reference.sgd_ensemble(X, y, w0, b0, **DIVERGING, history_of=[0, 1])
    assert ends.steps.tolist() == [-1, 0]
    for values in (ends.w[0], ends.b[0], ends.loss[0], ends.accuracy[0]):
        assert values.isnan().all()
    assert ends.b[1] == -1e300
    assert ends.accuracy[1] == 1
    assert ends.history.b[0, 0].isfinite()
    assert ends.history.b[0, 1:].isnan().all()
    assert ends.history.w[1].isfinite().all()


# The lab


def test_lab_data_is_torchs():
    x, y = problems.lab_data()
    want = torch.arange(-1, 1, 0.1).numpy()
    assert x.dtype == y.dtype == np.float32
    np.testing.assert_allclose(x, want, rtol=0, atol=1e-8)  # by how much torch differs between vector widths
    assert np.array_equal(y, want > 0.2)
    assert y.sum() == 7


def test_lab_run():
    X, y = lab_tensors()
    w, b = torch.tensor([5.0]), torch.tensor([10.0])
    run = reference.sgd_run_(X, y, w, b, **LAB_RUN)
    assert w.item() == pytest.approx(15.6832, abs=1e-4)
    assert b.item() == pytest.approx(-3.8269, abs=1e-4)
    assert run.w.shape == (700, 1)
    assert run.w.dtype == run.loss.dtype == torch.float32
    assert run.loss[-1].item() == pytest.approx(9.877e-5, rel=1e-3)
    assert (run.w[:590] < 15).all()
    assert (run.w[610:] > 15).all()


def test_lab_starts():
    X, y = lab_tensors()
    w0, b0 = torch.tensor([[-0.00749], [-15.0], [15.0]]), torch.tensor([0.53644, -10.0, -4.0])
    entropy = reference.sgd_ensemble(X, y, w0, b0, **LAB_RUN)
    assert entropy.accuracy.tolist() == [1.0, 1.0, 1.0]
    assert entropy.steps[0] == 10
    assert entropy.steps[2] == 0
    squared = reference.sgd_ensemble(X, y, w0, b0, **LAB_RUN, loss="mse")
    assert squared.accuracy[1].item() == pytest.approx(0.65)
    assert squared.steps[1] == -1


# linear_bce


@pytest.mark.parametrize(
    ("weight_shape", "bias_shape", "y_shape"), [((2,), (), (20,)), ((1, 2), (1,), (20, 1)), ((2,), (1,), (20, 1))]
)
def test_linear_bce(weight_shape, bias_shape, y_shape):
    X, y, w, b = tensors(*problems.sgd_problem(20, 2, soft=True))
    want = reference.bce_loss_grad(X, y, w, b)
    weight, bias = w.reshape(weight_shape).requires_grad_(), b.reshape(bias_shape).requires_grad_()
    loss = reference.linear_bce(X, weight, bias, y.reshape(y_shape))
    assert loss.shape == ()
    loss.backward()
    torch.testing.assert_close(loss.detach(), want.loss)
    torch.testing.assert_close(weight.grad, want.grad_w.reshape(weight_shape), rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(bias.grad, want.grad_b.reshape(bias_shape), rtol=1e-12, atol=1e-15)
    assert torch.autograd.gradcheck(reference.linear_bce, (X.requires_grad_(), weight, bias, y.requires_grad_()))


def test_linear_bce_of_a_logit_that_overflows_and_has_no_weight():
    X, weight, bias, y, own = tensors([[1e-200], [1e200]], [1e200], [0.0], [1.0, 0.0], [1.0, 0.0])
    assert reference.linear_bce(X, weight, bias, y, sample_weight=own).item() == pytest.approx(np.log1p(np.exp(-1)) / 2)


@pytest.mark.parametrize("z", [0.0, 19.9, 20.5, 36.0, 700.0, -20.5])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_linear_bce_traps(z, label):
    """Half a gradient at z = 0, full accuracy above the threshold of softplus and where the loss is tiny."""
    bias = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([label], dtype=torch.float64)
    loss = reference.linear_bce(torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1).double(), bias, y)
    loss.backward()
    plane = oracle.one_feature_plane(np.zeros(1))
    assert loss.item() == pytest.approx(oracle.loss_at(plane, y.numpy(), 0.0, z), rel=1e-14, abs=0)
    slope = oracle.value_at(plane, y.numpy(), 0.0, z, "gradient")[1]
    assert bias.grad.item() == pytest.approx(slope, rel=1e-14, abs=0)


# The oracle and the problems themselves


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("quantity", ["loss", "mse", "gradient", "hessian"])
def test_both_oracles_agree(quantity, loss):
    for problem in PROBLEMS:
        if len(problem.y) > oracle.MPMATH_SAMPLES:
            continue
        data, s, t = problem[1:3], problem.s[0], problem.t[-1]
        exact = oracle.by_mpmath(*data, s, t, quantity, problem.sample_weight, loss)
        summed = oracle.by_fsum(*data, s, t, quantity, problem.sample_weight, loss)
        tolerance = np.asarray(oracle.direct_tolerance(*data, s, t, quantity, problem.sample_weight, loss))
        assert np.all(np.abs(exact - summed) <= 0.2 * tolerance), problem.name


def test_a_wrong_cell_is_reported():
    problem = problems.one_feature(20, 1.0)
    s, t = problem.s, problem.t
    got = np.array([[oracle.loss_at(problem.plane, problem.y, s_i, t_j) for s_i in s] for t_j in t])
    assert oracle.assert_surface_close(got, problem.plane, problem.y, s, t, cells=1000) == 0
    for wrong in (got[2, 3] * (1 + 1e-10), np.nan):
        bad = got.copy()
        bad[2, 3] = wrong
        with pytest.raises(AssertionError, match=r"1 of 66 cells miss; worst \[2, 3\]"):
            oracle.assert_surface_close(bad, problem.plane, problem.y, s, t, cells=1000)
        assert not math.isnan(oracle.assert_surface_close(bad, problem.plane, problem.y, s, t, cells=1, rng=0))


def test_layouts_are_what_they_say():
    for a in (np.arange(5.0), np.arange(12.0, dtype=np.float32).reshape(4, 3)):
        views = problems.layouts(a)
        assert all(np.array_equal(view, a) and view.dtype == a.dtype for view in views.values())
        assert views["strided"].strides[0] >= 2 * a.strides[0]
        assert views["negative"].strides[0] < 0
        assert not views["read-only"].flags.writeable
        assert views["fortran"].flags.f_contiguous
