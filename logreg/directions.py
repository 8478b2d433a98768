"""Planes of parameter space: the directions that span them, and where a training path lies on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch

from kernels import reference
from kernels.arguments import arrays, memory, models, numbers
from kernels.arguments.weighting import unit_of, weigh_positive
from logreg.data import blocks
from logreg.devices import host
from logreg.model import Model, full_name, parameters
from logreg.train import History

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike

KINDS = ("axes", "random", "hessian", "pca")
SURELY_PARALLEL = 1e-10  # of a unit vector, outside the line of the other one
FLAT = 1e-12  # the share of a path's variance that is rounding


class Run(Protocol):
    """What is read of a run of training, as a History has it: w (k, d), b (k,) and where it started."""

    @property
    def w(self) -> ArrayLike: ...

    @property
    def b(self) -> ArrayLike: ...

    @property
    def start_w(self) -> ArrayLike: ...

    @property
    def start_b(self) -> ArrayLike: ...


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
    model: Model | History,
    x: np.ndarray,
    y: np.ndarray,
    directions: str | Sequence[ArrayLike],
    l2: float,
    seed: Any,
    *,
    loss: str = "bce",
    sample_weight: np.ndarray | None = None,
    pos_weight: float | None = None,
) -> Plane:
    """The Plane around a model, of checked data x (n, d), float32 or float64, y (n,) float64; other arguments as in
    `LossSurface.around`."""
    center = path_of(model)[-1].copy() if isinstance(model, History) else parameters(model)
    if len(center) != x.shape[1] + 1:
        raise ValueError(f"data x has {x.shape[1]} features; accepted: {len(center) - 1}, as the model has weights")
    if not isinstance(directions, str):
        s, t = given(directions, x.shape[1])
        return Plane(center, s, t, ("along s_direction", "along t_direction"))
    numbers.one_of("directions", directions, KINDS)
    if directions == "random":
        s, t = random_pair(len(center), seed)
        return Plane(center, s, t, ("random direction 1", "random direction 2"))
    if directions == "pca":
        if not isinstance(model, History):
            raise ValueError(
                f"directions is 'pca' and model is a {full_name(model)}; accepted: the History of its training"
            )
        (s, t), explained = principal_components(path_of(model))
        first, second = (
            f"principal component {k} ({100 * share:.3g} % of variance)" for k, share in enumerate(explained, 1)
        )
        return Plane(center, s, t, (first, second), explained)
    samples = MeanLoss(loss, *labels_and_weights(y, sample_weight, pos_weight))
    if directions == "hessian":
        (s, t), eigenvalues = top_eigenvectors(hessian(x, center, l2, samples))
        first, second = (f"Hessian's eigenvector {k} (eigenvalue {v:.3g})" for k, v in enumerate(eigenvalues, 1))
        return Plane(center, s, t, (first, second))
    chosen = coordinates(x, center, samples)
    first, second = (label_of_coordinate(center, k) for k in chosen)
    s, t = pair = np.zeros((2, len(center)))
    pair[[0, 1], chosen] = 1
    return Plane(center, s, t, (first, second))


def path_of(history: Run) -> np.ndarray:
    """theta (k + 2, d + 1) float64 along a History: at the start, after the k steps that were kept, and at the end if
    that isn't the last of them.

    What has w (k, d), b (k,), start_w (d,) and start_b will do; one with more `steps` than it holds, one of
    `every`, also has `end_w` and `end_b`. TypeError if something is missing, ValueError for shapes that disagree.
    """
    require_run(history, ("w", "b", "start_w", "start_b"))
    w, b = (arrays.array_of(f"history.{name}", getattr(history, name)) for name in "wb")
    if w.ndim != 2 or b.shape != w.shape[:1]:
        raise ValueError(f"history.w has shape {w.shape} and history.b {b.shape}; accepted: (k, d) and (k,)")
    points = [end_of_path(history, "start", w.shape[1]), np.column_stack([w, b])]
    if getattr(history, "steps", 0) > len(b) * getattr(history, "every", 1):
        require_run(history, ("end_w", "end_b"))
        points.append(end_of_path(history, "end", w.shape[1]))
    return np.vstack(points, dtype=np.float64)


def require_run(history: Run, fields: tuple[str, ...]) -> None:
    lacking = ", ".join(name for name in fields if not hasattr(history, name))
    if lacking:
        raise TypeError(
            f"history is a {type(history).__name__} without {lacking}; accepted: the History of one run of training"
        )


def end_of_path(history: Run, end: str, d: int) -> np.ndarray:
    """theta (d + 1,) at the "start" or the "end" of a run."""
    w, b = (arrays.array_of(f"history.{end}_{name}", getattr(history, f"{end}_{name}")) for name in "wb")
    if w.size != d or b.size != 1:
        raise ValueError(f"history.{end}_w and _b have shapes {w.shape} and {b.shape}; accepted: ({d},) and one number")
    return np.append(w, b)


def given(directions: Sequence[ArrayLike], d: int) -> tuple[np.ndarray, np.ndarray]:
    """Two directions (d + 1,) that span a plane."""
    if not (hasattr(directions, "__len__") and len(directions) == 2):
        names = ", ".join(map(repr, KINDS))
        raise ValueError(
            f"directions is a {type(directions).__name__}; accepted: {names} or a pair of vectors ({d + 1},)"
        )
    s, t = (models.theta(f"directions[{k}]", vector, d) for k, vector in enumerate(directions))
    if not (are_far_from_parallel(s, t) or span_plane(s, t)):
        raise ValueError("directions are parallel or zero; accepted: two vectors that span a plane")
    return s, t


def are_far_from_parallel(s: np.ndarray, t: np.ndarray) -> bool:
    """Whether that is seen without decomposing them, of lengths whose squares have all their digits."""
    of_s, of_t, of_both = np.vdot(s, s), np.vdot(t, t), np.vdot(s, t)
    return 1e-100 < of_s < 1e100 and 1e-100 < of_t < 1e100 and of_both * of_both < of_s * of_t / 2


def span_plane(s: np.ndarray, t: np.ndarray) -> bool:
    pair = np.stack([s, t])
    lengths = np.linalg.norm(pair, axis=1)
    return bool(lengths.all() and np.linalg.svd(pair / lengths[:, None])[1][1] >= SURELY_PARALLEL)


def random_pair(size: int, seed: Any) -> np.ndarray:
    """Two orthonormal vectors (2, size), uniformly distributed (Mezzadri, Notices of the AMS 54, 2007)."""
    try:
        rng = np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ValueError(f"seed is {seed!r}; accepted: None or what numpy.random.default_rng takes") from None
    q, r = np.linalg.qr(rng.normal(size=(size, 2)))
    return (q * np.sign(np.diag(r))).T


def principal_components(path: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """The components (2, d + 1) along which a path (steps + 1, d + 1) varies most, and their shares of its variance."""
    deviations = path - path.mean(axis=0)
    _, singular, components = np.linalg.svd(deviations, full_matrices=False)
    variance = singular**2
    if len(variance) < 2 or variance[1] <= FLAT**2 * variance[0]:
        raise ValueError(
            f"directions is 'pca' and the path of {len(path)} points keeps to a line or a point; "
            "accepted: a path that turns"
        )
    shares = variance[:2] / variance.sum()
    return oriented(components[:2]), (float(shares[0]), float(shares[1]))


def top_eigenvectors(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The eigenvectors (2, d + 1) of the largest two eigenvalues of a symmetric matrix, and these (2,)."""
    eigenvalues, vectors = np.linalg.eigh(matrix)
    return oriented(vectors.T[:-3:-1]), eigenvalues[:-3:-1]


