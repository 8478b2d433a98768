"""Runs of training, whoever keeps them: the parameters along them, by what they have in common with a History."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from kernels.arguments import arrays

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from typing_extensions import TypeIs


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


FIELDS = ("w", "b", "start_w", "start_b")


def is_run(value: Any) -> TypeIs[Run]:
    return hasattr(value, "start_w") and hasattr(value, "w")


def path_of(history: Run) -> np.ndarray:
    """theta (k + 2, d + 1) float64 along a History: at the start, after the k steps that were kept, and at the end if
    that isn't the last of them.

    What has w (k, d), b (k,), start_w (d,) and start_b will do; one with more `steps` than it holds, one of
    `every`, also has `end_w` and `end_b`. TypeError if something is missing, ValueError for shapes that disagree.
    """
    require_run(history, FIELDS)
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
