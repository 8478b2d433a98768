"""What the surface command does: trains a model on real data and draws its loss, and what belongs to it, around the
result."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.arguments import numbers
from logreg import datasets
from logreg.choices import LAB_TRAINING
from logreg.commands.pictures import draw_plane, draw_plane_3d, new_folder, save
from logreg.devices import card_of
from logreg.evaluation import check_penalty
from logreg.model import check_seed, seeded_model
from logreg.penalised import train_penalised
from logreg.scores import accuracy
from logreg.surface import LossSurface
from logreg.training import History, train
from logreg.windows import MOSTLY

if TYPE_CHECKING:
    from torch import nn

    from logreg.commands.surface import Exploration
    from logreg.plane import PlaneSurface

TRAINING: dict[str, Any] = {"lr": 0.5, "batch_size": 32, "epochs": 30}  # chosen by eye: a path that bends and settles


def run_surface(settings: Exploration) -> PlaneSurface:
    """Trains, computes, draws into `settings.out`, prints what was done; returns the PlaneSurface.

    ValueError names a setting that can't be.
    """
    numbers.integer("resolution", settings.resolution, 2)
    card_of(settings.device)
    check_seed(settings.seed)
    data = x, y = datasets.load(settings.data)
    new_folder(settings.out)
    model = seeded_model(x.shape[1], settings.seed).double()
    history = trained(model, data, settings)
    plane: dict[str, Any] = {"directions": settings.directions, "l2": settings.l2, "seed": settings.seed}
    grid: dict[str, Any] = {"extent": settings.extent, "resolution": settings.resolution}
    quantities = tuple(dict.fromkeys(("loss", *settings.quantities)))  # the gradient is drawn over the loss
    begin = perf_counter()
    surface = LossSurface.around(history, data, **plane, **grid, quantities=quantities, device=settings.device)
    seconds = perf_counter() - begin
    penalty = f" with l2 = {settings.l2:g}" if settings.l2 else ""
    title = f"{settings.data}: n = {len(y)}, d = {x.shape[1]}, trained{penalty} to accuracy {accuracy(model, data):.4g}"
    print(title)
    print(f"{len(surface.t)} x {len(surface.s)} points of {', '.join(quantities)} in {seconds:.3g} s")
    print(f"{surface.plan.method}: {surface.plan.reason}; error bound {surface.plan.bound:.2g}")
    outside = surface.project(history).outside
    drawn = history if outside <= MOSTLY else None
    if drawn is None:
        print(f"the path of training is not drawn: {outside:.1%} of its variance is outside the plane")
    draw(surface, drawn, settings, title)
    return surface


def trained(model: nn.Module, data: tuple[np.ndarray, np.ndarray], settings: Exploration) -> History:
    """The History of training by what is drawn: the cross-entropy in minibatches, or, with a penalty, both on all the
    data for as many steps."""
    training = LAB_TRAINING if settings.data == "lab" else TRAINING
    l2 = check_penalty(settings.l2)
    if l2 == 0:
        return train(model, data, **training, device=settings.device)
    steps = training["epochs"] * -(-len(data[1]) // training["batch_size"])
    return train_penalised(model, data, lr=training["lr"], steps=steps, l2=l2, device=settings.device)


def draw(surface: PlaneSurface, history: History | None, settings: Exploration, title: str) -> None:
    """Draws a panel for each quantity, and the loss in three dimensions; prints the paths of the files."""
    name = f"{settings.data}-{settings.directions}"
    overview, solid = draw_plane(surface, history, settings.quantities, title), draw_plane_3d(surface, title)
    for stem, figure in ((name, overview), (f"{name}-3d", solid)):
        print(f"drawn: {save(figure, settings.out / f'{stem}.png')}")
