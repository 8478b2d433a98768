"""Arithmetic of vectors (`+ - * / & | << >>` and comparisons) and functions of them, lane by lane.

A scalar operand is broadcast. Nothing here carries fast-math flags, so NaN, infinities and rounding tricks behave as
written.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin

from kernels.numba_cpu.vector.emit import (
    as_vector,
    call_avx512,
    call_llvm,
    common_vector,
    folded,
    shuffled,
    vectors_of,
    widened,
)
from kernels.numba_cpu.vector.vector_type import SAME_SIZE_FLOAT, SAME_SIZE_INT, Vector, llvm_type


def define_operator(function, emit, result=lambda vector: vector):
    """Types and lowers `function` (an operator) for vector-vector, vector-scalar and scalar-vector."""

    @infer_global(function)
    class Typing(AbstractTemplate):
        def generic(self, args, kws):
            vector = common_vector(args) if len(args) == 2 else None
            return signature(result(vector), *args) if vector else None

    def lower(context, builder, sig, args):
        vector = common_vector(sig.args)
        return emit(builder, isinstance(vector.dtype, types.Float), *vectors_of(context, builder, sig, args, vector))

    for given in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(function, *given)(lower)


@infer_global(operator.neg)
class Negation(AbstractTemplate):
    def generic(self, args, kws):
        return signature(args[0], *args) if isinstance(args[0], Vector) else None


@lower_builtin(operator.neg, Vector)
def negate(context, builder, sig, args):
    return builder.fneg(args[0])


def comparison(symbol):
    def emit(builder, real, x, y):
        return builder.fcmp_ordered(symbol, x, y) if real else builder.icmp_signed(symbol, x, y)

    return emit


define_operator(operator.add, lambda builder, real, x, y: (builder.fadd if real else builder.add)(x, y))


define_operator(operator.sub, lambda builder, real, x, y: (builder.fsub if real else builder.sub)(x, y))


define_operator(operator.mul, lambda builder, real, x, y: (builder.fmul if real else builder.mul)(x, y))


define_operator(operator.truediv, lambda builder, real, x, y: builder.fdiv(x, y))


define_operator(operator.and_, lambda builder, real, x, y: builder.and_(x, y))


define_operator(operator.or_, lambda builder, real, x, y: builder.or_(x, y))


define_operator(operator.lshift, lambda builder, real, x, y: builder.shl(x, y))


define_operator(operator.rshift, lambda builder, real, x, y: builder.ashr(x, y))


for symbol, function in (("<", operator.lt), (">", operator.gt), (">=", operator.ge), ("==", operator.eq)):
    define_operator(function, comparison(symbol), lambda vector: vector.with_dtype(types.boolean))


@intrinsic
def splat(typing, vector, scalar):
    """A vector with `scalar` in every lane."""
    vector = vector.instance_type

    def emit(context, builder, sig, args):
        return as_vector(context, builder, args[1], sig.args[1], vector)

    return vector(types.TypeRef(vector), scalar), emit


@intrinsic
def fma(typing, x, y, z):
    """`x * y + z`, rounded once."""
    vector = common_vector((x, y, z))

    def emit(context, builder, sig, args):
        return call_llvm(builder, "fma", vector, vectors_of(context, builder, sig, args, vector))

    return vector(x, y, z), emit


@intrinsic
def lane_numbers(typing, vector):
    """0, 1, 2, ... as an integer vector; for a float vector, one of integers of the same size."""
    given = vector.instance_type
    integers = given.with_dtype(SAME_SIZE_INT.get(given.dtype, given.dtype))

    def emit(context, builder, sig, args):
        return ir.Constant(llvm_type(integers), list(range(integers.lanes)))

    return integers(vector), emit


@intrinsic
def absolute(typing, x):
    return x(x), lambda context, builder, sig, args: call_llvm(builder, "fabs", x, args)


@intrinsic
def select(typing, mask, x, y):
    """`x` where the mask is set, `y` elsewhere."""
    vector = common_vector((x, y)) or mask.with_dtype(x)

    def emit(context, builder, sig, args):
        x, y = (as_vector(context, builder, args[k], sig.args[k], vector) for k in (1, 2))
        return builder.select(args[0], x, y)

    return vector(mask, x, y), emit


@intrinsic
def bits(typing, x):
    """The bit pattern of a float vector, as integers of the same size."""
    integers = x.with_dtype(SAME_SIZE_INT[x.dtype])
    return integers(x), lambda context, builder, sig, args: builder.bitcast(args[0], llvm_type(integers))


@intrinsic
def from_bits(typing, x):
    """The float vector with these bit patterns."""
    reals = x.with_dtype(SAME_SIZE_FLOAT[x.dtype])
    return reals(x), lambda context, builder, sig, args: builder.bitcast(args[0], llvm_type(reals))


@intrinsic
def to_float(typing, x):
    """Integers converted to floats of the same size."""
    reals = x.with_dtype(SAME_SIZE_FLOAT[x.dtype])
    return reals(x), lambda context, builder, sig, args: builder.sitofp(args[0], llvm_type(reals))


@intrinsic
def nearest(typing, x):
    """The nearest whole number, the even one of two."""
    return x(x), lambda context, builder, sig, args: call_llvm(builder, "rint", x, args)


@intrinsic
def off_nearest(typing, x):
    """x - nearest(x), but 0 of infinities. Only with AVX-512."""
    to_nearest = ir.IntType(32)(0)
    return x(x), lambda context, builder, sig, args: call_avx512(builder, "reduce", x, args[0], to_nearest)


@intrinsic
def scaled(typing, x, exponent):
    """x 2^exponent for whole exponents, denormal numbers, 0 and infinity included. Only with AVX-512."""
    vector = common_vector((x, exponent))

    def emit(context, builder, sig, args):
        return call_avx512(builder, "scalef", vector, *vectors_of(context, builder, sig, args, vector))

    return vector(x, exponent), emit


@intrinsic
def count_true(typing, mask):
    """How many lanes of a mask are set."""

    def emit(context, builder, sig, args):
        count = builder.ctpop(builder.bitcast(args[0], ir.IntType(mask.lanes)))
        resize = builder.zext if mask.lanes <= types.intp.bitwidth else builder.trunc
        return resize(count, ir.IntType(types.intp.bitwidth))

    return types.intp(mask), emit


@intrinsic
def to_float64(typing, x):
    """The lanes of a float vector as float64."""
    wide = x.with_dtype(types.float64)
    return wide(x), lambda context, builder, sig, args: widened(builder, args[0], x, wide)


@intrinsic
def broadcast_each_lane(typing, x):
    """For each lane of a vector, the vector that has it in all lanes."""

    def emit(context, builder, sig, args):
        each = [shuffled(builder, args[0], args[0], [lane] * x.lanes) for lane in range(x.lanes)]
        return context.make_tuple(builder, sig.return_type, each)

    return types.UniTuple(x, x.lanes)(x), emit


@intrinsic
def total(typing, x):
    """Sum of all lanes, by halves; their number is a power of two."""
    if x.lanes & (x.lanes - 1):
        raise TypingError(f"total of {x}: the number of lanes must be a power of two")

    def emit(context, builder, sig, args):
        return builder.extract_element(folded(builder, args[0], 1), ir.IntType(32)(0))

    return x.dtype(x), emit
