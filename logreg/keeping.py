"""Results of many fields in files. A table says what is accepted of each, when it is written and when it is read."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from kernels.arguments import arrays as array_checks
from kernels.arguments import memory, numbers
from kernels.losses import LOSSES
from logreg import files

FORMAT = 1
FLOATS = "<f4", "<f8"
LABELS = "|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", *FLOATS

Sizes: TypeAlias = dict[str, int]
Entries: TypeAlias = dict[str, Any]


class Array(NamedTuple):
    """What is accepted of a field that is an array.

    axes       the names of its axes, a letter each, or a digit for the size itself; or several of these, of which one
    dtypes     as npy files name them
    low, high  what its values are between, finite
    optional   whether it may be None
    gaps       whether values may be NaN
    increasing whether each must be above the one before it
    """

    axes: str | tuple[str, ...]
    dtypes: tuple[str, ...] = FLOATS
    low: float = -math.inf
    high: float = math.inf
    optional: bool = False
    gaps: bool = False
    increasing: bool = False


class Layout(NamedTuple):
    """How results of a class are kept.

    kind     the name of the class
    arrays   {field: Array}
    entries  {field: what gives its value as it is accepted, by name and value, or raises}: all that is no array
    fit      whether {axis: size} and the entries belong together; or it raises what says more
    later    {field: value}: entries that older files don't have, and what they are there
    """

    kind: str
    arrays: dict[str, Array]
    entries: dict[str, Callable[[str, Any], Any]]
    fit: Callable[[Sizes, Entries], bool]
    later: Mapping[str, Any] = MappingProxyType({})


def save(path: files.AnyPath, layout: Layout, fields: Mapping[str, Any]) -> None:
    """Writes {field: value} as `files.write` does, if `load` would read it."""
    given = {name: fields[name] for name, row in layout.arrays.items() if not (row.optional and fields[name] is None)}
    stored = {name: files.to_be_stored(name, array, layout.arrays[name].dtypes) for name, array in given.items()}
    entries = checked_entries(layout, fields)
    check_fit(layout, stored, entries)
    check_values(layout, given)
    files.write(path, {"format": FORMAT} | entries, given)


def load(path: files.AnyPath, layout: Layout) -> dict[str, Any]:
    """{field: value} of a file that `save` wrote; sizes are checked before arrays are read."""
    with files.opened(path, layout.kind) as archive:
        found = files.names_in(archive)
        names = [name for name, row in layout.arrays.items() if name in found or not row.optional]
        files.check_names(found, (*names, files.ABOUT))
        stored = {name: files.stored(archive, name, layout.arrays[name].dtypes) for name in names}
        entries = described(layout, files.read_about(archive))
        check_fit(layout, stored, entries)
        memory.check_fits((sum(array.size for array in stored.values()),), np.uint8)
        arrays = {name: files.read_array(archive, name, one.shape, one.dtype) for name, one in stored.items()}
        check_values(layout, arrays)
    return dict.fromkeys(layout.arrays) | arrays | entries


def described(layout: Layout, about: dict[str, Any]) -> Entries:
    """The entries of a description that was read."""
    about = {**layout.later, **about}
    files.check_names(about, ("format", *layout.entries))
    if about["format"] != FORMAT:
        raise ValueError(f"its format is {about['format']}; accepted: {FORMAT}")
    return checked_entries(layout, about)


def checked_entries(layout: Layout, fields: Mapping[str, Any]) -> Entries:
    return {name: checked(name, fields[name]) for name, checked in layout.entries.items()}


def check_fit(layout: Layout, stored: dict[str, files.Stored], entries: Entries) -> None:
    """Refuses arrays that don't fit together, or not with the entries."""
    sizes: Sizes = {}
    fits = all(has_axes(array.shape, layout.arrays[name].axes, sizes) for name, array in stored.items())
    if not (fits and layout.fit(sizes, entries)):
        shapes = {name: array.shape for name, array in stored.items()}
        raise ValueError(f"its arrays have shapes {shapes}; accepted: some that fit together")


