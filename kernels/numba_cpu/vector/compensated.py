"""Sums that keep what rounding takes from them."""

from numba import njit

from kernels.numba_cpu.vector.memory import load, store


@njit(forceinline=True)
def two_sum(x, y):
    """x + y rounded, and what rounding lost (Knuth), of vectors or numbers."""
    total = x + y
    added = total - x
    return total, (x - (total - added)) + (y - added)


@njit(forceinline=True)
def add_compensated(vector, sums, carries, index, value):
    """Adds to a running sum in two arrays, sum and what it lost."""
    total, lost = two_sum(load(vector, sums, index), value)
    store(sums, index, total)
    store(carries, index, load(vector, carries, index) + lost)
