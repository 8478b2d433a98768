"""Workers that die: what an engine repeats leaves the bits the same, what makes one give up is an error that says what
is done and where it is kept, and the same call goes on. Workers whose memory is small against the data."""

import os
import resource
import signal
import time
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numba
import numpy as np
import pytest

from kernels import LogitPlane, surface_on_plane
from kernels.workers import checkpoint as kept
from tests import engines
from tests.blocks import Case, Samples, callables, found, shuffled, values

CASE = Case(Samples(n=1200), options={"quantities": ("loss", "gradient", "accuracy")})
SIZE = 40  # of 30 blocks, which are read in two passes


POISON = 20  # the block that kills whoever reads it


def deadly(folder, k, block):
    """Block k. While there is a file "once" or "always", one of POISON kills its worker, if as many readings as the
    file says are over."""
    with open(folder / "readings", "ab") as file:
        file.write(b"r")
        readings = file.tell()
    for name in ("once", "always"):
        file = folder / name
        if k == POISON and file.exists() and readings >= int(file.read_text()):
            if name == "once":
                file.unlink()
            time.sleep(1)  # a nanny of Dask doesn't start a worker again that died before it was seen to have started
            os.kill(os.getpid(), signal.SIGKILL)
    return block()


def deadly_blocks(folder):
    return [partial(deadly, folder, k, block) for k, block in enumerate(callables(CASE.samples, SIZE))]


@pytest.fixture
def at_once(monkeypatch):
    """What is done is written after each task."""
    monkeypatch.setattr(kept, "SECONDS", 0.0)
    monkeypatch.setattr(kept, "SHARE", 0)


@pytest.fixture
def want():
    return CASE.surface(values(CASE.samples, SIZE))


def assert_same_bits(got, want):
    for name, array in found(want).items():
        np.testing.assert_array_equal(getattr(got, name), array, err_msg=name, strict=True)


@pytest.fixture(scope="module")
def cluster():
    import dask

    with dask.config.set({"distributed.scheduler.allowed-failures": 1}), engines.dask() as executor:  # 3 take long
        yield executor


@pytest.mark.parametrize("number", [0, 35])
def test_dask_repeats_what_a_worker_that_was_killed_had(number, cluster, want, tmp_path):
    (tmp_path / "once").write_text(str(number))
    assert_same_bits(CASE.surface(deadly_blocks(tmp_path), executor=cluster), want)
    assert not (tmp_path / "once").exists()
    assert (tmp_path / "readings").stat().st_size >= 61


GIVEN_UP = (
    r"executor gave up when \d+ tasks of '{stage}' were done \({error}.*\); it is kept in '.*sums': the same call"
)


@pytest.mark.usefixtures("at_once")
def test_an_error_says_what_is_kept_where_dask_gives_up(cluster, want, tmp_path):
    (tmp_path / "always").write_text("35")
    with pytest.raises(BrokenExecutor, match=GIVEN_UP.format(stage="part 0: loss.*", error="KilledWorker")):
        CASE.surface(deadly_blocks(tmp_path), executor=cluster, checkpoint=tmp_path / "sums")
    assert_goes_on(tmp_path, want, cluster)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(("number", "stage"), [(0, "ranges"), (35, "part 0: loss.*")])
def test_an_error_says_what_is_kept_where_a_process_pool_breaks(number, stage, want, tmp_path):
    (tmp_path / "always").write_text(str(number))
    with engines.process_pool() as pool:
        with pytest.raises(BrokenExecutor, match=GIVEN_UP.format(stage=stage, error="BrokenProcessPool")):
            CASE.surface(deadly_blocks(tmp_path), executor=pool, checkpoint=tmp_path / "sums")
        with pytest.raises(BrokenExecutor, match=r"executor gave up when .* were done \(BrokenProcessPool"):
            CASE.surface(deadly_blocks(tmp_path), executor=pool, checkpoint=tmp_path / "sums")
        with pytest.raises(
            BrokenExecutor, match=r"nothing of it is kept; with checkpoint=PATH another call would go on"
        ):
            CASE.surface(deadly_blocks(tmp_path), executor=pool)
    assert_goes_on(tmp_path, want, shuffled(0))


