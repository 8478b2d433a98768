"""Times of calls: on a card between two events, so that of asynchronous work the end counts."""

import statistics
import time
from typing import NamedTuple

import torch

SECONDS = 0.4  # spent on the rounds of one call
FEWEST_ROUNDS, MOST_ROUNDS = 3, 50
FLUSHED = 2**28  # bytes written between rounds, several times what a card's L2 cache holds


class Times(NamedTuple):
    """Seconds of a call: median and least of the rounds."""

    median_s: float
    min_s: float
    rounds: int


def times_of(run, place, cold_cache=True, seconds=SECONDS):
    """Times of `run` after a call that isn't among them; with what it reads and writes not in the cache, if asked.
    Where there is no card times mean nothing: one is enough."""
    run()
    spoil = torch.empty(FLUSHED, dtype=torch.uint8, device=place.device) if cold_cache and place.is_card else None
    times = []
    fewest, most = (FEWEST_ROUNDS, MOST_ROUNDS) if place.is_card else (1, 1)
    while len(times) < fewest or (sum(times) < seconds and len(times) < most):
        if spoil is not None:
            spoil.zero_()
            place.synchronize()
        times.append(seconds_of(run, place))
    return Times(statistics.median(times), min(times), len(times))


def seconds_of(run, place):
    if not place.is_card:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    run()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3
