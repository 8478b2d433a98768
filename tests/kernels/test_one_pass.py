"""The Triton kernel of loss and gradient: its values, and what it is compiled to.

`make card` runs it on a card. Without one it runs on CPU tensors, in Triton's interpreter, and is compiled for a
card of compute capability 9.0.
"""

import json
import math
import os
import re
import sys

import numpy as np
import pytest
import torch

import kernels
from kernels.arguments import arrays
from kernels.results import LossGrad
from tests import oracle, problems, processes

triton = pytest.importorskip("triton", reason="Triton is not installed")

from kernels.torch_cuda.graphs import gradient  # noqa: E402
from kernels.torch_cuda.triton import gradient as one_pass  # noqa: E402

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
MOST_REGISTERS = 2**16 // (32 * one_pass.WARPS * one_pass.PROGRAMS) // 8 * 8  # a warp is given them by 256
MOST_SHARED = 227 * 2**10 // one_pass.PROGRAMS


@pytest.fixture(params=PLACES)
def device(request):
    """Where tensors have to be."""
    return request.param


def problem_of(n, d, dtype, scale=2.0):
    """X, y, w, b with soft labels and logits of about `scale`, and weights."""
    rng = np.random.default_rng([n, d])
    arrays = rng.normal(size=(n, d)), rng.uniform(size=n), rng.normal(size=d) * scale / d**0.5, rng.normal(size=1)
    return tuple(a.astype(dtype) for a in arrays), rng.exponential(size=n).astype(dtype)


def sums(device, *arrays):
    X, y, w, b, weight = (None if v is None else torch.as_tensor(v, device=device) for v in arrays)
    return one_pass.sums(X, y, weight, w, b).cpu().numpy()


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
def test_a_sample_of_weight_0_is_as_if_it_were_not_there(dtype, device):
    (X, y, w, b), weight = problem_of(300, 3, dtype)
    w *= 2
    want = oracle.mean_loss_grad(X[1:-1], y[1:-1], w, b, weight[1:-1])
    X[0], X[-1] = np.finfo(dtype).max, np.array([1, -1, 1]) * np.finfo(dtype).max
    weight[[0, -1]] = 0
    oracle.assert_pass_close(means(device, X, y, w, b, weight), want, dtype)
    y[0] = 2
    assert np.isnan(means(device, X, y, w, b, weight).grad_w).all()


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
    """As by the other path: infinite, but of a sample that is right 0."""
    X, w, b = (np.full(shape, 1e30, np.float32) for shape in ((300, 2), 2, 1))
    for label in (0.0, 0.5, 1.0):
        y = np.full(300, label, np.float32)
        got = means(device, X, y, w, b)
        assert got.loss == (math.inf if label < 1 else 0.0)
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
        assert one_pass.supports(data)
        data.copy_(torch.as_tensor(X))
        np.testing.assert_allclose(sums(device, data, *columns), want, rtol=1e-13)
    starts_late = [torch.as_tensor(v, device=device) for v in (X, y, w, b, weight)]
    starts_late = [torch.cat([v.new_zeros(1), v.flatten()])[1:].view(v.shape) for v in starts_late]
    np.testing.assert_allclose(sums(device, *starts_late), want, rtol=1e-13)
    assert not one_pass.supports(wide.T)
    assert not one_pass.supports(wide.new_empty(1, 1025))
    column = wide[:, :1].copy_(torch.as_tensor(problem_of(1000, 1, np.float64)[0][0]))
    assert one_pass.supports(column)
    (x, *others), _ = problem_of(1000, 1, np.float64)
    np.testing.assert_allclose(sums(device, column, *others, None), sums(device, x, *others, None), rtol=1e-13)


