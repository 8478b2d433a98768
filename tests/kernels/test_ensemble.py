"""`sgd_ensemble` held to its contract: every member is the run from its start, wherever it stands and whatever the
others do."""

import tracemalloc

import numba
import numpy as np
import pytest
import torch

import kernels
from kernels.losses import LOSSES
from kernels.numba_cpu.runtime import launch
from kernels.numba_cpu.training import ensemble, members
from kernels.results import Ensemble
from tests import oracle, problems, processes

BACKENDS = ("numba", "reference")
COSTS = tuple(LOSSES)
SHAPES = ((20, 1, 1), (20, 1, 3), (20, 1, 20), (1, 1, 1), (53, 2, 5), (10, 2, 64), (31, 7, 1), (97, 30, 13))
LAB = {"lr": 2.0, "batch_size": 3, "epochs": 100}
FIELDS = ("w", "b", "loss", "accuracy", "steps")


def starts(k, d, dtype=np.float64, scale=1.0):
    rng = np.random.default_rng([5, k, d])
    return (scale * rng.normal(size=(k, d))).astype(dtype), (scale * rng.normal(size=k)).astype(dtype)


def same(one, other):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def spacing(values, dtype):
    """The distance of numbers of a dtype at the largest of these values, or at 1."""
    return np.spacing(np.maximum(1, np.abs(values).max()).astype(dtype)).astype(np.float64)


def assert_member(ends, i, X, y, w0, b0, spacings=8, **settings):
    """Member `i`, with a history at the same place, is the run of the oracle and of `sgd_run_`, within so many."""
    w, b = w0[i].copy(), b0[i : i + 1].copy()
    run = kernels.sgd_run_(X, y, w, b, **settings)
    truth = oracle.sgd_path(X, y, w0[i], b0[i], **settings)
    for got, ran, want in zip((field[i] for field in ends.history), run, truth, strict=True):
        assert got.dtype == X.dtype
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=0, atol=spacings * spacing(want, X.dtype))
        np.testing.assert_allclose(got, ran, rtol=0, atol=spacings * spacing(want, X.dtype))
    np.testing.assert_array_equal(ends.w[i], ends.history.w[i, -1])
    assert ends.b[i] == ends.history.b[i, -1]
    path = np.vstack([w0[i], ends.history.w[i]]), np.append(b0[i], ends.history.b[i])
    assert ends.steps[i] == oracle.first_all_correct(X, y, *path)
    X1, theta = np.column_stack([X, np.ones(len(y))]).astype(float), np.append(ends.w[i], ends.b[i]).astype(float)
    weights = settings.get("sample_weight", 1.0), settings.get("pos_weight")
    value, _ = oracle.cost_and_gradient(X1, y.astype(float), theta, settings.get("loss", "bce"), *weights)
    assert ends.loss[i] == pytest.approx(value, rel=1e-6 if X.dtype == np.float32 else 1e-11, abs=1e-300)
    assert ends.accuracy[i] == X.dtype.type(np.mean((X1 @ theta > 0) == (y > 0.5)))


# Members


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("n", "d", "batch_size"), SHAPES)
def test_members_are_runs(n, d, batch_size, soft, dtype, loss):
    X, y, *_ = problems.sgd_problem(n, d, dtype, soft=soft)
    w0, b0 = starts(5, d, dtype)
    settings = {"lr": 0.3, "batch_size": batch_size, "epochs": 4, "loss": loss}
    ends = kernels.sgd_ensemble(X, y, w0, b0, **settings, history_of=range(5))
    assert isinstance(ends, Ensemble)
    assert ends.steps.dtype == np.int64
    for i in range(5):
        assert_member(ends, i, X, y, w0, b0, **settings)


