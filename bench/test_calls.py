"""Calls on 20 samples, on one thread: what they cost beside their kernels."""

import pytest

from bench.calls import CALLS
from bench.launches import launches_of, one_after_another
from bench.timing import check_and_time, difference_in_turns

CASES = [(call, contender) for call in CALLS for contender in call.contenders]


@pytest.mark.parametrize(("call", "contender"), CASES, ids=[f"{call.case}-{one.name}" for call, one in CASES])
def test_call(benchmark, call, contender):
    problem, ours = call.workload(), call.contenders[0]
    case = f"{call.case}, 20 samples, float64, threads: 1"
    benchmark.group = f"Small calls: {case}"
    work = {"workload": "Small calls", "case": case, "work": 1, "unit": "calls"}
    check_and_time(benchmark, contender, problem, call.error_of, threads=1, **work)
    if contender is ours:
        run = ours.prepare(problem)
        alone = one_after_another(launches_of(run))
        benchmark.extra_info["over_kernels_s"] = difference_in_turns(benchmark, run, alone, threads=1)
