"""Which steps of a run are the frames of its film."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from viz.inputs import Grid, Path


def shown_steps(grid: Grid, path: Path, frames: int, spread: str) -> np.ndarray:
    """The numbers of at most so many steps, strictly increasing from 0 to the last, as even in their spread as whole
    steps allow: from one to the next it is at most that of a frame and of the longest step."""
    along = SPREADS[spread](grid, path)
    last = len(along) - 1
    turn = np.arange(min(frames, last + 1))
    even = np.searchsorted(along, np.linspace(0, along[-1], len(turn)))
    forwards = np.maximum.accumulate(even - turn) + turn  # a step by itself where several frames would show one
    return np.minimum(forwards, last - turn[::-1])


def by_path(grid: Grid, path: Path) -> np.ndarray:
    """How far each step is (steps + 1,), from 0 to 1, half by length and half by the logarithm of time: the first steps
    are seen one by one, and a run that rests goes on."""
    length = length_in_window(grid, path)
    return 0.5 * (length / (length[-1] or 1) + by_log(grid, path))


def by_log(grid: Grid, path: Path) -> np.ndarray:
    """How far each step is by the logarithm of time (steps + 1,), from 0 to 1."""
    time = np.log1p(np.arange(len(path.s)))
    return time / (time[-1] or 1)


def by_time(grid: Grid, path: Path) -> np.ndarray:
    """The number of each step (steps + 1,)."""
    return np.arange(len(path.s))


def length_in_window(grid: Grid, path: Path) -> np.ndarray:
    """The length of a path up to each of its points (steps + 1,), in widths and heights of the window: what lies beyond
    its edges counts as on them."""
    sides = zip(path, grid.window, strict=True)
    seen = [(np.clip(values, low, high) - low) / (high - low) for values, (low, high) in sides]
    return np.append(0, np.cumsum(np.hypot(*np.diff(seen))))


SPREADS: dict[str, Callable[[Grid, Path], np.ndarray]] = {"path": by_path, "log": by_log, "time": by_time}
