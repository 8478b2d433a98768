"""Writes by how much the resident memory of a process rises in calls of the lab, at the peak, into docs/memory.md:
`python -m bench.peaks` (Linux), from the checkout; with the name of a call it prints the bytes of that one."""

import argparse
import gc
import subprocess
import sys
from functools import partial

import numba
import numpy as np

from bench.memory import PROCESS, peak_resident
from bench.report import ROOT
from logreg import LossSurface, accuracy, train
from logreg.choices import DIRECTIONS
from logreg.model import seeded_model

N, D = 200_000, 768
DATA = 4 * N * D  # bytes of the features
ROWS = 10_000  # that are made at a time
TRAINING = {"lr": 0.1, "batch_size": 4096, "epochs": 12}
GRID = {"extent": 1.0, "resolution": 100}
ALL = ("loss", "mse", "accuracy", "balanced_accuracy", "gradient", "hessian")
HEADER = f"""# Memory

By how much the resident memory of a process rises in a call, at the peak, and that divided by the memory of the
features: {N:,} x {D}, float32, {DATA / 1e6:.0f} MB, threads: {{threads}}. Each is the first call in a process of \
its own, whose kernels are
on disk: what it loads counts too; the data, what was imported before and the training of a History that is asked don't.
Training is of {TRAINING["epochs"]} epochs in batches of {TRAINING["batch_size"]:,}, with the history of all {{steps}} \
steps; surfaces have {GRID["resolution"]} x {GRID["resolution"]} points. Written
by `python -m bench.peaks`.

| call | MB | of the data |
| --- | ---: | ---: |"""


def samples():
    """X (N, D) and y (N,), float32."""
    rng = np.random.default_rng(0)
    X, y, w = np.empty((N, D), np.float32), np.empty(N, np.float32), rng.standard_normal(D, np.float32)
    scale = np.geomspace(1, 0.1, D, dtype=np.float32)
    for start in range(0, N, ROWS):
        rows = slice(start, start + ROWS)
        X[rows] = scale * rng.standard_normal((ROWS, D), np.float32)
        y[rows] = X[rows] @ w + rng.logistic(size=ROWS) > 0
    return X, y


def training(data, **settings):
    return partial(train, seeded_model(D, 0), data, **TRAINING, **settings)


def along_history(data, name):
    history = training(data)()
    return getattr(history, name)


def surface(data, **settings):
    return partial(LossSurface.around, training(data)(), data, **GRID, **settings)


def share_correct(data):
    return partial(accuracy, seeded_model(D, 0), data)


def one_after_another(data):
    def run():
        for name in tuple(CALLS)[:-1]:
            CALLS[name](data)()

    return run


# {call: function of the data that prepares it}
CALLS = {
    "train": training,
    "train, shuffled": partial(training, shuffle_seed=0),
    "History.full_loss": partial(along_history, name="full_loss"),
    "History.full_accuracy": partial(along_history, name="full_accuracy"),
    **{f"LossSurface.around, {kind}": partial(surface, directions=kind) for kind in DIRECTIONS},
    "LossSurface.around, hessian, all quantities": partial(surface, directions="hessian", quantities=ALL),
    "accuracy": share_correct,
    "all of these, one after another": one_after_another,
}


def rise_of(name):
    """Bytes by which the resident memory rises in a call, at the peak."""
    call = CALLS[name](samples())
    gc.collect()
    (PROCESS / "clear_refs").write_text("5")  # the peak is what there is now
    before = peak_resident()
    call()
    return peak_resident() - before


def rise_in_new_process(name):
    command = [sys.executable, "-m", "bench.peaks", name]
    return int(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("call", choices=CALLS, nargs="?")
    name = parser.parse_args().call
    if name:
        print(rise_of(name))
        return
    steps = TRAINING["epochs"] * -(-N // TRAINING["batch_size"])
    lines = [HEADER.format(threads=numba.get_num_threads(), steps=steps)]
    for call in CALLS:
        rise = rise_in_new_process(call)
        lines.append(f"| {call} | {rise / 1e6:.0f} | {rise / DATA:.2f} |")
        print(lines[-1])
    (ROOT / "docs" / "memory.md").write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
