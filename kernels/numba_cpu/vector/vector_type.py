"""Vectors as Numba types.

`Vector(dtype, lanes)` is a Numba type whose LLVM value is `<lanes x dtype>`. Lanes may exceed one register: LLVM
then splits the value over several registers, which gives independent chains of instructions without
unrolling by hand.
"""

from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

from kernels.numba_cpu.runtime.target import registers


class Vector(types.Type):
    """`lanes` values of one Numba scalar type."""

    def __init__(self, dtype, lanes):
        self.dtype, self.lanes = dtype, lanes
        super().__init__(f"{dtype}x{lanes}")

    @property
    def key(self):
        return self.dtype, self.lanes

    def with_dtype(self, dtype):
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
REGISTERS = registers()
LLVM_SUFFIX = {types.float32: "f32", types.float64: "f64"}
SAME_SIZE_INT = {types.float32: types.int32, types.float64: types.int64}
SAME_SIZE_FLOAT = {integer: real for real, integer in SAME_SIZE_INT.items()}


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, llvm_type(fe_type))


def llvm_type(vector):
    return ir.VectorType(LLVM_SCALARS[vector.dtype], vector.lanes)


def no_value(context, builder, sig, args):
    return context.get_dummy_value()


@intrinsic(prefer_literal=True)
def registers_of(typing, array, count):
    """The vector type of elements of an array that fills a constant number of the host's registers."""
    vector = Vector(array.dtype, count.literal_value * REGISTERS.width * 8 // array.dtype.bitwidth)
    return types.TypeRef(vector)(array, count), no_value


@intrinsic(prefer_literal=True)
def resized(typing, vector, lanes):
    """A vector type with another, constant number of lanes."""
    return types.TypeRef(Vector(vector.instance_type.dtype, lanes.literal_value))(vector, lanes), no_value


@intrinsic(prefer_literal=True)
def divided(typing, vector, parts):
    """The vector type of a constant number of parts of a vector."""
    given = vector.instance_type
    return types.TypeRef(Vector(given.dtype, given.lanes // parts.literal_value))(vector, parts), no_value


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
