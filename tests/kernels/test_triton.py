"""Training by Triton, held to the contract of every backend: in its interpreter, and on a card."""

import json
import os
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import torch

import kernels
from kernels.losses import CODES, LOSSES
from tests import oracle, problems, processes
from tests.training import RATES, assert_losses_are_watched, assert_members, assert_run, assert_runs_go_on, host

OPTIONS = (
    {},
    {"momentum": 0.7, "weight_decay": 0.01, "shuffle_seed": 12, "history": 4},
    {"shuffle_seed": 3, "history": 0},
    {"sample_weight": True, "pos_weight": 2.5, "shuffle_seed": 3},
)


@pytest.fixture
def short_launches(monkeypatch):
    """A few steps a launch."""
    from kernels.torch_cuda.triton import ensemble as triton_ensemble
    from kernels.torch_cuda.triton import update as triton_update

    monkeypatch.setattr(triton_ensemble, "OPERATIONS", 2**23)
    monkeypatch.setattr(triton_update, "VALUES", 60)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("shape", [(10, 1, 3, 70), (7, 3, 5, 3)])
def test_members_are_runs(shape, dtype, loss, card):
    assert_members(card, *shape, dtype=dtype, loss=loss, epochs=2)


@pytest.mark.parametrize("weights", [{"sample_weight": True, "pos_weight": 0.3}, {"pos_weight": 2.5}])
@pytest.mark.parametrize("shape", [(10, 1, 3, 5), (7, 3, 5, 3)])
def test_weighted_members_are_weighted_runs(shape, weights, card):
    for loss in LOSSES:
        assert_members(card, *shape, loss=loss, epochs=2, **weights)


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("shape", [(10, 1, 3), (7, 3, 5)])
def test_members_are_runs_by_their_rates(shape, dtype, rates, card):
    assert_members(card, *shape, 3, dtype=dtype, epochs=2, **RATES[rates])


def test_a_rate_of_each_has_the_bits_of_one_of_all(card, short_launches):
    """As has a member without momentum and decay beside others, however many launches there are."""
    X, y, *_ = problems.sgd_problem(10, 2, np.float32)
    w0, b0 = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
    zeros, settings = np.zeros(3), {"batch_size": 3, "epochs": 2, "history_of": [2, 0], "backend": "torch"}
    arrays = [card(array) for array in (X, y, w0.reshape(3, 2), b0[:3])]
    want = kernels.sgd_ensemble(*arrays, lr=0.3, **settings)
    lr, momentum = card(np.full(3, 0.3)), card(np.array([0.0, 0.9, 0.0]))
    for rates in ({"lr": lr}, {"lr": 0.3, "weight_decay": card(zeros)}, {"lr": lr, "momentum": momentum}):
        got = kernels.sgd_ensemble(*arrays, **rates, **settings)
        for one, other in zip(host([*got[:-1], *got.history[:3]]), host([*want[:-1], *want.history[:3]]), strict=True):
            plain = [0, -1]  # of three members, and of two with a history
            np.testing.assert_array_equal(one[plain], other[plain])


@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_runs_go_on(dtype, card, short_launches):
    assert_runs_go_on(card, 20, 3, 6, dtype)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the interpreter
@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_losses_are_watched(dtype, batch_size, card):
    assert_losses_are_watched(card, batch_size, dtype)


def test_members_in_many_launches(card, short_launches):
    seen = []
    assert_members(card, 10, 1, 3, 5, progress=lambda *done: seen.append(done))
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert seen[-1] == (7 * 16, 7 * 16)


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("labels", ["separable", "mirrored", "ones", "zeros"])
def test_steps_are_exact_at_ties(labels, dtype, d, card):
    """Small whole numbers, where logits are often exactly 0: that is class 0."""
    rng = np.random.default_rng(1)
    X = rng.integers(-3, 4, (12, d)).astype(dtype)
    y = {"separable": X[:, 0] > 0, "mirrored": X[:, 0] < 0, "ones": X[:, 0] < 9, "zeros": X[:, 0] > 9}[labels]
    w0, b0 = rng.integers(-2, 3, (400, d)).astype(dtype), rng.integers(-2, 3, 400).astype(dtype)
    ends = kernels.sgd_ensemble(*map(card, (X, y, w0, b0)), lr=0.0, batch_size=12, epochs=1, backend="torch")
    accuracy = (((w0 @ X.T + b0[:, None]) > 0) == (y > 0.5)).mean(axis=1)
    w, _, _, found, steps = host(ends[:-1])
    np.testing.assert_array_equal(found, accuracy.astype(dtype))
    np.testing.assert_array_equal(steps, np.where(accuracy == 1, 0, -1))
    assert 0 < np.count_nonzero(steps == 0) < 400
    np.testing.assert_array_equal(w, w0)


