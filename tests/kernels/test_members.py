"""Ensembles in tasks, by an executor's workers or here, and what is kept of them: the bits of one call, whoever trains
which members, and whenever what is killed goes on."""

import os
import signal
import threading
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from functools import partial

import numba
import numpy as np
import pytest
import torch

import kernels
from kernels import members
from kernels.arguments import arrays
from kernels.losses import LOSSES
from kernels.workers import checkpoint, once
from tests import engines, problems
from tests.kernels.test_ensemble import starts
from tests.kernels.test_ensemble_rates import FORMS, assert_same_bits, rates_of
from tests.processes import printed_by

K = 70
SHAPES = ((20, 1, 3), (53, 2, 5), (31, 7, 20))  # n, d, batch_size
CHOSEN = [69, 3, 3, 0, 16]  # members with a history, of several tasks, one of them twice

pytestmark = pytest.mark.usefixtures("warm", "short_tasks")


@pytest.fixture
def short_tasks(monkeypatch):
    """Five tasks of 70 members, all of which are cut where they are called."""
    monkeypatch.setattr(members, "OPERATIONS", 1.0)
    monkeypatch.setattr(members, "OPERATIONS_PER_BYTE", 0)
    monkeypatch.setattr(members, "FULL", 16)


@pytest.fixture
def eager(monkeypatch):
    """Checkpoints are written after each task."""
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0)


@pytest.fixture(scope="module")
def processes():
    with engines.process_pool() as pool:
        yield pool


class Here(Executor):
    """Runs what is submitted at once, as often as it may, and counts it; then its pool is broken."""

    def __init__(self, often=10**9):
        self.often, self.ran = often, 0

    def submit(self, function, /, *arguments):
        future = Future()
        if self.ran == self.often:
            future.set_exception(BrokenExecutor("no worker is left"))
            return future
        self.ran += 1
        future.set_result(function(*arguments))
        return future


class Shuffled(Executor):
    """Runs what was submitted in another order, when the result of any of it is asked for."""

    def __init__(self):
        self.waiting, self.rng = [], np.random.default_rng(0)

    def submit(self, function, /, *arguments):
        future = Future()
        future.result = partial(self.result_of, future, future.result)
        self.waiting.append((future, function, arguments))
        return future

    def result_of(self, _, result, timeout=None):
        while self.waiting:
            future, function, arguments = self.waiting.pop(self.rng.integers(len(self.waiting)))
            future.set_result(function(*arguments))
        return result(timeout)


def problem_of(n, d, batch_size, dtype=np.float64, form="lr", weighted=True, loss="bce"):
    """Arguments of `sgd_ensemble`, and its settings."""
    X, y, *_ = problems.sgd_problem(n, d, dtype, soft=True)
    settings = {"batch_size": batch_size, "epochs": 4, "history_of": CHOSEN, "loss": loss} | rates_of(form, K)
    if weighted:
        settings["sample_weight"] = np.random.default_rng(n).exponential(size=n)
        settings["pos_weight"] = 2.5 if LOSSES[loss].linear_in_label else None
    return (X, y, *starts(K, d, dtype)), settings


# The same bits


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shape", SHAPES)
def test_same_bits_by_anybody(shape, loss, form, dtype, tmp_path, processes):
    for weighted in (False, True):
        arguments, settings = problem_of(*shape, dtype, form, weighted, loss)
        want = kernels.sgd_ensemble(*arguments, **settings)
        with ThreadPoolExecutor(3) as threads:
            for executor in (threads, processes, Shuffled()):
                assert_same_bits(kernels.sgd_ensemble(*arguments, **settings, executor=executor), want)
        kept = tmp_path / f"{weighted}.npz"
        assert_same_bits(kernels.sgd_ensemble(*arguments, **settings, checkpoint=kept), want)
        assert_same_bits(kernels.sgd_ensemble(*arguments, **settings, checkpoint=kept, executor=Here(0)), want)


