"""The samples of a surface, from arrays or from a stream, in blocks that are made anew in every pass.

A field of a block is (n,) or, where all its samples share a value, (1,). Parts, which can be sent to a worker, give
blocks where they are read.
"""

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, Protocol

import numpy as np

from kernels.arguments import arrays, blocks, ranges
from kernels.arguments.blocks import (
    Balancing,
    Block,
    Change,
    Fields,
    Part,
    Pass,
    Reweighing,
    Scaling,
    blocks_of,
    checked,
)
from kernels.arguments.ranges import ORDINARY, Summary, summary_of_block
from kernels.arguments.weighting import unit_of
from kernels.kinds import Array, ArrayLike
from kernels.quantities import QUANTITIES, Asked
from kernels.workers.checkpoint import print_of
from kernels.workers.runner import HERE, Runner, Stage, State

LARGEST_SUM = 2.0**1000  # of terms: what kernels make of such a sum is finite
LEAST_EXPONENT = -1000  # of a class's weight: 2 to minus that is finite


MOST_TASKS = 1024  # into which the parts of samples are grouped, at the most: each sends its sums, for many parts


class Samples(Protocol):
    """Blocks of samples, the same in every pass, and whether any of them have weights; parts of them, of which there
    are `count` if that is known."""

    weighted: bool
    count: int | None

    def __iter__(self) -> Iterator[Block]: ...

    def parts(self) -> Iterator[Part]: ...


