"""The specification, `kernels.reference`, as a backend: eager PyTorch, nothing compiled."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernels.bodies import EnsembleBody, GradientBody, RunBody, SurfaceBody

TENSORS = True


def surfaces() -> "SurfaceBody":
    from kernels.eager import surface

    return surface


def interpolation() -> None:
    return None


def gradients() -> "GradientBody":
    from kernels.eager import training

    return training


def runs() -> "RunBody":
    from kernels.eager import training

    return training


def ensembles() -> "EnsembleBody":
    from kernels.eager import training

    return training
