"""Planes of parameter space, axes of grids and arrays to write surfaces to, checked."""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kernels.arguments import arrays, dataset, memory, models
from kernels.kinds import Array, ArrayLike, DTypeLike
from kernels.quantities import QUANTITIES
from kernels.results import LogitPlane


def axis(name: str, value: ArrayLike) -> np.ndarray:
    """A grid axis: 1-D, at least one point, finite, float64, on the host."""
    array = value if type(value) is np.ndarray else arrays.array_of(name, arrays.on_host(value))
    if array.dtype != np.float64:
        array = arrays.array_of(name, array)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name} has shape {array.shape}; accepted: a 1-D axis of at least one point")
    array = array.astype(np.float64)
    arrays.check_finite(name, array)
    return array


def plane_field(name: str, value: ArrayLike, n: int, dtype: np.dtype) -> Array:
    """One field (n,) of a plane, finite, of a given dtype."""
    array = arrays.float_array(name, value)
    if array.shape != (n,) or arrays.dtype_of(array) != dtype:
        raise ValueError(
            f"{name} is {array.dtype} {tuple(array.shape)}; accepted: {np.dtype(dtype)} ({n},), as the offset"
        )
    arrays.check_finite(name, array)
    return array


def bias_plane(feature: Array) -> tuple[Array, Array, Array]:
    """The fields (0, x, 1) of the plane whose t is the bias of a one-feature model: (1,), (n,), (1,)."""
    if isinstance(feature, np.ndarray):
        zero, one = np.array([[0], [1]], feature.dtype)
    else:
        zero, one = feature.new_tensor([[0], [1]])
    return zero, feature, one


def plane_of(value: Any) -> tuple[Array, Array, Array]:
    """The three fields (n,) of a LogitPlane, finite, of one dtype, n >= 1."""
    if not isinstance(value, LogitPlane):
        raise TypeError(f"plane is a {type(value).__name__}; accepted: a LogitPlane, as logit_plane makes it")
    offset = dataset.feature("plane.offset", value.offset)
    s_slope, t_slope = (
        plane_field(f"plane.{name}", getattr(value, name), len(offset), arrays.dtype_of(offset))
        for name in ("s_slope", "t_slope")
    )
    return offset, s_slope, t_slope


def reach_of_logits(low: np.ndarray, high: np.ndarray, s: np.ndarray, t: np.ndarray) -> tuple[float, float]:
    """How large a logit and a slope of samples, (p, q, r) between `low` and `high` (3,), may be on the grid; refuses
    those whose logits overflow."""
    most_s, most_t = float(np.maximum.reduce(np.abs(s))), float(np.maximum.reduce(np.abs(t)))
    p, q, r = np.maximum(-low, high).tolist()
    largest = p + q * most_s + r * most_t
    if math.isinf(largest):  # NaN, which only values on a card can be here, is returned
        raise ValueError(f"s and t reach {most_s:g} and {most_t:g}, where logits overflow; accepted: finite logits")
    return largest, max(q, r)


def outputs_of(
    value: Any, quantities: Sequence[str], grid: tuple[int, int], dtype: DTypeLike, sources: Sequence[Array]
) -> dict[str, Array]:
    """{quantity: the array that it is written to}, the caller's or, if there is memory for them, new ones."""
    shapes = {}
    for name in quantities:
        shapes[name] = (*QUANTITIES[name].lead, *grid)
    if value is None:
        whole = shapes[quantities[0]] if len(shapes) == 1 else (sum(map(math.prod, shapes.values())),)
        memory.check_fits(whole, dtype, sources)
        return dict(zip(shapes, arrays.all_empty(shapes.values(), dtype, sources), strict=True))
    given = value if isinstance(value, dict) else dict.fromkeys(quantities[:1], value)
    if set(given) != set(quantities):
        raise ValueError(
            f"out is for {list(given)}; accepted: an array for a single quantity, else a dict with {quantities}"
        )
    called = {name: f"out[{name!r}]" if isinstance(value, dict) else "out" for name in shapes}
    found = {name: output(called[name], given[name], shape, dtype, sources) for name, shape in shapes.items()}
    for one, other in itertools.combinations(found, 2):
        if not arrays.is_cuda(found[one]) and np.may_share_memory(found[one], found[other]):
            raise ValueError(f"{called[one]} shares memory with {called[other]}; accepted: an array of its own")
    return found


def output(name: str, value: Any, shape: tuple[int, ...], dtype: DTypeLike, sources: Iterable[Array]) -> Array:
    """The caller's array to write to."""
    if not (arrays.is_tensor(value) or isinstance(value, np.ndarray)):
        raise TypeError(f"{name} is a {type(value).__name__}; accepted: an array or tensor")
    array = arrays.values_of(name, value, np.dtype(dtype))
    if array.shape != shape or arrays.dtype_of(array) != dtype:
        raise ValueError(f"{name} is {array.dtype} {tuple(array.shape)}; accepted: {np.dtype(dtype)} {shape}")
    models.check_own_values(name, value)
    if not (arrays.is_tensor(array) or array.flags.writeable):
        raise ValueError(f"{name} is read-only; accepted: a writable array")
    if arrays.is_cuda(array) and not any(map(arrays.is_cuda, sources)):
        raise ValueError(f"{name} is on device {value.device}; accepted: where the data is")
    if any(share_memory(array, source) for source in sources):
        raise ValueError(f"{name} shares memory with the data; accepted: an array of its own")
    return array


def share_memory(array: Array, source: Array) -> bool:
    if arrays.is_cuda(array):
        return arrays.is_cuda(source) and array.untyped_storage().data_ptr() == source.untyped_storage().data_ptr()
    return np.may_share_memory(array, source)
