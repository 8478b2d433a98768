"""The Triton kernel of loss and gradient: its values, and what it is compiled to.

`make test-cuda` runs it on a card. Without one it needs a package that PyTorch for CPUs comes without: after
`pip install --target DIR triton`, `TRITON_INTERPRET=1 PYTHONPATH=DIR .venv/bin/python -m pytest
tests/kernels/test_one_pass.py` runs it on CPU tensors, and compiles it for a card of compute capability 9.0.
"""

import json
import math
import os
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

import kernels
from kernels import checks
from kernels.results import LossGrad
from tests import oracle, problems

triton = pytest.importorskip("triton", reason="no Triton: tests/kernels/test_one_pass.py says how to install it")

from kernels.torch_cuda import gradient, one_pass  # noqa: E402

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"  # read when Triton is imported
PLACES = (
    pytest.param(
        "cpu",
        marks=[
            pytest.mark.skipif(not INTERPRETED, reason="Triton compiles; TRITON_INTERPRET=1 has it interpret"),
            pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning"),  # of NumPy, which interprets
        ],
    ),
    pytest.param("cuda", marks=pytest.mark.cuda),
)
SHAPES = ((1, 1), (2, 5), (300, 1), (997, 3), (1025, 2), (1000, 7), (3000, 8), (777, 33), (129, 128), (40, 1000))
MOST_REGISTERS = 2**16 // (32 * one_pass.WARPS * one_pass.PROGRAMS)
CASES = (  # d, dtype, weighted
    *((d, "fp32", False) for d in (1, 3, 8, 33, 128, 2048)),
    *((d, "fp64", True) for d in (3, 8, 1024)),
)


@pytest.fixture(params=PLACES)
def device(request, monkeypatch):
    """Where tensors have to be."""
    if request.param == "cpu":
        monkeypatch.setattr(one_pass, "wrap_triton", lambda kernel: kernel)  # PyTorch wraps what is compiled
    return request.param


def problem_of(n, d, dtype, scale=2.0):
    """X, y, w, b with soft labels and logits of about `scale`, and weights."""
    rng = np.random.default_rng([n, d])
    arrays = rng.normal(size=(n, d)), rng.uniform(size=n), rng.normal(size=d) * scale / d**0.5, rng.normal(size=1)
    return tuple(a.astype(dtype) for a in arrays), rng.exponential(size=n).astype(dtype)


def sums(device, *arrays):
    return one_pass.sums(*(None if v is None else torch.as_tensor(v, device=device) for v in arrays)).cpu().numpy()


def means(device, X, y, w, b, weight=None):
    """A LossGrad in the dtype of the data."""
    total = sums(device, X, y, w, b, weight) / (len(y) if weight is None else math.fsum(weight))
    assert total.dtype == np.float64
    total = total.astype(w.dtype)
    return LossGrad(total[0], total[1:-1], total[-1])


@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_against_the_oracle(dtype, device):
    for n, d in SHAPES:
        arrays, weight = problem_of(n, d, dtype)
        for share in (None, weight):
            oracle.assert_pass_close(means(device, *arrays, share), oracle.mean_loss_grad(*arrays, share), dtype)


@pytest.mark.parametrize("label", [-1e-30, 1.0001, 2.0, math.nan])
@pytest.mark.parametrize("weighted", [False, True])
def test_labels_out_of_range_make_the_gradient_nan(weighted, label, device):
    (X, y, w, b), weight = problem_of(300, 3, np.float32)
    y[123] = label
    result = means(device, X, y, w, b, weight if weighted else None)
    assert np.isnan([*result.grad_w, result.grad_b]).all()


@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_logits_of_any_size(dtype, device):
    """Of weights 0: tails keep their digits, and nothing overflows."""
    X, w = np.full((20, 3), 0.5, dtype), np.zeros(3, dtype)
    for label in (0.0, 0.25, 1.0):
        for z in (0.0, 1e-3, -5.0, 5.0, -40.0, 40.0, -80.0, 80.0, -1e4, 1e4):
            y, b = np.full(20, label, dtype), np.array([z], dtype)
            for weight in (None, np.full(20, 3, dtype)):
                expected = oracle.mean_loss_grad(X, y, w, b, weight)
                oracle.assert_pass_close(means(device, X, y, w, b, weight), expected, dtype)