WEIGHTS = {
    "samples": {"sample_weight": True},
    "positive": {"pos_weight": 2.5},
    "both": {"sample_weight": True, "pos_weight": 0.25},
    "mse": {"sample_weight": True, "loss": "mse"},
}


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("n", "d", "batch_size"), [(20, 1, 3), (53, 2, 5), (97, 30, 13)])
def test_weighted_members_are_weighted_runs(n, d, batch_size, soft, dtype, weights):
    """Weights of which some are 0, those of a whole batch among them; every sample is classified."""
    X, y, *_ = problems.sgd_problem(n, d, dtype, soft=soft)
    w0, b0 = starts(3, d, dtype)
    weight = np.random.default_rng(n).exponential(size=n).astype(dtype)
    weight[batch_size : 2 * batch_size] = weight[::4] = 0.0
    settings = {"lr": 0.3, "batch_size": batch_size, "epochs": 4} | WEIGHTS[weights]
    if "sample_weight" in settings:
        settings["sample_weight"] = weight
    ends = kernels.sgd_ensemble(X, y, w0, b0, **settings, history_of=range(3))
    for i in range(3):
        assert_member(ends, i, X, y, w0, b0, **settings)


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("backend", BACKENDS)
def test_samples_of_no_weight_count_for_nothing(backend, d, dtype, loss):
    """Not even where their logits overflow."""
    X, y, *_ = problems.sgd_problem(20, d, dtype)
    w0, b0 = np.full((2, d), 5, dtype), np.zeros(2, dtype)
    weight = np.ones(20)
    weight[::4] = 0.0
    huge = X.copy()
    huge[::4] = 0.9 * np.finfo(dtype).max
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 3, "loss": loss, "sample_weight": weight, "history_of": [0]}
    want, got = (kernels.sgd_ensemble(of, y, w0, b0, **settings, backend=backend) for of in (X, huge))
    for one, other in zip([*got[:3], *got.history], [*want[:3], *want.history], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_that_the_dtype_cannot_hold_are_refused(backend):
    X, y, *_ = problems.sgd_problem(20, 2, np.float32)
    settings = {"lr": 0.1, "batch_size": 3, "epochs": 1, "backend": backend}
    with pytest.raises(
        ValueError, match=r"^a weight of a sample is 1e\+300; accepted: weights in the range of float32$"
    ):
        kernels.sgd_ensemble(X, y, *starts(2, 2, np.float32), **settings, sample_weight=np.full(20, 1e300))


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("k", [1, 2, 15, 16, 17, 63, 64, 65, 100, 1000])
def test_same_bits_wherever_a_member_stands(k, dtype, d):
    X, y, *_ = problems.sgd_problem(20, d, dtype)
    w0, b0 = starts(k, d, dtype)
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 3}
    ends = kernels.sgd_ensemble(X, y, w0, b0, **settings)
    for i in {0, k // 2, k - 1}:
        alone = kernels.sgd_ensemble(X, y, w0[i : i + 1], b0[i : i + 1], **settings)
        same(Ensemble(*(field[i : i + 1] for field in ends[:-1]), None), alone)
    order = np.random.default_rng(0).permutation(k)
    shuffled = kernels.sgd_ensemble(X, y, w0[order], b0[order], **settings)
    same(Ensemble(*(field[order] for field in ends[:-1]), None), shuffled)


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_lab(dtype, loss):
    """Starts of the lab's window, float32 within 3e-6 of float64."""
    x, y = problems.lab_data(dtype)
    rng = np.random.default_rng(0)
    w0, b0 = rng.uniform(-15, 15, (30, 1)).astype(dtype), rng.uniform(-13, 13, 30).astype(dtype)
    ends = kernels.sgd_ensemble(x[:, None], y, w0, b0, **LAB, loss=loss)
    for i in range(30):
        w, b, _ = oracle.sgd_path(x[:, None], y, w0[i], b0[i], **LAB, loss=loss)
        # by MSE some starts pass so close by a ridge that rounding errors grow
        close = (3e-6 if loss == "bce" else 2e-4) if dtype == np.float32 else 1e-11
        np.testing.assert_allclose([ends.w[i, 0], ends.b[i]], [w[-1, 0], b[-1]], rtol=0, atol=close)
        assert ends.steps[i] == oracle.first_all_correct(x[:, None], y, np.vstack([w0[i], w]), np.append(b0[i], b))


def test_lab_start_that_loses_accuracy_again():
    x, y = problems.lab_data()
    ends = kernels.sgd_ensemble(x[:, None], y, np.float32([[-0.00749]]), np.float32([0.53644]), **LAB, history_of=[0])
    assert ends.steps.tolist() == [10]
    correct = ((ends.history.w[0] * x + ends.history.b[0][:, None] > 0) == (y > 0.5)).all(axis=1)
    assert np.argmax(correct) == 9
    assert np.count_nonzero(~correct[9:]) == 43


@pytest.mark.parametrize("backend", BACKENDS)
def test_losses_beyond_the_range_of_float32_are_infinite(backend):
    """At the end; a step is not taken from there."""
    w0, b0 = np.full((1, 1), 3e38, np.float32), np.zeros(1, np.float32)
    settings = {"lr": 0.0, "batch_size": 1, "history_of": [0], "backend": backend}
    data = np.full((1, 1), 10, np.float32), np.zeros(1)
    ends = kernels.sgd_ensemble(*data, w0, b0, **settings, epochs=0)
    assert (ends.w.item(), ends.loss.item()) == (w0.item(), np.inf)
    ends = kernels.sgd_ensemble(*data, w0, b0, **settings, epochs=1)
    assert np.isnan([ends.w.item(), ends.loss.item(), ends.history.w.item(), ends.history.loss.item()]).all()


@pytest.mark.parametrize("rows", [65, 3000])
@pytest.mark.parametrize("d", [1, 3])
def test_sums_of_many_losses_do_not_overflow(d, rows):
    """A product of 1 + e^-|m| = 2 for each sample."""
    X = np.random.default_rng(d).normal(size=(rows, d))
    for dtype in problems.DTYPES:
        start = np.zeros((1, d), dtype), np.zeros(1, dtype)
        ends = kernels.sgd_ensemble(X.astype(dtype), X[:, 0] > 0, *start, lr=1, batch_size=1, epochs=0)
        assert ends.loss.item() == pytest.approx(np.log(2), rel=1e-6)


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("labels", ["separable", "mirrored", "ones", "zeros", "noisy"])
def test_steps_are_exact_at_ties(labels, dtype, d):
    """Small whole numbers, where logits are often exactly 0: that is class 0."""
    rng = np.random.default_rng(1)
    X = rng.integers(-3, 4, (12, d)).astype(dtype)
    y = {"separable": X[:, 0] > 0, "mirrored": X[:, 0] < 0, "ones": X[:, 0] < 9, "zeros": X[:, 0] > 9}.get(
        labels, rng.integers(0, 2, 12)
    )
    w0, b0 = rng.integers(-2, 3, (400, d)).astype(dtype), rng.integers(-2, 3, 400).astype(dtype)
    ends = kernels.sgd_ensemble(X, y, w0, b0, lr=0.0, batch_size=5, epochs=1)
    accuracy = (((w0 @ X.T + b0[:, None]) > 0) == (y > 0.5)).mean(axis=1)
    np.testing.assert_array_equal(ends.accuracy, accuracy.astype(dtype))
    np.testing.assert_array_equal(ends.steps, np.where(accuracy == 1, 0, -1))
    assert labels == "noisy" or 0 < np.count_nonzero(ends.steps == 0) < 400
    np.testing.assert_array_equal(ends.w, w0)


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize(("n", "d", "batch_size"), [(20, 1, 3), (53, 2, 5), (97, 30, 13)])
def test_both_backends_agree(n, d, batch_size, loss):
    X, y, *_ = problems.sgd_problem(n, d)
    w0, b0 = starts(70, d)
    settings = {"lr": 0.5, "batch_size": batch_size, "epochs": 5, "loss": loss, "history_of": (69, 3, 3)}
    ends, others = (kernels.sgd_ensemble(X, y, w0, b0, **settings, backend=backend) for backend in BACKENDS)
    for one, other in zip([*ends[:-1], *ends.history], [*others[:-1], *others.history], strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


# Members that diverge


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 2])
def test_members_that_diverge_stop_nobody(d, dtype, loss, backend):
    top = float(np.finfo(dtype).max)
    X = np.zeros((20, d), dtype)
    X[:, 0] = 100 * np.random.default_rng(0).normal(size=20)
    y = X[:, 0] > 0
    w0 = np.repeat(np.linspace(-1, 1, 90)[:, None], d, axis=1).astype(dtype)
    b0 = w0[:, 0] / 3
    settings = {"lr": 0.28 * top, "batch_size": 3, "epochs": 3, "loss": loss}
    ends = kernels.sgd_ensemble(X, y, w0, b0, **settings, history_of=range(90), backend=backend)
    diverged = np.isnan(ends.b)
    assert 0 < diverged.sum() < 90
    for i in range(90):
        w, b = w0[i].copy(), b0[i : i + 1].copy()
        if diverged[i]:
            with pytest.raises(FloatingPointError):
                kernels.sgd_run_(X, y, w, b, **settings, backend=backend)
            assert np.isnan(ends.w[i]).all()
            assert np.isnan([ends.loss[i], ends.accuracy[i]]).all()
            assert ends.steps[i] == -1
        else:
            kernels.sgd_run_(X, y, w, b, **settings, backend=backend)
            np.testing.assert_allclose(ends.w[i], w, rtol=1e-5, atol=1e-5)
    finite = np.isfinite(ends.history.w).all(axis=2) & np.isfinite(ends.history.b)
    np.testing.assert_array_equal(finite[:, -1], ~diverged)
    for path in (ends.history.w[..., 0], ends.history.b):
        np.testing.assert_array_equal(np.isnan(path), ~finite)  # NaN in all from the first step that isn't finite
    assert (finite[:, 1:] <= finite[:, :-1]).all()
    if backend == "numba":  # eager PyTorch has 0 * inf where logits overflow
        assert not np.isnan(ends.history.loss[:, 0]).any()
        np.testing.assert_array_equal(np.isnan(ends.history.loss[:, 1:]), ~finite[:, :-1])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("samples", [3, 100])
