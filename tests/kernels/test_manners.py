"""How the kernels behave in a process: imports, threads, forks, memory."""

import sys
from pathlib import Path

import numpy as np
import pytest

import kernels
from tests import processes
from tests.processes import printed_by

LAYERS = ("workqueue", "omp", "tbb")

pytestmark = pytest.mark.usefixtures("warm")


# Imports

LOADED = "import json, sys; print(json.dumps([m for m in {names} if m in sys.modules]))"
SMALL_CALLS = """
import numpy as np, kernels
x = np.linspace(-1, 1, 20)
y = (x > 0.2) * 1.0
kernels.loss_surface(x, y, np.linspace(-15, 15, 30), np.linspace(-13, 13, 30))
kernels.loss_surface(x, y, np.linspace(-15, 15, 300), np.linspace(-13, 13, 300))
kernels.sgd_run_(x[:, None], y, np.zeros(1), np.zeros(1), lr=1, batch_size=3, epochs=2)
"""


def test_import_loads_neither_torch_nor_numba_nor_matplotlib():
    heavy = ["torch", "numba", "llvmlite", "matplotlib", "tqdm", "scipy"]
    assert printed_by("import kernels\n" + LOADED.format(names=heavy)) == []


def test_numpy_users_load_neither_torch_nor_matplotlib():
    assert printed_by(SMALL_CALLS + LOADED.format(names=["torch", "matplotlib", "tqdm"])) == []


KERNELS = """
import json, kernels
from kernels.numba_cpu.grid import bias_axis, accuracy, elementwise, general_plane
from kernels.numba_cpu.runtime import cache, prefault
from kernels.numba_cpu.training import gradient, member_costs, members_of_features, members_of_one_feature
from kernels.numba_cpu.training import one_feature
from kernels.numba_cpu.grid import interpolate, moments, small
from kernels.numba_cpu.runtime import launch
from kernels.numba_cpu.training import update
from numba.core.registry import CPUDispatcher

def compiled_kernels():
    found = {}
    surfaces = bias_axis, accuracy, elementwise, prefault, general_plane, interpolate, moments, small
    training = member_costs, members_of_features, members_of_one_feature, gradient, one_feature, update
    for module in (*surfaces, *training):
        for value in vars(module).values():
            for kernel in value if isinstance(value, launch.ParallelKernel) else [value]:
                if isinstance(kernel, CPUDispatcher) and isinstance(kernel._cache, cache.KernelCache):
                    found[f"{kernel.__module__}.{kernel.__name__}"] = kernel
    return found
"""


def test_import_compiles_nothing():
    compiled = printed_by(KERNELS + "print(json.dumps([len(k.signatures) for k in compiled_kernels().values()]))")
    assert len(compiled) >= 5
    assert not any(compiled)


def test_kernels_leave_the_interpreter_to_other_threads():
    released = "[bool(kernel.targetoptions.get('nogil')) for kernel in compiled_kernels().values()]"
    found = printed_by(KERNELS + f"print(json.dumps({released}))")
    assert len(found) >= 5
    assert all(found)


