"""Loss and gradient of up to 256 MB of data, at several numbers of features, in one call; and calls on so little data
that what they cost beside arithmetic shows, on one thread."""

from functools import partial

import numpy as np
import pytest

from bench.gradients import CONTENDERS, STEP, STEPS, ours, read
from bench.timing import ALL_THREADS, check_and_time, ratio_in_turns
from bench.workloads import full_pass, pass_error, step_error

CASES = [(d, np.float32, "C") for d in (1, 8, 32, 128, 1024)]
CASES += [(32, np.float32, "F"), *((d, np.float64, "C") for d in (1, 8, 32))]
SMALL = 100, 10  # samples, features


@pytest.fixture(scope="module")
def problems():
    """The last problem that was made: each takes seconds."""
    return {}


@pytest.mark.parametrize(("d", "dtype", "order"), CASES)
@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.prepare.__name__)
def test_gradient(benchmark, problems, d, dtype, order, contender):
    if (d, dtype, order) not in problems:
        problems.clear()
        problem = full_pass(d, dtype)
        problems[d, dtype, order] = problem._replace(X=np.asarray(problem.X, order=order))
    problem = problems[d, dtype, order]
    measure(benchmark, contender, problem, "Loss and gradient", pass_error)
    if contender.prepare is read:
        benchmark.extra_info["over_ours"] = ratio_in_turns(benchmark, read(problem), ours(problem), ALL_THREADS)


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.prepare.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small(benchmark, dtype, contender):
    n, d = SMALL
    problem = full_pass(d, dtype, most_samples=n)
    measure(benchmark, contender, problem, "Loss and gradient, little data", pass_error, threads=1)


@pytest.mark.parametrize("contender", STEPS, ids=lambda contender: contender.prepare.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_step(benchmark, dtype, contender):
    n, d = SMALL
    problem, error_of = full_pass(d, dtype, most_samples=n), partial(step_error, lr=STEP)
    measure(benchmark, contender, problem, "Step, little data", error_of, threads=1)


def measure(benchmark, contender, problem, workload, error_of, threads=ALL_THREADS):
    n, d = problem.X.shape
    by_columns = ", by columns" if d > 1 and problem.X.flags.f_contiguous else ""
    case = f"{n:,} x {d}{by_columns}, {problem.X.dtype}, threads: {threads}"
    benchmark.group = f"{workload}: {case}"
    work = {"workload": workload, "case": case, "work": problem.X.nbytes, "unit": "B"}
    check_and_time(benchmark, contender, problem, error_of, cold="pass", threads=threads, **work)
