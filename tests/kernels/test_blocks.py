"""Surfaces of blocks: the same bits for values and callables, whoever evaluates them in whatever order, and what is
said of blocks and executors that won't do."""

import os
import threading
import time
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch

from kernels import LogitPlane, evaluation, plan_surface, surface_on_plane
from kernels.arguments import blocks as blocks_module
from kernels.arguments import samples as samples_module
from kernels.workers import runner
from tests import blocks, engines
from tests.blocks import ALL, CASES, SMALL, Case, Ordered, Samples, callables, found, shuffled, values
from tests.oracle import assert_surface_close
from tests.processes import printed_by

SIZES = {"one block": 10**6, "blocks": 250, "many small ones": 37, "uneven ones": [1, 400, 2, 600, 64]}


def threads(workers):
    return ThreadPoolExecutor(workers)


def assert_same_bits(got, want):
    assert found(got).keys() == found(want).keys()
    for name, array in found(want).items():
        other = getattr(got, name)
        assert (type(other), other.dtype) == (type(array), array.dtype), name
        np.testing.assert_array_equal(other, array, err_msg=name, strict=True)
    assert got.plan == want.plan


def array_surface(case, **options):
    """The surface of the same samples as arrays."""
    fields, y, weight = blocks.arrays(case.samples)
    return surface_on_plane(LogitPlane(*fields), y, *case.axes, sample_weight=weight, **case.options, **options)


# The same bits


@pytest.mark.parametrize("name", CASES)
def test_bits_are_the_same_whoever_evaluates(name):
    case = CASES[name]
    want, given = case.surface(values(case.samples, 250)), callables(case.samples, 250)
    assert_same_bits(case.surface(given), want)
    assert_same_bits(case.surface(values(case.samples, 250), executor=shuffled(0)), want)
    for executor in (threads(1), threads(2), threads(5)):
        with executor:
            assert_same_bits(case.surface(given, executor=executor), want)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("name", ["direct, weights", "compressed by class"])
def test_bits_are_the_same_in_whichever_order_workers_end(name, size):
    case = CASES[name]
    given = callables(case.samples, size)
    want = case.surface(given)
    for executor in (shuffled(1), shuffled(2, begins=True), Ordered(), Ordered(begins=True)):
        assert_same_bits(case.surface(given, executor=executor), want)
        assert executor.waiting == []


@pytest.mark.parametrize("name", CASES)
def test_one_block_has_the_bits_of_arrays(name):
    case = CASES[name]
    want = array_surface(case)
    assert_same_bits(array_surface(case, executor=shuffled(3)), want)
    for given in (values(case.samples, 10**6), callables(case.samples, 10**6)):
        assert_same_bits(case.surface(given), want)
        assert_same_bits(case.surface(given, executor=Ordered()), want)


@pytest.mark.parametrize("size", [250, 37])
@pytest.mark.parametrize("name", [name for name in CASES if name != "nested"])
def test_surfaces_of_workers_keep_the_contracts(name, size):
    case = CASES[name]
    got = case.surface(callables(case.samples, size), executor=shuffled(size))
    plane, y, weight = blocks.arrays(case.samples)
    loss, tol = case.options.get("loss", "bce"), case.options.get("tol", 1e-12)
    for quantity in found(got):
        if "pos_weight" in case.options and quantity in ("loss", "gradient", "hessian"):
            continue  # see below
        options = {"weights": weight, "loss": loss, "cells": 6, "method": got.plan.method, "tol": tol}
        assert_surface_close(getattr(got, quantity), plane, y, got.s, got.t, quantity, **options)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "pos_weight" in case.options])
def test_the_weight_of_the_positive_class_is_that_of_arrays(name):
    case = CASES[name]
    got, want = case.surface(callables(case.samples, 300), executor=shuffled(4)), array_surface(case)
    for quantity in ALL:
        tolerance = 1e-7 if case.samples.dtype == "float32" else 1e-13
        np.testing.assert_allclose(getattr(got, quantity), getattr(want, quantity), rtol=tolerance, atol=tolerance)


