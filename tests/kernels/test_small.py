"""Small surfaces, passes and runs: the same bits as by the long way, which what isn't usual is left to."""

import numpy as np
import pytest
import torch

import kernels
from kernels import backends
from kernels.arguments import arrays
from kernels.losses import LOSSES
from kernels.numba_cpu.grid import small, small_plane
from kernels.numba_cpu.training import small_ensemble, small_pass, small_run
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


WHOLE = bool, np.int8, np.uint8, np.int32, np.int64, np.uint64


@DTYPES
@pytest.mark.parametrize("kind", [*WHOLE, np.float32, np.float64])
def test_labels_of_any_kind_go_the_short_way(kind, dtype, no_long_way):
    x, y, s, t = problem(dtype=dtype)
    np.testing.assert_array_equal(
        kernels.loss_surface(x, (y > 0.5).astype(kind), s, t), kernels.loss_surface(x, (y > 0.5).astype(dtype), s, t)
    )
    plane, y, s, t = plane_problem(dtype=dtype)
    one, other = (kernels.surface_on_plane(plane, (y > 0.5).astype(of), s, t) for of in (kind, dtype))
    assert_same_surface(one, other)


@DTYPES
@pytest.mark.parametrize("kind", WHOLE)
def test_whole_labels_are_trained_the_short_way(kind, dtype, no_long_way):
    X, y, w, b = training(dtype=dtype)
    X1, y1, w0, b0 = starts(dtype=dtype)
    settings, ends = {"lr": 0.3, "batch_size": 3, "epochs": 2}, []
    for labels, labels1 in (
        ((y > 0.5).astype(kind), (y1 > 0.5).astype(kind)),
        ((y > 0.5) * dtype(1), (y1 > 0.5) * dtype(1)),
    ):
        own = w.copy(), b.copy()
        found = [*kernels.bce_loss_grad(X, labels, *own), kernels.sgd_step_(X, labels, *own, lr=0.1)]
        found += [*kernels.sgd_run_(X, labels, *own, **settings), *own]
        ends.append([*found, *kernels.sgd_ensemble(X1, labels1, w0, b0, **settings)[:-1]])
    assert_same(*ends)


@pytest.mark.parametrize("value", [2, -1])
def test_whole_labels_outside_are_named(value):
    y = np.zeros(20, np.int64)
    y[4] = value
    (x, _, s, t), (plane, *_), (X, _, w, b), (X1, _, w0, b0) = problem(), plane_problem(), training(), starts()
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 2}
    for call in (
        lambda: kernels.loss_surface(x, y, s, t),
        lambda: kernels.surface_on_plane(plane, y, s, t),
        lambda: kernels.bce_loss_grad(X, y, w, b),
        lambda: kernels.sgd_step_(X, y, w, b, lr=0.1),
        lambda: kernels.sgd_run_(X, y, w, b, **settings),
        lambda: kernels.sgd_ensemble(X1, y, w0, b0, **settings),
    ):
        with pytest.raises(ValueError, match=rf"^y\[4\] is {value}"):
            call()


def test_a_surface_that_fits_no_memory_is_refused_as_such():
    axis = np.linspace(-1, 1, 10**6)
    with pytest.raises(MemoryError, match="GB"):
        kernels.loss_surface(np.zeros(2), np.zeros(2), axis, axis)


@DTYPES
def test_a_usual_output_is_written_the_short_way(dtype, no_long_way):
    arguments = problem(dtype=dtype)
    want, out = kernels.loss_surface(*arguments), np.full((17, 30), np.nan, dtype)
    assert kernels.loss_surface(*arguments, out=out) is out
    np.testing.assert_array_equal(out, want)


def test_outputs_of_other_kinds_are_written_the_long_way_or_refused():
    x, y, s, t = problem()
    want = kernels.loss_surface(x, y, s, t)
    strided, fortran = np.zeros((34, 60))[::2, ::2], np.zeros((17, 30), order="F")
    for out in (strided, fortran):
        assert small.loss_surface(x, y, s, t, out) is None
        assert kernels.loss_surface(x, y, s, t, out=out) is out
        np.testing.assert_array_equal(out, want)
    for out, wrong in (
        (np.zeros((30, 17)), "out is"),
        (np.zeros((17, 30), np.float32), "out is"),
        ([], "out is a list"),
    ):
        with pytest.raises((ValueError, TypeError), match=wrong):
            kernels.loss_surface(x, y, s, t, out=out)
    shared = np.zeros(600)
    shared[:20] = x
    with pytest.raises(ValueError, match="out shares memory with the data"):
        kernels.loss_surface(shared[:20], y, s, t, out=shared[:510].reshape(17, 30))
    np.testing.assert_array_equal(shared[:20], x)
    y[3] = np.nan
    with pytest.raises(ValueError, match=r"y\[3\] is nan"):
        kernels.loss_surface(x, y, s, t, out=want)
    assert np.isfinite(want).all()


