"""The largest eigenvalue and the trace of the Hessian, against autograd's."""

import tracemalloc

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn import linear_model
from torch.utils.data import DataLoader, TensorDataset

from kernels.losses import LOSSES
from logreg import History, TrainingPath, curvature, sharpness, train
from logreg.eigen import top_eigenpairs
from logreg.hessian import Sharpness
from logreg.model import seeded_model
from tests import problems
from tests.training import TORCH_LOSSES


def limit_to(most, monkeypatch):
    """Makes a matrix of so many parameters at the most."""
    for name in ("MOST_DENSE", "MOST_SPARSE", "MOST_STREAMED"):
        monkeypatch.setattr(curvature, name, most)


WAYS = pytest.mark.parametrize("most_dense", [256, 0], ids=["decomposed", "by products"])


def hessian_of(X, y, theta, *, loss="bce", l2=(0.0, 0.0), sample_weight=None, pos_weight=None):
    """(d + 1, d + 1) by autograd in float64, of the loss written out."""
    x, labels = torch.from_numpy(np.asarray(X, np.float64)), torch.from_numpy(np.asarray(y, np.float64))
    weight = torch.from_numpy(np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, np.float64))

    def full_loss(theta):
        z = x @ theta[:-1] + theta[-1]
        values = TORCH_LOSSES[loss](z, labels)
        if pos_weight is not None:
            one, zero = (TORCH_LOSSES[loss](z, torch.full_like(labels, c)) for c in (1.0, 0.0))
            values = labels * pos_weight * one + (1 - labels) * zero
        penalty = l2[0] / 2 * theta[:-1].square().sum() + l2[1] / 2 * theta[-1] ** 2
        return (weight * values).sum() / weight.sum() + penalty

    return torch.autograd.functional.hessian(full_loss, torch.from_numpy(np.asarray(theta, np.float64))).numpy()


def assert_is_of(found, matrix):
    """Within what is promised: 1e-6 of the largest eigenvalue in size, and 1e-11 of the terms of the trace."""
    eigenvalues = np.linalg.eigvalsh(matrix)
    assert {type(value) for value in found} == {float}
    assert abs(found.largest - eigenvalues[-1]) <= 1e-6 * np.abs(eigenvalues).max()
    assert abs(found.trace - np.trace(matrix)) <= 1e-11 * np.abs(eigenvalues).sum()


@WAYS
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("n", "d"), [(1, 1), (7, 2), (97, 30), (40, 70)])
@pytest.mark.parametrize("scale", [0.1, 5.0])
def test_each_loss(loss, n, d, scale, most_dense, monkeypatch):
    limit_to(most_dense, monkeypatch)
    problem = problems.sgd_problem(n, d, seed=d)
    theta = scale * np.append(problem.w, problem.b)
    found = sharpness(theta, (problem.X, problem.y), loss=loss)
    assert isinstance(found, Sharpness)
    assert_is_of(found, hessian_of(problem.X, problem.y, theta, loss=loss))


PENALTIES = {"none": ({}, (0.0, 0.0)), "l2": ({"l2": 0.3}, (0.3, 0.0)), "decay": ({"weight_decay": 0.2}, (0.2, 0.2))}


@WAYS
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_weights_and_penalties(loss, penalty, weighted, most_dense, monkeypatch):
    limit_to(most_dense, monkeypatch)
    problem, rng = problems.sgd_problem(61, 9, soft=True), np.random.default_rng(3)
    theta = np.append(problem.w, problem.b)
    weights = {"sample_weight": rng.exponential(size=61) * rng.integers(0, 2, 61)} if weighted else {}
    weights |= {"pos_weight": 3.5} if weighted and LOSSES[loss].linear_in_label else {}
    settings, l2 = PENALTIES[penalty]
    found = sharpness(theta, (problem.X, problem.y), loss=loss, **settings, **weights)
    assert_is_of(found, hessian_of(problem.X, problem.y, theta, loss=loss, l2=l2, **weights))


@WAYS
@pytest.mark.parametrize("kind", ["float32", "sparse", "batches", "shuffled", "integers"])
def test_kinds_of_data(kind, most_dense, monkeypatch):
    limit_to(most_dense, monkeypatch)
    monkeypatch.setattr("logreg.samples.VALUES_AT_ONCE", 100)
    X, y, w, b = problems.sgd_problem(53, 6)
    X = np.where(X > 0.3, np.round(4 * X), 0)
    tensors = TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
    data = {
        "float32": (X.astype(np.float32), y),
        "sparse": (sparse.csr_matrix(X), y),
        "batches": DataLoader(tensors, batch_size=8),
        "shuffled": DataLoader(tensors, batch_size=8, shuffle=True),
        "integers": (X.astype(int), y),
    }
    found = sharpness(np.append(w, b), data[kind], l2=0.1, class_weight={1: 3.0})
    assert_is_of(found, hessian_of(X, y, np.append(w, b), l2=(0.1, 0.0), sample_weight=1 + 2 * y))


@WAYS
def test_along_a_run(most_dense, monkeypatch):
    limit_to(most_dense, monkeypatch)
    X, y, *_ = problems.sgd_problem(50, 4)
    run = train(seeded_model(4, 0).double(), (X, y), lr=0.5, batch_size=13, epochs=2, history=3, weight_decay=0.05)
    assert isinstance(run, History)
    found = sharpness(run, (X, y))
    starts, ends = np.append(run.start_w, run.start_b), np.append(run.end_w, run.end_b)
    path = np.vstack([starts, np.column_stack([run.w, run.b]), ends])
    assert found.largest.shape == found.trace.shape == (len(path),) == (4,)
    for k, theta in enumerate(path):
        at = Sharpness(float(found.largest[k]), float(found.trace[k]))
        assert_is_of(at, hessian_of(X, y, theta, l2=(0.05, 0.05)))
    for other in (TrainingPath([path[0], path[2], path[3]]), [path[0], path[2], path[3]]):
        some = sharpness(other, (X, y), weight_decay=0.05)
        np.testing.assert_allclose(some, [values[[0, 2, 3]] for values in found], rtol=1e-6)


