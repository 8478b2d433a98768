"""What the surface command does: trains a model on real data and draws its loss, and what belongs to it, around the
result."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.arguments import numbers
from kernels.quantities import QUANTITIES
from logreg import datasets
from logreg.choices import LAB_TRAINING
from logreg.commands.options import check_room
from logreg.commands.pictures import draw_plane, draw_plane_3d, new_folder, save
from logreg.devices import card_of
from logreg.evaluation import check_penalty
from logreg.language import said
from logreg.model import check_seed, seeded_model
from logreg.penalised import train_penalised
from logreg.scores import accuracy
from logreg.surface import LossSurface
from logreg.training import History, train
from logreg.windows import MOSTLY

if TYPE_CHECKING:
    from torch import nn

    from kernels.results import Plan
    from logreg.commands.surface import Exploration
    from logreg.plane import PlaneSurface

TRAINING: dict[str, Any] = {"lr": 0.5, "batch_size": 32, "epochs": 30}  # chosen by eye: a path that bends and settles


def run_surface(settings: Exploration) -> PlaneSurface:
    """Trains, computes, draws into `settings.out`, prints what was done; returns the PlaneSurface.

    ValueError names a setting that can't be.
    """
    points = numbers.integer("resolution", settings.resolution, 2)
    check_room("resolution", points, (points, points, len(settings.quantities)))
    card_of(settings.device)
    check_seed(settings.seed)
    data = x, _ = datasets.load(settings.data)
    new_folder(settings.out)
    model = seeded_model(x.shape[1], settings.seed).double()
    history = trained(model, data, settings)
    plane: dict[str, Any] = {"directions": settings.directions, "l2": settings.l2, "seed": settings.seed}
    grid: dict[str, Any] = {"extent": settings.extent, "resolution": settings.resolution}
    quantities = tuple(dict.fromkeys(("loss", *settings.quantities)))  # the gradient is drawn over the loss
    begin = perf_counter()
    surface = LossSurface.around(history, data, **plane, **grid, quantities=quantities, device=settings.device)
    seconds = perf_counter() - begin
    title = title_of(settings, x, accuracy(model, data))
    names = ", ".join(said(QUANTITIES[quantity].title) for quantity in quantities)
    size = {"rows": len(surface.t), "columns": len(surface.s), "quantities": names}
    print(title)
    print(said("{rows} x {columns} points of {quantities} in {seconds:.3g} s", **size, seconds=seconds))
    print(way_of(surface.plan))
    outside = surface.project(history).outside
    drawn = history if outside <= MOSTLY else None
    if drawn is None:
        print(
            said(
                "the path of training is not drawn: {share} of its variance is outside the plane; --directions pca "
                "shows as much of it as a plane can",
                share=f"{outside:.1%}",
            )
        )
    draw(surface, drawn, settings, title)
    return surface


def title_of(settings: Exploration, x: np.ndarray, reached: float) -> str:
    """What was trained, and how accurate it became."""
    n, d = x.shape
    of = {"data": settings.data, "n": n, "d": d, "l2": settings.l2, "accuracy": reached}
    if settings.l2:
        return said("{data}: n = {n}, d = {d}, trained with l2 = {l2:g} to accuracy {accuracy:.4g}", **of)
    return said("{data}: n = {n}, d = {d}, trained to accuracy {accuracy:.4g}", **of)


def way_of(plan: Plan) -> str:
    """How a surface was evaluated, and how far off it can be."""
    if plan.nodes is None:
        return said("direct: every point is evaluated, none interpolated")
    s, t = plan.nodes
    return said("spectral: interpolated between {s} x {t} nodes; error bound {bound:.2g}", s=s, t=t, bound=plan.bound)


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
        print(said("drawn: {path}", path=save(figure, settings.out / f"{stem}.png")))
