"""The kernels of a call by themselves."""

import sys
from contextlib import ExitStack
from functools import partial
from unittest.mock import patch

from numba.core.dispatcher import Dispatcher

from kernels.numba_cpu.runtime.launch import launch

MODULES = "kernels.numba_cpu."


def launches_of(call):
    """Launches of the kernels that a call launches, each a function, with the arguments that the call gave."""
    call()  # Numba finds the functions that kernels call by their names, as it compiles: these aren't replaced yet
    recorded = []

    def recording(function):
        def record(*args):
            recorded.append(partial(function, *args))
            return function(*args)

        return record

    with ExitStack() as stack:
        for module, name, function in launching():
            stack.enter_context(patch.object(module, name, recording(function)))
        call()
    return recorded


def one_after_another(functions):
    """A function that calls them."""

    def run():
        for function in functions:
            function()

    return run


def launching():
    """(module, name, function) of what our modules call to launch a kernel: `launch`, and kernels of one thread."""
    modules = [module for name, module in sys.modules.items() if name.startswith(MODULES)]
    for module in modules:
        for name, value in list(vars(module).items()):
            if value is launch or isinstance(value, Dispatcher):
                yield module, name, value
