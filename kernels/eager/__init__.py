"""The specification, `kernels.reference`, as a backend: eager PyTorch, nothing compiled."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernels.bodies import EnsembleBody, GradientBody, RunBody, SurfaceBody

TENSORS = True


def surface() -> "SurfaceBody":
    from kernels.eager import surface

    return surface


def interpolation() -> None:
    return None


def gradient() -> "GradientBody":
    from kernels.eager import training

    return training


def run() -> "RunBody":
    from kernels.eager import training

    return training


def ensemble() -> "EnsembleBody":
    from kernels.eager import training

    return training
