"""Compiling ahead: by the names of what is to be used, with progress."""

import re

import numpy as np
import pytest

import kernels
from kernels.numba_cpu import warmup
from kernels.numba_cpu.runtime import launch, notice
from tests.processes import printed_by

CALLS = """
import itertools, json, sys
import numpy as np, kernels
from numba.core.dispatcher import Dispatcher
from kernels.numba_cpu.runtime import launch

loaded = []
insert = Dispatcher.add_overload

def noted(dispatcher, result):
    loaded.append(dispatcher.__name__)
    insert(dispatcher, result)

Dispatcher.add_overload = noted

def surface(dtype):
    x, few, many = np.linspace(-1, 1, 40, dtype=dtype), np.linspace(-3, 3, 9), np.linspace(-3, 3, 300)
    for axis, weight, loss in itertools.product((few, many), (None, x + 1), ("bce", "mse")):
        kernels.loss_surface(x, x > 0, axis, axis, sample_weight=weight, loss=loss)

def plane(dtype):
    surface(dtype)
    x, axis = np.linspace(-1, 1, 40, dtype=dtype), np.linspace(-3, 3, 9)
    options = {"quantities": ("loss", "accuracy", "balanced_accuracy", "gradient"), "sample_weight": x + 1}
    given = kernels.LogitPlane(x, x**2, x[::-1].copy())
    for y, some in ((x > 0, {}), (x > 0, options), ((x > 0).astype(dtype), {})):
        kernels.surface_on_plane(given, y, axis, axis, **some)
    kernels.plan_surface(given, y, axis, axis)

def gradient(dtype, call=kernels.bce_loss_grad, **options):
    many = (3000,) if launch.SERIAL_WORK == 0 else ()  # on one thread after a fork alone
    for n, d in itertools.product((2, 40, *many), (1, 2, 3, 4, 5, 8, 20, 200)):
        X, y, w, b = np.ones((n, d), dtype), np.ones(n, dtype), np.zeros(d, dtype), np.zeros(1, dtype)
        for data in X, np.asfortranarray(X):
            call(data, y, w, b, **options)

def update(dtype):
    gradient(dtype, kernels.sgd_step_, lr=1)
    for batch_size in 2, 40:
        for frozen in None, "w":
            gradient(dtype, kernels.sgd_run_, lr=1, batch_size=batch_size, epochs=1, frozen=frozen)
    if launch.SERIAL_WORK == 0:
        large = (np.zeros(shape, dtype) for shape in ((40_000, 9), 40_000, 9, 1))
        kernels.sgd_run_(*large, lr=1, batch_size=40_000, epochs=1)

def ensemble(dtype):
    for d in 1, 2, 5:
        start = np.zeros((3, d), dtype), np.zeros(3, dtype)
        X = np.ones((9, d), dtype)
        for y, kept in ((X[:, 0], [0]), (X[:, 0].copy(), ())):
            kernels.sgd_ensemble(X, y, *start, lr=1, batch_size=2, epochs=1, history_of=kept)

kernels.warmup(only=sys.argv[1])
ahead = len(loaded)
for launch.SERIAL_WORK, dtype in itertools.product((float("inf"), 0), (np.float32, np.float64)):
    globals()[sys.argv[1]](dtype)
print(json.dumps([ahead, loaded[ahead:]]))
"""


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("name", warmup.GROUPS)
def test_a_name_has_all_that_its_functions_need(name):
    ahead, after = printed_by(CALLS, name)
    assert ahead > 0
    assert after == []


def test_a_name_has_no_more_than_all():
    counts = [len(list(group(np.float32))) for group in warmup.GROUPS.values()]
    assert min(counts) > 0
    surface, plane, gradient, update, _ = counts
    assert surface < plane
    assert gradient < update


@pytest.fixture
def steps(monkeypatch):
    """What is done for two names, one of them of two steps, instead of compiling."""
    done = []

    def step(name):
        return lambda: done.append((name, launch.serial_work_here.get(), notice.shows_progress.get()))

    groups = {"one": lambda dtype: [step("one")], "two": lambda dtype: [step("two"), step("three")]}
    monkeypatch.setattr(warmup, "GROUPS", groups)
    return done


def test_everything_is_compiled_for_one_thread_and_for_all(steps):
    kernels.warmup()
    assert steps == [
        (name, work, False)
        for names in (["one"], ["one"], ["two", "three"], ["two", "three"])
        for name in names
        for work in (float("inf"), 0)
    ]


@pytest.mark.parametrize("only", ["one", ("one",), ["one"]])
def test_only_what_is_named_is_compiled(steps, only):
    kernels.warmup(only=only)
    assert {name for name, *_ in steps} == {"one"}


def test_progress_counts_and_stands_for_the_line(steps):
    reports = []
    kernels.warmup(only=("two", "one"), progress=lambda done, total: reports.append((done, total)))
    assert reports == [(done, 6) for done in range(1, 7)]
    assert all(shows_progress for *_, shows_progress in steps)
    assert not notice.shows_progress.get()


def test_progress_has_a_bar(steps, capsys):
    kernels.warmup(progress=True)
    assert "6.00/6.00" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("only", "says"),
    [
        ("surfaces", "only is 'surfaces'; accepted: some of 'surface', 'plane', 'gradient', 'update', 'ensemble', "),
        (("plane", "updte"), "each once, such as 'update' for 'updte'"),
        ((), "only is (); accepted: some of"),
        (("plane", "plane"), "only is ('plane', 'plane'); accepted: some of"),
        (3, "only is 3; accepted: some of"),
        ((3,), "only is (3,); accepted: some of"),
    ],
)
def test_other_names_are_refused(only, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        kernels.warmup(only=only)


def test_another_progress_is_refused(steps):
    with pytest.raises(TypeError, match="progress is 3; accepted: None, True or a callable"):
        kernels.warmup(progress=3)
    assert steps == []
