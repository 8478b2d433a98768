"""The engines that `executor=` is tested on are what the tests take them for: workers in processes of their own, with
one thread, errors that come back, and what each does when a worker dies."""

import json
import os
import signal
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path

import numba
import psutil
import pytest

from tests import engines

ENGINES = {
    "spawned": engines.process_pool,
    "from a server": lambda: engines.process_pool(start="forkserver"),
    "dask": engines.dask,
}
SCRIPT = """
import json
from mpi4py.futures import MPIPoolExecutor
from tests.kernels import test_engines

if __name__ == "__main__":
    with MPIPoolExecutor() as executor:
        print(json.dumps(test_engines.seen_by(executor)), flush=True)
        executor.submit(test_engines.die).result() if {dies} else None
        print("end")
"""


def place(number):
    return number, os.getpid(), numba.get_num_threads()


def fail(number):
    raise LookupError(f"block {number}")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(path):
    """Kills its worker the first time that it runs."""
    if not Path(path).exists():
        Path(path).touch()
        die()
    return "repeated"


def seen_by(executor):
    """Numbers of tasks, in order, the processes and threads they saw, and how an error comes back."""
    futures = [executor.submit(place, number) for number in range(40)]
    assert wait(futures, timeout=60, return_when=FIRST_COMPLETED).done
    numbers, processes, threads = zip(*(future.result(timeout=60) for future in futures), strict=True)
    error = executor.submit(fail, 7).exception(timeout=60)
    return list(numbers), sorted(set(processes) - {os.getpid()}), sorted(set(threads)), repr(error)


def assert_two_workers(seen):
    numbers, processes, threads, error = seen
    assert numbers == list(range(40))
    assert 1 <= len(processes) <= engines.WORKERS
    assert threads == [1]
    assert error == repr(LookupError("block 7"))


@pytest.fixture
def begun():
    """Processes that this one has begun since, and theirs, but for those that multiprocessing keeps until the end."""
    before = set(psutil.Process().children(recursive=True))
    kept = "resource_tracker", "forkserver"

    def now():
        found = []
        for process in set(psutil.Process().children(recursive=True)) - before:
            with suppress(psutil.NoSuchProcess):
                is_kept = process.ppid() == os.getpid() and any(name in " ".join(process.cmdline()) for name in kept)
                found += [] if is_kept else [process]
        return found

    return now


@pytest.mark.parametrize("name", ENGINES)
def test_tasks_run_on_two_workers_that_go(name, begun):
    with ENGINES[name]() as executor:
        assert_two_workers(seen_by(executor))
        assert len(begun()) == engines.WORKERS
    _, alive = psutil.wait_procs(begun(), timeout=10)
    assert alive == []


def test_dask_repeats_the_task_of_a_worker_that_died_but_not_for_ever(tmp_path):
    from distributed import KilledWorker

    with engines.dask() as executor:
        assert executor.submit(die_once, tmp_path / "died").result(timeout=60) == "repeated"
        assert isinstance(executor.submit(die).exception(timeout=60), KilledWorker)
        assert_two_workers(seen_by(executor))


def test_a_process_pool_breaks_when_a_worker_dies():
    with engines.process_pool() as executor:
        assert executor.submit(place, 1).result(timeout=60)[0] == 1
        assert isinstance(executor.submit(die).exception(timeout=60), BrokenProcessPool)
        with pytest.raises(BrokenProcessPool):
            executor.submit(place, 2)


@pytest.fixture
def script(tmp_path):
    def written(dies):
        path = tmp_path / "script.py"
        path.write_text(SCRIPT.format(dies=dies))
        return path

    return written


def test_mpi_runs_tasks_on_two_workers(script, begun):
    done = engines.run_mpi(script(dies=False))
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert_two_workers(json.loads(first))
    assert last == "end"
    assert begun() == []


def test_mpi_ends_every_process_when_a_worker_dies(script, begun):
    done = engines.run_mpi(script(dies=True))
    assert done.returncode == signal.SIGKILL
    assert_two_workers(json.loads(done.stdout.splitlines()[0]))
    assert "end" not in done.stdout.splitlines()
    assert begun() == []
