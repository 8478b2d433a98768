"""`loss_surface` held to its contract: accuracy cell by cell, any axes, any labels, any layout, the same bits."""

import math

import mpmath
import numba
import numpy as np
import pytest
import torch

import kernels
from kernels.numba_cpu.grid import bias_axis, surface
from kernels.numba_cpu.runtime import launch, schedule
from tests import oracle, problems

BACKENDS = ("numba", "reference")
RNG_SEED = 11
PROBLEMS = [problem for problem in problems.surface_problems(200) if problem.name.startswith("one-feature")]


def check(x, y, w, b, backend="numba", cells=16):
    """The surface, after random cells of it met the accuracy contract."""
    got = kernels.loss_surface(x, y, w, b, backend=backend)
    assert type(got) is np.ndarray
    assert got.dtype == np.asarray(x).dtype
    plane = oracle.one_feature_plane(np.asarray(x).reshape(-1))
    oracle.assert_surface_close(got, plane, np.asarray(y).reshape(-1), w, b, cells=cells, rng=RNG_SEED)
    return got


def check_every_cell(x, y, w, b, backend="numba"):
    """As `check`, and every cell against plain NumPy at twice the tolerance; hard labels, float64."""
    got = check(x, y, w, b, backend, cells=8)
    want = np.array([np.logaddexp(0, (1 - 2 * y) * (np.multiply.outer(w, x) + b_j)).mean(axis=1) for b_j in b])
    reach = np.abs(w).max() * np.abs(x).max() + np.abs(b)[:, None]
    tolerance = 2 * (1e-12 + 4 * oracle.UNIT_ROUNDOFF * reach) * want + 1e-307
    wrong = ~(np.abs(got - want) <= tolerance)
    assert not wrong.any(), f"{wrong.sum()} wrong cells, first at {np.argwhere(wrong)[0].tolist()}"


def noisy_data(n, scale=1.0, seed=0):
    rng = np.random.default_rng([RNG_SEED, n, seed])
    x = rng.normal(size=n) * scale
    return x, (x + rng.normal(size=n) * scale > 0) * 1.0


# Accuracy


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_lab(dtype, backend):
    x, y = problems.lab_data(dtype)
    got = check(x, y, *problems.lab_window(), backend, cells=100)
    assert got.shape == (30, 30)
    assert got.flags.c_contiguous


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("problem", PROBLEMS[:30], ids=lambda problem: problem.name)
def test_problems(problem, backend):
    check(problem.plane[1], problem.y, problem.s, problem.t, backend, cells=6)


@pytest.mark.long
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_more_problems(problem):
    check(problem.plane[1], problem.y, problem.s, problem.t, cells=64)


@pytest.mark.parametrize("labels", problems.LABELS)
@pytest.mark.parametrize("scale", problems.SCALES)
@pytest.mark.parametrize("n", [1, 7, 512, 513, 997, 5000])
def test_sizes_scales_and_labels(n, scale, labels):
    """Dense axes and a coarse one, for each kind of feature and both dtypes in turn."""
    for k, (features, axes) in enumerate(zip(problems.FEATURES, ("uniform", "unsorted", "nonuniform"), strict=True)):
        problem = problems.one_feature(n, scale, problems.DTYPES[k % 2], features=features, labels=labels, axes=axes)
        dense = np.linspace(-10, 10, 70) * scale
        check(problem.plane[1], problem.y, problem.s, dense, cells=2)
        check(problem.plane[1], problem.y, problem.s, problem.t, cells=1)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("copies", [1, 20, 600])
