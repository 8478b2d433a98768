"""The samples of a surface, from arrays or from a stream, in blocks that are made anew in every pass.

A field of a block is (n,) or, where all its samples share a value, (1,).
"""

import sys
from typing import NamedTuple

import numpy as np

from kernels import checks
from kernels.results import LogitPlane

AT_ONCE = 2**20  # samples of a block at the most


class Block(NamedTuple):
    """Some samples: logits p + s q + t r, labels y in [0, 1], and weights or None; float64 arrays or CUDA tensors."""

    p: np.ndarray
    q: np.ndarray
    r: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None


class Summary(NamedTuple):
    """What planning needs to know of all the samples.

    n, blocks  how many, and in how many blocks
    weight     the sum of their weights
    low, high  of p, q, r (3,)
    ends       samples (p, q, r): where p is lowest and highest, then q, then r (3, 2, 3)
    """

    n: int
    blocks: int
    weight: float
    low: np.ndarray
    high: np.ndarray
    ends: np.ndarray


class ArraySamples:
    """Blocks of arrays that are checked: fields (n,) or (1,) of a plane, labels (n,), weights (n,) or None.

    Results are to be of the dtype of the plane, and of the kind of `like`.
    """

    def __init__(self, plane, y, weight, like):
        self.plane, self.y, self.weight, self.like = plane, y, weight, like
        self.dtype, self.weighted = checks.dtype_of(plane[0]), weight is not None
        self.arrays = (*plane, y, weight) if self.weighted else (*plane, y)
        names = "plane.offset", "plane.s_slope", "plane.t_slope", "y", "sample_weight"
        self.named = dict(zip(names, (*plane, y, weight), strict=True))

    def __iter__(self):
        for start in range(0, len(self.y), AT_ONCE):
            yield Block(*(self.part(field, start) for field in (*self.plane, self.y, self.weight)))

    def part(self, field, start):
        if field is None:
            return None
        some = field[start : start + AT_ONCE] if len(field) == len(self.y) else field
        if checks.is_tensor(some):
            return some.double().contiguous()
        return np.ascontiguousarray(some, np.float64)


class StreamedSamples:
    """Blocks of pairs (LogitPlane, y) that can be iterated over again, checked as they come."""

    weighted = False

    def __init__(self, pairs):
        read_twice("plane", pairs)
        self.pairs = pairs
        first = next(iter(pairs), None)
        if first is None:
            raise ValueError("plane has no blocks; accepted: at least one (LogitPlane, y)")
        plane, _ = checked(first)
        self.dtype, self.like = checks.dtype_of(plane[0]), first[0].offset
        self.arrays = [plane[0][:0]]  # none is kept, but this says where they are
        self.named = {"plane": self.arrays[0]}

    def __iter__(self):
        for pair in self.pairs:
            yield from ArraySamples(*checked(pair), None, self.like)


def read_twice(name, iterable):
    if iter(iterable) is iterable:
        raise TypeError(
            f"{name} is a {type(iterable).__name__}, which can be read only once; accepted: what can be iterated over "
            "again, such as a list or a DataLoader"
        )


def checked(item):
    """Fields and labels of one pair of a stream."""
    if not (isinstance(item, (tuple, list)) and len(item) == 2 and isinstance(item[0], LogitPlane)):
        raise TypeError(
            f"plane is a stream of {type(item).__name__}; accepted: a LogitPlane, or a stream of (LogitPlane, y)"
        )
    plane = checks.plane_of(item[0])
    return plane, checks.labels(item[1], len(plane[0]))


def check_passes(n, again):
    """Raises a ValueError if one pass over the samples gave n of them, and another a different number."""
    if n != again:
        raise ValueError(f"plane gave {n} samples in one pass and {again} in another; accepted: the same in every pass")


def filled(block):
    """The block with every field (n,)."""
    n = len(block.y)
    return Block(*(field if field is None or len(field) == n else np.repeat(field, n) for field in block))


def whole(samples):
    """All samples in one block, every field (n,)."""
    blocks = [filled(block) for block in samples]
    return Block(*(None if fields[0] is None else np.concatenate(fields) for fields in zip(*blocks, strict=True)))


def summary_of(samples):
    parts = [summary_of_block(block) for block in samples]
    if len(parts) == 1:
        return parts[0]
    lows, highs = np.array([part.low for part in parts]), np.array([part.high for part in parts])
    ends = np.stack([part.ends for part in parts])
    fields = np.arange(3)
    lowest, highest = ends[lows.argmin(axis=0), fields, 0], ends[highs.argmax(axis=0), fields, 1]
    n, weight = sum(part.n for part in parts), sum(part.weight for part in parts)
    return Summary(n, len(parts), weight, lows.min(axis=0), highs.max(axis=0), np.stack([lowest, highest], axis=1))


def summary_of_block(block):
    fields, n = block[:3], len(block.y)
    if checks.is_tensor(block.y):
        return summary_of_tensors(block)
    ends = np.array(
        [
            [[field[min(k, len(field) - 1)] for field in fields] for k in (along.argmin(), along.argmax())]
            for along in fields
        ]
    )
    low, high = np.diagonal(ends, axis1=0, axis2=2)
    return Summary(n, 1, float(n if block.weight is None else block.weight.sum()), low, high, ends)


def summary_of_tensors(block):
    """The same of tensors, in one transfer to the host."""
    ends = [
        field.take(k.clamp(max=len(field) - 1))  # an index that is a tensor would be read by the host
        for along in block[:3]
        for k in (along.argmin(), along.argmax())
        for field in block[:3]
    ]
    weight = block.y.new_tensor(len(block.y)) if block.weight is None else block.weight.sum()
    weight, *ends = sys.modules["torch"].stack([weight, *ends]).tolist()
    ends = np.array(ends).reshape(3, 2, 3)
    low, high = np.diagonal(ends, axis1=0, axis2=2)
    return Summary(len(block.y), 1, weight, low, high, ends)
