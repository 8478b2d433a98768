"""Loops that keep nothing but the arithmetic units of a card busy, for its limits."""

import triton
import triton.language as tl

BLOCK, WARPS = 1024, 4  # 8 chains of operations a thread, which hide each other's latency


@triton.jit
def multiply_adds(out, steps, BLOCK: tl.constexpr):
    """Writes what `steps` fused multiply-adds make of each element's number."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = at.to(out.dtype.element_ty)
    for _ in range(steps):
        x = tl.fma(x, 0.999, 0.5)
    tl.store(out + at, x)


@triton.jit
def sigmoids(out, steps, BLOCK: tl.constexpr):
    """Writes the sigmoid of the sigmoid of ... each element's number."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = at.to(out.dtype.element_ty)
    for _ in range(steps):
        x = 1 / (1 + tl.exp(-x))
    tl.store(out + at, x)


def run(kernel, out, *arguments):
    """Launches a loop over all of `out` (n,), n a multiple of BLOCK."""
    kernel[(len(out) // BLOCK,)](out, *arguments, BLOCK, num_warps=WARPS)
