"""Planes of parameter space: the public function."""

from collections.abc import Iterator
from typing import Any, NamedTuple, overload

import numpy as np

from kernels import backends
from kernels.arguments import arrays, dataset, models
from kernels.arguments.batches import Batches, is_batches, read_batch
from kernels.arguments.samples import check_reiterable
from kernels.kinds import Advance, Array, ArrayLike, Executor, Sparse
from kernels.progress import nothing
from kernels.results import LogitPlane
from kernels.workers.runner import Runner, check_executor

FEATURES_AT_ONCE = 2**22  # values of X that are widened: 32 MB of float64, small beside any memory
ON_ONE_THREAD = 2**18  # multiply-adds of a product, which OpenBLAS makes on one thread: of more, digits go by threads
PANEL = 1024  # features of such a product


@overload
def logit_plane(
    X: Array | Sparse,
    center: ArrayLike,
    s_direction: ArrayLike,
    t_direction: ArrayLike,
    *,
    backend: str | None = None,
    executor: Executor | None = None,
) -> LogitPlane: ...


@overload
def logit_plane(
    X: Batches,
    center: ArrayLike,
    s_direction: ArrayLike,
    t_direction: ArrayLike,
    *,
    backend: str | None = None,
    executor: None = None,
) -> "PlaneBlocks": ...


@overload
def logit_plane(
    X: Batches,
    center: ArrayLike,
    s_direction: ArrayLike,
    t_direction: ArrayLike,
    *,
    backend: str | None = None,
    executor: Executor,
) -> list[tuple[Any, ...]]: ...


@overload
def logit_plane(
    X: ArrayLike,
    center: ArrayLike,
    s_direction: ArrayLike,
    t_direction: ArrayLike,
    *,
    backend: str | None = None,
    executor: Executor | None = None,
) -> LogitPlane: ...


def logit_plane(
    X: ArrayLike | Sparse | Batches,
    center: ArrayLike,
    s_direction: ArrayLike,
    t_direction: ArrayLike,
    *,
    backend: str | None = None,
    executor: Executor | None = None,
) -> "LogitPlane | PlaneBlocks | list[tuple[Any, ...]]":
    """Logits of a d-dimensional model on a plane of its parameters, theta = center + s s_direction + t t_direction.

    Parameters
    ----------
    X : array_like (n, d), sparse matrix, or iterable of batches
        Features, float32 or float64, a scipy.sparse matrix or array among them; or batches that can be iterated over
        again, such as a DataLoader: tuples (X, y) or (X, y, sample_weight), or callables that return one.
    center, s_direction, t_direction : array_like (d + 1,)
        The weights and then the bias.
    backend : {None, "numba", "torch", "reference"}
        Checked and else without effect: every backend makes the same matrix product.
    executor : concurrent.futures.Executor, optional
        Whose workers multiply, some rows of an array each, or a batch. Then the blocks of batches are computed now and
        gathered; without one callables stay callables, which multiply where a surface is evaluated.

    Returns
    -------
    LogitPlane, or iterable of blocks
        Fields (n,) in the dtype of X, computed in float64 and rounded once: logits are offset + s s_slope + t t_slope,
        so from here on the cost doesn't depend on d. Of batches it is the blocks (LogitPlane, y) or (LogitPlane, y,
        sample_weight), or callables that return one, that `surface_on_plane` takes with y=None; they are computed anew
        in each pass, and nothing is kept. With an executor they are a list.

    Raises
    ------
    ValueError, TypeError
        They name a wrong argument.

    See Also
    --------
    surface_on_plane : a loss on the plane

    Notes
    -----
    A few MB of X are widened at a time, so X may be a np.memmap.

    Examples
    --------
    >>> from kernels import logit_plane
    >>> X = [[1.0, 2.0], [3.0, 4.0]]
    >>> plane = logit_plane(X, center=[0, 0, 0.5], s_direction=[1, 0, 0], t_direction=[0, 0, 1])
    >>> plane.offset, plane.s_slope, plane.t_slope
    (array([0.5, 0.5]), array([1., 3.]), array([1., 1.]))
    """
    runner = Runner(check_executor(executor))
    if is_batches(X):
        backends.chosen(backend)
        blocks = PlaneBlocks(X, (center, s_direction, t_direction))
        return blocks if executor is None else list(runner.results("logits", blocks.recipes()))
    backends.chosen(backend, X=X)
    features = dataset.sparse_features("X", X) if arrays.is_sparse(X) else dataset.features("X", X)
    given = {"center": center, "s_direction": s_direction, "t_direction": t_direction}
    thetas = np.stack([models.theta(name, value, features.shape[1]) for name, value in given.items()], axis=1)
    return LogitPlane(
        *(arrays.as_kind_of(X, field) for field in logits_of(features, thetas, arrays.is_sparse(X), runner))
    )