UNUSUAL = {
    "a list": lambda x, y, s, t: (x.tolist(), y, s, t),
    "labels of another byte order": lambda x, y, s, t: (x, y.astype(">f8"), s, t),
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


# Planes


def plane_problem(n=20, ns=30, nt=17, dtype=np.float64, bias_axis=False):
    rng = np.random.default_rng([n, ns, nt])
    fields, y = rng.normal(size=(3, n)).astype(dtype), rng.uniform(size=n).astype(dtype)
    y[::2] = y[::2] > 0.5
    if bias_axis:
        fields[2] = 0.75
    return kernels.LogitPlane(*fields), y, np.sort(rng.uniform(-9, 9, ns)), np.sort(rng.uniform(-7, 7, nt))


def assert_same_surface(got, want):
    assert got.plan == want.plan
    for one, other in zip(got[:-1], want[:-1], strict=True):
        assert type(one) is type(other)
        if one is not None:
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


@DTYPES
@pytest.mark.parametrize("scale", [1, 30, 1e4])
@pytest.mark.parametrize("n", [2, 20, 255, 256, 257])
@pytest.mark.parametrize(("ns", "nt"), [(1, 1), (7, 3), (8, 8), (30, 33), (65, 1), (1, 100), (64, 64), (130, 5)])
def test_planes_have_the_same_bits_as_by_the_long_way(n, ns, nt, scale, dtype):
    plane, y, s, t = plane_problem(n, ns, nt, dtype)
    plane = kernels.LogitPlane(*(field * dtype(scale) for field in plane))
    for settings in ({}, {"method": "direct"}, {"tol": 0}):
        got, want = (kernels.surface_on_plane(plane, y, s, t, **settings, backend=b) for b in (None, "numba"))
        assert_same_surface(got, want)
        assert kernels.plan_surface(plane, y, s, t, **settings) == want.plan
    assert not np.shares_memory(got.s, s)
    assert not np.shares_memory(got.t, t)


@DTYPES
@pytest.mark.parametrize("slope", [1.0, 0.75, 0.0, -0.5])
@pytest.mark.parametrize(("n", "ns", "nt"), [(1, 1, 1), (20, 30, 33), (257, 5, 64), (20, 9, 400)])
def test_bias_axes_have_the_same_bits_as_by_the_long_way(n, ns, nt, slope, dtype):
    plane, y, s, t = plane_problem(n, ns, nt, dtype)
    plane = plane._replace(t_slope=np.full(n, slope, dtype))
    assert_same_surface(*(kernels.surface_on_plane(plane, y, s, t, backend=backend) for backend in (None, "numba")))
    short = small_plane.surface_on_plane(plane, y, s, t, "auto", 1e-12)
    assert (short is not None) == (slope >= 0 or nt == 1)


@DTYPES
@pytest.mark.parametrize("bias_axis", [False, True])
@pytest.mark.parametrize("points", [30, 400, 900, 2000])
def test_plans_are_those_of_surfaces(points, bias_axis, dtype):
    plane, y, *axes = plane_problem(200, points, points, dtype, bias_axis)
    for method, tol in (("auto", 1e-12), ("direct", 1e-9), ("auto", 0.0), ("spectral", 1e-9)):
        plan = kernels.plan_surface(plane, y, *axes, method=method, tol=tol)
        if method == "direct" or tol == 0 or (points == 30 and method == "auto"):
            assert plan == small_plane.plan_surface(plane, y, *axes, method, tol)
        assert plan == kernels.plan_surface(plane, y.tolist(), *axes, method=method, tol=tol)


@DTYPES
def test_what_is_usual_of_a_plane_goes_the_short_way(dtype, no_long_way):
    plane, y, s, t = plane_problem(dtype=dtype)
    for words in ({}, {"quantities": "loss"}, {"quantities": ("loss",), "loss": "bce", "sample_weight": None}):
        assert kernels.surface_on_plane(plane, y[:, None], s, t, **words).loss.shape == (17, 30)
        assert kernels.plan_surface(plane, y[:, None], s, t, **words).method == "direct"
    assert kernels.plan_surface(*plane_problem(dtype=dtype, bias_axis=True)).method == "direct"


UNUSUAL_PLANES = {
    "a list": lambda plane, y, s, t: (plane, y.tolist(), s, t),
    "axes of float32": lambda plane, y, s, t: (plane, y, s.astype(np.float32), t),
    "descending s": lambda plane, y, s, t: (plane, y, s[::-1].copy(), t),
    "unsorted t": lambda plane, y, s, t: (plane, y, s, np.roll(t, 3)),
    "strided": lambda plane, y, s, t: (kernels.LogitPlane(*(f[::2] for f in plane)), y[::2], s[::3], t[::-2]),
    "large slopes": lambda plane, y, s, t: (plane._replace(s_slope=1e120 * plane.s_slope), y, s, t),
    "a descending bias axis": lambda plane, y, s, t: (plane._replace(t_slope=np.full(20, -1.0)), y, s, t),
    "a wide bias axis": lambda plane, y, s, t: (plane._replace(t_slope=np.full(20, 9.0)), y, s, t),
    "many points": lambda plane, y, s, t: (plane, y, np.linspace(-1, 1, 90), np.linspace(-1, 1, 60)),
}


@pytest.mark.parametrize("case", UNUSUAL_PLANES)
def test_what_is_unusual_of_a_plane_is_left_to_the_long_way(case):
    arguments = UNUSUAL_PLANES[case](*plane_problem())
    assert_same_surface(kernels.surface_on_plane(*arguments), kernels.surface_on_plane(*arguments, backend="numba"))
    assert small_plane.surface_on_plane(*arguments, "auto", 1e-12) is None


@pytest.mark.parametrize("call", [kernels.surface_on_plane, kernels.plan_surface])
@pytest.mark.parametrize("argument", ["offset", "s_slope", "t_slope", "y", "s", "t"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_of_a_plane_is_named(argument, value, call):
    plane, *others = plane_problem()
    named = plane._asdict() | dict(zip("yst", others, strict=True))
    named[argument][-1] = value
    with pytest.raises(ValueError, match=rf"{argument}\[\d+\] is {value}; accepted"):
        call(plane, *others)


def test_wrong_words_about_a_plane_are_told():
    for wrong in ({"tol": -1.0}, {"method": "quick"}, {"loss": "hinge"}, {"quantities": "los"}, {"quantities": ()}):
        for call in (kernels.surface_on_plane, kernels.plan_surface):
            with pytest.raises(ValueError, match=f"^{next(iter(wrong))} is"):
                call(*plane_problem(), **wrong)


# Passes and runs

RATES, LENGTH = (0.3, 0.0, 0.0), (3, 4, 0)


def training(n=20, d=3, dtype=np.float64, seed=0):
    rng = np.random.default_rng([seed, n, d])
    X, y = rng.normal(size=(n, d)).astype(dtype), rng.uniform(size=n).astype(dtype)
    return X, y, rng.normal(size=d).astype(dtype), rng.normal(size=1).astype(dtype)


def assert_same(got, want):
    for one, other in zip(got, want, strict=True):
        assert type(one) is type(other)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@DTYPES
@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 100, 300])
@pytest.mark.parametrize("d", [1, 2, 3, 8, 40, 100])
def test_passes_have_the_same_bits_as_by_the_long_way(n, d, dtype):
    X, y, w, b = training(n, d, dtype)
    for data, labels in ((X, y), (np.asfortranarray(X), y[:, None])):
        want = kernels.bce_loss_grad(data, labels, w, b, backend="numba")
        for bias in (b, b.reshape(()), b[0], float(b[0])):
            assert_same(kernels.bce_loss_grad(data, labels, w, bias), want)
        parameters, others = (w.copy(), b.copy()), (w.copy(), b.copy())
        loss = kernels.sgd_step_(data, labels, *parameters, lr=0.3)
        of_others = kernels.sgd_step_(data, labels, *others, lr=0.3, backend="numba")
        assert_same([loss, *parameters], [of_others, *others])


@DTYPES
@pytest.mark.parametrize("d", [1, 2, 9, 40])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "options", [{}, {"momentum": 0.9, "weight_decay": 1}, {"history": 0}, {"history": 5}, {"history": 10**9}], ids=str
)
def test_runs_have_the_same_bits_as_by_the_long_way(options, loss, d, dtype):
    X, y, w, b = training(20, d, dtype)
    for data, batch_size in ((X, 3), (np.asfortranarray(X), 7), (X, 500)):
        settings = {"lr": 0.3, "batch_size": batch_size, "epochs": 4, "loss": loss, **options}
        ends, others = (w.copy(), b.copy()), (w.copy(), b.copy())
        run = kernels.sgd_run_(data, y, *ends, **settings)
        want = kernels.sgd_run_(data, y, *others, **settings, backend="numba")
        assert_same([*run, run.velocity, *ends], [*want, want.velocity, *others])
        assert run.epoch == want.epoch == 4


