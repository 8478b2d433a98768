"""How the kernels behave in a process: imports, threads, forks, Ctrl-C, progress, and the cache on disk."""

import json
import math
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import kernels
from kernels.numba_cpu.grid import elementwise
from kernels.numba_cpu.runtime import cache
from kernels.numba_cpu.training import update
from tests import problems

REPOSITORY = Path(kernels.__file__).parents[1]
LAYERS = ("workqueue", "omp", "tbb")
UNAVAILABLE = 77  # exit status of a script that can't have its threading layer


@pytest.fixture(scope="module", autouse=True)
def warm():
    """Fresh processes find every kernel on disk."""
    kernels.warmup()


def run_python(source, *arguments, **options):
    """Runs a script that must succeed; returns what it printed as JSON on its last line, if anything."""
    done = problems.run_python(source, *arguments, **options)
    if done.returncode == UNAVAILABLE:
        pytest.skip("threading layer is not available")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return json.loads(lines[-1]) if lines else None


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
    assert run_python("import kernels\n" + LOADED.format(names=heavy)) == []


def test_numpy_users_load_neither_torch_nor_matplotlib():
    assert run_python(SMALL_CALLS + LOADED.format(names=["torch", "matplotlib", "tqdm"])) == []


KERNELS = """
import json, kernels
from kernels.numba_cpu.grid import bias_axis, accuracy, elementwise, general_plane
from kernels.numba_cpu.runtime import cache, prefault
from kernels.numba_cpu.training import gradient, member_costs, members_of_features, members_of_one_feature
from kernels.numba_cpu.training import one_feature
from kernels.numba_cpu.grid import interpolate, moments
from kernels.numba_cpu.runtime import launch
from kernels.numba_cpu.training import update
from numba.core.registry import CPUDispatcher

def compiled_kernels():
    found = {}
    surfaces = bias_axis, accuracy, elementwise, prefault, general_plane, interpolate, moments
    training = member_costs, members_of_features, members_of_one_feature, gradient, one_feature, update
    for module in (*surfaces, *training):
        for value in vars(module).values():
            for kernel in value if isinstance(value, launch.ParallelKernel) else [value]:
                if isinstance(kernel, CPUDispatcher) and isinstance(kernel._cache, cache.KernelCache):
                    found[f"{kernel.__module__}.{kernel.__name__}"] = kernel
    return found
"""


def test_import_compiles_nothing():
    compiled = run_python(KERNELS + "print(json.dumps([len(k.signatures) for k in compiled_kernels().values()]))")
    assert len(compiled) >= 5
    assert not any(compiled)


def test_kernels_leave_the_interpreter_to_other_threads():
    released = "[bool(kernel.targetoptions.get('nogil')) for kernel in compiled_kernels().values()]"
    found = run_python(KERNELS + f"print(json.dumps({released}))")
    assert len(found) >= 5
    assert all(found)


COUNT_AFTER_WARMUP = (
    KERNELS
    + """
import itertools
import numpy as np

def signatures():
    return {name: len(kernel.signatures) for name, kernel in compiled_kernels().items()}

def surfaces(dtype, points, order):
    x = np.linspace(-1, 1, 40, dtype=dtype)[::2]
    y, axis = (x > 0).astype(dtype), np.linspace(-3, 3, points)[::-1]
    out = np.empty((2 * points, 2 * points), dtype, order="F" if order == "F" else "C")
    out = out[::2, ::2] if order == "A" else out[:points, :points].copy(order)
    line, plane = (0 * x, x, 1 + 0 * x), (x, x**2, x[::-1])
    quantities = "loss", "mse", "accuracy", "gradient", "hessian"
    for (p, q, r), method, tol in itertools.product((line, plane), ("direct", "spectral"), (1e-3, 1e-12)):
        fields = kernels.LogitPlane(p.astype(dtype), q.astype(dtype), r.astype(dtype))
        options = dict(method=method, tol=tol)
        kernels.surface_on_plane(fields, y, axis, axis, out=out, **options)
        for weight in None, y + 1:
            kernels.surface_on_plane(fields, y, axis, axis, quantities=quantities, sample_weight=weight, **options)
        kernels.surface_on_plane([(fields, y)] * 3, None, axis, axis, quantities=quantities, **options)

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
update.LAUNCH_OPERATIONS = update.LARGE_BATCH = 1000
for launch.SERIAL_WORK, dtype in itertools.product((float("inf"), 0), (np.float32, np.float64)):
    for points, order in itertools.product((9, 300), "CFA"):
        surfaces(dtype, points, order)
    training(dtype, 9)
print(json.dumps([before, signatures()]))
"""
)


