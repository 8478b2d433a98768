"""Small surfaces: the same bits as by the long way, which what isn't usual is left to."""

import numpy as np
import pytest

import kernels
from kernels import backends
from kernels.numba_cpu.grid import small
from tests import problems

DTYPES = pytest.mark.parametrize("dtype", problems.DTYPES)


def problem(n=20, ns=30, nt=17, dtype=np.float64, seed=0):
    rng = np.random.default_rng([seed, n, ns, nt])
    x, y = rng.normal(size=n).astype(dtype), rng.uniform(size=n).astype(dtype)
    y[::2] = y[::2] > 0.5
    return x, y, np.sort(rng.uniform(-20, 20, ns)), np.sort(rng.uniform(-15, 15, nt))


@pytest.fixture
def no_long_way(monkeypatch):
    def chosen(*arguments, **values):
        raise AssertionError("the long way")

    monkeypatch.setattr(backends, "chosen", chosen)


@DTYPES
@pytest.mark.parametrize("n", [1, 2, 20, 511, 512])
@pytest.mark.parametrize(("ns", "nt"), [(1, 1), (7, 3), (8, 8), (30, 33), (65, 1), (1, 100), (40, 512), (200, 90)])
def test_the_same_bits_as_by_the_long_way(n, ns, nt, dtype):
    arguments = problem(n, ns, nt, dtype)
    got, want = kernels.loss_surface(*arguments), kernels.loss_surface(*arguments, backend="numba")
    assert got.dtype == want.dtype == dtype
    np.testing.assert_array_equal(got, want)
    assert got.flags.c_contiguous
    assert got.flags.writeable


@DTYPES
@pytest.mark.parametrize("column", ["neither", "x", "y", "both"])
@pytest.mark.parametrize("settings", [{}, {"method": "direct"}, {"tol": 1e-9, "progress": None}])
def test_what_is_usual_goes_the_short_way(settings, column, dtype, no_long_way):
    x, y, s, t = problem(dtype=dtype)
    x, y = x[:, None] if column in ("x", "both") else x, y[:, None] if column in ("y", "both") else y
    assert kernels.loss_surface(x, y, s, t, **settings).shape == (17, 30)


UNUSUAL = {
    "labels of another dtype": lambda x, y, s, t: (x, y.astype(np.float32), s, t),
    "boolean labels": lambda x, y, s, t: (x, y > 0.5, s, t),
    "a feature of float32": lambda x, y, s, t: (x.astype(np.float32), y, s, t),
    "a list": lambda x, y, s, t: (x.tolist(), y, s, t),
    "axes of float32": lambda x, y, s, t: (x, y, s.astype(np.float32), t),
    "descending s": lambda x, y, s, t: (x, y, s[::-1].copy(), t),
    "unsorted t": lambda x, y, s, t: (x, y, s, np.roll(t, 3)),
    "strided": lambda x, y, s, t: (x[::2], y[::2], s[::3], t[::-2]),
    "a wide t": lambda x, y, s, t: (x, y, s, 5 * t),
    "large logits": lambda x, y, s, t: (1e120 * x, y, s, t),
    "many points": lambda x, y, s, t: (x, y, np.linspace(-1, 1, 900), np.linspace(-1, 1, 500)),
    "many rows": lambda x, y, s, t: (x, y, s, np.linspace(-1, 1, 600)),
    "many samples": lambda x, y, s, t: (np.resize(x, 600), np.resize(y, 600), s, t),
}


@pytest.mark.parametrize("case", UNUSUAL)
def test_what_is_unusual_is_left_to_the_long_way(case):
    arguments = UNUSUAL[case](*problem())
    got = kernels.loss_surface(*arguments)
    np.testing.assert_array_equal(got, kernels.loss_surface(*arguments, backend="numba"))
    assert small.loss_surface(*arguments) is None


@pytest.mark.parametrize("name", range(4))
def test_read_only_arrays_are_taken(name):
    arguments = problem()
    arguments[name].setflags(write=False)
    np.testing.assert_array_equal(kernels.loss_surface(*arguments), kernels.loss_surface(*problem()))


@pytest.mark.parametrize("argument", range(4))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1, -1])
def test_what_is_not_finite_is_named(argument, value, place):
    arguments = problem()
    arguments[argument][place] = value
    with pytest.raises(ValueError, match=rf"^{'xywb'[argument]}\[\d+\] is {value}; accepted"):
        kernels.loss_surface(*arguments)


@pytest.mark.parametrize("value", [-1e-9, 1.0 + 1e-9, -3.0, 2.0])
def test_labels_outside_are_named(value):
    x, y, s, t = problem()
    y[4] = value
    with pytest.raises(ValueError, match=r"^y\[4\] is"):
        kernels.loss_surface(x, y, s, t)


def test_wrong_settings_are_told():
    for settings in ({"tol": -1.0}, {"method": "quick"}, {"loss": "hinge"}, {"method": ["direct"]}):
        with pytest.raises(ValueError, match=f"^{next(iter(settings))} is"):
            kernels.loss_surface(*problem(), **settings)


def test_shapes_are_told():
    x, y, s, t = problem()
    for arguments in ((x[:0], y[:0], s, t), (x, y[1:], s, t), (x, y, s[:0], t), (x, y, s, t[:0]), (x[None], y, s, t)):
        with pytest.raises(ValueError, match="accepted"):
            kernels.loss_surface(*arguments)
