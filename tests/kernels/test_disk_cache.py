"""The cache of compiled kernels on disk: damaged, full, shared, removed, or of other sources."""

import math
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import kernels
from kernels.numba_cpu.runtime import cache
from tests.processes import printed_by

REPOSITORY = Path(kernels.__file__).parents[1]


pytestmark = pytest.mark.usefixtures("warm")

TRAIN = """
import json, sys
import numpy as np, kernels
from kernels.numba_cpu.training import one_feature

dtype = sys.argv[1]
x = np.linspace(-1, 1, 20).astype(dtype)
run = kernels.sgd_run_(x[:, None], x > 0.2, np.zeros(1, dtype), np.zeros(1, dtype), lr=1, batch_size=3, epochs=2)
stats = one_feature.run_small_batches.stats
hits, misses = sum(stats.cache_hits.values()), sum(stats.cache_misses.values())
print(json.dumps([run.loss.tolist(), run.b.tolist(), hits, misses]))
"""


@pytest.fixture
def warm_cache(tmp_path):
    """A directory for NUMBA_CACHE_DIR that holds every kernel."""
    found = cache.cache_directory()
    if found is None:
        pytest.skip("there is no cache on disk")
    shutil.copytree(found, tmp_path / "cache" / found.name)
    return tmp_path / "cache"


def files_of(warm_cache, ending):
    return sorted(warm_cache.glob(f"*/training.one_feature.run_small_batches-*{ending}"))


def train(dtype="float64", **environment):
    """Trains in a fresh process; returns hits and misses in the cache after the results proved right."""
    loss, b, hits, misses = printed_by(TRAIN, dtype, **environment)
    x = np.linspace(-1, 1, 20).astype(dtype)
    start = np.zeros(1, dtype), np.zeros(1, dtype)
    want = kernels.sgd_run_(x[:, None], x > 0.2, *start, lr=1, batch_size=3, epochs=2)
    assert loss == want.loss.tolist()
    assert b == want.b.tolist()
    return hits, misses


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def scramble(path):
    path.write_bytes(bytes(range(256)) * 20)


def replace_by_directory(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "ending"),
    [
        (truncate, "nbi"),
        pytest.param(truncate, "nbc", marks=pytest.mark.long),
        pytest.param(empty, "nbi", marks=pytest.mark.long),
        pytest.param(empty, "nbc", marks=pytest.mark.long),
        pytest.param(scramble, "nbi", marks=pytest.mark.long),
        pytest.param(scramble, "nbc", marks=pytest.mark.long),
        pytest.param(Path.unlink, "nbc", marks=pytest.mark.long),
        pytest.param(Path.unlink, "nbi", marks=pytest.mark.long),
    ],
)
def test_a_damaged_cache_is_repaired(warm_cache, damage, ending):
    assert train(NUMBA_CACHE_DIR=str(warm_cache)) == (1, 0)
    for path in files_of(warm_cache, ending):
        damage(path)
    assert train(NUMBA_CACHE_DIR=str(warm_cache)) == (0, 1)
    assert train(NUMBA_CACHE_DIR=str(warm_cache)) == (1, 0)


@pytest.mark.long
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_files_that_cannot_be_replaced(warm_cache, ending):
    for path in files_of(warm_cache, ending):
        replace_by_directory(path)
    assert train(NUMBA_CACHE_DIR=str(warm_cache)) == (0, 1)


def test_data_of_another_signature_is_not_used(warm_cache):
    """Two processes that compile for different dtypes at a time may write one another's file."""
    files = files_of(warm_cache, "nbc")
    assert len(files) > 1
    contents = [path.read_bytes() for path in files]
    for path, content in zip(files, contents[1:] + contents[:1], strict=True):
        path.write_bytes(content)
    for dtype in ("float32", "float64"):
        train(dtype, NUMBA_CACHE_DIR=str(warm_cache))


@pytest.mark.long
def test_a_cache_directory_that_is_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("not a directory")
    assert train(NUMBA_CACHE_DIR=str(path))[0] == 0
    assert path.read_text() == "not a directory"


@pytest.mark.parametrize("part", ["a" * 300, "file/below"])
def test_an_impossible_cache_directory_does_not_break_the_import(part, tmp_path):
    (tmp_path / "file").touch()
    printed_by("import kernels.numba_cpu.training.update", NUMBA_CACHE_DIR=str(tmp_path / part))


@pytest.mark.long
@pytest.mark.parametrize("dtypes", [("float64", "float64"), ("float32", "float64")])
def test_processes_that_compile_at_once(dtypes, tmp_path):
    """The same kernel, for the same types and for others: all are right, and the cache can be used afterwards."""
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    with ThreadPoolExecutor(len(dtypes)) as processes:
        assert len(list(processes.map(lambda dtype: train(dtype, **environment), dtypes))) == 2
    for dtype in dtypes:
        train(dtype, **environment)
        assert train(dtype, **environment) == (1, 0)


@pytest.mark.long
def test_a_full_disk(tmp_path):
    """Files of at most no bytes."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
    loss, *_ = printed_by(limit + TRAIN, "float64", NUMBA_CACHE_DIR=str(tmp_path))
    assert math.isfinite(loss[-1])


@pytest.mark.long
def test_a_cache_that_is_removed_while_in_use(tmp_path):
    remove = (
        "import shutil; from kernels.numba_cpu.runtime import cache; from kernels.numba_cpu.training import update; "
        "shutil.rmtree(cache.cache_directory())\n"
    )
    loss, _, hits, _ = printed_by(remove + TRAIN, "float64", NUMBA_CACHE_DIR=str(tmp_path))
    assert math.isfinite(loss[-1])
    assert hits == 0


CHANGED_HELPER = """

@inlined
def log1p_scaled(h, exponent):
    return h * 0.0 + 123.0
"""


def test_changed_sources_of_a_helper_are_never_served_old_kernels(warm_cache, tmp_path):
    """The same cache, another version of a module that the kernel only imports, as old as before."""
    shutil.copytree(REPOSITORY / "kernels", tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    helper = tmp_path / "kernels" / "numba_cpu" / "vector" / "elementary.py"
    stamp = helper.stat()
    helper.write_text(helper.read_text() + CHANGED_HELPER)
    os.utime(helper, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    loss, _, hits, misses = printed_by(TRAIN, "float64", root=tmp_path, NUMBA_CACHE_DIR=str(warm_cache))
    assert min(loss) >= 123
    assert (hits, misses) == (0, 1)
    assert train(NUMBA_CACHE_DIR=str(warm_cache)) == (1, 0)


LOADED = """
import json, sys
import numpy as np, kernels
from kernels.numba_cpu.runtime import launch

x = np.linspace(-1, 1, 20)
for launch.SERIAL_WORK in (np.inf, 0):
    kernels.loss_surface(x, x > 0, x, x)
    kernels.bce_loss_grad(x[:, None], x > 0, np.zeros(1), 0.0)
print(json.dumps([name for name in ("scipy.linalg", "numba.np.linalg", "numba.np.arrayobj") if name in sys.modules]))
"""


def test_loading_imports_nothing_that_only_compiling_needs():
    assert printed_by(LOADED) == []


COMPILING_LATER = """
import numpy as np, numba, kernels

x = np.linspace(-1, 1, 20)
kernels.loss_surface(x, x > 0, x, x)

@numba.njit
def norm(x):
    return np.linalg.norm(x) + x.sum() + len(str(x.size))

assert norm(x) > 0
"""


def test_what_is_compiled_after_loading_has_all_of_numba():
    printed_by(COMPILING_LATER)
