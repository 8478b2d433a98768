"""Triton's interpreter: kernels on CPU tensors, with versions of PyTorch, Triton and NumPy that don't get on in it."""

import functools
import inspect
import os
from importlib.util import find_spec

import torch


def use():
    """Has this process interpret what is written in Triton. To be called before Triton and the kernels are imported."""
    os.environ["TRITON_INTERPRET"] = "1"  # read when Triton is imported
    torch.library.wrap_triton = lambda kernel: kernel  # that of PyTorch 2.11 refuses an interpreted function
    if find_spec("triton"):
        import triton

        triton.runtime.interpreter._patch_builtin = patch_builtin
        if tuple(map(int, triton.__version__.split(".")[:2])) < (3, 7):
            triton.runtime.interpreter._patch_lang_tensor = with_index(triton.runtime.interpreter._patch_lang_tensor)


def patch_builtin(package, *rest):
    """As Triton's own, which looks through all of `package` each time that a function is called."""
    from triton.language import core
    from triton.runtime import interpreter

    for name in names_of_builtins(package):
        member = getattr(package, name)
        if core.is_builtin(member):  # not patched by who called the function
            interpreter._patch_attr(package, name, member, *rest)


@functools.cache
def names_of_builtins(package):
    from triton.language import core

    return [name for name, member in inspect.getmembers(package) if core.is_builtin(member)]


def with_index(patch):
    """`patch`, which says how interpreted tensors behave, with bounds of loops, arrays of one element, made integers:
    int(array) isn't a way to do so from NumPy 2.5 on, and warns in earlier ones."""

    def patch_with_index(tensor, scope):
        patch(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: self.handle.data.item())

    return patch_with_index
