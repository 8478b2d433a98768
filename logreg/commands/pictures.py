"""The lab's pictures, as PNG files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import matplotlib
import matplotlib.pyplot as plt
from tqdm import tqdm

import viz
from kernels.losses import LOSSES
from kernels.wholefile import whole_file
from logreg.clash import require_ours
from logreg.language import said

require_ours(viz, "plot_contour")

from viz import (
    animate,
    plot_contour,
    plot_data,
    plot_epochs,
    plot_rates,
    plot_starts,
    plot_surface,
    share_legend,
)
from viz.layout import new_figure
from viz.words import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from matplotlib.figure import Figure

    from logreg.commands.trials import Trial
    from logreg.data import LabData
    from logreg.plane import PlaneSurface
    from logreg.rates import RatesStudy
    from logreg.starts import StartsStudy
    from logreg.surface import LossSurface
    from logreg.training import History

Windows: TypeAlias = tuple[tuple[float, float], tuple[float, float]]

PICTURES_A_RUN = 5  # of a run's first steps to its last; chosen by eye
STEEP = 10  # ratio of the highest to the lowest loss; chosen by eye
DPI = 110  # pixels an inch; chosen by eye


def draw_to_files() -> None:
    """No window is wanted, or may be possible."""
    matplotlib.use("Agg")


def draw_lab(
    trials: list[Trial], surfaces: dict[str, LossSurface], data: LabData, window: Windows, out: Path
) -> list[Path]:
    """Draws everything into the folder `out`; returns the paths of the files, the summary first.

    Of each cost: the surface and its contour, and, for the first trial, the run in five steps, its path in both views
    and the sigmoid of every epoch. `surfaces` is {cost: LossSurface}; `window` is outlined where a surface is wider.
    """
    out = new_folder(out)
    plans = [("summary", lambda: draw_summary(trials, surfaces, window))]
    for cost, surface in surfaces.items():
        trial = next(trial for trial in trials if trial.history.cost == cost)
        plans += plans_of_cost(cost, surface, trial, data, window)
    return [save(draw(), out / f"{name}.png") for name, draw in tqdm(plans, desc=said("pictures"), leave=False)]


def plans_of_cost(
    cost: str, surface: LossSurface, trial: Trial, data: LabData, window: Windows
) -> list[tuple[str, Callable[[], Figure]]]:
    """[(name of the file, function that draws the figure)]"""
    history, name = trial.history, said(LOSSES[cost].title)
    run = said("trained with {loss}, start {start}", loss=name, start=trial.start)
    plans = [
        (f"{cost}-surface", lambda: plot_surface(surface, z=scale_of_heights(surface.Z), title=name).figure),
        (f"{cost}-contour", lambda: plot_contour(surface, window=window, title=name).figure),
    ]
    epochs = history.steps // history.steps_per_epoch
    if epochs == 0:
        return plans
    for epoch in sorted({max(1, round(epochs * k / PICTURES_A_RUN)) for k in range(1, PICTURES_A_RUN + 1)}):
        so_far = history.until(epoch * history.steps_per_epoch)
        plans.append((f"{cost}-epoch-{epoch:03d}", partial(draw_step, surface, so_far, data, window, run)))
    return [
        *plans,
        (f"{cost}-path-3d", partial(draw_path_3d, surface, history, run)),
        (f"{cost}-path", lambda: plot_contour(surface, history, window=window, title=run).figure),
        (f"{cost}-epochs", lambda: plot_epochs(history, data, title=run).figure),
    ]


def draw_path_3d(surface: LossSurface, history: History, run: str) -> Figure:
    return plot_surface(surface, history, wireframe=True, z=scale_of_heights(surface.Z), title=run).figure


def scale_of_heights(values: np.ndarray) -> str:
    """Logarithmic where the lowest values are flat beside the highest, so that the valley is seen."""
    return "log" if values.max() > STEEP * values.min() else "linear"


def draw_step(surface: LossSurface, history: History, data: LabData, window: Windows, run: str) -> Figure:
    """The data space with the model as it is now, beside the contour with the path so far."""
    figure, (left, right) = new_figure(columns=2)
    plot_data(data, history.end_w, history.end_b, ax=left)
    plot_contour(surface, history, window=window, ax=right)
    epoch = history.steps // history.steps_per_epoch
    figure.suptitle(shown(said("step {step}, epoch {epoch}: {run}", step=history.steps, epoch=epoch, run=run)))
    return figure


def draw_summary(trials: list[Trial], surfaces: dict[str, LossSurface], window: Windows) -> Figure:
    """The contours of each cost, a row, with the path from each start, a column: one colour bar a row, one legend."""
    rows = [[trial for trial in trials if trial.history.cost == cost] for cost in surfaces]
    figure, axes = new_figure(rows=len(rows), columns=len(rows[0]), squeeze=False, sharey="row")
    for row, some in zip(axes, rows, strict=True):
        for ax, trial in zip(row, some, strict=True):
            style: dict[str, Any] = {"window": window, "colorbar": ax is row[-1], "title": title_of(trial)}
            plot_contour(surfaces[trial.history.cost], trial.history, ax=ax, **style)
        for ax in row[1:]:
            ax.set_ylabel("")
    share_legend(figure)
    return figure


def title_of(trial: Trial) -> str:
    """What a trial was, and what it reached, in two lines."""
    steps = trial.history.steps_to_accuracy_1()
    values = {"accuracy": f"{trial.accuracy:.2f}", "steps": steps}
    reached = said("accuracy {accuracy}", **values)
    if steps is not None:
        reached = said("accuracy {accuracy}, all correct first after {steps} steps", **values)
    return (
        said("{loss}, start {start}", loss=said(LOSSES[trial.history.cost].title), start=trial.start) + "\n" + reached
    )


def draw_plane(surface: PlaneSurface, history: History | None, quantities: Sequence[str], title: str) -> Figure:
    """A panel for each quantity over the plane of a PlaneSurface, with the path of the history, if any, on it: one
    legend, and labels at the left and under the lowest."""
    columns = min(2, len(quantities))
    rows = -(-len(quantities) // columns)
    figure, axes = new_figure(rows=rows, columns=columns, squeeze=False)
    for ax in axes.flat[len(quantities) :]:
        ax.remove()
    for k, (ax, quantity) in enumerate(zip(axes.flat, quantities, strict=False)):
        plot_contour(surface, history, quantity=quantity, ax=ax)
        if k % columns:
            ax.set_ylabel("")
            ax.tick_params(labelleft=False)
        if k + columns < len(quantities):
            ax.set_xlabel("")
            ax.tick_params(labelbottom=False)
    figure.suptitle(shown(title))
    share_legend(figure)
    return figure


def draw_plane_3d(surface: PlaneSurface, title: str) -> Figure:
    return plot_surface(surface, z=scale_of_heights(surface.loss), title=title).figure


def draw_starts(study: StartsStudy, marks: dict[str, tuple[float, float]], out: Path) -> Path:
    """The map of random starts, with some marked by name."""
    return save(plot_starts(study, marks=marks).figure, out / "starts.png")


def draw_rates(study: RatesStudy, out: Path) -> Path:
    """The map of learning rates and batch sizes."""
    return save(plot_rates(study).figure, out / "rates.png")


def draw_animation(trial: Trial, surface: LossSurface, data: LabData, out: Path) -> Path:
    """The run as a GIF."""
    run = animate(trial.history, surface, data)
    path = out / f"{trial.history.cost}-run.gif"
    try:
        run.save(path)
    finally:
        plt.close(run.figure)
    return path


def new_folder(out: Path) -> Path:
    """Its Path, made where it isn't there yet; ValueError names what it can't be."""
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        accepted = "accepted: a folder, or where one can be made"
        raise ValueError(f"out is {str(out)!r}; {accepted} ({error.strerror})") from error
    return Path(out)


def save(figure: Figure, path: Path) -> Path:
    """Writes the picture, whole or not at all, and closes the figure."""
    try:
        with whole_file(path) as file:
            figure.savefig(file, dpi=DPI, format="png")
    finally:
        plt.close(figure)
    return path