def logits_of(features: Any, thetas: np.ndarray, at_once: bool, runner: Runner) -> Array:
    """Logits (3, n), in the dtype of the features and where they are, at thetas (d + 1, 3), float64."""
    n, d = features.shape
    (logits,) = arrays.all_empty([(3, n)], arrays.dtype_of(features), [features])
    at: Any = arrays.as_kind_of(features, thetas) if arrays.is_tensor(features) else thetas
    rows = n if at_once else max(1, FEATURES_AT_ONCE // d)
    tasks = (LogitsAt(features[start : start + rows], at) for start in range(0, n, rows))
    for start, values in zip(range(0, n, rows), runner.results("logits", tasks), strict=True):
        logits[:, start : start + rows] = values.T
    return logits


class LogitsAt(NamedTuple):
    """Logits (rows, k), float64, of features (rows, d) by thetas (d + 1, k)."""

    features: Any
    thetas: Any

    @property
    def carries_data(self) -> bool:
        return True

    def __call__(self, advance: Advance = nothing) -> Any:
        features, thetas = self.features, self.thetas
        if arrays.is_tensor(features):
            return features.double() @ thetas[:-1] + thetas[-1]
        if arrays.is_sparse(features):
            return features @ thetas[:-1] + thetas[-1]
        (n, d), k = features.shape, thetas.shape[1]
        rows = max(1, ON_ONE_THREAD // (min(d, PANEL) * k))
        logits = np.empty((n, k))
        logits[:] = thetas[-1]
        for start in range(0, n, rows):
            some = slice(start, start + rows)
            for first in range(0, d, PANEL):
                panel = slice(first, min(first + PANEL, d))
                logits[some] += features[some, panel] @ thetas[panel]
        return logits


class PlaneBlocks:
    """The blocks of batches, made as they are iterated over; of callables, callables that make them."""

    def __init__(self, batches: Batches, thetas: tuple[ArrayLike, ArrayLike, ArrayLike]) -> None:
        check_reiterable("X", batches)
        self.batches, self.thetas = batches, thetas

    def __len__(self) -> int:
        batches: Any = self.batches
        return len(batches)

    def __iter__(self) -> Iterator[Any]:
        return (block if callable(block.batch) else block() for block in self.recipes())

    def recipes(self) -> "Iterator[PlaneBlock]":
        return (PlaneBlock(batch, self.thetas) for batch in self.batches)


class PlaneBlock(NamedTuple):
    """A block (LogitPlane, y) or (LogitPlane, y, sample_weight) once it is called, of a batch or of what returns it."""

    batch: Any
    thetas: tuple[ArrayLike, ArrayLike, ArrayLike]

    @property
    def carries_data(self) -> bool:
        return not callable(self.batch)

    def __call__(self, advance: Advance = nothing) -> tuple[Any, ...]:
        X, y, weight = read_batch(self.batch)
        plane = logit_plane(X, *self.thetas)
        return (plane, y) if weight is None else (plane, y, weight)
