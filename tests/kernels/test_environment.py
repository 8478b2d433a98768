"""Environment variables, and what a machine may lack: a compiler, a home, folders that can be written to."""

import platform
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from numba.core import config

import kernels
from kernels.numba_cpu.runtime import cache, target
from tests import processes

REPOSITORY = Path(kernels.__file__).parents[1]
SMOKE = (REPOSITORY / "tests" / "smoke.py").read_text()
TABLE = (REPOSITORY / "docs" / "environment.md").read_text()


def run_python(source, *arguments, **environment):
    done = processes.run_python(source, *arguments, timeout=500, **environment)
    assert done.returncode == 0, done.stderr
    return done


# Threads

CALLS = """
import os, sys
import numpy as np, numba, kernels
from kernels.numba_cpu.runtime import launch
from kernels.numba_cpu.training import update

rng = np.random.default_rng(0)
x = rng.normal(size=20_000)
y = (x > 0.1) * 1.0
X, few, many = rng.normal(size=(20_000, 3)), np.linspace(-3, 3, 33), np.linspace(-3, 3, 300)
line, general = kernels.LogitPlane(0 * x, x, 1 + 0 * x), kernels.LogitPlane(*X.T.copy())
start = {"w": np.zeros(3), "b": np.zeros(1)}

CALLS = {
    "direct": lambda: kernels.loss_surface(x[:3000], y[:3000], few, few, method="direct"),
    "general": lambda: kernels.surface_on_plane(general, y, few, few, quantities=("mse", "accuracy")),
    "spectral": lambda: kernels.surface_on_plane(general, y, many, many, method="spectral"),
    "compressed": lambda: kernels.loss_surface(x, y, many, many),
    "ensemble": lambda: kernels.sgd_ensemble(X, y, np.zeros((99, 3)), np.zeros(99), lr=1, batch_size=99, epochs=1),
    "gradient": lambda: kernels.bce_loss_grad(X, y, **start),
    "step": lambda: kernels.sgd_step_(X, y, **start, lr=1),
    "run": lambda: kernels.sgd_run_(X, y, **start, lr=1, batch_size=20_000, epochs=2),
    "warmup": kernels.warmup,
}
launch.SERIAL_WORK, update.LARGE_BATCH = 0, 1000
"""
TORCH_BEFORE = """
import torch

for name in sys.argv[1:]:
    if os.fork() == 0:
        launch.Launches.forked = False  # no thread was started before
        torch.set_num_threads(3)
        CALLS[name]()
        assert numba.threading_layer() == "omp"
        os._exit(torch.get_num_threads())
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 3, name
"""
TORCH_AFTER = """
CALLS[sys.argv[1]]()
assert numba.threading_layer() == "omp"
import torch
assert torch.get_num_threads() == 1, torch.get_num_threads()
"""
OPENMP = {"NUMBA_THREADING_LAYER": "omp", "NUMBA_NUM_THREADS": "2"}
NAMES = ("direct", "general", "spectral", "compressed", "ensemble", "gradient", "step", "run")


@pytest.mark.parametrize("names", [NAMES, pytest.param(["warmup"], marks=pytest.mark.long)], ids=["calls", "warmup"])
def test_torch_keeps_its_number_of_threads(names):
    """Each in a process where nothing has started a thread yet."""
    run_python(CALLS + TORCH_BEFORE, *names, **OPENMP)


def test_torch_imported_later_has_its_number_of_threads():
    run_python(CALLS + TORCH_AFTER, "gradient", **OPENMP, OMP_NUM_THREADS="1")


FIRST_CALLS = """
from concurrent.futures import ThreadPoolExecutor
import numpy as np, kernels

x = np.linspace(-1, 1, 20)
X, y, axis, w = x[:, None].copy(), (x > 0.2) * 1.0, np.linspace(-5, 5, 12), np.ones(1)
calls = lambda: kernels.loss_surface(x, y, axis, axis)[0, 0], lambda: kernels.bce_loss_grad(X, y, w, 0.5).loss
with ThreadPoolExecutor(8) as pool:  # the second call starts while the first one imports, as at a barrier it may not
    found = [call.result() for call in [pool.submit(call) for call in calls]]
assert found == [call() for call in calls]
"""


def test_first_calls_may_be_of_several_threads():
    """In a process that hasn't imported Numba yet, which two threads can't at once: nine times in ten, so three of
    them."""
    for _ in range(3):
        run_python(FIRST_CALLS)


ASKING = """
import numba
from kernels.numba_cpu.runtime import launch

assert launch.threads() == 5
assert not launch.have_started()
numba.set_num_threads(2)
assert launch.threads() == 2
"""


