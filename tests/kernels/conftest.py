"""Where the torch backend is tested: C++ on the CPU, the path of CUDA tensors taken by CPU tensors, a card."""

import shutil

import pytest
import torch

from kernels import checks

PLACES = ("numpy", "tensors", pytest.param("cuda", marks=pytest.mark.cuda))


def pytest_runtest_setup(item):
    if item.get_closest_marker("cuda") and not torch.cuda.is_available():
        pytest.skip("no CUDA device")


@pytest.fixture(params=PLACES)
def place(request, monkeypatch):
    """Takes NumPy arrays to where they are tested. "tensors" take the path of CUDA tensors, on the CPU."""
    if request.param != "cuda" and not (shutil.which("g++") or shutil.which("clang++")):
        pytest.skip("no C++ compiler for Inductor")
    if request.param == "tensors":
        monkeypatch.setattr(checks, "on_card", checks.is_tensor)
    if request.param == "numpy":
        return lambda array: array
    device = "cuda" if request.param == "cuda" else "cpu"
    return lambda array: None if array is None else torch.tensor(array, device=device)


@pytest.fixture
def one_graph(request):
    """Another graph of a function that has one is an error; of the short tests all share theirs on the CPU."""
    if any(request.node.get_closest_marker(name) for name in ("long", "cuda")):
        torch._dynamo.reset()
    with torch._dynamo.config.patch(error_on_recompile=True):
        yield
