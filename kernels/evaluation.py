"""Surfaces as every backend evaluates them: what directly, what at nodes to be interpolated, in which order; of many
samples by sums over blocks of them, which anybody may make."""

import math
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from kernels import backends
from kernels.arguments import arrays
from kernels.arguments.blocks import Block, Part, blocks_of, concatenated, joined
from kernels.arguments.samples import Group, Summary, check_passes, tasks_over
from kernels.bodies import Backend
from kernels.kinds import Advance, Array, Report
from kernels.mathematics.compression import Line
from kernels.mathematics.planning import Choice
from kernels.progress import counted, nothing, silent
from kernels.quantities import QUANTITIES, Asked
from kernels.workers import compensated
from kernels.workers.runner import HERE, Runner, Stage, State

BAND = 2**18  # sums of a grid that are made at once, by whoever does it: 2 MB, of which many may wait for earlier ones


class Work(NamedTuple):
    """Who evaluates: a backend that fills surfaces, the name of that which adds up, None to go by the blocks; workers;
    a name for what is evaluated; and the progress."""

    backend: Backend[Any]
    name: str | None
    runner: Runner = HERE
    title: str = "surface"
    report: Report = silent


def evaluate(
    work: Work,
    group: Group,
    axes: tuple[np.ndarray, np.ndarray],
    outputs: Mapping[str, Array],
    choice: Choice,
) -> None:
    """Writes the quantities of a Group over axes (s, t) to `outputs`, {quantity: array}, as `choice` says.

    The progress is of evaluations, points times samples.
    """
    backend, asked = work.backend, group.asked
    smooth: dict[str, Array] = {}
    direct: dict[str, Array] = {}
    for name in asked.names:
        (smooth if choice.interpolation and QUANTITIES[name].smooth else direct)[name] = outputs[name]
    if not smooth:
        advance = nothing if work.report is silent else counted(work.report, evaluations_at(work, group, direct, axes))
        at_points(work, group, axes, direct, advance)
        return
    nodes = backend.interpolation()
    assert nodes is not None  # as something is smooth
    assert choice.interpolation is not None
    device = getattr(outputs[asked.names[0]], "device", None)
    s, t = (nodes.axis_of(*axis, device) for axis in zip(axes, choice.interpolation[:2], strict=True))
    at_nodes = evaluations_at_nodes(work, group, smooth, (s.nodes, t.nodes), choice.line)
    advance = counted(work.report, evaluations_at(work, group, direct, axes) + at_nodes)
    if direct:
        at_points(work, group, axes, direct, advance)
    values = {name: nodes.empty_values(out, s, t) for name, out in smooth.items()}
    if choice.line is None:
        at_points(work, group, (s.nodes, t.nodes), values, advance)
    else:
        moments = moments_of(work, group, choice.line, Asked(tuple(smooth), asked.loss), advance)
        grid = s.nodes, t.nodes, values, asked.loss
        nodes.evaluate_compressed(moments, group.summary, *grid, choice.line, advance)
    for name, out in smooth.items():
        nodes.fill(values[name], s, t, out, QUANTITIES[name].floor)


def evaluations_at(work: Work, group: Group, names: Collection[str], axes: tuple[np.ndarray, np.ndarray]) -> int:
    passes = len(work.backend.surfaces().passes(names, group.asked.loss, group.samples.weighted))
    return group.summary.n * axes[0].size * axes[1].size * passes


def evaluations_at_nodes(
    work: Work, group: Group, names: Collection[str], axes: tuple[np.ndarray, np.ndarray], line: Line | None
) -> int:
    """How many there are of the nodes of both axes, with samples that may be compressed along a line."""
    if line is None:
        return evaluations_at(work, group, names, axes)
    nodes = work.backend.interpolation()
    assert nodes is not None  # as there are some
    compressed = nodes.compressed_samples(line, group.asked) * len(axes[0]) * len(axes[1])
    return group.summary.n + compressed * len(work.backend.surfaces().passes(names, group.asked.loss, True))


