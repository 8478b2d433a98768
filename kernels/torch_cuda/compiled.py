"""Compiling a function once for all sizes."""

import functools
import warnings

import torch
import torch.fx.experimental._config as symbolic

with warnings.catch_warnings():  # torch deprecates parts of itself that it uses here
    warnings.simplefilter("ignore")
    import torch._inductor.compile_fx

MULTIPLE = 8  # sizes that vary are padded to two or more of it, as torch.compile takes sizes 0 and 1 for constants
OPTIONS = {"cpp.dynamic_threads": True}  # as many as torch has when it runs
INLINED = dict.fromkeys(("realize_reads_threshold", "realize_acc_reads_threshold", "realize_opcount_threshold"), 10**6)
# Fused multiply-adds, and vectors even where loads have strides: for speed alone, and left out where torch lacks them.
VECTORS = {"cpp.enable_floating_point_contract_flag": "fast", "cpp.enable_tiling_heuristics": False}
# On a card the sizes of the first call would say in how many parts later ones are summed: of a small grid in many.
WHOLE_SUMS = {"split_reductions": False}


def kernel(function, options=OPTIONS):
    """`function` of tensors, compiled at its first call for their dtypes and device, and for any sizes above 1."""
    compiled = torch.compile(function, fullgraph=True, dynamic=True, options=options)

    @functools.wraps(function)
    def run(*tensors):
        # sizes that are equal in the first call may differ in the next; symbolic.patch takes several times as long
        shared, symbolic.use_duck_shape = symbolic.use_duck_shape, False
        try:
            with torch.no_grad():
                return compiled(*[tensor.data for tensor in tensors])  # as no views: what they are views of would count
        finally:
            symbolic.use_duck_shape = shared

    return run


def inlined(function):
    """A kernel without arrays that it doesn't return: Inductor would write to memory what takes many operations."""
    return kernel(function, OPTIONS | INLINED | WHOLE_SUMS)


def contracted(function):
    """A kernel without such arrays, and with fused multiply-adds on the CPU."""
    known = set(torch._inductor.list_options())
    return kernel(function, OPTIONS | INLINED | {name: value for name, value in VECTORS.items() if name in known})


def whole(size):
    """The least multiple of MULTIPLE that holds `size`, two of it at least."""
    return max(2, -(-size // MULTIPLE)) * MULTIPLE


def padded(tensor, length):
    """`tensor` (n, ...) with zeros behind up to `length`."""
    if len(tensor) == length:
        return tensor
    longer = tensor.new_zeros(length, *tensor.shape[1:])
    longer[: len(tensor)] = tensor
    return longer