def test_logits_that_overflow(device):
    """As by the other path: infinite, or NaN where 0 * infinity is a part."""
    X, w, b = (np.full(shape, 1e30, np.float32) for shape in ((300, 2), 2, 1))
    for label in (0.0, 0.5, 1.0):
        y = np.full(300, label, np.float32)
        got = means(device, X, y, w, b)
        assert got.loss == math.inf if label < 1 else math.isnan(got.loss)
        assert got.grad_b == 1 - label
    X[7, 1] = np.nan
    assert all(np.isnan(part).any() for part in means(device, X, y, w, b))


def test_chunks_and_programs(device, monkeypatch):
    """Sums over many tiles, the last of them not full."""
    for n in (20_000, 20_001):
        arrays, weight = problem_of(n, 3, np.float32)
        want = oracle.mean_loss_grad(*arrays, weight)
        for chunk in (2, 32):
            monkeypatch.setattr(one_pass, "CHUNK", chunk)
            oracle.assert_pass_close(means(device, *arrays, weight), want, np.float32)


def test_same_bits_each_time(device):
    arrays, weight = problem_of(3001, 6, np.float32)
    for share in (None, weight):
        first = sums(device, *arrays, share)
        assert all((sums(device, *arrays, share) == first).all() for _ in range(3))


def test_layouts(device):
    """Rows with a stride between them, and labels, weights and parameters with any."""
    (X, y, w, b), weight = problem_of(500, 6, np.float64)
    want = sums(device, X, y, w, b, weight)
    wide = torch.full((1000, 10), torch.nan, dtype=torch.float64, device=device)
    rows, at_odd_places = wide[::2, 2:8], wide[:500, 3:9]
    columns = [torch.as_tensor(v, device=device).repeat_interleave(2)[::2] for v in (y, w, b, weight)]
    for data in (rows, at_odd_places):
        assert one_pass.takes(data)
        data.copy_(torch.as_tensor(X))
        np.testing.assert_allclose(sums(device, data, *columns), want, rtol=1e-13)
    assert not one_pass.takes(wide.T)
    assert not one_pass.takes(wide.new_empty(1, 1025))
    column = wide[:, :1].copy_(torch.as_tensor(problem_of(1000, 1, np.float64)[0][0]))
    assert one_pass.takes(column)
    (x, *others), _ = problem_of(1000, 1, np.float64)
    np.testing.assert_allclose(sums(device, column, *others, None), sums(device, x, *others, None), rtol=1e-13)


@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_public_functions(dtype, device, monkeypatch):
    if device == "cpu":
        monkeypatch.setattr(checks, "on_card", checks.is_tensor)
        monkeypatch.setattr(gradient, "sums", one_pass.sums)
    (X, y, w, b), weight = problem_of(1500, 12, dtype)
    loss, *gradient_of_w, gradient_of_b = oracle.mean_loss_grad(X, y, w, b)[0]
    data = [torch.as_tensor(v, device=device) for v in (X, y)]
    start = [torch.as_tensor(v, device=device) for v in (w, b)]
    weighted = kernels.bce_loss_grad(*data, *start, sample_weight=torch.as_tensor(weight, device=device))
    result = LossGrad(*(v.cpu().numpy() for v in weighted))
    oracle.assert_pass_close(result, oracle.mean_loss_grad(X, y, w, b, weight), dtype, ulps=8)
    close = {"rtol": 0, "atol": 100 * np.finfo(dtype).eps}
    stepped = [v.clone() for v in start]
    kernels.sgd_step_(*data, *stepped, lr=1.0)
    for got, v, slope in zip(stepped, (w, b), (gradient_of_w, gradient_of_b), strict=True):
        np.testing.assert_allclose(got.cpu(), v - slope, **close)
    leaves = [v.clone().requires_grad_() for v in start]
    value = kernels.linear_bce(data[0], *leaves, data[1])
    value.backward()
    np.testing.assert_allclose(value.item(), loss, **close)
    for leaf, slope in zip(leaves, (gradient_of_w, gradient_of_b), strict=True):
        np.testing.assert_allclose(leaf.grad.cpu().squeeze(), slope, **close)


