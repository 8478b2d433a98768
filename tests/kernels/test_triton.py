"""Training by Triton, held to the contract of every backend: in its interpreter, and on a card."""

import os
import sys

import numpy as np
import pytest

import kernels
from tests import oracle, problems
from tests.training import assert_members, assert_run, host

OPTIONS = (
    {},
    {"momentum": 0.7, "weight_decay": 0.01, "shuffle_seed": 12, "history": 4},
    {"shuffle_seed": 3, "history": 0},
)


@pytest.fixture
def short_launches(monkeypatch):
    """A few steps a launch."""
    from kernels.torch_cuda import triton_ensemble, triton_update

    monkeypatch.setattr(triton_ensemble, "OPERATIONS", 2**23)
    monkeypatch.setattr(triton_update, "VALUES", 60)


@pytest.mark.parametrize("loss", ["bce", "mse"])
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("shape", [(10, 1, 3, 70), (7, 3, 5, 3)])
def test_members_are_runs(shape, dtype, loss, card):
    assert_members(card, *shape, dtype=dtype, loss=loss, epochs=2)


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


@pytest.mark.parametrize("loss", ["bce", "mse"])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shape", [(20, 1, 3), (17, 9, 1), (30, 30, 30)])
def test_runs_of_any_size(shape, options, loss, card):
    assert_run(card, *shape, loss, options)


@pytest.mark.parametrize("options", OPTIONS)
def test_runs_in_many_launches_and_tiles(options, card, short_launches, monkeypatch):
    from kernels.torch_cuda import triton_update

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


COMPILE = """
from triton import compile
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from kernels.torch_cuda import triton_ensemble, triton_update

def assembly(kernel, pointers, default, options, **constants):
    names = kernel.arg_names
    types = dict.fromkeys(names[: names.index("n" if "n" in names else "k")], default) | pointers
    types = {name: "constexpr" if name in constants else types.get(name, "i32") for name in names}
    return compile(ASTSource(kernel, types, constants), GPUTarget("cuda", 90, 32), options).asm

wide = {"lr": "*fp64", "losses": "*fp64", "sums": "*fp64", "reached": "*i64"}
members = {"D": 4, "SQUARED": False, "MEMBERS": 64}
train = assembly(
    triton_ensemble.run_members, wide, "*fp32", triton_ensemble.OPTIONS, **members, KEEP=False
)
assert "fma.rn.f32" in train["ptx"] and "fma.rn.f64" not in train["ptx"], "the class goes by contracted operations"
costs = assembly(triton_ensemble.add_costs, wide, "*fp32", triton_ensemble.OPTIONS, **members)
state = dict.fromkeys(("rates", "theta", "velocity"), "*fp64") | {"order": "*i64", "status": "*i64"}
run = assembly(
    triton_update.run_steps, state, "*fp32", {}, SQUARED=False, SHUFFLED=True, ROWS=32, COLUMNS=32
)
print(*(len(code["cubin"]) > 0 for code in (train, costs, run)))
"""


@pytest.mark.long
def test_compiles_for_a_card():
    """Ahead of time, without one."""
    pytest.importorskip("triton", reason="Triton is not installed")
    done = problems.run_python(COMPILE, PYTHONPATH=os.pathsep.join(sys.path), TRITON_INTERPRET="0")
    assert done.stdout == "True True True\n"