def test_a_loss_that_overflows_is_a_divergence(samples, d, backend, monkeypatch):
    """Parameters become 1e200 or so at the fourth sample, by which the loss of a later one is infinite. However steps
    are launched."""
    each = members.LANES["d"] * ensemble.operations(d + 1)
    monkeypatch.setattr(members, "OPERATIONS_PER_THREAD", samples * each)
    X, y = np.full((12, d), 1e200), np.arange(12) % 2.0
    X[:9], X[3], y[3] = 1.0, 1e200, 0.0
    w0, b0 = np.zeros((2, d)), np.array([-1000.0, 0.0])
    settings = {"lr": 1.0, "batch_size": 1, "epochs": 2, "history_of": [0, 1, 0], "backend": backend}
    ends = kernels.sgd_ensemble(X, y, w0, b0, **settings)
    for i in (0, 1):
        w, b = w0[i].copy(), b0[i : i + 1].copy()
        with pytest.raises(FloatingPointError) as caught:
            kernels.sgd_run_(X, y, w, b, **{name: settings[name] for name in settings if name != "history_of"})
        step = int(str(caught.value).split("step ")[1].split()[0])
        assert np.isnan([*ends.w[i], ends.b[i], ends.loss[i], ends.accuracy[i]]).all()
        assert ends.steps[i] == -1
        finite = np.isfinite(np.column_stack([ends.history.w[i], ends.history.b[i], ends.history.loss[i]])).all(axis=1)
        np.testing.assert_array_equal(finite, np.arange(24) < step - 1)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("k", [1, 5000])
