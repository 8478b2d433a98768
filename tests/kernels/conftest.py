"""Where the torch backend is tested: C++ on the CPU, the path of CUDA tensors taken by CPU tensors, a card; for what is
written in Triton, its interpreter."""

import os
import shutil

import pytest
import torch

import kernels
from kernels.arguments import arrays
from tests import interpreter

INTERPRETED = os.environ.get("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1") == "1"
if INTERPRETED:
    interpreter.use()


@pytest.fixture(scope="module")
def warm():
    """Fresh processes find every kernel on disk."""
    kernels.warmup()


PLACES = ("numpy", "tensors", pytest.param("cuda", marks=pytest.mark.cuda))


@pytest.fixture(params=PLACES)
def place(request, monkeypatch):
    """Takes NumPy arrays to where they are tested. "tensors" take the path of CUDA tensors, on the CPU."""
    if request.param != "cuda" and not (shutil.which("g++") or shutil.which("clang++")):
        pytest.skip("no C++ compiler for Inductor")
    if request.param == "tensors":
        monkeypatch.setattr(arrays, "is_cuda", arrays.is_tensor)
    if request.param == "numpy":
        return lambda array: array
    with_triton(monkeypatch, False)  # it has its own tests
    return on_device("cuda" if request.param == "cuda" else "cpu")


@pytest.fixture(params=["interpreted", pytest.param("cuda", marks=pytest.mark.cuda)])
def card(request, monkeypatch):
    """Takes NumPy arrays to a card, or to the CPU, where Triton's interpreter stands in for it."""
    pytest.importorskip("triton", reason="Triton is not installed")
    if request.param == "interpreted":
        if not INTERPRETED:
            pytest.skip("Triton compiles for a card; TRITON_INTERPRET=1 has it interpret")
        monkeypatch.setattr(arrays, "is_cuda", arrays.is_tensor)
    with_triton(monkeypatch, True)
    return on_device("cuda" if request.param == "cuda" else "cpu")


def with_triton(monkeypatch, whether):
    from kernels.torch_cuda.graphs import ensemble, gradient, interpolate, surface, update

    for module in (ensemble, gradient, interpolate, surface, update):
        monkeypatch.setattr(module, "has_triton", lambda X: whether)


def on_device(device):
    return lambda array: None if array is None else torch.tensor(array, device=device)


@pytest.fixture
def one_graph(request):
    """Another graph of a function that has one is an error; of the short tests all share theirs on the CPU."""
    if any(request.node.get_closest_marker(name) for name in ("long", "cuda")):
        torch._dynamo.reset()
    with torch._dynamo.config.patch(error_on_recompile=True):
        yield


@pytest.fixture
def graphs(request):
    """Graphs run as they are, quickly and in PyTorch's own kernels; those of long tests are compiled."""
    with torch.compiler.set_stance("default" if request.node.get_closest_marker("long") else "force_eager"):
        yield
