"""The specification, `kernels.reference`, as a backend: eager PyTorch, nothing compiled."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernels.bodies import EnsembleBody, GradientBody, RunBody, SurfaceBody

TENSORS = True


def surfaces() -> "SurfaceBody":
    import kernels.eager.surface as body

    return body


def interpolation() -> None:
    return None


def gradients() -> "GradientBody":
    import kernels.eager.training as body

    return body


def runs() -> "RunBody":
    import kernels.eager.training as body

    return body


def ensembles() -> "EnsembleBody":
    import kernels.eager.training as body

    return body
