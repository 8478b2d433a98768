"""The bodies behind the public functions, imported at their first use."""

import functools
import importlib


@functools.cache
def numba_module(name):
    """A module of compiled kernels, imported at its first use."""
    return importlib.import_module(f"kernels.numba_cpu.{name}")


@functools.cache
def torch_module(name):
    """A module of torch.compile'd kernels, imported at its first use."""
    return importlib.import_module(f"kernels.torch_cuda.{name}")


def on_tensors(*arrays):
    """NumPy arrays as tensors, views where torch can view them; tensors as they are."""
    import torch

    return [array if isinstance(array, torch.Tensor) else torch.from_numpy(viewable(array)) for array in arrays]


def viewable(array):
    views = all(stride >= 0 and stride % array.itemsize == 0 for stride in array.strides)
    return array if array.flags.writeable and views else array.copy()