def test_tiny_losses_keep_their_digits(copies, label, backend):
    """Down to 1e-300 by the right class, in narrow tiles, in tiles too wide for products and sample by sample."""
    sign = 2 * label - 1
    exact = {m: float(mpmath.log1p(mpmath.exp(-mpmath.mpf(m)))) for m in (1, 16, 24, 37, 300, 690)}
    for m, want in exact.items():
        x, y = np.full(copies, sign), np.full(copies, label)
        nothing, around = np.zeros(1), np.linspace(-3, 3, 9)
        for w, b in ((m, nothing), (m - 5.0, np.full(70, 5.0)), (0.0, np.full(3, float(m)))):
            got = kernels.loss_surface(x, y, np.array([float(w)]), sign * b, backend=backend)
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-307)
        # the same cell among others of its tile, along either axis
        got = kernels.loss_surface(x, y, m + around, sign * around, backend=backend)
        np.testing.assert_allclose(got[range(9), range(8, -1, -1)], want, rtol=1e-12 + 4e-16 * m, atol=1e-307)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_lossy_sample_among_tiny_ones(backend):
    """Products that hold both e^-600 and e^20 factors."""
    x = np.concatenate([np.full(40, -600.0), [20.0], np.full(40, -30.0), [-0.5]])
    for y in (np.zeros(82), np.where(np.arange(82) % 3, 0.0, 1.0)):
        check(x, y, np.linspace(0.5, 1.1, 9), np.linspace(-16, 16, 33), backend)
        check(-x, 1 - y, np.linspace(0.5, 1.1, 9), np.linspace(-16, 16, 33), backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("edge", [-23.0, -16.0, 16.0, 23.0, 39.0])
def test_margins_around_the_thresholds(edge, backend):
    """Samples next to where one way of evaluating hands over to another."""
    rng = np.random.default_rng(RNG_SEED)
    x = np.concatenate([edge + rng.normal(size=40) * s for s in (1e-15, 1e-3, 1.0)])
    for y in (np.zeros(120), np.ones(120), rng.integers(0, 2, 120) * 1.0, rng.uniform(size=120)):
        check(x, y, np.linspace(0.9, 1.1, 9), np.linspace(-16, 16, 65), backend)
        check(x, y, np.array([-1.0, 1.0]), np.linspace(0, 32, 6), backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_subnormal_features_and_zeros(backend):
    x = np.array([5e-324, -5e-324, 1e-310, 0.0, -0.0, 2e-308, -2e-308])
    for y in (np.zeros(7), np.ones(7), np.full(7, 0.25)):
        check(x, y, np.array([0.0, -0.0, 1.0, -1e280, 1e270, 5e-324]), np.array([0.0, 5e-324, -1e-310, 2.0]), backend)
    # one float64 step above zero logits: exactly log 2
    got = kernels.loss_surface(np.zeros(3), np.array([0.0, 1.0, 0.5]), np.ones(9), np.zeros(5), backend=backend)
    np.testing.assert_array_max_ulp(got, np.full((5, 9), math.log(2)), 4)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("labels", ["zeros", "soft"])
def test_losses_beyond_float32_are_infinite(labels, backend):
    x = np.full(3, 3e38, np.float32)
    y = np.full(3, 0.0 if labels == "zeros" else 0.25, np.float32)
    got = kernels.loss_surface(x, y, np.array([1e5, -1.0, 0.0]), np.zeros(1), backend=backend)
    assert got[0, 0] == np.inf
    assert np.isfinite(got[0, 1:]).all()


def test_extreme_logits_are_linear_or_nil():
    x = np.array([-1.0, 1.0])
    for scale in (800.0, 1e5, 1e8, 1e300):
        got = kernels.loss_surface(x, (x > 0) * 1.0, np.array([-scale, scale]), np.zeros(1))
        assert got.tolist() == [[scale, 0.0]]


@pytest.mark.parametrize(
    ("backend", "label"), [*(("numba", label) for label in (0.0, 1.0, 1e-9, 0.3, 1 - 1e-9)), ("reference", 0.3)]
)
def test_identical_samples_do_not_pile_up_rounding(label, backend):
    """Rounding errors of equal terms all have one sign; the mean of equal losses is the loss of one."""
    rng = np.random.default_rng(RNG_SEED)
    n = 2**12 + 77
    for x in (33.44, *rng.uniform(1, 40, 3), *rng.uniform(-40, -1, 3)):
        for w, b in (
            (np.array([1.0]), np.zeros(1)),
            (rng.uniform(0.5, 1, 3), rng.uniform(-3, 3, 3)),
            (rng.normal(size=3) * 30, rng.normal(size=3) * 1000),
        ):
            got = kernels.loss_surface(np.full(n, x), np.full(n, label), w, b, backend=backend)
            oracle.assert_surface_close(got, oracle.one_feature_plane([x]), [label], w, b, rng=rng)


@pytest.mark.long
@pytest.mark.parametrize("label", [0.0, 0.3])
def test_millions_of_identical_samples(label):
    n, x = 3_000_001, 0.7431
    w, b = np.array([1.0, -3.0, 40.0]), np.array([0.3, -2.0, 500.0])
    got = kernels.loss_surface(np.full(n, x), np.full(n, label), w, b)
    oracle.assert_surface_close(got, oracle.one_feature_plane([x]), [label], w, b)


# Axes

LENGTHS = (1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65)


@pytest.mark.parametrize("n_w", LENGTHS)
def test_lengths_of_the_weight_axis(n_w):
    x, y = noisy_data(7)
    for n_b in (1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 65):
        check_every_cell(x, y, np.linspace(-4, 5, n_w), np.linspace(-3, 7, n_b))


@pytest.mark.parametrize("n_b", [127, 128, 129, 511, 512, 513, 575, 1023, 1024, 1025, 1537])
def test_lengths_of_the_bias_axis(n_b):
    x, y = noisy_data(7)
    for n_w in (1, 8, 9):
        check_every_cell(x, y, np.linspace(-4, 5, n_w), np.linspace(-3, 7, n_b))


@pytest.mark.parametrize("n_w", [511, 512, 513, 1025])
def test_long_weight_axes(n_w):
    x, y = noisy_data(3)
    check_every_cell(x, y, np.linspace(-4, 5, n_w), np.linspace(-3, 7, 3))


BIAS_AXES = {
    "single": np.array([-3.5]),
    "duplicates": np.repeat([1.0, -2.0, 1.0], [5, 70, 600]),
    "all equal": np.full(700, 0.3),
    "hundreds apart": np.linspace(-3000, 3000, 23),
    "thousands apart": np.linspace(-3e5, 3e5, 67),
    "just too wide for one tile": np.array([0.0, 1.0, 2.0, 3.0, 32.0 + 1e-12]),
    "exactly as wide as one tile": np.array([0.0, 1.0, 2.0, 32.0]),
    "far from zero": 1e9 + np.linspace(0, 32, 9),
    "too few for a tile": np.array([-40.0, -20.0, -10.0, 30.0, 50.0, 60.0, 100.0]),
    "dense, then coarse": np.concatenate(
        [np.linspace(-1, 1, 65), np.linspace(100, 9000, 70), np.linspace(1e4, 1e4 + 3, 5)]
    ),
    "coarse, then dense": np.concatenate([np.linspace(-9000, -100, 70), np.linspace(-1, 1, 513)]),
    "a gap": np.concatenate([np.linspace(-20, -19, 30), np.linspace(19, 20, 30)]),
    "logarithmic": np.geomspace(1e-300, 1e5, 100),
    "astronomical": np.array([-1e140, -1e100, 0.0, 1e100, 1e140]),
}
WEIGHT_AXES = {
    "single": np.array([2.5]),
    "dense": np.linspace(-2, 2, 19),
    "hundreds apart": np.linspace(-2000, 2000, 9),
    "mixed": np.concatenate([np.linspace(-1e-3, 1e-3, 11), [50.0, 1e4, 2e4, 3e4]]),
}


@pytest.mark.parametrize("order", ["ascending", "descending", "shuffled"])
@pytest.mark.parametrize("bias_axis", BIAS_AXES)
@pytest.mark.parametrize("weight_axis", WEIGHT_AXES)
def test_axes_of_any_spacing_and_order(weight_axis, bias_axis, order):
    w, b = WEIGHT_AXES[weight_axis], BIAS_AXES[bias_axis]
    if order == "descending":
        w, b = w[::-1], b[::-1]
    if order == "shuffled":
        rng = np.random.default_rng(RNG_SEED)
        w, b = rng.permutation(w), rng.permutation(b)
    check_every_cell(*noisy_data(9), w, b)
    soft = noisy_data(9)[1] * 0.5 + 0.2
    check(noisy_data(9)[0], soft, w, b, cells=4)


def test_axes_may_be_integers_lists_and_float32():
    x, y = noisy_data(20)
    want = kernels.loss_surface(x, y, np.arange(-3.0, 4.0), np.arange(5.0))
    for w, b in (
        (range(-3, 4), [0, 1, 2, 3, 4]),
        (np.arange(-3, 4, dtype=np.int8), np.arange(5, dtype=np.uint64)),
        (np.arange(-3, 4, dtype=np.float32), torch.arange(5)),
        (np.arange(-6.0, 8.0)[::2] / 2, np.arange(4.0, -1.0, -1.0)[::-1]),
    ):
        np.testing.assert_array_equal(kernels.loss_surface(x, y, w, b), want)


# Arguments in every form


@pytest.mark.parametrize("backend", BACKENDS)
def test_float32_is_evaluated_in_float64_and_rounded_once(backend):
    for scale in problems.SCALES:
        x, y = (v.astype(np.float32) for v in noisy_data(997, scale))
        axes = np.linspace(-5, 5, 9), np.linspace(-5, 5, 65) * scale
        wide = kernels.loss_surface(x.astype(np.float64), y.astype(np.float64), *axes, backend=backend)
        np.testing.assert_array_equal(kernels.loss_surface(x, y, *axes, backend=backend), wide.astype(np.float32))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_labels_of_any_kind_and_columns(dtype, backend):
    x, y = noisy_data(20)
    x, axes = x.astype(dtype), (np.linspace(-5, 5, 9), np.linspace(-5, 5, 6))
    want = kernels.loss_surface(x, y.astype(dtype), *axes, backend=backend)
    kinds = [y.astype(kind) for kind in (bool, np.int8, np.uint16, np.int64, np.float32, np.float64)]
    for labels in [
        *kinds,
        y[:, None],
        y.astype(bool)[:, None],
        list(y),
        torch.from_numpy(y),
        torch.from_numpy(y).bool(),
    ]:
        np.testing.assert_array_equal(kernels.loss_surface(x, labels, *axes, backend=backend), want)
        np.testing.assert_array_equal(kernels.loss_surface(x[:, None], labels, *axes, backend=backend), want)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_layouts(dtype, backend):
    x, y = (v.astype(dtype) for v in noisy_data(20))
    axes = np.linspace(-5, 5, 9), np.linspace(-5, 5, 6)
    want = kernels.loss_surface(x, y, *axes, backend=backend)
    layouts = zip(*(problems.layouts(v).items() for v in (x, y, *axes)), strict=True)
    for views in layouts:
        arrays = [view for _, view in views]
        before = [view.copy() for view in arrays]
        np.testing.assert_array_equal(kernels.loss_surface(*arrays, backend=backend), want, err_msg=views[0][0])
        assert all(np.array_equal(view, copy) for view, copy in zip(arrays, before, strict=True))
    for name, view in problems.layouts(x[:, None]).items():
        np.testing.assert_array_equal(kernels.loss_surface(view, y, *axes, backend=backend), want, err_msg=name)


@pytest.mark.parametrize("backend", BACKENDS)
def test_other_byte_order(backend):
    x, y = noisy_data(20)
    axes = np.linspace(-5, 5, 9), np.linspace(-5, 5, 6)
    swapped = [v.astype(v.dtype.newbyteorder()) for v in (x, y, *axes)]
    want = kernels.loss_surface(x, y, *axes, backend=backend)
    np.testing.assert_array_equal(kernels.loss_surface(*swapped, backend=backend), want)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_tensors_in_tensors_out(dtype, backend):
    x, y = (v.astype(dtype) for v in noisy_data(20))
    axes = np.linspace(-5, 5, 9), np.linspace(-5, 5, 6)
    want = kernels.loss_surface(x, y, *axes, backend=backend)
    tensors = [torch.from_numpy(v) for v in (x, y, *axes)]
    tensors[0].requires_grad_()
    for arguments in (tensors, [tensors[0], y, *axes], [tensors[0][:, None], tensors[1][:, None], *axes]):
        got = kernels.loss_surface(*arguments, backend=backend)
        assert isinstance(got, torch.Tensor)
        assert got.dtype == tensors[0].dtype
        assert not got.requires_grad
        np.testing.assert_array_equal(got.numpy(), want)
    assert type(kernels.loss_surface(x, *tensors[1:], backend=backend)) is np.ndarray


def outputs(shape, dtype):
    """{layout: NaN-filled array of `shape`}."""
    arrays = problems.layouts(np.full(shape, np.nan, dtype))
    del arrays["read-only"]
    arrays["both negative"] = np.full(shape, np.nan, dtype)[::-1, ::-1]
    arrays["inside a larger one"] = np.full((shape[0] + 2, shape[1] + 3), np.nan, dtype)[1:-1, 2:-1]
    return arrays


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(6, 9), (66, 1), (1, 66), (1, 1), (513, 17)])
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_out_in_every_layout(dtype, shape, backend):
    x, y = (v.astype(dtype) for v in noisy_data(20))
    axes = np.linspace(-5, 5, shape[1]), np.linspace(-5, 5, shape[0])
    want = kernels.loss_surface(x, y, *axes, backend=backend)
    for name, out in outputs(shape, dtype).items():
        assert kernels.loss_surface(x, y, *axes, out=out, backend=backend) is out
        np.testing.assert_array_equal(out, want, err_msg=name)


