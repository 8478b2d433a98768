"""Functions that only kernels call, compiled as a part of them.

Numba makes machine code of every jitted function, so that Python can call it, and optimises it anew in each function
that calls it, four times in what `prange` launches: most of the time to a first result. What stands under `subroutine`
or `inlined` is translated to LLVM's language once for its types, and optimised once, in the kernel; so is the body of a
parallel kernel.
"""

import ctypes
import gc
import os
from contextlib import contextmanager
from typing import Any

from numba import njit, types
from numba.core import ir
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.errors import UnsupportedError
from numba.core.typed_passes import NopythonTypeInference

# takes (self, arguments, keywords), as what Python calls does, and raises that `self` is not callable
NOT_CALLABLE = ctypes.cast(ctypes.pythonapi.PyObject_Call, ctypes.c_void_p).value


class Codegen:
    """Numba's, but for libraries that wait to be linked into a kernel."""

    def __init__(self, codegen):
        self.codegen = codegen

    def __getattr__(self, name):
        return getattr(self.codegen, name)

    def create_library(self, name, **options):
        return Library(self, name, **options)

    def set_env(self, name, environment):
        """Does nothing: there is no machine code that it could be in."""


class Library(JITCodeLibrary):
    """Code that is not optimised, and never run as it is. What it calls is linked in the kernel, once, and not in all
    that lies between."""

    def get_pointer_to_function(self, name):
        return NOT_CALLABLE

    def _optimize_functions(self, module):
        module.data_layout = self._codegen._data_layout

    def finalize(self):
        start_what_parts_start(self)
        self._finalize_dynamic_globals()
        self._finalized = True

    def alone(self):
        """The module without what it calls, made to be linked."""
        return super()._get_module_for_linking()

    def _get_module_for_linking(self):
        """What Numba links into a function that is no kernel."""
        whole = self.alone().clone()
        link_into(whole, self._linking_libraries)
        return whole


class Linked(JITCodeLibrary):
    """Code of a kernel."""

    def finalize(self):
        start_what_parts_start(self)
        link_into(self._final_module, self._linking_libraries)
        self._linking_libraries.clear()
        super().finalize()


def start_what_parts_start(library):
    """Has a library do, when it is loaded from disk, what the parts do then: start Numba's threads. Before Numba 0.63
    libraries have no such list: functions with parallel loops of their own start them."""
    if hasattr(library, "_reload_init"):
        library._reload_init.update(*(part._reload_init for part in library._linking_libraries))


def link_into(module, libraries):
    """Links libraries, and those that they call, each once."""
    for library in with_parts(libraries, {}):
        linked = library.alone() if isinstance(library, Library) else library._get_module_for_linking()
        module.link_in(linked, preserve=True)


def with_parts(libraries, found):
    """These and those that they call, each once, as keys of `found`."""
    for library in libraries:
        if library not in found:
            found[library] = None
            with_parts(library._linking_libraries if isinstance(library, Library) else (), found)
    return found


class Kept(FunctionPass):
    """Keeps code for kernels: all that is made for this function, and the function itself if it is a subroutine."""

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        check_needs_no_environment(state.func_ir)
        codegen = state.targetctx.codegen()
        waiting = Codegen(codegen)
        name = state.func_id.func_qualname
        state.library = waiting.create_library(name) if self.subroutine else Linked(codegen, name)
        state.library.enable_object_caching()
        state.targetctx = state.targetctx.subtarget(_internal_codegen=waiting)
        return True


def check_needs_no_environment(function):
    """Refuses what takes Python objects from an environment, which there is none of when code comes from a part or from
    disk: a process would hang."""
    for block in function.blocks.values():
        for statement in block.body:
            if isinstance(statement, (ir.Print, ir.DynamicRaise, ir.DynamicTryRaise)):
                name, accepted = function.func_id.func_name, "neither print nor errors with values that aren't constant"
                raise UnsupportedError(f"{name} has {statement}; accepted in kernels: {accepted}", loc=statement.loc)


@register_pass(mutates_CFG=False, analysis_only=True)
class KeptSubroutine(Kept):
    _name, subroutine = "kept_subroutine", True


@register_pass(mutates_CFG=False, analysis_only=True)
class KeptParts(Kept):
    _name, subroutine = "kept_parts", False


class KernelCompiler(CompilerBase):
    kept = KeptParts

    def compile_extra(self, function):
        with uncollected():
            return super().compile_extra(function)

    def define_pipelines(self):
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(self.kept, NopythonTypeInference)
        passes.finalize()
        return [passes]


class SubroutineCompiler(KernelCompiler):
    kept = KeptSubroutine


class Collection:
    paused = False  # by a kernel that is being compiled


@contextmanager
def uncollected():
    """A context in which no cycles of garbage are looked for: compiling leaves few, and makes so many objects that it
    takes a tenth of the time."""
    if not gc.isenabled():
        yield
        return
    try:
        Collection.paused = True
        gc.disable()
        yield
    finally:
        collect_again()


def collect_again():
    """Where a kernel was being compiled, in a child of this process too."""
    if Collection.paused:
        Collection.paused = False
        gc.enable()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=collect_again)


SUBROUTINE: dict[str, Any] = {
    "pipeline_class": SubroutineCompiler,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
INLINED = SUBROUTINE | {"forceinline": True}  # for `overload` too, as its jit_options


def subroutine(function):
    return by_types(njit(**SUBROUTINE)(function))


def inlined(function):
    return by_types(njit(**INLINED)(function))


def by_types(dispatcher):
    """A dispatcher that is given arguments' types alone, where Numba would compile it anew for each constant."""
    template = dispatcher.get_call_template

    def template_by_types(args, keywords):
        unliteral = {name: types.unliteral(given) for name, given in keywords.items()}
        return template(tuple(map(types.unliteral, args)), unliteral)

    dispatcher.get_call_template = template_by_types
    return dispatcher
