"""Surfaces as sums over blocks of samples, by whoever runs the tasks, kept in a file as they grow."""

from __future__ import annotations

import os
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kernels import backends, evaluation, keeping
from kernels.mathematics import planning
from kernels.quantities import QUANTITIES, Asked, Surface
from kernels.surface import evaluated, problem_of, samples_of
from kernels.workers.checkpoint import print_of, print_of_code
from kernels.workers.runner import HERE, Runner, check_executor
from logreg.blocks import Blocks, are_blocks, pickled
from logreg.evaluation import BELOW_BOUND, UNIT_ROUNDOFF, bands, logits_at, logits_on, size_of_quantity, thetas_of
from logreg.plane import Logits, PlaneSurface, penalised, surface_of
from logreg.samples import times_own

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from kernels.arguments.samples import ArraySamples, Group, StreamedSamples
    from kernels.kinds import Executor, Path
    from kernels.mathematics.planning import Choice
    from logreg.blocks import Block, Reading
    from logreg.classes import Weights
    from logreg.directions import Plane
    from logreg.models import LinearModel
    from logreg.objective import Objective

TOLERANCE = 1e-12  # of interpolation, as that of the kernels is by default
RANDOM = "random", "filter"  # directions by a seed


class BlockOnPlane(NamedTuple):
    """What returns (LogitPlane, y) or (LogitPlane, y, weight) of a block, float64, at thetas (d + 1, 3)."""

    reading: Reading
    block: Block
    thetas: np.ndarray
    weights: Weights | None
    unit: float

    def __call__(self) -> tuple[Any, ...]:
        samples = self.reading.samples(self.block)
        plane, y = logits_at(self.thetas, samples), samples.labels.y
        if self.weights is None:
            return plane, y
        own = None if samples.weight is None else samples.weight / self.unit
        return plane, y, times_own(self.weights.of(y), own)


def blocks_on(plane: Plane, blocks: Blocks, weights: Weights | None) -> list[BlockOnPlane]:
    about = thetas_of(plane), weights, blocks.unit
    return [BlockOnPlane(blocks.reading, block, *about) for block in blocks.parts()]


def runner_around(
    executor: Executor | None, checkpoint: Path | None, known: LinearModel, data: Any, arguments: dict[str, Any]
) -> Runner:
    """Who makes a surface around a model, and where what is done is kept, with prints of what it is of."""
    if check_executor(executor) is None and checkpoint is None:
        return HERE
    if checkpoint is None:
        return Runner(executor)
    directions, seed = arguments["directions"], arguments["seed"]
    if not (isinstance(directions, str) and directions in RANDOM):
        arguments = {**arguments, "seed": None}  # which nothing is drawn by
    elif not isinstance(seed, Integral):
        accepted = "a whole number with checkpoint"
        raise ValueError(f"seed is {seed!r} with directions {directions!r}; accepted: {accepted}")
    steps = b"" if known.prepare is None else pickled("what the model does before", known.prepare)
    about = known.has_bias, known.classes, known.class_weight, known.penalty, known.names, steps
    values: dict[str, tuple[Any, ...]] = {"model": (known.theta, *known.paths, about), "arguments": (arguments,)}
    values["code of logreg"] = (print_of_code(os.path.dirname(__file__)),)
    values["data"] = (prints_of(data),)
    return Runner(executor, keeping.kept_at(checkpoint, "LossSurface.around", "numba", **values))


def prints_of(data: Any) -> str:
    """A text that is another one for other callables. Of samples that are here the logits tell."""
    if not are_blocks(data):
        return ""
    return print_of(*(pickled(f"data[{number}]", given) for number, given in enumerate(data)))


def plane_as_kept(plane: Plane, directions: Any, runner: Runner) -> Plane:
    """The plane, with the vectors that are kept where they are found: decompositions have other last digits where the
    BLAS of the caller has another number of threads."""
    if runner.kept is None:
        return plane
    if not isinstance(directions, str):
        runner.kept.bind(directions=print_of(*plane[:3]))
        return plane
    state = {"n": np.ones((), int), "vectors": np.stack(plane[:3])}
    if not runner.kept.restore("plane", state):
        runner.kept.note("plane", 1, state)
    center, s_direction, t_direction = state["vectors"]
    return plane._replace(center=center, s_direction=s_direction, t_direction=t_direction)


def surface_on(
    plane: Plane,
    objective: Objective,
    s: np.ndarray,
    t: np.ndarray,
    quantities: Sequence[str],
    runner: Runner,
    card: torch.device | None,
) -> PlaneSurface:
    """The PlaneSurface of an objective, whose logits it keeps where the samples are here."""
    samples, loss, weights, pos_weight, penalty = objective
    logits = None
    if isinstance(samples, Blocks):
        given = samples_of(blocks_on(plane, samples, weights), None, None)
    else:
        fields, y = logits_on(plane, samples), samples.labels.y
        logits = Logits(fields, y, objective.sample_weight, pos_weight, card)
        if runner is HERE:
            return surface_of(logits, plane, s, t, quantities, penalty, loss)
        given = samples_of(*logits[:3])
    if runner.kept is not None:
        runner.kept.bind(axes=print_of(s, t), pos_weight=repr(pos_weight))
        if logits is not None:
            runner.kept.bind(samples=given.print())
    values = evaluate_by(runner, given, s, t, quantities, loss=loss, pos_weight=pos_weight)
    return penalised(values, plane, penalty, loss, logits)


def evaluate_by(
    runner: Runner,
    samples: ArraySamples | StreamedSamples,
    s: np.ndarray,
    t: np.ndarray,
    quantities: Sequence[str],
    *,
    loss: str,
    pos_weight: float | None,
) -> Surface:
    """The Surface of samples on the host over axes (s, t), as `evaluation.evaluate` makes it: values that interpolation
    can't resolve are evaluated directly, by passes of their own."""
    problem = problem_of(samples, s, t, quantities, loss, pos_weight, "auto", TOLERANCE)
    backend = backends.chosen(None)
    outputs, parts = evaluated(problem, backend, None, None, runner)
    found: dict[str, Any] = outputs
    work = evaluation.Work(backend, backends.NAMES[backend] if samples.here else None, runner)
    faint = [(group, *where) for group, choice in parts for where in faint_cells(group, choice, s, t, found)]
    for number, (group, name, rows, columns) in enumerate(faint):
        part = found[name][..., rows, columns].copy()
        own = group._replace(asked=Asked((name,), group.asked.loss))
        direct = planning.direct("values are faint")
        evaluation.evaluate(
            work._replace(title=f"faint values {number}"), own, (s[columns], t[rows]), {name: part}, direct
        )
        found[name][..., rows, columns] = part
    return Surface(s, t, **found, plan=parts[0][1].plan)


def faint_cells(
    group: Group, choice: Choice, s: np.ndarray, t: np.ndarray, found: dict[str, np.ndarray]
) -> list[tuple[str, slice, slice]]:
    """[(quantity, rows, columns)]: where values of a Group are below what interpolation resolves."""
    if choice.interpolation is None:
        return []
    p, q, r = np.maximum(np.abs(group.summary.low), np.abs(group.summary.high))
    largest_logit = p + np.abs(s).max() * q + np.abs(t).max() * r
    cells = []
    for name in (name for name in group.asked.names if QUANTITIES[name].smooth):
        values = found[name]
        error = (choice.plan.bound + 4 * UNIT_ROUNDOFF * largest_logit) * max(1.0, np.abs(values).max())
        cells += [(name, *where) for where in bands(size_of_quantity(name, values) < BELOW_BOUND * error)]
    return cells
