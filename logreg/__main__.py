"""The command line: python -m logreg."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib

from kernels.losses import LOSSES
from kernels.quantities import QUANTITIES
from logreg import datasets, directions
from logreg.commands.lab import RANDOM_STARTS, Settings, run_lab, run_starts
from logreg.commands.rates import RatesSettings, run_rates
from logreg.commands.surface import Exploration, run_surface

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LAB = (
    "Runs the lab: trains logistic regression on 20 points from several starting values, with cross-entropy and with "
    "the mean squared error; prints what each run reached, draws the loss surfaces with the paths of training, and "
    "says how the start affects the accuracy."
)
SURFACE = (
    "Trains logistic regression on real data and draws its loss, accuracy, gradient and the condition of its Hessian "
    "on a plane of parameters through the trained model, with the path of training projected on it."
)
STARTS = (
    "Trains from random starting values, uniform in the lab's window, with cross-entropy and with the mean squared "
    "error; says from how many of them each led to accuracy 1, and draws the map."
)
RATES = (
    "Trains with many learning rates and batch sizes from random starting values, with cross-entropy and with the mean "
    "squared error; says up to which rate training converges, and draws the map."
)


def parse(arguments: Sequence[str]) -> tuple[argparse.ArgumentParser, dict[str, Any]]:
    """The parser of the command, `lab` if none is named, and {option: value} of what was given."""
    parser = argparse.ArgumentParser(prog="python -m logreg", description="Without a command: the lab.")
    commands = parser.add_subparsers(dest="command")
    lab = commands.add_parser("lab", help="run the lab (default)", prog="python -m logreg", description=LAB)
    lab.epilog = "Other commands, each with --help: surface, planes of real data; starts, the map of random starts; "
    lab.epilog += "rates, that of learning rates."
    surface = commands.add_parser("surface", help="draw planes of a model of real data", description=SURFACE)
    starts = commands.add_parser("starts", help="draw the map of random starts", description=STARTS)
    rates = commands.add_parser("rates", help="draw the map of learning rates", description=RATES)
    add_lab_options(lab)
    add_surface_options(surface)
    add_starts_options(starts)
    add_rates_options(rates)
    named = arguments and arguments[0] in commands.choices
    given = vars(parser.parse_args(arguments if named else ["lab", *arguments]))
    return {"lab": lab, "surface": surface, "starts": starts, "rates": rates}[given["command"]], given


def add_lab_options(parser: argparse.ArgumentParser) -> None:
    values = Settings()
    add = adder(parser)
    start = "{:g} {:g}".format(*values.start)
    add("--start", start, "weight and bias of the start set by hand", nargs=2, type=float, metavar=("W", "B"))
    add("--loss", "both", "cross-entropy, squared error, focal loss, or the first two", choices=[*LOSSES, "both"])
    add("--resolution", values.resolution, "points of a surface along each axis", type=int, metavar="N")
    add_training_options(add, values)


def add_starts_options(parser: argparse.ArgumentParser) -> None:
    add = adder(parser)
    add("--number", RANDOM_STARTS, "random starts", type=int, metavar="N")
    add_training_options(add, Settings())


def add_rates_options(parser: argparse.ArgumentParser) -> None:
    values = RatesSettings()
    add = adder(parser)
    low_and_high, sizes = "{:g} {:g}".format(*values.rates), " ".join(map(str, values.batch_sizes))
    add("--data", values.data, "the data; all but lab need scikit-learn", choices=datasets.NAMES)
    add("--rates", low_and_high, "learning rates between", nargs=2, type=float, metavar=("LOW", "HIGH"))
    add("--batch-sizes", sizes, "samples a step", nargs="+", type=int, metavar="N")
    add("--number", values.number, "random starts", type=int, metavar="N")
    add("--epochs", values.epochs, "passes over the data", type=int, metavar="N")
    add("--momentum", f"{values.momentum:g}", "share of the last step that is added", type=float, metavar="BETA")
    add("--out", values.out, "folder for the pictures", type=Path, metavar="DIR")
    add("--seed", values.seed, "seed of random starts", type=int, metavar="N")
    add_device(add, values)


def add_training_options(add: Callable[..., None], values: Settings) -> None:
    add("--epochs", values.epochs, "passes over the data", type=int, metavar="N")
    add("--lr", values.lr, "learning rate", type=float, metavar="RATE")
    add("--batch-size", values.batch_size, "samples a step", type=int, metavar="N")
    add("--out", values.out, "folder for the pictures", type=Path, metavar="DIR")
    add("--seed", values.seed, "seed of random starts", type=int, metavar="N")
    add_device(add, values)


def add_surface_options(parser: argparse.ArgumentParser) -> None:
    values = Exploration()
    add = adder(parser)
    drawn, names = " ".join(values.quantities), ", ".join(QUANTITIES)
    add("--data", values.data, "the data; all but lab need scikit-learn", choices=datasets.NAMES)
    add("--directions", values.directions, "what spans the plane", choices=directions.KINDS)
    add("--extent", "what shows the path", "half-width of the window, R for -R to R", type=float, metavar="R")
    add("--resolution", values.resolution, "points along each axis", type=int, metavar="N")
    add("--quantities", drawn, f"what is drawn, of {names}", nargs="+", choices=QUANTITIES, metavar="NAME")
    add(
        "--l2", f"{values.l2:g}", "penalty L2/2 |w|^2 on the loss that is minimised and drawn", type=float, metavar="L2"
    )
    add("--out", values.out, "folder for the pictures", type=Path, metavar="DIR")
    add("--seed", values.seed, "seed of the start of training and of random directions", type=int, metavar="N")
    add_device(add, values)


def add_device(add: Callable[..., None], values: Settings | Exploration | RatesSettings) -> None:
    add("--device", values.device, "where to train and to evaluate", choices=["cpu", "cuda"])


def adder(parser: argparse.ArgumentParser) -> Callable[..., None]:
    """add_argument for options that are left out of the namespace where they aren't given."""

    def add(name: str, default: object, text: str, **kind: Any) -> None:
        parser.add_argument(name, default=argparse.SUPPRESS, help=f"{text} (default: {default})", **kind)

    return add


def lab(start: Sequence[float] = Settings.start, loss: str = "both", **given: Any) -> None:
    w, b = start
    run_lab(Settings((w, b), ("bce", "mse") if loss == "both" else (loss,), **given))


def surface(quantities: Sequence[str] = Exploration.quantities, **given: Any) -> None:
    run_surface(Exploration(quantities=tuple(quantities), **given))


def starts(number: int = RANDOM_STARTS, **given: Any) -> None:
    run_starts(Settings(**given), number)


def rates(
    rates: Sequence[float] = RatesSettings.rates, batch_sizes: Sequence[int] = RatesSettings.batch_sizes, **given: Any
) -> None:
    low, high = rates
    run_rates(RatesSettings(rates=(low, high), batch_sizes=tuple(batch_sizes), **given))


def main(arguments: Sequence[str] | None = None) -> None:
    parser, given = parse(sys.argv[1:] if arguments is None else arguments)
    matplotlib.use("Agg")  # pictures go to files; no window is wanted, or may be possible
    commands: dict[str, Callable[..., None]] = {"lab": lab, "surface": surface, "starts": starts, "rates": rates}
    run = commands[given.pop("command")]
    try:
        run(**given)
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
