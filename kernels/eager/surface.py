"""Surfaces by the reference."""

from collections.abc import Collection

import numpy as np

from kernels import reference
from kernels.arguments.arrays import tensor_of
from kernels.arguments.samples import Samples, Summary, check_passes, concatenated
from kernels.kinds import Advance, Tensor
from kernels.results import LogitPlane


def passes(names: Collection[str], loss: str, weighted: bool) -> Collection[str]:
    return names


def evaluate(
    samples: Samples,
    summary: Summary,
    s: np.ndarray,
    t: np.ndarray,
    outputs: dict[str, Tensor],
    loss: str,
    advance: Advance,
) -> None:
    """Writes means over the samples to `outputs`, {quantity: tensor}."""
    block = concatenated(samples)
    check_passes(summary.n, len(block.y))
    p, q, r, y = (tensor_of(field) for field in block[:4])
    options = {"quantities": tuple(outputs), "loss": loss, "sample_weight": tensor_of(block.weight)}
    plane, axes = LogitPlane(p, q, r), (tensor_of(s), tensor_of(t))
    surfaces = reference.surface_on_plane(plane, y, *axes, total=summary.weight, **options)
    for name, values in surfaces.items():
        outputs[name].copy_(values)
    advance(len(y) * len(s) * len(t) * len(outputs))