def test_a_first_sample_that_is_wrong_again_counts(card):
    """The last sample is the one that ruled the model out before, and the step that rights it wrongs the first."""
    X, y = np.array([[1.0, 0.0], [-0.5, 0.0]]), np.array([1.0, 0.0])
    start, settings = (np.array([[1.0, 0.0]]), np.array([2.0])), {"lr": 10.0, "batch_size": 1, "epochs": 3}
    ends = kernels.sgd_ensemble(*map(card, (X, y, *start)), **settings, backend="torch")
    w, b, _ = oracle.sgd_path(X, y, start[0][0], start[1], **settings)
    want = oracle.first_all_correct(X, y, np.vstack([start[0], w]), np.append(start[1], b))
    assert ends.steps.tolist() == [want] == [3]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the interpreter
def test_divergence_stops_nobody(card):
    X, y, b0 = np.full((20, 1), 10.0), np.zeros(20), np.zeros(2)
    w0 = np.array([[1.0], [-100.0]])  # the second has no gradient
    settings = {"lr": 1e308, "batch_size": 20, "epochs": 2, "history_of": [0, 1]}
    ends = kernels.sgd_ensemble(*map(card, (X, y, w0, b0)), **settings, backend="torch")
    for got in host(ends[:4]):
        assert np.isnan(got[0]).all()
        assert np.isfinite(got[1]).all()
    assert host([ends.steps])[0][0] == -1
    for got in host(ends.history):
        assert np.isnan(got[0, -1]).all()
        assert np.isfinite(got[1]).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shape", [(20, 1, 3), (17, 9, 1), (30, 30, 30)])
def test_runs_of_any_size(shape, options, loss, card):
    assert_run(card, *shape, loss, options)


@pytest.mark.parametrize("options", OPTIONS)
def test_runs_in_many_launches_and_tiles(options, card, short_launches, monkeypatch):
    from kernels.torch_cuda.triton import update as triton_update

    monkeypatch.setattr(triton_update, "TILE", 32)
    assert_run(card, 33, 5, 8, "bce", options)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the interpreter
def test_divergence_names_the_step_and_keeps_the_last_parameters(card):
    X, y, w, b = problems.sgd_problem(40, 3)
    X[7] = 1e200  # in the second batch of five
    arrays = [card(v) for v in (X, y, w, b)]
    with pytest.raises(FloatingPointError, match=r"step 2 of 16 leaves the range of float64 \(lr = 1e\+150\)"):
        kernels.sgd_run_(*arrays, lr=1e150, batch_size=5, epochs=2, backend="torch")
    path = oracle.sgd_path(X[:5], y[:5], w, b, lr=1e150, batch_size=5, epochs=1)
    np.testing.assert_allclose(host(arrays[2:])[0], path[0][-1], rtol=1e-12)


def test_orders_of_a_launch_are_drawn_while_the_device_is_at_the_one_before(card, monkeypatch):
    """Launches have few steps, whatever their size; the next one is there before anything waits for the last."""
    from kernels.torch_cuda.triton import update as triton_update

    happened, launch, orders = [], triton_update.launch, triton_update.orders
    monkeypatch.setattr(triton_update, "STEPS", 12)
    monkeypatch.setattr(triton_update, "launch", lambda *a: (happened.append("launch"), launch(*a)))
    monkeypatch.setattr(triton_update, "orders", lambda *a: (happened.append(("orders", len(a[1]))), orders(*a))[1])
    X, y, w, b = map(card, problems.sgd_problem(20, 1))
    settings = {"lr": 0.1, "batch_size": 4, "epochs": 5, "shuffle_seed": 1, "backend": "torch"}
    kernels.sgd_run_(X, y, w, b, **settings, progress=lambda done, _: happened.append(done))
    drawn = ("orders", 2), "launch"
    assert happened == [*drawn, *drawn, 10, ("orders", 1), "launch", 20, 25]


@pytest.mark.parametrize("seed", [None, 5])
def test_an_epoch_of_many_steps_takes_several_launches(seed, card, monkeypatch):
    from kernels.torch_cuda.triton import update as triton_update

    monkeypatch.setattr(triton_update, "STEPS", 3)
    seen = []
    kept = {"history": 2, "momentum": 0.5}
    assert_run(card, 23, 2, 3, "bce", {"shuffle_seed": seed} | kept)
    X, y, w, b = map(card, problems.sgd_problem(23, 2))
    settings = {"lr": 0.1, "batch_size": 3, "epochs": 2, "shuffle_seed": seed, "backend": "torch"}
    kernels.sgd_run_(X, y, w, b, **settings, progress=lambda done, _: seen.append(done))
    assert seen == ([3, 6, 9, 12, 15, 16] if seed is None else [3, 6, 8, 11, 14, 16])


