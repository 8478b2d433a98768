"""Samples from streams: the same surfaces as from arrays, and errors where passes differ."""

import math
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

from kernels import LogitPlane, logit_plane, plan_surface, planes, surface_on_plane
from kernels.arguments import blocks as blocks_module
from kernels.arguments import grids, ranges, samples
from tests.oracle import QUANTITIES
from tests.processes import printed_by

RNG = np.random.default_rng(3)
X = RNG.normal(size=(1203, 4))
Y = (X[:, 0] + RNG.normal(size=len(X)) > 0) * 1.0
THETAS = np.array([0.1, -0.2, 0.3, 0.0, 0.5]), np.eye(5)[0], np.eye(5)[4] + np.eye(5)[1]
S, T = np.linspace(-2, 2, 130), np.linspace(-1, 3, 90)
PLANE = logit_plane(X, *THETAS)
ONE_FEATURE = LogitPlane(np.zeros(len(X)), X[:, 0].copy(), np.ones(len(X)))
LINE = LogitPlane(0.3 - 0.5 * X[:, 0], X[:, 0].copy(), 2 * X[:, 0] + 1)


class Changing:
    """A stream that is one sample shorter in one of its passes; numbers of those that were `ended`."""

    def __init__(self, plane, short):
        self.plane, self.short, self.passes, self.ended = plane, short, 0, []

    def __iter__(self):
        self.passes += 1
        return self.numbered(self.passes)

    def numbered(self, number):
        n = len(Y) - (number == self.short)
        yield LogitPlane(*(field[:n] for field in self.plane)), Y[:n]
        self.ended.append(number)


def blocks(plane, size):
    return [(LogitPlane(*(field[i : i + size] for field in plane)), Y[i : i + size]) for i in range(0, len(Y), size)]


def assert_same(surface, other):
    for name in QUANTITIES:
        np.testing.assert_allclose(getattr(surface, name), getattr(other, name), rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", ["direct", "spectral"])
@pytest.mark.parametrize("size", [7, 600, 5000])
def test_blocks_of_any_size(size, method):
    for plane in (PLANE, ONE_FEATURE):
        options = {"quantities": QUANTITIES, "method": method}
        assert_same(
            surface_on_plane(blocks(plane, size), None, S, T, **options), surface_on_plane(plane, Y, S, T, **options)
        )


def test_data_loaders():
    loader = DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)[:, None]), batch_size=100, shuffle=True)
    for batches in (loader, list(loader)):
        surface = surface_on_plane(logit_plane(batches, *THETAS), None, S, T, quantities=QUANTITIES)
        assert all(isinstance(getattr(surface, name), torch.Tensor) for name in QUANTITIES)
        assert_same(surface, surface_on_plane(PLANE, Y, S, T, quantities=QUANTITIES))
    np.testing.assert_array_equal(logit_plane(X[:3].tolist(), *THETAS).offset, logit_plane(X[:3], *THETAS).offset)


def test_arrays_in_several_blocks(monkeypatch):
    want = surface_on_plane(PLANE, Y, S, T, quantities=QUANTITIES, sample_weight=Y + 1)
    monkeypatch.setattr(blocks_module, "AT_ONCE", 100)
    assert_same(surface_on_plane(PLANE, Y, S, T, quantities=QUANTITIES, sample_weight=Y + 1), want)


@pytest.mark.parametrize("plane", [PLANE, ONE_FEATURE, LINE], ids=["plane", "feature", "line"])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_passes_that_differ_are_noticed(quantity, plane):
    """All after the one that is planned by: of class weights, of planning and of evaluation, compressed or not."""
    for method in ("direct", "spectral"):
        options = {"quantities": quantity, "method": method}
        stream = Changing(plane, short=0)
        surface_on_plane(stream, None, S, T, **options)
        assert stream.ended[-1] == stream.passes > 3
        for short in stream.ended[stream.ended.index(3) + 1 :]:
            with pytest.raises(ValueError, match=r"plane gave 1203 samples in one pass and 1202 in another; accepted"):
                surface_on_plane(Changing(plane, short=short), None, S, T, **options)


