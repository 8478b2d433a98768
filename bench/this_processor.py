"""The processor that is measured on."""

import platform

import cpuinfo
import numba

from bench import processor
from kernels.numba_cpu.runtime import target


def name():
    """The system's name for it."""
    return cpuinfo.get_cpu_info().get("brand_raw", platform.machine())


def folder():
    """That of its results, or of the processor that it plays where Numba's variables name one."""
    is_played = numba.config.CPU_NAME is not None or numba.config.CPU_FEATURES is not None
    return processor.folder(name(), target.registers().width, target.processor().name if is_played else None)