def test_launches_are_short_whatever_the_batch():
    from kernels.torch_cuda.triton import update as triton_update

    X = torch.empty(20, 1)
    for batch_size in (1, 3, 20):
        for seed in (None, 0):
            _, first, last = next(triton_update.launches(X, batch_size, 20_000, seed))
            assert 2**14 < last - first <= triton_update.STEPS


@pytest.mark.parametrize("operator", ["sums", "launch", "launch_run", "launch_losses", "add_products", "fill"])
def test_kernels_are_launched_on_the_device_of_their_data(operator, monkeypatch):
    """Also where an operator is called directly, while another device is the current one."""
    from kernels.torch_cuda.triton import (
        ensemble as triton_ensemble,
    )
    from kernels.torch_cuda.triton import (
        gradient as one_pass,
    )
    from kernels.torch_cuda.triton import (
        interpolate as triton_interpolate,
    )
    from kernels.torch_cuda.triton import (
        surface as triton_surface,
    )
    from kernels.torch_cuda.triton import (
        update as triton_update,
    )

    modules = {
        "sums": one_pass,
        "launch": triton_update,
        "add_products": triton_surface,
        "fill": triton_interpolate,
    }
    module = modules.get(operator, triton_ensemble)
    happened = []

    @contextmanager
    def device_of(tensor):
        happened.append(tensor)
        yield
        happened.append("left")

    launcher = type("Launcher", (), {"__getitem__": lambda self, grid: lambda *a, **o: happened.append("launched")})()
    monkeypatch.setattr(torch.cuda, "device_of", device_of)
    monkeypatch.setattr(module, "wrap_triton", lambda kernel: launcher)
    X, k = torch.zeros(4, 3), torch.zeros(2, 3, 5)
    v, whole = torch.zeros(4, dtype=torch.float64), torch.zeros(5, dtype=torch.int64)
    call = {
        "sums": lambda: one_pass.sums(X, v, None, v[:3], v[:1]),
        "launch": lambda: triton_update.launch(X, v, v[:0], whole[:0], v, v, v.clone(), whole, X[:0], 2, 0, 2, 0, 0),
        "launch_run": lambda: triton_ensemble.launch_run(
            X, v, v[:0], X, v[:2, None], v[:1], k, whole, k[:0], v[:0], 2, 0, 2, 0, False, False
        ),
        "launch_losses": lambda: triton_ensemble.launch_losses(X, v, v[:0], k[0], k[1], 0, 4, 0),
        "add_products": lambda: triton_surface.add_products(X[None], torch.zeros(8, 3), torch.zeros(8, 4)),
        "fill": lambda: triton_interpolate.fill(X, X, X.T, 4, whole, whole, True, 0.0),
    }[operator]
    call()
    assert happened[0].data_ptr() == X.data_ptr()
    assert happened[1:] == ["launched", "left"]


def test_orders_are_drawn_on_the_host_wherever_tensors_are_made():
    """As they are after torch.set_default_device: what is pinned is memory of the host."""
    from kernels.torch_cuda.triton import update as triton_update

    X = torch.zeros(7, 2)
    with torch.device("meta"):
        order = triton_update.orders(X, [0, 1], 3)
    want = [np.random.default_rng([3, epoch]).permutation(7) for epoch in (0, 1)]
    np.testing.assert_array_equal(order.numpy(), want)


