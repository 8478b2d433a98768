"""The processor that is measured on."""

import platform

import cpuinfo
import numba
from llvmlite import binding

from bench import processor
from kernels.numba_cpu.runtime import target


def name():
    """The system's name for it and LLVM's for its kind: AMD EPYC znver4, of which the system tells AMD EPYC alone."""
    return f"{cpuinfo.get_cpu_info().get('brand_raw', platform.machine())} {binding.get_host_cpu_name()}"


def folder():
    """That of its results, or of the processor that it plays where Numba's variables name one."""
    is_played = numba.config.CPU_NAME is not None or numba.config.CPU_FEATURES is not None
    return processor.folder(name(), target.registers().width, target.processor().name if is_played else None)
