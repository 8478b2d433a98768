"""`checkpoint=` of surfaces: a call that was killed at any moment goes on to the same bits, and a file that is no
checkpoint, or one of something else, is refused by name before any work, and left as it is."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from kernels import evaluation, keeping, logit_plane, surface_on_plane
from kernels.mathematics import planning
from kernels.workers import checkpoint as kept
from tests.blocks import CASES, Case, Ordered, Samples, callables, found, shuffled, values
from tests.processes import printed_by

CASE = Case(Samples(n=900), options={"quantities": ("loss", "accuracy")})
SIZE = 60  # of 15 blocks, which are read in two passes


def counted(path, block):
    """The block; the file at `path` grows by a byte with each reading, and says how many may be."""
    with open(path, "ab") as file:
        file.write(b"r")
    limit = path.with_suffix(".limit")
    if limit.exists() and os.path.getsize(path) > int(limit.read_text()):
        raise ConnectionResetError("the share is gone")
    return block()


class Readings:
    """Blocks that count how often they are read, in a file, as other processes read them too."""

    def __init__(self, path, samples=CASE.samples, size=SIZE):
        path.touch()
        self.path, self.limit = path, path.with_suffix(".limit")
        self.blocks = [partial(counted, path, block) for block in callables(samples, size)]

    @property
    def times(self):
        return self.path.stat().st_size

    def fail_after(self, times, **options):
        """A surface that fails at the block after so many readings, which are kept."""
        self.limit.write_text(str(self.times + times))
        with pytest.raises(ConnectionResetError):
            CASE.surface(self.blocks, **options)
        self.limit.unlink()


@pytest.fixture
def readings(tmp_path):
    return Readings(tmp_path / "readings")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sums.npz"


@pytest.fixture
def at_once(monkeypatch):
    """What is done is written after each task."""
    monkeypatch.setattr(kept, "SECONDS", 0.0)
    monkeypatch.setattr(kept, "SHARE", 0)


def assert_same_bits(got, want):
    for name, array in found(want).items():
        np.testing.assert_array_equal(getattr(got, name), array, err_msg=name, strict=True)
    assert got.plan == want.plan


# Going on


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("executor", [None, "ordered"])
@pytest.mark.parametrize("times", [0, 1, 7, 15, 16, 29])
def test_a_call_goes_on_where_it_failed(times, executor, readings, path):
    want = CASE.surface(values(CASE.samples, SIZE))
    readings.fail_after(times, checkpoint=path, executor=executor and Ordered())
    before = readings.times
    assert_same_bits(CASE.surface(readings.blocks, checkpoint=path, executor=executor and Ordered()), want)
    assert readings.times - before == 30 - times


@pytest.mark.usefixtures("at_once")
def test_another_executor_goes_on(readings, path):
    want = CASE.surface(values(CASE.samples, SIZE))
    for executor in (None, shuffled(0), Ordered(), ThreadPoolExecutor(2)):
        readings.fail_after(6, checkpoint=path, executor=executor)
    assert_same_bits(CASE.surface(readings.blocks, checkpoint=path), want)


@pytest.mark.parametrize("name", CASES)
def test_a_call_that_has_ended_reads_nothing_again(name, tmp_path, path):
    case = CASES[name]
    readings = Readings(tmp_path / "readings", case.samples, 250)
    want = case.surface(callables(case.samples, 250))
    assert_same_bits(case.surface(readings.blocks, checkpoint=path), want)
    before, mode = readings.times, path.stat()
    for executor in (None, shuffled(1)):
        assert_same_bits(case.surface(readings.blocks, checkpoint=path, executor=executor), want)
    assert readings.times == before
    assert path.stat().st_mtime_ns == mode.st_mtime_ns


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("executor", [None, "ordered"])
@pytest.mark.parametrize("times", [4, 20])
def test_progress_of_a_call_that_goes_on_is_complete(times, executor, readings, path):
    readings.fail_after(times, checkpoint=path)
    seen = []
    options = {"executor": executor and Ordered(), "progress": lambda *told: seen.append(told)}
    CASE.surface(readings.blocks, checkpoint=path, **options)
    done, totals = zip(*seen, strict=True)
    assert len(set(totals)) == 1
    assert list(done) == sorted(done)
    assert done[-1] == totals[0]
    assert (done[0] >= totals[0] / 4) == (times == 20)


def test_values_are_kept_too(path):
    case = CASES["direct, weights"]
    want = case.surface(values(case.samples, 250))
    assert_same_bits(case.surface(values(case.samples, 250), checkpoint=path), want)
    assert_same_bits(case.surface(values(case.samples, 250), checkpoint=path), want)
    other = values(case.samples, 250)
    other[2][1][7] = 1 - other[2][1][7]
    with pytest.raises(ValueError, match=r"is of other work: samples differ; accepted"):
        case.surface(other, checkpoint=path)


def test_nothing_is_written_more_often_than_every_few_seconds(readings, path, monkeypatch):
    times = []
    write = kept.Kept.write
    monkeypatch.setattr(kept.Kept, "write", lambda self: times.append(readings.times) or write(self))
    CASE.surface(readings.blocks, checkpoint=path)
    assert times == [30]
    assert kept.SECONDS >= 1


# Kills

KILLS = """
import json, os, random, signal, sys, time, warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from kernels import evaluation
from kernels.workers import checkpoint
from tests import blocks
from tests.kernels.test_checkpoint import KILLED, Slow, stages_of

