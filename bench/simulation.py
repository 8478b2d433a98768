"""A round of tasks, event by event: workers, and one caller that hands tasks out, and receives and adds what comes
back, one thing at a time. What `bench.cost` has on paper is compared with it."""

import heapq

import numpy as np


def time_of(of, workers, spread=0.0, seed=0):
    """Seconds of a `bench.cost.Round`.

    Tasks are handed out in order; a worker gets its next one when the caller has received what it sent, before that is
    added. `spread` is the standard deviation of the logarithm of a task's seconds, whose mean stays what it is.
    """
    draws = np.random.default_rng(seed).normal(-(spread**2) / 2, spread, of.tasks)
    seconds = iter(of.on_worker * np.exp(draws))
    arrivals, clock = [], 0.0
    for _ in range(int(min(workers, of.at_once, of.tasks))):
        clock += of.hand_out
        heapq.heappush(arrivals, clock + next(seconds))
    while arrivals:
        clock = max(clock, heapq.heappop(arrivals)) + of.receive
        task = next(seconds, None)
        if task is not None:
            clock += of.hand_out
            heapq.heappush(arrivals, clock + task)
        clock += of.add
    return clock