@DTYPES
def test_what_is_usual_is_trained_the_short_way(dtype, no_long_way):
    X, y, w, b = training(dtype=dtype)
    for data in (X, X[:, :1].copy()):
        weights = w[: data.shape[1]]
        kernels.bce_loss_grad(data, y, weights, b)
        kernels.sgd_step_(data, y, weights, b, lr=1)
        for lr in (0.1, np.float64(0.1), 1):
            kernels.sgd_run_(data, y[:, None], weights, b, lr=lr, batch_size=3, epochs=2)


UNUSUAL_TRAINING = {
    "labels that are rounded": lambda X, y, w, b: (X, y.astype(np.float32), w, b),
    "rows that are strided": lambda X, y, w, b: (np.repeat(X, 2, axis=0)[::2], y, w, b),
    "labels that are strided": lambda X, y, w, b: (X, np.repeat(y, 2)[::2], w, b),
    "weights that are strided": lambda X, y, w, b: (X, y, np.repeat(w, 2)[::2], b),
    "read-only features": lambda X, y, w, b: (np.broadcast_to(X, X.shape), y, w, b),
    "large logits": lambda X, y, w, b: (1e160 * X, y, 1e160 * w, b),
    "a mean in range of a sum that is not": lambda X, y, w, b: (np.full_like(X, 5e306), 0 * y, np.ones_like(w), b),
}


