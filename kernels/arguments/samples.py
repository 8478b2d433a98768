"""The samples of a surface, from arrays or from a stream, in blocks that are made anew in every pass.

A field of a block is (n,) or, where all its samples share a value, (1,).
"""

import math
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from kernels.arguments import arrays, dataset, grids
from kernels.arguments.weighting import unit_of, weigh_positive
from kernels.kinds import Array, ArrayLike
from kernels.quantities import QUANTITIES, Asked
from kernels.results import LogitPlane

AT_ONCE = 2**20  # samples of a block at the most
ORDINARY = 2.0**-100, 2.0**100  # the largest weight: beyond it, weights are taken in other units
LARGEST_SUM = 2.0**1000  # of terms: what kernels make of such a sum is finite
LEAST_EXPONENT = -1000  # of a class's weight: 2 to minus that is finite


class Block(NamedTuple):
    """Some samples: logits p + s q + t r, labels y in [0, 1], and weights or None; float64 arrays or CUDA tensors."""

    p: Array
    q: Array
    r: Array
    y: Array
    weight: Array | None = None


class Summary(NamedTuple):
    """What planning needs to know of all the samples.

    n, blocks  how many, and in how many blocks
    weight     the sum of their weights
    low, high  of p, q, r (3,)
    extremes   (field, lowest or highest, (p, q, r)): the sample at which each field is lowest and highest (3, 2, 3)
    """

    n: int
    blocks: int
    weight: float
    low: np.ndarray
    high: np.ndarray
    extremes: np.ndarray


class Samples(Protocol):
    """Blocks of samples, the same in every pass, and whether any of them have weights."""

    weighted: bool

    def __iter__(self) -> Iterator[Block]: ...


class ArraySamples:
    """Blocks of arrays that are checked: fields (n,) or (1,) of a plane, labels (n,), weights (n,) or None.

    Results are to be of the dtype of the plane, and of the kind of `like`. Means stay what they are in other units of
    the weights, so these are taken in such that no sum overflows or vanishes.
    """

    def __init__(self, plane: tuple[Array, Array, Array], y: Array, weight: Array | None, like: ArrayLike) -> None:
        self.plane, self.y, self.weight, self.like = plane, y, weight, like
        self.unit = None if weight is None else unit_of(weight)
        if isinstance(self.unit, float) and ORDINARY[0] < self.unit < ORDINARY[1]:
            self.unit = None
        self.dtype, self.weighted = arrays.dtype_of(plane[0]), weight is not None
        self.arrays: tuple[Array, ...] = (*plane, y) if weight is None else (*plane, y, weight)
        self.only: list[Block] = []  # the block of as few as AT_ONCE samples, once it is made, for all passes

    @property
    def named(self) -> dict[str, Array | None]:
        """{name: array}, as arguments are called."""
        names = "plane.offset", "plane.s_slope", "plane.t_slope", "y", "sample_weight"
        return dict(zip(names, (*self.plane, self.y, self.weight), strict=True))

    def __iter__(self) -> Iterator[Block]:
        if len(self.y) > AT_ONCE:
            return map(self.block, self.slices())
        if not self.only:
            self.only.append(self.block(slice(None)))
        return iter(self.only)

    def slices(self) -> Iterator[slice]:
        return (slice(start, start + AT_ONCE) for start in range(0, len(self.y), AT_ONCE))

    def block(self, some: slice) -> Block:
        n = len(self.y)
        fields: list[Any] = []
        for field in (*self.plane, self.y, self.weight):
            if field is not None and len(field) == n:
                field = field[some]
            if isinstance(field, np.ndarray):
                fields.append(np.ascontiguousarray(field, np.float64))
            else:
                fields.append(None if field is None else field.double().contiguous())
        if fields[-1] is not None and self.unit is not None:
            fields[-1] = fields[-1] / self.unit
        return Block(*fields)


