"""Members of an ensemble in tasks, which anybody may run: how many are in each, what it takes, and where their ends
go."""

import secrets
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from kernels import backends
from kernels.arguments import arrays, dataset, weighting
from kernels.arguments.samples import MOST_TASKS
from kernels.bodies import EnsembleSettings
from kernels.kinds import Advance, Array, ArrayLike, Report
from kernels.progress import counted, nothing
from kernels.results import Ensemble, Run
from kernels.workers.once import Once
from kernels.workers.runner import Runner, Stage, State

# Multiply-adds of a task: one to three seconds of a thread, which does 1.7e10 to 6e10 a second, as those that update
# samples in bench/results/*/ensemble.json do, counted like this
OPERATIONS = 5e10
OPERATIONS_PER_SAMPLE = 25  # what a sigmoid costs
OPERATIONS_PER_BYTE = 500  # of data that is sent with a task: 20 times as long as sending it takes, at 1 GB/s
FULL = 256  # members: a multiple of those that a kernel computes at once, whatever the processor
FIELDS = *Ensemble._fields[:-1], *(f"history {name}" for name in Run._fields)
SENT = 2**20  # bytes that go with any task without a thought: a millisecond


class Data(NamedTuple):
    """Features (n, d), labels (n,) and weights (n,) or None, of one dtype, checked."""

    X: Array
    y: Array
    weight: Array | None


class Problem(NamedTuple):
    """What is to be trained, checked: data, or what makes it where it is called; starts w0 (k, d), b0 (k,); rates as
    bodies take them; settings, where batches may be longer than the data; and what computes it, None to go by the
    data."""

    data: Data | Once
    starts: tuple[Array, Array]
    rates: Array
    settings: EnsembleSettings
    backend: str | None


def data_of(X: Any, y: Any, sample_weight: ArrayLike | None, pos_weight: ArrayLike | None, loss: str) -> Data | Once:
    """The Data of arrays, or of a callable X that returns (X, y) or (X, y, sample_weight) where it is called."""
    if not callable(X):
        return checked(X, y, sample_weight, pos_weight, loss)
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(f"{name} is given beside a callable X; accepted: None, as X returns it")
    return Once(partial(read, X, pos_weight, loss), secrets.token_hex(16))


def read(given: Any, pos_weight: ArrayLike | None, loss: str) -> Data:
    found = given()
    if not (isinstance(found, (tuple, list)) and len(found) in (2, 3)):
        accepted = "a callable that returns (X, y) or (X, y, sample_weight)"
        raise TypeError(f"X returned a {type(found).__name__}; accepted: {accepted}")
    X, y, sample_weight = (*found, None)[:3]
    return checked(X, y, sample_weight, pos_weight, loss)


def checked(X: Any, y: Any, sample_weight: Any, pos_weight: ArrayLike | None, loss: str) -> Data:
    features = dataset.features("X", X)
    dtype = arrays.dtype_of(features)
    labels = dataset.labels(y, len(features), dtype)
    weighted = weighting.of_training(labels, sample_weight, pos_weight, loss)
    return Data(features, *weighting.in_dtype(*weighted, dtype))


class Size(NamedTuple):
    """How much data there is: n samples of d features of a dtype, and so many bytes of it are sent with a task."""

    n: int
    d: int
    dtype: np.dtype
    sent: int


def size_of(problem: Problem, runner: Runner, title: str) -> Size:
    """The Size of data; of what a callable makes, by a task, as nothing of it comes here."""
    data = problem.data
    if isinstance(data, Data):
        sent = sum(values.nbytes for values in data if values is not None)
        n, d = data.X.shape
        return Size(n, d, arrays.dtype_of(data.X), sent)
    state = {name: np.zeros((), int) for name in ("n", "samples", "features", "double")}
    runner.fold(Stage(f"{title}: data", [Look(data)], add_look), state)
    dtype = np.dtype(np.float64 if state["double"] else np.float32)
    return Size(int(state["samples"]), int(state["features"]), dtype, 0)


class Look(NamedTuple):
    """A task: how many samples and features there are, and whether they are float64."""

    data: Once

    @property
    def carries_data(self) -> bool:
        return False

    def __call__(self, advance: Advance = nothing) -> tuple[int, int, bool]:
        X = self.data().X
        n, d = X.shape
        return n, d, arrays.dtype_of(X) == np.float64


def add_look(state: State, result: tuple[int, int, bool]) -> None:
    for name, value in zip(("samples", "features", "double"), result, strict=True):
        state[name][...] = value


class Members(NamedTuple):
    """A task: some members, the first of which has this number, trained on n samples."""

    problem: Problem
    first: int
    n: int

    @property
    def carries_data(self) -> bool:
        data, (w0, _) = self.problem.data, self.problem.starts
        return max(w0.nbytes, data.X.nbytes if isinstance(data, Data) else 0) > SENT

    def __call__(self, advance: Advance = nothing) -> tuple[int, list[np.ndarray]]:
        """The number of the first, and the fields of an Ensemble, then those of its history, on the host."""
        data = self.problem.data
        found = data if isinstance(data, Data) else data()
        wanted = self.n, self.problem.starts[0].shape[1]
        if found.X.shape != wanted:
            shape = tuple(found.X.shape)
            raise ValueError(f"X was of shape {wanted} and then of {shape}; accepted: the same in every task")
        ends = run(self.problem._replace(data=found), by_steps(advance))
        return self.first, [on_host(field) for field in (*ends[:-1], *ends.history)]