@pytest.mark.parametrize("case", UNUSUAL_TRAINING)
def test_what_is_unusual_is_trained_the_long_way(case):
    X, y, w, b = UNUSUAL_TRAINING[case](*training())
    assert small_pass.usual_loss_and_gradient(X, y, w, b) is None
    assert_same(kernels.bce_loss_grad(X, y, w, b), kernels.bce_loss_grad(X, y, w, b, backend="numba"))
    parameters, others = (w.copy(), b.copy()), (w.copy(), b.copy())
    settings = {"lr": 1e-3, "batch_size": 3, "epochs": 1}
    if "range" not in case and "large" not in case:
        run = kernels.sgd_run_(X, y, *parameters, **settings)
        want = kernels.sgd_run_(X, y, *others, **settings, backend="numba")
        assert_same([*run, *parameters], [*want, *others])


def test_parameters_in_memory_of_the_data_are_not_trained():
    X, y, w, b = training(n=3, d=3)
    for arguments in ((X, y, X[0], b), (X, y, w, X[0, :1]), (X, w, w, b), (X, y, w, w[1:2]), (X, y, y, b)):
        before = [array.copy() for array in arguments]
        assert small_pass.step_(*arguments, 0.1) is None
        assert small_run.run_(*arguments, RATES, LENGTH, "bce", 1) is None
        for call in (kernels.sgd_step_, lambda *a, lr: kernels.sgd_run_(*a, lr=lr, batch_size=3, epochs=1)):
            with pytest.raises(ValueError, match="shares memory with"):
                call(*arguments, lr=0.1)
        assert_same(arguments, before)


@pytest.mark.parametrize("argument", range(4))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_trained(argument, value):
    arguments = training()
    arguments[argument][-1] = value
    before = [array.copy() for array in arguments]
    for call in (
        kernels.bce_loss_grad,
        lambda *a: kernels.sgd_step_(*a, lr=0.1),
        lambda *a: kernels.sgd_run_(*a, lr=0.1, batch_size=3, epochs=1),
    ):
        with pytest.raises(ValueError, match=rf"^{'Xywb'[argument]}\[.*\] is {value}; accepted"):
            call(*arguments)
    for one, other in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("value", [1e308, np.float64(1e308)])
def test_what_leaves_the_range_is_not_trained(value):
    X, y, w, b = training()
    before = w.copy(), b.copy()
    for lr in (value, 10**308):
        with pytest.raises(FloatingPointError):
            kernels.sgd_step_(1e3 * X, y, w, b, lr=lr)
        assert_same([w, b], before)
    with pytest.raises(ValueError, match=r"^lr is"):
        kernels.sgd_step_(X, y, w, b, lr=10**400)


