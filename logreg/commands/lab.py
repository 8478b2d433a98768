"""The lab: how do random, even bad, starting values affect the accuracy that training reaches?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernels.losses import LOSSES
from logreg.choices import LAB_TRAINING
from logreg.commands.options import OUT, add_device, add_out, add_seed, add_training
from logreg.commands.parser import Texts, number, whole
from logreg.language import said

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from logreg.commands.parser import Parser

COSTS = "bce", "mse"


@dataclass(frozen=True)
class Settings:
    """What the lab can be asked; the defaults are the lab's own values."""

    start: tuple[float, float] = (5.0, 10.0)
    costs: tuple[str, ...] = COSTS
    lr: float = LAB_TRAINING["lr"]
    batch_size: int = LAB_TRAINING["batch_size"]
    epochs: int = LAB_TRAINING["epochs"]
    resolution: int = 300
    out: Path = OUT
    seed: int = 0
    device: str = "cpu"


def texts() -> Texts:
    return Texts(
        said("run the lab (default)"),
        said(
            "Runs the lab: trains logistic regression on 20 points from several starting values, with cross-entropy "
            "and with the mean squared error; prints what each run reached, draws the loss surfaces with the paths of "
            "training, and says how the start affects the accuracy."
        ),
        "--start -15 -10 --lr 0.5",
    )


def add_options(parser: Parser) -> None:
    values, costs = Settings(), said("cross-entropy, squared error, focal loss, or the first two")
    start, by_hand = "{:g} {:g}".format(*values.start), said("weight and bias of the start set by hand")
    points = said("points of a surface along each axis")
    parser.option("--start", start, by_hand, nargs=2, type=number, metavar=("W", "B"))
    parser.choice("--loss", "both", costs, [*LOSSES, "both"])
    parser.option("--resolution", values.resolution, points, type=whole, metavar="N")
    add_training(parser)
    add_out(parser)
    add_seed(parser, said("seed of random starts"))
    add_device(parser)


def run(start: Sequence[float] = Settings.start, loss: str = "both", **given: Any) -> None:
    from logreg.commands.pictures import draw_to_files
    from logreg.commands.trials import run_lab

    draw_to_files()
    w, b = start
    run_lab(Settings((w, b), COSTS if loss == "both" else (loss,), **given))
