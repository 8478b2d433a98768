"""Matrices row by row in one vector: element (r, c) is lane r * columns + c.

The vector types `rows` and `columns` have as many lanes as a column and a row have elements.
"""

from llvmlite import ir
from numba import types
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic

from kernels.numba_cpu.vector.emit import call_llvm, folded, joined, shuffled, totals_of_rows, widened
from kernels.numba_cpu.vector.memory import check_contiguous, element_pointer, read, read_where, vector_pointer
from kernels.numba_cpu.vector.vector_type import Vector, llvm_type


def times(builder, x, count):
    return builder.mul(x, x.type(count))


def unforeseen(builder, pointer):
    """The pointer, of which LLVM doesn't know what it is in the next round of a loop. It would keep one for every row,
    most of them in memory, and add to each in every round."""
    return builder.asm(ir.FunctionType(pointer.type, [pointer.type]), "", "=r,0", [pointer], side_effect=False)


def rows_loaded(rows, each, columns, array):
    """The vector type and the code of what loads rows of runs, of so many each. The code takes the array, the index of
    the first row, how far the rows of a run are apart, how far the runs are, and the masks, if there are any."""
    count, row = rows.instance_type.lanes, columns.instance_type
    stored = row.with_dtype(array.dtype)
    check_contiguous(array)

    def emit(context, builder, given, index, stride, apart, *masks):
        first, parts = element_pointer(context, builder, array, given, index), []
        starts = [unforeseen(builder, builder.gep(first, [times(builder, stride, k)])) for k in range(each)]
        for number in range(count):
            far, near = divmod(number, each)
            address = builder.gep(starts[near], [times(builder, apart, far)])
            address = builder.bitcast(address, llvm_type(stored).as_pointer())
            value = (read_where if masks else read)(builder, stored, address, *masks)
            parts.append(widened(builder, value, stored, row))
        return joined(builder, parts)

    return Vector(row.dtype, count * row.lanes), emit


@intrinsic
def load_rows(typing, rows, columns, array, index, stride):
    """Rows of consecutive elements of a contiguous array, the first from flat `index`, each next one `stride` further,
    widened to the type of `columns`. Bounds are not checked."""
    matrix, emit = rows_loaded(rows, 1, columns, array)
    return matrix(rows, columns, array, types.intp, types.intp), lambda context, builder, sig, args: emit(
        context, builder, *args[2:], args[4]
    )


@intrinsic
def load_rows_where(typing, rows, columns, array, index, stride, mask):
    """As `load_rows` in the columns where the mask is set; in the others nothing is read and the lanes are 0."""
    matrix, emit = rows_loaded(rows, 1, columns, array)
    return matrix(rows, columns, array, types.intp, types.intp, mask), lambda context, builder, sig, args: emit(
        context, builder, *args[2:5], args[4], args[5]
    )


@intrinsic
def load_runs(typing, rows, run, columns, array, place):
    """As `load_rows`, of runs that have as many rows each as `run` has lanes. The place is the flat index of the first
    row, how far rows of a run are apart, and how far the runs are."""
    matrix, emit = rows_loaded(rows, run.instance_type.lanes, columns, array)
    return matrix(rows, run, columns, array, types.UniTuple(types.intp, 3)), lambda context, builder, sig, args: emit(
        context, builder, args[3], *unpack_tuple(builder, args[4])
    )


@intrinsic
def load_runs_where(typing, rows, run, columns, array, place, mask):
    """As `load_runs` in the columns where the mask is set; in the others nothing is read and the lanes are 0."""
    matrix, emit = rows_loaded(rows, run.instance_type.lanes, columns, array)
    indices = types.UniTuple(types.intp, 3)
    return matrix(rows, run, columns, array, indices, mask), lambda context, builder, sig, args: emit(
        context, builder, args[3], *unpack_tuple(builder, args[4]), args[5]
    )


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


@intrinsic
def add_scaled_rows(typing, sums, x, scales):
    """`sums` and the rows of a matrix, each element times that of `scales`, summed in two chains."""
    columns, count = sums.lanes, x.lanes // sums.lanes

    def emit(context, builder, sig, args):
        chains = []
        for row in range(count):
            lanes = range(row * columns, (row + 1) * columns)
            value, scale = (shuffled(builder, matrix, matrix, lanes) for matrix in args[1:])
            if row < 2:
                chains.append(builder.fmul(value, scale))
            else:
                chains[row % 2] = call_llvm(builder, "fma", sums, [value, scale, chains[row % 2]])
        return builder.fadd(args[0], builder.fadd(*chains))

    return sums(sums, x, scales), emit