@pytest.mark.parametrize(
    "wrong",
    [
        {"lr": -1.0},
        {"lr": np.nan},
        {"lr": True},
        {"batch_size": 0},
        {"batch_size": 2.0},
        {"epochs": -1},
        {"loss": "hinge"},
        {"history": -1},
        {"momentum": -0.1},
        {"weight_decay": np.inf},
        {"first_epoch": -1},
    ],
    ids=str,
)
def test_wrong_settings_of_a_run_are_told(wrong):
    settings = {"lr": 0.1, "batch_size": 3, "epochs": 1} | wrong
    with pytest.raises((ValueError, TypeError), match=f"^{next(iter(wrong))} is"):
        kernels.sgd_run_(*training(), **settings)


# Ensembles


def starts(k=20, n=20, d=3, dtype=np.float64):
    X, y, _, _ = training(n, d, dtype)
    rng = np.random.default_rng(k)
    return X, y, 3 * rng.normal(size=(k, d)).astype(dtype), rng.normal(size=k).astype(dtype)


def assert_same_ensemble(got, want):
    assert_same([*got[:-1], *got.history], [*want[:-1], *want.history])
    assert got.history.velocity is want.history.velocity is None
    assert got.history.epoch is want.history.epoch is None


@DTYPES
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n", [1, 20])
@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("k", [1, 20, 70])
def test_ensembles_have_the_same_bits_as_by_the_long_way(k, d, n, loss, dtype):
    X, y, w0, b0 = starts(k, n, d, dtype)
    for labels, batch_size, epochs in ((y, 3, 2), ((y > 0.5).astype(dtype)[:, None], 500, 1), (y, 1, 0)):
        settings = {"lr": 0.3, "batch_size": batch_size, "epochs": epochs, "loss": loss}
        want = kernels.sgd_ensemble(X, labels, w0, b0, **settings, backend="numba")
        assert_same_ensemble(kernels.sgd_ensemble(X, labels, w0, b0, **settings), want)


@DTYPES
@pytest.mark.parametrize("d", [1, 3])
def test_what_is_usual_is_an_ensemble_the_short_way(d, dtype, no_long_way):
    arguments = starts(d=d, dtype=dtype)
    before = [array.copy() for array in arguments]
    assert kernels.sgd_ensemble(*arguments, lr=1, batch_size=3, epochs=1).steps.dtype == np.int64
    assert_same(arguments, before)


UNUSUAL_STARTS = {
    "labels that are rounded": lambda X, y, w, b: (X, y.astype(np.float32), w, b),
    "features by columns": lambda X, y, w, b: (np.asfortranarray(X), y, w, b),
    "starts that are strided": lambda X, y, w, b: (X, y, np.repeat(w, 2, axis=0)[::2], np.repeat(b, 2)[::2]),
    "read-only starts": lambda X, y, w, b: (X, y, np.broadcast_to(w, w.shape), b),
    "what may diverge": lambda X, y, w, b: (1e154 * X, y, 1e154 * w, b),
    "many": lambda X, y, w, b: (X, y, np.repeat(w, 40, axis=0), np.repeat(b, 40)),
}


@pytest.mark.parametrize("case", UNUSUAL_STARTS)
def test_unusual_ensembles_go_the_long_way(case):
    arguments, settings = UNUSUAL_STARTS[case](*starts()), {"lr": 0.3, "batch_size": 3, "epochs": 2}
    assert small_ensemble.sgd_ensemble(*arguments, 0.3, (3, 2), "bce") is None
    want = kernels.sgd_ensemble(*arguments, **settings, backend="numba")
    assert_same_ensemble(kernels.sgd_ensemble(*arguments, **settings), want)


@pytest.mark.parametrize(("k", "n"), [(1, 10_000), (10_000, 1), (200, 200)])
def test_ensembles_without_steps_are_no_smaller_for_that(k, n):
    """Their costs alone may take long, which Ctrl-C ends, and much memory."""
    X, y, w0, b0 = starts(k, n, 1)
    assert small_ensemble.sgd_ensemble(X, y, w0, b0, 0.3, (1, 0), "bce") is None


