"""Tasks run here, or by the workers of any `concurrent.futures.Executor`; their results are added up in the order of
the tasks, so that sums have the same bits whoever runs them and whenever he is done."""

import pickle
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor, Executor
from contextlib import closing, suppress
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from kernels.kinds import Advance
from kernels.progress import nothing
from kernels.workers.checkpoint import Kept

IN_FLIGHT = 64, 4096  # tasks that an executor has at once, at the least and at the most: more than it has workers
WAITING = 2**30  # bytes of results that may wait for that of an earlier task, about
IN_FLIGHT_WITH_DATA = 32  # of tasks that carry their data, which is in memory as often as it waits

State: TypeAlias = dict[str, np.ndarray]  # of a stage: what was added up so far, by name


class Task(Protocol):
    """What can be pickled and gives a result. `carries_data`: it is no mere recipe of it."""

    @property
    def carries_data(self) -> bool: ...

    def __call__(self, advance: Advance = nothing) -> Any: ...


class Failed(NamedTuple):
    """The error of a task as a result: what a future raises is of its executor then."""

    error: Exception

    def __reduce__(self) -> Any:
        return Failed, (sendable(self.error),)


class Stage(NamedTuple):
    """A part of the work: its name, its tasks, how a result is added to the state, whose "n" counts what was done,
    what each of it counts for in a progress, and the bytes of a result."""

    name: str
    tasks: Iterable[Task]
    add: Callable[[State, Any], None]
    each: int = 0
    size: int = 1


class Runner(NamedTuple):
    """Who runs tasks: the workers of an executor, or this thread; and where what they gave is kept, or None."""

    executor: Executor | None = None
    kept: Kept | None = None

    def here(self) -> "Runner":
        """The same without workers."""
        return HERE if self.kept is None else Runner(None, self.kept)

    def fold(self, stage: Stage, state: State, advance: Advance = nothing) -> State:
        """The state with the results of all tasks added in their order, in place; what is kept of a stage is not run
        again."""
        done = 0 if self.kept is None else self.kept.restore(stage.name, state)
        if done:
            advance(stage.each * int(state["n"]))
        tasks = islice(stage.tasks, done, None)
        with closing(self.results(stage.name, tasks, done, stage.size, advance)) as results:
            for result in results:
                before = int(state["n"])
                stage.add(state, result)
                done += 1
                if self.executor is not None:
                    advance(stage.each * (int(state["n"]) - before))
                if self.kept is not None:
                    self.kept.note(stage.name, done, state)
        return state

    def results(
        self, name: str, tasks: Iterable[Task], done: int = 0, size: int = 1, advance: Advance = nothing
    ) -> Generator[Any, None, None]:
        """What tasks give, in their order: about `size` bytes each, after others that are `done`."""
        if self.executor is None:
            return (task(advance) for task in tasks)
        return self.results_of_workers(self.executor, name, tasks, done, size)

    def results_of_workers(
        self, executor: Executor, name: str, tasks: Iterable[Task], done: int, size: int
    ) -> Generator[Any, None, None]:
        """However this ends, what has not begun is cancelled."""
        waiting: deque[Any] = deque()
        fewest, most = IN_FLIGHT
        in_flight = max(fewest, min(most, WAITING // size))
        try:
            for task in tasks:
                waiting.append(self.submitted(executor, name, task, done))
                most = IN_FLIGHT_WITH_DATA if task.carries_data else in_flight
                while len(waiting) >= most or (waiting and waiting[0].done()):
                    yield self.next_result(waiting, name, done)
                    done += 1
            while waiting:
                yield self.next_result(waiting, name, done)
                done += 1
        finally:
            for future in waiting:
                future.cancel()

    def submitted(self, executor: Executor, name: str, task: Task, done: int) -> Any:
        try:
            return executor.submit(attempted, task)
        except Exception as error:  # it is broken, or was shut down, or pickles at once
            raise self.not_run(name, done, error) from error

    def next_result(self, waiting: deque[Any], name: str, done: int) -> Any:
        """That of the first future, which is taken out once it is there."""
        try:
            result = waiting[0].result()
        except Exception as error:
            raise self.not_run(name, done, error) from error
        waiting.popleft()
        if isinstance(result, Failed):
            raise result.error
        return result

    def not_run(self, name: str, done: int, error: Exception) -> Exception:
        """The error to raise for one of an executor."""
        of_pickling = any(word in f"{type(error).__name__}: {error}".lower() for word in ("pickl", "serializ"))
        if of_pickling and not isinstance(error, BrokenExecutor):
            accepted = "blocks, values or callables, that can be pickled, such as functools.partial of a function"
            return TypeError(f"a block can't be sent to a worker ({error}); accepted: {accepted}")
        return self.given_up(name, done, error)

    def given_up(self, name: str, done: int, error: BaseException) -> BrokenExecutor:
        """The error of an executor that gives up, which says what is done and where it is kept."""
        if self.kept is None:
            kept = "nothing of it is kept; with checkpoint=PATH another call would go on from here"
        elif not self.kept.done:
            kept = "there is nothing to keep yet"
        else:
            with suppress(OSError):
                self.kept.write()
            kept = f"it is kept in {self.kept.name!r}: the same call with another executor goes on from there"
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        return BrokenExecutor(f"executor gave up when {done} tasks of {name!r} were done ({said}); {kept}")


HERE = Runner()


def attempted(task: Task) -> Any:
    """The result of a task, or its error with where it was raised."""
    try:
        return task()
    except Exception as error:
        error.add_note("".join(["On a worker:\n", *traceback.format_tb(error.__traceback__)]))
        return Failed(error)


def sendable(error: Exception) -> Exception:
    """The error if pickling gives it again, else one that says what it was: a pool breaks by what it can't read."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception_only(error)).rstrip())
    return error


def check_executor(executor: Any) -> Executor | None:
    """An executor, or None."""
    submits = callable(getattr(executor, "submit", None)) and not isinstance(executor, type)
    if executor is None or (submits and not hasattr(executor, "get_executor")):
        return executor
    accepted = "None or a concurrent.futures.Executor, of a Dask client what client.get_executor() gives"
    raise TypeError(f"executor is a {type(executor).__name__}; accepted: {accepted}")