def test_out_writes_nothing_but_its_cells():
    x, y = noisy_data(20)
    frame = np.full((80, 30), 77.0)
    out = frame[5:71:3, 2:28:2]
    axes = np.linspace(-5, 5, 13), np.linspace(-5, 5, 22)
    want = kernels.loss_surface(x, y, *axes)
    kernels.loss_surface(x, y, *axes, out=out)
    np.testing.assert_array_equal(out, want)
    out[...] = 77.0
    assert (frame == 77.0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_out_may_be_a_tensor(backend):
    x, y = noisy_data(20)
    axes = np.linspace(-5, 5, 9), np.linspace(-5, 5, 6)
    want = kernels.loss_surface(x, y, *axes, backend=backend)
    for data in ((x, y), (torch.from_numpy(x), torch.from_numpy(y))):
        for out in (torch.full((6, 9), torch.nan).double(), torch.full((9, 6), torch.nan).double().T):
            assert kernels.loss_surface(*data, *axes, out=out, backend=backend) is out
            np.testing.assert_array_equal(out.numpy(), want)


@pytest.mark.parametrize("options", [{"method": "direct"}, {"tol": 0}, {"tol": 0.0}, {"tol": 1e-13}, {"tol": 0.999}])
def test_methods_and_tolerances_that_are_accepted(options):
    x, y = noisy_data(20)
    axes = np.linspace(-5, 5, 9), np.linspace(-5, 5, 6)
    np.testing.assert_array_equal(kernels.loss_surface(x, y, *axes, **options), kernels.loss_surface(x, y, *axes))


# Metamorphic


@pytest.fixture(params=["hard", "soft"])
def data(request):
    x, y = noisy_data(1300, 2.0)
    return x, y if request.param == "hard" else 0.8 * y + 0.1


GRIDS = {
    "dense": (np.linspace(-3, 3, 20), np.linspace(-4, 4, 70)),
    "coarse": (np.linspace(-300, 300, 20), np.linspace(-400, 400, 30)),
}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_flipping_labels_and_parameters_changes_nothing(data, grid, backend):
    (x, y), (w, b) = data, GRIDS[grid]
    one = kernels.loss_surface(x, y, w, b, backend=backend)
    other = kernels.loss_surface(x, 1 - y, -w, -b, backend=backend)
    np.testing.assert_allclose(other, one, rtol=1e-13)
    mirrored = kernels.loss_surface(-x, y, -w, b, backend=backend)
    np.testing.assert_allclose(mirrored, one, rtol=1e-13)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_order_and_repetition_of_samples_change_nothing(data, grid, backend):
    (x, y), (w, b) = data, GRIDS[grid]
    one = kernels.loss_surface(x, y, w, b, backend=backend)
    order = np.random.default_rng(RNG_SEED).permutation(len(x))
    for samples in (order, np.repeat(np.arange(len(x)), 2), np.tile(order, 3)):
        np.testing.assert_allclose(kernels.loss_surface(x[samples], y[samples], w, b, backend=backend), one, rtol=1e-13)


@pytest.mark.parametrize("grid", GRIDS)
def test_order_of_the_axes_is_that_of_the_surface(data, grid):
    (x, y), (w, b) = data, GRIDS[grid]
    one = kernels.loss_surface(x, y, w, b)
    rng = np.random.default_rng(RNG_SEED)
    i, j = rng.permutation(len(w)), rng.permutation(len(b))
    np.testing.assert_array_equal(kernels.loss_surface(x, y, w[i], b[j]), one[np.ix_(j, i)])


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_losses_are_positive_and_convex_along_lines(data, grid, backend):
    (x, y), (w, b) = data, GRIDS[grid]
    got = kernels.loss_surface(x, y, w, b, backend=backend)
    assert (got > 0).all()
    slack = 1e-12 * got.max()
    for axis in (0, 1):
        assert (np.diff(got, 2, axis=axis) >= -slack).all()
    assert (np.diff(got[np.arange(20), np.arange(20)], 2) >= -slack).all()


def test_a_surface_is_the_mean_of_the_surfaces_of_its_parts(data):
    (x, y), (w, b) = data, GRIDS["dense"]
    whole = kernels.loss_surface(x, y, w, b)
    parts = [kernels.loss_surface(x[k::4], y[k::4], w, b) for k in range(4)]
    np.testing.assert_allclose(np.mean(parts, axis=0), whole, rtol=1e-13)


# How the work is split


class Counted:
    """A stream of two blocks, and how often it was read."""

    def __init__(self, x):
        self.pairs = [(kernels.LogitPlane(0 * part, part, 0 * part + 1), (part > 0) * 1.0) for part in np.split(x, 2)]
        self.passes = 0

    def __iter__(self):
        self.passes += 1
        return iter(self.pairs)


@pytest.mark.parametrize(("ns", "nt"), [(1, 3000), (9, 3000), (65, 1500), (600, 40)])
def test_a_stream_is_read_no_oftener_than_sums_have_room(ns, nt, monkeypatch):
    """Whatever the shape of the surface: a job has no sums of columns that there aren't."""
    x, s, b = np.linspace(-1, 1, 1200), np.linspace(-1, 1, ns), np.linspace(-5, 5, nt)
    sums = -(-ns // bias_axis.COLUMNS) * -(-nt // bias_axis.TILE_ROWS) * bias_axis.CELLS * 16
    for parts in (1, 3):
        monkeypatch.setattr(schedule, "KEPT_BYTES", -(-sums // parts))
        stream = Counted(x)
        surface = kernels.surface_on_plane(stream, None, s, b, method="direct").loss
        np.testing.assert_allclose(surface, kernels.loss_surface(x, (x > 0) * 1.0, s, b, method="direct"), rtol=1e-13)
        looked_at = Counted(x)
        kernels.plan_surface(looked_at, None, s, b, method="direct")
        assert stream.passes - looked_at.passes <= 2 * parts


@pytest.mark.parametrize("shape", [(1, 2048), (40, 2048), (2048, 40), (2048, 2048)])
def test_launches_are_short_whatever_jobs_take(shape, monkeypatch):
    """So that Ctrl-C is answered: of as many evaluations as jobs of one group would have."""
    works, x = [], np.linspace(-1, 1, 1024)
    monkeypatch.setattr(surface, "launch", lambda kernel, work, *arguments: works.append(work))
    s, b = (np.linspace(-3, 3, points) for points in shape)
    kernels.loss_surface(x, (x > 0) * 1.0, s, b, method="direct")
    least = surface.JOBS_PER_THREAD * bias_axis.CELLS * bias_axis.CHUNK
    assert 0 < max(works) <= launch.threads() * max(surface.EVALUATIONS_PER_THREAD, least)
    assert sum(works) == len(s) * len(b) * len(x)


@pytest.mark.parametrize("shape", [(1, 1), (8, 1), (9, 2), (65, 1), (72, 98), (1024, 2), (10_000, 1)])
@pytest.mark.parametrize("threads", [1, 2, 64])
def test_jobs_are_of_about_the_same_size(threads, shape, monkeypatch):
    monkeypatch.setattr(bias_axis, "threads", lambda: threads)
    columns, tiles = shape
    groups, across = bias_axis.groups_in_job(np.zeros(columns), np.zeros((tiles, 2))), -(-columns // bias_axis.COLUMNS)
    assert 1 <= groups <= min(bias_axis.GROUPS, across)
    jobs = -(-across // groups)
    assert jobs * groups - across < jobs
    assert groups == 1 or jobs * tiles >= bias_axis.JOBS_OF_THREAD * threads


# The same bits, however the work is split

SPLITS = {
    "one job at a time": {"JOBS_PER_THREAD": 1, "EVALUATIONS_PER_THREAD": bias_axis.CELLS * bias_axis.CHUNK},
    "three jobs at a time": {"JOBS_PER_THREAD": 3, "EVALUATIONS_PER_THREAD": 10**8},
    "everything in one launch": {"JOBS_PER_THREAD": 10**4, "EVALUATIONS_PER_THREAD": 10**12},
}


def surfaces_to_split(dtype):
    """Several chunks of samples, the last one of a single sample; several tiles of both kinds."""
    x, y = (v.astype(dtype) for v in noisy_data(2049, 2.0))
    w, b = np.linspace(-3, 3, 37), np.concatenate([np.linspace(-4, 4, 600), np.linspace(100, 900, 5)])
    return [(x, y, w, b), (x, (0.8 * y + 0.1).astype(dtype), w, b)]


@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_same_bits_for_any_number_of_threads(dtype):
    threads = numba.get_num_threads()
    for arguments in surfaces_to_split(dtype):
        want = kernels.loss_surface(*arguments)
        try:
            for count in range(1, threads + 1):
                numba.set_num_threads(count)
                np.testing.assert_array_equal(kernels.loss_surface(*arguments), want)
                assert numba.get_num_threads() == count
        finally:
            numba.set_num_threads(threads)


@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_same_bits_on_one_thread_as_on_all(dtype, monkeypatch):
    for arguments in surfaces_to_split(dtype):
        results = []
        for work in (0, math.inf):
            monkeypatch.setattr(launch, "SERIAL_WORK", work)
            results.append(kernels.loss_surface(*arguments))
        np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("split", SPLITS)
def test_same_bits_for_any_launches(split, monkeypatch):
    for arguments in surfaces_to_split(np.float64):
        want = kernels.loss_surface(*arguments)
        for name, value in SPLITS[split].items():
            monkeypatch.setattr(surface, name, value)
        np.testing.assert_array_equal(kernels.loss_surface(*arguments), want)
        monkeypatch.undo()


def test_launches_smaller_than_a_chunk_are_launches_of_a_chunk(monkeypatch):
    arguments = surfaces_to_split(np.float64)[0]
    want = kernels.loss_surface(*arguments)
    monkeypatch.setattr(surface, "EVALUATIONS_PER_THREAD", 1)
    np.testing.assert_array_equal(kernels.loss_surface(*arguments), want)
