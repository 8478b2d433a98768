"""`bce_loss_grad` and `sgd_step_`: against the oracle, in any layout, on any number of threads, with wrong input."""

import math

import mpmath
import numba
import numpy as np
import pytest
import torch

import kernels
from kernels.numba_cpu.runtime import launch
from kernels.numba_cpu.training import gradient, layouts, small_pass
from kernels.results import LossGrad
from tests import oracle, problems, processes

BACKENDS = ("numba", "reference")
EVERY_BACKEND = (*BACKENDS, pytest.param("torch", marks=pytest.mark.long))
ROWS = (1, 2, 15, 16, 17, 63, 64, 65, 997)
FEATURES = (1, 2, 4, 7, 8, 16, 30, 33, 100, 128, 1000)
NAN, INF = math.nan, math.inf


def problem_of(n, d, dtype, labels="hard", scale=1.0):
    """Normal data with logits of about `scale`, and weights of the samples."""
    rng = np.random.default_rng([n, d])
    X, w, b = rng.normal(size=(n, d)), rng.normal(size=d) * scale / math.sqrt(d), rng.normal(size=1)
    y = rng.integers(0, 2, n) if labels == "hard" else rng.uniform(0, 1, n)
    arrays = tuple(a.astype(dtype) for a in (X, y, w, b))
    return arrays, rng.exponential(size=n) * 1e3


def assert_right(result, X, y, w, b, weight=None, ulps=4):
    oracle.assert_pass_close(result, oracle.mean_loss_grad(X, y, w, b, weight), X.dtype, ulps)


# Values


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("d", FEATURES)
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_against_the_oracle(dtype, d, n, monkeypatch):
    for labels in ("hard", "soft"):
        (X, y, w, b), weight = problem_of(n, d, dtype, labels)
        for share in (None, weight):
            expected = oracle.mean_loss_grad(X, y, w, b, share)
            for data in (X, np.asfortranarray(X)):
                for most in (small_pass.MOST_OPERATIONS, 0):  # by the kernel of few samples, and by jobs
                    with monkeypatch.context() as patched:
                        patched.setattr(small_pass, "MOST_OPERATIONS", most)
                        result = kernels.bce_loss_grad(data, y, w, b, sample_weight=share)
                    oracle.assert_pass_close(result, expected, dtype)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("n", [4, 7, 129])
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_rounding_does_not_grow_with_the_number_of_features(dtype, n, order):
    rng = np.random.default_rng(n)
    d = 20_000
    X, w, b = rng.random((n, d)), 4.0 * rng.random(d) / d, np.array([-2.0])  # terms that don't cancel
    X, w, b, y = X.astype(dtype, order), w.astype(dtype), b.astype(dtype), (np.arange(n) % 2).astype(dtype)
    assert_right(kernels.bce_loss_grad(X, y, w, b), X, y, w, b)


@pytest.mark.parametrize("d", [1, 3, 40])
@pytest.mark.parametrize("weighted", [False, True])
def test_reference_against_the_oracle(weighted, d):
    (X, y, w, b), weight = problem_of(100, d, np.float64, "soft")
    weight = weight if weighted else None
    result = kernels.bce_loss_grad(X, y, w, b, sample_weight=weight, backend="reference")
    assert_right(result, X, y, w, b, weight)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_more_samples_than_a_launch_takes(dtype, order, monkeypatch):
    (X, y, w, b), weight = problem_of(5003, 5, dtype)
    monkeypatch.setattr(gradient, "LAUNCH_OPERATIONS", gradient.operations(1001, 5))
    monkeypatch.setattr(gradient, "JOB_OPERATIONS", 1)
    result = kernels.bce_loss_grad(X.copy(order), y, w, b, sample_weight=weight)
    assert_right(result, X, y, w, b, weight)


