"""Sums that keep what rounding takes from them."""

from kernels.numba_cpu.runtime.subroutine import inlined
from kernels.numba_cpu.vector.memory import load, store


@inlined
def two_sum(x, y):
    """x + y rounded, and what rounding lost (Knuth), of vectors or numbers."""
    total = x + y
    added = total - x
    return total, (x - (total - added)) + (y - added)


@inlined
def add_compensated(vector, totals, compensation, index, value):
    """Adds to a running sum in two arrays, total and what it lost (Neumaier)."""
    total, lost = two_sum(load(vector, totals, index), value)
    store(totals, index, total)
    store(compensation, index, load(vector, compensation, index) + lost)