def test_features_at_the_end_of_the_range_of_models_that_stay_where_they_are(k, d, dtype, loss, backend):
    top = np.finfo(dtype).max
    X, y = np.array([[top], [-0.8 * top], [1.0]], dtype).repeat(d, axis=1), np.array([1, 0, 0], dtype)
    w0, b0 = np.zeros((k, d), dtype), np.full(k, 0.5, dtype)
    ends = kernels.sgd_ensemble(X, y, w0, b0, lr=0.0, batch_size=1, epochs=1, loss=loss, backend=backend)
    want = np.mean([oracle.value_at(([0.5], [0.0], [0.0]), [label], 0, 0, "loss", loss=loss) for label in y])
    np.testing.assert_array_equal(ends.w, w0)
    np.testing.assert_array_equal(ends.b, b0)
    np.testing.assert_allclose(ends.loss, want, rtol=1e-6)
    np.testing.assert_allclose(ends.accuracy, 1 / 3, rtol=1e-6)


@pytest.mark.parametrize("backend", [None, *BACKENDS])
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_a_sum_of_slopes_that_overflows_is_a_divergence(dtype, backend):
    X, y = np.full((20, 1), 0.2 * np.finfo(dtype).max, dtype), np.ones(20, dtype)
    zeros = np.zeros((1, 1), dtype), np.zeros(1, dtype)
    ends = kernels.sgd_ensemble(X, y, *zeros, lr=0.0, batch_size=20, epochs=1, backend=backend)
    assert np.isnan([*ends.w[0], *ends.b, *ends.loss, *ends.accuracy]).all()
    assert ends.steps == -1