def test_the_cases_are_of_every_kind():
    plans = {name: case.surface(callables(case.samples, 250)).plan for name, case in CASES.items()}
    assert [name for name, plan in plans.items() if "compressed" in plan.reason] == [
        "compressed",
        "compressed by class",
        "compressed, weights",
    ]
    assert {name for name, plan in plans.items() if plan.method == "direct"} == {
        name for name in CASES if name.startswith(("direct", "positive", "one feature"))
    }


LIMITS = {
    "blocks in parts": {(blocks_module, "AT_ONCE"): 100},
    "parts that are not joined": {(blocks_module, "AT_ONCE"): 100, (blocks_module, "JOINED"): 30},
    "few tasks of blocks that are joined": {(samples_module, "MOST_TASKS"): 2, (blocks_module, "JOINED"): 600},
    "few tasks": {(samples_module, "MOST_TASKS"): 4},
    "one task": {(samples_module, "MOST_TASKS"): 1},
    "bands": {(evaluation, "BAND"): 2000},
    "few in flight": {(runner, "IN_FLIGHT"): (1, 2), (runner, "IN_FLIGHT_WITH_DATA"): 1},
}


@pytest.mark.parametrize("name", ["direct, weights", "compressed by class", "compressed, weights"])
@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_limits_leave_bits_the_same_for_every_executor(name, limits, monkeypatch):
    case = CASES[name]
    given, in_memory = callables(case.samples, 130), values(case.samples, 130)
    unlimited = case.surface(given)
    for (module, limit), value in limits.items():
        monkeypatch.setattr(module, limit, value)
    want = case.surface(in_memory)
    assert_same_bits(case.surface(in_memory, executor=shuffled(5)), want)
    for executor in (None, shuffled(6), shuffled(7, begins=True), Ordered()):
        assert_same_bits(case.surface(given, executor=executor), want)
    for quantity in found(want):
        close = getattr(want, quantity), getattr(unlimited, quantity)
        np.testing.assert_allclose(*close, rtol=0, atol=1e-12 * max(1, np.abs(close[1]).max()))


