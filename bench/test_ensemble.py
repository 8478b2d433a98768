"""Many training runs at once: from a million random starts of the lab, and on 4 and 30 features."""

import numpy as np
import pytest

from bench.ensembles import CONTENDERS
from bench.timing import ALL_THREADS, check_and_time
from bench.workloads import breast_cancer_starts, ends_error, first_starts, lab_starts

CASES = [("Lab starts", lab_starts, batch_size) for batch_size in (1, 3, 20)]
CASES += [("Breast cancer starts", breast_cancer_starts, d) for d in (4, 30)]


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.prepare.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "make", "number"), CASES)
def test_ensemble(benchmark, name, make, number, dtype, contender):
    whole = make(dtype, number)
    part, scale = first_starts(whole, contender.most_points)
    k, updates = len(whole.b0), len(whole.b0) * whole.settings["epochs"] * len(whole.y)
    kind = f"{whole.w0.shape[1]} features, batches of {whole.settings['batch_size']}"
    case = f"{k:,} starts, {kind}, {dtype.__name__}, threads: {ALL_THREADS}".replace("1 features", "1 feature")
    benchmark.group = f"{name}: {case}"
    work = {"workload": name, "case": case, "work": updates, "unit": "sample updates", "scaled_by": scale}
    check_and_time(benchmark, contender, part, ends_error, cold="ensemble", threads=ALL_THREADS, **work)
