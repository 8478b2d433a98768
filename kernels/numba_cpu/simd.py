"""Vectors as Numba values: kernels read like scalar mathematics and compile to full-width SIMD.

`Vector(dtype, lanes)` is a Numba type whose LLVM value is `<lanes x dtype>`. Lanes may exceed one register: LLVM
then splits the value over several registers, which gives independent chains of instructions without
unrolling by hand. All raw LLVM IR of the project is in this file.

Arithmetic (`+ - * / & | << >>` and comparisons) is lane by lane; a scalar operand is broadcast. Nothing here
carries fast-math flags, so NaN, infinities and rounding tricks behave as written.
"""

import operator

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.core.errors import TypingError
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model


class Vector(types.Type):
    """`lanes` values of one Numba scalar type."""

    def __init__(self, dtype, lanes):
        self.dtype, self.lanes = dtype, lanes
        super().__init__(f"{dtype}x{lanes}")

    @property
    def key(self):
        return self.dtype, self.lanes

    def of(self, dtype):
        """The vector of as many lanes of another scalar type."""
        return Vector(dtype, self.lanes)


LLVM_SCALARS = {
    types.float32: ir.FloatType(),
    types.float64: ir.DoubleType(),
    types.int32: ir.IntType(32),
    types.int64: ir.IntType(64),
    types.boolean: ir.IntType(1),
}
LLVM_SUFFIX = {types.float32: "f32", types.float64: "f64"}
SAME_SIZE_INT = {types.float32: types.int32, types.float64: types.int64}
SAME_SIZE_FLOAT = {integer: real for real, integer in SAME_SIZE_INT.items()}


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, llvm_type(fe_type))


def llvm_type(vector):
    return ir.VectorType(LLVM_SCALARS[vector.dtype], vector.lanes)


def register_bytes():
    """Width of the host's widest vector registers."""
    features = llvmlite.binding.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16


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
    define_operator(function, comparison(symbol), lambda vector: vector.of(types.boolean))


