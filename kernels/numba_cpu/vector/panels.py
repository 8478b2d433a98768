"""Panels: a few rows of one vector each, as a tuple, which stay in registers while a product is made or transposed."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels.numba_cpu.vector.emit import as_vector, broadcast, call_llvm, shuffled, widened
from kernels.numba_cpu.vector.memory import (
    check_contiguous,
    element_pointer,
    emit_store,
    emit_store_where,
    read,
    vector_pointer,
)
from kernels.numba_cpu.vector.vector_type import llvm_type


@intrinsic(prefer_literal=True)
def zero_panel(typing, vector, rows):
    """A constant number of rows of zeros."""
    row = vector.instance_type
    panel = types.UniTuple(row, rows.literal_value)

    def emit(context, builder, sig, args):
        return context.make_tuple(builder, panel, [ir.Constant(llvm_type(row), [0.0] * row.lanes)] * len(panel))

    return panel(vector, rows), emit


@intrinsic
def add_outer_product(typing, panel, array, index, stride, x):
    """The panel plus array[index + k stride] x in row number k, rounded once."""

    def emit(context, builder, sig, args):
        rows, at = [], args[2]
        for k in range(len(panel)):
            factor = builder.load(element_pointer(context, builder, array, args[1], at))
            operands = args[4], broadcast(builder, factor, x.lanes), builder.extract_value(args[0], k)
            rows.append(call_llvm(builder, "fma", x, operands))
            at = builder.add(at, args[3])
        return context.make_tuple(builder, panel, rows)

    return panel(panel, array, types.intp, types.intp, x), emit


@intrinsic
def multiply_outer_product(typing, panel, array, index, x):
    """(1 + h) (1 + array[index + k] x) - 1 of each row h of the panel, which is number k, by two operations."""

    def emit(context, builder, sig, args):
        rows = []
        for k in range(len(panel)):
            at = builder.add(args[2], args[2].type(k))
            factor = broadcast(builder, builder.load(element_pointer(context, builder, array, args[1], at)), x.lanes)
            h = builder.extract_value(args[0], k)
            grown = call_llvm(builder, "fma", x, (h, factor, factor))
            rows.append(call_llvm(builder, "fma", x, (args[3], grown, h)))
        return context.make_tuple(builder, panel, rows)

    return panel(panel, array, types.intp, x), emit


@intrinsic
def at_least(typing, panel, lowest):
    """The panel with what is below a number replaced by it; NaN stays NaN."""

    def emit(context, builder, sig, args):
        rows, bound = [], as_vector(context, builder, args[1], lowest, panel.dtype)
        for k in range(len(panel)):
            row = builder.extract_value(args[0], k)
            rows.append(builder.select(builder.fcmp_ordered("<", row, bound), bound, row))
        return context.make_tuple(builder, panel, rows)

    return panel(panel, lowest), emit


@intrinsic
def store_panel(typing, array, index, stride, panel):
    """Writes rows to a contiguous array, the first from flat `index`, each next one `stride` further. Bounds are not
    checked."""
    check_contiguous(array)

    def emit(context, builder, sig, args):
        at = args[1]
        for k in range(len(panel)):
            row = builder.extract_value(args[3], k)
            emit_store(context, builder, array, (args[0], at), panel.dtype, row)
            at = builder.add(at, args[2])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, panel), emit


@intrinsic
def store_part(typing, array, index, stride, panel, rows, columns):
    """As `store_panel` of the first rows and columns only."""
    check_contiguous(array)
    vector = panel.dtype

    def emit(context, builder, sig, args):
        lanes = ir.Constant(ir.VectorType(args[5].type, vector.lanes), list(range(vector.lanes)))
        inside, at = builder.icmp_signed("<", lanes, broadcast(builder, args[5], vector.lanes)), args[1]
        for k in range(len(panel)):
            exists = builder.icmp_signed(">", args[4], args[4].type(k))
            mask = builder.and_(inside, broadcast(builder, exists, vector.lanes))
            row = builder.extract_value(args[3], k)
            emit_store_where(context, builder, array, (args[0], at), vector, row, mask)
            at = builder.add(at, args[2])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, panel, types.intp, types.intp), emit


def transposed(builder, rows):
    """The columns of as many rows as each has lanes, by halves."""
    size = len(rows)
    for half in (1 << k for k in range(size.bit_length() - 1)):
        low = [lane if lane & half == 0 else size + lane - half for lane in range(size)]
        high = [lane + half for lane in low]
        rows = [shuffled(builder, rows[k & ~half], rows[k | half], high if k & half else low) for k in range(size)]
    return rows


@intrinsic
def load_transposed(typing, vector, array, index, stride):
    """The panel whose row number k has the elements index + k, index + k + stride, ... of a contiguous array, as many
    as there are rows. Bounds are not checked."""
    row = vector.instance_type
    panel = types.UniTuple(row, row.lanes)
    check_contiguous(array)

    def emit(context, builder, sig, args):
        columns, at = [], args[2]
        for _ in range(row.lanes):
            stored, pointer = vector_pointer(context, builder, row, array, args[1], at)
            columns.append(widened(builder, read(builder, stored, pointer), stored, row))
            at = builder.add(at, args[3])
        return context.make_tuple(builder, panel, transposed(builder, columns))

    return panel(vector, array, types.intp, types.intp), emit
