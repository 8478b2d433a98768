"""The kernels on NumPy arrays, compiled by Numba for the CPU.

`vector` has values of several lanes and what can be computed with them, `runtime` what kernels need around them,
`grid` the kernels of surfaces, `training` those of passes over all samples, of runs and of ensembles.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernels.bodies import EnsembleBody, GradientBody, InterpolationBody, RunBody, SurfaceBody

TENSORS = False


def surfaces() -> "SurfaceBody":
    from kernels.numba_cpu.grid import surface

    return surface


def interpolation() -> "InterpolationBody":
    from kernels.numba_cpu.grid import surface

    return surface


def gradients() -> "GradientBody":
    from kernels.numba_cpu.training import gradient

    return gradient


def runs() -> "RunBody":
    from kernels.numba_cpu.training import update

    return update


def ensembles() -> "EnsembleBody":
    from kernels.numba_cpu.training import ensemble

    return ensemble
