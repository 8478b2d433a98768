"""What studies of many starts have in common: the starts, the samples they are trained on, and results of each cost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.arguments import numbers
from kernels.keeping import kept_at
from kernels.losses import LOSSES
from kernels.workers.checkpoint import Kept, Section, print_of_code
from kernels.workers.runner import check_executor
from logreg.classes import weights_with_classes
from logreg.devices import card_of, host, moved
from logreg.windows import interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import torch
    from numpy.typing import ArrayLike, DTypeLike

    from kernels.kinds import Executor, Path
    from logreg.classes import ClassWeight, Labels
    from logreg.devices import Device
    from logreg.windows import Interval, Window


def costs_of(costs: Sequence[str]) -> list[str]:
    """Names of losses, at least one."""
    if isinstance(costs, str) or not isinstance(costs, (list, tuple)) or not costs:
        raise ValueError(f"costs is {costs!r}; accepted: a list of names of losses, of {', '.join(map(repr, LOSSES))}")
    return [numbers.one_of("costs", cost, LOSSES) for cost in costs]


def ranges_of(w_range: Window, b_range: Window) -> tuple[Interval, Interval]:
    """The ends of a window of starts, of weights and of biases."""
    return interval("w_range", w_range), interval("b_range", b_range)


def drawn(
    ranges: tuple[Interval, Interval], n: int, d: int, seed: int, dtype: DTypeLike
) -> tuple[np.ndarray, np.ndarray]:
    """Starts w (n, d), b (n,), uniform between the ends of weights and of biases."""
    rng = np.random.default_rng(numbers.integer("seed", seed, 0))
    of_w, of_b = ranges
    check_ends("w_range", of_w, dtype)
    check_ends("b_range", of_b, dtype)
    return rng.uniform(*of_w, (n, d)).astype(dtype), rng.uniform(*of_b, n).astype(dtype)


def check_ends(name: str, ends: Interval, dtype: DTypeLike) -> None:
    if max(map(abs, ends)) > float(np.finfo(np.dtype(dtype)).max):
        raise ValueError(f"{name} is {ends}; accepted: finite {np.dtype(dtype)} numbers, as starts are of that dtype")


def card_beside(executor: Executor | None, device: Device) -> torch.device | None:
    """The CUDA device that is meant, None for the CPU or for what workers train."""
    card = card_of(device)
    if check_executor(executor) is not None and card is not None:
        raise ValueError(f"device is {device!r} beside executor; accepted: None or 'cpu', as workers train there")
    return card


def samples_on(
    card: torch.device | None,
    x: np.ndarray,
    labels: Labels,
    sample_weight: ArrayLike | None,
    class_weight: ClassWeight,
) -> tuple[Any, Any, dict[str, Any]]:
    """x (m, d) and y (m,) where they are trained on, and the setting by which samples count as they should."""
    weight = weights_with_classes(labels, sample_weight, class_weight)
    counted = {} if weight is None else {"sample_weight": moved(card, weight)[0]}
    return *moved(card, x, labels.y), counted


# Checkpoints


def kept_study(
    checkpoint: Path | None, study: str, card: torch.device | None, samples: tuple[Any, ...], **values: tuple[Any, ...]
) -> Kept | None:
    """What is kept of a study at a path, or None without one: of samples and the setting that `samples_on` gave, and of
    other values, by the code of both packages."""
    if checkpoint is None:
        return None
    X, y, counted = samples
    data = *map(host, (X, y)), *map(host, counted.values())
    code = (print_of_code(os.path.dirname(__file__)),)
    backend = "numba" if card is None else "torch"
    return kept_at(checkpoint, study, backend, data=data, logreg=code, **values)


def section(kept: Kept | None, title: str) -> Any:
    """Where one ensemble of a study is kept, for `kernels.sgd_ensemble`; None where nothing is."""
    return None if kept is None else Section(kept, title)


# Files


def rows_of(name: str, results: Mapping[str, np.ndarray], costs: tuple[str, ...]) -> np.ndarray:
    """{cost: array} as one array (costs, ...), in which they are kept."""
    shapes = {cost: np.shape(values) for cost, values in results.items()}
    if tuple(shapes) != costs or len(set(shapes.values())) != 1:
        raise ValueError(f"{name} has shapes {shapes}; accepted: one shape for each cost, of {', '.join(costs)}")
    return np.stack(tuple(results.values()))


def as_kept(fields: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The fields of a study as a file has them: those of these names, {cost: array}, in rows, and the costs."""
    costs = tuple(fields["loss"])
    return {**fields, **{name: rows_of(name, fields[name], costs) for name in names}, "costs": costs}


def from_kept(fields: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The fields of a study that `as_kept` gave."""
    costs = fields.pop("costs")
    return fields | {name: dict(zip(costs, fields[name], strict=True)) for name in names}


def kept_costs(_: str, value: Any) -> tuple[str, ...]:
    return numbers.some_of("costs", value, LOSSES)
