"""What the lab does: trains from several starts with each cost, draws every picture of the lab, and answers in one
sentence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tqdm import tqdm

from kernels.arguments import numbers
from kernels.losses import LOSSES
from logreg.choices import LAB_WINDOW, RANDOM_STARTS
from logreg.commands.conclusion import answer, shares
from logreg.commands.eager import train_eagerly
from logreg.commands.options import check_room
from logreg.commands.pictures import draw_animation, draw_lab, draw_starts, new_folder
from logreg.data import LabData
from logreg.devices import card_of
from logreg.language import said
from logreg.model import LogisticRegression, check_seed, seeded_model
from logreg.scores import accuracy
from logreg.starts import StartsStudy, study_starts
from logreg.surface import LossSurface
from logreg.training import History, train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from logreg.commands.lab import Settings

BAD_START = -15.0, -10.0  # at the edge: w of the wrong sign, the squared error a tenth as steep as the cross-entropy
TIMED_RUNS = 7  # runs: few, and an odd number, of which the median is one that was measured
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Trial:
    """One training run: where it started, what it reached, and seconds it took, compiled and in eager PyTorch."""

    start: str
    history: History
    accuracy: float
    seconds: float
    eager_seconds: float


def run_lab(settings: Settings) -> list[Trial]:
    """Trains, prints the table, draws the pictures into `settings.out`, prints the answer; returns the trials.

    ValueError names a setting that can't be; nothing is trained then.
    """
    check(settings)
    new_folder(settings.out)
    data = LabData()
    train_eagerly(model_at(0, 0), data, lr=0.0, batch_size=len(data), epochs=1)  # torch loads parts at their first use
    runs = [(name, start, cost) for name, start in starts(settings).items() for cost in settings.costs]
    with tqdm(runs, desc=said("training, compiled and eager"), leave=False) as bar:
        trials = [run_trial(name, start, cost, data, settings) for name, start, cost in bar]
    print(table(trials))
    surfaces = {
        cost: surface_around(cost, trials, data, settings.resolution, settings.device) for cost in settings.costs
    }
    pictures = draw_lab(trials, surfaces, data, LAB_WINDOW, settings.out)
    if settings.epochs:
        pictures.append(draw_animation(trials[0], surfaces[trials[0].history.cost], data, settings.out))
    if len(settings.costs) > 1:
        study = random_starts(RANDOM_STARTS, settings)
        pictures.append(draw_starts(study, starts(settings), settings.out))
        print(f"\n{shares(study, settings)}")
    print(f"\n{where(pictures, settings.out)}\n")
    print(answer(trials, settings))
    return trials


def where(pictures: list[Path], out: Path) -> str:
    """Where the pictures are, of which the first is the summary, and what comes next."""
    values = {"number": len(pictures), "folder": out.resolve(), "summary": pictures[0].name}
    drawn = said("{number} pictures in {folder}, the summary in {summary}", **values)
    return f"{drawn}\n{said('To drag the start yourself: make explore, or logreg explore --web')}"


def run_starts(settings: Settings, number: int) -> None:
    """Trains from so many random starts with both costs, draws the map into `settings.out`, prints the shares."""
    check_training(settings)
    check_room("number", numbers.integer("number", number, 1), (number, 12))
    new_folder(settings.out)
    study = random_starts(number, settings)
    picture = draw_starts(study, starts(settings), settings.out)
    print(shares(study, settings))
    print(f"\n{said('The map is {path}', path=picture.resolve())}")


def random_starts(number: int, settings: Settings) -> StartsStudy:
    options: dict[str, Any] = {"lr": settings.lr, "batch_size": settings.batch_size, "epochs": settings.epochs}
    return study_starts(LabData(), *LAB_WINDOW, number, **options, seed=settings.seed, device=settings.device)


def check(settings: Settings) -> None:
    """Refuses what would fail in the middle of the lab."""
    check_training(settings)
    points = numbers.integer("resolution", settings.resolution, 2)
    check_room("resolution", points, (points, points, 4))
    check_room("epochs", settings.epochs, (settings.epochs * -(-len(LabData()) // settings.batch_size), 3))
    for value in settings.start:
        check_float32("start", value)


def check_training(settings: Settings) -> None:
    """Refuses what a run can't be asked, or its start."""
    card_of(settings.device)
    check_float32("lr", numbers.nonnegative("lr", settings.lr))
    numbers.integer("batch_size", settings.batch_size, 1)
    numbers.integer("epochs", settings.epochs, 0)
    check_seed(settings.seed)


