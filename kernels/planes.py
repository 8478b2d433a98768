"""Planes of parameter space: the public function."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias, TypeGuard, overload

import numpy as np

from kernels import backends
from kernels.arguments import arrays, dataset, models
from kernels.arguments.samples import check_reiterable
from kernels.kinds import Array, ArrayLike, Sparse
from kernels.results import LogitPlane

Batches: TypeAlias = Iterable[tuple[ArrayLike, ArrayLike]]  # (X, y)
FEATURES_AT_ONCE = 2**22  # values of X that are widened: 32 MB of float64, small beside any memory


@overload
def logit_plane(
    X: Array | Sparse,
    center: ArrayLike,
    s_direction: ArrayLike,
    t_direction: ArrayLike,
    *,
    backend: str | None = None,
) -> LogitPlane: ...


@overload
def logit_plane(
    X: Batches, center: ArrayLike, s_direction: ArrayLike, t_direction: ArrayLike, *, backend: str | None = None
) -> "PlaneBlocks": ...


@overload
def logit_plane(
    X: ArrayLike, center: ArrayLike, s_direction: ArrayLike, t_direction: ArrayLike, *, backend: str | None = None
) -> LogitPlane: ...


def logit_plane(
    X: ArrayLike | Sparse | Batches,
    center: ArrayLike,
    s_direction: ArrayLike,
    t_direction: ArrayLike,
    *,
    backend: str | None = None,
) -> "LogitPlane | PlaneBlocks":
    """Logits of a d-dimensional model on a plane of its parameters, theta = center + s s_direction + t t_direction.

    Parameters
    ----------
    X : array_like (n, d), sparse matrix, or iterable of (X, y)
        Features, float32 or float64, a scipy.sparse matrix or array among them; or batches (X, y) that can be iterated
        over again, such as a DataLoader.
    center, s_direction, t_direction : array_like (d + 1,)
        The weights and then the bias.
    backend : {None, "numba", "torch", "reference"}
        Checked and else without effect: every backend makes the same matrix product.

    Returns
    -------
    LogitPlane, or iterable of (LogitPlane, y)
        Fields (n,) in the dtype of X, computed in float64 and rounded once: logits are offset + s s_slope + t t_slope,
        so from here on the cost doesn't depend on d. Of batches it is the blocks (LogitPlane, y) that
        `surface_on_plane` takes with y=None; they are computed anew in each pass, and nothing is kept.

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
    if is_batches(X):
        backends.chosen(backend)
        return PlaneBlocks(X, (center, s_direction, t_direction))
    backends.chosen(backend, X=X)
    features = dataset.sparse_features("X", X) if arrays.is_sparse(X) else dataset.features("X", X)
    given = {"center": center, "s_direction": s_direction, "t_direction": t_direction}
    thetas = np.stack([models.theta(name, value, features.shape[1]) for name, value in given.items()], axis=1)
    return LogitPlane(
        *(arrays.as_kind_of(X, field) for field in logits_of(features, thetas, at_once=arrays.is_sparse(X)))
    )


def logits_of(features: Any, thetas: np.ndarray, at_once: bool) -> Array:
    """Logits (3, n), in the dtype of the features and where they are, at thetas (d + 1, 3), float64."""
    n, d = features.shape
    (logits,) = arrays.all_empty([(3, n)], arrays.dtype_of(features), [features])
    at: Any = arrays.as_kind_of(features, thetas) if arrays.is_tensor(features) else thetas
    rows = n if at_once else max(1, FEATURES_AT_ONCE // d)
    for start in range(0, n, rows):
        some = features[start : start + rows]
        wide = some.double() if arrays.is_tensor(some) else some
        logits[:, start : start + rows] = (wide @ at[:-1] + at[-1]).T
    return logits


def is_batches(X: Any) -> TypeGuard[Batches]:
    """Whether X is batches (X, y) and not features: no array of any kind, no nested list of numbers."""
    if arrays.is_tensor(X) or arrays.is_sparse(X) or hasattr(X, "__array__") or not hasattr(X, "__iter__"):
        return False
    if not isinstance(X, (list, tuple)):
        return True
    first = X[0] if len(X) else None  # a list, if a DataLoader made it
    return isinstance(first, tuple) or (isinstance(first, list) and len(first) > 0 and np.ndim(first[0]) == 2)


class PlaneBlocks:
    """The blocks (LogitPlane, y) of batches (X, y), made as they are iterated over."""

    def __init__(self, batches: Batches, thetas: tuple[ArrayLike, ArrayLike, ArrayLike]) -> None:
        check_reiterable("X", batches)
        self.batches, self.thetas = batches, thetas

    def __iter__(self) -> Iterator[tuple[LogitPlane, ArrayLike]]:
        for batch in self.batches:
            if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
                accepted = "features (n, d), or batches (X, y)"
                raise TypeError(f"X is a stream of {type(batch).__name__}; accepted: {accepted}")
            yield logit_plane(batch[0], *self.thetas), batch[1]
