"""Whole runs with the options of the optimiser, a run whose steps are worth BLAS, and one in steps of a sample.

On one thread, as in `test_run`.
"""

import numpy as np
import pytest

from bench.options import CONTENDERS
from bench.timing import check_and_time
from bench.workloads import options_error, run_with_options, single_samples_run, wide_run

RUNS = {  # workload, and how it is made
    "momentum 0.9, weight decay 0.001": ("Run with options", run_with_options, {"momentum": 0.9, "weight_decay": 1e-3}),
    "shuffled": ("Run with options", run_with_options, {"shuffle_seed": 0}),
    "every 10th step kept": ("Run with options", run_with_options, {"history": 10}),
    "no history": ("Run with options", run_with_options, {"history": 0}),
    "mean squared error": ("Run with options", run_with_options, {"loss": "mse"}),
    "10,000 x 128, batches of 64": ("Wide run", wide_run, {}),
    "569 x 30, batches of 1, no history": ("Run in single samples", single_samples_run, {}),
}
IN_FLOAT64_TOO = (
    "momentum 0.9, weight decay 0.001",
    "10,000 x 128, batches of 64",
    "569 x 30, batches of 1, no history",
)
CASES = [(name, np.float32) for name in RUNS] + [(name, np.float64) for name in IN_FLOAT64_TOO]


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.prepare.__name__)
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_options(benchmark, name, dtype, contender):
    workload, make, options = RUNS[name]
    training = make(dtype, **options)
    case = f"{name}, {training.steps} steps, {dtype.__name__}, threads: 1"
    benchmark.group = f"{workload}: {case}"
    work = {"workload": workload, "case": case, "work": training.steps, "unit": "steps"}
    check_and_time(benchmark, contender, training, options_error, cold="run", threads=1, **work)
