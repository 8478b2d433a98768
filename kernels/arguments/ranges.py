"""Ranges of samples, by which a surface is planned, and what else is known of all of them after one pass.

They are added up as arrays of numbers: counts of samples, parts, blocks and parts with weights, whether the first is of
float64, the sum of weights and the unit in which it is, the lowest and the highest of p, q, r (3,) and the samples
where these are (3, 2, 3).
"""

import sys
from typing import Any, NamedTuple

import numpy as np

from kernels.arguments import arrays
from kernels.arguments.blocks import Block, Part, Scaling
from kernels.arguments.weighting import unit_of
from kernels.kinds import Array

ORDINARY = 2.0**-100, 2.0**100  # the largest weight: beyond it, weights are taken in other units
N, PARTS, BLOCKS, WEIGHTED, DOUBLE, WEIGHT, UNIT = range(7)
COUNTS, LOW, HIGH, EXTREMES = slice(0, 4), slice(7, 10), slice(10, 13), slice(13, 31)


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


def none() -> np.ndarray:
    """Those of no samples."""
    found = np.zeros(EXTREMES.stop)
    found[LOW], found[HIGH] = np.inf, -np.inf
    return found


def of_parts(parts: tuple[Part, ...], _: Any) -> np.ndarray:
    """Those of some parts."""
    total, double = none(), None
    for part in parts:
        fields = part.fields()
        double = arrays.dtype_of(fields.p) == np.float64 if double is None else double
        for block in part._replace(given=fields).blocks():
            add(total, of_block(block))
        total[PARTS] += 1
        total[WEIGHTED] += fields.weight is not None
    total[DOUBLE] = bool(double)
    return total


def of_block(block: Block) -> np.ndarray:
    unit = unit_in_use(block.weight)
    found = summary_of_block(block._replace(weight=None) if unit == 0.0 else Scaling(unit)(block))
    numbers = found.n, 0.0, 1.0, 0.0, 0.0, found.weight if unit else 0.0, unit
    return np.concatenate([numbers, found.low, found.high, found.extremes.ravel()])


def add(total: np.ndarray, more: np.ndarray) -> None:
    """Adds those of later samples, in place; of equal extremes the first ones stay."""
    ends, later = (ranges[EXTREMES].reshape(3, 2, 3) for ranges in (total, more))
    lower, higher = more[LOW] < total[LOW], more[HIGH] > total[HIGH]
    ends[lower, 0], ends[higher, 1] = later[lower, 0], later[higher, 1]
    np.minimum(total[LOW], more[LOW], out=total[LOW])
    np.maximum(total[HIGH], more[HIGH], out=total[HIGH])
    total[DOUBLE] = total[DOUBLE] if total[PARTS] else more[DOUBLE]
    total[COUNTS] += more[COUNTS]
    unit = max(total[UNIT], more[UNIT]) or 1.0
    total[WEIGHT] = total[WEIGHT] * (total[UNIT] / unit) + more[WEIGHT] * (more[UNIT] / unit)
    total[UNIT] = max(total[UNIT], more[UNIT])


def summary(found: np.ndarray) -> Summary:
    ends = found[EXTREMES].reshape(3, 2, 3)
    return Summary(int(found[N]), int(found[BLOCKS]), float(found[WEIGHT]), found[LOW], found[HIGH], ends)


def unit_in_use(weight: Array | None) -> float:
    """A unit in which weights can be added: 1 where they are ordinary numbers or None; 0 where all are 0."""
    if not isinstance(weight, np.ndarray):  # none, or on a card, where looking at them would wait for it
        return 1.0
    unit = float(unit_of(weight))
    if not weight.any():
        return 0.0
    return 1.0 if ORDINARY[0] < unit < ORDINARY[1] else unit


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
