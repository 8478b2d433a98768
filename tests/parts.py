"""Parts of samples for tests of `LossSurface.around`, in a file that workers import quickly."""

import datetime
import hashlib
import os
from functools import partial

import numpy as np

N, D = 230, 5
RNG = np.random.default_rng(7)
X = RNG.normal(size=(N, D)) * [1.0, 0.5, 2.0, 1.0, 0.1]
Y = (X @ [1.0, -1.0, 0.5, 0.0, 2.0] + RNG.logistic(size=N) > 0) * 1.0
WEIGHT = RNG.exponential(size=N)
NAMES = [f"size {k}" for k in range(D)]
EDGES = [0, 40, 41, 100, 170, N]  # a block of one sample among them


def block(number, kind="plain"):
    """A part of the samples, in one of several forms."""
    rows = slice(EDGES[number], EDGES[number + 1])
    forms = {
        "plain": lambda: (X[rows], Y[rows]),
        "weighted": lambda: (X[rows], Y[rows], WEIGHT[rows]),
        "soft": lambda: (X[rows], 0.1 + 0.8 * Y[rows]),
        "narrow": lambda: (X[rows].astype(np.float32), Y[rows].astype(int)),
        "texts": lambda: (X[rows], np.where(Y[rows], "yes", "no")),
        "table": lambda: (table(X[rows], NAMES), np.where(Y[rows], "yes", "no")),
        "sparse": lambda: (sparse(np.where(X[rows] > 0, X[rows], 0)), Y[rows]),
        "flat": lambda: (X[rows, 0], Y[rows]),
    }
    return forms[kind]()


def blocks(kind="plain"):
    return [partial(block, number, kind) for number in range(len(EDGES) - 1)]


def table(x, names):
    import pandas as pd

    return pd.DataFrame(x, columns=names)


def sparse(x):
    import scipy.sparse

    return scipy.sparse.csr_array(x)


def elsewhere(here, number):
    if os.getpid() == here:
        raise RuntimeError("read by the caller")
    return block(number)


def wide_block(number):
    rng = np.random.default_rng(number)
    return rng.normal(size=(3000, 260)), rng.random(3000)


def bits_of_wide():
    from kernels.workers.runner import Runner
    from logreg import LossSurface
    from logreg.blocks import Blocks
    from logreg.classes import Meaning
    from logreg.curvature import MeanLoss, hessian
    from logreg.samples import Expected

    theta = np.random.default_rng(9).normal(size=261) / 10
    given = [partial(wide_block, number) for number in range(2)]
    settings = {"extent": 1, "resolution": 3, "quantities": ("loss", "hessian"), "directions": "axes"}
    surface = LossSurface.around(theta, given, **settings)
    samples = Blocks(given, Meaning(), Expected(260), Runner())
    sums = hessian(samples, theta, (0.0, 0.0), MeanLoss("bce"))
    return [digest(values) for values in (*surface.plane[:3], surface.loss, surface.hessian, sums)]


def digest(values):
    return hashlib.sha256(values.tobytes()).hexdigest()


DATES = datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)


def wrong_block(what, number):
    x, y = block(number)
    return {
        "x": (x * np.nan, y),
        "width": (x[:, :3], y),
        "length": (x, y[1:]),
        "label": (x, 3 * y),
        "weight": (x, y, -y),
        "weights": (x, y, 0 * y),
        "names": (x, y) if what != "names" else (table(x, NAMES[::-1]), y),
        "object": (x, np.array([DATES[int(one)] for one in y], object)),
        "long": (x, np.where(y, "yes" * 100, "no")),
        "item": [x, y, y, y],
        "array": x,
        "nothing": None,
        "empty": (x[:0], y[:0]),
    }[what]