def oriented(vectors: np.ndarray) -> np.ndarray:
    """Vectors with the sign that makes the largest entry of each positive: decompositions leave it open."""
    largest = np.abs(vectors).argmax(axis=1)
    return vectors * np.sign(vectors[np.arange(len(vectors)), largest])[:, None]


class MeanLoss(NamedTuple):
    """A loss by its name, labels (n,), and the weight that each sample has in its mean (n,)."""

    loss: str
    y: np.ndarray
    weight: np.ndarray


def labels_and_weights(
    y: np.ndarray, sample_weight: np.ndarray | None, pos_weight: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) and the weight that each sample has in the mean (n,): 1 / n without weights."""
    weight = np.ones(len(y)) if sample_weight is None else sample_weight / unit_of(sample_weight)
    share = weight / weight.sum()
    if pos_weight is None:
        return y, share
    labels, own = weigh_positive(y, share, pos_weight)
    return host(labels), host(own)


def hessian(x: np.ndarray, theta: np.ndarray, l2: float, samples: MeanLoss) -> np.ndarray:
    """Second derivatives (d + 1, d + 1) of the mean loss + l2/2 |w|^2 at theta: X' diag(weight d^2 L/dz^2) X."""
    d = x.shape[1]
    memory.check_fits((d + 1, d + 1), np.float64)
    total = np.zeros((d + 1, d + 1))
    for features, curvature in curvatures(x, theta, samples):
        rows = np.pad(features, ((0, 0), (0, 1)), constant_values=1)
        total += (rows.T * curvature) @ rows
    total[np.arange(d), np.arange(d)] += l2
    return total


def coordinates(x: np.ndarray, theta: np.ndarray, samples: MeanLoss) -> list[int]:
    """Two coordinates: weight and bias of a single feature, else the two weights along which the mean loss curves most
    at theta, by the diagonal of its Hessian; a penalty makes all of it larger alike."""
    if len(theta) == 2:
        return [0, 1]
    diagonal = np.zeros(x.shape[1])
    for features, curvature in curvatures(x, theta, samples):
        diagonal += np.einsum("ij,ij->j", features * curvature[:, None], features)
    return np.argsort(-diagonal, kind="stable")[:2].tolist()


def curvatures(x: np.ndarray, theta: np.ndarray, samples: MeanLoss) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some rows of x (rows, d) at a time, float64, and weight d^2 L/dz^2 of these at theta (rows,)."""
    for rows, features in blocks(x):
        z, y = torch.from_numpy(features @ theta[:-1] + theta[-1]), torch.from_numpy(samples.y[rows])
        yield features, samples.weight[rows] * reference.curvature(z, y, samples.loss).numpy()


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


def label_of_coordinate(center: np.ndarray, k: int) -> str:
    name = "b" if k == len(center) - 1 else "w" if len(center) == 2 else f"w[{k}]"
    return f"change of {name} from {center[k]:.4g}"