def run(problem: Problem, report: Report) -> Ensemble:
    """The Ensemble of all members at once, of the kind that the backend takes."""
    data, starts, rates, settings, backend = problem
    assert isinstance(data, Data)  # as it has been read
    body = backends.chosen(backend, X=data.X)
    there = [arrays.as_kind_of(data.X, start) for start in starts]
    taken = backends.arguments_of(body, data.X, data.y, as_writable(data.weight), rates, *there)
    return body.ensembles().sgd_ensemble(*taken, **settings, progress=report)


def as_writable(values: Array | None) -> Array | None:
    """The values, of an array that can't be written to, as engines may hand them on, a copy: the kernels that there are
    take the others."""
    return values.copy() if isinstance(values, np.ndarray) and not values.flags.writeable else values


def by_steps(advance: Advance) -> Report:
    """A callable (done, total) that tells what was done since its last call."""
    before = 0

    def report(done: int, total: int) -> None:
        nonlocal before
        advance(done - before)
        before = done

    return report


def members_of_task(problem: Problem, size: Size) -> int:
    """How many members are in a task: by shapes and settings alone, never by the number of workers."""
    k, of_member = len(problem.starts[1]), 8 * (size.d + 1 + len(problem.rates))
    work = (problem.settings["epochs"] + 1) * size.n * (2 * (size.d + 1) + OPERATIONS_PER_SAMPLE)
    by_work = int(max(OPERATIONS, OPERATIONS_PER_BYTE * size.sent) // work)
    return FULL * max(1, min(by_work, SENT // of_member) // FULL, -(-k // (MOST_TASKS * FULL)))


def by_tasks(problem: Problem, size: Size, runner: Runner, title: str, report: Report) -> Ensemble:
    """The Ensemble, of arrays on the host, of what the tasks of a stage with this title give."""
    settings, (k, d) = problem.settings, problem.starts[0].shape
    steps, m = settings["epochs"] * -(-size.n // settings["batch_size"]), len(settings["history_of"])
    w, (b, loss, accuracy) = np.zeros((k, d), size.dtype), np.zeros((3, k), size.dtype)
    history = np.zeros((m, steps, d), size.dtype), *np.zeros((2, m, steps), size.dtype)
    fields: list[np.ndarray] = [w, b, loss, accuracy, np.zeros(k, np.int64), *history]
    at_once = members_of_task(problem, size)
    of_task = sum(field.nbytes for field in fields) * at_once // k
    stage = Stage(title, tasks_of(problem, size.n, at_once), partial(add_ends, settings["history_of"]), steps, of_task)
    state: State = {"n": np.zeros((), int), **dict(zip(FIELDS, fields, strict=True))}
    runner.fold(stage, state, counted(report, (k + m) * steps) if steps else nothing)
    return Ensemble(w, b, loss, accuracy, state["steps"], Run(*history))


def tasks_of(problem: Problem, n: int, at_once: int) -> Iterator[Members]:
    """All members in their order, so many in each task."""
    (w0, b0), rates, settings = problem.starts, problem.rates, problem.settings
    chosen = settings["history_of"]
    for first in range(0, len(b0), at_once):
        some = slice(first, first + at_once)
        own: EnsembleSettings = {**settings, "history_of": chosen[within(chosen, some)] - first}
        of_some = rates if rates.shape[1] == 1 else rates[:, some]
        yield Members(problem._replace(starts=(w0[some], b0[some]), rates=of_some, settings=own), first, n)


def within(history_of: np.ndarray, some: slice) -> np.ndarray:
    """Which of the members with a history are among some."""
    return np.flatnonzero((history_of >= some.start) & (history_of < some.stop))


def add_ends(history_of: np.ndarray, state: State, result: tuple[int, list[np.ndarray]]) -> None:
    """Writes what a task gives to where it belongs; "n" counts members, and those with a history once more."""
    first, fields = result
    some = slice(first, first + len(fields[0]))
    rows = within(history_of, some)
    for name, values in zip(FIELDS, fields, strict=True):
        state[name][rows if name.startswith("history") else some] = values
    state["n"] += len(fields[0]) + len(rows)


def prints_of(problem: Problem) -> dict[str, tuple[Any, ...]]:
    """What is printed of a Problem so that a checkpoint of another one is known, by names as users know them."""
    data, starts, rates, settings, _ = problem
    return {
        "data": (data.make,) if isinstance(data, Once) else tuple(None if v is None else on_host(v) for v in data),
        "starts": tuple(map(on_host, starts)),
        "rates": (on_host(rates),),
        "settings": (settings["batch_size"], settings["epochs"], settings["loss"], settings["history_of"]),
    }


def on_host(values: Array) -> np.ndarray:
    return arrays.array_of("", arrays.on_host(values))