def assert_goes_on(folder, want, executor):
    """What was done is not done again by another executor; Dask may yet run some tasks of the call that gave up, as it
    cancels them a moment later."""
    (folder / "always").unlink()
    kept_tasks = 0
    if (folder / "sums").exists():  # not if it had given up before a result was there
        with open(folder / "sums", "rb") as file:
            kept_tasks = sum(kept.read_from(file)[2].values())
    before = (folder / "readings").stat().st_size
    assert_same_bits(CASE.surface(deadly_blocks(folder), executor=executor, checkpoint=folder / "sums"), want)
    assert 60 - kept_tasks <= (folder / "readings").stat().st_size - before <= 72 - kept_tasks


MPI = """
import sys
from pathlib import Path
import numpy as np
from mpi4py.futures import MPIPoolExecutor
from kernels.workers import checkpoint
from tests.blocks import found
from tests.kernels.test_faults import CASE, deadly_blocks

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    checkpoint.SECONDS, checkpoint.SHARE = 0.0, 0
    with MPIPoolExecutor() as executor:
        surface = CASE.surface(deadly_blocks(folder), executor=executor, checkpoint=folder / "sums")
    np.savez(folder / "found.npz", **found(surface))
    print("true")
"""


def test_a_job_of_mpi_that_was_aborted_goes_on(want, tmp_path):
    (tmp_path / "script.py").write_text(MPI)
    (tmp_path / "always").write_text("35")
    assert engines.run_mpi(tmp_path / "script.py", tmp_path).returncode == signal.SIGKILL
    (tmp_path / "always").unlink()
    before = (tmp_path / "readings").stat().st_size
    assert engines.printed_by_mpi(tmp_path / "script.py", tmp_path)
    assert (tmp_path / "readings").stat().st_size - before <= 30  # the ranges are kept
    with np.load(tmp_path / "found.npz") as ended:
        for name, array in found(want).items():
            np.testing.assert_array_equal(ended[name], array, err_msg=name, strict=True)


# Memory


ALLOWED = 2**28  # bytes of data of a worker
BLOCKS = 1000
ROWS = 20 * ALLOWED // BLOCKS // 32  # of a block, four float64 numbers each


def allow_little():
    numba.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_DATA, (ALLOWED, ALLOWED))


def rows(path, number):
    """A block: rows of a file of 20 times what a worker is allowed, as if it were there."""
    p, q, r, y = np.fromfile(path).reshape(4, ROWS)
    return LogitPlane(p + number / BLOCKS, q, r), y


def all_at_once(path):
    fields, labels = zip(*(rows(path, number) for number in range(BLOCKS)), strict=True)
    return len(fields), len(labels)


@pytest.mark.long
def test_a_thousand_blocks_with_twenty_times_the_memory_of_a_worker(tmp_path):
    path = tmp_path / "rows.npy"
    rng = np.random.default_rng(0)
    np.vstack([rng.normal(size=(3, ROWS)), rng.integers(0, 2, ROWS)]).tofile(path)
    given = [partial(rows, path, number) for number in range(BLOCKS)]
    axes = np.array([-1.0, 1.0]), np.array([0.5])
    options = {"initializer": allow_little, "mp_context": get_context("spawn")}
    with ProcessPoolExecutor(2, **options) as pool:
        with pytest.raises(MemoryError):
            pool.submit(all_at_once, path).result()
        surface = surface_on_plane(given, None, *axes, quantities=("loss", "accuracy"), executor=pool)
    assert 32 * BLOCKS * ROWS > 19.9 * ALLOWED
    some = [surface_on_plane([block], None, *axes, quantities=("loss", "accuracy")) for block in given[::50]]
    np.testing.assert_allclose(surface.loss, np.mean([part.loss for part in some], 0), rtol=0.02)  # p grows by 1
    np.testing.assert_allclose(surface.accuracy, np.mean([part.accuracy for part in some], 0), rtol=0.02)
