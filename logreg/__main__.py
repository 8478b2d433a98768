"""The command line: python -m logreg."""

import argparse
import sys
from pathlib import Path

import matplotlib

from logreg.lab import Settings, run_lab

DEFAULTS = Settings()


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m logreg",
        description="Runs the lab: trains logistic regression on 20 points from several starting values, with "
        "cross-entropy and with the mean squared error; prints what each run reached, draws the loss surfaces with the "
        "paths of training, and says how the start affects the accuracy.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("command", nargs="?", choices=["lab"], default="lab", help="what to do")
    by_hand = "weight and bias of the start set by hand (default: {:g} {:g})".format(*DEFAULTS.start)
    add("--start", nargs=2, type=float, metavar=("W", "B"), default=argparse.SUPPRESS, help=by_hand)
    add("--loss", choices=["bce", "mse", "both"], default="both", help="cross-entropy, mean squared error or both")
    add("--epochs", type=int, metavar="N", default=DEFAULTS.epochs, help="passes over the data")
    add("--lr", type=float, metavar="RATE", default=DEFAULTS.lr, help="learning rate")
    add("--batch-size", type=int, metavar="N", default=DEFAULTS.batch_size, help="samples a step")
    add("--resolution", type=int, metavar="N", default=DEFAULTS.resolution, help="points of a surface along each axis")
    add("--out", type=Path, metavar="DIR", default=DEFAULTS.out, help="folder for the pictures")
    add("--seed", type=int, metavar="N", default=DEFAULTS.seed, help="seed of the random start")
    return parser, parser.parse_args(arguments)


def main(arguments=None):
    parser, options = parse(arguments)
    matplotlib.use("Agg")  # pictures go to files; no window is wanted, or may be possible
    costs = ("bce", "mse") if options.loss == "both" else (options.loss,)
    names = ("lr", "batch_size", "epochs", "resolution", "out", "seed")
    start = tuple(getattr(options, "start", DEFAULTS.start))
    settings = Settings(start, costs, **{name: getattr(options, name) for name in names})
    try:
        run_lab(settings)
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
