"""Compiling kernels, and launching them on all threads or on one."""

import ctypes
import os
import threading
from contextvars import ContextVar
from types import FunctionType
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import njit

from kernels.numba_cpu.runtime.cache import cached
from kernels.numba_cpu.runtime.notice import AnnouncedCompiler

# operations under which starting the threads costs more than it saves
SERIAL_WORK = 100_000
# what counts instead of it in this thread, if anything
serial_work_here: ContextVar[float] = ContextVar("serial_work_here")
# values of NUMBA_THREADING_LAYER with which OpenMP is never loaded
WITHOUT_OPENMP = {"forksafe", "safe", "tbb", "workqueue"}


class ParallelKernel(NamedTuple):
    """One body with `prange` loops, compiled for one thread and for all."""

    serial: Any
    parallel: Any


class Launches:
    """What launching needs to know of this process."""

    # Numba's workqueue layer aborts the process on concurrent launches
    lock = threading.Lock()
    # threads don't survive a fork, and OpenMP's runtime kills a child that starts them again
    forked = False
    # starting Numba's threads changes how many OpenMP has, and torch with it
    started = False


def after_fork():
    Launches.lock = threading.Lock()
    Launches.forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)


def renamed(function, suffix):
    """A copy under another name, as the cache on disk goes by names."""
    twin = FunctionType(function.__code__, function.__globals__, function.__name__ + suffix)
    twin.__qualname__ = function.__qualname__ + suffix
    return twin


def serial_kernel(body):
    return cached(njit(nogil=True, pipeline_class=AnnouncedCompiler)(body))


def parallel_kernel(body):
    return ParallelKernel(
        cached(njit(nogil=True, pipeline_class=AnnouncedCompiler)(renamed(body, "_serial"))),
        cached(njit(nogil=True, parallel=True, pipeline_class=AnnouncedCompiler)(renamed(body, "_parallel"))),
    )


def read_only(array):
    """A C-contiguous view, a copy of arrays in another order; Numba compiles one kernel whether or not the caller's
    array is writable."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def launch(kernel, work, *args):
    """What a parallel kernel returns; `work` is its rough number of vectorised operations."""
    if Launches.forked or work < serial_work_here.get(SERIAL_WORK):
        return kernel.serial(*args)
    with Launches.lock:
        if not Launches.started:
            start_threads()
        return kernel.parallel(*args)


def start_threads():
    """Starts Numba's, and leaves OpenMP's number of threads as it was: torch goes by it, imported before or after."""
    openmp = openmp_runtime()
    count = openmp.omp_get_max_threads() if openmp else None
    try:
        numba.get_num_threads()
    finally:
        if openmp:
            openmp.omp_set_num_threads(count)
    Launches.started = True


def openmp_runtime():
    """That of Numba's threads, or None if they can't be OpenMP's."""
    if str(numba.config.THREADING_LAYER).lower() in WITHOUT_OPENMP:
        return None
    try:
        from numba.np.ufunc import omppool
    except ImportError:
        return None
    # as the linker looks for it: torch's comes before the one that Numba is linked to
    runtimes = ctypes.CDLL(None), ctypes.CDLL(omppool.__file__)
    return next((runtime for runtime in runtimes if hasattr(runtime, "omp_set_num_threads")), None)


def threads():
    """How many threads a launch has. Numba's own answer would start them."""
    if Launches.started or have_started():
        return numba.get_num_threads()
    return numba.config.NUMBA_NUM_THREADS


def have_started():
    try:
        numba.threading_layer()
    except ValueError:
        return False
    return True
