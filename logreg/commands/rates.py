"""The rates command: up to which learning rate does training converge, with each cost and batch size?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernels.arguments import numbers
from logreg.choices import DATA_SETS, LAB_TRAINING
from logreg.commands.options import OUT, add_device, add_out, add_seed
from logreg.commands.parser import Texts, number, whole
from logreg.language import said

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from logreg.commands.parser import Parser


@dataclass(frozen=True)
class RatesSettings:
    """What the rates command can be asked; `rates` are the lowest and the highest."""

    data: str = "lab"
    rates: tuple[float, float] = (0.001, 1000.0)
    batch_sizes: tuple[int, ...] = (1, 2, 3, 5, 10, 20)
    number: int = 100
    epochs: int = LAB_TRAINING["epochs"]
    momentum: float = 0.0
    out: Path = OUT
    seed: int = 0
    device: str = "cpu"


def texts() -> Texts:
    return Texts(
        said("draw the map of learning rates"),
        said(
            "Trains with many learning rates and batch sizes from random starting values, with cross-entropy and with "
            "the mean squared error; says up to which rate training converges, and draws the map."
        ),
        "--data breast_cancer --batch-sizes 1 8 64 569 --number 20",
    )


def add_options(parser: Parser) -> None:
    values, between = RatesSettings(), said("the lowest and the highest learning rate")
    rates, sizes = "{:g} {:g}".format(*values.rates), " ".join(map(str, values.batch_sizes))
    share = said("share of the last step that each takes along")
    parser.choice("--data", values.data, said("the data; all but lab need scikit-learn"), DATA_SETS)
    parser.option("--rates", rates, between, nargs=2, type=number, metavar=("LOW", "HIGH"))
    parser.option("--batch-sizes", sizes, said("samples a step"), nargs="+", type=whole, metavar="N")
    parser.option("--number", values.number, said("random starts"), type=whole, metavar="N")
    parser.option("--epochs", values.epochs, said("passes over the data"), type=whole, metavar="N")
    parser.option("--momentum", f"{values.momentum:g}", share, type=number, metavar="BETA")
    add_out(parser)
    add_seed(parser, said("seed of random starts"))
    add_device(parser)


def run(
    rates: Sequence[float] = RatesSettings.rates, batch_sizes: Sequence[int] = RatesSettings.batch_sizes, **given: Any
) -> None:
    from logreg.commands.convergence import run_rates
    from logreg.commands.pictures import draw_to_files

    low, high = (numbers.nonnegative("rates", rate) for rate in rates)
    if not 0 < low < high:
        raise ValueError(f"rates is {low:g} {high:g}; accepted: two numbers, 0 < LOW < HIGH")
    sizes = tuple(numbers.integer("batch_sizes", size, 1) for size in batch_sizes)
    settings = RatesSettings(rates=(low, high), batch_sizes=sizes, **given)
    numbers.integer("number", settings.number, 1)
    draw_to_files()
    run_rates(settings)
