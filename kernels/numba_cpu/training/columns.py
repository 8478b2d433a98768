"""Products with a block of X whose samples are next to one another in memory."""

from kernels.numba_cpu.runtime.subroutine import inlined
from kernels.numba_cpu.training.layouts import UNROLL
from kernels.numba_cpu.vector.memory import load, load_where, store
from kernels.numba_cpu.vector.operators import fma, lane_numbers, splat, total
from kernels.numba_cpu.vector.vector_type import lanes_of, registers_of

SUM_BLOCK = 64  # of a logit by columns in one sum, so that rounding hardly grows with the number of features


@inlined
def logits_of_columns(X, first, stride, rows, theta, d, z):
    """As `logits_of_block`."""
    samples_type = registers_of(theta, UNROLL)
    lanes = lanes_of(samples_type)
    for row in range(0, rows, lanes):
        live = lane_numbers(samples_type) < rows - row
        sums = splat(samples_type, theta[d])
        for j in range(min(d, SUM_BLOCK)):
            sums = fma(load_where(samples_type, X, first + j * stride + row, live), theta[j], sums)
        for start in range(SUM_BLOCK, d, SUM_BLOCK):
            near = splat(samples_type, 0.0)
            for j in range(start, min(start + SUM_BLOCK, d)):
                near = fma(load_where(samples_type, X, first + j * stride + row, live), theta[j], near)
            sums = sums + near
        store(z, row, sums)


@inlined
def add_columns(X, first, stride, rows, slopes, d, gradient):
    """As `add_block`."""
    samples_type = registers_of(slopes, UNROLL)
    lanes = lanes_of(samples_type)
    for j in range(d):
        sums = splat(samples_type, 0.0)
        for row in range(0, rows, lanes):
            live = lane_numbers(samples_type) < rows - row
            sums = fma(
                load_where(samples_type, X, first + j * stride + row, live), load(samples_type, slopes, row), sums
            )
        gradient[j] += total(sums)