@pytest.mark.parametrize("d", [1, 3])
def test_watching_for_divergence_changes_no_bits(d, monkeypatch):
    X, y, *_ = problems.sgd_problem(20, d)
    w0, b0 = starts(70, d)
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 3, "history_of": [3]}
    want = kernels.sgd_ensemble(X, y, w0, b0, **settings)
    monkeypatch.setattr(ensemble, "losses_may_overflow", lambda *_: True)
    got = kernels.sgd_ensemble(X, y, w0, b0, **settings)
    same(got, want)
    for one, other in zip(got.history, want.history, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 2])
def test_saturated_members_are_as_finite_as_runs(d, dtype, loss):
    """Margins so large that their exponentials are 0 or infinite, of either sign, and infinite ones."""
    top = float(np.finfo(dtype).max)
    X = np.array([[1.0], [-1.0], [0.25], [-0.25], [0.5]] * 3, dtype).repeat(d, axis=1)
    y = np.array([1, 0, 0, 1, 0.25] * 3)
    scale = np.array([-1, -1e-3, 1e-3, 1]) * top
    w0 = np.concatenate([scale, [-5000, -800, -100, -90, 90, 100, 800, 5000]])[:, None].repeat(d, axis=1).astype(dtype)
    b0 = np.linspace(-300, 300, len(w0)).astype(dtype)
    settings = {"lr": 0.5, "batch_size": 2, "epochs": 2, "loss": loss}
    ends, diverged = kernels.sgd_ensemble(X, y, w0, b0, **settings), 0
    for i in range(len(w0)):
        w, b = w0[i].copy(), b0[i : i + 1].copy()
        try:
            kernels.sgd_run_(X, y, w, b, **settings)
        except FloatingPointError:
            diverged += 1
            assert np.isnan([ends.b[i], ends.loss[i]]).all()
            continue
        np.testing.assert_allclose(ends.w[i], w, rtol=4 * np.finfo(dtype).eps, atol=1e-6)
        np.testing.assert_allclose(ends.b[i], b[0], rtol=4 * np.finfo(dtype).eps, atol=1e-6)
        assert not np.isnan(ends.loss[i])
    assert (diverged > 0) == (loss != "mse" and d == 2)  # whose logits overflow, and losses grow with them


@pytest.mark.parametrize("weight", [None, np.array([0.5, 2.0, 0.0])], ids=["equal", "weighted"])
@pytest.mark.parametrize("d", [1, 2])
def test_infinite_logits_of_samples_that_are_right_cost_nothing(d, weight):
    X = np.array([[1e200], [-1e200], [1e200]]).repeat(d, axis=1)
    w0, b0 = np.full((2, d), 1e200), np.zeros(2)
    settings = {"lr": 0.5, "batch_size": 2, "epochs": 1, "sample_weight": weight}
    ends = kernels.sgd_ensemble(X, [1, 0, 1], w0, b0, **settings)
    np.testing.assert_array_equal(ends.w, w0)
    assert (ends.accuracy.tolist(), ends.steps.tolist()) == ([1, 1], [0, 0])
    np.testing.assert_allclose(ends.loss, 0, atol=1e-300)


MEMBERS = """
import numpy as np
import kernels
from tests import problems
from tests.kernels.test_ensemble import assert_member, starts
for dtype in (np.float32, np.float64):
    for n, d in ((20, 1), (53, 2)):
        X, y, *_ = problems.sgd_problem(n, d, dtype, soft=True)
        w0, b0 = starts(40, d, dtype)
        for loss in ("bce", "mse"):
            settings = dict(lr=0.3, batch_size=3, epochs=4, loss=loss)
            ends = kernels.sgd_ensemble(X, y, w0, b0, **settings, history_of=range(40))
            for i in range(40):
                assert_member(ends, i, X, y, w0, b0, **settings)
"""


@pytest.mark.long
@pytest.mark.parametrize("processor", processes.NARROW)
def test_members_are_runs_in_narrow_registers(processor, tmp_path):
    environment = processes.NARROW[processor]
    done = processes.run_python(MEMBERS, timeout=400, NUMBA_CACHE_DIR=str(tmp_path), **environment)
    assert done.returncode == 0, done.stderr