def has_axes(shape: tuple[int, ...], accepted: str | tuple[str, ...], sizes: Sizes) -> bool:
    """Whether a shape has as many axes as are accepted, each of the size that it has elsewhere; new ones are noted."""
    ways = (accepted,) if isinstance(accepted, str) else accepted
    axes = next((axes for axes in ways if len(axes) == len(shape)), None)
    return axes is not None and all(
        size == (int(axis) if axis.isdigit() else sizes.setdefault(axis, size))
        for axis, size in zip(axes, shape, strict=True)
    )


def check_values(layout: Layout, arrays: dict[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        row = layout.arrays[name]
        if row.low == -math.inf:
            array_checks.check_finite(name, array)
        else:
            files.check_range(name, without_gaps(array) if row.gaps else whole_bytes(array), row.high, row.low)
        if row.increasing:
            files.check_increasing(name, array)


def without_gaps(array: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(array), 0, array)


def whole_bytes(array: np.ndarray) -> np.ndarray:
    """Booleans as the bytes that they are in a file, which can be others than 0 and 1; other arrays as they are."""
    return array.view(np.uint8) if array.dtype == bool else array


# Entries


def count(name: str, value: Any) -> int:
    return numbers.integer(name, value, 0)


def count_or_none(name: str, value: Any) -> int | None:
    return None if value is None else count(name, value)


def positive(name: str, value: Any) -> int:
    return numbers.integer(name, value, 1)


def finite(name: str, value: Any) -> float:
    number = numbers.python_scalar(value)
    if isinstance(number, bool) or not (isinstance(number, (int, float)) and abs(number) <= sys.float_info.max):
        raise ValueError(f"{name} is {value!r}; accepted: a finite number")
    return float(number)


def text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}; accepted: a text")
    return value


def loss_name(name: str, value: Any) -> str:
    return numbers.one_of(name, value, LOSSES)


def weight_of_class_1(_: str, value: Any) -> float | None:
    return numbers.pos_weight(value)


def two_classes(name: str, value: Any) -> tuple[Any, Any] | None:
    """What stood for class 0 and class 1, or None."""
    if value is None:
        return None
    low, high = (numbers.python_scalar(label) for label in value)
    if not (isinstance(low, (str, int, float)) and type(low) is type(high)):
        raise ValueError(f"{name} is {value!r}; accepted: two texts, numbers or booleans")
    return low, high


# History


def history_fits(sizes: Sizes, entries: Entries) -> bool:
    numbers.pos_weight_for(entries["cost"], entries["pos_weight"])
    kept = entries["steps"] // entries["every"] if entries["every"] else 0
    return sizes["k"] == kept and sizes.get("p", sizes["d"] + 1) == sizes["d"] + 1 and min(sizes["n"], sizes["d"]) > 0


# k steps that were kept, of d weights, p with the bias; n samples
HISTORY = Layout(
    "History",
    {
        "w": Array("kd"),
        "b": Array("k"),
        "loss": Array("k", low=0),
        "start_w": Array("d"),
        "end_w": Array("d"),
        "x": Array("nd"),
        "y": Array("n", LABELS, low=0, high=1),
        "sample_weight": Array("n", files.FLOAT64, low=0, optional=True),
        "velocity": Array(("p", "2p"), files.FLOAT64, optional=True),
    },
    {
        "start_b": finite,
        "end_b": finite,
        "steps": count,
        "steps_per_epoch": positive,
        "every": count,
        "cost": loss_name,
        "pos_weight": weight_of_class_1,
        "l2": numbers.nonnegative,
        "l2_bias": numbers.nonnegative,
        "classes": two_classes,
        "epoch": count_or_none,
    },
    history_fits,
    later={"epoch": None},
)
