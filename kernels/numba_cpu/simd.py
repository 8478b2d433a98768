"""Vectors as Numba values: kernels read like scalar mathematics and compile to full-width SIMD.

`Vector(dtype, lanes)` is a Numba type whose LLVM value is `<lanes x dtype>`. Lanes may exceed one register: LLVM
then splits the value over several registers, which gives independent chains of instructions without
unrolling by hand. All raw LLVM IR of the project is in this file.

Arithmetic (`+ - * / & | << >>` and comparisons) is lane by lane; a scalar operand is broadcast. Nothing here
carries fast-math flags, so NaN, infinities and rounding tricks behave as written.
"""

import functools
import operator

from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.core.errors import TypingError
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model

from kernels.numba_cpu.target import processor


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
CACHE_LINE = 64  # bytes
LLVM_SUFFIX = {types.float32: "f32", types.float64: "f64"}
AVX512_SUFFIX = {types.float32: "ps", types.float64: "pd"}
SAME_SIZE_INT = {types.float32: types.int32, types.float64: types.int64}
SAME_SIZE_FLOAT = {integer: real for real, integer in SAME_SIZE_INT.items()}


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, llvm_type(fe_type))


def llvm_type(vector):
    return ir.VectorType(LLVM_SCALARS[vector.dtype], vector.lanes)


@functools.cache
def register_bytes():
    """Width of the widest vector registers of the processor that kernels are compiled for."""
    features = processor().features.split(",")
    return 64 if "+avx512f" in features else 32 if "+avx2" in features else 16


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
    """0, 1, 2, ... as an integer vector; for a float vector, one of integers of the same size."""
    given = vector.instance_type
    integers = given.of(SAME_SIZE_INT.get(given.dtype, given.dtype))

    def emit(context, builder, sig, args):
        return ir.Constant(llvm_type(integers), list(range(integers.lanes)))

    return integers(vector), emit


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
def nearest(typing, x):
    """The nearest whole number, the even one of two."""
    return x(x), lambda context, builder, sig, args: call_llvm(builder, "rint", x, args)


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
def lanes_set(typing, mask):
    """How many lanes of a mask are set."""

    def emit(context, builder, sig, args):
        count = builder.ctpop(builder.bitcast(args[0], ir.IntType(mask.lanes)))
        resize = builder.zext if mask.lanes <= types.intp.bitwidth else builder.trunc
        return resize(count, ir.IntType(types.intp.bitwidth))

    return types.intp(mask), emit


@intrinsic
def to_float64(typing, x):
    """The lanes of a float vector as float64."""
    wide = x.of(types.float64)
    return wide(x), lambda context, builder, sig, args: widened(builder, args[0], x, wide)


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


# Types of vectors


def no_value(context, builder, sig, args):
    return context.get_dummy_value()


@intrinsic(prefer_literal=True)
def registers_of(typing, array, count):
    """The vector type of elements of an array that fills a constant number of the host's registers."""
    vector = Vector(array.dtype, count.literal_value * register_bytes() * 8 // array.dtype.bitwidth)
    return types.TypeRef(vector)(array, count), no_value


@intrinsic(prefer_literal=True)
def resized(typing, vector, lanes):
    """A vector type with another, constant number of lanes."""
    return types.TypeRef(Vector(vector.instance_type.dtype, lanes.literal_value))(vector, lanes), no_value


@intrinsic
def halved(typing, vector):
    """The vector type with half the lanes."""
    given = vector.instance_type
    return types.TypeRef(Vector(given.dtype, given.lanes // 2))(vector), no_value


@intrinsic
def lanes_of(typing, vector):
    """The number of lanes of a vector type."""
    lanes = ir.IntType(types.intp.bitwidth)(vector.instance_type.lanes)
    return types.intp(vector), lambda context, builder, sig, args: lanes


@intrinsic
def line_of(typing, array):
    """How many elements of an array are in a cache line: a constant, which `itemsize` isn't to the compiler."""
    elements = ir.IntType(types.intp.bitwidth)(CACHE_LINE * 8 // array.dtype.bitwidth)
    return types.intp(array), lambda context, builder, sig, args: elements


@intrinsic
def in_all_lanes(typing, x):
    """For each lane of a vector, the vector that has it in all lanes."""

    def emit(context, builder, sig, args):
        each = [shuffled(builder, args[0], args[0], [lane] * x.lanes) for lane in range(x.lanes)]
        return context.make_tuple(builder, sig.return_type, each)

    return types.UniTuple(x, x.lanes)(x), emit


# Matrices row by row in one vector: element (r, c) is lane r * columns + c. The vector types `rows` and `columns` have
# as many lanes as a column and a row have elements.


def shuffled(builder, x, y, lanes):
    return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes)))


def joined(builder, parts):
    """All lanes of vectors, whose number is a power of two, in one."""
    while len(parts) > 1:
        both = range(2 * parts[0].type.count)
        parts = [shuffled(builder, *pair, both) for pair in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def rows_loaded(rows, columns, array, mask=None):
    """Signature and code of `load_rows` and `load_rows_where`."""
    row, count = columns.instance_type, rows.instance_type.lanes
    stored = row.of(array.dtype)
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


@intrinsic
def column_totals(typing, columns, x):
    """Sum of each column, by halves."""
    count = columns.instance_type.lanes
    return Vector(x.dtype, count)(columns, x), lambda context, builder, sig, args: folded(builder, args[1], count)


def folded(builder, x, count):
    """Sums of the lanes that are `count` apart, the number of lanes being `count` times a power of two."""
    while (half := x.type.count // 2) >= count:
        x = folded_pair(builder, x, x, range(half), range(half, 2 * half))
    return x


@intrinsic
def total(typing, x):
    """Sum of all lanes, by halves; their number is a power of two."""
    if x.lanes & (x.lanes - 1):
        raise TypingError(f"total of {x}: the number of lanes must be a power of two")

    def emit(context, builder, sig, args):
        return builder.extract_element(folded(builder, args[0], 1), ir.IntType(32)(0))

    return x.dtype(x), emit
