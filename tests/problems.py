"""Seeded problems for every test, and the memory layouts in which arrays may arrive. NumPy only."""

import ctypes
import mmap
from typing import NamedTuple

import numpy as np

from tests.oracle import one_feature_plane

LABELS = ("separable", "noisy", "zeros", "ones", "soft")
FEATURES = ("uniform", "duplicated", "outliers")
AXES = ("uniform", "unsorted", "nonuniform", "single")
SIZES = (1, 7, 20, 100, 997)
SCALES = (1.0, 10.0, 300.0, 1e4)
DTYPES = (np.float32, np.float64)


class SurfaceProblem(NamedTuple):
    """Data of `surface_on_plane`: plane (p, q, r) and y (n,) of one dtype, float64 axes s (ns,), t (nt,)."""

    name: str
    plane: tuple
    y: np.ndarray
    s: np.ndarray
    t: np.ndarray
    sample_weight: np.ndarray | None = None


class SGDProblem(NamedTuple):
    """X (n, d), y (n,), a start w (d,), b (1,), all of one dtype."""

    X: np.ndarray
    y: np.ndarray
    w: np.ndarray
    b: np.ndarray


def lab_data(dtype=np.float32):
    """x (20,) with the float32 values of torch.arange(-1, 1, 0.1), and y = x > 0.2, 7 ones, as `dtype`."""
    i = np.arange(20)
    lane = np.where(i < 16, i % 8, 0)  # torch rounds the start of each vector: 8 lanes and a scalar tail here
    x = ((-1 + 0.1 * (i - lane)).astype(np.float32) + 0.1 * lane).astype(np.float32)
    return x.astype(dtype), (x > 0.2).astype(dtype)


def lab_window(resolution=30):
    """The lab's axes, w in [-15, 15] and b in [-13, 13]."""
    return np.linspace(-15, 15, resolution), np.linspace(-13, 13, resolution)


def one_feature(n, scale, dtype=np.float64, *, features="uniform", labels="separable", axes="uniform", seed=0):
    """z = s x + t with |x| <= scale and |s|, |t| / scale <= 10: logits up to 20 scale."""
    rng = np.random.default_rng([1, seed])
    x = make_features(rng, n, features) * scale
    s, t = make_axis(rng, 11, axes), make_axis(rng, 6, axes) * scale
    y = make_labels(rng, x, labels)
    name = f"one-feature-{n}-{scale:g}-{features}-{labels}-{axes}-{np.dtype(dtype).name}"
    return SurfaceProblem(name, one_feature_plane(x.astype(dtype)), y.astype(dtype), s, t)


def plane(n, scale, dtype=np.float64, *, labels="noisy", axes="uniform", weighted=False, seed=0):
    """A general plane, some slopes zero, logits up to about 50 scale."""
    rng = np.random.default_rng([2, seed])
    p, q, r = rng.normal(size=(3, n)) * scale
    q[::5], r[::3] = 0, 0
    s, t = make_axis(rng, 11, axes), make_axis(rng, 6, axes)
    y = make_labels(rng, p, labels)
    weight = rng.exponential(size=n).astype(dtype) if weighted else None
    name = f"plane-{n}-{scale:g}-{labels}-{axes}-{'weighted-' if weighted else ''}{np.dtype(dtype).name}"
    return SurfaceProblem(name, tuple(v.astype(dtype) for v in (p, q, r)), y.astype(dtype), s, t, weight)


def surface_problems(count, seed=0):
    """`count` problems, every second one a general plane, that together go through all the names and sizes above."""
    for i in range(count):
        rng = np.random.default_rng([3, seed, i])
        n, scale, dtype = SIZES[rng.integers(5)], SCALES[rng.integers(4)], DTYPES[rng.integers(2)]
        labels, axes = LABELS[i // 2 % len(LABELS)], AXES[i // 2 % len(AXES)]
        if i % 2:
            yield plane(n, scale, dtype, labels=labels, axes=axes, weighted=i % 3 == 0, seed=i)
        else:
            features = FEATURES[i // 2 % len(FEATURES)]
            yield one_feature(n, scale, dtype, features=features, labels=labels, axes=axes, seed=i)


def make_features(rng, n, kind):
    """(n,) within [-1, 1]; outliers: one in ten is a thousand times the others."""
    x = rng.uniform(-1, 1, n)
    if kind == "duplicated":
        x = rng.choice(x[: (n + 3) // 4], n)
    if kind == "outliers":
        x[rng.permutation(n)[: n - max(1, n // 10)]] /= 1000
    return x


def make_labels(rng, x, kind):
    """(n,) in [0, 1]; separable: by x at its median."""
    return {
        "separable": lambda: (x > np.median(x)) * 1.0,
        "noisy": lambda: rng.integers(0, 2, len(x)) * 1.0,
        "zeros": lambda: np.zeros(len(x)),
        "ones": lambda: np.ones(len(x)),
        "soft": lambda: rng.uniform(0, 1, len(x)),
    }[kind]()


def make_axis(rng, n, kind):
    """(n,) float64 within [-10, 10], of length 1 when single."""
    if kind == "uniform":
        return np.linspace(-10, 10, n)
    points = rng.uniform(-10, 10, 1 if kind == "single" else n)
    return np.sort(points) if kind == "nonuniform" else points


SGD_SHAPES = ((1, 1, 1), (7, 1, 7), (20, 1, 3), (53, 2, 5), (97, 30, 13), (10, 2, 64))  # n, d, batch_size


def sgd_problem(n, d, dtype=np.float64, *, soft=False, seed=0):
    """Normal features and noisy labels, so that training settles and paths can be compared."""
    rng = np.random.default_rng([4, seed, n, d])
    X = rng.normal(size=(n, d))
    y = (X.sum(axis=1) + rng.normal(size=n) > 0) * 1.0
    if soft:
        y = 0.8 * y + 0.1
    w, b = rng.normal(size=d), rng.normal(size=1)
    return SGDProblem(*(a.astype(dtype) for a in (X, y, w, b)))


def layouts(a):
    """{name: array equal to a} in each memory layout that callers may pass."""
    every_second = (slice(None, None, 2),) * a.ndim
    wide = np.full([2 * length for length in a.shape], np.nan, a.dtype)
    wide[every_second] = a
    read_only = a.copy()
    read_only.flags.writeable = False
    return {
        "contiguous": a.copy(),
        "strided": wide[every_second],
        "negative": a[::-1].copy()[::-1],
        "read-only": read_only,
        "fortran": np.asfortranarray(a),
    }


def at_the_end_of_memory(a):
    """A C-contiguous copy that ends where readable memory ends: reading past it kills the process."""
    pages = -(-a.nbytes // mmap.PAGESIZE)
    memory = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(start + pages * mmap.PAGESIZE), ctypes.c_size_t(mmap.PAGESIZE), 0):
        raise OSError(ctypes.get_errno(), "mprotect")
    copy = np.frombuffer(memory, a.dtype, a.size, pages * mmap.PAGESIZE - a.nbytes).reshape(a.shape)
    copy[...] = a
    return copy
