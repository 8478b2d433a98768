"""Windows of a surface and the points of its axes: as they are asked for, or around what is to be seen."""

from __future__ import annotations

import math
from collections.abc import Sequence, Sized
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from kernels.arguments import memory, numbers
from logreg.directions import project

if TYPE_CHECKING:
    from logreg.directions import Plane

Window: TypeAlias = float | Sequence[float]
Resolution: TypeAlias = int | Sequence[int]
Interval: TypeAlias = tuple[float, float]

MOSTLY = 0.5  # share of the path's variance off the plane from which a projection shows little of it; chosen by eye
MARGIN = 0.25  # of the path's range, on both sides of it; chosen by eye


def pair_of_points(resolution: Resolution) -> Sequence[int]:
    points = resolution if isinstance(resolution, (tuple, list)) else (resolution, resolution)
    if len(points) != 2:
        raise ValueError(f"resolution is {resolution!r}; accepted: a number of points, or a pair of them")
    return points


def pair_of_windows(extent: Any) -> tuple[Window, Window]:
    """A window for each axis: two things of which at least one is a pair itself, or the same for both."""
    if isinstance(extent, (tuple, list)) and len(extent) == 2:
        first, second = extent
        if isinstance(first, Sized) or isinstance(second, Sized):
            return first, second
    return extent, extent


def axis(name: str, window: Window, points: int) -> np.ndarray:
    """`points` evenly spaced values over a window; of one point, its middle."""
    low, high = interval(name, window)
    points = numbers.integer("resolution", points, 1)
    memory.check_fits((points,), np.float64)
    return np.array([low + (high - low) / 2]) if points == 1 else evenly_spaced(low, high, points)


def evenly_spaced(low: float, high: float, points: int) -> np.ndarray:
    """np.linspace to the bit, which takes three times as long for what a short axis can do without."""
    step = (high - low) / (points - 1)
    if step == 0:
        return np.linspace(low, high, points)
    values = np.arange(points, dtype=np.float64)
    values *= step
    values += low
    values[-1] = high
    return values


def interval(name: str, window: Window) -> tuple[float, float]:
    """The ends of a window, (low, high) or r for (-r, r), as floats."""
    try:
        low, high = map(float, window) if isinstance(window, Sized) else (-float(window), float(window))
    except (TypeError, ValueError, OverflowError):
        low, high = math.nan, math.nan
    if isinstance(window, str) or not (low < high and math.isfinite(high - low)):
        raise ValueError(f"{name} is {window!r}; accepted: (low, high) with low < high, or a number r > 0 for (-r, r)")
    return low, high


def axes_of(
    extent: Any, resolution: Resolution, plane: Plane, paths: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The axes s and t of a surface: of the window that is asked for, or, if it is None, of one that fits the paths
    (k, d + 1) or, without these, goes as far as the weights are long; there one point is the center."""
    points = pair_of_points(resolution)
    if extent is not None:
        windows = pair_of_windows(extent)
    elif paths:
        windows = window_of(plane, np.vstack(paths))
    else:
        windows = reach_of(plane.center, plane.s_direction), reach_of(plane.center, plane.t_direction)
    s, t = (axis("extent", window, number) for window, number in zip(windows, points, strict=True))
    if extent is None:
        s, t = (np.zeros(1) if len(values) == 1 else values for values in (s, t))
    return s, t


def reach_of(center: np.ndarray, direction: np.ndarray) -> float:
    """How far the weights go from 0, in units of a direction; 1 if they are 0."""
    return float((np.linalg.norm(center[:-1]) or 1.0) / np.linalg.norm(direction))


def window_of(plane: Plane, points: np.ndarray) -> tuple[Interval, Interval]:
    """A window of a plane with a margin around the points (k, d + 1) of paths and the center, or, if these are mostly
    off the plane, as far as they go from the center: ((low, high) of s, of t)."""
    found = project(plane, points)
    if found.outside <= MOSTLY:
        return with_margin(np.append(found.s, 0.0)), with_margin(np.append(found.t, 0.0))
    reach = np.linalg.norm(points - plane.center, axis=1).max()
    first, second = (reach / np.linalg.norm(direction) for direction in (plane.s_direction, plane.t_direction))
    return with_margin(np.array([-first, first])), with_margin(np.array([-second, second]))


def with_margin(values: np.ndarray) -> Interval:
    margin = MARGIN * np.ptp(values) or 1.0
    return float(values.min() - margin), float(values.max() + margin)