class ArraySamples:
    """Blocks of arrays that are checked: fields (n,) or (1,) of a plane, labels (n,), weights (n,) or None.

    Results are to be of the dtype of the plane, and of the kind of `like`. Means stay what they are in other units of
    the weights, so these are taken in such that no sum overflows or vanishes.
    """

    def __init__(self, plane: tuple[Array, Array, Array], y: Array, weight: Array | None, like: ArrayLike) -> None:
        self.fields, self.like, self.here = Fields(*plane, y, weight), like, True
        unit = None if weight is None else unit_of(weight)
        if isinstance(unit, float) and ORDINARY[0] < unit < ORDINARY[1]:
            unit = None
        self.changes: tuple[Change, ...] = () if unit is None else (Scaling(unit),)
        self.dtype, self.weighted = arrays.dtype_of(plane[0]), weight is not None
        self.arrays: tuple[Array, ...] = tuple([field for field in self.fields if field is not None])
        self.count: int | None = -(-len(y) // blocks.AT_ONCE)
        self.only: list[Block] = []  # the block of as few as AT_ONCE samples, once it is made, for all passes

    @property
    def named(self) -> dict[str, Array | None]:
        """{name: array}, as arguments are called."""
        names = "plane.offset", "plane.s_slope", "plane.t_slope", "y", "sample_weight"
        return dict(zip(names, self.fields, strict=True))

    def __iter__(self) -> Iterator[Block]:
        if self.count != 1:
            return blocks_of(self.parts())
        if not self.only:
            block = self.fields.block(slice(None))
            for change in self.changes:
                block = change(block)
            self.only.append(block)
        return iter(self.only)

    def parts(self) -> Iterator[Part]:
        n, at_once = len(self.fields.y), blocks.AT_ONCE
        for number, start in enumerate(range(0, n, at_once)):
            some = slice(start, start + at_once)
            own: list[Any] = []
            for field in self.fields:
                own.append(field if field is None or len(field) != n else slice_of(field, some))
            yield Part(Fields(*own), number, self.changes)

    def print(self) -> str:
        """A text that is another one for other samples."""
        return print_of_fields(self.fields)


def slice_of(field: Array, some: slice) -> Array:
    """Some values of a field; those of a memory map as an array, as engines may send a map by its path alone."""
    return np.asarray(field[some]) if isinstance(field, np.ndarray) else field[some]


class StreamedSamples:
    """Blocks (LogitPlane, y) or (LogitPlane, y, sample_weight), or callables that return one, that can be iterated over
    again, checked as they are read. What is not known before all have been read is None until they are summed up."""

    def __init__(self, given: Iterable[Any]) -> None:
        check_reiterable("plane", given)
        self.given = given
        self.changes: tuple[Change, ...] = ()
        first = next(iter(given), None)
        if first is None:
            raise ValueError("plane has no blocks; accepted: at least one (LogitPlane, y)")
        self.here = not callable(first)
        self.count = length_of(given)
        self.weighted, self.like = False, np.empty(0)
        self.dtype: np.dtype | None = None
        self.arrays: list[Array] = []
        self.named: dict[str, Array] = {}
        if self.here:
            fields = checked(first)
            self.weighted, self.dtype, self.like = (
                fields.weight is not None,
                arrays.dtype_of(fields[0]),
                first[0].offset,
            )
            self.arrays = [fields[0][:0]]  # none is kept, but this says where they are
            self.named = {"plane": self.arrays[0]}

    def __iter__(self) -> Iterator[Block]:
        return blocks_of(self.parts())

    def parts(self) -> Iterator[Part]:
        return (Part(given, number, self.changes) for number, given in enumerate(self.given))

    def print(self) -> str:
        """A text that is another one for other blocks; of blocks that can't be listed, for another first one."""
        return print_of(*map(print_of_block, self.given if self.count is not None else islice(self.given, 1)))


def length_of(given: Any) -> int | None:
    """How many blocks there are, where that is known."""
    try:
        return len(given)
    except TypeError:
        return None


def print_of_block(given: Any) -> str:
    if callable(given):
        return print_of(given)
    return print_of_fields(checked(given))


def print_of_fields(fields: Fields) -> str:
    found: list[Any] = [None if field is None else arrays.on_host(field) for field in fields]
    return print_of(*(None if field is None else np.asarray(field) for field in found))


class Changed:
    """Other samples with something done to every block, by which they have weights."""

    weighted = True

    def __init__(self, samples: Samples, change: Change) -> None:
        self.samples, self.change, self.count = samples, change, samples.count

    def __iter__(self) -> Iterator[Block]:
        return map(self.change, self.samples)

    def parts(self) -> Iterator[Part]:
        for part in self.samples.parts():
            yield part._replace(changes=(*part.changes, self.change))


class Parted(Protocol):
    """What comes in parts, so many if that is known, which can be sent to a worker."""

    count: int | None

    def parts(self) -> Iterator[Any]: ...


def tasks_over(samples: Parted, function: Any) -> Iterator[Pass]:
    """A pass over the samples in tasks, by the number of their parts alone."""
    size = -(-samples.count // MOST_TASKS) if samples.count else 1
    parts = samples.parts()
    while some := tuple(islice(parts, size)):
        yield Pass(function, some)


def with_balance(samples: Samples, n: int, runner: Runner) -> tuple[Changed, float]:
    """Other samples, with weights such that those of each class that occurs have the same sum; and that of all.

    Sums m 2^e of weights of the classes give each sample of one class m of the other, times 2^-e of its own: without
    weights these are whole numbers times a power of 2, and so is each of their sums, unrounded. A class whose weights
    are less than 1e-307 of the largest is as if it did not occur.
    """
    sums = sums_of_pass(samples, n, class_sums, 2, "weights of classes", runner)
    _, exponents = np.frexp(sums)
    exponents = np.maximum(exponents, LEAST_EXPONENT)
    mantissas = np.ldexp(sums, -exponents)
    factors = np.ldexp(np.where(mantissas > 0, mantissas, 1.0)[::-1], -exponents)
    return Changed(samples, Balancing(factors)), float((factors * sums).sum())


def sums_of_pass(samples: Samples, n: int, function: Any, size: int, name: str, runner: Runner) -> np.ndarray:
    """Sums (size,) over blocks of what a function gives for each of them."""
    state = runner.fold(
        Stage(name, tasks_over(samples, SumsOfBlocks(function)), add_sums),
        {"n": np.zeros((), int), "sums": np.zeros(size)},
    )
    check_passes(n, int(state["n"]))
    return state["sums"]


class SumsOfBlocks(NamedTuple):
    """Samples and sums of what a function gives for each block."""

    function: Callable[[Block], np.ndarray]

    def __call__(self, parts: tuple[Part, ...], _: Any) -> tuple[int, np.ndarray]:
        found = [(len(block.y), self.function(block)) for block in blocks_of(parts)]
        return sum(n for n, _ in found), np.sum([sums for _, sums in found], axis=0)


def add_sums(state: State, result: tuple[int, np.ndarray]) -> None:
    state["n"] += result[0]
    state["sums"] += result[1]


def class_sums(block: Block) -> np.ndarray:
    """The weight of each class (2,)."""
    class_1 = block.y > 0.5
    weight = 1.0 + 0.0 * block.y if block.weight is None else block.weight
    sums = (weight * ~class_1).sum(), (weight * class_1).sum()
    return np.array(sums if isinstance(weight, np.ndarray) else sys.modules["torch"].stack(sums).tolist(), np.float64)


def weight_of(block: Block) -> np.ndarray:
    """The sum of weights (1,)."""
    return np.array([0.0 if block.weight is None else float(block.weight.sum())])


class Group(NamedTuple):
    """Samples, their Summary with the weight by which sums are divided, what is asked of means over them, and by how
    much their weights may be more than that."""

    samples: Samples
    summary: Summary
    asked: Asked
    amplified: float = 1.0


def groups_of(
    samples: Samples,
    summary: Summary,
    reach: tuple[float, float],
    asked: Asked,
    pos_weight: float | None,
    runner: Runner = HERE,
) -> list[Group]:
    """Groups of all the quantities, that of the loss first: the weight of the positive class is of the loss and its
    derivatives alone, and where sums of these would overflow, the samples' weights are made less; balanced quantities
    have weights of their own. `reach` is how large a logit and a slope may be."""
    exponent = 0 if sums_fit(summary, reach, pos_weight) else max(0, math.frexp(summary.weight)[1])
    if pos_weight is None and exponent == 0 and not QUANTITIES[asked.names[0]].balanced and len(asked.names) == 1:
        return [Group(samples, summary, asked)]
    of_loss: list[str] = []
    balanced: list[str] = []
    others: list[str] = []
    for name in asked.names:
        reweighed = QUANTITIES[name].of_loss and not (pos_weight is None and exponent == 0)
        (of_loss if reweighed else balanced if QUANTITIES[name].balanced else others).append(name)
    groups = []
    if of_loss:
        of_class = Changed(samples, Reweighing(pos_weight, exponent))
        own = summary._replace(weight=math.ldexp(summary.weight, -exponent))
        amplified = 1.0
        if pos_weight is not None:
            (grown,) = sums_of_pass(of_class, summary.n, weight_of, 1, "weights of the loss", runner)
            amplified = max(1.0, float(grown) / own.weight)
        groups.append(Group(of_class, own, Asked(tuple(of_loss), asked.loss), amplified))
    if others:
        groups.append(Group(samples, summary, Asked(tuple(others), asked.loss)))
    if balanced:
        of_classes, total = with_balance(samples, summary.n, runner)
        own = summary._replace(weight=total)
        groups.append(Group(of_classes, own, Asked(tuple(balanced), asked.loss)))
    return groups


def sums_fit(summary: Summary, reach: tuple[float, float], pos_weight: float | None) -> bool:
    """Whether no sum of logits, slopes or their products over all samples can overflow."""
    logit, slope = reach
    return not summary.weight * max(1.0, pos_weight or 0.0) * max(logit, slope, slope * slope) >= LARGEST_SUM


def check_reiterable(name: str, iterable: Iterable[Any]) -> None:
    if iter(iterable) is iterable:
        raise TypeError(
            f"{name} is a {type(iterable).__name__}, which can be read only once; accepted: what can be iterated over "
            "again, such as a list or a DataLoader"
        )


def check_passes(n: int, again: int) -> None:
    """Raises a ValueError if one pass over the samples gave n of them, and another a different number."""
    if n != again:
        raise ValueError(f"plane gave {n} samples in one pass and {again} in another; accepted: the same in every pass")


def summary_of(samples: ArraySamples | StreamedSamples, runner: Runner = HERE) -> Summary:
    """The Summary of samples; of a stream, what it did not know is known then."""
    if samples.count == 1 and runner is HERE and isinstance(samples, ArraySamples):
        (block,) = samples
        return summary_of_block(block)
    state: State = {"n": np.zeros((), int), "ranges": ranges.none()}
    found = runner.fold(Stage("ranges", tasks_over(samples, ranges.of_parts), add_ranges), state)["ranges"]
    if isinstance(samples, StreamedSamples):
        take_ranges(samples, found)
    return ranges.summary(found)


def add_ranges(state: State, more: np.ndarray) -> None:
    ranges.add(state["ranges"], more)
    state["n"] += int(more[ranges.N])


def take_ranges(samples: StreamedSamples, found: np.ndarray) -> None:
    """Tells a stream what was found in all its parts."""
    parts, weighted, double = (int(found[k]) for k in (ranges.PARTS, ranges.WEIGHTED, ranges.DOUBLE))
    if weighted not in (0, parts):
        raise ValueError("plane has blocks with sample_weight and blocks without; accepted: all with it, or none")
    samples.count, samples.weighted = parts, weighted > 0
    samples.dtype = samples.dtype or np.dtype(np.float64 if double else np.float32)
    if samples.weighted:
        if not found[ranges.WEIGHT] > 0:
            raise ValueError("sample_weight has only zeros; accepted: weights >= 0, some above 0")
        unit = float(found[ranges.UNIT])
        samples.changes = () if unit == 1.0 else (Scaling(unit),)
