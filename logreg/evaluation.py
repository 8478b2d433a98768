"""Quantities over a plane of parameter space: interpolated where that pays, direct where they are faint."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from kernels import LogitPlane, surface_on_plane
from kernels.arguments import arrays, numbers
from kernels.quantities import QUANTITIES, Surface
from logreg.devices import host, moved

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from logreg.directions import Plane
    from logreg.samples import ArraySamples, StreamedSamples

BELOW_BOUND = 1e3  # times the error of interpolation: log contours need digits below that
BAND = 64  # rows that are evaluated at once
UNIT_ROUNDOFF = 2.0**-53


def thetas_of(plane: Plane) -> np.ndarray:
    """Center and directions of a plane (d + 1, 3), checked."""
    vectors = plane.center, plane.s_direction, plane.t_direction
    thetas = np.empty((len(plane.center), 3))
    thetas[:, 0], thetas[:, 1], thetas[:, 2] = vectors
    if not arrays.is_finite(thetas):
        for name, vector in zip(plane._fields, vectors, strict=False):
            arrays.check_finite(name, vector)
    return thetas


def logits_on(plane: Plane, samples: ArraySamples | StreamedSamples) -> LogitPlane:
    """The LogitPlane of samples, float64 whatever the dtype of their features: one pass over these."""
    return logits_at(thetas_of(plane), samples)


def logits_at(thetas: np.ndarray, samples: ArraySamples | StreamedSamples) -> LogitPlane:
    """The same by thetas (d + 1, 3)."""
    size = samples.size
    if size is None:
        parts = [np.ascontiguousarray(batch.logits(thetas).T) for batch in samples]
        return LogitPlane(*map(np.concatenate, zip(*parts, strict=True)))
    logits = np.empty((3, size))
    for batch in samples:
        logits[:, batch.rows] = batch.logits(thetas).T
    return LogitPlane(*logits)


def evaluate(
    plane: LogitPlane,
    y: np.ndarray,
    s: np.ndarray,
    t: np.ndarray,
    quantities: Sequence[str],
    card: torch.device | None = None,
    *,
    loss: str = "bce",
    sample_weight: np.ndarray | None = None,
    pos_weight: float | None = None,
    method: str = "auto",
) -> Surface:
    """The kernels' Surface on a LogitPlane; values that interpolation can't resolve are evaluated directly. Arrays in,
    arrays out; `card` is the CUDA device to use, if any, and `method` is that of the kernels."""
    others = () if pos_weight is None else tuple(name for name in quantities if not QUANTITIES[name].of_loss)
    if others:  # whose plan is another one
        own = tuple(name for name in quantities if name not in others)
        surfaces = [evaluate(plane, y, s, t, others, card, sample_weight=sample_weight, method=method)]
        if own:
            weights: dict[str, Any] = {"sample_weight": sample_weight, "pos_weight": pos_weight}
            surfaces.insert(0, evaluate(plane, y, s, t, own, card, loss=loss, method=method, **weights))
        fields: Any = (next((v for v in values if v is not None), None) for values in zip(*surfaces, strict=True))
        return Surface(*fields)
    given = (*plane, y) if sample_weight is None else (*plane, y, sample_weight)
    p, q, r, labels, *weight = moved(card, *given)
    data = LogitPlane(p, q, r), labels
    options: dict[str, Any] = {"loss": loss, "sample_weight": weight[0] if weight else None, "pos_weight": pos_weight}
    surface = surface_on_plane(*data, s, t, quantities=quantities, method=method, **options)
    if card is not None:
        surface = on_host(surface)
    assert surface.plan is not None  # only one that is made by hand has none
    if surface.plan.method == "direct":
        return surface
    p, q, r = (np.abs(field) for field in plane)
    largest_logit = (p + np.abs(s).max() * q + np.abs(t).max() * r).max()
    for name in (name for name in quantities if QUANTITIES[name].smooth):
        values = getattr(surface, name)
        error = (surface.plan.bound + 4 * UNIT_ROUNDOFF * largest_logit) * max(1.0, np.abs(values).max())
        for rows, columns in bands(size_of_quantity(name, values) < BELOW_BOUND * error):
            part = surface_on_plane(*data, s[columns], t[rows], quantities=(name,), method="direct", **options)
            values[..., rows, columns] = host(getattr(part, name))
    return surface


def on_host(surface: Surface) -> Surface:
    tensors: dict[str, Any] = {k: host(values) for k, values in surface._asdict().items() if torch.is_tensor(values)}
    return surface._replace(**tensors)


def size_of_quantity(name: str, values: np.ndarray) -> np.ndarray:
    """How large a quantity is at each point (nt, ns): the gradient's norm, the Hessian's smaller eigenvalue."""
    if name == "gradient":
        return np.hypot(*values)
    if name == "hessian":
        ss, st, tt = values
        return (ss + tt) / 2 - np.hypot((ss - tt) / 2, st)
    return values


def bands(mask: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """(rows, columns), slices that together hold all that is True; what is below a level of a convex function is one
    range of columns in each row."""
    for start in range(0, len(mask), BAND):
        columns = np.flatnonzero(mask[start : start + BAND].any(axis=0))
        if len(columns):
            yield slice(start, min(start + BAND, len(mask))), slice(columns[0], columns[-1] + 1)


def add_penalty(surface: Surface, l2: tuple[float, float], plane: Plane) -> None:
    """Adds l2/2 |w|^2 + l2_bias/2 b^2 to the loss, the gradient and the Hessian of a Surface, in place.

    By the decomposition [s_w, t_w, c_w] = Q R of the weights' parts, w = Q R (s, t, 1), so that |w|^2 is a sum of at
    most three squares of linear functions, and b^2 one more.
    """
    if l2 == (0, 0):
        return
    parts = np.column_stack([plane.s_direction, plane.t_direction, plane.center])
    squares = [(l2[0], row) for row in np.linalg.qr(parts[:-1])[1]] + [(l2[1], parts[-1])]
    loss, gradient, hessian = surface.loss, surface.gradient, surface.hessian
    for factor, (along_s, along_t, constant) in squares:
        value = along_s * surface.s + (along_t * surface.t + constant)[:, None]
        if loss is not None:
            loss += factor / 2 * value**2
        if gradient is not None:
            gradient += factor * np.stack([along_s * value, along_t * value])
        if hessian is not None:
            hessian += factor * np.reshape([along_s**2, along_s * along_t, along_t**2], (3, 1, 1))


def check_penalty(l2: float, name: str = "l2") -> float:
    """The penalty as a float, finite and >= 0."""
    if type(l2) is not float and (not isinstance(l2, Real) or isinstance(l2, bool)):
        raise ValueError(f"{name} is {l2!r}; accepted: a finite number >= 0")
    return numbers.nonnegative(name, l2)
