"""The cost of a surface and of an ensemble on many workers, on paper: `time_of` and `bounds_of`. Rates are those that
`bench.engines` measured; what was not is `Assumed`.

A surface takes a round over its blocks for their ranges, which make the plan, and one for the sums at the nodes, or
several where these are too many to be kept at once. Consecutive blocks are one task. A round of G equal tasks on w
workers takes the longer of

    ceil(G / w) (t + r + l) + a     workers have no pause but for the caller's answer
    t + G (l + r + a)               the caller has no pause

with t the seconds of a task on its worker, l the caller's for handing out a task, r for receiving what it sends back,
and a for adding it. Both are exact for one worker, and where nothing is sent."""

import math
from typing import NamedTuple

from kernels.arguments.samples import MOST_TASKS
from kernels.evaluation import bands
from kernels.workers.runner import IN_FLIGHT, WAITING

FEW = 1024  # bytes that a task of the round of ranges sends back, at most


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
        return math.ceil(self.blocks / math.ceil(self.blocks / MOST_TASKS))

    @property
    def bands(self):
        """Nodes of each round of sums."""
        return [self.nodes * (columns.stop - columns.start) for columns in bands(self.nodes, self.nodes)]

    @property
    def bytes_read(self):
        """In all rounds."""
        return 4 * self.rows * self.features * (1 + len(self.bands))

    @property
    def bytes_sent(self):
        return self.tasks * (FEW + 8 * self.nodes**2)


class Round(NamedTuple):
    """Equal tasks: how many, seconds on the worker, the caller's seconds to hand one out, receive it and add it, and
    how many may be under way."""

    tasks: int
    on_worker: float
    hand_out: float
    receive: float
    add: float
    at_once: float = math.inf

    @property
    def of_caller(self):
        return self.hand_out + self.receive + self.add


def rounds_of(surface, rates, engine, assumed):
    rows = surface.rows / surface.tasks
    storage = assumed.storage / assumed.workers_a_machine
    reading = 4 * rows * surface.features * (1 / storage + 1 / rates.bytes_read)
    sums = [rows * nodes / rates.evaluations for nodes in surface.bands]
    seconds = [reading + computing for computing in (rows / rates.rows_ranges, *sums)]
    sent = FEW, *(8 * nodes for nodes in surface.bands)
    return [round_of(surface.tasks, *of, rates, engine, assumed) for of in zip(seconds, sent, strict=True)]


def round_of(tasks, on_worker, sent, rates, engine, assumed):
    fewest, most = IN_FLIGHT
    receive = sent / min(engine.back, assumed.network)
    at_once = max(fewest, min(most, WAITING / sent))
    return Round(tasks, on_worker, engine.per_task, receive, sent / rates.bytes_added, at_once)


def bounds_of(of, workers):
    """Seconds of a round: as long as its workers take, and as long as its caller takes."""
    each = math.ceil(of.tasks / min(workers, of.at_once))
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

    rounds = rounds_of(surface, rates, engine, assumed)
    arithmetic = doubled(rates, "bytes_read", "rows_ranges", "evaluations")
    quicker = engine._replace(per_task=engine.per_task / 2, back=2 * engine.back)
    sooner = engine._replace(start=engine.start / 2, first_kernel=engine.first_kernel / 2)
    kept_twice = [of._replace(at_once=2 * of.at_once) for of in rounds]
    times = {
        "memory of the caller": time_of(kept_twice, engine, workers),
        "start of workers": time_with(engine=sooner),
        "storage": time_with(assumed=doubled(assumed, "storage")),
        "arithmetic": time_with(arithmetic),
        "caller": time_with(doubled(rates, "bytes_added"), quicker, doubled(assumed, "network")),
        "number of tasks": time_by_even_work(rounds, engine, workers),
    }
    return min(times, key=times.get)


def doubled(some, *names):
    return some._replace(**{name: 2 * getattr(some, name) for name in names})


def time_by_even_work(rounds, engine, workers):
    """As if tasks could be cut at any place."""
    each = [of.tasks / min(workers, of.at_once) for of in rounds]
    seconds = [max(some * of.on_worker, of.tasks * of.of_caller) for some, of in zip(each, rounds, strict=True)]
    return engine.start + engine.first_kernel + sum(seconds)