def test_nothing_compiles_after_warmup():
    """On one thread and on all: warmup can't leave it to the size of its problems which of the two it compiles."""
    before, after = run_python(COUNT_AFTER_WARMUP)
    assert after == before
    assert all(after.values()), after


def test_a_second_process_loads_what_the_first_compiled():
    counts = """
kernels.warmup()
stats = [kernel.stats for kernel in compiled_kernels().values() if kernel.signatures]
print(json.dumps([sum(sum(s.cache_hits.values()) for s in stats), sum(sum(s.cache_misses.values()) for s in stats)]))
"""
    hits, misses = run_python(KERNELS + counts)
    assert misses == 0
    assert hits >= 8


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
    run_python(CONCURRENT, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2")


SAME_BITS = """
import numpy as np, numba, kernels
from kernels.numba_cpu.grid import elementwise, moments, surface
from kernels.numba_cpu.training import ensemble, members
from kernels.numba_cpu.runtime import launch

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
quantities = "loss", "mse", "accuracy", "gradient", "hessian"

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
    for names in ("mse",), ("loss", "gradient"):
        options = dict(method="spectral", sample_weight=weight, quantities=names)
        yield from surface_of(line, soft, axis, axis, **options)
    for data in (X, np.asfortranarray(X), X[:, :1]):
        parameters = np.ones(data.shape[1], dtype), 0.5
        yield from kernels.bce_loss_grad(data.astype(dtype), labels, *parameters, sample_weight=weight[: len(X)])
        yield from run(dtype, data, batch_size=50_000)
        yield from run(dtype, data, batch_size=50_000, shuffle_seed=1, momentum=0.5)
        yield from run(dtype, data[:, :1], batch_size=5000, loss="mse")
        starts = rng_of_starts.normal(size=(300, data.shape[1])).astype(dtype), np.zeros(300, dtype)
        settings = dict(lr=0.1, batch_size=13, epochs=2, history_of=[0, 299])
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
    run_python(SAME_BITS, NUMBA_NUM_THREADS="5")


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
    run_python(FORK, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2", timeout=60)


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
    run_python(THREAD_COUNTS, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2")


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
    run_python(AT_THE_END)


def test_reading_beyond_would_be_noticed():
    script = """
import ctypes, numpy as np
from tests.problems import at_the_end_of_memory
a = at_the_end_of_memory(np.arange(5.0))
ctypes.string_at(a.ctypes.data + a.nbytes, 1)
"""
    assert problems.run_python(script).returncode < 0


# Ctrl-C

INTERRUPT = """
import json, signal, sys, time
import numpy as np, kernels

TICK = 0.005
kernels.warmup()
rng = np.random.default_rng(0)
dropped = 0

def drop(unraisable):
    global dropped
    dropped += isinstance(unraisable.exc_value, KeyboardInterrupt)

sys.unraisablehook = drop

def clocks():
    return np.array([time.perf_counter(), time.process_time()])

def longest_wait(call, seconds):
    '''Calls over and over until Ctrl-C, which comes after so many seconds; the longest that it would have had to wait.

    A signal every TICK tells when Python could answer. Of wall-clock and processor time the less counts: the process
    waits for nothing but a processor, so undisturbed it would have taken no more. Where Python itself drops the
    exception, as it does in a `__del__`, it comes again.
    '''
    global dropped
    dropped = raised = 0
    last = clocks()
    longest, due = 0.0, last[0] + seconds

    def tick(*_):
        nonlocal last, longest, due, raised
        now = clocks()
        longest, last = max(longest, min(now - last)), now
        if now[0] > due:
            due, raised = now[0] + 1, raised + 1
            raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, TICK, TICK)
    try:
        while True:
            call()
    except KeyboardInterrupt:
        longest = max(longest, min(clocks() - last))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert raised - dropped == 1, "a KeyboardInterrupt was caught"
    return longest

def waits(call, check=lambda: True, seconds=1.0, rounds=5):
    '''The longest wait of each round, up to the first that is short enough.'''
    longest_wait(call, seconds)  # what it needs is loaded, and its memory found
    found = []
    while len(found) < rounds and min(found, default=1.0) > 0.2:
        found.append(longest_wait(call, seconds))
        assert check()
    print(json.dumps(found))