# Histories


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_histories_end_at_the_members(dtype, d):
    X, y, *_ = problems.sgd_problem(20, d, dtype)
    w0, b0 = starts(150, d, dtype)
    chosen = [149, 0, 77, 0, *range(20, 100)]
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 3}
    ends = kernels.sgd_ensemble(X, y, w0, b0, **settings, history_of=np.array(chosen))
    assert [field.shape for field in ends.history] == [(84, 21, d), (84, 21), (84, 21)]
    np.testing.assert_array_equal(ends.history.w[:, -1], ends.w[chosen])
    np.testing.assert_array_equal(ends.history.b[:, -1], ends.b[chosen])
    for field in ends.history:
        np.testing.assert_array_equal(field[1], field[3])
    same(ends, kernels.sgd_ensemble(X, y, w0, b0, **settings))


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_history_and_no_epochs(backend):
    X, y, *_ = problems.sgd_problem(20, 2)
    w0, b0 = starts(3, 2)
    ends = kernels.sgd_ensemble(X, y, w0, b0, lr=1, batch_size=3, epochs=2, backend=backend)
    assert [field.shape for field in ends.history] == [(0, 14, 2), (0, 14), (0, 14)]
    ends = kernels.sgd_ensemble(X, y, w0, b0, lr=1, batch_size=3, epochs=0, history_of=[1], backend=backend)
    assert [field.shape for field in ends.history] == [(1, 0, 2), (1, 0), (1, 0)]
    np.testing.assert_array_equal(ends.w, w0)
    np.testing.assert_array_equal(ends.b, b0)
    np.testing.assert_array_equal(ends.steps == 0, ends.accuracy == 1)


# However it is split


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("samples", [1, 2, 7, 20, 33])
def test_same_bits_for_any_launches(samples, dtype, d, loss, monkeypatch):
    """Launches that end within a batch, with it, with an epoch and beyond; and groups one after the other."""
    X, y, *_ = problems.sgd_problem(20, d, dtype)
    w0, b0 = starts(300, d, dtype)
    arguments = {"lr": 0.3, "batch_size": 6, "epochs": 4, "loss": loss, "history_of": [299, 5]}
    want, reports = kernels.sgd_ensemble(X, y, w0, b0, **arguments), []
    each = members.LANES[np.dtype(dtype).char] * ensemble.operations(d + 1)
    monkeypatch.setattr(members, "OPERATIONS_PER_THREAD", samples * each)
    got = kernels.sgd_ensemble(X, y, w0, b0, **arguments, progress=lambda *report: reports.append(report))
    same(got, want)
    for one, other in zip(got.history, want.history, strict=True):
        np.testing.assert_array_equal(one, other)
    done, totals = zip(*reports, strict=True)
    assert set(totals) == {302 * 16}
    assert list(done) == sorted(set(done))
    assert done[-1] == 302 * 16
    assert len(done) > 2


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_same_bits_for_any_number_of_threads(dtype, d, monkeypatch):
    X, y, *_ = problems.sgd_problem(97, d, dtype)
    w0, b0 = starts(1000, d, dtype)
    arguments = {"lr": 0.3, "batch_size": 6, "epochs": 30, "history_of": range(10)}
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        want = kernels.sgd_ensemble(X, y, w0, b0, **arguments)
    finally:
        numba.set_num_threads(before)
    parallel = kernels.sgd_ensemble(X, y, w0, b0, **arguments)
    monkeypatch.setattr(launch, "SERIAL_WORK", np.inf)
    for ends in (parallel, kernels.sgd_ensemble(X, y, w0, b0, **arguments)):
        same(ends, want)
        for one, other in zip(ends.history, want.history, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("d", "beside"), [(1, 2.5), (40, 0.25)])
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_rows_are_made_some_at_a_time(dtype, d, beside, weighted, monkeypatch):
    """The same bits, and little memory but that of these rows, of those times log2 e, and of those times weights."""
    (X, y, *_), (w0, b0) = problems.sgd_problem(10_000, d, dtype), starts(3, d, dtype)
    weight = np.random.default_rng(0).exponential(size=len(y)) if weighted else None
    settings = {"lr": 0.3, "batch_size": 3000, "epochs": 1, "sample_weight": weight}
    want = kernels.sgd_ensemble(X, y, w0, b0, **settings)
    monkeypatch.setattr(members, "VALUES_AT_ONCE", 1000)
    tracemalloc.start()
    try:
        got = kernels.sgd_ensemble(X, y, w0, b0, **settings)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    same(got, want)
    assert peak < ((3 if weighted else 2) + beside) * (d + 1) / d * X.nbytes