def at_points(
    work: Work, group: Group, axes: tuple[np.ndarray, np.ndarray], outputs: dict[str, Array], advance: Advance
) -> None:
    """Writes means over all samples to `outputs`, every sample at every point."""
    summary, loss, body = group.summary, group.asked.loss, work.backend.surfaces()
    if summary.blocks == 1 and work.runner is HERE and work.name is not None:
        block, *others = group.samples
        if others or len(block.y) != summary.n:
            block = together([block, *others], summary.n)
        body.evaluate(block, summary, *axes, outputs, loss, advance)
        for name, out in outputs.items():
            if not QUANTITIES[name].smooth:
                limit(out)
        return
    components = sum(QUANTITIES[name].components for name in outputs)
    whole = [slice(None)]  # of one block, as in one piece: tiles of other columns round otherwise
    for number, columns in enumerate(whole if summary.blocks == 1 else bands(components * len(axes[1]), len(axes[0]))):
        some = {name: out[..., columns] for name, out in outputs.items()}
        stage = f"{work.title}: {', '.join(outputs)} at {len(axes[0])} x {len(axes[1])} points, band {number}"
        write_means(sums_at(work, group, (axes[0][columns], axes[1]), some, stage, advance), summary.weight, some)


def together(blocks: list[Block], n: int) -> Block:
    """Blocks of n samples in one; of samples that were one block when they were summed up."""
    check_passes(n, sum(len(block.y) for block in blocks))
    return concatenated(blocks)


