"""Batches of features and labels: values or callables, which can be sent to a worker."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeGuard

import numpy as np

from kernels.arguments import arrays
from kernels.workers.checkpoint import print_of

Batches: TypeAlias = Iterable[tuple[Any, ...] | Callable[[], Any]]  # (X, y), (X, y, sample_weight), or what returns it


class Batch(NamedTuple):
    """Features, labels and weights of samples or None, as they were given, unchecked."""

    X: Any
    y: Any
    sample_weight: Any = None


def is_batches(X: Any) -> TypeGuard[Batches]:
    """Whether X is batches (X, y) and not features: no array of any kind, no rows of numbers."""
    if arrays.is_tensor(X) or arrays.is_sparse(X) or hasattr(X, "__array__") or not hasattr(X, "__iter__"):
        return False
    if not isinstance(X, Sequence):
        return True
    if isinstance(X, memoryview):
        return False
    first = X[0] if len(X) else None
    if callable(first):
        return True
    if isinstance(first, tuple):
        return len(first) == 0 or np.ndim(first[0]) > 0
    return isinstance(first, list) and len(first) > 0 and np.ndim(first[0]) == 2  # a list, if a DataLoader made it


def print_of_batch(given: Any) -> str:
    """A text that is another one for another batch."""
    if callable(given):
        return print_of(given)
    return print_of(*(None if field is None else np.asarray(arrays.on_host(field)) for field in read_batch(given)))


def read_batch(given: Any) -> Batch:
    """The Batch that is given, or that a callable returns."""
    batch = given() if callable(given) else given
    if not (isinstance(batch, (tuple, list)) and len(batch) in (2, 3)):
        accepted = "features (n, d), or batches (X, y) or (X, y, sample_weight), or callables that return one"
        raise TypeError(f"X is a stream of {type(batch).__name__}; accepted: {accepted}")
    return Batch(*batch)
