"""The command line: python -m logreg."""

import argparse
import sys
from pathlib import Path

import matplotlib

from logreg.lab import RANDOM_STARTS, Settings, run_lab, run_starts

DEFAULTS = Settings()


def parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m logreg")
    commands = parser.add_subparsers(dest="command")
    add_lab(commands)
    add_starts(commands)
    known = arguments and arguments[0] in commands.choices
    return parser, parser.parse_args(arguments if known else ["lab", *arguments])


def add_lab(commands):
    parser = commands.add_parser(
        "lab",
        prog="python -m logreg",
        description="Runs the lab: trains logistic regression on 20 points from several starting values, with "
        "cross-entropy and with the mean squared error; prints what each run reached, draws the loss surfaces with the "
        "paths of training, and says how the start affects the accuracy.",
        epilog="Another command: starts, the map of very many random starts (python -m logreg starts --help).",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    by_hand = "weight and bias of the start set by hand (default: {:g} {:g})".format(*DEFAULTS.start)
    add("--start", nargs=2, type=float, metavar=("W", "B"), default=argparse.SUPPRESS, help=by_hand)
    add("--loss", choices=["bce", "mse", "both"], default="both", help="cross-entropy, mean squared error or both")
    add("--resolution", type=int, metavar="N", default=DEFAULTS.resolution, help="points of a surface along each axis")
    add_training(add)
    parser.set_defaults(run=lab)


def add_starts(commands):
    parser = commands.add_parser(
        "starts",
        description="Trains from random starting values, uniform in the lab's window, with cross-entropy and with the "
        "mean squared error; says from how many of them each led to accuracy 1, and draws the map.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--number", type=int, metavar="N", default=RANDOM_STARTS, help="random starts")
    add_training(parser.add_argument)
    parser.set_defaults(run=starts)


def add_training(add):
    add("--epochs", type=int, metavar="N", default=DEFAULTS.epochs, help="passes over the data")
    add("--lr", type=float, metavar="RATE", default=DEFAULTS.lr, help="learning rate")
    add("--batch-size", type=int, metavar="N", default=DEFAULTS.batch_size, help="samples a step")
    add("--out", type=Path, metavar="DIR", default=DEFAULTS.out, help="folder for the pictures")
    add("--seed", type=int, metavar="N", default=DEFAULTS.seed, help="seed of random starts")


def lab(options):
    costs = ("bce", "mse") if options.loss == "both" else (options.loss,)
    start = tuple(getattr(options, "start", DEFAULTS.start))
    run_lab(settings_of(options, start=start, costs=costs, resolution=options.resolution))


def starts(options):
    run_starts(settings_of(options), options.number)


def settings_of(options, **others):
    return Settings(
        **{name: getattr(options, name) for name in ("lr", "batch_size", "epochs", "out", "seed")}, **others
    )


def main(arguments=None):
    parser, options = parse(sys.argv[1:] if arguments is None else arguments)
    matplotlib.use("Agg")  # pictures go to files; no window is wanted, or may be possible
    try:
        options.run(options)
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