def bands(height: int, columns: int) -> Iterator[slice]:
    """Columns of a grid whose sums, `height` of a column, are kept at once: accuracy costs as much for a part of one as
    for all of it."""
    some = max(1, BAND // height)
    return (slice(start, min(start + some, columns)) for start in range(0, columns, some))


def sums_at(
    work: Work,
    group: Group,
    axes: tuple[np.ndarray, np.ndarray],
    outputs: dict[str, Array],
    stage: str,
    advance: Advance,
) -> Array:
    """Sums over all samples (components, nt, ns), added up block by block in their order."""
    summary, names, loss = group.summary, tuple(outputs), group.asked.loss
    on_card = work.runner is HERE and work.name is not None and arrays.is_cuda(next(iter(outputs.values())))
    sums = SumsAt(work.name, summary._replace(weight=1.0), *axes, Asked(names, loss), not on_card)
    shape = sums.components, len(axes[1]), len(axes[0])
    passes = len(work.backend.surfaces().passes(names, loss, group.samples.weighted))
    each = axes[0].size * axes[1].size * passes
    like = next(iter(outputs.values())) if on_card else None
    tasks = Stage(stage, tasks_over(group.samples, sums), add_sums, each, 8 * math.prod(shape))
    state = work.runner.fold(tasks, no_sums(shape, like), advance)
    check_passes(summary.n, int(state["n"]))
    return compensated.finished(state["total"], state["lost"])


def no_sums(shape: tuple[int, ...], like: Any = None) -> State:
    """Sums to begin with, on the card of a tensor or on the host."""
    make: Any = np.zeros if like is None else like.double().new_zeros
    return {"n": np.zeros((), int), "total": make(shape), "lost": make(shape)}


def add_sums(state: State, result: tuple[int, Array]) -> None:
    state["n"] += result[0]
    compensated.add(state["total"], state["lost"], result[1])


class SumsAt(NamedTuple):
    """Samples and sums (components, nt, ns) over the blocks of some parts, of what is asked at points (s, t)."""

    backend: str | None
    summary: Summary
    s: np.ndarray
    t: np.ndarray
    asked: Asked
    on_host: bool

    @property
    def components(self) -> int:
        return sum(QUANTITIES[name].components for name in self.asked.names)

    def __call__(self, parts: tuple[Part, ...], advance: Advance) -> tuple[int, Array]:
        sums: State = {}
        found = ((len(block.y), self.of_block(block, advance)) for block in joined(blocks_of(parts)))
        n, total = next(found)  # of one block alone nothing is added
        for result in found:
            if not sums:
                sums = no_sums(total.shape, None if isinstance(total, np.ndarray) else total)
                add_sums(sums, (n, total))
            add_sums(sums, result)
        if sums:
            n, total = int(sums["n"]), compensated.finished(sums["total"], sums["lost"])
        return n, array_on_host(total) if self.on_host else total

    def of_block(self, block: Block, advance: Advance) -> Array:
        backend = backends.chosen(self.backend, y=block.y)
        summary = self.summary._replace(n=len(block.y), blocks=1)
        values = empty((self.components, len(self.t), len(self.s)), block, backend.TENSORS)
        outputs = components_of(values, self.asked.names)
        backend.surfaces().evaluate(block, summary, self.s, self.t, outputs, self.asked.loss, advance)
        return values


def empty(shape: tuple[int, ...], block: Block, tensors: bool) -> Array:
    if not isinstance(block.y, np.ndarray):
        return block.y.new_empty(shape)
    values = np.empty(shape)
    return arrays.tensor_of(values) if tensors else values


def components_of(values: Array, names: Sequence[str]) -> dict[str, Array]:
    """{quantity: its part of values (components, nt, ns)}."""
    found, start = {}, 0
    for name in names:
        count = QUANTITIES[name].components
        found[name] = values[start : start + count] if QUANTITIES[name].lead else values[start]
        start += count
    return found


def array_on_host(sums: Array) -> np.ndarray:
    return sums if isinstance(sums, np.ndarray) else sums.cpu().numpy()


def write_means(sums: Array, weight: float, outputs: dict[str, Array]) -> None:
    """Divides sums (components, nt, ns) by the weight of all samples, as kernels do those of a block."""
    for name, values in components_of(sums, tuple(outputs)).items():
        out, smooth = outputs[name], QUANTITIES[name].smooth
        means: Any = values * (1.0 / weight) if smooth else values / weight
        if isinstance(out, np.ndarray):
            out[...] = means if isinstance(means, np.ndarray) else means.numpy()
        else:
            out.copy_(sys.modules["torch"].as_tensor(means))
        if not smooth:
            limit(out)


def limit(shares: Array) -> None:
    """Sums of weights are rounded: shares of them are put between 0 and 1."""
    if isinstance(shares, np.ndarray):
        np.clip(shares, 0.0, 1.0, out=shares)
    else:
        shares.clamp_(0.0, 1.0)


def moments_of(work: Work, group: Group, line: Line, asked: Asked, advance: Advance) -> np.ndarray:
    """Sums over all samples of the moments of each block along a line."""
    moments = MomentsOf(work.name, line, asked)
    if group.summary.blocks == 1 and work.runner is HERE and work.name is not None:
        return moments.of_block(together(list(group.samples), group.summary.n), advance)
    shape = (2 * line.nodes + 1,)
    stage = Stage(f"{work.title}: moments", tasks_over(group.samples, moments), add_sums, 1)
    state = work.runner.fold(stage, no_sums(shape), advance)
    check_passes(group.summary.n, int(state["n"]))
    return array_on_host(compensated.finished(state["total"], state["lost"]))


class MomentsOf(NamedTuple):
    """Samples and sums of the moments of the blocks of some parts along a line."""

    backend: str | None
    line: Line
    asked: Asked

    def __call__(self, parts: tuple[Part, ...], advance: Advance) -> tuple[int, np.ndarray]:
        state = no_sums((2 * self.line.nodes + 1,))
        for block in joined(blocks_of(parts)):
            add_sums(state, (len(block.y), self.of_block(block, advance)))
        return int(state["n"]), array_on_host(compensated.finished(state["total"], state["lost"]))

    def of_block(self, block: Block, advance: Advance) -> np.ndarray:
        nodes = backends.chosen(self.backend, y=block.y).interpolation()
        assert nodes is not None  # as the samples are compressed
        return nodes.moments(block, self.line, self.asked, advance)
