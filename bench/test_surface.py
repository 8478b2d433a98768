"""The lab's loss surface: 20 samples, w in [-15, 15], b in [-13, 13], at four resolutions."""

import numpy as np
import pytest

from bench.surfaces import CONTENDERS
from bench.timing import ALL_THREADS, check_and_time
from bench.workloads import every_kth_row, lab_surface, surface_error

CASES = [
    (30, np.float64, ALL_THREADS),
    (256, np.float64, ALL_THREADS),
    (1024, np.float64, ALL_THREADS),
    (4096, np.float64, ALL_THREADS),
    (1024, np.float32, ALL_THREADS),
]
if ALL_THREADS > 1:
    CASES.append((1024, np.float64, 1))


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.prepare.__name__)
@pytest.mark.parametrize(("resolution", "dtype", "threads"), CASES)
def test_lab_surface(benchmark, resolution, dtype, threads, contender):
    case = f"{resolution} x {resolution} points, {dtype.__name__}, threads: {threads}"
    benchmark.group = f"Lab surface: {case}"
    whole = lab_surface(resolution, dtype)
    part, scale = every_kth_row(whole, contender.most_points)
    check_and_time(
        benchmark,
        contender,
        part,
        surface_error,
        cold="surface",
        threads=threads,
        scaled_by=scale,
        workload="Lab surface",
        case=case,
        work=whole.evaluations,
        unit="evaluations",
    )
