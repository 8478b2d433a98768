"""Matrices row by row in one vector: element (r, c) is lane r * columns + c.

The vector types `rows` and `columns` have as many lanes as a column and a row have elements.
"""

from numba import types
from numba.extending import intrinsic

from kernels.numba_cpu.vector.emit import folded, joined, shuffled, totals_of_rows, widened
from kernels.numba_cpu.vector.memory import check_contiguous, element_pointer, read, read_where, vector_pointer
from kernels.numba_cpu.vector.vector_type import Vector, llvm_type


def rows_loaded(rows, columns, array, mask=None):
    """Signature and code of `load_rows` and `load_rows_where`."""
    row, count = columns.instance_type, rows.instance_type.lanes
    stored = row.with_dtype(array.dtype)
    check_contiguous(array)

    def emit(context, builder, sig, args):
        stride, masks = args[4], args[5:]
        pointer, parts = element_pointer(context, builder, array, args[2], args[3]), []
        for _ in range(count):
            address = builder.bitcast(pointer, llvm_type(stored).as_pointer())
            value = (read_where if masks else read)(builder, stored, address, *masks)
            parts.append(widened(builder, value, stored, row))
            pointer = builder.gep(pointer, [stride])
        return joined(builder, parts)

    masks = () if mask is None else (mask,)
    return Vector(row.dtype, count * row.lanes)(rows, columns, array, types.intp, types.intp, *masks), emit


@intrinsic
def load_rows(typing, rows, columns, array, index, stride):
    """Rows of consecutive elements of a contiguous array, the first from flat `index`, each next one `stride` further,
    widened to the type of `columns`. Bounds are not checked."""
    return rows_loaded(rows, columns, array)


@intrinsic
def load_rows_where(typing, rows, columns, array, index, stride, mask):
    """As `load_rows` in the columns where the mask is set; in the others nothing is read and the lanes are 0."""
    return rows_loaded(rows, columns, array, mask)


@intrinsic
def load_packed_rows(typing, rows, columns, array, index):
    """As `load_rows` of rows with nothing in between: one load."""
    matrix = Vector(columns.instance_type.dtype, rows.instance_type.lanes * columns.instance_type.lanes)
    check_contiguous(array)

    def emit(context, builder, sig, args):
        stored, pointer = vector_pointer(context, builder, matrix, sig.args[2], *args[2:4])
        return widened(builder, read(builder, stored, pointer), stored, matrix)

    return matrix(rows, columns, array, types.intp), emit


@intrinsic
def in_every_row(typing, rows, x):
    """The matrix each of whose rows is `x`."""
    count = rows.instance_type.lanes

    def emit(context, builder, sig, args):
        return shuffled(builder, args[1], args[1], list(range(x.lanes)) * count)

    return Vector(x.dtype, count * x.lanes)(rows, x), emit


@intrinsic
def in_every_column(typing, columns, x):
    """The matrix each of whose columns is `x`."""
    count = columns.instance_type.lanes

    def emit(context, builder, sig, args):
        return shuffled(builder, args[1], args[1], [row for row in range(x.lanes) for _ in range(count)])

    return Vector(x.dtype, count * x.lanes)(columns, x), emit


@intrinsic
def row_totals(typing, rows, x):
    """Sum of each row, by halves; rows and columns are powers of two."""
    count = rows.instance_type.lanes
    columns = x.lanes // count

    def emit(context, builder, sig, args):
        each = (range(row * columns, (row + 1) * columns) for row in range(count))
        return totals_of_rows(builder, [shuffled(builder, args[1], args[1], lanes) for lanes in each], columns)

    return Vector(x.dtype, count)(rows, x), emit


@intrinsic
def column_totals(typing, columns, x):
    """Sum of each column, by halves."""
    count = columns.instance_type.lanes
    return Vector(x.dtype, count)(columns, x), lambda context, builder, sig, args: folded(builder, args[1], count)
