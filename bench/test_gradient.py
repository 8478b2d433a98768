"""Loss and gradient of up to 256 MB of data, at several numbers of features, in one call."""

import numpy as np
import pytest

from bench.gradients import CONTENDERS
from bench.timing import ALL_THREADS, check_and_time
from bench.workloads import full_pass, pass_error

CASES = [(d, np.float32) for d in (1, 8, 32, 128, 1024)] + [(32, np.float64)]


@pytest.fixture(scope="module")
def problems():
    """The last problem that was made: each takes seconds."""
    return {}


@pytest.mark.parametrize(("d", "dtype"), CASES)
@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.prepare.__name__)
def test_gradient(benchmark, problems, d, dtype, contender):
    if (d, dtype) not in problems:
        problems.clear()
        problems[d, dtype] = full_pass(d, dtype)
    problem = problems[d, dtype]
    case = f"{len(problem.y):,} x {d}, {dtype.__name__}, threads: {ALL_THREADS}"
    benchmark.group = f"Loss and gradient: {case}"
    work = {"workload": "Loss and gradient", "case": case, "work": problem.X.nbytes, "unit": "B"}
    check_and_time(benchmark, contender, problem, pass_error, cold="pass", threads=ALL_THREADS, **work)
