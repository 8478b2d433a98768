"""The kernels on NumPy arrays, compiled by Numba for the CPU.

`vector` has values of several lanes and what can be computed with them, `runtime` what kernels need around them,
`grid` the kernels of surfaces, `training` those of passes over all samples, of runs and of ensembles.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from kernels.bodies import EnsembleBody, GradientBody, InterpolationBody, RunBody, SurfaceBody
    from kernels.results import Ensemble, Plan, Run

TENSORS = False


def surfaces() -> "SurfaceBody[np.ndarray]":
    import kernels.numba_cpu.grid.surface as body

    return body


def small_surface(x: object, y: object, s: object, b: object, out: object) -> "np.ndarray | None":
    from kernels.numba_cpu.grid import small

    return small.loss_surface(x, y, s, b, out)


def small_surface_on_plane(
    plane: object, y: object, s: object, t: object, method: str, tol: float
) -> "tuple[np.ndarray, np.ndarray, np.ndarray, Plan] | None":
    from kernels.numba_cpu.grid import small_plane

    return small_plane.surface_on_plane(plane, y, s, t, method, tol)


def small_plan(plane: object, y: object, s: object, t: object, method: str, tol: float) -> "Plan | None":
    from kernels.numba_cpu.grid import small_plane

    return small_plane.plan_surface(plane, y, s, t, method, tol)


def small_gradient(X: object, y: object, w: object, b: object) -> "tuple[float, np.ndarray, np.dtype] | None":
    from kernels.numba_cpu.training import small_pass

    return small_pass.usual_loss_and_gradient(X, y, w, b)


def small_step_(X: object, y: object, w: object, b: object, lr: object) -> float | None:
    from kernels.numba_cpu.training import small_pass

    return small_pass.step_(X, y, w, b, lr)


def small_run_(
    X: object, y: object, w: object, b: object, rates: object, length: object, loss: object, history: object
) -> "Run | None":
    from kernels.numba_cpu.training import small_run

    return small_run.run_(X, y, w, b, rates, length, loss, history)


def small_ensemble(
    X: object, y: object, w0: object, b0: object, lr: object, length: object, loss: object
) -> "Ensemble | None":
    from kernels.numba_cpu.training import small_ensemble

    return small_ensemble.sgd_ensemble(X, y, w0, b0, lr, length, loss)


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
