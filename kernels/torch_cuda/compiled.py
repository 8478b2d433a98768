"""Compiling a function once for all sizes."""

import functools
import warnings

import torch
import torch.fx.experimental._config as symbolic

with warnings.catch_warnings():  # torch deprecates parts of itself that it uses here
    warnings.simplefilter("ignore")
    import torch._inductor.compile_fx

MULTIPLE = 8  # sizes that vary are padded to two or more of it, as torch.compile takes sizes 0 and 1 for constants
OPTIONS = {
    # what is read often would be written to memory first: here an array of grid x samples
    "realize_reads_threshold": 10**6,
    "realize_acc_reads_threshold": 10**6,
    "realize_opcount_threshold": 10**6,
    "cpp.dynamic_threads": True,  # as many as torch has when it runs
}


def kernel(function):
    """`function` of tensors, compiled at its first call for their dtypes and device, and for any sizes above 1."""
    compiled = torch.compile(function, fullgraph=True, dynamic=True, options=OPTIONS)

    @functools.wraps(function)
    def run(*tensors):
        # sizes that are equal in the first call may differ in the next
        with torch.no_grad(), symbolic.patch(use_duck_shape=False):
            return compiled(*tensors)

    return run


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