@pytest.mark.parametrize("n", [2**31 - 1, 2**31 + 1])
def test_rows_beyond_32_bits(n, device, tmp_path, monkeypatch):
    """The last row counts, in a launch of so many programs that each has two tiles or three."""
    if device == "cuda":
        pytest.skip("has a test of its own")
    from triton.runtime import interpreter

    tiles = n // one_pass.tile_of(1, 1, 0, 4)[0]
    programs = tiles // 2
    many = interpreter.TensorHandle(np.array([programs], np.int32), triton.language.int32)
    monkeypatch.setattr(interpreter.InterpreterBuilder, "create_get_num_programs", lambda self, axis: many)
    monkeypatch.setattr(interpreter.GridExecutor, "_restore_args_dev", lambda *_: None)  # would copy all to itself
    # files of zeros that take no memory, nor the disk's
    x, y = (torch.from_file(str(tmp_path / name), shared=True, size=n) for name in ("x", "y"))
    x[-1] = 1.0
    monkeypatch.setattr(one_pass, "PROGRAMS", tiles % programs + 1)  # the last of those that run has the last tile
    assert one_pass.sums(x[:, None], y, None, torch.zeros(1), torch.zeros(1))[1] == 0.5


@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_public_functions(dtype, device, monkeypatch):
    if device == "cpu":
        monkeypatch.setattr(arrays, "is_cuda", arrays.is_tensor)
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
    for labels in (data[1] > 0.5, (data[1] > 0.5).long()[:, None]):
        got = kernels.bce_loss_grad(data[0], labels, *start)
        want = kernels.bce_loss_grad(data[0], (data[1] > 0.5).to(data[0].dtype), *start)
        assert all(one.equal(other) for one, other in zip(got, want, strict=True))
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
    assert not one_pass.supports(columns)
    got = kernels.bce_loss_grad(columns, *(torch.as_tensor(v, device="cuda") for v in (y, w, b)))
    result = LossGrad(*(v.cpu().numpy() for v in got))
    oracle.assert_pass_close(result, oracle.mean_loss_grad(X, y, w, b), X.dtype, ulps=8)


@pytest.mark.cuda
@pytest.mark.parametrize("n", [2**31 - 1, 2**31 + 1])
def test_about_two_to_the_31_rows_on_a_card(n):
    x, y, w, b = (torch.zeros(size, device="cuda") for size in (n, n, 1, 1))
    x[-1] = 1.0
    assert one_pass.sums(x[:, None], y, None, w, b)[1:].tolist() == [0.5, n / 2]


@pytest.mark.cuda
def test_calls_can_be_captured_on_a_card():
    """In a CUDA graph, which computes anew from what is in the tensors when it is replayed."""
    (X, y, w, b), _ = problem_of(300, 5, np.float64)
    X, y, w, b = (torch.as_tensor(v, device="cuda") for v in (X, y, w, b))

    def call():
        stepped = w.clone(), b.clone()
        return *kernels.bce_loss_grad(X, y, w, 0.25), kernels.sgd_step_(X, y, *stepped, lr=0.1), *stepped

    call()  # compiles
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = call()
    X.mul_(-0.5)
    graph.replay()
    for got, want in zip(captured, call(), strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=0)


@pytest.mark.cuda
def test_more_than_two_to_the_31_elements_on_a_card():
    """The last row counts, beyond where 32 bits reach."""
    n, d = 2**21 + 1, 1024
    X = torch.zeros(n, d, device="cuda")
    X[-1] = 1.0
    y, w, b = torch.zeros(n, device="cuda"), torch.zeros(d, device="cuda"), torch.zeros(1, device="cuda")
    total = one_pass.sums(X, y, None, w, b)
    assert total[1:-1].tolist() == [0.5] * d
    assert total[-1].item() == n / 2


@pytest.mark.cuda
def test_composes_with_torch_compile_on_a_card():
    arrays, _ = problem_of(300, 5, np.float64)
    tensors = [torch.as_tensor(v, device="cuda") for v in arrays]
    compiled = torch.compile(lambda X, y, w, b: one_pass.sums(X, y, None, w, b) / 300, fullgraph=True)
    X, y, w, b = tensors
    torch.testing.assert_close(compiled(*tensors), one_pass.sums(X, y, None, w, b) / 300)


