"""The specification, `kernels.reference`, as a backend: eager PyTorch, nothing compiled."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from kernels.bodies import EnsembleBody, GradientBody, RunBody, SurfaceBody

TENSORS = True


def surfaces() -> "SurfaceBody[torch.Tensor]":
    import kernels.eager.surface as body

    return body


def interpolation() -> None:
    return None


def gradients() -> "GradientBody[torch.Tensor]":
    import kernels.eager.training as body

    return body


def runs() -> "RunBody[torch.Tensor]":
    import kernels.eager.training as body

    return body


def ensembles() -> "EnsembleBody[torch.Tensor]":
    import kernels.eager.training as body

    return body
