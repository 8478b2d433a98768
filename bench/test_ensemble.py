"""Many training runs at once: from a million random starts of the lab, and on 4 and 30 features."""

from functools import partial

import numpy as np
import pytest

from bench.ensembles import CONTENDERS
from bench.timing import ALL_THREADS, check_and_time
from bench.workloads import breast_cancer_starts, ends_error, first_starts, lab_starts

WORKLOADS = {  # name: the starts by dtype, with settings
    "Lab starts, batches of 1": partial(lab_starts, batch_size=1),
    "Lab starts": partial(lab_starts, batch_size=3),
    "Lab starts, batches of 20": partial(lab_starts, batch_size=20),
    "Breast cancer starts, 4 features": partial(breast_cancer_starts, d=4),
    "Breast cancer starts": partial(breast_cancer_starts, d=30),
}


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
