"""The part of a surface that a film shows when it follows the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from viz.inputs import Grid, Path

SHARE = 1 / 3  # of the surface's window, along each axis; chosen by eye
LAG = 9  # frames over which the view's middle is a mean, so that it doesn't tremble with a zigzag
LEEWAY = 0.35  # of the view's width that the model may be from its middle


def views(grid: Grid, path: Path, steps: np.ndarray) -> np.ndarray:
    """The windows (frames, 2, 2) that follow a path at some of its steps: where the ends of both axes are, a third of
    the surface's window, the model near the middle but where the surface ends."""
    return np.stack([view_along(values[steps], *ends) for values, ends in zip(path, grid.window, strict=True)], axis=1)


def view_along(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """The ends (frames, 2) of one axis."""
    width = SHARE * (high - low)
    seen = np.clip(values, low, high)
    middle = np.clip(running_mean(seen), seen - LEEWAY * width, seen + LEEWAY * width)
    first = np.clip(middle - width / 2, low, high - width)
    return np.column_stack([first, first + width])


def running_mean(values: np.ndarray) -> np.ndarray:
    """The mean of each value and those around it, in the shape of `values`; the ends go on as they are."""
    around = np.pad(values, LAG // 2, mode="edge")
    return np.convolve(around, np.full(LAG, 1 / LAG), mode="valid")
