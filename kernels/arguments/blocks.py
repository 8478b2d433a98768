"""Parts of the samples of a surface: blocks as they are given, values or callables, which can be sent to a worker."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from kernels.arguments import arrays, dataset, grids
from kernels.arguments.weighting import weigh_positive
from kernels.kinds import Advance, Array
from kernels.progress import nothing
from kernels.results import LogitPlane

AT_ONCE = 2**20  # samples of a block at the most
JOINED = 2**16  # samples up to which blocks are evaluated together: each pass over a grid has its price


class Block(NamedTuple):
    """Some samples: logits p + s q + t r, labels y in [0, 1], and weights or None; float64 arrays or CUDA tensors."""

    p: Array
    q: Array
    r: Array
    y: Array
    weight: Array | None = None


class Fields(NamedTuple):
    """The same of any dtype, as they are given, checked."""

    p: Array
    q: Array
    r: Array
    y: Array
    weight: Array | None = None

    def block(self, some: slice = slice(None)) -> Block:
        n = len(self.y)
        found: list[Any] = []
        for field in self:
            if field is not None and len(field) == n:
                field = field[some]
            if isinstance(field, np.ndarray):
                found.append(np.ascontiguousarray(field, np.float64))
            else:
                found.append(None if field is None else field.double().contiguous())
        return Block(*found)


class Change(Protocol):
    """What is done to every block; it can be sent to a worker."""

    def __call__(self, block: Block) -> Block: ...


class Part(NamedTuple):
    """Some of the samples: Fields, or the block of this number in a stream, which is still to be read and checked: a
    tuple (LogitPlane, y) or (LogitPlane, y, sample_weight), or a callable that returns one; and what is done to it."""

    given: Any
    number: int
    changes: tuple[Change, ...] = ()

    @property
    def carries_data(self) -> bool:
        return not callable(self.given)

    def fields(self) -> Fields:
        if isinstance(self.given, Fields):
            return self.given
        try:
            return checked(self.given() if callable(self.given) else self.given)
        except Exception as error:
            error.add_note(f"That was block {self.number} of plane, counted from 0.")
            raise

    def blocks(self) -> Iterator[Block]:
        fields = self.fields()
        for start in range(0, len(fields.y), AT_ONCE):
            block = fields.block(slice(start, start + AT_ONCE))
            for change in self.changes:
                block = change(block)
            yield block


class Pass(NamedTuple):
    """A task: what a function that can be sent to a worker gives for some parts."""

    function: Any
    parts: tuple[Part, ...]

    @property
    def carries_data(self) -> bool:
        return any(part.carries_data for part in self.parts)

    def __call__(self, advance: Advance = nothing) -> Any:
        return self.function(self.parts, advance)


def blocks_of(parts: Iterable[Part]) -> Iterator[Block]:
    for part in parts:
        yield from part.blocks()


def joined(blocks: Iterable[Block]) -> Iterator[Block]:
    """Blocks of which those of few samples are put together."""
    waiting: list[Block] = []
    for block in blocks:
        if waiting and sum(len(one.y) for one in waiting) + len(block.y) > JOINED:
            yield concatenated(waiting)
            waiting = []
        waiting.append(block)
    if waiting:
        yield concatenated(waiting)


def checked(item: Any) -> Fields:
    """The Fields of one block of a stream."""
    if not (isinstance(item, (tuple, list)) and len(item) in (2, 3) and isinstance(item[0], LogitPlane)):
        raise TypeError(
            f"plane is a stream of {type(item).__name__}; accepted: a LogitPlane, or a stream of (LogitPlane, y) or "
            "(LogitPlane, y, sample_weight), or of callables that return one"
        )
    plane = grids.plane_of(item[0])
    n = len(plane[0])
    weight = dataset.weights(item[2], n, zeros=True) if len(item) == 3 else None
    return Fields(*plane, dataset.labels(item[1], n), weight)


def broadcast(block: Block) -> Block:
    """The block with every field (n,)."""
    fields: list[Any] = list(block)
    n = len(block.y)
    for k, field in enumerate(fields):
        if field is not None and len(field) != n:
            fields[k] = field.repeat(n)
    return Block(*fields)


def concatenated(blocks: list[Block]) -> Block:
    """All samples in one block; of several every field is (n,)."""
    if len(blocks) == 1:
        return blocks[0]
    fields: list[Any] = []
    for several in zip(*map(broadcast, blocks), strict=True):
        fields.append(None if several[0] is None else arrays.concatenated(several))
    return Block(*fields)


class Reweighing(NamedTuple):
    """The loss counts `pos_weight` times where samples are of class 1, unless it is None, and weights are 2^-exponent
    times theirs."""

    pos_weight: float | None
    exponent: int

    def __call__(self, block: Block) -> Block:
        y, weight = block.y, block.weight
        if weight is None:
            weight = 1.0 + 0.0 * block.y
        weight = weight * 2.0**-self.exponent
        if self.pos_weight is not None:
            y, weight = weigh_positive(y, weight, self.pos_weight)
        return block._replace(y=y, weight=weight)


class Balancing(NamedTuple):
    """Weights are those of the samples times a factor of their class (2,)."""

    factors: np.ndarray

    def __call__(self, block: Block) -> Block:
        class_1, one = block.y > 0.5, 1.0 + 0.0 * block.y
        factor = class_1 * (one * self.factors[1]) + ~class_1 * (one * self.factors[0])
        return block._replace(weight=factor if block.weight is None else block.weight * factor)


class Scaling(NamedTuple):
    """Weights are taken in a unit: a number, or a tensor where they are."""

    unit: Any

    def __call__(self, block: Block) -> Block:
        return block if block.weight is None else block._replace(weight=block.weight / self.unit)
