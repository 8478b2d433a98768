"""Whole training runs with the history of every step: the lab's, and one on 30 features.

On one thread: the batches are too small to share, and the eager loops are slower with two.
"""

import numpy as np
import pytest

from bench.runs import CONTENDERS
from bench.timing import check_and_time
from bench.workloads import breast_cancer_run, lab_run, run_error

WORKLOADS = {
    "Lab run": (lab_run, "one-feature run"),
    "Breast cancer run": (breast_cancer_run, "run"),
}


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.prepare.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", WORKLOADS)
def test_run(benchmark, name, dtype, contender):
    make, cold = WORKLOADS[name]
    training = make(dtype)
    case = f"{training.steps} steps, {dtype.__name__}, threads: 1"
    benchmark.group = f"{name}: {case}"
    work = {"workload": name, "case": case, "work": training.steps, "unit": "steps"}
    check_and_time(benchmark, contender, training, run_error, cold=cold, threads=1, **work)
