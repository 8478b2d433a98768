"""What the rates command does: trains with many rates, draws the map, and says up to which rate training converges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kernels.losses import LOSSES
from logreg import datasets
from logreg.choices import LAB_WINDOW
from logreg.commands.options import check_room
from logreg.commands.pictures import draw_rates, new_folder
from logreg.language import said
from logreg.rates import BEHAVIOURS, RatesStudy, study_rates

if TYPE_CHECKING:
    from logreg.commands.rates import RatesSettings
    from logreg.windows import Window

COLUMNS = 60  # of the map: a quarter more from one to the next, over six decades


def run_rates(settings: RatesSettings) -> RatesStudy:
    """Trains, draws the map into `settings.out`, prints up to which rate training converges; returns the RatesStudy.

    ValueError names a setting that can't be.
    """
    data = x, _ = datasets.load(settings.data)
    check_room("number", settings.number, (COLUMNS, settings.number, 6 * (x.shape[1] + 4)))
    study = study_rates(
        data,
        np.geomspace(*settings.rates, COLUMNS),
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
    return LAB_WINDOW if data == "lab" else (d**-0.5, d**-0.5)


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
    return "\n".join([head_of(cost, study.starts), *lines, best])


def head_of(cost: str, starts: int) -> str:
    """What was trained, and from how many starts."""
    name = said(LOSSES[cost].title)
    if starts == 1:
        return said("With {cost}, from one start:", cost=name)
    return said("With {cost}, from {starts:,} starts:", cost=name, starts=starts)


def extent(rates: np.ndarray, behaviour: np.ndarray) -> str:
    """Up to which of increasing rates training converges, and what it does beyond, in words."""
    others = np.flatnonzero(behaviour)
    if len(others) == 0:
        return said("converges with every learning rate, up to {rate:.3g}", rate=rates[-1])
    words = verbs(behaviour[others[0] :])
    if others[0] == 0:
        return said("{words} from the lowest learning rate, {rate:.3g}", words=words, rate=rates[0])
    return said("converges up to learning rate {rate:.3g}, then {words}", rate=rates[others[0] - 1], words=words)


def verbs(behaviour: np.ndarray) -> str:
    """What training does, one after the other."""
    words = {"converging": said("converges"), "oscillating": said("oscillates"), "diverging": said("diverges")}
    kept = behaviour[np.append(True, behaviour[1:] != behaviour[:-1])]
    return said(", then ").join(words[BEHAVIOURS[kind]] for kind in kept.tolist())