def element_pointer(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


def call_llvm(builder, name, vector, args, suffix="", result=None):
    """Calls an LLVM intrinsic that is overloaded on `vector` and returns one, or what `result` says."""
    function_type = ir.FunctionType(result or llvm_type(vector), [arg.type for arg in args])
    full_name = f"llvm.{name}.v{vector.lanes}{LLVM_SUFFIX[vector.dtype]}{suffix}"
    function = builder.module.globals.get(full_name) or ir.Function(builder.module, function_type, full_name)
    return builder.call(function, args)


def check_contiguous(array):
    if array.layout != "C":
        raise TypingError(f"{array} is not C-contiguous")


def vector_pointer(context, builder, vector, array_type, array, index):
    """The type that `vector` has in an array, and a pointer to the one at `index`."""
    stored = vector.of(array_type.dtype)
    pointer = element_pointer(context, builder, array_type, array, index)
    return stored, builder.bitcast(pointer, llvm_type(stored).as_pointer())


def widened(builder, value, stored, vector):
    return value if stored == vector else builder.fpext(value, llvm_type(vector))


def narrowed(builder, value, stored, vector):
    return value if stored == vector else builder.fptrunc(value, llvm_type(stored))


@intrinsic
def load(typing, vector, array, index):
    """`vector.lanes` consecutive elements of a contiguous array from flat `index`, widened to the vector's type.
    Bounds are not checked."""
    vector = vector.instance_type
    check_contiguous(array)

    def emit(context, builder, sig, args):
        stored, pointer = vector_pointer(context, builder, vector, sig.args[1], *args[1:3])
        value = builder.load(pointer)
        value.align = stored.dtype.bitwidth // 8
        return widened(builder, value, stored, vector)

    return vector(types.TypeRef(vector), array, types.intp), emit


@intrinsic
def load_where(typing, vector, array, index, mask):
    """As `load` where the mask is set; elsewhere nothing is read and the lane is 0."""
    vector = vector.instance_type
    check_contiguous(array)

    def emit(context, builder, sig, args):
        stored, pointer = vector_pointer(context, builder, vector, sig.args[1], *args[1:3])
        alignment = ir.IntType(32)(stored.dtype.bitwidth // 8)
        zeros = ir.Constant(llvm_type(stored), [0.0] * stored.lanes)
        value = call_llvm(builder, "masked.load", stored, [pointer, alignment, args[3], zeros], ".p0")
        return widened(builder, value, stored, vector)

    return vector(types.TypeRef(vector), array, types.intp, mask), emit


def emit_store(context, builder, sig, args):
    """The store instruction of a call (array, index, value)."""
    stored, pointer = vector_pointer(context, builder, sig.args[2], sig.args[0], *args[:2])
    instruction = builder.store(narrowed(builder, args[2], stored, sig.args[2]), pointer)
    instruction.align = stored.dtype.bitwidth // 8
    return instruction


@intrinsic
def store(typing, array, index, value):
    """Writes the lanes of `value`, rounded to the array's type, to a contiguous array from flat `index`.
    Bounds are not checked."""
    check_contiguous(array)

    def emit(context, builder, sig, args):
        emit_store(context, builder, sig, args)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), emit


@intrinsic
def store_where(typing, array, index, value, mask):
    """As `store` in the lanes where the mask is set; elsewhere nothing is written."""
    check_contiguous(array)

    def emit(context, builder, sig, args):
        stored, pointer = vector_pointer(context, builder, value, array, *args[:2])
        alignment = ir.IntType(32)(stored.dtype.bitwidth // 8)
        operands = narrowed(builder, args[2], stored, value), pointer, alignment, args[3]
        call_llvm(builder, "masked.store", stored, operands, ".p0", ir.VoidType())
        return context.get_dummy_value()

    return types.void(array, types.intp, value, mask), emit


@intrinsic
def store_past_cache(typing, array, index, value):
    """As `store`, to memory instead of the caches (non-temporal). The address must be a multiple of `register_bytes()`,
    and whoever else reads what was stored needs a `fence` in between."""
    check_contiguous(array)

    def emit(context, builder, sig, args):
        instruction = emit_store(context, builder, sig, args)
        instruction.align = register_bytes()
        one = ir.Constant(ir.IntType(32), 1)
        instruction.set_metadata("nontemporal", builder.module.add_metadata([one]))
        return context.get_dummy_value()

    return types.void(array, types.intp, value), emit


@intrinsic
def fence(typing):
    """Makes all that was stored visible to other threads before anything that follows."""

    def emit(context, builder, sig, args):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), emit


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
    """0, 1, 2, ... as an integer vector."""
    vector = vector.instance_type

    def emit(context, builder, sig, args):
        return ir.Constant(llvm_type(vector), list(range(vector.lanes)))

    return vector(types.TypeRef(vector)), emit


@intrinsic
def absolute(typing, x):
    return x(x), lambda context, builder, sig, args: call_llvm(builder, "fabs", x, args)


@intrinsic
def select(typing, mask, x, y):
    """`x` where the mask is set, `y` elsewhere."""
    vector = common_vector((x, y)) or mask.of(x)

    def emit(context, builder, sig, args):
        x, y = (as_vector(context, builder, args[k], sig.args[k], vector) for k in (1, 2))
        return builder.select(args[0], x, y)

    return vector(mask, x, y), emit


@intrinsic
def bits(typing, x):
    """The bit pattern of a float vector, as integers of the same size."""
    integers = x.of(SAME_SIZE_INT[x.dtype])
    return integers(x), lambda context, builder, sig, args: builder.bitcast(args[0], llvm_type(integers))


@intrinsic
def from_bits(typing, x):
    """The float vector with these bit patterns."""
    reals = x.of(SAME_SIZE_FLOAT[x.dtype])
    return reals(x), lambda context, builder, sig, args: builder.bitcast(args[0], llvm_type(reals))


@intrinsic
def to_float(typing, x):
    """Integers converted to floats of the same size."""
    reals = x.of(SAME_SIZE_FLOAT[x.dtype])
    return reals(x), lambda context, builder, sig, args: builder.sitofp(args[0], llvm_type(reals))


@intrinsic
def lanes_set(typing, mask):
    """How many lanes of a mask are set."""

    def emit(context, builder, sig, args):
        count = builder.ctpop(builder.bitcast(args[0], ir.IntType(mask.lanes)))
        resize = builder.zext if mask.lanes <= types.intp.bitwidth else builder.trunc
        return resize(count, ir.IntType(types.intp.bitwidth))

    return types.intp(mask), emit


@intrinsic
def total(typing, x):
    """Sum of all lanes, by halves; their number is a power of two."""
    if x.lanes & (x.lanes - 1):
        raise TypingError(f"total of {x}: the number of lanes must be a power of two")

    def emit(context, builder, sig, args):
        value, lanes = args[0], x.lanes
        while lanes > 1:
            lanes //= 2
            halves = (
                builder.shuffle_vector(value, value, ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(half)))
                for half in (range(lanes), range(lanes, 2 * lanes))
            )
            value = builder.fadd(*halves)
        return builder.extract_element(value, ir.IntType(32)(0))

    return x.dtype(x), emit
