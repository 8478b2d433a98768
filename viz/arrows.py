"""Arrows along a path, where they show its direction: on straight legs, apart from each other and from its marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from viz.marks import inches_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.quiver import Quiver

    from viz.inputs import Grid, Path

# Inches in an Axes of usual size; chosen by eye
LENGTH = 0.17  # of an arrow
FINE = 0.05  # a zigzag finer than that is a thick line
CLEAR = 0.1  # from an arrow to another part of the path
OFF = 0.04  # by which a leg may bend under an arrow
APART, FROM_MARKS = 2.5, 1.2  # from the middle of an arrow to that of others, and to marks, in its lengths
MOST = 8  # on a path, which are so far apart that a straight one has as many
PIECES = 8  # of the path under an arrow
SAMPLES = 4000  # of a path; one that is longer has no arrows on the rest
FAR = 1e6  # as far as a path that diverges is followed


def draw_arrows(ax: Axes, grid: Grid, path: Path, color: Any, scale: float, taken: list[complex]) -> Quiver | None:
    """The arrows of a path, apart from the places in inches that are `taken`, to which theirs are added; None where no
    leg of it is long enough."""
    unit = inches_of(ax, grid.s, grid.t)
    tips, tails = path_arrows(grid, path, unit, scale, taken)
    if len(tips) == 0:
        return None
    motions = tips - tails
    directions = motions / np.linalg.norm(motions, axis=1, keepdims=True)
    inches: dict[str, Any] = {"units": "inches", "width": 0.03 * scale, "scale_units": "inches", "scale": 6 / scale}
    head: dict[str, Any] = {"headwidth": 6, "headlength": 7, "headaxislength": 6}
    style: dict[str, Any] = {"color": color, "edgecolor": "white", "linewidth": 0.8 * scale, "zorder": 11}
    return ax.quiver(*tips.T, *directions.T, angles="xy", pivot="tip", **inches, **head, **style)


def path_arrows(
    grid: Grid, path: Path, unit: np.ndarray, scale: float, taken: list[complex]
) -> tuple[np.ndarray, np.ndarray]:
    """Tips and tails (k, 2) of arrows on a path, in the order of its motion; `unit` is as in `inches_of`.

    The path is smoothed by what is finer than a line is wide, cut to the window and sampled evenly. An arrow is where
    so many samples lie on a line, no other part of the path is near, and no place that is taken.
    """
    corner = np.array([grid.s.min(), grid.t.min()])
    points = np.clip((np.column_stack(path) - corner) * unit / scale, -FAR, FAR) @ (1, 1j)
    size = np.array([np.ptp(grid.s), np.ptp(grid.t)]) * unit / scale
    at = evenly_spaced(*cut_to_window(smoothed(points), *size))
    heads = heads_of(at, [place / scale for place in taken])
    taken += (at[heads - PIECES // 2] * scale).tolist()
    tips, tails = (np.column_stack([z.real, z.imag]) * scale / unit + corner for z in (at[heads], at[heads - PIECES]))
    return tips, tails


def heads_of(at: np.ndarray, marks: list[complex]) -> np.ndarray:
    """Which samples (n,) arrows end at (k,), none of them near a mark."""
    apart = max(APART * LENGTH, np.abs(at - at[:1]).max(initial=0) / MOST)
    heads: list[int] = []
    middles: list[complex] = []
    for k in np.flatnonzero(is_straight(at)).tolist():
        middle = at[k + PIECES // 2]
        clear = all(abs(middle - mark) >= FROM_MARKS * LENGTH for mark in marks)
        if clear and all(abs(middle - other) >= apart for other in middles) and is_alone(at, at[k], at[k + PIECES]):
            heads.append(k + PIECES)
            middles.append(middle)
    return np.array(heads[:: -(-len(heads) // MOST) or 1], int)


def smoothed(points: np.ndarray) -> np.ndarray:
    """Complex points, at least `FINE` from each one to the next."""
    kept = points[:1].tolist()
    for point in points.tolist():
        if abs(point - kept[-1]) >= FINE:
            kept.append(point)
    return np.array(kept)


def cut_to_window(points: np.ndarray, width: float, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Begins and ends of what of the legs between complex points is in a window that begins at 0."""
    begins, ways = points[:-1], np.diff(points)
    first, last = np.zeros(len(ways)), np.ones(len(ways))
    for start, way, size in ((begins.real, ways.real, width), (begins.imag, ways.imag, height)):
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = np.sort([-start / way, (size - start) / way], axis=0)
        inside = (start >= 0) & (start <= size)
        first = np.maximum(first, np.where(way == 0, np.where(inside, 0, 2), low))
        last = np.minimum(last, np.where(way == 0, 1, high))
    there = first < last
    return (begins + first * ways)[there], (begins + last * ways)[there]


def evenly_spaced(begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Complex points on legs, one each time that an arrow's length has been gone a piece of."""
    gone = np.concatenate([[0.0], np.cumsum(np.abs(ends - begins))])
    at = np.arange(min(gone[-1] * PIECES / LENGTH, SAMPLES)) * (LENGTH / PIECES)
    leg = np.searchsorted(gone, at, side="right") - 1
    leg, at = leg[leg < len(begins)], at[leg < len(begins)]
    return begins[leg] + (at - gone[leg]) / (gone[leg + 1] - gone[leg]) * (ends[leg] - begins[leg])


def is_straight(at: np.ndarray) -> np.ndarray:
    """Whether the way from each sample to that an arrow's length later is straight, (n - PIECES,)."""
    ahead = np.abs(at[PIECES:] - at[:-PIECES])
    return (ahead > 0.95 * LENGTH) & (ahead < 1.001 * LENGTH)


def is_alone(at: np.ndarray, tail: complex, tip: complex) -> bool:
    """Whether samples that are near an arrow are all on it, or on its line."""
    across = (at - tail) * np.conj(tip - tail) / abs(tip - tail)  # along the arrow, and beside it
    beyond = np.maximum(0, np.abs(across.real - LENGTH / 2) - LENGTH / 2)
    return not ((np.hypot(beyond, across.imag) < CLEAR) & (np.abs(across.imag) > OFF)).any()
