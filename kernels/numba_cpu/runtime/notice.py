"""Saying that a kernel is being compiled, where otherwise a call would seem to hang: once a process in the log, and in
a line on a terminal or in a notebook that goes away when it is done."""

import functools
import logging
import os
import sys
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from typing import Any

from kernels.numba_cpu.runtime.cache import cache_directory
from kernels.numba_cpu.runtime.subroutine import KernelCompiler

logger = logging.getLogger("kernels")
LINE = "Compiling a kernel for its first use, which takes seconds"
# whether this thread shows the progress of what compiles, and no line
shows_progress: ContextVar[bool] = ContextVar("shows_progress", default=False)


class AnnouncedCompiler(KernelCompiler):
    """Compiles kernels, and says so. Numba calls it under a lock of its own, so one thread compiles at a time, and only
    for what isn't on disk."""

    def compile_extra(self, function):
        with announced():
            return super().compile_extra(function)


@contextmanager
def announced():
    """A context of compiling a kernel, in which all that has a place is said."""
    log()
    with place_of_line() or nullcontext():
        yield


@functools.cache
def log():
    directory = cache_directory()
    kept = "can't be kept on disk" if directory is None else f"are kept in {directory}"
    logger.info(
        "compiling kernels for their first use, which takes seconds for each function and a minute or more for all; "
        "they %s. `kernels.warmup()` compiles them ahead: python -c 'import kernels; kernels.warmup(progress=True)'",
        kept,
    )


def place_of_line():
    """A context in which the line is shown, or None where there is no place for it."""
    with suppress(Exception):  # a stderr that is closed, or is no file
        if shows_progress.get():
            return None
        if display := notebook_display():
            return line_in_notebook(display)
        if sys.stderr.isatty():
            return line_on_terminal(sys.stderr, os.get_terminal_size(sys.stderr.fileno()).columns or 80)
    return None


def notebook_display():
    """`IPython.display.display` in a process that runs the cells of a notebook, else None."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    return ipython.display.display if getattr(shell, "kernel", None) else None


@contextmanager
def line_in_notebook(display):
    shown: Any = None
    try:
        with suppress(Exception):  # whatever it is, the call goes on
            shown = display({"text/plain": LINE}, raw=True, display_id=True)
        yield
    finally:
        with suppress(Exception):
            shown.update({"text/plain": "", "text/html": ""}, raw=True)  # of which a page has no empty box


@contextmanager
def line_on_terminal(stream, columns):
    width = columns - 1  # a full line would be followed by another
    try:
        write(stream, f"\r{LINE[:width]:{width}}")
        yield
    finally:
        write(stream, f"\r{'':{width}}\r")


def write(stream, text):
    with suppress(Exception):  # a terminal may be gone
        stream.write(text)
        stream.flush()
