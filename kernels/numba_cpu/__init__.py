"""The kernels on NumPy arrays, compiled by Numba for the CPU.

`vector` has values of several lanes and what can be computed with them, `runtime` what kernels need around them,
`grid` the kernels of surfaces, `training` those of passes over all samples, of runs and of ensembles.
"""

from functools import cache
from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np

    from kernels.bodies import EnsembleBody, GradientBody, InterpolationBody, RunBody, SurfaceBody

TENSORS = False
IMPORTING = RLock()  # two threads that import Numba at once fail, and all calls after them


@cache
def surfaces() -> "SurfaceBody[np.ndarray]":
    with IMPORTING:
        import kernels.numba_cpu.grid.surface as body

    return body


@cache
def interpolation() -> "InterpolationBody[np.ndarray]":
    with IMPORTING:
        import kernels.numba_cpu.grid.surface as body

    return body


@cache
def gradients() -> "GradientBody[np.ndarray]":
    with IMPORTING:
        import kernels.numba_cpu.training.gradient as body

    return body


@cache
def runs() -> "RunBody[np.ndarray]":
    with IMPORTING:
        import kernels.numba_cpu.training.update as body

    return body


@cache
def ensembles() -> "EnsembleBody[np.ndarray]":
    with IMPORTING:
        import kernels.numba_cpu.training.ensemble as body

    return body


@cache
def small_surfaces() -> "ModuleType":
    with IMPORTING:
        import kernels.numba_cpu.grid.small as body

    return body


@cache
def small_planes() -> "ModuleType":
    with IMPORTING:
        import kernels.numba_cpu.grid.small_plane as body

    return body


@cache
def small_passes() -> "ModuleType":
    with IMPORTING:
        import kernels.numba_cpu.training.small_pass as body

    return body


@cache
def small_runs() -> "ModuleType":
    with IMPORTING:
        import kernels.numba_cpu.training.small_run as body

    return body


@cache
def small_ensembles() -> "ModuleType":
    with IMPORTING:
        import kernels.numba_cpu.training.small_ensemble as body

    return body