def test_asking_for_the_number_of_threads_starts_none():
    run_python(ASKING, NUMBA_NUM_THREADS="5")


# What compiling takes

WITHOUT_JIT = """
import numpy as np, torch, kernels

x, one = np.linspace(-1, 1, 20), torch.ones(1, dtype=torch.float64)
X, y, start = x[:, None], x > 0.2, (np.zeros(1), np.zeros(1))
settings = {"lr": 1, "batch_size": 3, "epochs": 2}
calls = [
    lambda **options: kernels.loss_surface(x, y, x, x, **options),
    lambda **options: kernels.bce_loss_grad(X, y, *start, **options),
    lambda **options: kernels.sgd_step_(X, y, *start, lr=1, **options),
    lambda **options: kernels.sgd_run_(X, y, *start, **settings, **options),
    lambda **options: kernels.sgd_ensemble(X, y, X, x, **settings, **options),
]
for call in calls:
    call(backend="reference")
for call in (*calls, kernels.warmup, lambda: kernels.linear_bce(torch.from_numpy(X), one, one, torch.from_numpy(y))):
    try:
        call()
    except RuntimeError as error:
        assert "NUMBA_DISABLE_JIT is set" in str(error) and "backend='reference'" in str(error), error
    else:
        raise AssertionError("no error")
"""


def test_without_compiling_there_is_the_reference():
    run_python(WITHOUT_JIT, NUMBA_DISABLE_JIT="1")


TORCH_BACKEND = """
import numpy as np, kernels

x = np.linspace(-1, 1, 20)
for _ in range(2):
    try:
        kernels.bce_loss_grad(x[:, None], x > 0, np.zeros(1), 0.0, backend="torch")
    except RuntimeError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        pytest.param({"PATH": ""}, "needs a C++ compiler on the CPU: set CXX to one", marks=pytest.mark.long),
        pytest.param({"CXX": "/none/g++"}, "needs a C++ compiler on the CPU: set CXX to one", marks=pytest.mark.long),
        ({"TORCHINDUCTOR_CACHE_DIR": "/dev/null/cache"}, "set TORCHINDUCTOR_CACHE_DIR to a folder that can be written"),
    ],
)
def test_what_the_torch_backend_lacks_is_named(environment, says, tmp_path, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    environment = {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path), **environment}
    lines = run_python(TORCH_BACKEND, **environment).stdout.splitlines()
    assert len(lines) == 2
    assert all(says in line for line in lines)


# Kernels on disk


@pytest.fixture
def undecided(monkeypatch):
    """As before the first kernel was looked for on disk."""
    for name in ("fingerprint", "cache_directory", "warn_of_compiling"):
        monkeypatch.setattr(cache, name, getattr(cache, name).__wrapped__)


@pytest.mark.parametrize("name", [name for name in target.SETTINGS if hasattr(config, name)])
def test_kernels_of_other_settings_have_a_place_of_their_own(name, undecided, monkeypatch):
    before = cache.fingerprint()
    monkeypatch.setattr(config, name, "another")
    assert cache.fingerprint() != before


@pytest.mark.parametrize("field", target.Processor._fields)
def test_kernels_of_another_processor_have_a_place_of_their_own(field, undecided, monkeypatch):
    before, another = cache.fingerprint(), target.processor()._replace(**{field: "another"})
    monkeypatch.setattr(target, "processor", lambda: another)
    assert cache.fingerprint() != before


@pytest.mark.parametrize("name", [name for name in target.SETTINGS if hasattr(config, name)])
def test_kernels_of_settings_that_changed_meanwhile_are_not_kept(name, monkeypatch):
    kernel = cache.CacheImpl(run_python)
    compiled = SimpleNamespace(library=SimpleNamespace(has_dynamic_globals=False))
    assert kernel.check_cachable(compiled)
    monkeypatch.setattr(config, name, "another")
    assert not kernel.check_cachable(compiled)


PROCESSORS = {
    "generic": ("generic", None, (16, 16)),
    "generic with AVX2": ("generic", "+avx2,+fma", (16, 32)),
    "AVX2": ("haswell", "", (16, 32)),
    "AVX-512": ("skylake-avx512", "", (32, 64)),
    "without AVX-512": ("skylake-avx512", "-avx512f", (16, 32)),
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="processors of x86-64")
@pytest.mark.parametrize("processor", PROCESSORS)
def test_registers_are_those_of_the_processor_that_numba_is_told_of(processor):
    name, features, expected = PROCESSORS[processor]
    code = "from kernels.numba_cpu.runtime.target import registers; print(tuple(registers()))"
    environment = {"NUMBA_CPU_NAME": name} | ({} if features is None else {"NUMBA_CPU_FEATURES": features})
    assert run_python(code, **environment).stdout == f"{expected}\n"


@pytest.mark.parametrize("place", ["/dev/null/cache", "/proc/cache", "x" * 300])
def test_a_cache_that_cannot_be_written_to_is_named(place, undecided, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", place)
    with pytest.warns(RuntimeWarning, match=f"can't be kept in .*{place}.*: set NUMBA_CACHE_DIR to a folder"):
        assert cache.cache_directory() is None


def test_default_caches_that_cannot_be_written_to_are_named(undecided, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setattr(cache, "FOLDER", Path("/dev/null"))
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/home")
    with pytest.warns(RuntimeWarning, match="in /dev/null/__pycache__.* nor in /dev/null/home/.*: set NUMBA_CACHE_DIR"):
        assert cache.cache_directory() is None


def test_a_home_that_is_not_known_is_no_folder_here(undecided, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "~/cache")
    assert cache.roots() == [cache.FOLDER / "__pycache__"]


def test_a_relative_cache_stays_where_it_was_first_found(undecided, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "CACHE_DIR", "cache")
    assert cache.cache_directory().parent == tmp_path / "cache"


GRADIENT = """
import warnings
import numpy as np
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    import kernels
    for dtype in (np.float32, np.float64):
        X = np.ones((2, 1), dtype)
        kernels.bce_loss_grad(X, X[:, 0], np.zeros(1, dtype), 0.0)