class StreamedSamples:
    """Blocks of pairs (LogitPlane, y) that can be iterated over again, checked as they come."""

    weighted = False

    def __init__(self, pairs: Iterable[Any]) -> None:
        check_reiterable("plane", pairs)
        self.pairs = pairs
        first = next(iter(pairs), None)
        if first is None:
            raise ValueError("plane has no blocks; accepted: at least one (LogitPlane, y)")
        plane, _ = checked(first)
        self.dtype, self.like = arrays.dtype_of(plane[0]), first[0].offset
        self.arrays = [plane[0][:0]]  # none is kept, but this says where they are
        self.named = {"plane": self.arrays[0]}

    def __iter__(self) -> Iterator[Block]:
        for pair in self.pairs:
            yield from ArraySamples(*checked(pair), None, self.like)


class Reweighed:
    """Other samples, of which the loss counts `pos_weight` times where they are of class 1, unless it is None, with
    weights 2^-exponent times theirs."""

    weighted = True

    def __init__(self, samples: Samples, pos_weight: float | None, exponent: int) -> None:
        self.samples, self.pos_weight, self.exponent = samples, pos_weight, exponent

    def __iter__(self) -> Iterator[Block]:
        for block in self.samples:
            y, weight = block.y, block.weight
            if weight is None:
                weight = 1.0 + 0.0 * y
            weight = weight * 2.0**-self.exponent
            if self.pos_weight is not None:
                y, weight = weigh_positive(y, weight, self.pos_weight)
            yield block._replace(y=y, weight=weight)


class Balanced:
    """Other samples, with weights such that those of each class that occurs have the same sum; `total`, that of all.

    Sums m 2^e of weights of the classes give each sample of one class m of the other, times 2^-e of its own: without
    weights these are whole numbers times a power of 2, and so is each of their sums, unrounded. A class whose weights
    are less than 1e-307 of the largest is as if it did not occur.
    """

    weighted = True

    def __init__(self, samples: Samples, n: int) -> None:
        self.samples = samples
        sums, seen = np.zeros(2), 0
        for block in samples:
            sums, seen = sums + class_sums(block), seen + len(block.y)
        check_passes(n, seen)
        _, exponents = np.frexp(sums)
        exponents = np.maximum(exponents, LEAST_EXPONENT)
        mantissas = np.ldexp(sums, -exponents)
        self.factors = np.ldexp(np.where(mantissas > 0, mantissas, 1.0)[::-1], -exponents)
        self.total = float((self.factors * sums).sum())

    def __iter__(self) -> Iterator[Block]:
        for block in self.samples:
            class_1, one = block.y > 0.5, 1.0 + 0.0 * block.y
            factor = class_1 * (one * self.factors[1]) + ~class_1 * (one * self.factors[0])
            yield block._replace(weight=factor if block.weight is None else block.weight * factor)


def class_sums(block: Block) -> np.ndarray:
    """The weight of each class (2,)."""
    class_1 = block.y > 0.5
    weight = 1.0 + 0.0 * block.y if block.weight is None else block.weight
    sums = (weight * ~class_1).sum(), (weight * class_1).sum()
    return np.array(sums if isinstance(weight, np.ndarray) else sys.modules["torch"].stack(sums).tolist(), np.float64)


class Group(NamedTuple):
    """Samples, their Summary with the weight by which sums are divided, what is asked of means over them, and by how
    much their weights may be more than that."""

    samples: Samples
    summary: Summary
    asked: Asked
    amplified: float = 1.0


