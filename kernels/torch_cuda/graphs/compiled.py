"""Compiling a function once for all sizes."""

import functools
import inspect
import os
import types
import warnings
from collections.abc import Callable

import torch
import torch.fx.experimental._config as symbolic

from kernels.torch_cuda.sizes import MULTIPLE


def cache_error(error):
    remedy = "set TORCHINDUCTOR_CACHE_DIR to a folder that can be written to"
    return RuntimeError(f"torch.compile can't keep what it compiles: {error}; {remedy}")


def make_cache():
    """Importing Inductor makes the folder too, but where that fails it leaves half of torch imported."""
    try:
        os.makedirs(os.environ.get("TORCHINDUCTOR_CACHE_DIR", os.curdir), exist_ok=True)
    except OSError as error:
        raise cache_error(error) from error


make_cache()
with warnings.catch_warnings():  # torch deprecates parts of itself that it uses here
    warnings.simplefilter("ignore")
    import torch._inductor.compile_fx
    from torch._dynamo.exc import BackendCompilerFailed
    from torch._inductor.codecache import cache_dir
    from torch._inductor.exc import InvalidCxxCompiler

OPTIONS = {"cpp.dynamic_threads": True}  # as many as torch has when it runs
INLINED = dict.fromkeys(("realize_reads_threshold", "realize_acc_reads_threshold", "realize_opcount_threshold"), 10**6)
# Fused multiply-adds, and vectors even where loads have strides: for speed alone, and left out where torch lacks them.
VECTORS = {"cpp.enable_floating_point_contract_flag": "fast", "cpp.enable_tiling_heuristics": False}
# On a card the sizes of the first call would say in how many parts later ones are summed: of a small grid in many.
WHOLE_SUMS = {"split_reductions": False}
SUGGESTIONS = "hint_override" in inspect.signature(torch._dynamo.mark_dynamic).parameters  # not before torch 2.9


def compile_dynamic(function, options=OPTIONS, likely=()):
    """A kernel: `function` of tensors, compiled at its first call for their dtypes and device, for any sizes above 1.

    `likely` are shapes of the tensors, or of the first of them, by which blocks and the parts of sums are chosen for a
    card; None is a size that is always the same. Without them the sizes of the first call choose, for all others.
    """
    variants: dict[tuple, Callable] = {}

    @functools.wraps(function)
    def run(*tensors):
        variant = tensors[0].device, tensors[0].dtype, *map(layout_of, tensors)
        plain = [tensor.data for tensor in tensors]  # as no views: what they are views of would count
        compiled = variants.get(variant)
        if compiled is None:
            compiled = torch.compile(copy_of(function), fullgraph=True, dynamic=True, options=options)
            if tensors[0].is_cuda and SUGGESTIONS:
                suggest(plain, likely)
        # sizes that are equal in the first call may differ in the next; symbolic.patch takes several times as long
        shared, symbolic.use_duck_shape = symbolic.use_duck_shape, False
        try:
            with torch.no_grad():
                result = compiled(*plain)
        except (BackendCompilerFailed, OSError) as error:
            explain(error)
            raise
        finally:
            symbolic.use_duck_shape = shared
        variants[variant] = compiled
        return result

    return run


def explain(error):
    """Raises RuntimeError with what a user can do about an error of torch.compile, if that is known."""
    cause = getattr(error, "inner_exception", error)
    if isinstance(cause, InvalidCxxCompiler):
        says = "backend 'torch' needs a C++ compiler on the CPU: set CXX to one, or use backend 'numba'"
        raise RuntimeError(says) from error
    if isinstance(cause, OSError) and str(cause.filename or cache_dir()).startswith(cache_dir()):
        raise cache_error(cause) from error


def layout_of(tensor):
    """What a variant of a graph is compiled for. On a card also whether a tensor begins where 16 bytes do: by a graph
    compiled for one that does, another one would be copied before each call."""
    aligned = not tensor.is_cuda or tensor.storage_offset() * tensor.itemsize % 16 == 0
    return 1 in tensor.shape, tensor.is_contiguous(), aligned


def copy_of(function):
    """The function with code of its own: Dynamo counts by code what it compiles, and refuses more than 8 variants."""
    return types.FunctionType(function.__code__.replace(), function.__globals__, closure=function.__closure__)


def suggest(tensors, likely):
    """Has the next compilation reckon with likely shapes; not where a size of 1 or indices of 64 bits are compiled for
    themselves."""
    sizes = [
        (tensor, dimension, size)
        for tensor, shape in zip(tensors, likely, strict=False)
        for dimension, size in enumerate(shape)
        if size is not None
    ]
    if all(tensor.shape[dimension] > 1 and span_of(tensor) < 2**31 for tensor, dimension, _ in sizes):
        for tensor, dimension, size in sizes:
            torch._dynamo.mark_dynamic(tensor, dimension, hint_override=size)


def span_of(tensor):
    """Values in memory from the first to the last: of a few rows of a matrix in columns nearly all of it."""
    return 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))


def compile_fused(function, likely=()):
    """A kernel without arrays that it doesn't return: Inductor would write to memory what takes many operations."""
    return compile_dynamic(function, OPTIONS | INLINED | WHOLE_SUMS, likely)


def compile_fused_fma(function, likely=()):
    """A kernel without such arrays, and with fused multiply-adds on the CPU."""
    known = set(torch._inductor.list_options())
    vectors = {name: value for name, value in VECTORS.items() if name in known}
    return compile_dynamic(function, OPTIONS | INLINED | vectors, likely)


def round_up(size):
    """The least multiple of MULTIPLE that holds `size`, two of it at least."""
    return max(2, -(-size // MULTIPLE)) * MULTIPLE


def padded(tensor, length):
    """`tensor` (n, ...) with zeros behind up to `length`."""
    if len(tensor) == length:
        return tensor
    longer = tensor.new_zeros(length, *tensor.shape[1:])
    longer[: len(tensor)] = tensor
    return longer