print(*(warning.message for warning in found), sep="\\n")
"""


@pytest.mark.long
def test_a_cache_that_cannot_be_written_to_is_told_of_once():
    lines = run_python(GRADIENT, NUMBA_CACHE_DIR="/dev/null/cache").stdout.splitlines()
    assert len(lines) == 1
    assert "NUMBA_CACHE_DIR" in lines[0]


@pytest.mark.long
def test_a_full_disk_is_told_of_once(tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
    lines = run_python(limit + GRADIENT, NUMBA_CACHE_DIR=str(tmp_path)).stdout.splitlines()
    assert len(lines) == 1
    assert "NUMBA_CACHE_DIR" in lines[0]


# Whole processes

ENVIRONMENTS = {
    "no optimisation": {"NUMBA_OPT": "0"},
    "bounds checked": {"NUMBA_BOUNDSCHECK": "1"},
    "any processor": {"NUMBA_CPU_NAME": "generic"},
    "no docstrings": {"PYTHONOPTIMIZE": "2", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "1"},
    "ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "one thread": {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    "no OpenMP": {"NUMBA_THREADING_LAYER": "workqueue"},
    "no home": {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null"},
    "another place for pictures": {"MPLBACKEND": "svg"},
    "told in full": {"NUMBA_FULL_TRACEBACKS": "1", "NUMBA_DEVELOPER_MODE": "1", "PYTHONDEVMODE": "1"},
}


@pytest.mark.long
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_everything_runs(name, tmp_path):
    environment = {"MPLCONFIGDIR": str(tmp_path), **ENVIRONMENTS[name]}
    assert "all right" in run_python(SMOKE, tmp_path, **environment).stdout


# The table of docs/environment.md

MENTIONED = re.compile(
    r"environ(?:\.get\(|\[| \| \{)\s*\"([A-Z_]+)\"|\b((?:NUMBA|TORCHINDUCTOR|TRITON|OMP|MPL)_[A-Z_]+)\b"
)


def variables(folder):
    sources = [path.read_text() for path in (REPOSITORY / folder).rglob("*.py")]
    return {name for source in sources for pair in MENTIONED.findall(source) for name in pair if name}


@pytest.mark.parametrize("folder", ["kernels", "logreg", "viz"])
def test_every_variable_of_the_sources_is_documented(folder):
    rows = set(re.findall(r"`([A-Z_]+)`", TABLE))
    assert variables(folder) <= rows


def test_every_setting_that_changes_code_is_documented():
    documented = set(re.findall(r"`NUMBA_([A-Z_]+)`", TABLE))
    renamed = {"DEBUGINFO_DEFAULT": "DEBUGINFO", "USING_SVML": "DISABLE_INTEL_SVML"}
    assert {renamed.get(name, name) for name in target.SETTINGS} <= documented


def test_the_oldest_versions_are_those_that_are_tested():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    allowed = dict(entry.split(">=") for entry in project["dependencies"] + project["optional-dependencies"]["data"])
    lines = (REPOSITORY / "constraints-lowest.txt").read_text().splitlines()
    tested = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert tested == {name: f"{version}.0" for name, version in allowed.items() if name != "torch"}
