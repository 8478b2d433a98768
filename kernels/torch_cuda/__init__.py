"""The kernels as torch.compile'd bodies: by Inductor Triton kernels on CUDA tensors, C++ on CPU tensors.

On CUDA tensors loss and gradient, the loss of surfaces and their interpolation, runs of small batches and ensembles
take Triton kernels of our own (`triton`).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from kernels.bodies import EnsembleBody, GradientBody, InterpolationBody, RunBody, SurfaceBody

TENSORS = True


def surfaces() -> "SurfaceBody[torch.Tensor]":
    import kernels.torch_cuda.graphs.surface as body

    return body


def interpolation() -> "InterpolationBody[torch.Tensor]":
    import kernels.torch_cuda.graphs.surface as body

    return body


def gradients() -> "GradientBody[torch.Tensor]":
    import kernels.torch_cuda.graphs.gradient as body

    return body


def runs() -> "RunBody[torch.Tensor]":
    import kernels.torch_cuda.graphs.update as body

    return body


def ensembles() -> "EnsembleBody[torch.Tensor]":
    import kernels.torch_cuda.graphs.ensemble as body

    return body
