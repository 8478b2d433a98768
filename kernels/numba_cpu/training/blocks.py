"""Products with a block of X: logits X w + b, and the gradient's share slope X, by the layout of X."""

from numba.extending import overload

from kernels.numba_cpu.runtime.subroutine import INLINED
from kernels.numba_cpu.training.columns import add_columns, logits_of_columns
from kernels.numba_cpu.training.layouts import Columns, LongRows, Rows, ShortRows, packed_row
from kernels.numba_cpu.training.packed import add_packed, logits_of_packed
from kernels.numba_cpu.training.rows import add_rows, add_short_rows, logits_of_rows, logits_of_short_rows


def logits_of_block(X, row, layout, rows, theta, d, z):
    """z = x w + b of so many rows from the row `row`. `theta` is (w, b), padded."""


def add_block(X, row, layout, rows, slopes, d, gradient):
    """Adds slope * x of these rows to `gradient`, padded."""


@overload(logits_of_block, jit_options=INLINED)
def logits_by_layout(X, row, layout, rows, theta, d, z):
    if features := packed_row(layout, theta):
        return lambda X, row, layout, rows, theta, d, z: logits_of_packed(features, X, row, rows, theta, d, z)
    functions = {
        Rows: logits_of_rows,
        LongRows: logits_of_rows,
        ShortRows: logits_of_short_rows,
        Columns: logits_of_columns,
    }
    function = functions[layout.instance_class]
    return lambda X, row, layout, rows, theta, d, z: function(X, row, layout.stride, rows, theta, d, z)


@overload(add_block, jit_options=INLINED)
def add_by_layout(X, row, layout, rows, slopes, d, gradient):
    if features := packed_row(layout, gradient):
        return lambda X, row, layout, rows, slopes, d, gradient: add_packed(features, X, row, rows, slopes, d, gradient)
    functions = {Rows: add_rows, LongRows: add_rows, ShortRows: add_short_rows, Columns: add_columns}
    function = functions[layout.instance_class]
    return lambda X, row, layout, rows, slopes, d, gradient: function(X, row, layout.stride, rows, slopes, d, gradient)