@pytest.mark.parametrize("z", [0.0, 1e-3, 5.0, 40.0, 80.0, 300.0, 700.0, 1e4])
@pytest.mark.parametrize("label", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 3])
def test_every_logit_relative_to_mpmath(d, dtype, label, z):
    """Tails keep their digits down to the smallest normal number; beyond, nothing overflows."""
    for logit in (z, -z):
        b = np.array([logit], dtype)
        X, y, w = np.full((20, d), 0.5, dtype), np.full(20, label, dtype), np.zeros(d, dtype)
        with mpmath.workprec(oracle.BITS):
            loss, slope = (
                float(oracle.mpmath_terms(mpmath.mpf(float(b[0])), mpmath.mpf(label), 0, 1, name)[-1])
                for name in ("loss", "gradient")
            )
        eps, tiny = float(np.finfo(dtype).eps), 2 * float(np.finfo(dtype).smallest_normal)
        for weight in (None, np.full(20, 3.0)):
            result = kernels.bce_loss_grad(X, y, w, b, sample_weight=weight)
            assert result.loss == pytest.approx(loss, rel=40 * eps, abs=tiny)
            assert result.grad_b == pytest.approx(slope, rel=8 * eps, abs=tiny)
            assert result.grad_w.tolist() == pytest.approx([slope / 2] * d, rel=8 * eps, abs=tiny)


def test_weights_of_any_size_count_by_their_ratios():
    (X, y, w, b), weight = problem_of(50, 3, np.float32)
    want = kernels.bce_loss_grad(X, y, w, b, sample_weight=weight)
    for factor in (2.0**-900, 2.0**900):
        got = kernels.bce_loss_grad(X, y, w, b, sample_weight=weight * factor)
        for one, other in zip(got, want, strict=True):
            np.testing.assert_array_equal(one, other)
    integers = np.arange(50) % 4
    repeated = np.repeat(np.arange(50), integers)
    assert_right(kernels.bce_loss_grad(X, y, w, b, sample_weight=integers), X[repeated], y[repeated], w, b)


