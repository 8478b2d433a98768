"""The kernels on NumPy arrays, compiled by Numba for the CPU.

`vector` has values of several lanes and what can be computed with them, `runtime` what kernels need around them,
`grid` the kernels of surfaces, `training` those of passes over all samples, of runs and of ensembles.
"""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np

    from kernels.bodies import EnsembleBody, GradientBody, InterpolationBody, RunBody, SurfaceBody

TENSORS = False


def surfaces() -> "SurfaceBody[np.ndarray]":
    import kernels.numba_cpu.grid.surface as body

    return body


def interpolation() -> "InterpolationBody[np.ndarray]":
    import kernels.numba_cpu.grid.surface as body

    return body


def gradients() -> "GradientBody[np.ndarray]":
    import kernels.numba_cpu.training.gradient as body

    return body


def runs() -> "RunBody[np.ndarray]":
    import kernels.numba_cpu.training.update as body

    return body


def ensembles() -> "EnsembleBody[np.ndarray]":
    import kernels.numba_cpu.training.ensemble as body

    return body


@cache
def small_surfaces() -> "ModuleType":
    import kernels.numba_cpu.grid.small as body

    return body


@cache
def small_planes() -> "ModuleType":
    import kernels.numba_cpu.grid.small_plane as body

    return body


@cache
def small_passes() -> "ModuleType":
    import kernels.numba_cpu.training.small_pass as body

    return body


@cache
def small_runs() -> "ModuleType":
    import kernels.numba_cpu.training.small_run as body

    return body


@cache
def small_ensembles() -> "ModuleType":
    import kernels.numba_cpu.training.small_ensemble as body

    return body
