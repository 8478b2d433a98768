"""What a device can do."""

import functools

import torch

# Compiled for compute capability 9.0, the kernels of this library abort the process by Triton 3.2 and fail by 3.3.
LEAST_TRITON = 3, 4
LEAST_CAPABILITY = 7, 0  # of what Triton compiles for


@functools.cache
def triton_version():
    """(major, minor) of the Triton that is installed; (0, 0) without one."""
    try:
        import triton
    except ImportError:
        return 0, 0
    return tuple(map(int, triton.__version__.split(".")[:2]))


@functools.cache
def capability(index):
    """Compute capability (major, minor) of a CUDA device."""
    return torch.cuda.get_device_capability(index)


def can_compile(device):
    """Whether torch.compile makes kernels for a CUDA device: by any Triton, as each PyTorch comes with its own."""
    return triton_version() > (0, 0) and capability(device.index) >= LEAST_CAPABILITY


def has_triton(tensor):
    """Whether kernels written in Triton can take a tensor."""
    return tensor.is_cuda and triton_version() >= LEAST_TRITON and can_compile(tensor.device)