COUNT_AFTER_WARMUP = (
    KERNELS
    + """
import itertools
import numpy as np
from kernels.quantities import QUANTITIES

quantities = tuple(QUANTITIES)

def signatures():
    return {name: len(kernel.signatures) for name, kernel in compiled_kernels().items()}

def surfaces(dtype, points, order):
    x = np.linspace(-1, 1, 40, dtype=dtype)[::2]
    y, axis = (x > 0).astype(dtype), np.linspace(-3, 3, points)[::-1]
    out = np.empty((2 * points, 2 * points), dtype, order="F" if order == "F" else "C")
    out = out[::2, ::2] if order == "A" else out[:points, :points].copy(order)
    line, plane = (0 * x, x, 1 + 0 * x), (x, x**2, x[::-1])
    for (p, q, r), method, tol in itertools.product((line, plane), ("direct", "spectral"), (1e-3, 1e-12)):
        fields = kernels.LogitPlane(p.astype(dtype), q.astype(dtype), r.astype(dtype))
        options = dict(method=method, tol=tol)
        kernels.surface_on_plane(fields, y, axis, axis, out=out, **options)
        for weight in None, y + 1:
            kernels.surface_on_plane(fields, y, axis, axis, quantities=quantities, sample_weight=weight, **options)
        kernels.surface_on_plane([(fields, y)] * 3, None, axis, axis, quantities=quantities, loss="focal", **options)

def training(dtype, members):
    x = np.linspace(-1, 1, 40, dtype=dtype)[::2]
    y = (x > 0).astype(dtype)
    X = np.asfortranarray(np.column_stack([x, x]))
    for data, batch_size in itertools.product((x[:, None], X, X[:, :1], X.copy("C")), (3, 10**6)):
        w, b = np.zeros(2 * data.shape[1], dtype)[::2], np.zeros(1, dtype)
        options = {"shuffle_seed": 0, "momentum": 0.5, "history": 2} if batch_size == 3 else {}
        kernels.sgd_run_(data, y, w, b, lr=1, batch_size=batch_size, epochs=2, **options)
        w0, b0 = np.zeros((2 * members, data.shape[1]), dtype)[::2], np.zeros(members, dtype)
        settings = dict(lr=1, batch_size=batch_size, epochs=9, history_of=range(members))
        kernels.sgd_ensemble(data, y > 0, w0, b0, **settings)
        for weight in None, np.ones(len(y)):
            kernels.bce_loss_grad(data, y, w, b, sample_weight=weight)
    for n, d in itertools.product((2, 40), (1, 2, 3, 4, 5, 8, 20, 64, 200)):
        data, y, w, b = np.ones((n, d), dtype), np.ones(n, dtype), np.zeros(d, dtype), np.zeros(1, dtype)
        kernels.bce_loss_grad(data, y, w, b)
        for batch_size in (1, n):
            kernels.sgd_run_(data, y, w, b, lr=1, batch_size=batch_size, epochs=1)

kernels.warmup()
before = signatures()
update.LAUNCH_OPERATIONS, large = 1000, {0: 1000, float("inf"): update.LARGE_BATCH}  # which are for all threads
for launch.SERIAL_WORK, dtype in itertools.product(large, (np.float32, np.float64)):
    update.LARGE_BATCH = large[launch.SERIAL_WORK]
    for points, order in itertools.product((9, 300), "CFA"):
        surfaces(dtype, points, order)
    training(dtype, 9)
print(json.dumps([before, signatures()]))
"""
)


def test_nothing_compiles_after_warmup():
    """On one thread and on all: warmup can't leave it to the size of its problems which of the two it compiles."""
    before, after = printed_by(COUNT_AFTER_WARMUP)
    assert after == before
    once_forked = "kernels.numba_cpu.training.gradient.add_jobs_serial"
    assert [name for name, count in after.items() if count == 0] == [once_forked]


def test_a_second_process_loads_what_the_first_compiled():
    counts = """
kernels.warmup()
stats = [kernel.stats for kernel in compiled_kernels().values() if kernel.signatures]
print(json.dumps([sum(sum(s.cache_hits.values()) for s in stats), sum(sum(s.cache_misses.values()) for s in stats)]))
"""
    hits, misses = printed_by(KERNELS + counts)
    assert misses == 0
    assert hits >= 8