@pytest.mark.parametrize("backend", EVERY_BACKEND)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("pos_weight", [0, 0.3, 7.0, 1e30])
def test_weight_of_the_positive_class(pos_weight, weighted, dtype, backend):
    """Against torch.nn.BCEWithLogitsLoss in float64, divided by the weights as they were."""
    (X, y, w, b), weight = problem_of(97, 3, dtype, "soft")
    y[:40] = y[:40].round()
    share = torch.from_numpy(weight) if weighted else torch.ones(97, dtype=torch.float64)
    leaves = [torch.from_numpy(v).double().requires_grad_() for v in (w, b)]
    cost = torch.nn.BCEWithLogitsLoss(share, reduction="sum", pos_weight=torch.tensor(pos_weight, dtype=torch.float64))
    want = cost(torch.from_numpy(X).double() @ leaves[0] + leaves[1], torch.from_numpy(y).double()) / share.sum()
    want.backward()
    options = {"sample_weight": weight if weighted else None, "backend": backend}
    got = kernels.bce_loss_grad(X, y, w, b, pos_weight=np.array([pos_weight]), **options)
    size = max(1.0, pos_weight)
    for one, other in zip(got, (want.detach(), leaves[0].grad, leaves[1].grad[0]), strict=True):
        np.testing.assert_allclose(one / size, other.numpy() / size, rtol=0, atol=20 * np.finfo(dtype).eps)
    stepped = w.copy(), b.copy()
    loss = kernels.sgd_step_(X, y, *stepped, lr=1e-30, pos_weight=pos_weight, **options)
    assert loss == got.loss
    moved = w.astype(np.float64) - 1e-30 * got.grad_w.astype(np.float64)
    np.testing.assert_allclose(stepped[0], moved, rtol=0, atol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("backend", ["numba", "reference"])
@pytest.mark.parametrize("weight", [1.9, 1e308, 1e-320])
def test_huge_weights_of_the_positive_class(weight, backend):
    """The mean stays in range where weights of samples times that of the class wouldn't."""
    X, y, w, b = np.ones((4, 2)), np.array([1.0, 0, 0, 0]), np.zeros(2), np.zeros(1)
    options = {"sample_weight": np.full(4, weight), "pos_weight": 1e308, "backend": backend}
    loss, grad_w, grad_b = kernels.bce_loss_grad(X, y, w, b, **options)
    np.testing.assert_allclose(loss, 1e308 * math.log(2) / 4, rtol=1e-14)
    np.testing.assert_allclose([*grad_w, grad_b], -1e308 / 8, rtol=1e-14)


def test_wrong_weights_of_the_positive_class():
    for value, error in ((-1, ValueError), (math.nan, ValueError), (np.ones(2), TypeError), ("1", TypeError)):
        with pytest.raises(error, match=r"^pos_weight is "):
            kernels.bce_loss_grad(X, Y, W, B, pos_weight=value)
    with pytest.raises(ValueError, match=r"^y\[198\] is 1.5"):
        kernels.bce_loss_grad(X, with_value(Y, 198, 1.5), W, B, pos_weight=3)


# What overflows


@pytest.mark.parametrize("backend", EVERY_BACKEND)
@pytest.mark.parametrize("d", [1, 3, 40, 80])
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_a_sample_of_weight_0_is_as_if_it_were_not_there(dtype, d, backend):
    (X, y, w, b), weight = problem_of(97, d, dtype)
    far = np.full((2, d), np.finfo(dtype).max, dtype)
    far[1] *= (-1) ** np.arange(d)  # whose logit is NaN
    w += dtype(2) * np.sign(w)
    with_them = np.insert(X, [5, 80], far, axis=0), np.insert(y, [5, 80], [0, 1]), w, b
    options = {"backend": backend}
    got = kernels.bce_loss_grad(*with_them, sample_weight=np.insert(weight, [5, 80], 0), **options)
    assert_right(got, X, y, w, b, weight, ulps=40)
    stepped = w.copy(), b.copy()
    loss = kernels.sgd_step_(*with_them[:2], *stepped, lr=0.1, sample_weight=np.insert(weight, [5, 80], 0), **options)
    assert loss == got.loss
    assert np.isfinite(stepped[0]).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("backend", EVERY_BACKEND)
@pytest.mark.parametrize(("n", "d"), [(20, 1), (20, 3), (700, 40), (20_000, 2)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_a_mean_in_range_of_a_sum_that_is_not(dtype, weighted, n, d, backend):
    top = float(np.finfo(dtype).max) / 8
    X, y, w, b = np.zeros((n, d), dtype), np.zeros(n, dtype), np.full(d, 2, dtype), np.zeros(1, dtype)
    X[:, -1] = top
    weight = np.linspace(1, 2, n) if weighted else None
    loss, grad_w, grad_b = kernels.bce_loss_grad(X, y, w, b, sample_weight=weight, backend=backend)
    close = {"rel": 4 * float(np.finfo(dtype).eps)}
    assert loss == pytest.approx(2 * top, **close)
    assert [*grad_w, grad_b] == pytest.approx([0] * (d - 1) + [top, 1], **close)
    before = kernels.sgd_step_(X, y, w, b, lr=1 / top, sample_weight=weight, backend=backend)
    assert before == loss
    assert w == pytest.approx([2] * (d - 1) + [1], **close)


# Layouts and kinds


def records(X):
    """X as a field of packed records: misaligned, rows apart by no multiple of an element."""
    table = np.zeros(len(X), [("flag", np.uint8), ("X", X.dtype, X.shape[1:])])
    table["X"] = X
    return table["X"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize(("n", "d"), [(70, 1), (70, 3), (17, 40), (1, 5)])
@pytest.mark.parametrize("most", [small_pass.MOST_OPERATIONS, 0])
def test_layouts(most, n, d, dtype, backend, monkeypatch):
    monkeypatch.setattr(small_pass, "MOST_OPERATIONS", most)
    (X, y, w, b), _ = problem_of(n, d, dtype)
    wide = np.full((n, d + 3), np.nan, dtype)
    wide[:, 1 : d + 1] = X
    layouts = problems.layouts(X) | {
        "some columns": wide[:, 1 : d + 1],
        "some columns, fortran": np.asfortranarray(wide)[:, 1 : d + 1],
        "every second row": np.repeat(X, 2, axis=0)[::2],
        "some rows, fortran": np.asfortranarray(np.vstack([X, wide[:, :d]]))[:n],
        "field of records": records(X),
        "broadcast row": np.broadcast_to(X[:1], X.shape),
        "broadcast value": np.broadcast_to(X[:1, :1], X.shape),
    }
    for name, data in layouts.items():
        before = data.copy()
        assert_right(kernels.bce_loss_grad(data, y, w, b, backend=backend), before, y, w, b, ulps=40)
        np.testing.assert_array_equal(data, before, err_msg=name)
    for name, labels in problems.layouts(y).items():
        result = kernels.bce_loss_grad(X, labels, problems.layouts(w)[name], b, backend=backend)
        assert_right(result, X, y, w, b, ulps=40)


@pytest.mark.parametrize("layout", ["C", "F", "some columns", "every second row", "some columns, fortran"])
def test_nothing_of_the_size_of_the_data_is_allocated(layout, monkeypatch):
    X = np.ones((5000, 12), order="F" if "fortran" in layout or layout == "F" else "C")
    X = X[:, 2:9] if "columns" in layout else X[::2] if "row" in layout else X
    data, _ = layouts.as_flat(X, X.dtype)
    assert np.shares_memory(data, X)
    assert not data.flags.writeable  # kernels are compiled for one kind


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_numpy_in_scalars_out_and_tensors_in_tensors_out(dtype, backend):
    (X, y, w, b), weight = problem_of(20, 3, dtype)
    want = kernels.bce_loss_grad(X, y, w, float(b[0]), sample_weight=weight, backend=backend)
    assert [type(want.loss), type(want.grad_w), type(want.grad_b)] == [dtype, np.ndarray, dtype]
    tensors = [torch.from_numpy(a.copy()) for a in (X, y, w, b)]
    got = kernels.bce_loss_grad(*tensors, sample_weight=torch.from_numpy(weight), backend=backend)
    assert [tuple(value.shape) for value in got] == [(), (3,), ()]
    for one, other in zip(got, want, strict=True):
        assert isinstance(one, torch.Tensor)
        np.testing.assert_array_equal(one.numpy(), other)
    for bias in (b, b[0], np.array(b[0]), torch.from_numpy(b)[0]):
        assert kernels.bce_loss_grad(X, y[:, None], w, bias, sample_weight=weight, backend=backend).loss == want.loss
    for kind in (bool, np.int8, np.float32, np.float64):
        labels = kernels.bce_loss_grad(X, y.astype(kind), w, b, sample_weight=weight, backend=backend)
        assert labels.loss == want.loss


def negated(array):
    """A tensor of these values whose memory holds the opposite ones."""
    tensor = torch.complex(torch.zeros(array.shape, dtype=torch.float64), -torch.from_numpy(array)).conj().imag
    assert tensor.is_neg()
    return tensor


@pytest.mark.parametrize("backend", EVERY_BACKEND)
def test_a_tensor_with_the_negative_bit_is_read_with_its_sign(backend):
    arrays, weight = problem_of(20, 3, np.float64)
    want = kernels.bce_loss_grad(*arrays, sample_weight=weight, backend=backend)
    got = kernels.bce_loss_grad(*map(negated, arrays), sample_weight=negated(weight), backend=backend)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_array_equal(one.numpy(), other)


def test_parameters_that_do_not_hold_their_own_values_are_not_stepped():
    tensors = [torch.from_numpy(array.copy()) for array in GOOD]
    for position, name in ((2, "w"), (3, "b")):
        arguments = [*tensors[:position], negated(GOOD[position]), *tensors[position + 1 :]]
        with pytest.raises(ValueError, match=f"^{name} has the negative bit set; accepted: "):
            kernels.sgd_step_(*arguments, lr=0.1)
    with pytest.raises(ValueError, match=r"^w repeats its elements; accepted: an array that is not broadcast"):
        kernels.sgd_step_(*tensors[:2], torch.zeros(1, dtype=torch.float64).expand(3), tensors[3], lr=0.1)
    repeated = np.lib.stride_tricks.as_strided(np.zeros(1), (3,), (0,))
    with pytest.raises(ValueError, match=r"^w repeats its elements"):
        kernels.sgd_step_(X, Y, repeated, B.copy(), lr=0.1)


def test_tensors_without_values_are_refused_by_name():
    X, y, w, b = (torch.from_numpy(array.copy()) for array in GOOD)
    for transform in (torch.func.grad, torch.func.vmap):
        with pytest.raises(TypeError, match=r"^\w is a tensor without values to read, as within torch.func"):
            transform(lambda w: kernels.bce_loss_grad(X, y, w[0], b).loss)(w[None])


def test_tensors_that_stand_for_others_are_refused():
    """NumPy would read memory that isn't theirs, without a word."""
    X, y, w, b = (torch.from_numpy(array.copy()) for array in GOOD)
    with pytest.raises(TypeError, match=r"^X is a tensor without values to read, as within torch.func"):
        torch.func.functionalize(lambda X: kernels.bce_loss_grad(X, y, w, b).loss)(X)
    with pytest.raises(TypeError, match=r"^w is a tensor without values to read"):
        torch.func.functionalize(lambda w: kernels.sgd_step_(X, y, w, b, lr=0.1))(w)


# Same bits


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("n", "d"), [(40_000, 1), (9001, 7), (5003, 33), (301, 1000)])
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_same_bits_for_any_number_of_threads(dtype, n, d, order, monkeypatch):
    (X, y, w, b), weight = problem_of(n, d, dtype)
    X = X.copy(order)
    results = []
    for serial_work, threads in ((0, 1), (0, numba.config.NUMBA_NUM_THREADS), (10**12, 1)):
        monkeypatch.setattr(launch, "SERIAL_WORK", serial_work)
        numba.set_num_threads(threads)
        results.append(kernels.bce_loss_grad(X, y, w, b, sample_weight=weight))
    for other in results[1:]:
        for one, value in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, value)


# Registers of other machines

SPANS = """
import numpy as np
import kernels
for d in (2, 3):
    data = np.ones((1000, d), np.float32), np.zeros(1000, np.float32), np.zeros(d, np.float32), 0.0
    result = kernels.bce_loss_grad(*data)
    np.testing.assert_allclose([result.loss, *result.grad_w], [np.log(2)] + [0.5] * d, rtol=1e-6)
"""


@pytest.mark.long
@pytest.mark.parametrize("processor", processes.NARROW)
def test_products_of_a_span_stay_in_range_in_narrow_registers(processor, tmp_path):
    environment = processes.NARROW[processor]
    done = processes.run_python(SPANS, timeout=400, NUMBA_CACHE_DIR=str(tmp_path), **environment)
    assert done.returncode == 0, done.stderr


# A step


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_step_descends_in_place(weighted, dtype, backend):
    (X, y, w, b), weight = problem_of(65, 9, dtype)
    options = {"sample_weight": weight if weighted else None, "backend": backend}
    loss, grad_w, grad_b = kernels.bce_loss_grad(X, y, w, b, **options)
    theta = np.concatenate([w, b, [77]]).astype(dtype)
    assert kernels.sgd_step_(X, y, theta[:9], theta[9:10], lr=0.5, **options) == loss
    allowed = np.finfo(dtype).eps * (1 + np.abs(w).max())
    np.testing.assert_allclose(theta, [*(w - 0.5 * grad_w), b[0] - 0.5 * grad_b, 77], rtol=0, atol=allowed)
    tensors = [torch.from_numpy(a.copy()) for a in (X, y, w, b)]
    value = kernels.sgd_step_(*tensors, lr=0.5, **options)
    assert value.shape == ()
    np.testing.assert_array_equal(torch.cat(tensors[2:]).numpy(), theta[:10])


# Wrong input

GOOD = problem_of(200, 3, np.float64)[0]


def with_value(array, index, value):
    array = array.copy()
    array[index] = value
    return array


X, Y, W, B = GOOD
WRONG = [
    ("X", X[0], ValueError, r"X has shape \(3,\); accepted: \(n, d\)"),
    ("X", X[:0], ValueError, r"X has shape \(0, 3\)"),
    ("X", X.astype(int), TypeError, r"X has dtype int64"),
    ("X", with_value(X, (0, 0), NAN), ValueError, r"X\[0, 0\] is nan; accepted: finite"),
    ("X", with_value(X, (199, 2), INF), ValueError, r"X\[199, 2\] is inf"),
    ("X", np.asfortranarray(with_value(X, (63, 1), -INF)), ValueError, r"X\[63, 1\] is -inf"),
    ("y", Y[1:], ValueError, r"y has shape \(199,\); accepted: \(200,\)"),
    ("y", with_value(Y, 198, 1.5), ValueError, r"y\[198\] is 1.5; accepted: labels in \[0, 1\]"),
    ("y", with_value(Y, 5, -1e-300), ValueError, r"y\[5\] is -1e-300"),
    ("y", with_value(Y, 5, NAN), ValueError, r"y\[5\] is nan"),
    ("y", with_value(Y, 7, 2).astype(int), ValueError, r"y\[7\] is 2"),
    ("w", W[1:], ValueError, r"w has shape \(2,\); accepted: \(3,\)"),
    ("w", with_value(W, 1, NAN), ValueError, r"w\[1\] is nan"),
    ("b", with_value(B, 0, INF), ValueError, r"b\[0\] is inf"),
    ("b", np.zeros(2), ValueError, r"b has shape \(2,\)"),
    ("sample_weight", np.ones(3), ValueError, r"sample_weight has shape \(3,\); accepted: \(200,\)"),
    ("sample_weight", -np.ones(200), ValueError, r"sample_weight has a negative value"),
    ("sample_weight", np.zeros(200), ValueError, r"sample_weight has .*only zeros"),
    ("sample_weight", with_value(np.ones(200), 3, NAN), ValueError, r"sample_weight\[3\] is nan"),
    ("backend", "fpga", ValueError, r"backend is 'fpga'"),
]
WRONG_STEPS = [
    ("lr", -1.0, ValueError, r"lr is -1.0; accepted: a finite number >= 0"),
    ("lr", "1", TypeError, r"lr is '1'"),
    ("w", W.astype(np.float32), TypeError, r"w has dtype float32; accepted: float64"),
    ("w", list(W), TypeError, r"w is a list"),
    ("b", np.zeros(()), ValueError, r"b has shape \(\); accepted: \(1,\)"),
    ("b", 1.0, TypeError, r"b is a float"),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "value", "error", "message"), WRONG, ids=[f"{k[0]}-{i}" for i, k in enumerate(WRONG)])
def test_wrong_arguments(name, value, error, message, backend):
    arguments = dict(zip("Xywb", GOOD, strict=True)) | {"backend": backend, name: value}
    with pytest.raises(error, match=f"^{message}"):
        kernels.bce_loss_grad(**arguments)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "value", "error", "message"), WRONG + WRONG_STEPS)