def test_a_band_of_one_column():
    case = Case(Samples(n=300), options={"quantities": ALL})
    want = case.surface(values(case.samples, 100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "BAND", 1)
        for executor in (None, shuffled(21)):
            got = case.surface(callables(case.samples, 100), executor=executor)
            for name in ALL:
                np.testing.assert_allclose(getattr(got, name), getattr(want, name), rtol=0, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("most", [1, 4, 10, 1000])
def test_tasks_are_as_many_as_blocks_up_to_a_limit(most, monkeypatch):
    monkeypatch.setattr(samples_module, "MOST_TASKS", most)
    executor = shuffled(0)
    case = CASES["one feature"]
    case.surface(callables(case.samples, 250), executor=executor)
    assert executor.ran == 2 * {1: 1, 4: 3, 10: 6, 1000: 6}[most]  # in two rounds


def test_blocks_without_a_known_number():
    case = CASES["compressed by class"]

    class Unlisted:
        def __iter__(self):
            return iter(callables(case.samples, 300))

    want = case.surface(callables(case.samples, 300))
    for executor in (None, shuffled(8)):
        assert_same_bits(case.surface(Unlisted(), executor=executor), want)


def test_values_and_callables_in_one_list():
    case = CASES["direct, weights"]
    want = case.surface(values(case.samples, 250))
    mixed = [two[k % 2] for k, two in enumerate(zip(*(f(case.samples, 250) for f in (values, callables)), strict=True))]
    for given in (mixed, mixed[:1] + callables(case.samples, 250)[1:], callables(case.samples, 250)[:1] + mixed[1:]):
        for executor in (None, shuffled(9)):
            assert_same_bits(case.surface(given, executor=executor), want)


def test_arrays_and_memory_maps_by_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks_module, "AT_ONCE", 300)
    case = CASES["direct, weights"]
    want = array_surface(case)
    fields, y, weight = blocks.arrays(case.samples)
    np.save(tmp_path / "fields.npy", fields)
    mapped = LogitPlane(*np.load(tmp_path / "fields.npy", mmap_mode="r"))
    for executor in (None, shuffled(10), threads(2)):
        assert_same_bits(array_surface(case, executor=executor), want)
        options = {"sample_weight": weight, "executor": executor}
        assert_same_bits(surface_on_plane(mapped, y, *case.axes, **case.options, **options), want)


@pytest.mark.parametrize("name", ["direct", "nodes", "compressed by class", "compressed, weights"])
def test_plans_are_those_of_surfaces(name):
    case = CASES[name]
    given, executor = callables(case.samples, 250), shuffled(11)
    plan = plan_surface(given, None, *case.axes, **case.options, executor=executor)
    assert plan == plan_surface(given, None, *case.axes, **case.options)
    assert plan == case.surface(given).plan
    assert executor.ran >= 6  # the ranges, and more where samples may be on a line or classes have weights


# Engines


@pytest.fixture(scope="module", params=["processes", "loky", "dask"])
def engine(request):
    with {"processes": engines.process_pool, "loky": engines.loky, "dask": engines.dask}[request.param]() as executor:
        yield executor


@pytest.fixture(scope="module")
def here():
    return blocks.surfaces()


def test_bits_are_the_same_in_other_processes(engine, here, monkeypatch):
    monkeypatch.setattr(evaluation, "BAND", 2000)
    banded = CASES["direct"].surface(callables(CASES["direct"].samples, 250))
    assert_same_bits(CASES["direct"].surface(callables(CASES["direct"].samples, 250), executor=engine), banded)
    monkeypatch.undo()
    got = blocks.surfaces(engine)
    assert {name: sorted(arrays) for name, arrays in got.items()} == {
        name: sorted(arrays) for name, arrays in here.items()
    }
    for name, arrays in here.items():
        for quantity, array in arrays.items():
            np.testing.assert_array_equal(got[name][quantity], array, err_msg=f"{name}: {quantity}", strict=True)


def test_values_go_to_other_processes(engine):
    case = CASES["direct, weights"]
    assert_same_bits(case.surface(values(case.samples, 250), executor=engine), case.surface(values(case.samples, 250)))


MPI = """
import sys
import numpy as np
from mpi4py.futures import MPIPoolExecutor
from tests import blocks

if __name__ == "__main__":
    with MPIPoolExecutor() as executor:
        assert executor.num_workers == 2
        found = blocks.surfaces(executor)
    np.savez(sys.argv[1], **{f"{name}: {quantity}": array for name in found for quantity, array in found[name].items()})
    print("true")
"""


def test_bits_are_the_same_by_mpi(here, tmp_path):
    (tmp_path / "script.py").write_text(MPI)
    assert engines.printed_by_mpi(tmp_path / "script.py", tmp_path / "found.npz")
    want = {f"{name}: {quantity}": array for name in here for quantity, array in here[name].items()}
    with np.load(tmp_path / "found.npz") as found:
        assert sorted(found.files) == sorted(want)
        for name, array in want.items():
            np.testing.assert_array_equal(found[name], array, err_msg=name, strict=True)


# Weights and dtypes


WEIGHTS = {
    "least": np.full(90, 5e-324),
    "small": np.full(90, 1e-320),
    "large": np.full(90, 1e306),
    "all sizes": np.repeat([1e-320, 1e-300, 1e-100, 0.0, 1.0, 1e100, 1e300, 1e306, 5e-324], 10),
    "growing": np.geomspace(1e-300, 1e306, 90),
    "zeros first": np.repeat([0.0, 0.0, 1e-310], 30),
    "zeros last": np.repeat([1e300, 1.0, 0.0], 30),
    "ordinary": np.random.default_rng(0).exponential(size=90),
}


@pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("method", ["direct", "spectral"])
def test_weights_of_any_size_in_blocks(weight, method):
    (plane, y, _), axes = blocks.arrays(Samples(n=90)), (np.linspace(-1, 1, 60), np.linspace(-1, 1, 50))
    given = [(LogitPlane(*(f[k : k + 10] for f in plane)), y[k : k + 10], weight[k : k + 10]) for k in range(0, 90, 10)]
    options = {"quantities": ALL, "method": method, "tol": 1e-6 if method == "spectral" else 1e-12}
    want = surface_on_plane(given, None, *axes, **options)
    assert want.plan.method == method
    for executor in (None, shuffled(12), Ordered()):
        got = surface_on_plane([partial(tuple, block) for block in given], None, *axes, executor=executor, **options)
        assert_same_bits(got, want)
    if weight.max() >= 1:  # the oracle's sums are of ordinary size
        for quantity in ALL:
            exact = {"weights": weight / 2.0 ** np.frexp(weight.max())[1], "method": method, "tol": options["tol"]}
            assert_surface_close(getattr(want, quantity), plane, y, want.s, want.t, quantity, cells=5, **exact)
    alike = surface_on_plane(LogitPlane(*plane), y, *axes, sample_weight=weight, **options)
    for quantity in ALL:
        np.testing.assert_allclose(getattr(want, quantity), getattr(alike, quantity), rtol=0, atol=1e-12)


def test_weights_in_some_blocks_only_are_refused():
    case = CASES["direct, weights"]
    for pattern in ([True, False, True], [False, True, True], [True, True, False]):
        given = [callables(case.samples._replace(weighted=weighted), 250)[k] for k, weighted in enumerate(pattern)]
        for stream in (given, [one() for one in given]):
            for executor in (None, shuffled(13)):
                with pytest.raises(
                    ValueError, match="plane has blocks with sample_weight and blocks without; accepted"
                ):
                    case.surface(stream, executor=executor)


@pytest.mark.parametrize("first", ["float32", "float64"])
def test_the_dtype_is_that_of_the_first_block(first):
    other = {"float32": "float64", "float64": "float32"}[first]
    case = Case(Samples(), options={"quantities": ("loss", "hessian")})
    given, others = (callables(case.samples._replace(dtype=dtype), 600) for dtype in (first, other))
    given[1:] = others[1:]
    want = case.surface([one() for one in given])
    assert want.loss.dtype == first
    for executor in (None, shuffled(14), Ordered()):
        assert_same_bits(case.surface(given, executor=executor), want)


@pytest.mark.parametrize("weight", [[0.0, 0.0], [-0.0, 0.0]])
def test_weights_that_are_only_zeros_are_refused(weight):
    plane = LogitPlane([0.0, 1.0], [1.0, 1.0], [1.0, -1.0])
    given = [partial(tuple, (plane, [0, 1], weight))] * 3
    for stream in (given, [one() for one in given]):
        for executor in (None, shuffled(15)):
            with pytest.raises(ValueError, match="sample_weight has only zeros; accepted: weights >= 0, some above 0"):
                surface_on_plane(stream, None, *SMALL, executor=executor)


# Backends


@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize("backend", ["reference", "torch"])
@pytest.mark.parametrize("weighted", [False, True])
def test_other_backends_by_blocks(weighted, backend):
    samples = Samples(n=400, weighted=weighted)
    names = ("loss", "accuracy") if backend == "torch" else ALL  # each quantity takes a graph
    case = Case(samples, options={"quantities": names})
    want = case.surface(values(samples, 90))
    for given in (values(samples, 90), callables(samples, 90)):
        for executor in (None, shuffled(16)):
            got = case.surface(given, backend=backend, executor=executor)
            for name in names:
                tolerance = {"rtol": 0} if name == "accuracy" and not weighted else {"rtol": 1e-11, "atol": 1e-13}
                np.testing.assert_allclose(getattr(got, name), getattr(want, name), **tolerance, err_msg=name)


@pytest.mark.parametrize("backend", ["numba", "reference"])
def test_callables_are_evaluated_by_the_backend_that_is_asked_for(backend, monkeypatch):
    case, asked = Case(Samples(n=300)), []
    chosen = evaluation.backends.chosen
    monkeypatch.setattr(evaluation.backends, "chosen", lambda name, **like: asked.append(name) or chosen(name, **like))
    case.surface(callables(case.samples, 100), backend=backend, executor=Ordered())
    assert set(asked) == {backend}


def tensors(one):
    plane, *others = one()
    return LogitPlane(*map(torch.from_numpy, plane)), *map(torch.from_numpy, others)


def test_callables_may_return_tensors():
    case = CASES["direct, weights"]
    given = [partial(tensors, one) for one in callables(case.samples, 250)]
    want = case.surface(callables(case.samples, 250))
    for executor in (None, shuffled(17)):
        assert_same_bits(case.surface(given, executor=executor), want)


# Errors


class Unlucky(LookupError):
    """Pickled, it can't be read again: it takes two arguments."""

    def __init__(self, what, where):
        super().__init__(f"{what} in {where}")


def fails(error, *arguments):
    raise error(*arguments)


def with_wrong(block, number=3, size=300):
    given = callables(Samples(n=1500), size)
    given[number] = block
    return given


def nothing_to_read():
    return LogitPlane(*np.zeros((3, 0))), np.zeros(0)


WRONG = {
    "raises": (partial(fails, FileNotFoundError, 2, "gone", "rows.npy"), FileNotFoundError, "gone: 'rows.npy'"),
    "raises what has no words": (partial(fails, MemoryError), MemoryError, "That was block 3"),
    "number": (partial(int, 5), TypeError, "plane is a stream of int; accepted: a LogitPlane, or"),
    "nothing": (partial(dict.get, {}, 0), TypeError, "plane is a stream of NoneType; accepted"),
    "other order": (
        partial(tuple, (np.zeros(3), LogitPlane(*np.zeros((3, 3))))),
        TypeError,
        "stream of tuple; accepted",
    ),
    "four": (partial(tuple, (LogitPlane(*np.zeros((3, 3))), 0, 0, 0)), TypeError, "stream of tuple; accepted"),
    "no samples": (nothing_to_read, ValueError, r"plane.offset has shape \(0,\); accepted"),
    "labels": (partial(tuple, (LogitPlane(*np.zeros((3, 2))), [0, 2])), ValueError, r"y\[1\] is 2.*; accepted"),
    "lengths": (partial(tuple, (LogitPlane(*np.zeros((3, 2))), [0])), ValueError, r"y has shape \(1,\); accepted"),
    "weights": (
        partial(tuple, (LogitPlane(*np.zeros((3, 2))), [0, 1], [1, -1])),
        ValueError,
        "sample_weight has a negative value; accepted",
    ),
    "not finite": (
        partial(tuple, (LogitPlane(np.array([0, np.inf]), *np.zeros((2, 2))), [0, 1])),
        ValueError,
        "plane.offset",
    ),
}


@pytest.mark.parametrize(("block", "error", "match"), WRONG.values(), ids=WRONG)
def test_errors_of_workers_name_the_block_and_where_they_were_raised(block, error, match, tmp_path):
    out = np.full((len(SMALL[1]), len(SMALL[0])), 77.0)
    for executor in (None, shuffled(18), threads(2)):
        with pytest.raises(error, match=match) as caught:
            surface_on_plane(with_wrong(block), None, *SMALL, out=out, executor=executor)
        assert type(caught.value) is error
        notes = "\n".join(caught.value.__notes__)
        assert "That was block 3 of plane, counted from 0." in notes
        assert ("On a worker:" in notes and "blocks.py" in notes) == (executor is not None)
    assert (out == 77.0).all()


def test_errors_of_other_processes_come_back(engine):
    for name in ("raises", "number", "labels"):
        block, error, match = WRONG[name]
        with pytest.raises(error, match=match) as caught:
            surface_on_plane(with_wrong(block), None, *SMALL, executor=engine)
        notes = "\n".join(caught.value.__notes__)
        assert "That was block 3 of plane, counted from 0." in notes
        assert "On a worker:" in notes
    with pytest.raises(RuntimeError, match=r"Unlucky: rows in file\nThat was block 3 of plane"):
        surface_on_plane(with_wrong(partial(fails, Unlucky, "rows", "file")), None, *SMALL, executor=engine)
    CASES["direct"].surface(callables(CASES["direct"].samples, 250), executor=engine)  # it is as good as before


def test_what_cannot_be_pickled_is_said_to_be_so(engine):
    lock = threading.Lock()
    given = [partial(blocks.block, lock, 0, 3), partial(blocks.block, lock, 3, 6)]
    with pytest.raises(TypeError, match=r"a block can't be sent to a worker .*; accepted: .*functools.partial"):
        surface_on_plane(given, None, *SMALL, executor=engine)


class Shrinking:
    """A block that is a sample shorter every time but the first."""

    def __init__(self, path):
        self.path = path

    def __call__(self):
        again = os.path.exists(self.path)
        open(self.path, "w").close()
        return blocks.block(Samples(n=1500), 900, 1200 - again)


@pytest.mark.parametrize("method", ["direct", "spectral"])
@pytest.mark.parametrize("quantity", ["loss", "balanced_accuracy"])
def test_numbers_of_samples_that_change_between_passes(quantity, method, tmp_path):
    for executor in (None, shuffled(19)):
        block = Shrinking(tmp_path / f"read {executor}")
        axes = np.linspace(-1, 1, 150), np.linspace(-1, 1, 160)
        options = {"quantities": quantity, "method": method, "tol": 1e-6, "executor": executor}
        with pytest.raises(ValueError, match="plane gave 1500 samples in one pass and 1499 in another; accepted"):
            surface_on_plane(with_wrong(block), None, *axes, **options)


class Client:
    """As that of Dask is."""

    def submit(self, function):
        raise AssertionError

    def get_executor(self):
        raise AssertionError


NO_EXECUTORS = {
    "name": "processes",
    "number": 2,
    "Dask client": Client(),
    "class": ThreadPoolExecutor,
    "object": object(),
}


@pytest.mark.parametrize("executor", NO_EXECUTORS.values(), ids=NO_EXECUTORS)
@pytest.mark.parametrize("function", [surface_on_plane, plan_surface])
def test_what_is_no_executor_is_refused_before_any_work(executor, function):
    block, kind = partial(fails, AssertionError), type(executor).__name__
    with pytest.raises(
        TypeError, match=rf"executor is a {kind}; accepted: None or a concurrent.futures.Executor, of a"
    ):
        function([block], None, *SMALL, executor=executor)


def test_a_pool_that_was_shut_down():
    executor = threads(1)
    executor.shutdown()
    with pytest.raises(BrokenExecutor, match=r"executor gave up when 0 tasks of 'ranges' were done \(RuntimeError: "):
        surface_on_plane(callables(Samples(n=100), 10), None, *SMALL, executor=executor)


# Progress and Ctrl-C


@pytest.mark.parametrize("name", CASES)
def test_progress_is_complete(name):
    case = CASES[name]
    for make, executor in ((values, None), (callables, None), (callables, shuffled(20)), (callables, threads(2))):
        seen = []
        case.surface(make(case.samples, 250), executor=executor, progress=lambda *told: seen.append(told))  # noqa: B023
        assert_complete(seen)
        assert len(seen) >= 6


def assert_complete(seen):
    done, totals = zip(*seen, strict=True)
    assert len(set(totals)) == 1
    assert list(done) == sorted(done)
    assert 0 <= done[0] <= done[-1] == totals[0]


class Stopped(Exception):
    pass


def stop(done, total):
    raise Stopped


def test_what_has_not_begun_is_cancelled_whatever_ends_the_call():
    for failing in ({"progress": stop}, {"out": np.zeros((1, 1))}):
        executor = Ordered()
        case = CASES["one feature"]
        with pytest.raises((Stopped, ValueError)) as caught:
            case.surface(callables(case.samples, 100), executor=executor, **failing)
        assert all(future.cancelled() for future in executor.waiting)
        assert executor.ran <= 16
        del caught
    executor = Ordered()
    with pytest.raises(FileNotFoundError):
        surface_on_plane(with_wrong(WRONG["raises"][0], number=2, size=10), None, *SMALL, executor=executor)
    assert executor.ran == 3
    assert all(future.cancelled() for future in executor.waiting)
    assert len(executor.waiting) == 147


INTERRUPTED = """
import json, os, signal, sys, threading, time
from pathlib import Path
from functools import partial
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from tests import blocks
from tests.kernels.test_blocks import slow

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    given = [partial(slow, folder / str(k), one) for k, one in enumerate(blocks.callables(blocks.Samples(n=1200), 10))]

    def interrupt():
        while len(os.listdir(folder)) < 5:
            time.sleep(0.002)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with {executor} as executor:
        try:
            blocks.Case(None).surface(given, executor=executor)
        except KeyboardInterrupt:
            print(json.dumps(len(os.listdir(folder))), flush=True)
    print(json.dumps([len(os.listdir(folder)), len(given)]))
"""


def slow(path, block):
    path.touch()
    time.sleep(0.02)
    return block()


@pytest.mark.parametrize("executor", ["ThreadPoolExecutor(2)", "ProcessPoolExecutor(2)"])
def test_ctrl_c_cancels_what_has_not_begun(executor, tmp_path):
    """The pool then ends what had begun, or waited with its workers, and no more."""
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED.replace("{executor}", executor))
    (tmp_path / "ran").mkdir()
    begun, all_of_them = printed_by(script.read_text(), tmp_path / "ran")
    assert 5 <= begun <= 30 < all_of_them == 120