@pytest.mark.parametrize(("backend", "kernel", "most"), [(None, "fill", 10), ("numba", "add_tiles", 67)])
def test_a_small_surface_takes_few_calls(backend, kernel, most):
    """Of functions of the package, one of which is the kernel: the short way, and the long one, which is asked for."""
    package, called = str(Path(kernels.__file__).parent), []
    x, axis = np.linspace(-1, 1, 20), np.linspace(-5, 5, 30)
    y = (x > 0.2) * 1.0

    def note(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(package):
            called.append(frame.f_code.co_name)

    for profile in (None, note):  # the first call may compile
        sys.setprofile(profile)
        try:
            kernels.loss_surface(x, y, axis, axis, backend=backend)
        finally:
            sys.setprofile(None)
    assert kernel in called
    assert len(called) <= most, " ".join(called)


# Threads

SURFACE = """
import os, sys, threading
import numpy as np, numba, kernels
from kernels.numba_cpu.runtime import launch

rng = np.random.default_rng(0)
x = rng.normal(size=3000)
y = (x > 0.1) * 1.0
axes = np.linspace(-3, 3, 100), np.linspace(-4, 4, 300)

def surface():
    return kernels.loss_surface(x, y, *axes)

def serial():
    work, launch.SERIAL_WORK = launch.SERIAL_WORK, float("inf")
    try:
        return surface()
    finally:
        launch.SERIAL_WORK = work

def same(one, other):
    return one.tobytes() == other.tobytes()

try:
    surface()
except ValueError as error:
    assert "threading layer" in str(error), error
    sys.exit(77)
assert numba.threading_layer() == os.environ["NUMBA_THREADING_LAYER"]
want = serial()
"""

CONCURRENT = (
    SURFACE
    + """
X = rng.normal(size=(20_000, 3))
labels = (X[:, 0] > 0) * 1.0
plane = kernels.LogitPlane(*X.T.copy())
one_feature = kernels.LogitPlane(0 * x, x, 1 + 0 * x)
quantities = "loss", "mse", "accuracy", "gradient", "hessian"

def train(batch_size):
    w, b = np.zeros(3), np.zeros(1)
    return kernels.sgd_run_(X, labels, w, b, lr=0.1, batch_size=batch_size, epochs=2, shuffle_seed=0).w

def train_many():
    starts = np.linspace(-1, 1, 600).reshape(200, 3), np.zeros(200)
    return kernels.sgd_ensemble(X[:999], labels[:999], *starts, lr=0.1, batch_size=7, epochs=2).w

def every_kernel():
    few, many = np.linspace(-2, 2, 33), np.linspace(-1, 1, 200)
    general = kernels.surface_on_plane(plane, labels, few, few, quantities=quantities, method="direct")
    compressed = kernels.surface_on_plane(one_feature, y, many, many, quantities=quantities[:2], method="spectral")
    assert "compressed" in compressed.plan.reason
    step = kernels.bce_loss_grad(X, labels, np.ones(3), 0.5)
    found = surface(), *general[2:7], *compressed[2:4], *step, train(7), train(20_000), train_many()
    return [np.asarray(array) for array in found]

results = []

def work():
    for _ in range(3):
        results.append(all(map(same, every_kernel(), alone)))

alone = every_kernel()
threads = [threading.Thread(target=work) for _ in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(results) == 15 and all(results), results
"""
)


@pytest.mark.parametrize("layer", LAYERS)
def test_calls_from_several_threads(layer):
    printed_by(CONCURRENT, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2")


SAME_BITS = """
import numpy as np, numba, kernels
from kernels.numba_cpu.grid import elementwise, moments, surface
from kernels.numba_cpu.training import ensemble, members
from kernels.numba_cpu.runtime import launch
from kernels.quantities import QUANTITIES

launch.SERIAL_WORK = 0
elementwise.EVALUATIONS_PER_THREAD = surface.EVALUATIONS_PER_THREAD = 10**6
members.OPERATIONS_PER_THREAD, moments.OPERATIONS_PER_THREAD = 10**7, 1

rng = np.random.default_rng(0)
n = 5 * moments.JOB + 5
x = rng.uniform(-1, 1, n)
y = (x + rng.normal(size=n) > 0) * 1.0
soft, weight = 0.8 * y + 0.1, rng.exponential(size=n)
axis, few = np.linspace(-9, 9, 300), np.linspace(-2, 2, 33)
p, q, r = rng.normal(size=(3, 3000))
X = rng.normal(size=(60_001, 3))
labels = (X[:, 0] > 0) * 1.0
quantities = tuple(QUANTITIES)

def surface_of(plane, *arguments, quantities=quantities, method, **options):
    options |= {"quantities": quantities, "method": method}
    found = kernels.surface_on_plane(kernels.LogitPlane(*plane), *arguments, **options)
    assert found.plan.method == method
    return [getattr(found, name) for name in quantities]

def run(dtype, data, **settings):
    w, b = np.zeros(data.shape[1], dtype), np.zeros(1, dtype)
    data = data.astype(dtype)
    return kernels.sgd_run_(data, labels, w, b, lr=0.1, epochs=2, **settings)

def results(dtype):
    line = (0 * x).astype(dtype), x.astype(dtype), (1 + 0 * x).astype(dtype)
    general = p.astype(dtype), q.astype(dtype), r.astype(dtype)
    yield kernels.loss_surface(line[1][:9000], y[:9000], few, few, method="direct")
    yield from surface_of(general, y[:3000], few, few, method="direct")
    yield from surface_of(general, soft[:3000], few, few, method="direct", sample_weight=weight[:3000])
    yield from surface_of(general, y[:3000], axis / 9, axis / 9, method="spectral")
    for names, loss in (("mse",), "bce"), (("loss", "gradient"), "bce"), (("loss", "hessian"), "focal"):
        options = dict(method="spectral", sample_weight=weight, quantities=names, loss=loss)
        yield from surface_of(line, soft, axis, axis, **options)
    for data in (X, np.asfortranarray(X), X[:, :1]):
        parameters = np.ones(data.shape[1], dtype), 0.5
        yield from kernels.bce_loss_grad(data.astype(dtype), labels, *parameters, sample_weight=weight[: len(X)])
        yield from run(dtype, data, batch_size=50_000)
        yield from run(dtype, data, batch_size=50_000, shuffle_seed=1, momentum=0.5)
        yield from run(dtype, data[:, :1], batch_size=5000, loss="mse")
        starts = rng_of_starts.normal(size=(300, data.shape[1])).astype(dtype), np.zeros(300, dtype)
        for loss in "bce", "focal":
            settings = dict(lr=0.1, batch_size=13, epochs=2, history_of=[0, 299], loss=loss)
            ends = kernels.sgd_ensemble(data[:200].astype(dtype), labels[:200], *starts, **settings)
            yield from (*ends[:-1], *ends.history)

for dtype in (np.float32, np.float64):
    want = None
    for threads in (1, 2, 5):
        numba.set_num_threads(threads)
        rng_of_starts = np.random.default_rng(1)
        got = [np.asarray(array).tobytes() for array in results(dtype)]
        want = want or got
        different = [k for k, (one, other) in enumerate(zip(got, want, strict=True)) if one != other]
        assert not different, (dtype, threads, different)
"""


def test_same_bits_for_any_number_of_threads():
    """More threads than processors too; launches so small that how they split the work differs."""
    printed_by(SAME_BITS, NUMBA_NUM_THREADS="5")


FORK = (
    SURFACE
    + """
import multiprocessing

def child():
    return same(surface(), want)

# while another thread of the parent is in a launch
stop = threading.Event()
def busy():
    while not stop.is_set():
        surface()

thread = threading.Thread(target=busy)
thread.start()
for _ in range(5):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if child() else 1)
    status = os.waitpid(pid, 0)[1]
    assert status == 0, status
stop.set()
thread.join()

# and by multiprocessing, in children and grandchildren
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.starmap(child, [()] * 6) == [True] * 6
assert same(surface(), want)
"""
)


@pytest.mark.parametrize("layer", LAYERS)
def test_forked_children_compute(layer):
    printed_by(FORK, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2", timeout=60)


THREAD_COUNTS = """
import os
import torch, numba, kernels

def counts():
    return torch.get_num_threads(), torch.get_num_interop_threads(), numba.get_num_threads()

x = torch.linspace(-1, 1, 100)
axes = torch.linspace(-3, 3, 100), torch.linspace(-3, 3, 300)
for torch_threads, numba_threads in ((3, 1), (1, 2)):
    torch.set_num_threads(torch_threads)
    numba.set_num_threads(numba_threads)
    before = counts()
    kernels.warmup()
    for backend in ("numba", "reference"):
        kernels.loss_surface(x, x > 0, *axes, backend=backend)
        w, b = torch.zeros(1), torch.zeros(1)
        kernels.sgd_run_(x[:, None], x > 0, w, b, lr=1, batch_size=9, epochs=2, backend=backend)
    assert counts() == before, (counts(), before)
numba.threading_layer()  # raises if nothing ran in parallel
assert "KMP_DUPLICATE_LIB_OK" not in os.environ
"""


@pytest.mark.parametrize("layer", ["omp", pytest.param("workqueue", marks=pytest.mark.long)])
def test_thread_counts_are_left_as_found(layer, monkeypatch):
    monkeypatch.delenv("KMP_DUPLICATE_LIB_OK", raising=False)
    printed_by(THREAD_COUNTS, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2")


# Memory: data that ends where readable memory ends

AT_THE_END = """
import sys
import numpy as np, kernels
from tests.problems import at_the_end_of_memory

def guarded(*arrays):
    return [at_the_end_of_memory(a) for a in arrays]

rng = np.random.default_rng(0)
for dtype in (np.float32, np.float64):
    for n, d in ((1, 1), (5, 1), (9, 1), (20, 1), (3, 2), (5, 7), (2, 8), (3, 9), (1, 16), (17, 30)):
        X = rng.normal(size=(n, d)).astype(dtype)
        y = (X[:, 0] > 0).astype(dtype)
        for batch_size in (1, 3, 8, n):
            ends = []
            for data in ((X, y), guarded(X, y)):
                w, b = guarded(np.zeros(d, dtype), np.zeros(1, dtype))
                kernels.sgd_run_(*data, w, b, lr=0.1, batch_size=batch_size, epochs=2)
                ends.append([*w.tolist(), *b.tolist()])
                starts = guarded(np.ones((3, d), dtype), np.ones(3, dtype)) if data[0] is not X else (
                    np.ones((3, d), dtype), np.ones(3, dtype))
                many = kernels.sgd_ensemble(*data, *starts, lr=0.1, batch_size=batch_size, epochs=2, history_of=[2])
                ends[-1] += [*many.w.ravel().tolist(), *many.loss.tolist(), *many.history.loss[0].tolist()]
            assert ends[0] == ends[1]
        for order in "CF":
            Xs = X.T.copy() if order == "F" else X
            results = []
            for data, labels in ((Xs, y), guarded(Xs, y)):
                data = data.T if order == "F" else data
                loss, grad_w, grad_b = kernels.bce_loss_grad(data, labels, *guarded(w, b), sample_weight=labels + 1)
                results.append([loss, grad_b, *grad_w.tolist()])
            assert results[0] == results[1]
    for n, n_w, n_b in ((1, 1, 1), (7, 3, 5), (513, 9, 65), (600, 17, 513)):
        x, w, b = rng.normal(size=n).astype(dtype), np.linspace(-3, 3, n_w), np.linspace(-3, 3, n_b)
        y = (x > 0).astype(dtype)
        (out,) = guarded(np.full((n_b, n_w), np.nan, dtype))
        kernels.loss_surface(*guarded(x, y, w, b), out=out)
        assert (out == kernels.loss_surface(x, y, w, b)).all()
"""


def test_nothing_is_read_or_written_beyond_the_arrays():
    printed_by(AT_THE_END)


def test_reading_beyond_would_be_noticed():
    script = """
import ctypes, numpy as np
from tests.problems import at_the_end_of_memory
a = at_the_end_of_memory(np.arange(5.0))
ctypes.string_at(a.ctypes.data + a.nbytes, 1)
"""
    assert processes.run_python(script).returncode < 0