def test_same_bits_as_by_the_short_way(processes):
    """Of few samples, members, steps and no options."""
    arguments, _ = problem_of(20, 1, 3)
    want = kernels.sgd_ensemble(*arguments, lr=0.5, batch_size=3, epochs=2)
    assert_same_bits(kernels.sgd_ensemble(*arguments, lr=0.5, batch_size=3, epochs=2, executor=processes), want)


@pytest.mark.parametrize("k", [1, 15, 16, 17, 33])
def test_same_bits_of_any_number_of_members(k, processes):
    (X, y, w0, b0), settings = problem_of(20, 1, 3)
    settings |= {"history_of": [k - 1], "lr": settings["lr"][:k]}
    want = kernels.sgd_ensemble(X, y, w0[:k], b0[:k], **settings)
    assert_same_bits(kernels.sgd_ensemble(X, y, w0[:k], b0[:k], **settings, executor=processes), want)


def test_members_that_diverge_disturb_nobody(processes):
    """Those of a task without them aren't watched as all are in one call."""
    (X, y, w0, b0), settings = problem_of(20, 2, 3, form="none", weighted=False)
    settings |= {"lr": np.where(np.arange(K) == 20, 1e308, 0.3), "weight_decay": np.where(np.arange(K) == 50, 1e300, 0)}
    want = kernels.sgd_ensemble(X, y, w0, b0, **settings)
    assert np.flatnonzero(np.isnan(want.b)).tolist() == [20, 50]
    assert_same_bits(kernels.sgd_ensemble(X, y, w0, b0, **settings, executor=processes), want)


@pytest.mark.parametrize("backend", ["reference", "numba"])
@pytest.mark.parametrize("form", ["none", "all"])
def test_backends_and_tensors(backend, form, processes):
    arguments, settings = problem_of(53, 2, 5, form=form)
    want = kernels.sgd_ensemble(*arguments, **settings, backend=backend)
    tensors = [torch.from_numpy(array) for array in arguments]
    got = kernels.sgd_ensemble(*tensors, **settings, backend=backend, executor=processes)
    for field, expected in zip([*got[:-1], *got.history], [*want[:-1], *want.history], strict=True):
        assert isinstance(field, torch.Tensor)
        np.testing.assert_allclose(field.numpy(), expected, rtol=1e-12, atol=1e-14)


def test_weights_that_an_engine_hands_on_read_only():
    arguments, settings = problem_of(20, 1, 3)
    want = kernels.sgd_ensemble(*arguments, **settings)
    frozen = [array.copy() for array in (*arguments, settings["sample_weight"])]
    for array in frozen:
        array.flags.writeable = False
    settings["sample_weight"] = frozen.pop()
    assert_same_bits(kernels.sgd_ensemble(*frozen, **settings, executor=Here()), want)


# Tasks