RUN_STEPS = """
import json
import torch
from tests import hopper
from kernels.torch_cuda.triton import update as triton_update

def used(d, batch_size, dtype, loss, shuffled, weighted, offset=0):
    n, dtype = batch_size + 5, getattr(torch, dtype)
    X, y = (torch.empty(size + offset, dtype=dtype)[offset:] for size in (n * d, n))
    weight = torch.empty(weighted * n + offset, dtype=torch.float64)[offset:]
    theta, order = torch.empty(d + 1, dtype=torch.float64), torch.empty(2 * shuffled, n, dtype=torch.int64)
    rates, status, path = theta.new_empty(6), torch.empty(1, dtype=torch.int64), torch.empty(4, d + 2, dtype=dtype)
    state = rates, theta, theta.clone(), status, path.view(-1)[offset * (d + 2) :].view(-1, d + 2)
    with hopper.compiling(triton_update) as found:
        triton_update.launch(X.view(n, d), y, weight, order, *state, batch_size, 0, 8, 1, loss)
    return found[0]

for case in {cases}:
    print(json.dumps([case, *used(*case)[1:4]]))
print(json.dumps(len({{used(9, 3, "float32", 0, True, True, offset).ptx for offset in (0, 1)}})))
"""
FEW = [
    (1, 4096, "float32", CODES["bce"], False, True),
    (30, 1024, "float32", CODES["mse"], True, False),
    (1024, 32, "float64", CODES["bce"], False, True),
    (64, 512, "float64", CODES["focal"], True, True),
]
ALL = [
    (d, min(2**15 // d, 4096), dtype, loss, shuffled, weighted)
    for d in (1, 2, 7, 30, 64, 128, 200, 512, 784, 1000, 1024)
    for dtype in ("float32", "float64")
    for loss in CODES.values()
    for shuffled in (False, True)
    for weighted in (False, True)
]


@pytest.mark.parametrize("cases", [FEW, pytest.param(ALL, marks=pytest.mark.long)], ids=["few", "all"])
def test_registers_of_runs(cases):
    """Next to nothing is spilled; where arrays begin makes no other kernel."""
    path = os.pathsep.join([os.getcwd(), *sys.path])
    done = processes.run_python(RUN_STEPS.format(cases=cases), PYTHONPATH=path, TRITON_INTERPRET="0", timeout=600)
    assert done.returncode == 0
    *found, kernels_of_offsets = map(json.loads, done.stdout.splitlines())
    assert len(found) == len(cases)
    for case, _, stack, shared in found:
        assert stack <= 40, case
        assert shared <= 2**14, case
    assert kernels_of_offsets == 1


RUN_MEMBERS = """
import json
import torch
from tests import hopper
from kernels.torch_cuda.triton import ensemble as triton_ensemble

def used(d, dtype, loss, keep, weighted, own):
    dtype, n, k = getattr(torch, dtype), 20, 100
    rows, smoothing = torch.empty(n, d + 1, dtype=dtype), torch.empty(n, dtype=dtype)
    state, first_correct_step = torch.empty(2 + own, d + 1, k, dtype=dtype), torch.empty(k, dtype=torch.int64)
    rates = torch.empty((4, k) if own else (2, 1), dtype=dtype)
    path, losses = torch.empty(3 * keep, d + 1, k, dtype=dtype), torch.empty(3 * keep, k, dtype=torch.float64)
    weight = smoothing[: weighted * n].clone()
    run = rows, smoothing, weight, rows, rates, losses.new_empty(1), state, first_correct_step, path, losses
    with hopper.compiling(triton_ensemble) as found:
        triton_ensemble.launch_run(*run, 3, 0, 3, loss, keep, keep)
        triton_ensemble.launch_losses(rows, smoothing, weight, state[0], losses.new_empty(2, k), 0, n, loss)
    return found

for case in {cases}:
    for kernel in used(*case):
        fused = [fma in kernel.ptx for fma in ("fma.rn.f32", "fma.rn.f64")]
        print(json.dumps([case, *kernel[:4], fused]))
"""
FEW_MEMBERS = [
    (1, "float32", 0, False, False, False),
    (3, "float32", 0, True, True, False),
    (8, "float32", 2, True, True, False),
    (1, "float32", 0, False, False, True),
    (8, "float64", 2, True, True, True),
]
ALL_MEMBERS = [
    (d, dtype, loss, keep, weighted, own)
    for d in (1, 2, 7, 8, 16)
    for dtype in ("float32", "float64")
    for loss in CODES.values()
    for keep in (False, True)
    for weighted in (False, True)
    for own in sorted({False, weighted})
]


@pytest.mark.parametrize("cases", [FEW_MEMBERS, pytest.param(ALL_MEMBERS, marks=pytest.mark.long)], ids=["few", "all"])
def test_registers_of_members(cases):
    """Parameters stay in registers, next to nothing is spilled; the class doesn't go by contracted operations, which in
    float64 only exponentials have."""
    path = os.pathsep.join([os.getcwd(), *sys.path])
    done = processes.run_python(RUN_MEMBERS.format(cases=cases), PYTHONPATH=path, TRITON_INTERPRET="0", timeout=900)
    assert done.returncode == 0
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 2 * len(cases)
    for (d, dtype, loss, keep, weighted, own), name, _, stack, shared, fused in found:
        case = name, d, dtype, loss, keep, weighted, own
        most = 48 if (d, dtype, keep) == (16, "float64", True) else 16  # bytes, by Triton 3.6 and 3.9
        if (d, dtype, loss) == (16, "float64", CODES["focal"]):
            most += 16  # two more numbers of a sample: the losses of both classes
        if (d, own, name) == (16, True, "run_members"):
            most = 336 if dtype == "float64" else 96  # the last step of each parameter, besides; by Triton 3.6
        assert stack <= most, case
        assert shared <= 2**10, case
        if name == "run_members" and dtype == "float32" and not keep:
            assert fused == [True, False], case
