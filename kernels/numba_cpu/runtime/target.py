"""What Numba compiles for: a processor, this one unless the environment names another, and settings."""

import functools
from typing import NamedTuple

from llvmlite import binding
from numba.core import config
from numba.core.registry import cpu_target

# those of Numba's settings that change what is compiled, or what it does
SETTINGS = (
    "BOUNDSCHECK",
    "DEBUG",
    "DEBUG_ARRAY_OPT_RUNTIME",
    "DEBUG_JIT",
    "DEBUG_NRT",
    "DEBUGINFO_DEFAULT",
    "ENABLE_PROFILING",
    "EXTEND_VARIABLE_LIFETIMES",
    "LLVM_REFPRUNE_FLAGS",
    "LLVM_REFPRUNE_PASS",
    "LOOP_VECTORIZE",
    "NRT_STATS",
    "OPT",
    "PARFOR_MAX_TUPLE_SIZE",
    "SLP_VECTORIZE",
    "USING_SVML",
)
# a sum of vectors wider than any register, whose instructions name the registers that LLVM has for them
SUM = """
define <16 x float> @sum(<16 x float> %x) {
    %twice = fadd <16 x float> %x, %x
    ret <16 x float> %twice
}
"""


class Processor(NamedTuple):
    """As LLVM is told of it: the features are a list of +feature and -feature, parted by commas, beside those that its
    name implies."""

    triple: str
    name: str
    features: str


class Registers(NamedTuple):
    """Vector registers: how many there are, and their width in bytes."""

    number: int
    width: int


def processor():
    return Processor(*cpu_target.target_context.codegen().magic_tuple())


def settings():
    """{name: value}, of those that this version of Numba has."""
    return {name: repr(getattr(config, name)) for name in SETTINGS if hasattr(config, name)}


@functools.cache
def registers():
    """The widest that LLVM uses on the processor that kernels are compiled for."""
    triple, name, features = processor()
    machine = binding.Target.from_triple(triple).create_target_machine(cpu=name, features=features, jit=True)
    instructions = machine.emit_assembly(binding.parse_assembly(SUM))
    if "%zmm" in instructions:
        return Registers(32, 64)
    if "%ymm" in instructions:
        return Registers(16, 32)
    return Registers(16 if "%xmm" in instructions else 32, 16)  # x86-64, or AArch64
