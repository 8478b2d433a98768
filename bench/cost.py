"""The cost of a surface and of an ensemble on many workers, on paper: `time_of` and `bounds_of`. Rates are those that
`bench.engines` measured; what was not is `Assumed`.

A surface takes two rounds over its blocks: of ranges, which make the plan, and of sums at the nodes. Consecutive blocks
are one task. A round of G equal tasks on w workers takes the longer of

    ceil(G / w) (t + r + l) + a     workers have no pause but for the caller's answer
    t + G (l + r + a)               the caller has no pause

with t the seconds of a task on its worker, l the caller's for handing out a task, r for receiving what it sends back,
and a for adding it. Both are exact for one worker, and where nothing is sent."""

import math
from typing import NamedTuple

FEW = 1024  # bytes that a task of the round of ranges sends back, at most
MOST_TASKS = 1024


class Rates(NamedTuple):
    """What one worker of one thread does in a second."""

    bytes_read: float  # of X in memory, to planes
    rows_ranges: float
    evaluations: float  # rows times nodes
    bytes_added: float  # of grids, by the caller
    starts: float  # of the lab


class Engine(NamedTuple):
    """Seconds until a worker is there and until its kernels are loaded, seconds a task, bytes back a second."""

    start: float
    first_kernel: float
    per_task: float
    back: float


class Assumed(NamedTuple):
    """What no measurement here tells."""

    workers_a_machine: int = 16
    storage: float = 2e9  # bytes a second, for all workers of a machine
    network: float = 1e9  # bytes a second, into the caller
    spread: float = 0.2  # of the time of tasks: standard deviation of its logarithm


class Surface(NamedTuple):
    """Rows of so many float32 features, in blocks, summed at nodes along each axis."""

    rows: float
    features: int
    blocks: int
    nodes: int

    @property
    def tasks(self):
        return min(self.blocks, MOST_TASKS)

    @property
    def bytes_read(self):
        """In both rounds."""
        return 2 * 4 * self.rows * self.features

    @property
    def bytes_sent(self):
        return self.tasks * (FEW + 8 * self.nodes**2)


class Round(NamedTuple):
    """Equal tasks: how many, seconds on the worker, and the caller's seconds to hand one out, receive it and add it."""

    tasks: int
    on_worker: float
    hand_out: float
    receive: float
    add: float

    @property
    def of_caller(self):
        return self.hand_out + self.receive + self.add


def rounds_of(surface, rates, engine, assumed):
    rows = surface.rows / surface.tasks
    storage = assumed.storage / assumed.workers_a_machine
    reading = 4 * rows * surface.features * (1 / storage + 1 / rates.bytes_read)
    sums = rows * surface.nodes**2 / rates.evaluations
    return [
        round_of(surface.tasks, reading + rows / rates.rows_ranges, FEW, rates, engine, assumed),
        round_of(surface.tasks, reading + sums, 8 * surface.nodes**2, rates, engine, assumed),
    ]


def round_of(tasks, on_worker, sent, rates, engine, assumed):
    receive = sent / min(engine.back, assumed.network)
    return Round(tasks, on_worker, engine.per_task, receive, sent / rates.bytes_added)


def bounds_of(of, workers):
    """Seconds of a round: as long as its workers take, and as long as its caller takes."""
    each = math.ceil(of.tasks / workers)
    return (
        each * (of.on_worker + of.hand_out + of.receive) + of.add,
        of.on_worker + of.tasks * of.of_caller,
    )


def time_of(rounds, engine, workers):
    return engine.start + engine.first_kernel + sum(max(bounds_of(of, workers)) for of in rounds)


def limit_of(surface, rates, engine, assumed, workers):
    """What shortens the time most where there is twice as much of it; of tasks, as many as one likes."""

    def time_with(rates=rates, engine=engine, assumed=assumed):
        return time_of(rounds_of(surface, rates, engine, assumed), engine, workers)

    arithmetic = doubled(rates, "bytes_read", "rows_ranges", "evaluations")
    quicker = engine._replace(per_task=engine.per_task / 2, back=2 * engine.back)
    sooner = engine._replace(start=engine.start / 2, first_kernel=engine.first_kernel / 2)
    times = {
        "start of workers": time_with(engine=sooner),
        "storage": time_with(assumed=doubled(assumed, "storage")),
        "arithmetic": time_with(arithmetic),
        "caller": time_with(doubled(rates, "bytes_added"), quicker, doubled(assumed, "network")),
        "number of tasks": time_by_even_work(rounds_of(surface, rates, engine, assumed), engine, workers),
    }
    return min(times, key=times.get)


def doubled(some, *names):
    return some._replace(**{name: 2 * getattr(some, name) for name in names})


def time_by_even_work(rounds, engine, workers):
    """As if tasks could be cut at any place."""
    seconds = (max(of.tasks / workers * of.on_worker, of.tasks * of.of_caller) for of in rounds)
    return engine.start + engine.first_kernel + sum(seconds)