"""


def assert_prompt(waits):
    """Within 0.2 s. What a call does it does in every round, so what isn't in all of them other processes did."""
    assert min(waits) <= 0.2


@pytest.mark.parametrize(("seconds", "passes"), [(0.02, True), (0.4, False)])
def test_a_call_that_does_not_answer_would_be_noticed(seconds, passes):
    calls = f"""
import hashlib

def hashed(iterations):
    before = time.process_time()
    hashlib.pbkdf2_hmac("sha256", b"", b"", iterations)
    return time.process_time() - before

iterations = int(100_000 * {seconds} / min(hashed(100_000) for _ in range(3)))
waits(lambda: hashed(iterations), seconds=0.1, rounds=2)
"""
    assert (min(run_python(INTERRUPT + calls)) <= 0.2) == passes


def test_an_interrupt_that_python_drops_comes_again():
    calls = """
class Deaf:
    def __del__(self):
        while time.perf_counter() < end:
            pass

end = time.perf_counter() + 0.3
held = [Deaf()]
print(json.dumps([longest_wait(held.clear, 0.1)]))
assert dropped == 1
"""
    assert_prompt(run_python(INTERRUPT + calls))


HARD, SOFT = "(x > 0) * 1.0", "np.full(len(x), 0.3)"
MANY = "rng.normal(size=200_000)"
NARROW, WIDE = "np.linspace(-1, 1, 600)", "np.linspace(-1e4, 1e4, 2048)"
LONG_SURFACES = {  # x, y, w, b
    "dense": (MANY, HARD, NARROW, NARROW),
    "coarse weights": (MANY, HARD, WIDE, NARROW),
    "coarse weights, soft labels": (MANY, SOFT, WIDE, NARROW),
    "coarse biases": (MANY, HARD, NARROW, WIDE),
    "coarse biases, soft labels": (MANY, SOFT, NARROW, WIDE),
    "one sample": ("rng.normal(size=1)", HARD, "np.linspace(-1, 1, 20_000)", "np.linspace(-1, 1, 20_000)"),
    "one row": ("np.tile(rng.normal(size=1000), 3000)", HARD, "np.linspace(-1, 1, 4000)", "np.zeros(1)"),
}


def each(names, quick):
    """Parameters of which only the `quick` ones are tested by `make test`."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.long) for name in names]


@pytest.mark.parametrize("name", each(LONG_SURFACES, {"dense"}))
def test_ctrl_c_in_loss_surface(name):
    x, y, w, b = LONG_SURFACES[name]
    calls = f"""
x, w, b = {x}, {w}, {b}
y = {y}
out = np.empty((len(b), len(w)))
few = x[:100], y[:100], w[:500], b[:500]
want = kernels.loss_surface(*few)
waits(
    lambda: kernels.loss_surface(x, y, w, b, out=out, method="direct"),
    lambda: (kernels.loss_surface(*few) == want).all(),  # works as before
)
"""
    assert_prompt(run_python(INTERRUPT + calls))


LONG_PLANES = {  # plane, y, s, t, options
    "nodes of many samples": (
        "rng.normal(size=(3, 1_000_000))",
        "np.linspace(-3, 3, 600)",
        "np.linspace(-3, 3, 600)",
        {"method": "spectral"},
    ),
    "compressed": (
        "np.zeros(10**7), np.tile(rng.uniform(-1, 1, 10**6), 10), np.ones(10**7)",
        "np.linspace(-15, 15, 3000)",
        "np.linspace(-15, 15, 3000)",
        {"quantities": ("loss", "mse")},
    ),
    "counted": (
        "rng.normal(size=(3, 1_000_000))",
        "np.linspace(-3, 3, 60)",
        "np.linspace(-3, 3, 2000)",
        {"quantities": "accuracy"},
    ),
    "sample by sample": (
        "rng.normal(size=(3, 1_000_000))",
        "np.linspace(-3, 3, 300)",
        "np.linspace(-3, 3, 20)",
        {"quantities": ("mse", "hessian"), "method": "direct"},
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("streamed", [False, True], ids=["arrays", "stream"])
@pytest.mark.parametrize("name", LONG_PLANES)
def test_ctrl_c_in_surface_on_plane(name, streamed):
    """Planning too, which looks at all samples; streams are of ten blocks."""
    plane, s, t, options = LONG_PLANES[name]
    calls = f"""
