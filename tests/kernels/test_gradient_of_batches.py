"""Loss and gradient over batches: what arrays give, to the bit the same whoever reads them."""

import math
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch

from kernels import bce_loss_grad, logit_plane, means_of_batches

D = 5
W, B = np.array([0.3, -0.2, 0.1, 0.0, -0.4]), 0.2
SIZES = 40, 1, 300, 7, 64


def batch(k, dtype=np.float64, weighted=False, scale=1.0):
    rng = np.random.default_rng(k)
    X, y = rng.normal(size=(SIZES[k], D)).astype(dtype), rng.integers(0, 2, SIZES[k]) * 1.0
    return (X, y, rng.integers(0, 3, SIZES[k]) * scale) if weighted else (X, y)


def batches(**how):
    return [batch(k, **how) for k in range(len(SIZES))], [partial(batch, k, **how) for k in range(len(SIZES))]


def together(values):
    return [np.concatenate(parts) for parts in zip(*values, strict=True)]


def assert_same_bits(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pos_weight", [None, 2.5])
def test_of_all_samples(dtype, weighted, pos_weight):
    values, callables = batches(dtype=dtype, weighted=weighted)
    X, y, *weight = together(values)
    want = oracle_loss_grad(X, y, weight[0] if weighted else np.ones(len(y)), 1.0 if pos_weight is None else pos_weight)
    got = bce_loss_grad(values, None, W, B, pos_weight=pos_weight)
    assert got.loss.dtype == got.grad_w.dtype == got.grad_b.dtype == dtype
    allowed = 8 * np.finfo(dtype).eps * 4
    np.testing.assert_allclose(np.hstack(got), want, rtol=0, atol=allowed)
    with ThreadPoolExecutor(3) as executor:
        for given in (values, callables):
            assert_same_bits(bce_loss_grad(given, None, W, B, pos_weight=pos_weight), got)
            assert_same_bits(bce_loss_grad(given, None, W, B, pos_weight=pos_weight, executor=executor), got)


@pytest.mark.parametrize("kind", [list, tuple, deque, np.array, memoryview])
@pytest.mark.parametrize("row", [list, tuple])
def test_rows_of_numbers_are_no_batches(kind, row):
    X, y = batch(0)
    rows = [row(values) for values in X.tolist()]
    given = memoryview(X) if kind is memoryview else kind(rows)
    assert_same_bits(bce_loss_grad(given, y, W, B), bce_loss_grad(X, y, W, B))
    thetas = np.eye(D + 1)[:3]
    assert_same_bits(logit_plane(given, *thetas), logit_plane(X, *thetas))


def test_batches_in_any_sequence():
    values, callables = batches()
    want = bce_loss_grad(values, None, W, B)
    for given in (tuple(values), deque(values), deque(callables), list(map(list, values))):
        assert_same_bits(bce_loss_grad(given, None, W, B), want)


def oracle_loss_grad(X, y, weight, pos_weight):
    """By float64 formulas of the stable kind, summed up exactly; X is widened."""
    X = X.astype(np.float64)
    z = X @ W.astype(X.dtype) + B
    positive, negative = weight * pos_weight * y, weight * (1 - y)
    losses = positive * np.logaddexp(0, -z) + negative * np.logaddexp(0, z)
    slopes = negative / (1 + np.exp(-z)) - positive / (1 + np.exp(z))
    columns = [losses, *(slopes[:, None] * X).T, slopes]
    return np.array([math.fsum(column) for column in columns]) / weight.sum()


@pytest.mark.parametrize("scale", [1e-320, 1e300])
def test_weights_of_any_size(scale):
    values, _ = batches(weighted=True)
    scaled, _ = batches(weighted=True, scale=scale)
    want, got = (np.hstack(bce_loss_grad(given, None, W, B)) for given in (values, scaled))
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-15)


def test_a_mean_in_range_though_the_sum_is_not():
    one = np.array([[1e307]]), np.zeros(1)
    loss, grad_w, grad_b = bce_loss_grad([one] * 40, None, [1.0], 0.0)
    np.testing.assert_allclose([loss, grad_w[0], grad_b], [1e307, 1e307, 1.0], rtol=1e-15)


def test_batches_without_weight_count_for_nothing():
    values, _ = batches(weighted=True)
    X, y, _ = batch(2, weighted=True)
    got = bce_loss_grad([*values, (X, y, np.zeros(len(y)))], None, W, B)
    assert_same_bits(got, bce_loss_grad(values, None, W, B))


