"""Vectors read from arrays and written to them."""

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from kernels.numba_cpu.vector.emit import call_llvm, narrowed, widened
from kernels.numba_cpu.vector.vector_type import CACHE_LINE, llvm_type


def element_pointer(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


def check_contiguous(array):
    if array.layout != "C":
        raise TypingError(f"{array} is not C-contiguous")


def vector_pointer(context, builder, vector, array_type, array, index):
    """The type that `vector` has in an array, and a pointer to the one at `index`."""
    stored = vector.with_dtype(array_type.dtype)
    pointer = element_pointer(context, builder, array_type, array, index)
    return stored, builder.bitcast(pointer, llvm_type(stored).as_pointer())


def read(builder, stored, pointer):
    value = builder.load(pointer)
    value.align = stored.dtype.bitwidth // 8
    return value


def read_where(builder, stored, pointer, mask):
    alignment = ir.IntType(32)(stored.dtype.bitwidth // 8)
    zeros = ir.Constant(llvm_type(stored), [0.0] * stored.lanes)
    return call_llvm(builder, "masked.load", stored, [pointer, alignment, mask, zeros], ".p0")


@intrinsic
def load(typing, vector, array, index):
    """`vector.lanes` consecutive elements of a contiguous array from flat `index`, widened to the vector's type.
    Bounds are not checked."""
    vector = vector.instance_type
    check_contiguous(array)

    def emit(context, builder, sig, args):
        stored, pointer = vector_pointer(context, builder, vector, sig.args[1], *args[1:3])
        return widened(builder, read(builder, stored, pointer), stored, vector)

    return vector(types.TypeRef(vector), array, types.intp), emit


@intrinsic
def load_where(typing, vector, array, index, mask):
    """As `load` where the mask is set; elsewhere nothing is read and the lane is 0."""
    vector = vector.instance_type
    check_contiguous(array)

    def emit(context, builder, sig, args):
        stored, pointer = vector_pointer(context, builder, vector, sig.args[1], *args[1:3])
        return widened(builder, read_where(builder, stored, pointer, args[3]), stored, vector)

    return vector(types.TypeRef(vector), array, types.intp, mask), emit


def emit_store(context, builder, array_type, place, vector, value):
    """Stores `value`, a `vector`, to `place`, an array and a flat index."""
    stored, pointer = vector_pointer(context, builder, vector, array_type, *place)
    builder.store(narrowed(builder, value, stored, vector), pointer).align = stored.dtype.bitwidth // 8


def emit_store_where(context, builder, array_type, place, vector, value, mask):
    """Stores `value`, a `vector`, to `place` in the lanes where the mask is set."""
    stored, pointer = vector_pointer(context, builder, vector, array_type, *place)
    alignment = ir.IntType(32)(stored.dtype.bitwidth // 8)
    operands = narrowed(builder, value, stored, vector), pointer, alignment, mask
    call_llvm(builder, "masked.store", stored, operands, ".p0", ir.VoidType())


@intrinsic
def store(typing, array, index, value):
    """Writes the lanes of `value`, rounded to the array's type, to a contiguous array from flat `index`.
    Bounds are not checked."""
    check_contiguous(array)

    def emit(context, builder, sig, args):
        emit_store(context, builder, array, args[:2], value, args[2])
        return context.get_dummy_value()

    return types.void(array, types.intp, value), emit


@intrinsic(prefer_literal=True)
def prefetch(typing, array, index, lines):
    """Asks for a constant number of cache lines from flat `index` of a contiguous array; they may lie outside it."""
    check_contiguous(array)

    def emit(context, builder, sig, args):
        byte, flag = ir.IntType(8), ir.IntType(32)
        address = builder.bitcast(element_pointer(context, builder, sig.args[0], *args[:2]), byte.as_pointer())
        function_type = ir.FunctionType(ir.VoidType(), [address.type, flag, flag, flag])
        name = "llvm.prefetch.p0"
        function = builder.module.globals.get(name) or ir.Function(builder.module, function_type, name)
        for line in range(lines.literal_value):
            ahead = builder.gep(address, [ir.IntType(64)(line * CACHE_LINE)])
            builder.call(function, [ahead, flag(0), flag(3), flag(1)])  # for reading, into every cache, data
        return context.get_dummy_value()

    return types.void(array, types.intp, lines), emit
