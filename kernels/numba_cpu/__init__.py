"""The kernels on NumPy arrays, compiled by Numba for the CPU.

Files, names and arguments are those of `kernels.torch_cuda`, with arrays for tensors.
"""

from numba import config

if getattr(config, "DISABLE_JIT", False):
    raise RuntimeError(
        "NUMBA_DISABLE_JIT is set, and the kernels can't run as Python: unset it, or pass backend='reference', which "
        "needs nothing compiled"
    )
