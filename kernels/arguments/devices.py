"""Devices of tensors: what can be compiled for them."""

import functools
import sys
from typing import Any

import numpy as np

from kernels.arguments import arrays
from kernels.kinds import Device, Tensor

# Compiled for compute capability 9.0, the kernels of this library abort the process by Triton 3.2 and fail by 3.3.
LEAST_TRITON = 3, 4
LEAST_CAPABILITY = 7, 0  # of what Triton compiles for


@functools.cache
def triton_version() -> tuple[int, ...]:
    """(major, minor) of the Triton that is installed; (0, 0) without one."""
    try:
        import triton
    except ImportError:
        return 0, 0
    return tuple(map(int, triton.__version__.split(".")[:2]))


@functools.cache
def capability(index: int) -> tuple[int, int]:
    """Compute capability (major, minor) of a CUDA device."""
    return sys.modules["torch"].cuda.get_device_capability(index)


def can_compile(device: Device) -> bool:
    """Whether torch.compile makes kernels for a CUDA device: by any Triton, as each PyTorch comes with its own."""
    return triton_version() > (0, 0) and capability(device.index) >= LEAST_CAPABILITY


def has_triton(tensor: Tensor) -> bool:
    """Whether kernels written in Triton can take a tensor."""
    return tensor.is_cuda and triton_version() >= LEAST_TRITON and can_compile(tensor.device)


def check_on_card(backend: str, cards: dict[str, Device], values: dict[str, Any]) -> None:
    """Refuses arguments {name: value}, some of them on the devices `cards` {name: device}, that a backend can't
    take."""
    for name, device in cards.items():
        if backend != "torch":
            raise ValueError(
                f"{name} is on device {device}; accepted by backend {backend!r}: NumPy arrays, CPU tensors"
            )
        check_device(name, device)
        for other, array in values.items():
            where = array.device if arrays.is_tensor(array) else "cpu"
            if where != device and np.ndim(array):
                raise ValueError(f"{other} is on device {where}; accepted: {device}, as {name}")


def check_device(name: str, device: Device) -> None:
    """Refuses a CUDA device that nothing can be compiled for."""
    if device.type == "cuda" and not can_compile(device):
        raise ValueError(
            f"{name} is on device {device}; accepted: one of compute capability 7.0 or more, with Triton installed, or "
            'the CPU, where backend="reference" compiles nothing'
        )
