"""Surfaces as every backend evaluates them: what directly, what at nodes to be interpolated, and in which order."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from kernels.arguments.samples import Group
from kernels.bodies import Backend
from kernels.kinds import Array, Report
from kernels.mathematics.compression import Line
from kernels.mathematics.planning import Choice
from kernels.progress import counted, nothing, silent
from kernels.quantities import QUANTITIES


def evaluate(
    backend: Backend[Any],
    group: Group,
    axes: tuple[np.ndarray, np.ndarray],
    outputs: Mapping[str, Array],
    choice: Choice,
    report: Report,
) -> None:
    """Writes the quantities of a Group over axes (s, t) to `outputs`, {quantity: array}, as `choice` says.

    `report` is called with (done, total), which count evaluations, points times samples.
    """
    body = backend.surfaces()
    samples, summary, asked, _ = group
    smooth: dict[str, Array] = {}
    direct: dict[str, Array] = {}
    for name in asked.names:
        (smooth if choice.interpolation and QUANTITIES[name].smooth else direct)[name] = outputs[name]
    if not smooth and report is silent:
        body.evaluate(samples, summary, *axes, direct, asked.loss, nothing)
        return
    evaluations = summary.n * axes[0].size * axes[1].size * len(body.passes(direct, asked.loss, samples.weighted))
    if not smooth:
        body.evaluate(samples, summary, *axes, direct, asked.loss, counted(report, evaluations))
        return
    nodes = backend.interpolation()
    assert nodes is not None  # as something is smooth
    assert choice.interpolation is not None
    device = getattr(outputs[asked.names[0]], "device", None)
    s, t = (nodes.axis_of(*axis, device) for axis in zip(axes, choice.interpolation[:2], strict=True))
    advance = counted(report, evaluations + evaluations_at_nodes(backend, group, smooth, s, t, choice.line))
    if direct:
        body.evaluate(samples, summary, *axes, direct, asked.loss, advance)
    values = {name: nodes.empty_values(out, s, t) for name, out in smooth.items()}
    at_nodes = samples, summary, s.nodes, t.nodes, values, asked.loss
    if choice.line is None:
        body.evaluate(*at_nodes, advance)
    else:
        nodes.evaluate_compressed(*at_nodes, choice.line, advance)
    for name, out in smooth.items():
        nodes.fill(values[name], s, t, out, QUANTITIES[name].floor)


def evaluations_at_nodes(
    backend: Backend[Any], group: Group, names: Collection[str], s: Any, t: Any, line: Line | None
) -> int:
    """How many there are of the nodes of both axes, with samples that may be compressed along a line."""
    samples, summary, asked, _ = group
    points, body = len(s.nodes) * len(t.nodes), backend.surfaces()
    if line is None:
        return summary.n * points * len(body.passes(names, asked.loss, samples.weighted))
    nodes = backend.interpolation()
    assert nodes is not None  # as there are some
    compressed = nodes.compressed_samples(line, asked)
    return summary.n + compressed * points * len(body.passes(names, asked.loss, True))
