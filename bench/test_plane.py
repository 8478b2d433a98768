"""Surfaces of many samples, in float64: one feature, thirty, direct evaluation beside a matrix product, and how time
grows with samples and with resolution."""

import pytest

from bench import planes
from bench.timing import ALL_THREADS, check_and_time
from bench.workloads import fewer_points, plane_error, plane_surface

PEERS = (planes.EAGER, planes.COMPILED, planes.SCIKIT_LEARN)
LARGE = {  # name: n, d, resolution, half-width of the window
    "One feature, 20 samples": (20, 1, 4096, 15.0),
    "One feature, many samples": (10**6, 1, 4096, 15.0),
    "30 features": (10**5, 30, 1024, 3.0),
}
DIRECT = {"Direct, general plane": (20_000, 30, 512, 3.0), "Direct, bias axis": (20_000, 1, 512, 15.0)}
SAMPLES = [("Time by samples", n, 30, 512, 3.0) for n in (10, 100, 1000, 10_000, 100_000, 1_000_000)]
SAMPLES += [("Time by samples, one feature", n, 1, 512, 15.0) for n in (10, 100, 1000, 10_000, 100_000, 1_000_000)]
RESOLUTIONS = [("Time by resolution", 1000, 30, points, 3.0) for points in (16, 64, 256, 1024, 4096)]


@pytest.mark.parametrize(
    "contender", [planes.OURS, *PEERS, planes.FILL, planes.TORCH_FILL], ids=lambda contender: contender.name
)
@pytest.mark.parametrize("name", LARGE)
def test_large(benchmark, name, contender):
    measure(benchmark, contender, name, *LARGE[name])


@pytest.mark.parametrize("contender", [planes.DIRECT, planes.DGEMM], ids=lambda contender: contender.name)
@pytest.mark.parametrize("name", DIRECT)
def test_direct(benchmark, name, contender):
    measure(benchmark, contender, name, *DIRECT[name])


@pytest.mark.parametrize(
    "contender", [planes.OURS, planes.DIRECT, planes.EAGER, planes.FILL], ids=lambda contender: contender.name
)
@pytest.mark.parametrize(("name", "n", "d", "points", "reach"), SAMPLES + RESOLUTIONS)
def test_scaling(benchmark, name, n, d, points, reach, contender):
    if contender is planes.DIRECT and n * points**2 > 4 * 10**10:
        pytest.skip("direct evaluation takes seconds")
    measure(benchmark, contender, name, n, d, points, reach)


def measure(benchmark, contender, name, n, d, points, reach):
    whole = plane_surface(n, d, points, reach)
    part, scale = fewer_points(whole, contender.most_points)
    features = "1 feature" if d == 1 else f"{d} features"
    case = f"{points} x {points} points, {n:,} samples of {features}, threads: {ALL_THREADS}"
    benchmark.group = f"{name}: {case}"
    work = {"workload": name, "case": case, "work": n * points**2, "unit": "evaluations"}
    work |= {"samples": n, "points": points, "scaled_by": scale}
    check_and_time(benchmark, contender, part, plane_error, cold="plane", threads=ALL_THREADS, **work)
