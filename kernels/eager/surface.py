"""Surfaces by the reference."""

from collections.abc import Collection

import numpy as np

from kernels import reference
from kernels.arguments.arrays import tensor_of
from kernels.arguments.blocks import Block, broadcast
from kernels.arguments.ranges import Summary
from kernels.kinds import Advance, Tensor
from kernels.results import LogitPlane


def passes(names: Collection[str], loss: str, weighted: bool) -> Collection[str]:
    return names


def evaluate(
    block: Block,
    summary: Summary,
    s: np.ndarray,
    t: np.ndarray,
    outputs: dict[str, Tensor],
    loss: str,
    advance: Advance,
) -> None:
    """Writes sums over a block, divided by the weight of a summary, to `outputs`, {quantity: tensor}."""
    p, q, r, y = (tensor_of(field) for field in broadcast(block)[:4])
    options = {"quantities": tuple(outputs), "loss": loss, "sample_weight": tensor_of(block.weight)}
    plane, axes = LogitPlane(p, q, r), (tensor_of(s), tensor_of(t))
    surfaces = reference.surface_on_plane(plane, y, *axes, total=summary.weight, **options)
    for name, values in surfaces.items():
        outputs[name].copy_(values)
    advance(len(y) * len(s) * len(t) * len(outputs))