def groups_of(
    samples: Samples, summary: Summary, reach: tuple[float, float], asked: Asked, pos_weight: float | None
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
        of_class = Reweighed(samples, pos_weight, exponent)
        own = summary._replace(weight=math.ldexp(summary.weight, -exponent))
        amplified = 1.0
        if pos_weight is not None:
            amplified = max(1.0, weight_of(of_class) / own.weight)
        groups.append(Group(of_class, own, Asked(tuple(of_loss), asked.loss), amplified))
    if others:
        groups.append(Group(samples, summary, Asked(tuple(others), asked.loss)))
    if balanced:
        of_classes = Balanced(samples, summary.n)
        own = summary._replace(weight=of_classes.total)
        groups.append(Group(of_classes, own, Asked(tuple(balanced), asked.loss)))
    return groups


def weight_of(samples: Samples) -> float:
    """The sum of the weights of samples that have them."""
    return sum(float(block.weight.sum()) for block in samples if block.weight is not None)


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


def checked(item: Any) -> tuple[tuple[Array, Array, Array], Array]:
    """Fields and labels of one pair of a stream."""
    if not (isinstance(item, (tuple, list)) and len(item) == 2 and isinstance(item[0], LogitPlane)):
        raise TypeError(
            f"plane is a stream of {type(item).__name__}; accepted: a LogitPlane, or a stream of (LogitPlane, y)"
        )
    plane = grids.plane_of(item[0])
    return plane, dataset.labels(item[1], len(plane[0]))


def check_passes(n: int, again: int) -> None:
    """Raises a ValueError if one pass over the samples gave n of them, and another a different number."""
    if n != again:
        raise ValueError(f"plane gave {n} samples in one pass and {again} in another; accepted: the same in every pass")


def broadcast(block: Block) -> Block:
    """The block with every field (n,)."""
    fields: list[Any] = list(block)
    n = len(block.y)
    for k, field in enumerate(fields):
        if field is not None and len(field) != n:
            fields[k] = field.repeat(n)
    return Block(*fields)


def concatenated(samples: Samples) -> Block:
    """All samples in one block, every field (n,)."""
    blocks = [broadcast(block) for block in samples]
    *fields, weights = zip(*blocks, strict=True)
    p, q, r, y = map(np.concatenate, fields)
    return Block(p, q, r, y, None if weights[0] is None else np.concatenate(weights))


def summary_of(samples: Samples) -> Summary:
    parts = list(map(summary_of_block, samples))
    if len(parts) == 1:
        return parts[0]
    lows, highs = np.array([part.low for part in parts]), np.array([part.high for part in parts])
    ends = np.stack([part.extremes for part in parts])
    fields = np.arange(3)
    lowest, highest = ends[lows.argmin(axis=0), fields, 0], ends[highs.argmax(axis=0), fields, 1]
    n, weight = sum(part.n for part in parts), sum(part.weight for part in parts)
    return Summary(n, len(parts), weight, lows.min(axis=0), highs.max(axis=0), np.stack([lowest, highest], axis=1))


def summary_of_block(block: Block) -> Summary:
    if not isinstance(block.y, np.ndarray):
        return summary_of_tensors(*block)
    n, fields, ends = len(block.y), block[:3], np.empty((3, 2, 3))
    for along, measured in enumerate(fields):
        for end, k in enumerate((measured.argmin(), measured.argmax())):
            for field, values in enumerate(fields):
                ends[along, end, field] = values[k] if len(values) > 1 else values[0]
    low, high = ends.diagonal(axis1=0, axis2=2)
    return Summary(n, 1, float(n if block.weight is None else block.weight.sum()), low, high, ends)


def summary_of_tensors(p: Any, q: Any, r: Any, y: Any, weight: Any) -> Summary:
    """The same of tensors, in one transfer to the host."""
    extremes = [
        field.take(k.clamp(max=len(field) - 1))  # an index that is a tensor would be read by the host
        for along in (p, q, r)
        for k in (along.argmin(), along.argmax())
        for field in (p, q, r)
    ]
    total = y.new_tensor(len(y)) if weight is None else weight.sum()
    total, *extremes = sys.modules["torch"].stack([total, *extremes]).tolist()
    ends = np.array(extremes).reshape(3, 2, 3)
    low, high = np.diagonal(ends, axis1=0, axis2=2)
    return Summary(len(y), 1, total, low, high, ends)