class Counting(ThreadPoolExecutor):
    """Threads that count what they are given."""

    given = 0

    def submit(self, *arguments):
        self.given += 1
        return super().submit(*arguments)


@pytest.mark.parametrize(
    ("quantities", "options", "rounds"),
    [(("loss",), {}, 1), (("loss", "mse"), {}, 1), (("loss", "mse", "balanced_accuracy"), {"pos_weight": 3.0}, 3)],
)
@pytest.mark.parametrize("method", ["direct", "spectral"])
def test_values_are_sent_for_sums_alone(quantities, options, rounds, method):
    """Once for each group of quantities: ranges, distances from a line and weights are read where values are."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 500))
    values = [(LogitPlane(0 * row, row, np.ones(500)), rng.integers(0, 2, 500)) for row in x]
    s = t = np.linspace(-2, 2, 150)
    with Counting(2) as executor:
        surface_on_plane(values, None, s, t, quantities=quantities, method=method, executor=executor, **options)
    assert executor.given == 4 * rounds


@pytest.mark.parametrize("quantity", ["loss", "mse", "accuracy", "gradient"])
def test_one_block_has_the_bits_of_arrays_on_a_grid_of_many_bands(quantity, monkeypatch):
    """Bands would begin within the tiles of a grid in one piece."""
    rng = np.random.default_rng(0)
    plane, y = LogitPlane(*rng.normal(size=(3, 300))), rng.integers(0, 2, 300)
    s, t = rng.permutation(np.linspace(-3, 3, 170)), np.linspace(-2, 2, 150)
    options = {"quantities": quantity, "method": "direct"}
    want = getattr(surface_on_plane(plane, y, s, t, **options), quantity)
    monkeypatch.setattr(evaluation, "BAND", 5000)
    with ThreadPoolExecutor(1) as executor:
        got = getattr(surface_on_plane(plane, y, s, t, executor=executor, **options), quantity)
    np.testing.assert_array_equal(got, want)