folder, name, workers, kills, seconds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
case, evaluation.BAND = KILLED[name]
given = [Slow(folder / "readings", one, 0.001 if seconds == "0" else 0.05) for one in blocks.callables(case.samples, 30)]
begun = time.monotonic()
want = blocks.found(case.surface(given))  # and everything is compiled
whole = time.monotonic() - begun
(folder / "readings").unlink()
if seconds == "0":
    checkpoint.SECONDS, checkpoint.SHARE = 0.0, 0
rng = random.Random(name + str(workers))

def run(path):
    executor = ThreadPoolExecutor(workers) if workers else None
    np.savez(folder / "found.npz", **blocks.found(case.surface(given, checkpoint=path, executor=executor)))

def child_of(path):
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        run(path)
        status = 0
    finally:
        os._exit(status)

killed, runs, stages = 0, 0, set()
while killed < kills or not ended:
    path = folder / f"sums {runs}.npz"
    child = child_of(path)
    least = 0.0 if seconds == "0" else checkpoint.SECONDS
    time.sleep(rng.uniform(least, least + whole / 4))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    ended = os.WIFEXITED(status)
    if ended:
        assert os.WEXITSTATUS(status) == 0
        with np.load(folder / "found.npz") as found:
            assert sorted(found.files) == sorted(want)
            for quantity, array in want.items():
                np.testing.assert_array_equal(found[quantity], array, err_msg=quantity, strict=True)
        runs += 1
    else:
        killed += 1
        stages |= stages_of(path)
left = [name for name in os.listdir(folder) if name.startswith(".saving")]
print(json.dumps([killed, runs, sorted(stages), (folder / "readings").stat().st_size, len(given), len(left)]))
"""
LINE = np.linspace(-0.6, 0.6, 100), np.linspace(-0.7, 0.5, 90)
KILLED = {  # with BAND
    "bands": (Case(Samples(n=900, weighted=True), options={"quantities": ("loss", "balanced_accuracy")}), 100),
    "moments": (
        Case(Samples("skew line", n=900), LINE, {"quantities": ("loss", "gradient"), "method": "spectral"}),
        2**22,
    ),
}
STAGES = {
    "bands": {"ranges", "weights of classes", "loss", "balanced_accuracy"},
    "moments": {"ranges", "distances", "moments"},
}


class Slow:
    def __init__(self, path, block, seconds):
        self.path, self.block, self.seconds = path, block, seconds

    def __call__(self):
        counted(self.path, tuple)
        time.sleep(self.seconds)
        return self.block()


def stages_of(path):
    """Names of stages that are begun in a checkpoint, which is whole."""
    if not path.exists():
        return set()
    with open(path, "rb") as file:
        _, _, done, _ = kept.read_from(file)
    return {stage.removeprefix("part 0: ").removeprefix("part 1: ").split(" at ")[0] for stage in done}


def assert_killed(folder, name, workers, kills, seconds="0"):
    killed, runs, stages, readings, blocks, left = printed_by(KILLS, folder, name, workers, kills, seconds, timeout=600)
    assert killed >= kills
    assert runs >= 1
    assert set(stages) <= STAGES[name]
    assert left <= killed
    return stages, readings, killed, runs, blocks


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", KILLED)
def test_a_few_kills_at_any_moment(name, workers, tmp_path):
    assert_killed(tmp_path, name, workers, 4)


@pytest.mark.long
@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", KILLED)
def test_a_hundred_kills_at_any_moment(name, workers, tmp_path):
    stages, readings, killed, runs, blocks = assert_killed(tmp_path, name, workers, 100)
    assert set(stages) == STAGES[name]


@pytest.mark.long
@pytest.mark.usefixtures("warm")
def test_kills_of_a_call_that_writes_every_few_seconds(tmp_path):
    assert_killed(tmp_path, "moments", 0, 5, "as it is")


@pytest.mark.usefixtures("warm")
def test_two_processes_at_one_path(tmp_path):
    ended = printed_by(TWO, tmp_path)
    assert ended == [0, 0]


TWO = (
    KILLS.split("killed, runs")[0]
    .replace("sys.argv[2]", '"bands"')
    .replace("int(sys.argv[3])", "0")
    .replace("int(sys.argv[4]), sys.argv[5]", '0, "0"')
    + """
path = folder / "sums.npz"
print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in [child_of(path), child_of(path)]]))
with np.load(folder / "found.npz") as found:
    for quantity, array in want.items():
        np.testing.assert_array_equal(found[quantity], array, err_msg=quantity, strict=True)
"""
)
