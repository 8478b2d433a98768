"""Planes of parameter space: which directions span them, and projection."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

import logreg.samples
from kernels import reference
from logreg import History, speaking, train
from logreg.choices import DIRECTIONS
from logreg.curvature import MeanLoss, hessian
from logreg.directions import (
    Plane,
    oriented,
    plane_around,
    principal_components,
    project,
)
from logreg.models import read_models
from logreg.runs import path_of
from logreg.samples import read_samples
from tests import problems


@pytest.fixture
def model(wide, model_at):
    return model_at(wide.w, wide.b, torch.float64)


@pytest.fixture
def history(wide, model):
    return train(model, (wide.X, wide.y), lr=0.5, batch_size=10, epochs=3)


def directions_of(model, problem, kind, l2=0.0, seed=0):
    known = read_models(model)
    samples = read_samples((problem.X, problem.y), known=known.expected)
    return plane_around(known, samples, kind, seed, MeanLoss("bce"), (l2, 0.0))


def hessian_of(problem, theta, l2=0.0):
    return hessian(read_samples((problem.X, problem.y)), theta, (l2, 0.0), MeanLoss("bce"))


def autograd_hessian(problem, theta, l2=0.0):
    X, y = torch.from_numpy(problem.X).double(), torch.from_numpy(problem.y).double()

    def loss(theta):
        return reference.linear_bce(X, theta[:-1], theta[-1:], y) + l2 / 2 * theta[:-1].square().sum()

    return torch.autograd.functional.hessian(loss, torch.from_numpy(theta)).numpy()


@pytest.mark.parametrize("kind", [kind for kind in DIRECTIONS if kind != "filter"])
def test_center_is_the_end_and_directions_are_orthonormal(kind, wide, model, history):
    plane = directions_of(history, wide, kind)
    np.testing.assert_array_equal(plane.center, np.append(history.w[-1], history.b[-1]))
    np.testing.assert_array_equal(plane.center, np.append(model.linear.weight.detach(), model.linear.bias.detach()))
    pair = np.stack([plane.s_direction, plane.t_direction])
    np.testing.assert_allclose(pair @ pair.T, np.eye(2), atol=1e-14)
    assert (plane.explained is None) == (kind != "pca")
    assert all(isinstance(label, str) and label for label in plane.labels)


@pytest.mark.parametrize("kind", ["pca", "hessian"])
def test_the_largest_entry_of_a_direction_that_is_computed_is_positive(kind, wide, history):
    """Decompositions leave the sign open, and a picture must not be mirrored on another machine."""
    plane = directions_of(history, wide, kind)
    for direction in plane.s_direction, plane.t_direction:
        assert direction.max() == np.abs(direction).max()
    assert oriented(np.array([[1.0, -3.0, 2.0], [-2.0, 4.0, 1.0]])).tolist() == [[-1, 3, -2], [-2, 4, 1]]


@pytest.mark.parametrize("kind", ["axes", "random", "hessian"])
def test_a_model_and_its_history_have_the_same_plane(kind, wide, model, history):
    for one, other in zip(directions_of(model, wide, kind), directions_of(history, wide, kind), strict=True):
        np.testing.assert_array_equal(one, other)


def test_center_of_no_steps_is_the_start(wide, model):
    history = train(model, (wide.X, wide.y), lr=0.5, batch_size=10, epochs=0)
    np.testing.assert_array_equal(directions_of(history, wide, "axes").center, np.append(wide.w, wide.b))


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_hessian_against_autograd(l2, scale, wide):
    theta = scale * np.append(wide.w, wide.b)
    np.testing.assert_allclose(hessian_of(wide, theta, l2), autograd_hessian(wide, theta, l2), rtol=1e-10, atol=1e-14)


def test_hessian_of_more_rows_than_are_taken_at_once(monkeypatch):
    monkeypatch.setattr(logreg.samples, "VALUES_AT_ONCE", 4000)
    problem = problems.sgd_problem(10_000, 3)
    theta = np.append(problem.w, problem.b)
    np.testing.assert_allclose(hessian_of(problem, theta), autograd_hessian(problem, theta), rtol=1e-10)


@pytest.mark.parametrize("l2", [0.0, 5.0])
def test_hessian_directions_are_the_top_eigenvectors(l2, wide, model):
    plane = directions_of(model, wide, "hessian", l2)
    matrix = autograd_hessian(wide, plane.center, l2)
    top = np.sort(np.linalg.eigvalsh(matrix))[:-3:-1]
    for direction, eigenvalue, label in zip(plane[1:3], top, plane.labels, strict=True):
        np.testing.assert_allclose(matrix @ direction, eigenvalue * direction, atol=1e-9 * top[0])
        assert f"{eigenvalue:.3g}" in label
        assert direction[np.abs(direction).argmax()] > 0


@pytest.mark.parametrize("l2", [0.0, 5.0])
def test_directions_of_many_parameters_are_those_of_the_matrix(l2, wide, model, monkeypatch):
    want = directions_of(model, wide, "hessian", l2)
    monkeypatch.setattr(logreg.curvature, "MOST_DENSE", 10)
    got = directions_of(model, wide, "hessian", l2)
    np.testing.assert_allclose(got[1:3], want[1:3], atol=2e-5)
    assert got.labels == want.labels


def test_axes_are_the_weights_of_most_curvature(wide, model):
    X = wide.X.copy()
    X[:, :4], X[:, 7], X[:, 2] = 0, 9 * X[:, 7], 5 * X[:, 11]
    plane = directions_of(model, wide._replace(X=X), "axes")
    np.testing.assert_array_equal(np.argmax(plane[1:3], axis=1), [7, 2])
    assert plane.labels[0] == f"change of w[7] from {plane.center[7]:.4g}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("l2", [0.0, 1e3])
def test_axes_against_autograd_where_rows_come_in_blocks(l2, dtype, model_at, monkeypatch):
    """The order is that of the diagonal, whatever the penalty adds to all of it."""
    monkeypatch.setattr(logreg.samples, "VALUES_AT_ONCE", 200)
    problem = problems.sgd_problem(997, 6, dtype)
    X = problem.X * np.array([1, 1.02, 0.98, 1.04, 1.01, 1.03], dtype)
    model = model_at(problem.w, problem.b, torch.float64)
    plane = directions_of(model, problem._replace(X=X), "axes", l2)
    diagonal = np.diag(autograd_hessian(problem._replace(X=X), plane.center))[:-1]
    np.testing.assert_array_equal(np.argmax(plane[1:3], axis=1), np.argsort(-diagonal)[:2])


def test_axes_of_one_feature_are_weight_and_bias(model_at):
    problem = problems.sgd_problem(20, 1)
    plane = directions_of(model_at(2.5, -1.25), problem, "axes")
    np.testing.assert_array_equal(np.stack(plane[1:3]), np.eye(2))
    assert plane.labels == ("change of w from 2.5", "change of b from -1.25")


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("axes", r"cambio de w\[\d+\] desde [-\d.]+"),
        ("random", r"dirección al azar [12]"),
        ("filter", r"dirección al azar [12], según el tamaño de cada peso"),
        ("hessian", r"vector propio [12] de la hessiana \(valor propio [\d.e-]+\)"),
        ("pca", r"componente principal [12] \([\d.]+ % de la varianza\)"),
        (np.eye(2, 31), "a lo largo de [st]_direction"),
    ],
)
def test_axes_in_spanish(kind, pattern, wide, history):
    with speaking("es"):
        first, second = directions_of(history, wide, kind).labels
    assert re.fullmatch(pattern, first)
    assert re.fullmatch(pattern, second)
    assert first != second


def test_random_directions_are_those_of_the_seed(wide, model):
    pairs = [np.stack(directions_of(model, wide, "random", seed=seed)[1:3]) for seed in (3, 3, 4, None, None)]
    np.testing.assert_array_equal(pairs[0], pairs[1])
    for k in (2, 3, 4):
        assert np.abs(pairs[k] - pairs[k - 1]).max() > 1e-3


def test_random_directions_are_uniform(model_at):
    problem = problems.sgd_problem(5, 2)
    model = model_at([0, 0], 0)
    many = np.array([directions_of(model, problem, "random", seed=seed)[1:3] for seed in range(2000)])
    np.testing.assert_allclose(many.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(np.einsum("kai,kaj->aij", many, many) / len(many), [np.eye(3) / 3] * 2, atol=0.04)


def test_components_against_scikit_learn(wide, history):
    plane, pca = directions_of(history, wide, "pca"), PCA(2).fit(path_of(history))
    np.testing.assert_allclose(plane.explained, pca.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(np.abs(np.sum(np.stack(plane[1:3]) * pca.components_, axis=1)), 1, rtol=1e-9)
    for label, share in zip(plane.labels, pca.explained_variance_ratio_, strict=True):
        assert f"({100 * share:.3g} % of variance)" in label


def test_path_starts_at_the_start(wide, history):
    path = path_of(history)
    assert path.dtype == np.float64
    assert path.shape == (31, 31)
    np.testing.assert_array_equal(path[0], np.append(wide.w, wide.b))
    np.testing.assert_array_equal(path[1:, :-1], history.w)
    np.testing.assert_array_equal(path[1:, -1], history.b)


def test_given_directions_are_kept_as_they_are(wide, model):
    pair = (np.arange(31.0), torch.ones(31))
    plane = directions_of(model, wide, pair)
    np.testing.assert_array_equal(np.stack(plane[1:3]), [np.arange(31), np.ones(31)])


@pytest.mark.parametrize("pair", [(1.0, 1.0), (2.0, 1e-3), (1e10, -3.0)])
def test_projection_finds_points_of_the_plane(pair):
    rng = np.random.default_rng(5)
    plane = Plane(rng.normal(size=8), pair[0] * rng.normal(size=8), pair[1] * rng.normal(size=8), ("s", "t"))
    s, t = rng.normal(size=(2, 20))
    path = plane.center + np.outer(s, plane.s_direction) + np.outer(t, plane.t_direction)
    found = project(plane, path)
    np.testing.assert_allclose(found.s, s, atol=1e-12)
    np.testing.assert_allclose(found.t, t, atol=1e-4 if pair[0] > 1e9 else 1e-10)
    assert found.distance.max() < 1e-14 * np.abs(path).max() * 8
    assert found.outside < 1e-20


def test_projection_is_least_squares():
    rng = np.random.default_rng(6)
    plane = Plane(rng.normal(size=6), *rng.normal(size=(2, 6)), ("s", "t"))
    path = rng.normal(size=(9, 6))
    found = project(plane, path)
    span = np.stack([plane.s_direction, plane.t_direction], axis=1)
    for theta, s, t, distance in zip(path, *found[:3], strict=True):
        want, squares = np.linalg.lstsq(span, theta - plane.center)[:2]
        np.testing.assert_allclose((s, t), want)
        np.testing.assert_allclose(distance, np.sqrt(squares[0]))


def test_share_outside_is_what_the_components_leave(wide, history):
    plane = directions_of(history, wide, "pca")
    found = project(plane, path_of(history))
    np.testing.assert_allclose(found.outside, 1 - sum(plane.explained), rtol=1e-9)
    assert found.distance[-1] == 0
    assert found.distance.max() > 0.01


def test_a_path_that_stays_is_not_outside(wide, model):
    plane = directions_of(model, wide, "random")
    found = project(plane, np.tile(plane.center, (3, 1)))
    assert found.outside == 0
    np.testing.assert_array_equal(np.stack(found[:3]), np.zeros((3, 3)))


PAIRS = {
    "parallel": (np.arange(31.0), -2 * np.arange(31.0)),
    "nearly parallel": (np.ones(31), np.ones(31) + 1e-12 * np.arange(31)),
    "tiny and parallel": (1e-162 * np.ones(31), -1e-162 * np.ones(31)),
    "zero": (np.ones(31), np.zeros(31)),
    "short": (np.ones(31), np.ones(30)),
    "not finite": (np.ones(31), np.full(31, np.nan)),
    "one": (np.ones(31),),
    "three": (np.eye(31)[0], np.eye(31)[1], np.eye(31)[2]),
    "number": 3,
    "nothing": None,
    "unknown": "svd",
}


@pytest.mark.parametrize("kind", PAIRS)
def test_bad_directions(kind, wide, model):
    with pytest.raises((TypeError, ValueError), match=r"directions.*accepted"):
        directions_of(model, wide, PAIRS[kind])


@pytest.mark.parametrize("length", [1e-60, 1e-9, 1.0, 1e60])
@pytest.mark.parametrize("angle", [1e-8, 0.5, 1.5])
def test_directions_of_any_length_span_a_plane(length, angle, wide, model):
    one, other = np.eye(31)[:2]
    pair = length * one, np.cos(angle) * one + np.sin(angle) * other
    plane = directions_of(model, wide, pair)
    np.testing.assert_array_equal((plane.s_direction, plane.t_direction), pair)


def test_components_need_a_path_that_turns(wide, model, history):
    with pytest.raises(ValueError, match=r"'pca' and model has no path; accepted: the History"):
        directions_of(model, wide, "pca")
    for steps in (0, 1):
        with pytest.raises(ValueError, match=f"path of {steps + 1} points keeps to a line"):
            directions_of(history.until(steps), wide, "pca")
    line = np.outer(np.arange(9.0), np.arange(1.0, 5.0)) + 1e3
    with pytest.raises(ValueError, match="path of 9 points keeps to a line"):
        principal_components(line)


@pytest.mark.parametrize("seed", [-1, "one", 1.5])
def test_bad_seed(seed, wide, model):
    with pytest.raises(ValueError, match=r"seed is .*accepted"):
        directions_of(model, wide, "random", seed=seed)


def test_model_and_data_must_fit(wide, model_at, history):
    with pytest.raises(ValueError, match="data x has 30 features; accepted: 2, as the model has weights"):
        directions_of(model_at([1, 2], 3), wide, "axes")
    with pytest.raises(ValueError, match=r"the model\[1\] is nan; accepted"):
        directions_of(model_at([1, np.nan], 3), problems.sgd_problem(9, 2), "axes")
    with pytest.raises(TypeError, match=r"model is a torch\.nn\.modules\.linear\.Linear; accepted"):
        directions_of(torch.nn.Linear(30, 3), wide, "axes")
    assert isinstance(history, History)


def test_path_of_what_has_the_fields_of_a_history(history):
    fields = {name: getattr(history, name) for name in ("w", "b", "start_w", "start_b")}
    np.testing.assert_array_equal(path_of(SimpleNamespace(**fields)), path_of(history))
    some = SimpleNamespace(**fields | {"w": history.w[:3], "b": history.b[:3], "steps": history.steps})
    with pytest.raises(TypeError, match="history is a SimpleNamespace without end_w, end_b; accepted: the History of"):
        path_of(some)
    some.end_w, some.end_b = history.end_w, history.end_b
    np.testing.assert_array_equal(path_of(some), path_of(history)[[0, 1, 2, 3, -1]])


def test_other_paths_are_refused_by_name(history):
    with pytest.raises(TypeError, match="history is a list without w, b, start_w, start_b; accepted: the History"):
        path_of([history, history])
    fields = {name: getattr(history, name) for name in ("w", "b", "start_w", "start_b")}
    with pytest.raises(ValueError, match=r"history\.w has shape .* and history\.b \(3,\); accepted: \(k, d\) and"):
        path_of(SimpleNamespace(**fields | {"b": history.b[:3]}))
    with pytest.raises(ValueError, match=r"history\.start_w and _b have shapes \(1,\) and \(\); accepted: \(\d+,\)"):
        path_of(SimpleNamespace(**fields | {"start_w": np.ones(1)}))
