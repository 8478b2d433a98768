"""What Numba compiles for: a processor, this one unless the environment names another, and settings."""

from typing import NamedTuple

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


class Processor(NamedTuple):
    """As LLVM is told of it: the features are a list of +feature and -feature, parted by commas."""

    triple: str
    name: str
    features: str


def processor():
    return Processor(*cpu_target.target_context.codegen().magic_tuple())


def settings():
    """{name: value}, of those that this version of Numba has."""
    return {name: repr(getattr(config, name)) for name in SETTINGS if hasattr(config, name)}
