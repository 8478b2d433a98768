"""Parameters of models, checked: those that are read, and those that are updated in place."""

import functools
import math
import sys
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from kernels.arguments import arrays, numbers
from kernels.kinds import Array, ArrayLike


def parameter(name: str, value: Any, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """Parameters that are updated in place: a writable array or tensor of exactly this shape and dtype."""
    if not (isinstance(value, np.ndarray) or arrays.is_tensor(value)):
        raise TypeError(f"{name} is a {type(value).__name__}; accepted: an array or tensor, as it is updated in place")
    accepted = accepted_dtype(dtype)
    array = arrays.values_of(name, value, accepted)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; accepted: {shape}")
    if arrays.dtype_of(array) != dtype:
        raise TypeError(f"{name} has dtype {array.dtype}; accepted: {accepted}")
    check_own_values(name, value)
    if not (arrays.is_tensor(array) or array.flags.writeable):
        raise ValueError(f"{name} is read-only; accepted: a writable array, as it is updated in place")
    arrays.check_finite(name, array)
    return array


@functools.cache  # str(dtype) takes long
def accepted_dtype(dtype: np.dtype) -> str:
    return f"{np.dtype(dtype)}, the dtype of X"


def check_no_aliasing(w: Array, b: Array, X: Array, y: Array) -> None:
    """Refuses parameters that share memory with the data or with one another, where that can be seen: on the host."""
    if arrays.is_cuda(w):
        return
    pairs = (("w", w, "X", X), ("w", w, "y", y), ("b", b, "X", X), ("b", b, "y", y), ("b", b, "w", w))
    for name, array, other, values in pairs:
        if np.may_share_memory(array, values) and np.shares_memory(array, values):
            raise ValueError(f"{name} shares memory with {other}; accepted: an array of its own, as it is updated")


def nothing() -> None:
    pass


def version_bumper(w: Array, b: Array) -> Callable[[], None]:
    """A function that tells autograd which of these have changed since, which it can't see where NumPy writes."""
    if isinstance(w, np.ndarray) and isinstance(b, np.ndarray):
        return nothing
    before = [
        (value, value.detach().clone()) for value in (w, b) if arrays.is_tensor(value) and not arrays.is_cuda(value)
    ]

    def tell() -> None:
        for value, values in before:
            if not values.equal(value):
                sys.modules["torch"].autograd.graph.increment_version(value)

    return tell


def starts(w0: ArrayLike, b0: ArrayLike, d: int, dtype: np.dtype) -> tuple[Array, Array]:
    """Starts of k >= 1 runs, w0 (k, d) and b0 (k,), finite, of a given dtype."""
    accepted = accepted_dtype(dtype)
    w, b = arrays.values_of("w0", w0, accepted), arrays.values_of("b0", b0, accepted)
    if w.ndim != 2 or w.shape[1] != d or len(w) == 0:
        raise ValueError(f"w0 has shape {tuple(w.shape)}; accepted: (k, {d}) with k >= 1")
    if b.shape != (len(w),):
        raise ValueError(f"b0 has shape {tuple(b.shape)}; accepted: ({len(w)},), one bias for each start")
    for name, array in (("w0", w), ("b0", b)):
        if arrays.dtype_of(array) != dtype:
            raise TypeError(f"{name} has dtype {array.dtype}; accepted: {accepted}")
        arrays.check_finite(name, array)
    return w, b


def rates_of_members(k: int, **named: ArrayLike) -> Array:
    """Rates of k members, a learning rate first, each a number or (k,), finite, >= 0: (r, 1), or (r, k) where one of
    them is (k,), float64. Numbers 0 after the first are left out, if there is nothing else."""
    rates = [rate_of_members(name, value, k) for name, value in named.items()]
    if all(type(rate) is float and rate == 0 for rate in rates[1:]):
        rates = rates[:1]
    length = 1 if all(type(rate) is float for rate in rates) else k
    (rows,) = arrays.all_empty([(len(rates), length)], np.float64, rates)
    for row, rate in zip(rows, rates, strict=True):
        row[:] = rate
    return rows


def rate_of_members(name: str, value: ArrayLike, k: int) -> Any:
    """A number, or (k,), finite, >= 0, as a float or an array."""
    if not has_many(value):
        return numbers.nonnegative(name, value)
    array = arrays.values_of(name, value)
    if array.shape != (k,):
        raise ValueError(f"{name} has shape {tuple(array.shape)}; accepted: a number or (k,) = ({k},)")
    if isinstance(array, np.ndarray):
        wrong = ~((array >= 0) & (array < math.inf))
        if wrong.any():
            at = int(wrong.argmax())
            raise ValueError(f"{name}[{at}] is {array[at]}; accepted: finite numbers >= 0")
    return array


def has_many(value: ArrayLike) -> bool:
    """Whether it is no number, but has some."""
    return isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) > 0


