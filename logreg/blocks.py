"""Samples in blocks that are read where they are needed, by the workers of an executor or here: what comes back is sums
over them, added up in the order of the blocks."""

from __future__ import annotations

import io
import json
import pickle
from contextlib import contextmanager
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeGuard

import numpy as np

from kernels.arguments.ranges import unit_in_use
from kernels.arguments.samples import tasks_over
from kernels.evaluation import add_sums, no_sums
from kernels.workers import compensated
from kernels.workers.checkpoint import print_of
from kernels.workers.runner import Runner, Stage, State
from logreg.classes import Counted, Labels, Meaning, count_classes
from logreg.devices import host
from logreg.products import IN_PIECES
from logreg.samples import (
    ArraySamples,
    Expected,
    StreamedSamples,
    check_counts,
    check_passes,
    names_of,
    only_label,
    read_features,
    read_part,
    weights_of_part,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from logreg.classes import Weights
    from logreg.samples import Summed

RETURNS = "callables that return (x, y) or (x, y, sample_weight)"
ADDRESS = "_stop_words_id"
LONGEST = 200  # characters of a label, as JSON: a checkpoint has room for so many


def are_blocks(data: Any) -> TypeGuard[Sequence[Callable[[], Any]]]:
    """Whether data is a list of callables that return samples."""
    return isinstance(data, (list, tuple)) and len(data) > 0 and callable(data[0])


class Block(NamedTuple):
    """What returns some samples once it is called, and where it stands among all."""

    given: Callable[[], Any]
    number: int

    @property
    def carries_data(self) -> bool:
        return False


class Reading(NamedTuple):
    """How blocks are read: what labels mean and what a model expects."""

    meaning: Meaning
    known: Expected

    def labels(self, block: Block) -> tuple[Labels, np.ndarray | None, str]:
        """Labels of a block, weights of its own (n,) or None, and a print of the names of its columns, if these are
        features; the features aren't looked at."""
        item = returned(block)
        labels, weight = self.labels_of(item, item[0].shape[0] if hasattr(item[0], "shape") else len(item[0]))
        names = None if self.known.prepare else names_of(item[0])
        return labels, weight, "" if names is None else print_of(names)

    def samples(self, block: Block) -> ArraySamples:
        """The samples of a block, checked."""
        with noted(block):
            item = returned(block)
            x = read_features(item[0], self.known)
            labels, weight = self.labels_of(item, x.shape[0])
            return ArraySamples(x, labels, None, weight, IN_PIECES)

    def labels_of(self, item: Any, n: int) -> tuple[Labels, np.ndarray | None]:
        if n == 0:
            raise ValueError("data has an empty block; accepted: blocks of at least one sample")
        return read_part(item[1], n, self.meaning), weights_of_part(item, n)


def returned(block: Block) -> Any:
    item = block.given() if callable(block.given) else block.given
    if item is block.given or not (isinstance(item, (tuple, list)) and len(item) in (2, 3)):
        raise TypeError(f"data has a block of {type(item).__name__}; accepted: {RETURNS}")
    return item


@contextmanager
def noted(block: Block) -> Iterator[None]:
    """Errors say which block they are of."""
    try:
        yield
    except Exception as error:
        error.add_note(f"That was block {block.number} of data, counted from 0.")
        raise


class Totals(NamedTuple):
    """What is known of all samples: their number, their Counted, whether they have weights of their own, and the unit
    in which these are taken."""

    n: int
    counted: Counted
    weighted: bool
    unit: float


class Blocks:
    """Samples of callables that return (x, y) or (x, y, sample_weight). In each pass they are called again, where tasks
    run; labels are read by themselves before, by a pass of their own."""

    def __init__(self, given: Sequence[Callable[[], Any]], meaning: Meaning, known: Expected, runner: Runner) -> None:
        self.given, self.reading, self.runner, self.names = given, Reading(meaning, known), runner, known.names
        self.count: int | None = len(given)
        self.passes = 0  # over features, so far

    def parts(self) -> Iterator[Block]:
        return (Block(given, number) for number, given in enumerate(self.given))

    def require_order(self) -> None:
        raise ValueError(f"sample_weight is given beside blocks; accepted: None, or {RETURNS}")

    @cached_property
    def totals(self) -> Totals:
        stage = Stage("labels", tasks_over(self, LabelsOf(self.reading)), add_labels)
        state = self.runner.fold(stage, no_labels())
        if int(state["weighted"]) not in (0, int(state["blocks"])):
            raise ValueError("data has blocks with sample_weight and blocks without; accepted: all with it, or none")
        check_counts(state["weights"].any())
        zero, one = (json.loads(text) if text else None for text in state["classes"].tolist())
        counted = Counted((zero, one), state["numbers"], state["weights"])
        return Totals(int(state["n"]), counted, bool(state["weighted"]), float(state["unit"]))

    @property
    def n(self) -> int:
        return self.totals.n

    @property
    def counted(self) -> Counted:
        return self.totals.counted

    @property
    def weighted(self) -> bool:
        return self.totals.weighted

    @property
    def unit(self) -> float:
        return self.totals.unit

    def total(self, weights: Weights) -> float:
        """The sum of the weights of all, in their unit."""
        return float(weights.zero * self.counted.weights[0] + weights.one * self.counted.weights[1])

    def sum(self, function: Summed) -> np.ndarray:
        self.passes += 1
        tasks = tasks_over(self, SumOf(self.reading, function))
        stage = Stage(f"pass {self.passes} over data", tasks, add_sums, 0, 8 * prod(function.shape))
        state = self.runner.fold(stage, no_sums(function.shape))
        check_passes(self.n, int(state["n"]))
        return host(compensated.finished(state["total"], state["lost"]))


AnySamples: TypeAlias = ArraySamples | StreamedSamples | Blocks


class Pickler(pickle.Pickler):
    """Makes the same bytes of equal steps in any process: scikit-learn's vectorizers keep the address of their stop
    words, which is another one in each, and found anew when they are called."""

    def reducer_override(self, value: Any) -> Any:
        if ADDRESS not in getattr(value, "__dict__", ()):
            return NotImplemented
        make, arguments, state, *others = value.__reduce_ex__(pickle.DEFAULT_PROTOCOL)
        return make, arguments, {name: one for name, one in state.items() if name != ADDRESS}, *others


def pickled(name: str, value: Any) -> bytes:
    file = io.BytesIO()
    try:
        Pickler(file).dump(value)
        return file.getvalue()
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        accepted = "what can be pickled, such as functools.partial of a function"
        raise TypeError(f"{name} can't be pickled ({error}); accepted with checkpoint: {accepted}") from error


class SumOf(NamedTuple):
    """Samples of some blocks, and the sum of a function over them."""

    reading: Reading
    function: Summed

    def __call__(self, blocks: tuple[Block, ...], _: Any) -> tuple[int, np.ndarray]:
        state = no_sums(self.function.shape)
        for block in blocks:
            for batch in self.reading.samples(block):
                values = np.zeros(self.function.shape)
                self.function.add(values, batch)
                add_sums(state, (len(batch.y), values))
        return int(state["n"]), host(compensated.finished(state["total"], state["lost"]))


def no_labels() -> State:
    """Of labels and weights: weights of classes in a unit, what stands for classes, as JSON, and a print of columns."""
    counts = {name: np.zeros((), int) for name in ("n", "blocks", "weighted")}
    sums = {"numbers": np.zeros(2), "weights": np.zeros(2), "unit": np.zeros(())}
    return counts | sums | {"classes": np.zeros(2, f"<U{LONGEST}"), "columns": np.zeros((), "<U32")}


class LabelsOf(NamedTuple):
    """What is known of the labels and weights of some blocks, as `no_labels` begins."""

    reading: Reading

    def __call__(self, blocks: tuple[Block, ...], _: Any) -> State:
        state = no_labels()
        for block in blocks:
            with noted(block):
                add_labels(state, self.of_block(*self.reading.labels(block)))
        return state

    def of_block(self, labels: Labels, weight: np.ndarray | None, columns: str) -> State:
        unit = unit_in_use(weight)
        counted = count_classes(labels, None if weight is None else weight / (unit or 1.0))
        state = no_labels()
        state["n"][...], state["blocks"][...], state["weighted"][...] = len(labels.y), 1, weight is not None
        state["numbers"][...], state["weights"][...], state["unit"][...] = counted.numbers, counted.weights, unit
        state["classes"][...], state["columns"][...] = [text_of(label) for label in labels.classes], columns
        return state


def text_of(label: Any) -> str:
    """A label as JSON, nothing for None."""
    if label is None:
        return ""
    try:
        text = json.dumps(label.item() if isinstance(label, np.generic) else label)
    except TypeError:
        text = " " * (LONGEST + 1)
    if len(text) > LONGEST:
        raise ValueError(
            f"data y has the label {label!r}; accepted in blocks: numbers and texts of up to {LONGEST - 2}"
        )
    return text


def add_labels(state: State, more: State) -> None:
    """Adds those of later blocks, in place."""
    unit = max(state["unit"], more["unit"]) or 1.0
    state["weights"][...] = state["weights"] * (state["unit"] / unit) + more["weights"] * (more["unit"] / unit)
    state["unit"][...] = max(state["unit"], more["unit"])
    for name in ("n", "blocks", "weighted", "numbers"):
        state[name] += more[name]
    columns = {str(one["columns"]) for one in (state, more)} - {""}
    if len(columns) > 1:
        raise ValueError("data x has other columns in one block than in another; accepted: the same in one order")
    state["columns"][...] = "".join(columns)
    for k in range(2):
        texts = {str(one["classes"][k]) for one in (state, more)} - {""}
        label = only_label(k, {json.loads(text) for text in texts})
        state["classes"][k] = text_of(label)