@WAYS
def test_a_classifier_with_its_penalty_and_classes(most_dense, monkeypatch):
    limit_to(most_dense, monkeypatch)
    X, y, *_ = problems.sgd_problem(80, 5)
    labels = np.where(y > 0.5, "yes", "no")
    fitted = linear_model.LogisticRegression(C=0.4, class_weight={"yes": 3.0}).fit(X, labels)
    theta, weight = np.append(fitted.coef_, fitted.intercept_), np.where(y > 0.5, 3.0, 1.0)
    l2 = (1 / (0.4 * weight.sum()), 0.0)
    assert_is_of(sharpness(fitted, (X, labels)), hessian_of(X, y, theta, l2=l2, sample_weight=weight))


@WAYS
@pytest.mark.parametrize("d", [1, 4])
def test_a_model_without_a_bias_curves_in_its_weights_alone(d, most_dense, monkeypatch):
    limit_to(most_dense, monkeypatch)
    X, y, *_ = problems.sgd_problem(40, d)
    layer = torch.nn.Linear(d, 1, bias=False).double()
    theta = np.append(layer.weight.detach(), 0.0)
    matrix = hessian_of(X + 3, y, theta, l2=(0.1, 0.1))
    assert_is_of(sharpness(layer, (X + 3, y), weight_decay=0.1), matrix[:-1, :-1])


def test_many_parameters_take_no_matrix():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3000)) * np.linspace(0.1, 1, 3000)
    y, theta = rng.integers(0, 2, 60) * 1.0, np.append(rng.normal(size=3000) / 60, 0.2)
    p = 1 / (1 + np.exp(-(X @ theta[:-1] + theta[-1])))
    rows = np.sqrt(p * (1 - p) / 60)[:, None] * np.column_stack([X, np.ones(60)])  # H = rows' rows
    tracemalloc.start()
    try:
        found = sharpness(theta, (X, y))
        assert tracemalloc.get_traced_memory()[1] < 3001**2 * 8 / 10
    finally:
        tracemalloc.stop()
    assert found.largest == pytest.approx(np.linalg.eigvalsh(rows @ rows.T)[-1], rel=1e-6)
    assert found.trace == pytest.approx((rows**2).sum(), rel=1e-12)


SPECTRA = {
    "even": np.linspace(0, 1, 400),
    "all the same": np.full(400, 0.3),
    "zero": np.zeros(400),
    "one alone": np.append(np.zeros(399), 5),
    "near each other": np.append(np.linspace(0, 0.9, 390), 1 - 1e-5 * np.arange(10)),
    "one just above": np.append(np.linspace(0, 1, 399), 1 + 1e-7),
    "mostly negative": np.linspace(-1, 0.3, 400),
    "all negative": np.linspace(-5, -1e-3, 400),
    "of all sizes": 10.0 ** -np.linspace(0, 12, 400),
    "huge": 1e150 * np.linspace(0, 1, 400),
}


@pytest.mark.parametrize("kind", SPECTRA)
@pytest.mark.parametrize("seed", range(3))
def test_eigenvalues_by_products(kind, seed):
    rng, spectrum = np.random.default_rng(seed), SPECTRA[kind]
    basis = np.linalg.qr(rng.normal(size=(400, 400)))[0]
    matrix = (basis * spectrum) @ basis.T
    for number in (1, 2, 3):
        eigenvalues, vectors = top_eigenpairs(lambda vector: matrix @ vector, 400, number)
        want = np.sort(spectrum)[: -number - 1 : -1]
        np.testing.assert_allclose(eigenvalues, want, rtol=0, atol=1e-6 * np.abs(spectrum).max())
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(number), atol=1e-10)
        residuals = vectors @ matrix - eigenvalues[:, None] * vectors
        assert np.linalg.norm(residuals, axis=1).max() <= 2e-6 * np.abs(spectrum).max()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "hinge"}, "loss is 'hinge'; accepted"),
        ({"l2": -1.0}, "l2 is -1.0; accepted"),
        ({"l2": 1.0, "weight_decay": 1.0}, "l2 is 1.0 and weight_decay 1.0; accepted: one of both"),
        ({"model": np.zeros(5)}, "data x has 3 features; accepted: 4"),
        ({"model": {"a": np.zeros(4), "b": np.ones(4)}}, "model holds 2 paths; accepted: one model or one path"),
        ({"sample_weight": -np.ones(20)}, "sample_weight"),
        ({"loss": "mse", "pos_weight": 2.0}, "pos_weight is 2.0; accepted: None"),
    ],
)
def test_what_is_refused(changes, message):
    X, y, *_ = problems.sgd_problem(20, 3)
    with pytest.raises((TypeError, ValueError), match=message):
        sharpness(**{"model": np.zeros(4), "data": (X, y)} | changes)


@WAYS
def test_squares_out_of_range_are_refused(most_dense, monkeypatch):
    limit_to(most_dense, monkeypatch)
    X, y = np.full((4, 2), 1e200), np.array([0.0, 1, 0, 1])
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="the Hessian's trace is inf; accepted: features"):
        sharpness(np.zeros(3), (X, y))


def test_a_matrix_that_is_another_one_each_time_ends(monkeypatch):
    monkeypatch.setattr("logreg.eigen.MOST_PRODUCTS", 60)
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match="not found by 60 passes over data; accepted: data that"):
        top_eigenpairs(lambda vector: rng.normal(size=50), 50, 1)
