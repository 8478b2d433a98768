"""How contenders are timed: alike, on a stated number of threads, and only after their result was checked."""

import functools
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import torch

from bench import busy

ALL_THREADS = numba.config.NUMBA_NUM_THREADS
WARM_UP = 1.0  # seconds
SECONDS = 0.6  # spent on the rounds of one contender
SHORTEST_ROUND = 1e-4  # seconds, far above what the timer resolves
FEWEST_ROUNDS, MOST_ROUNDS = 3, 300
TURNS = 100  # at least
LOOKED_AT = 1.0  # seconds, the least: others' time is counted by 0.01 s


class Contender(NamedTuple):
    """One way to do a workload.

    name           as printed
    prepare        takes the workload and returns the call to be timed; its docstring is printed with the results
    float64        error allowed to it, relative to the oracle; None for a floor that computes nothing
    float32        the same for float32 data
    compiles       "process": the first call in this process compiles; "disk": once for all, timed by `bench.cold`
    most_points    above these it is timed on a part of the work, and its time is scaled
    """

    name: str
    prepare: Callable[[Any], Callable[[], Any]]
    float64: float | None = None
    float32: float | None = None
    compiles: str | None = None
    most_points: int = 2**62

    def tolerance(self, dtype):
        return self.float32 if dtype == np.float32 else self.float64

    @property
    def note(self):
        return " ".join(self.prepare.__doc__.split())


@contextmanager
def thread_count(threads):
    """Numba and torch on so many threads."""
    before = numba.get_num_threads(), torch.get_num_threads()
    numba.set_num_threads(threads)
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        numba.set_num_threads(before[0])
        torch.set_num_threads(before[1])


def check_and_time(benchmark, contender, problem, error_of, *, threads, cold=None, scaled_by=1.0, **info):
    """Times `contender` on `problem` if its error, by `error_of(result, problem)`, is within its tolerance.

    `cold` names the first call of `bench.cold` that compiles what our kernel needs here, where a contender has one.
    `scaled_by` is by how much the whole work is larger than `problem`; with `info` it is stored for the report.
    """
    if scaled_by > 1:
        benchmark.name += f" (a part, x {scaled_by:g})"
    dtype = problem.y.dtype
    with thread_count(threads):
        started = time.perf_counter()
        run = contender.prepare(problem)
        result = run()
        first_call = time.perf_counter() - started
        tolerance = contender.tolerance(dtype)
        error = None if tolerance is None else error_of(result, problem)
        assert error is None or error <= tolerance, f"{contender.name}: error {error:.2g}, allowed {tolerance:.2g}"
        del result
        before = busy.look()
        repeat(benchmark, run)
        note_others(benchmark, before)
        assert (numba.get_num_threads(), torch.get_num_threads()) == (threads, threads)
    if contender.compiles == "disk":
        first_call = cold_start(cold)
    benchmark.extra_info.update(
        contender=contender.name,
        note=contender.note,
        dtype=dtype.name,
        threads=threads,
        scaled_by=scaled_by,
        error=error,
        tolerance=tolerance,
        first_call_s=first_call if contender.compiles else None,
        **info,
    )


def repeat(benchmark, run):
    """Times calls after WARM_UP seconds of them: memory costs more where a virtual machine touches it first."""
    once = spent = seconds_of(run)
    while spent < WARM_UP:
        latest = seconds_of(run)
        once, spent = min(once, latest), spent + latest
    iterations = max(1, math.ceil(SHORTEST_ROUND / once))
    rounds = min(MOST_ROUNDS, max(FEWEST_ROUNDS, int(SECONDS / (once * iterations))))
    benchmark.pedantic(run, rounds=rounds, iterations=iterations)


def ratio_in_turns(benchmark, run, other, threads):
    """Median of the time of one call over that of the other after it: memory is faster at some times than at others."""
    return statistics.median(one / two for one, two in times_in_turns(benchmark, run, other, threads))


def difference_in_turns(benchmark, run, other, threads):
    """Median of the seconds that one call takes longer than the other after it."""
    return statistics.median(one - two for one, two in times_in_turns(benchmark, run, other, threads))


def times_in_turns(benchmark, run, other, threads):
    """Seconds of one call and of the other after it, many times."""
    with thread_count(threads):
        for _ in range(TURNS // 10):
            run(), other()
        before, times = busy.look(), []
        started = time.perf_counter()
        while len(times) < TURNS or time.perf_counter() - started < LOOKED_AT:
            times.append((seconds_of(run), seconds_of(other)))
    note_others(benchmark, before)
    return times


def note_others(benchmark, before):
    """Stores how many processors others had since a look, if that is more than at another time of the benchmark."""
    found = busy.elsewhere(before)
    if found is not None:
        benchmark.extra_info["elsewhere"] = max(found, benchmark.extra_info.get("elsewhere", 0.0))


def seconds_of(run):
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


@functools.cache
def cold_start(name):
    """Seconds of a first call in a new process, with nothing compiled on disk."""
    with tempfile.TemporaryDirectory() as cache:
        finished = subprocess.run(
            [sys.executable, "-m", "bench.cold", name],
            cwd=Path(__file__).parent.parent,
            env={**os.environ, "NUMBA_CACHE_DIR": cache},
            stdout=subprocess.PIPE,
            check=True,
        )
    return float(finished.stdout)