p, q, r = {plane}
s, t, options = {s}, {t}, {options}
y = (q > 0) * 1.0
whole = kernels.LogitPlane(p, q, r), y
size = -(-len(y) // 10)
parts = [slice(first, first + size) for first in range(0, len(y), size)]
blocks = [(kernels.LogitPlane(p[part], q[part], r[part]), y[part]) for part in parts], None
samples = blocks if {streamed} else whole
print(kernels.plan_surface(*whole, s, t, **options))
kernels.surface_on_plane(*samples, s, t, **options)
waits(lambda: kernels.surface_on_plane(*samples, s, t, **options), seconds=3.0)
"""
    assert_prompt(run_python(INTERRUPT + calls))


@pytest.mark.long
@pytest.mark.parametrize("options", [{}, {"method": "direct"}, {"quantities": "accuracy"}], ids=str)
def test_ctrl_c_in_a_large_surface(options):
    """1.15 GB of new memory in each call; which of it the system has yet to find, a test can't say."""
    calls = f"""
x = np.linspace(-1, 1, 20)
plane, y = kernels.LogitPlane(0 * x, x, 1 + 0 * x), (x > 0.2) * 1.0
axes = np.linspace(-15, 15, 12_000), np.linspace(-13, 13, 12_000)
kernels.surface_on_plane(plane, y, *axes, **{options})
waits(lambda: kernels.surface_on_plane(plane, y, *axes, **{options}), seconds=2.0)
"""
    assert_prompt(run_python(INTERRUPT + calls))


FRESH = """
import numpy as np
from kernels.numba_cpu.runtime import prefault

memory = np.full(3 * prefault.JOB * prefault.JOBS + 5 * prefault.PAGE + 1, 7, np.uint8)
assert memory.size >= prefault.LARGE
prefault.prefault(memory)
assert (memory[:: prefault.PAGE] == 0).all()
memory[:: prefault.PAGE] = 7
assert (memory == 7).all()
prefault.prefault(memory[::2])
prefault.prefault(memory[: prefault.LARGE - 1])
assert (memory == 7).all()
"""


def test_memory_is_found_page_by_page():
    run_python(FRESH)


LONG_RUNS = {  # n, d, batch_size, epochs
    "lab": (20, 1, 3, 2_000_000),
    "batches of 1": (20, 1, 1, 1_500_000),
    "two features": (20, 2, 1, 1_000_000),
    "30 features, batches of 1": (20, 30, 1, 200_000),
    "30 features": (1000, 30, 16, 50_000),
    "wide rows": (200, 1000, 1, 2_000),
    "one enormous batch": (4_000_000, 1, 4_000_000, 200),
    "one enormous batch of 30 features": (300_000, 30, 300_000, 200),
    "batches just not enormous": (500_000, 30, 9_900, 100),
}


@pytest.mark.parametrize("name", each(LONG_RUNS, {"lab", "two features", "one enormous batch"}))
def test_ctrl_c_in_sgd_run(name):
    """Parameters end in a state of the path, no earlier than the last one reported."""
    calls = """
n, d, batch_size, epochs = map(int, sys.argv[1:])
X = rng.normal(size=(n, d))
y = rng.integers(0, 2, n) * 1.0
per_epoch = -(-n // batch_size)
state = {}

def train(epochs, progress=None):
    state["w"], state["b"], state["done"] = np.zeros(d), np.zeros(1), 0
    settings = dict(lr=0.3, batch_size=batch_size, epochs=epochs, progress=progress)
    return kernels.sgd_run_(X, y, state["w"], state["b"], **settings)

def progress(done, total):
    state["done"] = done

def check():
    w, b, done = state["w"].copy(), state["b"].copy(), state["done"]
    if done == 0:
        return (w == 0).all() and (b == 0).all()
    run = train(-(-done // per_epoch))
    return (run.w[done - 1] == w).all() and run.b[done - 1] == b[0]

waits(lambda: train(epochs, progress), check)
"""
    assert_prompt(run_python(INTERRUPT + calls, *LONG_RUNS[name]))


LONG_ENSEMBLES = {  # n, d, batch_size, epochs, k
    "lab": (20, 1, 3, 100, 10_000_000),
    "one member": (20, 1, 3, 10_000_000, 1),
    "one enormous batch": (4_000_000, 1, 4_000_000, 200, 3),
    "many features": (500, 30, 32, 1000, 100_000),
}


@pytest.mark.parametrize("name", each(LONG_ENSEMBLES, {"lab", "one member"}))
def test_ctrl_c_in_sgd_ensemble(name):
    calls = """
n, d, batch_size, epochs, k = map(int, sys.argv[1:])
X = rng.normal(size=(n, d)).astype(np.float32)
y = rng.integers(0, 2, n)
w0, b0 = rng.normal(size=(k, d)).astype(np.float32), rng.normal(size=k).astype(np.float32)
settings = dict(lr=0.3, batch_size=batch_size)
waits(lambda: kernels.sgd_ensemble(X, y, w0, b0, **settings, epochs=epochs))
"""
    assert_prompt(run_python(INTERRUPT + calls, *LONG_ENSEMBLES[name]))


LONG_PASSES = {"narrow": (20_000_000, 1), "rows": (2_000_000, 30), "wide rows": (30_000, 1000)}  # n, d


@pytest.mark.parametrize("name", each(LONG_PASSES, {"rows"}))
def test_ctrl_c_in_sgd_step(name):
    calls = """
n, d = map(int, sys.argv[1:])
X = rng.normal(size=(1000, d)).astype(np.float32)
X = np.tile(X, (n // 1000, 1))
y = (X[:, 0] > 0).astype(np.float32)
w, b = np.zeros(d, np.float32), np.zeros(1, np.float32)

waits(lambda: kernels.sgd_step_(X, y, w, b, lr=0.1), lambda: np.isfinite(w).all() and np.isfinite(b).all())
"""
    assert_prompt(run_python(INTERRUPT + calls, *LONG_PASSES[name]))


# Progress

GRIDS = {  # points along w and b, samples
    "one launch": (30, 30, 20),
    "one point": (1, 1, 5000),
    "33 groups of weights": (257, 1, 20),
    "many tiles": (1030, 700, 3),
    "many samples": (65, 513, 3000),
    "tiles of all sizes": (9, 1100, 1500),
}


def collected(call):
    """What a call reported."""
    reports = []
    call(lambda done, total: reports.append((done, total)))
    return reports


def assert_complete(reports, total):
    assert reports
    done = [d for d, _ in reports]
    assert {t for _, t in reports} == {total}
    assert all(0 < one <= total for one in done)
    assert done == sorted(done)
    assert done[-1] == total


@pytest.mark.parametrize("grid", GRIDS)
def test_progress_of_surfaces(grid):
    n_w, n_b, n = GRIDS[grid]
    x = np.linspace(-1, 1, n)
    axes = np.linspace(-5, 5, n_w), np.linspace(-40, 40, n_b)
    reports = collected(lambda progress: kernels.loss_surface(x, x > 0, *axes, progress=progress))
    assert_complete(reports, n_w * n_b * n)


def test_progress_of_wide_surfaces(monkeypatch):
    """One evaluation of a logit counts once, however rows are cut."""
    monkeypatch.setattr(elementwise, "WIDEST", 64)
    x, s, t = np.linspace(-1, 1, 20), np.linspace(-5, 5, 150), np.linspace(-4, 4, 5)
    plane, options = kernels.LogitPlane(0 * x, x, 0 * x + 1), {"quantities": ("gradient",), "method": "direct"}
    reports = collected(lambda progress: kernels.surface_on_plane(plane, x > 0, s, t, **options, progress=progress))
    assert_complete(reports, 150 * 5 * 20)


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("operations", [1, 500, 10**8])
def test_progress_of_runs(operations, d, monkeypatch):
    problem = problems.sgd_problem(20, d)
    monkeypatch.setattr(update, "LAUNCH_OPERATIONS", max(operations, update.operations(1, d)))
    settings = {"lr": 0.1, "batch_size": 3, "epochs": 4}
    reports = collected(lambda progress: kernels.sgd_run_(*problem, **settings, progress=progress))
    assert_complete(reports, 28)
    assert len(reports) == (1 if operations == 10**8 else len(set(reports)))


def test_progress_of_the_reference():
    problem = problems.sgd_problem(20, 3)
    settings = {"lr": 0.1, "batch_size": 3, "epochs": 4, "backend": "reference"}
    assert_complete(collected(lambda progress: kernels.sgd_run_(*problem, **settings, progress=progress)), 28)
    x, axis = np.linspace(-1, 1, 20), np.linspace(-1, 1, 30)
    options = {"backend": "reference"}
    reports = collected(lambda progress: kernels.loss_surface(x, x > 0, axis, axis, **options, progress=progress))
    assert_complete(reports, 20 * 30 * 30)


def test_progress_bars_on_stderr(capfd):
    problem = problems.sgd_problem(20, 3)
    kernels.sgd_run_(*problem, lr=0.1, batch_size=3, epochs=4, progress=True)
    printed = capfd.readouterr()
    assert "100%" in printed.err
    assert "28.0/28.0" in printed.err
    assert printed.out == ""
    x, axis = np.linspace(-1, 1, 20), np.linspace(-1, 1, 50)
    kernels.loss_surface(x, x > 0, axis, axis, progress=True)
    printed = capfd.readouterr()
    assert "100%" in printed.err
    assert "50.0k/50.0k" in printed.err
    assert printed.out == ""


def test_an_exception_in_progress_stops_the_call(monkeypatch):
    def stop(done, total):
        raise RuntimeError(f"at {done}")

    problem = problems.sgd_problem(20, 2)
    path = kernels.sgd_run_(*(v.copy() for v in problem), lr=0.1, batch_size=3, epochs=4)
    monkeypatch.setattr(update, "LAUNCH_OPERATIONS", 5 * update.operations(3, 2))
    with pytest.raises(RuntimeError, match="at 5"):
        kernels.sgd_run_(*problem, lr=0.1, batch_size=3, epochs=4, progress=stop)
    np.testing.assert_array_equal(problem.w, path.w[4])
    np.testing.assert_array_equal(problem.b, path.b[4:5])
    x, axis = np.linspace(-1, 1, 20), np.linspace(-1, 1, 30)
    with pytest.raises(RuntimeError, match="at 18000"):
        kernels.loss_surface(x, x > 0, axis, axis, progress=stop)
    assert np.isfinite(kernels.loss_surface(x, x > 0, axis, axis)).all()


# The cache on disk

TRAIN = """
import json, sys
import numpy as np, kernels
from kernels.numba_cpu.training import one_feature

dtype = sys.argv[1]
x = np.linspace(-1, 1, 20).astype(dtype)
run = kernels.sgd_run_(x[:, None], x > 0.2, np.zeros(1, dtype), np.zeros(1, dtype), lr=1, batch_size=3, epochs=2)
stats = one_feature.run_one_feature.stats
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
    return sorted(warm_cache.glob(f"*/training.one_feature.run_one_feature-*{ending}"))


def train(dtype="float64", **environment):
    """Trains in a fresh process; returns hits and misses in the cache after the results proved right."""
    loss, b, hits, misses = run_python(TRAIN, dtype, **environment)
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
    run_python("import kernels.numba_cpu.training.update", NUMBA_CACHE_DIR=str(tmp_path / part))


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
    loss, *_ = run_python(limit + TRAIN, "float64", NUMBA_CACHE_DIR=str(tmp_path))
    assert math.isfinite(loss[-1])


@pytest.mark.long
def test_a_cache_that_is_removed_while_in_use(tmp_path):
    remove = (
        "import shutil; from kernels.numba_cpu.runtime import cache; from kernels.numba_cpu.training import update; "
        "shutil.rmtree(cache.cache_directory())\n"
    )
    loss, _, hits, _ = run_python(remove + TRAIN, "float64", NUMBA_CACHE_DIR=str(tmp_path))
    assert math.isfinite(loss[-1])
    assert hits == 0


CHANGED_HELPER = """

@njit(forceinline=True)
def log1p_scaled(h, exponent):
    return h * 0.0 + 123.0
"""


def test_changed_sources_of_a_helper_are_never_served_old_kernels(warm_cache, tmp_path):
    """The same cache, another version of a module that the kernel only imports, as old as before."""
    shutil.copytree(REPOSITORY / "kernels", tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    helper = tmp_path / "kernels" / "numba_cpu" / "elementary.py"
    stamp = helper.stat()
    helper.write_text(helper.read_text() + CHANGED_HELPER)
    os.utime(helper, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    loss, _, hits, misses = run_python(TRAIN, "float64", root=tmp_path, NUMBA_CACHE_DIR=str(warm_cache))
    assert min(loss) >= 123
    assert (hits, misses) == (0, 1)
    assert train(NUMBA_CACHE_DIR=str(warm_cache)) == (1, 0)
