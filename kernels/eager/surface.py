"""Surfaces by the reference."""

from kernels import reference
from kernels.arguments.arrays import tensor_of
from kernels.arguments.samples import concatenated
from kernels.results import LogitPlane


def passes(names, loss, weighted):
    return names


def evaluate(samples, summary, s, t, outputs, loss, advance):
    """Writes means over the samples to `outputs`, {quantity: tensor}."""
    p, q, r, y, weight = map(tensor_of, concatenated(samples))
    options = {"quantities": tuple(outputs), "loss": loss, "sample_weight": weight}
    surfaces = reference.surface_on_plane(LogitPlane(p, q, r), y, tensor_of(s), tensor_of(t), **options)
    for name, values in surfaces.items():
        outputs[name].copy_(values)
    advance(len(y) * len(s) * len(t) * len(outputs))
