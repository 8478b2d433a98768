"""The bodies behind the public functions, imported at their first use."""

import functools
import importlib


@functools.cache
def numba_module(name):
    """A module of compiled kernels, imported at its first use."""
    return importlib.import_module(f"kernels.numba_cpu.{name}")


def on_tensors(*arrays):
    """NumPy arrays as tensors, views where torch can view them."""
    import torch

    viewable = (array if array.flags.writeable and min(array.strides) >= 0 else array.copy() for array in arrays)
    return [torch.from_numpy(array) for array in viewable]
