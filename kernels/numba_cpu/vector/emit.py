"""Pieces of LLVM IR that operations of vectors are made of."""

from llvmlite import ir
from numba import types

from kernels.numba_cpu.vector.vector_type import LLVM_SUFFIX, Vector, llvm_type

AVX512_SUFFIX = {types.float32: "ps", types.float64: "pd"}


def broadcast(builder, scalar, lanes):
    vector = ir.VectorType(scalar.type, lanes)
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(first, undefined, zeros)


def as_vector(context, builder, value, given, wanted):
    """`value` of Numba type `given` as the vector type `wanted`, scalars cast and broadcast."""
    if isinstance(given, Vector):
        return value
    return broadcast(builder, context.cast(builder, value, given, wanted.dtype), wanted.lanes)


def common_vector(args):
    """The one vector type among `args` when all other arguments are scalars, else None."""
    vectors = {arg for arg in args if isinstance(arg, Vector)}
    scalars = all(isinstance(arg, (Vector, types.Number)) for arg in args)
    return vectors.pop() if len(vectors) == 1 and scalars else None


def vectors_of(context, builder, sig, args, wanted):
    return [as_vector(context, builder, value, given, wanted) for value, given in zip(args, sig.args, strict=True)]


def call_llvm(builder, name, vector, args, suffix="", result=None):
    """Calls an LLVM intrinsic that is overloaded on `vector` and returns one, or what `result` says."""
    function_type = ir.FunctionType(result or llvm_type(vector), [arg.type for arg in args])
    full_name = f"llvm.{name}.v{vector.lanes}{LLVM_SUFFIX[vector.dtype]}{suffix}"
    function = builder.module.globals.get(full_name) or ir.Function(builder.module, function_type, full_name)
    return builder.call(function, args)


def widened(builder, value, stored, vector):
    return value if stored == vector else builder.fpext(value, llvm_type(vector))


def narrowed(builder, value, stored, vector):
    return value if stored == vector else builder.fptrunc(value, llvm_type(stored))


def call_avx512(builder, name, vector, x, second):
    """Calls an AVX-512 intrinsic on each register of `x`; `second` is another vector, or a constant."""
    lanes = 512 // vector.dtype.bitwidth
    mask, mode, parts = ir.IntType(lanes)(-1), ir.IntType(32)(4), []
    for first in range(0, vector.lanes, lanes):
        some = range(first, first + lanes)
        part = shuffled(builder, x, x, some)
        other = shuffled(builder, second, second, some) if isinstance(second.type, ir.VectorType) else second
        operands = [part, other, part.type(ir.Undefined), mask, mode]
        function_type = ir.FunctionType(part.type, [operand.type for operand in operands])
        full_name = f"llvm.x86.avx512.mask.{name}.{AVX512_SUFFIX[vector.dtype]}.512"
        function = builder.module.globals.get(full_name) or ir.Function(builder.module, function_type, full_name)
        parts.append(builder.call(function, operands))
    return joined(builder, parts)


def shuffled(builder, x, y, lanes):
    return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes)))


def joined(builder, parts):
    """All lanes of vectors, whose number is a power of two, in one."""
    while len(parts) > 1:
        both = range(2 * parts[0].type.count)
        parts = [shuffled(builder, *pair, both) for pair in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def totals_of_rows(builder, parts, columns):
    """Sums of the rows of matrices of so many columns, in one vector. Rows of two matrices are folded into one: whole
    matrices of many registers would be shuffled lane by lane."""
    if columns == 1:
        return joined(builder, parts)
    half, rows = columns // 2, parts[0].type.count // columns * min(2, len(parts))
    left = [row * columns + column for row in range(rows) for column in range(half)]
    right = [lane + half for lane in left]
    pairs = zip(parts[::2], parts[1::2] or parts, strict=True)
    return totals_of_rows(builder, [folded_pair(builder, *pair, left, right) for pair in pairs], half)


def folded_pair(builder, x, y, left, right):
    return builder.fadd(shuffled(builder, x, y, left), shuffled(builder, x, y, right))


def folded(builder, x, count):
    """Sums of the lanes that are `count` apart, the number of lanes being `count` times a power of two."""
    while (half := x.type.count // 2) >= count:
        x = folded_pair(builder, x, x, range(half), range(half, 2 * half))
    return x
