"""Planes of parameter space: the directions that span them, and where a training path lies on them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kernels.arguments import models, numbers
from logreg.choices import DIRECTIONS
from logreg.curvature import DiagonalSum, MeanLoss, top_eigenpairs
from logreg.language import said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from logreg.blocks import AnySamples
    from logreg.models import LinearModel

SURELY_PARALLEL = 1e-10  # of a unit vector, outside the line of the other one
FLAT = 1e-12  # the share of a path's variance that is rounding


class Plane(NamedTuple):
    """Parameters theta = center + s * s_direction + t * t_direction, where theta = (w, b), the bias last.

    center, s_direction, t_direction  (d + 1,) float64
    labels                            what the axes s and t are, in words
    explained                         share of a path's variance along s and t; None for a plane without a path
    """

    center: np.ndarray
    s_direction: np.ndarray
    t_direction: np.ndarray
    labels: tuple[str, str]
    explained: tuple[float, float] | None = None


class Projection(NamedTuple):
    """Where points of parameter space lie on a plane, by least squares.

    s, t      coordinates of the nearest points of the plane (k,)
    distance  Euclidean distance from the plane (k,)
    outside   share of the points' variance that is at right angles to the plane
    """

    s: np.ndarray
    t: np.ndarray
    distance: np.ndarray
    outside: float


def plane_around(
    model: LinearModel,
    samples: AnySamples,
    directions: str | Sequence[ArrayLike | str],
    seed: Any,
    mean: MeanLoss,
    l2: tuple[float, float],
) -> Plane:
    """The Plane around a model of the dimension of its samples, by the mean loss over these and, of weights and bias,
    the penalty; other arguments as in `LossSurface.around`."""
    center = model.theta
    if not isinstance(directions, str):
        return Plane(center, *given(directions, center, samples.names))
    numbers.one_of("directions", directions, DIRECTIONS)
    if directions == "pca":
        return plane_of_paths(model)
    free = len(center) - (not model.has_bias and len(center) > 2)
    if directions in ("random", "filter"):
        pair, labels = random_directions(center[:free], directions, seed)
    elif directions == "hessian":
        eigenvalues, pair = top_eigenpairs(samples, center, l2, mean, free, 2)
        pair = oriented(pair)
        labels = [
            said("Hessian's eigenvector {k} (eigenvalue {value:.3g})", k=k, value=value)
            for k, value in enumerate(eigenvalues, 1)
        ]
    else:
        chosen = coordinates(samples, center, mean)
        pair, labels = units(chosen, len(center)), [label_of_coordinate(center, k, samples.names) for k in chosen]
    if free < len(center):  # no direction changes a bias that isn't there
        pair = np.pad(pair[:, :free], ((0, 0), (0, 1)))
    s, t = pair
    return Plane(center, s, t, (labels[0], labels[1]))


def plane_of_paths(model: LinearModel) -> Plane:
    """The Plane of the principal components of all points of a model's paths."""
    if not model.paths:
        raise ValueError(
            "directions is 'pca' and model has no path; accepted: the History of its training, or another path"
        )
    (s, t), explained = principal_components(np.vstack(model.paths))
    first, second = (
        said("principal component {k} ({share:.3g} % of variance)", k=k, share=100 * share)
        for k, share in enumerate(explained, 1)
    )
    return Plane(model.theta, s, t, (first, second), explained)


def given(
    directions: Sequence[ArrayLike | str], center: np.ndarray, names: tuple[str, ...] | None
) -> tuple[np.ndarray, np.ndarray, tuple[str, str]]:
    """Two directions (d + 1,) that span a plane, and what they are called: vectors, or coordinates by name."""
    d = len(center) - 1
    if not (hasattr(directions, "__len__") and len(directions) == 2):
        kinds = ", ".join(map(repr, DIRECTIONS))
        raise ValueError(
            f"directions is a {type(directions).__name__}; accepted: {kinds} or a pair of vectors ({d + 1},) or names "
            "of features"
        )
    vectors: list[np.ndarray] = []
    labels: list[str] = []
    for which, direction in zip(("s_direction", "t_direction"), directions, strict=True):
        k = coordinate_of("directions", direction, d, names) if isinstance(direction, str) else None
        labels.append(said("along {which}", which=which) if k is None else label_of_coordinate(center, k, names))
        vectors.append(models.theta(f"directions[{len(vectors)}]", direction, d) if k is None else units([k], d + 1)[0])
    s, t = vectors
    if not (are_far_from_parallel(s, t) or span_plane(s, t)):
        raise ValueError("directions are parallel or zero; accepted: two vectors that span a plane")
    return s, t, (labels[0], labels[1])


def units(coordinates: Sequence[int], size: int) -> np.ndarray:
    """Unit vectors (k, size) along coordinates."""
    vectors = np.zeros((len(coordinates), size))
    vectors[np.arange(len(coordinates)), coordinates] = 1
    return vectors