@pytest.mark.parametrize("plane", [PLANE, ONE_FEATURE], ids=["plane", "line"])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_passes_that_grow_are_noticed(quantity, plane):
    """The pass that is planned by, after two that look at the first block, is the short one."""
    for method in ("direct", "spectral"):
        with pytest.raises(ValueError, match=r"plane gave 1202 samples in one pass and 1203 in another; accepted"):
            surface_on_plane(Changing(plane, short=3), None, S, T, quantities=quantity, method=method)


@pytest.mark.parametrize("backend", ["reference", "torch"])
def test_a_last_pass_that_differs_is_noticed_by_every_backend(backend):
    stream = Changing(PLANE, short=0)
    surface_on_plane(stream, None, S, T, method="direct", backend=backend)
    with pytest.raises(ValueError, match=r"plane gave 1203 samples in one pass and 1202 in another; accepted"):
        surface_on_plane(Changing(PLANE, stream.passes), None, S, T, method="direct", backend=backend)


def test_compression_of_a_stream_is_planned():
    assert "compressed" in plan_surface(blocks(ONE_FEATURE, 100), None, S, T, quantities="mse").reason


def test_a_summary_of_tensors_is_one_transfer_to_the_host():
    class NothingRead(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            assert function is not torch.ops.aten._local_scalar_dense.default
            return function(*args, **kwargs or {})

    rng = np.random.default_rng(0)
    block = blocks_module.Block(rng.normal(size=50), rng.normal(size=50), np.ones(1), rng.uniform(size=50))
    with NothingRead():
        got = ranges.summary_of_block(blocks_module.Block(*map(torch.from_numpy, block[:4])))
    for one, want in zip(got, ranges.summary_of_block(block), strict=True):
        np.testing.assert_array_equal(one, want)


@pytest.mark.parametrize(
    ("stream", "error", "match"),
    [
        ([], ValueError, "plane has no blocks; accepted"),
        ((block for block in blocks(PLANE, 600)), TypeError, "plane is a generator, which can be read only once"),
        (["abc"], TypeError, "plane is a stream of str; accepted"),
        ([*blocks(PLANE, 600), (PLANE, Y[1:])], ValueError, r"y has shape \(1202,\); accepted"),
        ([(LogitPlane(*np.zeros((3, 0))), [])], ValueError, r"plane.offset has shape \(0,\); accepted"),
        (logit_plane([(X, Y, Y, Y)], *THETAS), TypeError, r"X is a stream of tuple; accepted: .* batches \(X, y\)"),
        (logit_plane({"abc": 1}, *THETAS), TypeError, r"X is a stream of str; accepted: .* batches \(X, y\)"),
    ],
)
def test_wrong_streams(stream, error, match):
    out = np.full((len(T), len(S)), 77.0)
    with pytest.raises(error, match=match):
        surface_on_plane(stream, None, S, T, out=out)
    assert (out == 77.0).all()


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("term", ["p", "q s", "r t", "q q", "r r", "weight of the positive class"])
def test_sums_fit_as_long_as_each_term_does(term, sign):
    for share, fits in ((0.999, True), (1.001, False)):
        most = share * samples.LARGEST_SUM / 8  # the sum of the weights
        size, pos_weight, s, t = np.ones(3), None, np.array([-1.0, 0.5]), np.array([0.5, -1.0])
        if term == "weight of the positive class":
            pos_weight, size = 2.0**20, np.array([most / 2**20, 1, 1])
        elif len(set(term)) == 2:
            size["pqr".index(term[0])] = most**0.5
            s, t = 0 * s, 0 * t
        elif term == "p":
            size[0] = most
        else:
            axis = s if term == "q s" else t
            axis *= most
        signs = np.array([sign, -sign, sign])
        summary = ranges.Summary(10, 1, 8.0, np.minimum(0, signs * size), np.maximum(0, signs * size), None)
        reach = grids.reach_of_logits(summary.low, summary.high, s, t)
        assert samples.sums_fit(summary, reach, pos_weight) == fits


@pytest.mark.parametrize("of_class_1", [0, 1, 333, 6999, 7000])
def test_balanced_accuracy_without_weights_is_a_rounded_quotient_of_counts(of_class_1):
    n = 7000
    y, x = (np.arange(n) < of_class_1) * 1.0, np.random.default_rng(of_class_1).normal(size=n)
    plane = LogitPlane(np.zeros(n), x, np.ones(n))
    got = surface_on_plane(plane, y, [1.0], T, quantities="balanced_accuracy").balanced_accuracy
    right = (x[:, None] + T > 0) == (y > 0.5)[:, None]
    shares = [right[own].sum(0) / own.sum() for own in (y > 0.5, y <= 0.5) if own.any()]
    np.testing.assert_allclose(got[:, 0], np.mean(shares, 0), rtol=0, atol=2.0**-52)


# Planes of batches


def batch(k, weighted=False):
    rng = np.random.default_rng(k)
    features, labels = rng.normal(size=(30 + k, 4)), rng.integers(0, 2, 30 + k) * 1.0
    return (features, labels, rng.uniform(size=30 + k)) if weighted else (features, labels)


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
def test_planes_of_batches_that_are_callables(weighted):
    """They stay callables, which multiply where they are called, unless an executor gathers them."""
    callables = [partial(batch, k, weighted) for k in range(5)]
    planes = logit_plane(callables, *THETAS)
    assert len(planes) == 5
    blocks = list(planes)
    assert all(map(callable, blocks))
    with ThreadPoolExecutor(2) as executor:
        gathered = logit_plane(callables, *THETAS, executor=executor)
    for k, (block, found) in enumerate(zip(blocks, gathered, strict=True)):
        features, *rest = batch(k, weighted)
        want = logit_plane(features, *THETAS)
        for got in (block(), found):
            for field, other in zip((*got[0], *got[1:]), (*want, *rest), strict=True):
                np.testing.assert_array_equal(field, other)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_plane_by_an_executor(dtype, monkeypatch):
    monkeypatch.setattr(planes, "FEATURES_AT_ONCE", 1000)
    want = logit_plane(X.astype(dtype), *THETAS)
    with ThreadPoolExecutor(3) as executor:
        got = logit_plane(X.astype(dtype), *THETAS, executor=executor)
    for one, other in zip(got, want, strict=True):
        assert one.dtype == dtype
        np.testing.assert_array_equal(one, other)


WIDE = """
import numpy as np
from kernels import logit_plane
digits = []
for n, d in ((1000, 257), (64, 4097), (300, 700), (3, 130)):
    rng = np.random.default_rng(d)
    plane = logit_plane(rng.normal(size=(n, d)), *rng.normal(size=(3, d + 1)))
    digits.append([field.tobytes().hex()[-4000:] for field in plane])
import json
print(json.dumps(digits))
"""


def test_a_plane_has_the_same_bits_by_any_number_of_threads():
    """Of the threads of the matrix product, which workers have fewer of."""
    assert printed_by(WIDE, OPENBLAS_NUM_THREADS="1") == printed_by(WIDE, OPENBLAS_NUM_THREADS="4")


def test_a_plane_of_many_features():
    rng = np.random.default_rng(0)
    features, thetas = rng.normal(size=(20, 300)), rng.normal(size=(3, 301))
    plane = logit_plane(features, *thetas)
    for field, theta in zip(plane, thetas, strict=True):
        terms = np.column_stack([features * theta[:-1], np.full(20, theta[-1])])
        want = [math.fsum(row) for row in terms]
        np.testing.assert_allclose(field, want, rtol=0, atol=300 * 2.0**-53 * np.abs(terms).sum(axis=1).max())
