"""Blocks of samples for the tests of `executor=` and `checkpoint=`, as values and as callables that workers of every
engine can import; the surfaces that are made of them; and executors that end tasks in an order of their own."""

import random
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from functools import cache, partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from kernels import LogitPlane, surface_on_plane

SMALL = np.linspace(-2, 1, 21), np.linspace(-1, 2.5, 17)
LARGE = np.linspace(-0.6, 0.6, 110), np.linspace(-0.7, 0.5, 130)


class Samples(NamedTuple):
    """Seeded samples: on a plane; on a line, (0, x, 1) or (p, q, r) that depend on x; of a feature and the bias."""

    kind: str = "plane"
    n: int = 1500
    dtype: str = "float64"
    weighted: bool = False
    soft: bool = False


@cache
def arrays(samples):
    """Fields of the plane (3 of n), labels (n,) and weights (n,) or None."""
    rng = np.random.default_rng([20, len(samples.kind), samples.n])
    p, q, r = rng.normal(size=(3, samples.n))
    if samples.kind == "line":
        p, q, r = 0 * p, 0.7 * q, 0 * r + 1
    if samples.kind == "skew line":
        p, q, r = 0.3 - 0.5 * q, q, 0.4 * q + 0.7
    y = rng.random(samples.n) if samples.soft else (p + q + rng.normal(size=samples.n) > 0) * 1.0
    weight = rng.exponential(size=samples.n) if samples.weighted else None
    fields = tuple(field.astype(samples.dtype) for field in (p, q, r))
    return fields, y.astype(samples.dtype), weight


def block(samples, start, stop):
    """The block of some of the samples, as workers read it."""
    fields, y, weight = arrays(samples)
    plane = LogitPlane(*(field[start:stop] for field in fields))
    return (plane, y[start:stop]) if weight is None else (plane, y[start:stop], weight[start:stop])


def callables(samples, size):
    """Callables of blocks of so many samples, or as many as a list says in turn, then of the rest."""
    sizes = [size] * -(-samples.n // size) if isinstance(size, int) else [*size, samples.n - sum(size)]
    ends = np.minimum(np.cumsum(sizes), samples.n).tolist()
    return [partial(block, samples, start, end) for start, end in zip([0, *ends], ends, strict=False)]


def values(samples, size):
    return [one() for one in callables(samples, size)]


class Case(NamedTuple):
    """A surface: samples, axes and options of `surface_on_plane`."""

    samples: Samples
    axes: tuple = SMALL
    options: Mapping = MappingProxyType({})

    def surface(self, blocks, **options):
        return surface_on_plane(blocks, None, *self.axes, **self.options, **options)


ALL = ("loss", "mse", "accuracy", "balanced_accuracy", "gradient", "hessian")
SMOOTH = ("loss", "mse", "gradient", "hessian")
NEAR = 2 * (np.linspace(-0.8, 0.8, 600),)
CASES = {
    "direct": Case(Samples(), options={"quantities": ALL}),
    "direct, soft labels": Case(Samples(soft=True), options={"quantities": ALL, "loss": "mse"}),
    "direct, weights": Case(Samples(weighted=True), options={"quantities": ALL, "loss": "focal"}),
    "direct, float32": Case(Samples(dtype="float32"), options={"quantities": ALL, "loss": "focal"}),
    "positive class": Case(Samples(weighted=True), options={"quantities": ALL, "pos_weight": 3.0}),
    "one feature": Case(Samples("line"), options={"quantities": "loss", "method": "direct"}),
    "nodes": Case(Samples(), LARGE, {"quantities": ALL, "method": "spectral", "tol": 1e-8}),
    "nodes, weights": Case(
        Samples(weighted=True, dtype="float32"),
        LARGE,
        {"quantities": ALL, "method": "spectral", "tol": 1e-8, "loss": "focal", "pos_weight": 0.5},
    ),
    "nested": Case(Samples(), NEAR, {"quantities": "hessian", "method": "spectral", "tol": 1e-6}),
    "compressed": Case(Samples("line"), LARGE, {"quantities": ("loss", "gradient"), "method": "spectral"}),
    "compressed by class": Case(Samples("line", soft=True), LARGE, {"quantities": ALL, "method": "spectral"}),
    "compressed, weights": Case(
        Samples("skew line", weighted=True),
        LARGE,
        {"quantities": ALL, "method": "spectral", "loss": "focal", "pos_weight": 2.0},
    ),
}


def surfaces(executor=None, size=250, **options):
    """{case: {quantity: array}} of callables."""
    return {name: found(case.surface(callables(case.samples, size), executor=executor)) for name, case in CASES.items()}


def found(surface):
    return {name: getattr(surface, name) for name in ALL if getattr(surface, name) is not None}


class Ordered(Executor):
    """Runs tasks in this thread: when a result is waited for, one after the other as `choose` picks them, until it is
    there; and one with each task that is submitted if it `begins` at once. `ran` counts."""

    def __init__(self, choose=lambda waiting, wanted: wanted, begins=False):
        self.choose, self.begins, self.waiting, self.ran = choose, begins, [], 0

    def submit(self, function, /, *arguments, **named):
        future = Awaited()
        future.executor, future.call = self, partial(function, *arguments, **named)
        self.waiting.append(future)
        if self.begins:
            self.run(future)
        return future

    def run(self, wanted):
        future = self.choose(self.waiting, wanted)
        self.waiting.remove(future)
        if not future.set_running_or_notify_cancel():
            return
        self.ran += 1
        try:
            future.set_result(future.call())
        except BaseException as error:
            future.set_exception(error)


class Awaited(Future):
    def result(self, timeout=None):
        while not self.done():
            self.executor.run(self)
        return super().result(timeout)


def shuffled(seed, begins=False):
    rng = random.Random(seed)
    return Ordered(lambda waiting, wanted: rng.choice(waiting), begins)