@pytest.mark.parametrize("argument", range(4))
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_no_ensemble(argument, value):
    arguments = starts()
    arguments[argument].reshape(-1)[5] = value
    with pytest.raises(ValueError, match=rf"^{('X', 'y', 'w0', 'b0')[argument]}\[.*\] is {value}; accepted"):
        kernels.sgd_ensemble(*arguments, lr=0.1, batch_size=3, epochs=1)


# Tensors


def as_tensors(values, requires_grad=False):
    return [torch.from_numpy(array.copy()).requires_grad_(requires_grad) for array in values]


def assert_tensors(got, want):
    """Tensors of the same bits as arrays or numbers."""
    assert all(type(tensor) is torch.Tensor and not tensor.requires_grad for tensor in got)
    assert_same([tensor.numpy() for tensor in got], [np.asarray(array) for array in want])


@DTYPES
def test_surfaces_of_tensors_go_the_short_way(dtype, no_long_way):
    x, y, w, b = problem(dtype=dtype)
    want = kernels.loss_surface(x, y, w, b)
    assert_tensors([kernels.loss_surface(*as_tensors((x, y, w, b)))], [want])
    assert_tensors([kernels.loss_surface(torch.from_numpy(x), y, w, b)], [want])
    out = torch.empty(want.shape, dtype=torch.from_numpy(x).dtype)
    assert kernels.loss_surface(*as_tensors((x, y, w, b)), out=out) is out
    assert_tensors([out], [want])
    plane, y, s, t = plane_problem(dtype=dtype)
    found = kernels.surface_on_plane(kernels.LogitPlane(*as_tensors(plane)), *as_tensors((y, s, t)))
    assert_tensors([found.loss, found.s, found.t], [kernels.surface_on_plane(plane, y, s, t).loss, s, t])
    plan = kernels.plan_surface(kernels.LogitPlane(*as_tensors(plane)), *as_tensors((y, s, t)))
    assert plan == kernels.plan_surface(plane, y, s, t) == found.plan


@DTYPES
@pytest.mark.parametrize("requires_grad", [False, True])
def test_tensors_are_trained_the_short_way(requires_grad, dtype, no_long_way):
    X, y, w, b = training(dtype=dtype)
    data, parameters = as_tensors((X, y)), as_tensors((w, b), requires_grad)
    assert_tensors(kernels.bce_loss_grad(*data, *parameters), kernels.bce_loss_grad(X, y, w, b))
    for call, settings in ((kernels.sgd_step_, {}), (kernels.sgd_run_, {"batch_size": 3, "epochs": 2})):
        versions = [tensor._version for tensor in parameters]
        found, want = call(*data, *parameters, lr=0.3, **settings), call(X, y, w, b, lr=0.3, **settings)
        if call is kernels.sgd_step_:
            assert_tensors([found], [want])
        else:
            assert_tensors([*found, found.velocity], [*want, want.velocity])
            assert found.epoch == want.epoch == 2
        assert_same([tensor.detach().numpy() for tensor in parameters], [w, b])
        assert all(tensor._version > before for tensor, before in zip(parameters, versions, strict=True))
        assert all(tensor.requires_grad == requires_grad for tensor in parameters)


@DTYPES
def test_an_ensemble_of_tensors_goes_the_short_way(dtype, no_long_way):
    X, y, _, _ = training(dtype=dtype)
    starts = np.random.default_rng(4).normal(size=(2, 5, X.shape[1])).astype(dtype)
    given, settings = (X, y, starts[0], starts[1, :, 0].copy()), {"lr": 0.1, "batch_size": 7, "epochs": 2}
    found, want = kernels.sgd_ensemble(*as_tensors(given), **settings), kernels.sgd_ensemble(*given, **settings)
    assert_tensors(found[:-1], want[:-1])
    assert_tensors(found.history, want.history)


def test_tensors_that_numpy_cannot_read_are_left_to_the_long_way():
    tensor = torch.tensor([1.0 + 1.0j]).conj().imag  # with the negative bit
    array, sparse, text = np.ones(1), torch.eye(2).to_sparse(), [1.0]
    others = (torch.ones(1, dtype=dtype) for dtype in (torch.bfloat16, torch.uint16))
    given = tensor, array, sparse, *others, text, torch.ones(1, device="meta")
    assert all(value is seen for value, seen in zip(given, arrays.seen_by_numpy(*given), strict=True))
    ones = torch.ones(2, requires_grad=True)
    seen, other = arrays.seen_by_numpy(ones, array)
    assert type(seen) is np.ndarray
    assert other is array
    assert seen.ctypes.data == ones.data_ptr()