def coordinate_of(argument: str, name: str, d: int, names: tuple[str, ...] | None) -> int:
    """The place in theta of the weight of a feature, or of the "bias"."""
    if names is not None and name in names:
        return names.index(name)
    if name == "bias":
        return d
    if names is None:
        raise ValueError(f"{argument} has {name!r}; accepted: vectors or 'bias', as data x has no names of columns")
    near = ", ".join(map(repr, get_close_matches(name, names) or names[:5]))
    raise ValueError(f"{argument} has {name!r}; accepted: names of columns, such as {near}, or 'bias'")


def are_far_from_parallel(s: np.ndarray, t: np.ndarray) -> bool:
    """Whether that is seen without decomposing them, of lengths whose squares have all their digits."""
    of_s, of_t, of_both = np.vdot(s, s), np.vdot(t, t), np.vdot(s, t)
    return 1e-100 < of_s < 1e100 and 1e-100 < of_t < 1e100 and of_both * of_both < of_s * of_t / 2


def span_plane(s: np.ndarray, t: np.ndarray) -> bool:
    pair = np.stack([s, t])
    lengths = np.linalg.norm(pair, axis=1)
    return bool(lengths.all() and np.linalg.svd(pair / lengths[:, None])[1][1] >= SURELY_PARALLEL)


def random_directions(center: np.ndarray, kind: str, seed: Any) -> tuple[np.ndarray, list[str]]:
    """Two random directions (2, size) and their labels: orthonormal, or scaled by the size of each parameter.

    "filter" is the filter normalisation of Li et al. (Visualizing the Loss Landscape of Neural Nets, 2018), read for a
    linear model: each weight is the filter of its feature, so a normal random number is multiplied by its size.
    """
    try:
        rng = np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ValueError(f"seed is {seed!r}; accepted: None or what numpy.random.default_rng takes") from None
    if kind == "random":
        return random_pair(len(center), rng), [said("random direction {k}", k=k) for k in (1, 2)]
    if np.count_nonzero(center) < 2:
        raise ValueError("directions is 'filter'; accepted: for a model with at least two parameters that aren't 0")
    pair = rng.normal(size=(2, len(center))) * np.abs(center)
    return pair, [said("random direction {k}, by the size of each weight", k=k) for k in (1, 2)]


def random_pair(size: int, rng: np.random.Generator) -> np.ndarray:
    """Two orthonormal vectors (2, size), uniformly distributed (Mezzadri, Notices of the AMS 54, 2007)."""
    q, r = np.linalg.qr(rng.normal(size=(size, 2)))
    return (q * np.sign(np.diag(r))).T


def turns(path: np.ndarray) -> bool:
    """Whether points (k, d + 1) are neither one point nor on a line, so that they have two principal components."""
    try:
        principal_components(path)
    except ValueError:
        return False
    return True


def principal_components(path: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """The components (2, d + 1) along which a path (steps + 1, d + 1) varies most, and their shares of its variance."""
    deviations = path - path.mean(axis=0)
    _, singular, components = np.linalg.svd(deviations, full_matrices=False)
    variance = singular**2
    if len(variance) < 2 or variance[1] <= FLAT**2 * variance[0]:
        raise ValueError(
            f"directions is 'pca' and the path of {len(path)} points keeps to a line or a point; "
            "accepted: a path that turns, or other directions, such as 'axes'"
        )
    shares = variance[:2] / variance.sum()
    return oriented(components[:2]), (float(shares[0]), float(shares[1]))


def oriented(vectors: np.ndarray) -> np.ndarray:
    """Vectors with the sign that makes the largest entry of each positive: decompositions leave it open."""
    largest = np.abs(vectors).argmax(axis=1)
    return vectors * np.sign(vectors[np.arange(len(vectors)), largest])[:, None]


def coordinates(samples: AnySamples, theta: np.ndarray, mean: MeanLoss) -> list[int]:
    """Two coordinates: weight and bias of a single feature, else the two weights along which the mean loss curves most
    at theta, by the diagonal of its Hessian; a penalty makes all of it larger alike."""
    if len(theta) == 2:
        return [0, 1]
    diagonal = samples.sum(DiagonalSum(theta, mean))
    return np.argsort(-diagonal, kind="stable")[:2].tolist()


def project(plane: Plane, theta: np.ndarray) -> Projection:
    """The Projection of points theta (k, d + 1) onto a plane."""
    q, r = np.linalg.qr(np.column_stack([plane.s_direction, plane.t_direction]))
    offsets = theta - plane.center
    on_plane = offsets @ q
    s, t = np.linalg.solve(r, on_plane.T)
    rest = offsets - on_plane @ q.T
    variance = offsets.var(axis=0).sum()
    outside = float(rest.var(axis=0).sum() / variance) if variance > 0 else 0.0
    return Projection(s, t, np.linalg.norm(rest, axis=1), outside)


def label_of_coordinate(center: np.ndarray, k: int, names: tuple[str, ...] | None) -> str:
    name = "b" if k == len(center) - 1 else f"w[{names[k]}]" if names else "w" if len(center) == 2 else f"w[{k}]"
    return said("change of {name} from {value:.4g}", name=name, value=center[k])
