"""Tests that need a CUDA device are skipped where there is none. Threads of OpenMP sleep as they wait for one another:
by default they spin, which takes a core from the other worker of `pytest -n 2` and from the thread that is waited for.
Workers and fresh processes have the environment from here. Pictures are compared where pytest-mpl is there to do it."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # OpenMP reads it when PyTorch or Numba loads it

import pytest
import torch


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.option.mpl = True  # not by an option of pyproject.toml, which pytest alone would not know


def pytest_runtest_setup(item):
    if item.get_closest_marker("cuda") and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
