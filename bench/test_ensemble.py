"""Many training runs at once: the lab's from a million random starts, and one on 30 features."""

import numpy as np
import pytest

from bench.ensembles import CONTENDERS
from bench.timing import ALL_THREADS, check_and_time
from bench.workloads import breast_cancer_starts, ends_error, first_starts, lab_starts

WORKLOADS = {"Lab starts": lab_starts, "Breast cancer starts": breast_cancer_starts}


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.prepare.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", WORKLOADS)
def test_ensemble(benchmark, name, dtype, contender):
    whole = WORKLOADS[name](dtype)
    part, scale = first_starts(whole, contender.most_points)
    k, updates = len(whole.b0), len(whole.b0) * whole.settings["epochs"] * len(whole.y)
    case = f"{k:,} starts, {dtype.__name__}, threads: {ALL_THREADS}"
    benchmark.group = f"{name}: {case}"
    work = {"workload": name, "case": case, "work": updates, "unit": "sample updates", "scaled_by": scale}
    check_and_time(benchmark, contender, part, ends_error, cold="ensemble", threads=ALL_THREADS, **work)
