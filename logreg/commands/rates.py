"""The rates command: up to which learning rate does training converge, with each cost and batch size?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kernels.arguments import numbers
from kernels.losses import LOSSES
from logreg import datasets
from logreg.commands.lab import WINDOW
from logreg.commands.pictures import draw_rates, new_folder
from logreg.data import LAB_TRAINING
from logreg.language import said
from logreg.rates import BEHAVIOURS, RatesStudy, study_rates

if TYPE_CHECKING:
    from collections.abc import Iterable

    from logreg.windows import Window

RATES = 60  # columns of the map: a quarter more from one to the next, over six decades


@dataclass(frozen=True)
class RatesSettings:
    """What the rates command can be asked; `rates` are the lowest and the highest."""

    data: str = "lab"
    rates: tuple[float, float] = (0.001, 1000.0)
    batch_sizes: tuple[int, ...] = (1, 2, 3, 5, 10, 20)
    number: int = 100
    epochs: int = LAB_TRAINING["epochs"]
    momentum: float = 0.0
    out: Path = Path("out")
    seed: int = 0
    device: str = "cpu"


def run_rates(settings: RatesSettings) -> RatesStudy:
    """Trains, draws the map into `settings.out`, prints up to which rate training converges; returns the RatesStudy.

    ValueError names a setting that can't be.
    """
    low, high = (numbers.nonnegative("rates", rate) for rate in settings.rates)
    if not 0 < low < high:
        raise ValueError(f"rates is {low:g} {high:g}; accepted: two numbers, 0 < LOW < HIGH")
    numbers.integer("number", settings.number, 1)
    data = x, _ = datasets.load(settings.data)
    study = study_rates(
        data,
        np.geomspace(low, high, RATES),
        sorted(set(settings.batch_sizes)),
        *window_of(settings.data, x.shape[1]),
        settings.number,
        epochs=settings.epochs,
        seed=settings.seed,
        momentum=settings.momentum,
        device=settings.device,
    )
    new_folder(settings.out)
    picture = draw_rates(study, settings.out)
    print(
        "\n\n".join([*(answer(cost, study) for cost in study.loss), said("The map is {path}", path=picture.resolve())])
    )
    return study


def window_of(data: str, d: int) -> tuple[Window, Window]:
    """Where starts are drawn: the lab's window, or for d standardised features that of torch.nn.Linear."""
    return WINDOW if data == "lab" else (d**-0.5, d**-0.5)


def answer(cost: str, study: RatesStudy) -> str:
    """Up to which rate a cost converges with each batch size, a line each, and with which rate and batch size its loss
    becomes lowest."""
    lines = [
        said("  batches of {size}: {words}", size=size, words=extent(study.rates, behaviour))
        for size, behaviour in zip(study.batch_sizes.tolist(), study.behaviour[cost], strict=True)
    ]
    loss = np.where(np.isnan(study.loss[cost]), np.inf, study.loss[cost])
    row, column = np.unravel_index(loss.argmin(), loss.shape)
    best = said(
        "  lowest mean loss, {loss:.3g}, of accuracy {accuracy:.3g}: learning rate {rate:.3g}, batches of {size}",
        loss=study.loss[cost][row, column],
        accuracy=study.accuracy[cost][row, column],
        rate=study.rates[column],
        size=study.batch_sizes[row],
    )
    head = said("With {cost}, from {starts} starts:", cost=LOSSES[cost].title, starts=study.starts)
    return "\n".join([head, *lines, best])


def extent(rates: np.ndarray, behaviour: np.ndarray) -> str:
    """Up to which of increasing rates training converges, and what it does beyond, in words."""
    others = np.flatnonzero(behaviour)
    if len(others) == 0:
        return said("converges with every learning rate, up to {rate:.3g}", rate=rates[-1])
    words = verbs(behaviour[others[0] :])
    if others[0] == 0:
        return said("{words} from the lowest learning rate, {rate:.3g}", words=words, rate=rates[0])
    return said("converges up to learning rate {rate:.3g}, then {words}", rate=rates[others[0] - 1], words=words)


def verbs(behaviour: Iterable[int]) -> str:
    """What training does, one after the other."""
    words = {"converging": said("converges"), "oscillating": said("oscillates"), "diverging": said("diverges")}
    changes = np.asarray([*behaviour])
    kept = changes[np.append(True, changes[1:] != changes[:-1])]
    return said(", then ").join(words[BEHAVIOURS[kind]] for kind in kept.tolist())
