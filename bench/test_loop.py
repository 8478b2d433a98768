"""A PyTorch training loop on a million samples, with the memory that it needs beside them."""

import sys

import pytest

from bench.loops import CONTENDERS
from bench.memory import extra_bytes
from bench.timing import ALL_THREADS, check_and_time
from bench.workloads import loop_error, training_loop


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.prepare.__name__)
def test_loop(benchmark, contender):
    training = training_loop()
    n, d = training.X.shape
    case = f"{training.steps} steps, {n:,} x {d}, float32, threads: {ALL_THREADS}"
    benchmark.group = f"Training loop: {case}"
    work = {"workload": "Training loop", "case": case, "work": training.steps, "unit": "steps"}
    if sys.platform == "linux":
        work["extra_bytes"] = extra_bytes(contender)
    check_and_time(benchmark, contender, training, loop_error, cold="pass", threads=ALL_THREADS, **work)