@pytest.mark.parametrize(
    ("shape", "k", "at_once"),
    [
        ((20, 1, 3, 100), 10**6, 43520),  # a megabyte of starts and rates
        ((10**5, 30, 32, 10), 10**5, 512),  # 5e10 multiply-adds
        ((10**6, 30, 32, 10), 10**5, 256),  # no fewer, and no more of larger data, whose members take long enough
        ((10**6, 30, 32, 0), 10**5, 1280),  # but where they don't
        ((20, 1, 3, 0), 10**9, 976640),  # a thousand tasks
        ((20, 1, 3, 10**6), 100, 256),
    ],
)
def test_members_of_a_task(shape, k, at_once, monkeypatch):
    """By work, by what is sent, by the number of tasks; at least as many as fill the lanes of vectors, and whatever
    the number of threads."""
    monkeypatch.undo()
    n, d, batch_size, epochs = shape
    settings = {"batch_size": batch_size, "epochs": epochs, "loss": "bce", "history_of": np.zeros(0, np.intp)}
    w0, b0 = np.broadcast_to(0.0, (k, d)), np.broadcast_to(0.0, k)
    problem = members.Problem(None, (w0, b0), np.zeros((1, 1)), settings, None)
    size = members.Size(n, d, np.dtype(np.float64), 8 * n * (d + 1))
    before = numba.get_num_threads()
    for threads in (1, before):
        numba.set_num_threads(threads)
        assert members.members_of_task(problem, size) == at_once
    assert at_once % 256 == 0
    assert -(-k // at_once) <= 1024


@pytest.mark.parametrize(("bytes_of_X", "carries"), [(2**20, False), (2**20 + 8, True)])
def test_what_carries_data_is_said(bytes_of_X, carries):
    X = np.zeros((bytes_of_X // 8, 1))
    data, few = members.Data(X, X[:, 0], None), (np.zeros((2, 1)), np.zeros(2))
    problem = members.Problem(data, few, np.zeros((1, 1)), {}, None)
    assert members.Members(problem, 0, len(X)).carries_data == carries
    read = problem._replace(data=once.Once(None, ""))
    assert not members.Members(read, 0, len(X)).carries_data
    assert members.Members(read._replace(starts=(X, X[:, 0])), 0, len(X)).carries_data == carries


# Data that workers read


def read_problem(folder, n, d, weighted):
    """Data of a problem; leaves a file that says which process read it."""
    with open(os.path.join(folder, f"{os.getpid()} {threading.get_ident()} {os.urandom(4).hex()}"), "w"):
        pass
    X, y, *_ = problems.sgd_problem(n, d, soft=True)
    weight = np.random.default_rng(n).exponential(size=n)
    return (X, y, weight) if weighted else (X, y)


@pytest.mark.parametrize("weighted", [False, True])
def test_data_is_read_once_by_each_process(weighted, tmp_path, processes):
    (_, _, w0, b0), settings = problem_of(53, 2, 5, weighted=weighted)
    settings.pop("sample_weight", None)
    X, y, *weight = read_problem(tmp_path, 53, 2, weighted)
    want = kernels.sgd_ensemble(X, y, w0, b0, **settings, sample_weight=weight[0] if weighted else None)
    with ThreadPoolExecutor(3) as threads:
        for number, executor in enumerate((processes, threads, None)):
            folder = tmp_path / str(number)
            folder.mkdir()
            read = partial(read_problem, str(folder), 53, 2, weighted)
            assert_same_bits(kernels.sgd_ensemble(read, None, w0, b0, **settings, executor=executor), want)
            readers = [name.split()[0] for name in os.listdir(folder)]
            assert 1 <= len(readers) == len(set(readers)) <= 2
            assert (str(os.getpid()) in readers) == (executor is not processes)
    assert not once.MADE


def test_dask_reads_data_by_any_callable_and_sends_it():
    (X, y, w0, b0), settings = problem_of(53, 2, 5)
    weight = settings.pop("sample_weight")
    want = kernels.sgd_ensemble(X, y, w0, b0, **settings, sample_weight=weight)
    with engines.dask() as executor:
        got = kernels.sgd_ensemble(lambda: (X, y, weight), None, w0, b0, **settings, executor=executor)
        assert_same_bits(got, want)
        got = kernels.sgd_ensemble(X, y, w0, b0, **settings, sample_weight=weight, executor=executor)
        assert_same_bits(got, want)


def returned(value):
    return value


def shrinking(folder):
    n = 20 - len(os.listdir(folder))
    read_problem(folder, 20, 2, False)
    return problems.sgd_problem(n, 2)[:2]


def failing():
    raise KeyError("no such table")


def test_data_that_workers_read_is_checked(tmp_path):
    w0, b0 = starts(K, 2)
    settings = {"lr": 0.1, "batch_size": 3, "epochs": 2}
    X, y, *_ = problems.sgd_problem(20, 2)

    def call(X, y=None, executor=None, **others):
        return kernels.sgd_ensemble(X, y, w0, b0, **settings | others, executor=executor)

    with ThreadPoolExecutor(2) as threads:
        for executor in (threads, None):
            with pytest.raises(TypeError, match=r"^X returned a int; accepted: a callable that returns \(X, y\) or"):
                call(partial(returned, 5), executor=executor)
            with pytest.raises(ValueError, match=r"^y\[0\] is 7.0; accepted"):
                call(partial(returned, (X, np.full(20, 7.0))), executor=executor)
            with pytest.raises(ValueError, match=r"^w0 has shape \(70, 2\); accepted: \(k, 3\)"):
                call(partial(returned, (np.ones((20, 3)), y)), executor=executor)
            with pytest.raises(TypeError, match=r"^w0 has dtype float64; accepted: float32"):
                call(partial(returned, (X.astype(np.float32), y)), executor=executor)
            with pytest.raises(ValueError, match=r"^y is given beside a callable X; accepted: None"):
                call(partial(returned, (X, y)), y, executor=executor)
            with pytest.raises(ValueError, match=r"^sample_weight is given beside a callable X; accepted: None"):
                call(partial(returned, (X, y)), sample_weight=np.ones(20), executor=executor)
        with pytest.raises(KeyError, match="no such table") as caught:
            call(failing, executor=threads)
        assert "On a worker" in caught.value.__notes__[0]
        assert "failing" in caught.value.__notes__[0]
    for name in ("w0", "b0"):
        with pytest.raises((TypeError, ValueError), match=f"^{name} has shape"):
            kernels.sgd_ensemble(partial(returned, (X, y)), None, **{"w0": w0, "b0": b0, name: np.ones(3)}, **settings)
    assert not once.MADE


def test_data_that_changes_between_processes_is_refused(tmp_path, monkeypatch):
    """Each reads it anew, as other processes do."""
    monkeypatch.setattr(once.Once, "__call__", lambda self: self.make())
    w0, b0 = starts(K, 2)
    settings = {"lr": 0.1, "batch_size": 3, "epochs": 2, "executor": Here()}
    with pytest.raises(ValueError, match=r"^X was of shape \(20, 2\) and then of \(19, 2\); accepted: the same"):
        kernels.sgd_ensemble(partial(shrinking, str(tmp_path)), None, w0, b0, **settings)


def test_what_is_made_once_is_made_by_one_thread_for_all():
    made, started = [], threading.Barrier(4)

    def make():
        made.append(threading.get_ident())
        return [1]

    def use(_):
        started.wait()
        return one()

    one, other = once.Once(make, "one"), once.Once(make, "other")
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(use, range(4)))
    assert len(made) == 1
    assert all(value is found[0] for value in found)
    assert other() is not found[0]
    assert list(once.MADE) == ["other"]
    other.forget()
    assert not once.MADE
    other.forget()


# Checkpoints


def told(reports):
    return lambda *now: reports.append(now)


def test_what_is_done_is_not_done_again(tmp_path, eager):
    """By an executor that fails after so many tasks, then by others, or none."""
    arguments, settings = problem_of(53, 2, 5)
    want = kernels.sgd_ensemble(*arguments, **settings)
    for done in range(6):
        path, reports = tmp_path / f"{done}.npz", []
        if done < 5:
            with pytest.raises(BrokenExecutor, match=rf"^executor gave up when {done} tasks of 'members' were"):
                kernels.sgd_ensemble(*arguments, **settings, executor=Here(done), checkpoint=path)
        else:
            kernels.sgd_ensemble(*arguments, **settings, executor=Here(done), checkpoint=path)
        last = Here()
        options = {"executor": last if done % 2 else None, "checkpoint": path}
        got = kernels.sgd_ensemble(*arguments, **settings, **options, progress=told(reports))
        assert_same_bits(got, want)
        assert last.ran == (5 - done if done % 2 else 0)
        assert reports[-1] == ((K + len(CHOSEN)) * 44, (K + len(CHOSEN)) * 44)
        assert [now for now, _ in reports] == sorted(now for now, _ in reports)


def test_an_executor_that_gives_up_says_what_is_kept():
    arguments, settings = problem_of(20, 1, 3)
    with pytest.raises(BrokenExecutor, match=r"3 tasks of 'members' were done .*no worker is left.*nothing of it is k"):
        kernels.sgd_ensemble(*arguments, **settings, executor=Here(3))


def killing(folder, X, y):
    """Data that is read by a worker, the second of which dies of it."""
    with open(os.path.join(folder, str(os.getpid())), "w"):
        pass
    if len(os.listdir(folder)) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return X, y


def test_a_worker_that_dies(tmp_path):
    """The pool breaks; the same call goes on with another one."""
    (X, y, w0, b0), settings = problem_of(53, 2, 5, weighted=False)
    want, folder = kernels.sgd_ensemble(X, y, w0, b0, **settings), tmp_path / "readers"
    folder.mkdir()
    read, path = partial(killing, str(folder), X, y), tmp_path / "kept.npz"
    (folder / "before").touch()
    with engines.process_pool(1) as pool, pytest.raises(BrokenExecutor, match=r"^executor gave up.*BrokenProcessPool"):
        kernels.sgd_ensemble(read, None, w0, b0, **settings, executor=pool, checkpoint=path)
    with engines.process_pool(1) as pool:
        assert_same_bits(kernels.sgd_ensemble(read, None, w0, b0, **settings, executor=pool, checkpoint=path), want)


def test_finished_ones_read_no_data(tmp_path):
    (_, _, w0, b0), settings = problem_of(53, 2, 5, weighted=False)
    readers, path = tmp_path / "readers", tmp_path / "kept.npz"
    readers.mkdir()
    read = partial(read_problem, str(readers), 53, 2, False)
    want = kernels.sgd_ensemble(read, None, w0, b0, **settings, checkpoint=path)
    assert len(os.listdir(readers)) == 1
    assert_same_bits(kernels.sgd_ensemble(read, None, w0, b0, **settings, checkpoint=path), want)
    assert len(os.listdir(readers)) == 1


def test_of_what_is_dropped_nothing_is_kept(tmp_path):
    path, states = tmp_path / "kept.npz", {name: {"n": np.array(3)} for name in ("row 1: a", "row 1: b", "row 2: a")}
    kept = checkpoint.Kept(path, {})
    for stage, state in states.items():
        kept.note(stage, 2, state)
    kept.drop("row 1: ")
    kept.drop("none")
    kept.write()
    again, state = checkpoint.Kept(path, {}), {"n": np.array(0)}
    assert [again.restore(stage, state) for stage in states] == [0, 0, 2]
    assert state == {"n": 3}


OTHERS = {
    "X": ("data", lambda X: X + 1e-9),
    "y": ("data", lambda y: 1 - y),
    "w0": ("starts", lambda w0: w0 + 1e-9),
    "b0": ("starts", lambda b0: np.append(b0[1:], 0.0)),
    "sample_weight": ("data", lambda weight: weight + 1e-9),
    "pos_weight": ("data", lambda _: 2.0),
    "lr": ("rates", lambda lr: 0.9 * lr),
    "momentum": ("rates", lambda _: 0.5),
    "weight_decay": ("rates", lambda _: 0.1),
    "batch_size": ("settings", lambda _: 4),
    "epochs": ("settings", lambda _: 5),
    "loss": ("settings", lambda _: "focal"),
    "history_of": ("settings", lambda _: [1]),
    "backend": ("code", lambda _: "reference"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_checkpoint_of_another_call_is_refused(name, tmp_path):
    (X, y, w0, b0), settings = problem_of(20, 1, 3)
    path, call = tmp_path / "kept.npz", {"X": X, "y": y, "w0": w0, "b0": b0} | settings
    kernels.sgd_ensemble(**call, checkpoint=path)
    before, (what, change) = path.read_bytes(), OTHERS[name]
    with pytest.raises(ValueError, match=rf"^checkpoint '.*kept.npz' is of other work, by its ([a-z]+ and )*{what}\b"):
        kernels.sgd_ensemble(**call | {name: change(call.get(name))}, checkpoint=path)
    assert path.read_bytes() == before
    same = {"lr": call["lr"].tolist(), "history_of": tuple(CHOSEN), "weight_decay": 0}
    kernels.sgd_ensemble(**call | same, checkpoint=path)


KILLED = """
import os, random, signal, sys, time
import numpy as np
import kernels
from kernels import members
from kernels.workers import checkpoint

members.OPERATIONS, members.OPERATIONS_PER_BYTE, members.FULL = 1.0, 0, 16
checkpoint.SECONDS = float(sys.argv[2])
checkpoint.SHARE = 0
rng = np.random.default_rng(0)
X = rng.normal(size=(50, 2))
y = X @ [1.0, -2.0] + rng.normal(size=50) > 0
starts = rng.normal(size=(1000, 2)), rng.normal(size=1000)
settings = dict(lr=rng.uniform(0, 1, 1000), batch_size=5, epochs=200, history_of=[3, 500, 999])
want = kernels.sgd_ensemble(X, y, *starts, **settings)

def bits(ends):
    return b"".join(field.tobytes() for field in (*ends[:-1], *ends.history))

def child():
    ends = kernels.sgd_ensemble(X, y, *starts, **settings, checkpoint=sys.argv[1])
    return 0 if bits(ends) == bits(want) else 1

kills, longest = 0, 0.1
random.seed(1)
while True:
    pid = os.fork()
    if pid == 0:
        os._exit(child())
    time.sleep(random.uniform(0.0, longest))
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status):
        break
    kills += 1
    longest *= 1.05  # so that it ends on a machine that is slow
print([os.WEXITSTATUS(status), kills])
"""


@pytest.mark.parametrize("seconds", [0.0, pytest.param(0.1, marks=pytest.mark.long)])
def test_killed_at_any_time_it_goes_on_to_the_same_bits(seconds, tmp_path):
    """A child that is killed after up to 0.1 s or a little more, again and again, until one of them is at the end."""
    status, kills = printed_by(KILLED, tmp_path / "kept.npz", seconds)
    assert status == 0
    assert kills >= 2


# Progress, and what is refused


@pytest.mark.parametrize("backend", ["numba", "reference"])
@pytest.mark.parametrize("epochs", [0, 3])
def test_progress_counts_steps_of_members(epochs, backend, tmp_path, processes):
    arguments, settings = problem_of(53, 2, 5)
    total = (K + len(CHOSEN)) * 11 * epochs
    for options in ({"executor": processes}, {"checkpoint": tmp_path / "kept.npz"}, {}):
        reports = []
        options |= {"epochs": epochs, "backend": backend, "progress": told(reports)}
        kernels.sgd_ensemble(*arguments, **settings | options)
        assert {of for _, of in reports} <= {total}
        assert [done for done, _ in reports] == sorted(done for done, _ in reports)
        assert not total or reports[-1][0] == total
        assert bool(reports) == bool(total)


def test_what_progress_raises_ends_the_call():
    arguments, settings = problem_of(53, 2, 5)
    executor = Here()

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kernels.sgd_ensemble(*arguments, **settings, executor=executor, progress=stop)


def test_wrong_executors_and_checkpoints(tmp_path):
    arguments, settings = problem_of(20, 1, 3)
    with pytest.raises(TypeError, match=r"^executor is a str; accepted: None or a concurrent\.futures\.Executor"):
        kernels.sgd_ensemble(*arguments, **settings, executor="dask")
    with pytest.raises(TypeError, match=r"^checkpoint is a int; accepted"):
        kernels.sgd_ensemble(*arguments, **settings, checkpoint=5)
    with pytest.raises(IsADirectoryError, match="a folder; accepted: a regular file"):
        kernels.sgd_ensemble(*arguments, **settings, checkpoint=tmp_path)
    (tmp_path / "text").write_text("text")
    with pytest.raises(ValueError, match=r"^checkpoint '.*text' is no checkpoint; accepted"):
        kernels.sgd_ensemble(*arguments, **settings, checkpoint=tmp_path / "text")


@pytest.mark.parametrize("name", ["X", "y", "w0", "b0", "lr", "sample_weight"])
def test_what_is_on_a_card_is_refused_beside_an_executor(name, monkeypatch):
    """By its name; `tensors` stand in for those on a card."""
    (X, y, w0, b0), settings = problem_of(20, 1, 3)
    monkeypatch.setattr(arrays, "is_cuda", lambda value: arrays.is_tensor(value) and value.ndim > 0)
    call = {"X": X, "y": y, "w0": w0, "b0": b0} | settings
    call[name] = torch.from_numpy(np.asarray(call[name]))
    with pytest.raises(ValueError, match=rf"^{name} is on cpu beside executor; accepted: arrays and CPU tensors, or a"):
        kernels.ensemble.check_on_host(call)
