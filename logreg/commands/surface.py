"""The surface command: the loss of a model of real data, and what belongs to it, around the result of training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernels.quantities import QUANTITIES
from logreg.choices import DATA_SETS, DIRECTIONS
from logreg.commands.options import OUT, add_device, add_out, add_seed
from logreg.commands.parser import Texts, number, whole
from logreg.language import said

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from logreg.commands.parser import Parser


@dataclass(frozen=True)
class Exploration:
    """What the surface command can be asked; `extent` None is a window around the path of training."""

    data: str = "breast_cancer"
    directions: str = "pca"
    extent: float | None = None
    resolution: int = 300
    quantities: tuple[str, ...] = ("loss", "accuracy", "gradient", "hessian")
    l2: float = 0.0
    out: Path = OUT
    seed: int = 0
    device: str = "cpu"


def texts() -> Texts:
    return Texts(
        said("draw planes of a model of real data"),
        said(
            "Trains logistic regression on real data and draws its loss, accuracy, gradient and the condition of its "
            "Hessian on a plane of parameters through the trained model, with the path of training projected on it."
        ),
        "--data digits --directions hessian",
    )


def add_options(parser: Parser) -> None:
    values = Exploration()
    penalty = said("penalty L2/2 |w|^2 on the loss that is minimised and drawn")
    drawn, which = " ".join(values.quantities), said("what is drawn, of {names}", names=", ".join(QUANTITIES))
    window = said("half-width of the window, R for -R to R")
    parser.choice("--data", values.data, said("the data; all but lab need scikit-learn"), DATA_SETS)
    parser.choice("--directions", values.directions, said("what spans the plane"), DIRECTIONS)
    parser.option("--extent", said("what shows the path"), window, type=number, metavar="R")
    parser.option("--resolution", values.resolution, said("points along each axis"), type=whole, metavar="N")
    parser.choice("--quantities", drawn, which, QUANTITIES, nargs="+", metavar="NAME")
    parser.option("--l2", f"{values.l2:g}", penalty, type=number, metavar="L2")
    add_out(parser)
    add_seed(parser, said("seed of the start of training and of random directions"))
    add_device(parser)


def run(
    quantities: Sequence[str] = Exploration.quantities, extent: float | None = Exploration.extent, **given: Any
) -> None:
    from logreg.commands.pictures import draw_to_files
    from logreg.commands.planes import run_surface

    if extent is not None and not 0 < extent < math.inf:
        raise ValueError(f"extent is {extent:g}; accepted: a finite number > 0")
    draw_to_files()
    run_surface(Exploration(quantities=tuple(quantities), extent=extent, **given))
