"""The cost of many workers on paper beside its simulation: equal where the formula is exact, near elsewhere; and the
page that says so."""

import itertools
import json
import math

import pytest

from bench import cost, scale, simulation
from bench.cost import Assumed, Engine, Rates, Round, Surface
from bench.measured import ROOT
from bench.report import replaced

TASKS = 1, 7, 64, 1000
SIZES = list(itertools.product(TASKS, (1, 2, 8, 64, 300)))  # tasks, workers


def formula(of, workers):
    return max(cost.bounds_of(of, workers))


@pytest.mark.parametrize(("on_worker", "add"), [(3.0, 0.5), (0.2, 0.5), (0.0, 0.7), (3.0, 0.0)])
@pytest.mark.parametrize("tasks", TASKS)
def test_one_worker_takes_what_the_formula_says(tasks, on_worker, add):
    of = Round(tasks, on_worker, hand_out=0.25, receive=0.125, add=add)
    assert simulation.time_of(of, 1) == pytest.approx(formula(of, 1), rel=1e-12)


@pytest.mark.parametrize(("tasks", "workers"), SIZES)
def test_without_a_callers_time_it_is_the_tasks_of_the_busiest_worker(tasks, workers):
    of = Round(tasks, 3.0, 0.0, 0.0, 0.0)
    assert simulation.time_of(of, workers) == pytest.approx(-(-tasks // workers) * 3.0, rel=1e-12)
    assert formula(of, workers) == pytest.approx(-(-tasks // workers) * 3.0, rel=1e-12)


@pytest.mark.parametrize(("tasks", "workers"), SIZES)
def test_without_a_workers_time_it_is_the_callers(tasks, workers):
    of = Round(tasks, 0.0, 0.25, 0.125, 0.5)
    assert simulation.time_of(of, workers) == pytest.approx(tasks * 0.875, rel=1e-12)


@pytest.mark.parametrize("on_worker", [0.1, 1.0, 10.0, 1000.0])
@pytest.mark.parametrize("add", [0.0, 0.5, 2.0])
@pytest.mark.parametrize(("tasks", "workers"), SIZES)
def test_elsewhere_the_formula_is_near_the_simulation(tasks, workers, add, on_worker):
    of = Round(tasks, on_worker, hand_out=0.25, receive=0.125, add=add)
    assert 0.75 <= simulation.time_of(of, workers) / formula(of, workers) <= 1.1


def test_the_slowest_task_counts_where_each_worker_has_one():
    of = Round(64, 10.0, 0.0, 0.0, 0.0)
    assert simulation.time_of(of, 64) == pytest.approx(10.0)
    alone = simulation.time_of(of, 64, spread=0.5, seed=1)
    assert alone > 15.0
    assert simulation.time_of(of, 1, spread=0.5, seed=1) == pytest.approx(640, rel=0.2)


def test_a_surface_has_a_task_for_each_block_up_to_a_number():
    small, large = (Surface(rows=1e6, features=100, blocks=blocks, nodes=64) for blocks in (10, 10_000))
    assert (small.tasks, large.tasks) == (10, 1000)
    assert small.bytes_read == 8e8
    assert large.bytes_sent == 1000 * (1024 + 8 * 64**2)


def test_many_points_take_several_rounds_of_sums():
    surface = Surface(rows=1e6, features=100, blocks=10, nodes=4096)
    assert surface.bands == [2**18] * 64
    assert surface.bytes_read == 65 * 4e8
    assert surface.bytes_sent == 10 * (1024 + 8 * 4096**2)


NOTHING = Rates(*[math.inf] * len(Rates._fields))
AT_ONCE = Engine(0.0, 0.0, 0.0, math.inf)
FAST = Assumed(storage=math.inf, network=math.inf)
OF_TEN = Surface(rows=1000, features=5, blocks=10, nodes=3)


@pytest.mark.parametrize(
    ("rates", "engine", "assumed", "seconds", "limit"),
    [
        (NOTHING, Engine(5.0, 2.0, 0.0, math.inf), FAST, 7.0, "start of workers"),
        (NOTHING, AT_ONCE, FAST._replace(storage=1000.0, workers_a_machine=2), 2 * 3 * 100 * 4 * 5 / 500, "storage"),
        (NOTHING._replace(evaluations=90.0), AT_ONCE, FAST, 3 * 100 * 9 / 90, "arithmetic"),
        (NOTHING, AT_ONCE._replace(per_task=0.5), FAST, 2 * 10 * 0.5, "caller"),
        (NOTHING._replace(bytes_added=8.0), AT_ONCE, FAST, 10 * 9 + 10 * 128, "caller"),
        (NOTHING, AT_ONCE, FAST._replace(network=8.0), 10 * 9 + 10 * 128, "caller"),
    ],
)
def test_each_rate_counts_as_it_should(rates, engine, assumed, seconds, limit):
    """4 workers have 3 of the 10 tasks, of 100 rows each, at most."""
    rounds = cost.rounds_of(OF_TEN, rates, engine, assumed)
    assert cost.time_of(rounds, engine, 4) == pytest.approx(seconds)
    assert cost.limit_of(OF_TEN, rates, engine, assumed, 4) == limit


@pytest.mark.parametrize(("workers", "limit"), [(5, "arithmetic"), (1000, "number of tasks")])
def test_tasks_can_be_too_few(workers, limit):
    assert cost.limit_of(OF_TEN._replace(nodes=30), NOTHING._replace(evaluations=9.0), AT_ONCE, FAST, workers) == limit


def test_the_page_is_of_the_committed_results():
    measured, page = scale.publishable(provisional=True), ROOT / "docs" / "scale.md"
    for name, text in scale.parts(measured).items():
        assert replaced(page, name, text) == page.read_text(encoding="utf-8"), name


def test_no_more_tasks_are_under_way_than_the_caller_can_keep():
    of = Round(640, 10.0, 0.0, 0.0, 0.0, at_once=64)
    assert simulation.time_of(of, 1000) == pytest.approx(100.0) == formula(of, 1000)
    at_points = cost.rounds_of(Surface(1e9, 100, 10_000, 4096), NOTHING, AT_ONCE, FAST)
    assert [of.at_once for of in at_points] == [4096, *[512] * 64]
    many = Surface(1e9, 1, 512 * 2, 4096)
    assert cost.limit_of(many, NOTHING._replace(evaluations=1e9), AT_ONCE, FAST, 2000) == "memory of the caller"


def test_what_was_measured_on_a_busy_machine_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(scale, "RESULTS", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no engines\.json"):
        scale.publishable(provisional=False)
    for others, date in ((0.1, "2026-01-02"), (0.9, "2026-01-01")):
        folder = tmp_path / f"processor-{others}"
        folder.mkdir()
        result = {"elsewhere": others, "machine": {"date": date, "processor": folder.name}}
        (folder / "engines.json").write_text(json.dumps(result))
    assert scale.publishable(provisional=False)["elsewhere"] == 0.1
    (tmp_path / "processor-0.1" / "engines.json").unlink()
    with pytest.raises(ValueError, match=r"processor-0\.9 was measured on a busy machine: others had 0\.9"):
        scale.publishable(provisional=False)
    assert scale.publishable(provisional=True)["elsewhere"] == 0.9
