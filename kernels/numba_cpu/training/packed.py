"""Products with a block of X of which a register holds several rows."""

from kernels.numba_cpu.runtime.subroutine import inlined
from kernels.numba_cpu.training.rows import PREFETCH_LINES, logits_of_last
from kernels.numba_cpu.vector.matrices import column_totals, in_every_column, in_every_row, load_packed_rows, row_totals
from kernels.numba_cpu.vector.memory import load, prefetch, store
from kernels.numba_cpu.vector.operators import fma, splat
from kernels.numba_cpu.vector.vector_type import lanes_of, line_of, registers_of


@inlined
def logits_of_packed(features_type, X, first, rows, theta, d, z):
    """As `logits_of_block`, and the prefetching."""
    samples_type = registers_of(theta, 1)
    lanes = lanes_of(samples_type)
    w = in_every_row(samples_type, load(features_type, theta, 0))
    for row in range(0, rows - lanes + 1, lanes):
        start = (first + row) * d
        x = load_packed_rows(samples_type, features_type, X, start)
        store(z, row, row_totals(samples_type, x * w) + theta[d])
        prefetch(X, start + PREFETCH_LINES * line_of(X), 8)
    logits_of_last(lanes, X, first, d, rows, theta, d, z)


@inlined
def add_packed(features_type, X, first, rows, slopes, d, gradient):
    """As `add_block`."""
    samples_type = registers_of(gradient, 1)
    lanes = lanes_of(samples_type)
    sums = in_every_row(samples_type, splat(features_type, 0.0))
    for row in range(0, rows - lanes + 1, lanes):
        slope = in_every_column(features_type, load(samples_type, slopes, row))
        sums = fma(load_packed_rows(samples_type, features_type, X, (first + row) * d), slope, sums)
    sum_of_rows = load(features_type, gradient, 0) + column_totals(features_type, sums)
    for row in range(rows // lanes * lanes, rows):
        sum_of_rows = fma(load(features_type, X, (first + row) * d), slopes[row], sum_of_rows)
    store(gradient, 0, sum_of_rows)