# What comes in and goes out


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 3])
def test_layouts_and_tensors_and_starts_untouched(d, dtype, backend):
    X, y, *_ = problems.sgd_problem(20, d, dtype)
    w0, b0 = starts(9, d, dtype)
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 2, "history_of": [4], "backend": backend}
    want = kernels.sgd_ensemble(X, y, w0, b0, **settings)
    for name in problems.layouts(X):
        arrays = [problems.layouts(array)[name] for array in (X, y, w0, b0)]
        same(kernels.sgd_ensemble(*arrays, **settings), want)
        for array, original in zip(arrays, (X, y, w0, b0), strict=True):
            np.testing.assert_array_equal(array, original)
    got = kernels.sgd_ensemble(*(torch.from_numpy(array.copy()) for array in (X, y, w0, b0)), **settings)
    for field, expected in zip([*got[:-1], *got.history], [*want[:-1], *want.history], strict=True):
        assert isinstance(field, torch.Tensor)
        np.testing.assert_array_equal(field.numpy(), expected)


WRONG = {
    "X": [(np.zeros(6), ValueError, r"X has shape \(6,\)"), (np.full((6, 3), np.nan), ValueError, r"X\[0, 0\] is nan")],
    "y": [(np.full(6, 2), ValueError, r"y\[0\] is 2; accepted"), (np.zeros(5), ValueError, r"y has shape \(5,\)")],
    "w0": [
        (np.zeros((0, 3)), ValueError, r"w0 has shape \(0, 3\); accepted: \(k, 3\) with k >= 1"),
        (np.zeros((4, 2)), ValueError, r"w0 has shape \(4, 2\); accepted: \(k, 3\)"),
        (np.zeros(3), ValueError, r"w0 has shape \(3,\)"),
        (np.zeros((4, 3), np.float32), TypeError, r"w0 has dtype float32; accepted: float64, the dtype of X"),
        (np.full((4, 3), np.inf), ValueError, r"w0\[0, 0\] is inf; accepted: finite"),
    ],
    "b0": [
        (np.zeros(3), ValueError, r"b0 has shape \(3,\); accepted: \(4,\), one bias for each start"),
        (np.zeros((4, 1)), ValueError, r"b0 has shape \(4, 1\)"),
        (np.zeros(4, int), TypeError, r"b0 has dtype int64; accepted: float64"),
        (np.array([0, 0, np.nan, 0]), ValueError, r"b0\[2\] is nan"),
    ],
    "lr": [(-1, ValueError, "lr is -1; accepted"), ("fast", TypeError, "lr is 'fast'; accepted")],
    "batch_size": [(0, ValueError, "batch_size is 0; accepted"), (1.5, TypeError, "batch_size is 1.5; accepted")],
    "epochs": [(-1, ValueError, "epochs is -1; accepted"), (None, TypeError, "epochs is None; accepted")],
    "loss": [("hinge", ValueError, "loss is 'hinge'; accepted: 'bce', 'mse', 'focal'")],
    "history_of": [
        ([4], ValueError, "history_of has 4; accepted: integers from 0 to 3"),
        ([-1], ValueError, "history_of has -1; accepted"),
        ([0.5], TypeError, r"history_of is \[0.5\]; accepted: a sequence of integers from 0 to 3"),
        (2, TypeError, "history_of is 2; accepted"),
    ],
    "backend": [("cuda", ValueError, "backend is 'cuda'; accepted")],
    "progress": [(5, TypeError, "progress is 5; accepted")],
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in WRONG.items() for case in cases])
def test_wrong_arguments(name, case, backend):
    value, error, message = case
    arguments = {"X": np.ones((6, 3)), "y": np.zeros(6), "w0": np.zeros((4, 3)), "b0": np.zeros(4)}
    arguments |= {"lr": 0.1, "batch_size": 2, "epochs": 2, "backend": backend, name: value}
    with pytest.raises(error, match="^" + message):
        kernels.sgd_ensemble(**arguments)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_cannot_fit_fails_before_allocating(backend):
    arguments = np.ones((6, 3)), np.zeros(6), np.zeros((4, 3)), np.zeros(4)
    with pytest.raises(MemoryError, match="GB; free"):
        kernels.sgd_ensemble(*arguments, lr=0.1, batch_size=2, epochs=10**12, history_of=[0], backend=backend)
