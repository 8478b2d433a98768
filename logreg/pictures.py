"""The lab's pictures, as PNG files."""

from pathlib import Path

import matplotlib.pyplot as plt
from tqdm import tqdm

from viz import plot_contour, plot_data, plot_epochs, plot_surface

PICTURES_A_RUN = 5
DPI = 110


def draw_lab(trials, surfaces, data, window, out):
    """Draws everything into the folder `out`; returns the paths of the files, the summary first.

    Of each cost: the surface and its contour, and, for the first trial, the run in five steps, its path in both views
    and the sigmoid of every epoch. `surfaces` is {cost: LossSurface}; `window` is outlined where a surface is wider.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    plans = [("summary", lambda: draw_summary(trials, surfaces, window))]
    for cost, surface in surfaces.items():
        history = next(trial.history for trial in trials if trial.history.cost == cost)
        plans += plans_of_cost(cost, surface, history, data, window)
    return [save(draw(), out / f"{name}.png") for name, draw in tqdm(plans, desc="pictures", leave=False)]


def plans_of_cost(cost, surface, history, data, window):
    """[(name of the file, function that draws the figure)]"""
    plans = [
        (f"{cost}-surface", lambda: plot_surface(surface).figure),
        (f"{cost}-contour", lambda: plot_contour(surface, window=window).figure),
    ]
    epochs = len(history.b) // history.steps_per_epoch
    if epochs == 0:
        return plans
    for epoch in sorted({max(1, round(epochs * k / PICTURES_A_RUN)) for k in range(1, PICTURES_A_RUN + 1)}):
        so_far = history.until(epoch * history.steps_per_epoch)
        plans.append((f"{cost}-epoch-{epoch:03d}", lambda h=so_far: draw_step(surface, h, data, window)))
    return [
        *plans,
        (f"{cost}-path-3d", lambda: plot_surface(surface, history, wireframe=True).figure),
        (f"{cost}-path", lambda: plot_contour(surface, history, window=window).figure),
        (f"{cost}-epochs", lambda: plot_epochs(history, data).figure),
    ]


def draw_step(surface, history, data, window):
    """The data space with the model as it is now, beside the contour with the path so far."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
    plot_data(data, history.w[-1], history.b[-1], ax=left)
    plot_contour(surface, history, window=window, ax=right)
    figure.suptitle(f"iteration {len(history.b)}, epoch {len(history.b) // history.steps_per_epoch}")
    return figure


def draw_summary(trials, surfaces, window):
    """The contours of each cost, a row, with the path from each start, a column."""
    rows = [[trial for trial in trials if trial.history.cost == cost] for cost in surfaces]
    shape = len(rows), len(rows[0])
    figure, axes = plt.subplots(*shape, figsize=(5 * shape[1], 4.2 * shape[0]), layout="constrained", squeeze=False)
    for row, some in zip(axes, rows, strict=True):
        for ax, trial in zip(row, some, strict=True):
            plot_contour(surfaces[trial.history.cost], trial.history, window=window, ax=ax)
            steps = trial.history.steps_to_accuracy_1()
            reached = "" if steps is None else f", all correct first after {steps} steps"
            ax.set_title(f"start {trial.start}\naccuracy {trial.accuracy:.2f}{reached}", fontsize="medium")
    return figure


def save(figure, path):
    figure.savefig(path, dpi=DPI)
    plt.close(figure)
    return path
