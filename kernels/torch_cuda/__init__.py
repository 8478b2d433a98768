"""The kernels as torch.compile'd bodies: by Inductor Triton kernels on CUDA tensors, C++ on CPU tensors.

On CUDA tensors loss and gradient, the loss of surfaces and their interpolation, runs of small batches and ensembles
take Triton kernels of our own (`triton`).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernels.bodies import EnsembleBody, GradientBody, InterpolationBody, RunBody, SurfaceBody

TENSORS = True


def surfaces() -> "SurfaceBody":
    from kernels.torch_cuda.graphs import surface

    return surface


def interpolation() -> "InterpolationBody":
    from kernels.torch_cuda.graphs import surface

    return surface


def gradients() -> "GradientBody":
    from kernels.torch_cuda.graphs import gradient

    return gradient


def runs() -> "RunBody":
    from kernels.torch_cuda.graphs import update

    return update


def ensembles() -> "EnsembleBody":
    from kernels.torch_cuda.graphs import ensemble

    return ensemble