def test_tensors_give_tensors():
    values, _ = batches()
    got = bce_loss_grad([tuple(map(torch.from_numpy, one)) for one in values], None, torch.from_numpy(W), B)
    assert all(isinstance(part, torch.Tensor) for part in got)
    assert_same_bits([part.numpy() for part in got], bce_loss_grad(values, None, W, B))


@pytest.mark.parametrize("backend", ["torch", "reference"])
def test_by_other_backends(backend):
    values, _ = batches()
    got, want = (np.hstack(bce_loss_grad(values, None, W, B, backend=name)) for name in (backend, None))
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-15)


def test_more_batches_than_tasks(monkeypatch):
    values, callables = batches()
    want = bce_loss_grad(values, None, W, B)
    monkeypatch.setattr(means_of_batches, "MOST_TASKS", 2)
    got = bce_loss_grad(values, None, W, B)
    np.testing.assert_allclose(np.hstack(got), np.hstack(want), rtol=1e-14)
    with ThreadPoolExecutor(2) as executor:
        assert_same_bits(bce_loss_grad(callables, None, W, B, executor=executor), got)


class Counted:
    """A callable that gives a batch and counts how often it did."""

    def __init__(self, k):
        self.k, self.times = k, 0

    def __call__(self):
        self.times += 1
        return batch(self.k)

    def __reduce__(self):
        return Counted, (self.k,)


def test_a_checkpoint(tmp_path):
    """What is kept is not read again; another call is refused by what differs."""
    path, given = tmp_path / "sums", [Counted(k) for k in range(len(SIZES))]
    want = bce_loss_grad(given, None, W, B)
    for _ in range(2):
        assert_same_bits(bce_loss_grad(given, None, W, B, checkpoint=path), want)
    assert [one.times for one in given] == [2] * len(SIZES)  # without a checkpoint, and with one
    with pytest.raises(ValueError, match=r"is of other work, by its model; accepted: that of the same call"):
        bce_loss_grad(given, None, W + 1, B, checkpoint=path)
    with pytest.raises(ValueError, match=r"is of other work, by its batches; accepted"):
        bce_loss_grad(given[::-1], None, W, B, checkpoint=path)


def failing():
    raise OSError("no such row group")


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda v: bce_loss_grad(v, v[0][1], W, B), ValueError, r"y is given beside batches"),
        (
            lambda v: bce_loss_grad(v, None, W, B, sample_weight=[1.0]),
            ValueError,
            "sample_weight is given beside",
        ),
        (lambda v: bce_loss_grad(iter(v), None, W, B), TypeError, "X is a list_iterator, which can be"),
        (
            lambda v: bce_loss_grad([*v, batch(0, weighted=True)], None, W, B),
            ValueError,
            "batches with sample_weight",
        ),
        (lambda v: bce_loss_grad([(*v[0], 0 * v[0][1])], None, W, B), ValueError, "sample_weight has only zeros"),
        (lambda v: bce_loss_grad([*v, (1, 2, 3, 4)], None, W, B), TypeError, "X is a stream of tuple; accepted"),
        (lambda v: bce_loss_grad(v, None, W[1:], B), ValueError, r"w has shape \(4,\); accepted: \(5,\)"),
        (lambda v: bce_loss_grad(v, None, W, B, backend="cuda"), ValueError, "backend is 'cuda'; accepted"),
        (lambda v: bce_loss_grad(v, None, W, B, executor=4), TypeError, "executor is a int; accepted"),
        (
            lambda v: bce_loss_grad(*v[0], W, B, executor=ThreadPoolExecutor()),
            ValueError,
            "executor is given beside",
        ),
        (lambda v: bce_loss_grad(*v[0], W, B, checkpoint="sums"), ValueError, "checkpoint is given beside an array X"),
        (lambda v: bce_loss_grad([*v, failing], None, W, B), OSError, "no such row group"),
    ],
)
def test_wrong_batches(call, error, match):
    with pytest.raises(error, match=match):
        call(batches()[0])


def test_an_error_names_its_batch():
    with ThreadPoolExecutor(1) as executor, pytest.raises(OSError, match="no such row group") as raised:
        bce_loss_grad([batch(0), failing], None, W, B, executor=executor)
    assert any("batch 1 of X" in note for note in raised.value.__notes__)
