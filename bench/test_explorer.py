"""Pictures a second while the start is dragged in the explorer."""

import pytest

from bench.explorer import CONTENDERS, path_error, scene
from bench.timing import ALL_THREADS, check_and_time

SCENES = {"lab": "lab, 700 steps", "breast_cancer": "breast cancer on a plane, 540 steps"}


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.prepare.__name__)
@pytest.mark.parametrize("data", SCENES)
def test_explorer(benchmark, data, contender):
    case = f"{SCENES[data]}, 1366 x 650 pixels, threads: {ALL_THREADS}"
    benchmark.group = f"Explorer: {case}"
    work = {"workload": "Explorer", "case": case, "work": 1, "unit": "pictures"}
    check_and_time(benchmark, contender, scene(data), path_error, threads=ALL_THREADS, **work)
