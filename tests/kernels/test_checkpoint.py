"""`checkpoint=` of surfaces: a call that was killed at any moment goes on to the same bits, and a file that is no
checkpoint, or one of something else, is refused by name before any work, and left as it is."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from kernels import keeping
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
    with pytest.raises(ValueError, match=r"is of other work, by its samples; accepted"):
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
wait = 0.001 if seconds == "0" else 0.05
given = [Slow(folder / "readings", one, wait) for one in blocks.callables(case.samples, 30)]
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
print(json.dumps([killed, runs, sorted(stages), len(left)]))
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
    killed, runs, stages, left = printed_by(KILLS, folder, name, workers, kills, seconds, timeout=600)
    assert killed >= kills
    assert runs >= 1
    assert set(stages) <= STAGES[name]
    assert left <= killed
    return set(stages)


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
    assert assert_killed(tmp_path, name, workers, 100) == STAGES[name]


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


# Files


@pytest.mark.usefixtures("at_once")
def test_a_file_that_is_cut_anywhere_is_refused_and_left(readings, path):
    readings.fail_after(20, checkpoint=path)
    whole = path.read_bytes()
    before = readings.times
    for end in {*range(0, len(whole), 97), *range(64), *range(len(whole) - 64, len(whole))}:
        assert_refused(path, whole[:end])
    with pytest.raises(ValueError, match=r"checkpoint '.*sums.npz' is no checkpoint; accepted: one, or no file yet"):
        CASE.surface(readings.blocks, checkpoint=path)
    assert readings.times == before


@pytest.mark.usefixtures("at_once")
def test_a_damaged_file_is_refused_or_has_what_it_had(readings, path):
    """Some bytes of an archive say nothing of what is in it: when a file was written, by which system."""
    readings.fail_after(20, checkpoint=path)
    whole = path.read_bytes()
    with open(path, "rb") as file:
        want = kept.read_from(file)
    refused = 0
    for place in range(0, len(whole), 23):
        for bit in (0x01, 0x80):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            states = {
                stage: {name: np.zeros_like(array) for name, array in state.items()} for stage, state in want[3].items()
            }
            try:
                found = kept.Kept(path, {})
                done = {stage: found.restore(stage, state) for stage, state in states.items()}
            except ValueError as error:
                assert "; accepted: " in str(error)  # noqa: PT017
                refused += 1
            else:
                assert done == want[2]
                for stage, state in states.items():
                    for name, array in state.items():
                        np.testing.assert_array_equal(array, want[3][stage][name], strict=True)
    assert refused > len(whole) / 23


def assert_refused(path, data):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"checkpoint '.*sums.npz' is no checkpoint; accepted: one, or no file yet"):
        kept.Kept(path, {})
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("sums\n"),
        lambda path: np.savez(path, total=np.zeros(3)),
        lambda path: np.savez(path, about=np.array("{}")),
        lambda path: np.savez(path, about=np.array("[1]")),
        lambda path: np.savez(path, about=np.array('{"format": 1, "prints": 3, "done": 3}')),
        lambda path: np.savez(path, about=np.array('{"format": 1, "prints": {}, "done": {"a": 1}}'), total=np.zeros(3)),
        lambda path: np.savez(path, about=np.array({"format": 1}, object)),
        lambda path: path.write_bytes(b"\x93NUMPY\x01\x00" + bytes(200)),
    ],
)
def test_files_of_others_are_refused(make, readings, path):
    make(path)
    assert_refused(path, path.read_bytes())
    with pytest.raises(ValueError, match="is no checkpoint; accepted"):
        CASE.surface(readings.blocks, checkpoint=path)
    assert readings.times == 0


def changed_axes(patch, readings):
    return CASE._replace(axes=(CASE.axes[0], CASE.axes[1] + 1e-9)), readings.blocks


def changed(**options):
    return lambda patch, readings: (CASE._replace(options=CASE.options | options), readings.blocks)


def changed_blocks(patch, readings):
    return CASE, readings.blocks[::-1]


def fewer_blocks(patch, readings):
    return CASE, readings.blocks[:-1]


def changed_code(patch, readings):
    patch.setattr(keeping, "print_of_code", lambda folder: "other")
    return CASE, readings.blocks


def changed_versions(patch, readings):
    patch.setattr(keeping, "version", lambda name: "0")
    return CASE, readings.blocks


def changed_processor(patch, readings):
    patch.setattr(keeping, "processor_of", lambda backend: "other")
    return CASE, readings.blocks


def changed_function(patch, readings):
    patch.setattr(kept.Kept, "__init__", partial_print(kept.Kept.__init__))
    return CASE, readings.blocks


def partial_print(init):
    return lambda self, path, prints: init(self, path, {**prints, "function": "sgd_ensemble"})


def changed_plan(patch, readings):
    patch.setattr(planning, "without_search", lambda *_: planning.direct("for another reason"))
    return CASE, readings.blocks


OTHERS = {
    "axes": (changed_axes, "axes"),
    "quantities": (changed(quantities="loss"), "arguments"),
    "loss": (changed(loss="mse"), "arguments"),
    "method": (changed(method="direct"), "arguments"),
    "tol": (changed(tol=1e-9), "arguments"),
    "the weight of the positive class": (changed(pos_weight=2.0), "arguments"),
    "samples": (changed_blocks, "samples"),
    "fewer samples": (fewer_blocks, "samples"),
    "code": (changed_code, "code"),
    "versions": (changed_versions, "code"),
    "processor": (changed_processor, "processor"),
    "function": (changed_function, "function"),
    "plan": (changed_plan, "plan"),
}


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(("change", "what"), OTHERS.values(), ids=OTHERS)
def test_what_is_of_another_call_is_refused_by_name(change, what, readings, path):
    readings.fail_after(20, checkpoint=path)
    data, before = path.read_bytes(), readings.times
    with pytest.MonkeyPatch.context() as patch:
        case, given = change(patch, readings)
        with pytest.raises(ValueError, match=rf"sums.npz' is of other work, by its {what}; accepted: that of the same"):
            case.surface(given, checkpoint=path)
    assert path.read_bytes() == data
    assert readings.times == before
    assert_same_bits(CASE.surface(readings.blocks, checkpoint=path), CASE.surface(values(CASE.samples, SIZE)))


@pytest.mark.usefixtures("at_once")
def test_another_format_is_refused(readings, path, monkeypatch):
    readings.fail_after(20, checkpoint=path)
    monkeypatch.setattr(kept, "FORMAT", 2)
    with pytest.raises(ValueError, match=r"checkpoint '.*' has the format 1; accepted: 2, or no file yet"):
        CASE.surface(readings.blocks, checkpoint=path)


def make_folder(path):
    path.mkdir()
    return path


def make_fifo(path):
    os.mkfifo(path)
    return path


PLACES = {
    "a folder": (make_folder, IsADirectoryError, "checkpoint is '.*', a folder; accepted: a regular file"),
    "a FIFO": (make_fifo, OSError, "checkpoint is '.*', a FIFO; accepted: a regular file"),
    "a device": (lambda path: "/dev/full", OSError, "checkpoint is '/dev/full', a character device; accepted"),
    "no folder": (
        lambda path: path / "sums",
        FileNotFoundError,
        "checkpoint is '.*is not a folder; accepted: one that",
    ),
    "no path": (lambda path: 3, TypeError, "checkpoint is a int; accepted: text, bytes or an os.PathLike"),
    "null": (lambda path: "a\0b", ValueError, "checkpoint is 'a.*b'; accepted: a name without a null character"),
}


@pytest.mark.parametrize(("make", "error", "match"), PLACES.values(), ids=PLACES)
def test_places_where_nothing_can_be_kept_are_refused_before_any_work(make, error, match, readings, path):
    with pytest.raises(error, match=match):
        CASE.surface(readings.blocks, checkpoint=make(path))
    assert readings.times == 0


@pytest.mark.usefixtures("at_once")
def test_no_room_leaves_the_old_file(readings, path):
    resource = pytest.importorskip("resource")
    readings.fail_after(20, checkpoint=path)
    data, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(data) // 2, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            CASE.surface(readings.blocks, checkpoint=path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == data
    assert sorted(os.listdir(path.parent)) == ["readings", "sums.npz"]
    assert_same_bits(CASE.surface(readings.blocks, checkpoint=path), CASE.surface(values(CASE.samples, SIZE)))


def test_blocks_that_cannot_be_pickled_are_told_from_no_others(path):
    given = [lambda: None]
    with pytest.raises(
        TypeError, match=r"a callable can't be told from another one \(.*\); accepted: with checkpoint= what"
    ):
        CASE.surface(given, checkpoint=path)