@pytest.mark.cuda
def test_columns_that_are_contiguous_go_by_blocks_on_a_card():
    (X, y, w, b), _ = problem_of(5000, 12, np.float64)
    columns = torch.as_tensor(np.asfortranarray(X)).cuda()
    assert not one_pass.takes(columns)
    got = kernels.bce_loss_grad(columns, *(torch.as_tensor(v, device="cuda") for v in (y, w, b)))
    result = LossGrad(*(v.cpu().numpy() for v in got))
    oracle.assert_pass_close(result, oracle.mean_loss_grad(X, y, w, b), X.dtype, ulps=8)


@pytest.mark.cuda
def test_more_than_two_to_the_31_elements_on_a_card():
    """The last row counts, beyond where 32 bits reach."""
    n, d = 2**21 + 1, 1024
    X = torch.zeros(n, d, device="cuda")
    X[-1] = 1.0
    y, w, b = torch.zeros(n, device="cuda"), torch.zeros(d, device="cuda"), torch.zeros(1, device="cuda")
    total = one_pass.sums(X, y, w, b, None)
    assert total[1:-1].tolist() == [0.5] * d
    assert total[-1].item() == n / 2


@pytest.mark.cuda
def test_composes_with_torch_compile_on_a_card():
    arrays, _ = problem_of(300, 5, np.float64)
    tensors = [torch.as_tensor(v, device="cuda") for v in arrays]
    compiled = torch.compile(lambda *tensors: one_pass.sums(*tensors, None) / 300, fullgraph=True)
    torch.testing.assert_close(compiled(*tensors), one_pass.sums(*tensors, None) / 300)


# What it is compiled to


def compile_for_hopper(d, dtype, weighted):
    """PTX of the kernel, and what it uses of a multiprocessor."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    arrays = {"totals": "*fp64"} | dict.fromkeys(("X", "y", "share", "w", "b"), f"*{dtype}")
    tile = one_pass.tile_of(d, d, int(dtype[2:]) // 8)
    constants = dict(zip(("ROWS", "GROUPS", "WIDTH", "STAGES"), tile, strict=True))
    constants |= {"d": d, "stride": d, "WEIGHTED": weighted, "CHUNK": one_pass.CHUNK}
    place = one_pass.add_tiles.arg_names.index
    source = ASTSource(
        one_pass.add_tiles,
        arrays | {"n": "i32"} | dict.fromkeys(constants, "constexpr"),
        {(place(name),): value for name, value in constants.items()},
        {(place(name),): [["tt.divisibility", 16]] for name in (*arrays, "n")},
    )
    options = {"num_warps": one_pass.WARPS}
    asm = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options).asm
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(asm["cubin"])
        file.flush()
        done = subprocess.run([tool, "-res-usage", file.name], capture_output=True, text=True, check=True)
    return asm["ptx"], done.stdout


def print_compiled():
    for case in CASES:
        print(json.dumps([case, *compile_for_hopper(*case)]))


def test_compiled_for_hopper():
    """Registers are enough for all programs of a multiprocessor at once; lanes load 16 bytes where rows allow it."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    source = "from tests.kernels.test_one_pass import print_compiled; print_compiled()"
    done = problems.run_python(source, TRITON_INTERPRET="0", PYTHONPATH=path)
    assert done.returncode == 0
    for line in done.stdout.splitlines():
        (d, dtype, _), ptx, usage = json.loads(line)
        registers, stack = map(int, re.search(r"REG:(\d+) STACK:(\d+)", usage).groups())
        assert registers <= MOST_REGISTERS, line
        assert stack <= 16, line  # bytes spilled
        if d * int(dtype[2:]) % 128 == 0:
            assert re.search(r"cp\.async\.cg\.shared\.global \[.*\], 0x10", ptx), line
