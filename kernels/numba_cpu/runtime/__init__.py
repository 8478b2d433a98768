"""What kernels need around them: a cache on disk, threads, cutting work into launches, memory."""

from numba import config

if getattr(config, "DISABLE_JIT", False):
    raise RuntimeError(
        "NUMBA_DISABLE_JIT is set, and the kernels can't run as Python: unset it, or pass backend='reference', which "
        "needs nothing compiled"
    )