def check_float32(name: str, value: float) -> None:
    if not abs(value) <= LARGEST:
        raise ValueError(f"{name} is {value:g}; accepted: finite float32 numbers")


def starts(settings: Settings) -> dict[str, tuple[float, float]]:
    """{name: (w, b)}: the start by hand, the seeded random one, and a bad one."""
    linear = seeded_model(1, settings.seed).linear
    return {
        said("by hand"): settings.start,
        said("seed {seed}", seed=settings.seed): (linear.weight.item(), linear.bias.item()),
        said("bad"): BAD_START,
    }


def model_at(w: float, b: float) -> LogisticRegression:
    model = LogisticRegression(1)
    with torch.no_grad():
        model.linear.weight.fill_(w)
        model.linear.bias.fill_(b)
    return model


def run_trial(name: str, start: tuple[float, float], cost: str, data: LabData, settings: Settings) -> Trial:
    batch_size = min(settings.batch_size, len(data))
    options: dict[str, Any] = {"lr": settings.lr, "batch_size": batch_size, "epochs": settings.epochs, "loss": cost}
    compiled = partial(train, device=settings.device)
    model = model_at(*start)
    try:  # the first call also compiles, or loads the kernel from its cache
        history = compiled(model, data, **options)
    except FloatingPointError as error:
        accepted = "one by which parameters stay in range"
        raise FloatingPointError(f"lr is {settings.lr:g}; accepted: {accepted} ({error})") from error
    times = [seconds_of(compiled, model_at(*start), data, options) for _ in range(TIMED_RUNS)]
    eager = seconds_of(train_eagerly, model_at(*start), data, options)
    label = f"{name}: ({start[0]:.4g}, {start[1]:.4g})"
    return Trial(label, history, accuracy(model, data), median(times), eager)


def seconds_of(
    training: Callable[..., object], model: LogisticRegression, data: LabData, options: dict[str, Any]
) -> float:
    begin = perf_counter()
    training(model, data, **options)
    return perf_counter() - begin


def table(trials: list[Trial]) -> str:
    """One line a trial; the loss is that of the whole data after the last step."""
    lines = [table_head(), *(table_line(trial) for trial in trials)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = (
        [
            cell.ljust(width) if k < 2 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    )
    return "\n".join("  ".join(cells).rstrip() for cells in aligned)


def table_head() -> tuple[str, ...]:
    measured = said("time"), said("eager"), said("ratio")
    return said("start"), said("cost"), "w", "b", said("loss"), said("accuracy"), said("steps to 1"), *measured


def table_line(trial: Trial) -> tuple[str, ...]:
    history, steps = trial.history, trial.history.steps_to_accuracy_1()
    return (
        trial.start,
        said(LOSSES[history.cost].title),
        f"{history.end_w[0]:.6g}",
        f"{history.end_b:.6g}",
        f"{history.end_loss:.3e}",
        f"{trial.accuracy:.2f}",
        said("never") if steps is None else str(steps),
        f"{trial.seconds * 1e6:.0f} us",
        f"{trial.eager_seconds * 1e3:.0f} ms",
        f"{trial.eager_seconds / trial.seconds:.0f} x",
    )


def surface_around(cost: str, trials: list[Trial], data: LabData, resolution: int, device: str = "cpu") -> LossSurface:
    """The loss over the lab's window, widened to the paths that were trained with this cost."""
    histories = [trial.history for trial in trials if trial.history.cost == cost]
    paths = ([h.w[:, 0] for h in histories], [h.b for h in histories])
    beginnings = ([h.start_w[0] for h in histories], [h.start_b for h in histories])
    ranges = (
        widened(window, np.concatenate([*path, beginning]))
        for window, path, beginning in zip(LAB_WINDOW, paths, beginnings, strict=True)
    )
    return LossSurface.compute(data, *ranges, resolution=resolution, loss=cost, device=device)


def widened(window: tuple[float, float], values: np.ndarray) -> tuple[float, float]:
    """The window itself, or with a margin around values that lie on or beyond its edge."""
    low, high = min(window[0], float(values.min())), max(window[1], float(values.max()))
    margin = 0.05 * (high - low)
    return low - margin * bool(values.min() <= window[0]), high + margin * bool(values.max() >= window[1])
