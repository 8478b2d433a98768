"""The starts command: from how many random starts does training lead to accuracy 1?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logreg.choices import RANDOM_STARTS
from logreg.commands.lab import Settings
from logreg.commands.options import add_device, add_out, add_seed, add_training
from logreg.commands.parser import Texts, whole
from logreg.language import said

if TYPE_CHECKING:
    from logreg.commands.parser import Parser


def texts() -> Texts:
    return Texts(
        said("draw the map of random starts"),
        said(
            "Trains from random starting values, uniform in the lab's window, with cross-entropy and with the mean "
            "squared error; says from how many of them each led to accuracy 1, and draws the map."
        ),
        "--number 20000 --lr 1",
    )


def add_options(parser: Parser) -> None:
    parser.option("--number", RANDOM_STARTS, said("random starts"), type=whole, metavar="N")
    add_training(parser)
    add_out(parser)
    add_seed(parser, said("seed of random starts"))
    add_device(parser)


def run(number: int = RANDOM_STARTS, **given: Any) -> None:
    from logreg.commands.pictures import draw_to_files
    from logreg.commands.trials import run_starts

    draw_to_files()
    run_starts(Settings(**given), number)