# What it is compiled to

SIZES = (1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 30, 32, 33, 64, 100, 128, 129, 256, 500, 512, 1000, 1024, 1025, 2000, 2048)
FEW = (  # d, stride, offset, dtype, weighted
    *((d, d, 0, "float32", True) for d in (1, 17, 33, 128)),
    *((d, d, 0, "float64", False) for d in (3, 16)),
    (16, 20, 0, "float32", False),
    (12, 13, 0, "float32", True),
    (16, 16, 1, "float64", True),
)
ALL = [
    (d, d + more, offset, dtype, weighted)
    for d in SIZES
    for dtype, most in (("float32", 2048), ("float64", 1024))
    for more, offset, weighted in ((0, 0, False), (0, 0, True), (3, 0, True), (0, 1, True))
    if d <= most
]


def compiled_for(d, stride, offset, dtype, weighted, n=5000):
    from tests import hopper

    dtype = getattr(torch, dtype)
    X = torch.empty(n * stride + offset, dtype=dtype).as_strided((n, d), (stride, 1), offset)
    y, w, b = (torch.empty(size, dtype=dtype) for size in (n, d, 1))
    with hopper.compiling(one_pass) as found:
        one_pass.sums(X, y, y if weighted else None, w, b)
    return found[0]


def print_compiled(cases):
    """Of each case what it uses of a multiprocessor, the sizes of its copies and how many exponentials it has."""
    for case in cases:
        found = compiled_for(*case)
        sizes = re.findall(r"cp\.async\.\w+\.shared\.global \[.*?\], \[.*?\], (0x\w+)", found.ptx)
        facts = found.registers, found.stack, found.shared, [int(size, 16) for size in set(sizes)]
        print(json.dumps([case, *facts, found.ptx.count("ex2.approx")]))


def print_kernels():
    """How many there are for what the library may be given."""
    kernels = {compiled_for(17, 17, 0, "float32", False, n).ptx for n in (1, 2, 15, 16, 17, 4096, 5000)}
    print(len(kernels))


def in_a_process_that_compiles(source):
    source = f"from tests.kernels import test_one_pass\n{source}"
    done = processes.run_python(
        source, TRITON_INTERPRET="0", PYTHONPATH=os.pathsep.join([os.getcwd(), *sys.path]), timeout=1200
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("cases", ["FEW", pytest.param("ALL", marks=pytest.mark.long)])
def test_compiled_for_hopper(cases):
    """All programs of a multiprocessor fit at once, next to nothing is spilled; lanes load 16 bytes
    where rows allow it, and no more of them share a row than its tile means to. One kernel takes any number of rows."""
    source = f"test_one_pass.print_compiled(test_one_pass.{cases})\ntest_one_pass.print_kernels()"
    *found, kernels_of_rows = in_a_process_that_compiles(source)
    assert kernels_of_rows == 1
    assert len(found) == len(FEW if cases == "FEW" else ALL)
    for case, registers, stack, shared, copies, exponentials in found:
        d, stride, offset, dtype, _ = case
        itemsize = int(dtype[5:]) // 8
        rows, _, width, _ = one_pass.tile_of(d, stride, offset, itemsize)
        at_once = math.gcd(d, stride, 16 // itemsize) if offset == 0 else 1
        assert registers <= MOST_REGISTERS, case
        assert stack <= 24, case  # bytes
        assert shared <= MOST_SHARED, case
        assert d == 1 or at_once * itemsize in copies, case
        if dtype == "float32":
            lanes = max(1, width // at_once)
            of_a_thread = max(1, rows * lanes // (32 * one_pass.WARPS))
            assert 0 < exponentials <= of_a_thread + 4, case  # the last tile has more lanes to a row