def test_wrong_steps_leave_the_parameters(name, value, error, message, backend):
    arguments = dict(zip("Xywb", (a.copy() for a in GOOD), strict=True)) | {"lr": 0.1, "backend": backend, name: value}
    with pytest.raises(error, match=f"^{message}"):
        kernels.sgd_step_(**arguments)
    for key, good in (("w", W), ("b", B)):
        if key != name:
            np.testing.assert_array_equal(arguments[key], good)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("d", [1, 5, 40])
def test_whatever_is_not_finite_is_found(d, order, dtype, backend):
    """Wherever it stands, with logits so large that its residual would be 0, or with a weight of 0."""
    n = 150
    b, w = np.array([-100], dtype), np.zeros(d, dtype)
    for row, value in ((0, NAN), (15, INF), (16, -INF), (147, NAN), (149, INF)):
        X = np.zeros((n, d), dtype, order)
        X[row, -1] = value
        weight = with_value(np.ones(n), row, 0)
        for options in ({"backend": backend}, {"backend": backend, "sample_weight": weight}):
            with pytest.raises(ValueError, match=rf"X\[{row}, {d - 1}\] is "):
                kernels.bce_loss_grad(X, np.zeros(n, dtype), w, b, **options)
            with pytest.raises(ValueError, match=rf"y\[{row}\] is "):
                kernels.bce_loss_grad(np.zeros((n, d), dtype), with_value(np.zeros(n, dtype), row, 2), w, b, **options)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_what_overflows_is_returned_and_not_stepped_to(dtype, backend):
    top = np.finfo(dtype).max
    X, y = np.full((20, 2), top / 4, dtype), np.zeros(20, dtype)
    w, b = np.full(2, 8, dtype), np.zeros(1, dtype)
    assert kernels.bce_loss_grad(X, y, w, b, backend=backend).loss == INF
    with pytest.raises(FloatingPointError, match=r"leaves the range of float.*lr = 1"):
        kernels.sgd_step_(X, y, w, b, lr=1.0, backend=backend)
    assert w.tolist() == [8, 8]
    w[:] = 0
    with pytest.raises(FloatingPointError, match="leaves the range"):
        kernels.sgd_step_(X, y, w, b, lr=100.0, backend=backend)
    assert [*w, *b] == [0, 0, 0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_bias_alone_is_not_stepped_out_of_range(backend):
    w, b = np.zeros(2, np.float32), np.zeros(1, np.float32)
    with pytest.raises(FloatingPointError, match="leaves the range of float32"):
        kernels.sgd_step_(np.zeros((3, 2), np.float32), np.zeros(3), w, b, lr=1e39, backend=backend)
    assert [*w, *b] == [0, 0, 0]


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 2, 3, 4, 8, 9, 16, 130, 600])
@pytest.mark.parametrize("n", [1, 7, 8, 9, 15, 16, 17])
def test_no_row_before_the_first_is_read(n, d, dtype):
    """Groups that reach back to have enough rows."""
    X, y, w, b = problems.sgd_problem(60 + n, d, dtype=dtype)
    want = oracle.mean_loss_grad(X[60:], y[60:], w, b)
    X[:60], y[:60] = NAN, NAN
    value, slopes = gradient.sums(X[60:], y[60:], np.append(w, b), None)
    for got in (
        (value / n, slopes[:-1] / n, slopes[-1] / n),
        small_pass.loss_and_gradient(X[60:], y[60:], None, w, b, n),
    ):
        oracle.assert_pass_close(LossGrad(*(np.asarray(part, dtype) for part in got)), want, dtype)


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 2, 4, 8, 9, 64, 128, 257, 300, 513])
@pytest.mark.parametrize("rows", [60, 700, 1303])
def test_products_of_many_samples_on_the_boundary_do_not_overflow(rows, d, dtype, monkeypatch):
    """Each 1 + e is 2 there, and one job has them all."""
    monkeypatch.setattr(gradient, "JOBS", 1)
    monkeypatch.setattr(gradient, "JOB_OPERATIONS", 10**9)
    X, y, _, _ = problems.sgd_problem(rows, d)
    value, slopes = gradient.sums(X.astype(dtype), y.astype(dtype), np.zeros(d + 1, dtype), None)
    want = X.astype(dtype).astype(float).T @ (0.5 - y)
    assert value == pytest.approx(rows * np.log(2), rel=4 * float(np.finfo(dtype).eps))
    np.testing.assert_allclose(slopes[:-1], want, rtol=0, atol=8 * np.finfo(dtype).eps * np.abs(X).sum(axis=0).max())