def coefficients(name: str, value: ArrayLike, shapes: Collection[tuple[int, ...]], dtype: np.dtype) -> Array:
    """Parameters that are read: finite numbers of one of some shapes, as an array (k,) of `dtype`."""
    array = arrays.values_of(name, value)
    if array.shape not in shapes:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; accepted: {' or '.join(map(str, shapes))}")
    arrays.check_finite(name, array)
    array = array.reshape(-1)
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore"):
        array = arrays.cast(array, dtype)
    arrays.check_finite(name, array)
    return array


def check_own_values(name: str, value: Array) -> None:
    """Refuses what is to be written to where its memory holds something else than its values, each by itself."""
    if isinstance(value, np.ndarray) and not value.dtype.isnative:
        raise ValueError(f"{name} is in the byte order of another machine; accepted: this machine's")
    if arrays.is_tensor(value) and value.is_neg():
        raise ValueError(f"{name} has the negative bit set; accepted: a tensor without, as it is written to")
    strides = value.stride() if arrays.is_tensor(value) else value.strides
    if any(stride == 0 and length > 1 for stride, length in zip(strides, value.shape, strict=True)):
        raise ValueError(f"{name} repeats its elements; accepted: an array that is not broadcast, as it is written to")


def velocity_and_parameters(value: ArrayLike, d: int) -> np.ndarray:
    """A velocity (1, d + 1), or with the parameters that it belongs to (2, d + 1): finite, float64, on the host."""
    array = arrays.array_of("velocity", value.cpu() if arrays.is_cuda(value) else value).astype(np.float64)
    if array.shape not in ((d + 1,), (2, d + 1)):
        raise ValueError(f"velocity has shape {array.shape}; accepted: ({d + 1},) or (2, {d + 1}), as a run returns it")
    arrays.check_finite("velocity", array)
    return array.reshape(-1, d + 1)


def theta(name: str, value: ArrayLike, d: int) -> np.ndarray:
    """A point or direction (d + 1,) of parameter space, the bias last; finite, float64."""
    array = arrays.array_of(name, value).astype(np.float64)
    if array.shape != (d + 1,):
        raise ValueError(f"{name} has shape {array.shape}; accepted: ({d + 1},), {d} weights and the bias")
    arrays.check_finite(name, array)
    return array


def trained_beside(frozen: Any, d: int) -> np.ndarray | None:
    """1 for each parameter, the bias last, that is trained where "w" or "b" is frozen, else 0 (d + 1,); or None."""
    if frozen is None:
        return None
    if not (isinstance(frozen, str) and frozen in ("w", "b")):
        raise ValueError(f"frozen is {frozen!r}; accepted: 'w', 'b' or None")
    of_w, of_b = (0.0, 1.0) if frozen == "w" else (1.0, 0.0)
    return np.append(np.full(d, of_w), of_b)


def state_of(velocity: ArrayLike | None, w: Array, b: Array, trained: np.ndarray | None) -> Array:
    """Velocity and parameters (2, d + 1), float64, of a run from w (d,) and b (1,), where these are. What isn't trained
    has the velocity 0. Parameters that come with the velocity are taken as those that w and b are rounded from."""
    d, state = len(w), np.zeros((2, len(w) + 1))
    state[1, :d], state[1, d:] = (values.cpu() if arrays.is_cuda(values) else values for values in (w, b))
    if velocity is not None:
        moving, *exact = velocity_and_parameters(velocity, d)
        state[0] = moving if trained is None else moving * trained
        for values in exact:
            with np.errstate(over="ignore"):
                rounded = values.astype(arrays.dtype_of(w))
            state[1] = np.where(rounded == state[1], values, state[1])
    return arrays.as_kind_of(w, state) if arrays.is_cuda(w) else state


def bias_beside(X: Array, b: Array) -> Array:
    """A bias (1,) where X is. A number is filled in there: no CUDA graph could capture a copy of it."""
    return X.new_full((1,), b.item()) if arrays.is_tensor(X) and not arrays.is_tensor(b) else b
