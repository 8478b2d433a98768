"""Numbers and names among the arguments of public functions, checked."""

import math
import operator
from collections.abc import Collection
from numbers import Integral, Real
from typing import Any

import numpy as np

from kernels.losses import LOSSES

METHODS = ("auto", "direct", "spectral")
MOST_STEPS = 2**50  # of a run: years


def members(name: str, value: Any, k: int) -> np.ndarray:
    """Numbers of members from 0 to k - 1 as an array (m,)."""
    try:
        numbers = [operator.index(number) for number in value]
    except TypeError:
        raise TypeError(f"{name} is {value!r}; accepted: a sequence of integers from 0 to {k - 1}") from None
    for number in numbers:
        if not 0 <= number < k:
            raise ValueError(f"{name} has {number}; accepted: integers from 0 to {k - 1}")
    return np.array(numbers, np.intp)


def integer(name: str, value: Any, least: int) -> int:
    if type(value) is int and value >= least:
        return value
    number = python_scalar(value)
    if not isinstance(number, Integral) or isinstance(number, bool):
        raise TypeError(f"{name} is {value!r}; accepted: an integer >= {least}")
    if number < least:
        raise ValueError(f"{name} is {value}; accepted: an integer >= {least}")
    return int(number)


def nonnegative(name: str, value: Any) -> float:
    """A finite number >= 0."""
    if type(value) is float and 0 <= value < math.inf:
        return value
    number = python_scalar(value)
    if not isinstance(number, Real) or isinstance(number, bool):
        raise TypeError(f"{name} is {value!r}; accepted: a finite number >= 0")
    try:
        number = float(number)
    except OverflowError:
        number = math.inf
    if not (0 <= number < math.inf):
        raise ValueError(f"{name} is {value}; accepted: a finite number >= 0")
    return number


def python_scalar(value: Any) -> Any:
    """The Python number of a NumPy or torch scalar; anything else as it is."""
    return value.item() if getattr(value, "ndim", None) == 0 else value


def number_of_steps(epochs: int, n: int, batch_size: int) -> int:
    """The number of steps of a run."""
    steps = epochs * -(-n // batch_size)
    if steps > MOST_STEPS:
        raise ValueError(f"epochs is {epochs}; accepted: at most {MOST_STEPS} steps in all")
    return steps


def tolerance(value: Any) -> None:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not (number and (value == 0 or 1e-13 <= value < 1)):
        raise ValueError(f"tol is {value!r}; accepted: 0, or 1e-13 <= tol < 1")


def pos_weight(value: Any) -> float | None:
    """The weight of the positive class, a float, finite, >= 0, from a number or an array of one; or None."""
    if getattr(value, "shape", None) == (1,):  # as torch.nn.BCEWithLogitsLoss takes it
        value = value[0]
    return None if value is None else nonnegative("pos_weight", value)


def one_of(name: str, value: Any, accepted: Collection[str]) -> str:
    if not (isinstance(value, str) and value in accepted):
        raise ValueError(f"{name} is {value!r}; accepted: {', '.join(map(repr, accepted))}")
    return value


def some_of(name: str, value: Any, accepted: Collection[str]) -> tuple[str, ...]:
    """Names, at least one, each once, from a name or several."""
    names = (value,) if isinstance(value, str) else tuple(value) if hasattr(value, "__iter__") else ()
    unknown = [one for one in names if not (isinstance(one, str) and one in accepted)]
    if not names or unknown or len(set(names)) < len(names):
        raise ValueError(
            f"{name} is {value!r}; accepted: some of {', '.join(map(repr, accepted))}, each once"
            + "".join(f", such as {close!r} for {one!r}" for one in unknown for close in closest(one, accepted))
        )
    return names


def closest(value: Any, accepted: Collection[str]) -> list[str]:
    """The accepted name that is written much like another one, if there is any."""
    from difflib import get_close_matches

    return get_close_matches(str(value), accepted, n=1, cutoff=0.65)  # "iris" isn't "digits"


def is_way(method: Any, tol: Any) -> bool:
    """Whether `way` has nothing to say about them."""
    return type(method) is str and method in METHODS and type(tol) is float and (tol == 0 or 1e-13 <= tol < 1)


def way(method: Any, tol: Any) -> tuple[str, float]:
    """The method and the tolerance of a surface."""
    if not (type(method) is str and method in METHODS):
        one_of("method", method, METHODS)
    if not (type(tol) is float and 1e-13 <= tol < 1):
        tolerance(tol)
    return method, tol


def pos_weight_for(loss: str, value: Any) -> float | None:
    """The weight of the positive class for a loss by its name, or None."""
    weight = None if value is None else pos_weight(value)
    if weight is not None and not LOSSES[loss].linear_in_label:
        raise ValueError(f"pos_weight is {value}; accepted: None, as loss {loss!r} has no positive part to be weighted")
    return weight
