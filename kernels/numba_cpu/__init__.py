"""The kernels on NumPy arrays, compiled by Numba for the CPU.

`vector` has values of several lanes and what can be computed with them, `runtime` what kernels need around them,
`grid` the kernels of surfaces, `training` those of passes over all samples, of runs and of ensembles.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from kernels.bodies import EnsembleBody, GradientBody, InterpolationBody, RunBody, SurfaceBody

TENSORS = False


def surfaces() -> "SurfaceBody[np.ndarray]":
    import kernels.numba_cpu.grid.surface as body

    return body


def small_surface(x: object, y: object, s: object, b: object) -> "np.ndarray | None":
    from kernels.numba_cpu.grid import small

    return small.loss_surface(x, y, s, b)


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
