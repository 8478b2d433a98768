"""Loss and gradient of all samples of batches, each of which anybody may read: weighted means of the means of batches,
added up in their order."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from kernels import backends, means
from kernels.arguments import arrays, dataset, models, weighting
from kernels.arguments.batches import Batches, read_batch
from kernels.arguments.ranges import unit_in_use
from kernels.arguments.samples import MOST_TASKS, length_of
from kernels.kinds import Advance, Array
from kernels.progress import nothing
from kernels.workers import compensated
from kernels.workers.runner import Runner, Stage, State

SHARE = 2.0**-64  # of sums that leave the range of a float64 though their mean doesn't


class Model(NamedTuple):
    """What is evaluated: w (d,), b, the weight of the positive class or None, and by which backend, None for that of
    each batch."""

    w: np.ndarray
    b: float
    pos_weight: float | None
    backend: str | None


def mean_loss_grad(batches: Batches, model: Model, runner: Runner) -> tuple[np.ndarray, np.dtype]:
    """Mean loss, its gradient by w and by b (d + 2,), float64, and the dtype of the batches."""
    found, dtype = mean_by(batches, model, runner, 1.0)
    if not np.isfinite(found).all():
        found, dtype = mean_by(batches, model, runner, SHARE)
    return found, dtype


def mean_by(batches: Batches, model: Model, runner: Runner, share: float) -> tuple[np.ndarray, np.dtype]:
    """The same by sums of which a share is taken."""
    size = len(model.w) + 2
    counts = {name: np.zeros((), int) for name in ("n", "weighted", "batches", "double")}
    numbers = {name: np.zeros(()) for name in ("weight", "unit")}
    state = counts | numbers | {"total": np.zeros(size), "lost": np.zeros(size)}
    tasks = tasks_over(batches, model, share)
    runner.fold(Stage(f"loss and gradient by {share:g}", tasks, add_means, 1, 8 * size), state)
    if state["n"] == 0:
        raise ValueError("X has no batches; accepted: at least one (X, y)")
    if int(state["weighted"]) not in (0, int(state["batches"])):
        raise ValueError("X has batches with sample_weight and batches without; accepted: all with it, or none")
    if not state["weight"] > 0:
        raise ValueError("sample_weight has only zeros; accepted: weights >= 0, some above 0")
    with np.errstate(over="ignore", invalid="ignore"):
        mean = compensated.finished(state["total"], state["lost"]) / state["weight"] / share
    return np.asarray(mean), np.dtype(np.float64 if state["double"] else np.float32)


def tasks_over(batches: Batches, model: Model, share: float) -> "Iterator[MeansOf]":
    """One for each batch, or for several of very many, by their number alone."""
    count = length_of(batches)
    size = -(-count // MOST_TASKS) if count else 1
    numbered = enumerate(batches)
    while some := tuple(islice(numbered, size)):
        yield MeansOf(some, model, share)


class MeansOf(NamedTuple):
    """A task: the State that some batches, of these numbers, make of nothing."""

    batches: tuple[tuple[int, Any], ...]
    model: Model
    share: float

    @property
    def carries_data(self) -> bool:
        return not all(callable(batch) for _, batch in self.batches)

    def __call__(self, advance: Advance = nothing) -> State:
        states = []
        for number, batch in self.batches:
            try:
                states.append(sums_of(batch, self.model, self.share))
            except Exception as error:
                error.add_note(f"That was batch {number} of X, counted from 0.")
                raise
        first, *others = states
        for state in others:
            add_means(first, state)
        advance(int(first["n"]))
        return first


def sums_of(given: Any, model: Model, share: float) -> State:
    """The State of one batch: its mean times its weight, in a unit, times a share."""
    batch = read_batch(given)
    X, y = dataset.samples(batch.X, batch.y)
    weight = dataset.weights(batch.sample_weight, len(X), zeros=True)
    unit = unit_in_use(weight)
    state = {name: np.zeros((), int) for name in ("n", "weighted", "batches", "double")}
    state["n"] += len(X)
    state["batches"] += 1
    state["weighted"] += weight is not None
    state["double"] += arrays.dtype_of(X) == np.float64
    sums = np.zeros(len(model.w) + 2)
    own: Any = 0.0
    if unit:
        own = float(len(X) if weight is None else (arrays.cast(weight, np.float64) / unit).sum())
        with np.errstate(over="ignore", invalid="ignore"):
            sums = mean_of_batch(X, y, weight, model) * (own * share)
    numbers = {"weight": np.array(own), "unit": np.array(unit)}
    return state | numbers | {"total": sums, "lost": np.zeros_like(sums)}


def mean_of_batch(X: Array, y: Array, weight: Array | None, model: Model) -> np.ndarray:
    """Mean loss, its gradient by w and by b (d + 2,), float64."""
    X, y, weight, total = weighting.of_mean(X, y, weight, model.pos_weight)
    dtype = arrays.dtype_of(X)
    w = models.coefficients("w", model.w, [(X.shape[1],)], dtype)
    b = models.bias_beside(X, models.coefficients("b", model.b, [(), (1,)], dtype))
    found = means.mean_loss_grad(backends.chosen(model.backend, X=X), X, y, weight, w, b, total)
    loss, grad_w, grad_b = (part.double().cpu().numpy() if arrays.is_tensor(part) else part for part in found)
    return np.concatenate([np.ravel(loss), grad_w, np.ravel(grad_b)], dtype=np.float64)


def add_means(state: State, more: State) -> None:
    """Adds those of later batches, in place."""
    unit = float(max(state["unit"], more["unit"])) or 1.0
    before, after = float(state["unit"]) / unit, float(more["unit"]) / unit
    for name in ("weight", "total", "lost"):
        state[name] *= before
    state["weight"] += more["weight"] * after
    compensated.add(state["total"], state["lost"], more["total"] * after)
    state["lost"] += more["lost"] * after
    state["unit"][...] = max(state["unit"], more["unit"])
    for name in ("n", "weighted", "batches", "double"):
        state[name] += more[name]
