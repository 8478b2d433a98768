"""LossSurface.around: values on a plane, what is refused, and files."""

import json
import os
import zipfile
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from kernels.arguments import memory
from logreg import LabData, LossSurface, PlaneSurface, files, sharpness, train
from tests import oracle, problems

QUANTITIES = oracle.QUANTITIES
ARRAYS = ("s", "t", *QUANTITIES)


def around(model, problem, *, extent=2, resolution=(7, 5), **options):
    return LossSurface.around(model, (problem.X, problem.y), extent=extent, resolution=resolution, **options)


@pytest.fixture
def model(wide, model_at):
    return model_at(wide.w, wide.b, torch.float64)


@pytest.fixture
def history(wide, model):
    return train(model, (wide.X, wide.y), lr=0.5, batch_size=10, epochs=3)


@pytest.fixture
def whole(wide, history):
    """A surface with everything in it."""
    return around(history, wide, directions="pca", quantities=QUANTITIES, l2=0.1)


# Values


@pytest.mark.parametrize("d", [1, 2, 30])
@pytest.mark.parametrize("directions", ["axes", "random", "hessian"])
def test_cells_against_the_oracle(d, directions, model_at):
    problem = problems.sgd_problem(97, d)
    model = model_at(problem.w, problem.b, torch.float64)
    extent = ((-1.5, 2), 3)
    surface = around(model, problem, directions=directions, extent=extent, quantities=QUANTITIES, seed=1)
    assert isinstance(surface, PlaneSurface)
    np.testing.assert_array_equal(surface.s, np.linspace(-1.5, 2, 7))
    np.testing.assert_array_equal(surface.t, np.linspace(-3, 3, 5))
    X1 = np.column_stack([problem.X, np.ones(97)])
    plane = tuple(X1 @ vector for vector in surface.plane[:3])
    for name in QUANTITIES:
        values = getattr(surface, name)
        assert values.dtype == np.float64
        for j, i in np.ndindex(5, 7):
            want = oracle.value_at(plane, problem.y, surface.s[i], surface.t[j], name)
            np.testing.assert_allclose(values[..., j, i], want, rtol=1e-11, atol=1e-13)


def test_parameters_of_a_cell_have_its_loss(wide, model, model_at):
    surface = around(model, wide, directions="random", seed=4)
    j, i = 3, 1
    theta = surface.plane.center + surface.s[i] * surface.plane.s_direction + surface.t[j] * surface.plane.t_direction
    want = oracle.loss_at((wide.X @ theta[:-1] + theta[-1], 0 * wide.y, 0 * wide.y), wide.y, 0, 0)
    np.testing.assert_allclose(surface.loss[j, i], want, rtol=1e-12)


def test_axes_of_the_lab_are_the_surface_of_the_lab(model_at):
    surface = LossSurface.around(model_at(5, -3), LabData(), extent=((-20, 10), (-10, 16)), resolution=30)
    lab = LossSurface.compute(LabData(), (-15, 15), (-13, 13), resolution=30)
    np.testing.assert_allclose(surface.loss, lab.Z, rtol=1e-12)
    assert surface.minimum.loss == pytest.approx(lab.minimum.loss, rel=1e-12)
    np.testing.assert_allclose(surface.minimum[:2], np.subtract(lab.minimum[:2], (5, -3)))


@pytest.mark.parametrize("kind", ["LogisticRegression", "Linear", "float32", "integer labels"])
def test_models_and_data(kind, wide, model, model_at):
    X, y = wide.X.astype(np.float32), wide.y
    if kind == "Linear":
        model = model.linear
    if kind == "float32":
        model = model.float()
    if kind == "integer labels":
        y = y.astype(int)
    surface = LossSurface.around(model, (X, y), extent=1, resolution=3)
    theta = np.append(np.float64(model.state_dict().popitem(last=False)[1]), surface.plane.center[-1])
    np.testing.assert_array_equal(surface.plane.center, theta)
    z = X.astype(np.float64) @ theta[:-1] + theta[-1]
    want = oracle.loss_at((z, 0 * z, 0 * z), wide.y, 0, 0)
    np.testing.assert_allclose(surface.loss[1, 1], want, rtol=1e-12)
    assert surface.loss.dtype == np.float64


@pytest.mark.parametrize(
    ("extent", "window"),
    [
        (2, ((-2, 2), (-2, 2))),
        ((-1, 4), ((-1, 4), (-1, 4))),
        (((-1, 4), (0, 1)), ((-1, 4), (0, 1))),
        ((3, (0, 1)), ((-3, 3), (0, 1))),
        ([[-1, 4], 2.5], ((-1, 4), (-2.5, 2.5))),
    ],
    ids=repr,
)
def test_extents(extent, window, wide, model):
    surface = around(model, wide, extent=extent)
    for axis, points, ends in zip((surface.s, surface.t), (7, 5), window, strict=True):
        np.testing.assert_array_equal(axis, np.linspace(*ends, points))


def test_what_was_not_asked_for_is_none(wide, model):
    surface = around(model, wide, quantities="accuracy")
    assert surface.accuracy.shape == (5, 7)
    assert surface.loss is surface.mse is surface.gradient is surface.hessian is None
    with pytest.raises(ValueError, match="no loss; accepted: a surface whose quantities include 'loss'"):
        _ = surface.minimum


def test_penalty_is_added_to_the_loss_and_not_to_its_bias(wide, model):
    pair = (np.eye(31)[30], np.eye(31)[3])
    plain, penalised = (around(model, wide, directions=pair, l2=l2) for l2 in (0, 0.5))
    weights = plain.plane.center[:-1] + np.outer(plain.t, np.eye(30)[3])
    np.testing.assert_allclose(
        penalised.loss - plain.loss, np.repeat(0.25 * (weights**2).sum(1)[:, None], 7, axis=1), rtol=1e-10
    )
    assert (plain.l2, penalised.l2) == (0.0, 0.5)


def test_penalty_turns_the_hessian_directions(wide, model):
    plain, penalised = (around(model, wide, directions="hessian", l2=l2) for l2 in (0, 50.0))
    assert abs(plain.plane.s_direction[-1]) > 10 * abs(penalised.plane.s_direction[-1])


def test_history_is_projected(wide, history):
    surface = around(history, wide, directions="random", seed=2)
    found = surface.project(history)
    path = np.column_stack([np.vstack([history.start_w, history.w]), np.append(history.start_b, history.b)])
    offsets = path - path[-1]
    np.testing.assert_allclose(found.s, offsets @ surface.plane.s_direction, atol=1e-13)
    np.testing.assert_allclose(found.t, offsets @ surface.plane.t_direction, atol=1e-13)
    lengths = np.sqrt(found.s**2 + found.t**2 + found.distance**2)
    np.testing.assert_allclose(lengths, np.linalg.norm(offsets, axis=1), atol=1e-13)
    other = problems.sgd_problem(9, 2)
    small = train(torch.nn.Linear(2, 1).double(), (other.X, other.y), lr=1, batch_size=9, epochs=1)
    with pytest.raises(ValueError, match="model has 2 weights; accepted: 30, as the plane has"):
        surface.project(small)


def test_a_surface_says_what_it_is_in_a_line(wide, history):
    surface = around(history, wide, quantities=("loss", "accuracy"))
    assert repr(surface) == f"PlaneSurface(7 x 5 points: loss, accuracy; {'; '.join(surface.plane.labels)})"
    assert (
        repr(LossSurface.compute(LabData(), 1, 1, resolution=(4, 3), loss="mse")) == "LossSurface(4 x 3 points of mse)"
    )


def test_two_models_by_name_are_in_a_plane(wide, tmp_path):
    names = {"a": np.zeros(31), "b": np.ones(31)}
    surface = LossSurface.around(names, (wide.X, wide.y), resolution=3)
    np.testing.assert_array_equal(surface.plane.center, np.full(31, 0.5))
    assert not surface.center_is_model
    assert not surface.at(1, 1, 3).center_is_model
    surface.save(tmp_path / "surface.npz")
    assert not LossSurface.load(tmp_path / "surface.npz").center_is_model
    assert LossSurface.around(names["a"], (wide.X, wide.y), resolution=3).center_is_model


# Other windows of the same plane

WEIGHTED = {"class_weight": "balanced", "pos_weight": 2.0, "l2": 0.3}


@pytest.mark.parametrize("weights", [{}, WEIGHTED], ids=["plain", "all"])
def test_another_window_is_that_of_another_surface(weights, wide, history):
    settings = {"directions": "pca", "quantities": QUANTITIES, **weights}
    surface = around(history, wide, **settings)
    got = surface.at((0.1, 0.4), 0.2, (7, 5))
    want = around(history, wide, extent=((0.1, 0.4), 0.2), **settings)
    assert_same(got, want)
    assert_same(got.at((0.1, 0.4), 0.2, (7, 5)), want)
    one = surface.at((0.1, 0.4), 0.2, (7, 5), quantities="mse")
    np.testing.assert_allclose(one.mse, want.mse, rtol=1e-12)
    assert one.loss is one.gradient is None
    assert surface.at(1, 1).loss.shape == (300, 300)


def test_another_window_needs_the_samples(wide, history, tmp_path):
    surface = around(history, wide)
    for bad in ({"s_range": (1, 0)}, {"t_range": "wide"}, {"resolution": 0}, {"quantities": "height"}):
        (name,) = bad
        with pytest.raises(ValueError, match=f"{name} .*; accepted"):
            surface.at(**{"s_range": 1, "t_range": 1} | bad)
    surface.save(tmp_path / "surface.npz")
    with pytest.raises(
        ValueError, match="the surface has no logits, as one that was loaded or is of callables; accepted: one from"
    ):
        LossSurface.load(tmp_path / "surface.npz").at(1, 1)


def test_sharpness_is_that_at_the_center(wide, history, tmp_path):
    settings = {"l2": 0.1, "class_weight": {1: 3.0}}
    surface = around(history, wide, sharpness=True, **settings)
    assert surface.sharpness == sharpness(surface.plane.center, (wide.X, wide.y), **settings)
    assert surface.at(1, 1, 3).sharpness == surface.sharpness
    assert around(history, wide).sharpness is None
    surface.save(tmp_path / "surface.npz")
    assert LossSurface.load(tmp_path / "surface.npz").sharpness == surface.sharpness


# What is refused


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("extent", 0),
        ("extent", (1, -1)),
        ("extent", float("nan")),
        ("extent", (1, 2, 3)),
        ("extent", ((-1, 1), (1, 0))),
        ("extent", "wide"),
        ("resolution", 0),
        ("resolution", (3, 4, 5)),
        ("quantities", ("loss", "margin")),
        ("quantities", ()),
        ("l2", -1),
        ("l2", float("inf")),
        ("l2", "0.1"),
        ("l2", True),
        ("directions", "eigen"),
    ],
)
def test_bad_settings(name, value, wide, model):
    with pytest.raises((TypeError, ValueError), match=rf"(?s)^{name} is .*accepted"):
        around(model, wide, **{name: value})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda X, y: (X[:, :4], y), "data x has 4 features; accepted: 30"),
        (lambda X, y: (X, y + np.arange(len(y)) % 2), r"data y has 3 classes, 0\.0, 1\.0, 2\.0; accepted"),
        (lambda X, y: (X, 2 * np.ones(len(y))), r"data y has only 2\.0; accepted"),
        (lambda X, y: (X[:0], y[:0]), "data x has shape"),
        (lambda X, y: (np.where(X > 1, np.nan, X), y), r"data x\[.* is nan; accepted"),
        (lambda X, y: (X.astype(complex), y), "data x has dtype complex128; accepted"),
        (lambda X, y: X, "data is a ndarray; accepted"),
    ],
)
def test_bad_data(data, message, wide, model):
    with pytest.raises((TypeError, ValueError), match=message):
        LossSurface.around(model, data(wide.X, wide.y), extent=1, resolution=3)


def test_too_large_for_memory(wide, model, monkeypatch):
    monkeypatch.setattr(memory, "SURELY_FREE", 0)
    monkeypatch.setattr(memory, "free_memory", lambda: 20_000)
    with pytest.raises(MemoryError, match="GB"):
        around(model, wide, resolution=60, directions="random")


def test_one_point_of_an_axis_is_the_center(wide, model):
    surface = around(model, wide, resolution=(5, 1))
    assert (surface.s.tolist(), surface.t.tolist()) == ([-2, -1, 0, 1, 2], [0])
    assert surface.loss[0, 2] == around(model, wide, resolution=1).loss[0, 0]
    assert around(model, wide, extent=((0, 1), 3), resolution=1).s.tolist() == [0.5]


# Files


def assert_same(got, want):
    for name in ARRAYS:
        one, other = getattr(got, name), getattr(want, name)
        assert (one is None) == (other is None), name
        if one is not None:
            assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    for one, other in zip(got.plane, want.plane, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (got.l2, got.plan, got.plane.labels) == (want.l2, want.plan, want.plane.labels)
    assert got.plane.explained == want.plane.explained
    assert (got.cost, got.l2_bias, got.sharpness) == (want.cost, want.l2_bias, want.sharpness)
    assert {field.name for field in fields(got)} - {"center_is_model"} == {
        "values",
        "plane",
        "l2",
        "cost",
        "l2_bias",
        "logits",
        "sharpness",
    }


def changed(surface, **changes):
    """The surface with other fields of its own or of its values."""
    own = {name: value for name, value in changes.items() if name in ("plane", "l2", "cost")}
    values = {name: value for name, value in changes.items() if name not in own}
    return replace(surface, values=surface.values._replace(**values), **own)


@pytest.mark.parametrize("quantities", [QUANTITIES, ("accuracy",), ("gradient", "loss")])
@pytest.mark.parametrize("directions", ["pca", "axes"])
def test_round_trip(quantities, directions, wide, history, tmp_path):
    surface = around(history, wide, directions=directions, quantities=quantities, l2=0.1)
    surface.save(tmp_path / "surface.npz")
    assert os.listdir(tmp_path) == ["surface.npz"]
    loaded = LossSurface.load(tmp_path / "surface.npz")
    assert isinstance(loaded, PlaneSurface)
    assert_same(loaded, surface)


def test_plan_of_an_interpolation_is_kept(whole, tmp_path):
    surface = changed(whole, plan=whole.plan._replace(method="spectral", nodes=(12, 15), bound=1e-13))
    surface.save(tmp_path / "a")
    assert LossSurface.load(tmp_path / "a").plan == surface.plan


def test_failure_while_writing_leaves_the_old_file(whole, wide, model, tmp_path, monkeypatch):
    def savez(file, **arrays):
        file.write(b"half of it")
        raise OSError("disk full")

    path = tmp_path / "surface.npz"
    whole.save(path)
    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(OSError, match="disk full"):
        around(model, wide).save(path)
    assert_same(LossSurface.load(path), whole)
    assert os.listdir(tmp_path) == ["surface.npz"]


def rewritten(path, changes, **about):
    """Writes the file again with members and entries of its description changed, or left out where they are None."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files} | changes
    description = json.loads(str(arrays["about"])) | about
    arrays["about"] = np.array(json.dumps(description))
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


CHANGES = {
    "no s": ({"s": None}, {}),
    "no direction": ({"t_direction": None}, {}),
    "no quantity": (dict.fromkeys(QUANTITIES), {}),
    "long s": ({"s": np.arange(8.0)}, {}),
    "short direction": ({"s_direction": np.ones(30)}, {}),
    "no weights": (dict.fromkeys(("center", "s_direction", "t_direction"), np.ones(1)), {}),
    "flat loss": ({"loss": np.ones(35)}, {}),
    "gradient of three": ({"gradient": np.ones((3, 5, 7))}, {}),
    "integers": ({"loss": np.ones((5, 7), int)}, {}),
    "objects": ({"loss": np.full((5, 7), None)}, {}),
    "infinite center": ({"center": np.full(31, np.inf)}, {}),
    "later format": ({}, {"format": 2}),
    "one label": ({}, {"labels": ["s"]}),
    "labels are numbers": ({}, {"labels": [1, 2]}),
    "three shares": ({}, {"explained": [0.5, 0.2, 0.1]}),
    "shares are words": ({}, {"explained": ["half", "some"]}),
    "negative l2": ({}, {"l2": -1}),
    "l2 is a word": ({}, {"l2": "much"}),
    "short plan": ({}, {"plan": ["direct", None]}),
    "unknown plan": ({}, {"plan": ["guess", None, 0.0, ""]}),
    "long description": ({}, {"labels": ["s", "t" * 20_000]}),
    "an array more": ({"w": np.ones(3)}, {}),
    "2-D axis": ({"s": np.ones((7, 1))}, {}),
    "NaN loss": ({"loss": np.full((5, 7), np.nan)}, {}),
    "infinite loss": ({"loss": np.full((5, 7), np.inf)}, {}),
    "negative mse": ({"mse": np.full((5, 7), -1e-9)}, {}),
    "accuracy above 1": ({"accuracy": np.full((5, 7), 1.001)}, {}),
    "NaN gradient": ({"gradient": np.full((2, 5, 7), np.nan)}, {}),
    "shares above 1": ({}, {"explained": [0.5, 2]}),
    "shares are NaN": ({}, {"explained": [np.nan, 0.5]}),
    "infinite l2": ({}, {"l2": np.inf}),
    "l2 is too many digits": ({}, {"l2": 10**400}),
    "half a node": ({}, {"plan": ["spectral", [2.5, 3], 0.0, ""]}),
    "three nodes": ({}, {"plan": ["spectral", [2, 3, 4], 0.0, ""]}),
    "bound is NaN": ({}, {"plan": ["spectral", [2, 3], np.nan, ""]}),
    "reason is a number": ({}, {"plan": ["direct", None, 0.0, 1]}),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_wrong_files(kind, whole, tmp_path):
    path = tmp_path / "surface.npz"
    whole.save(path)
    rewritten(path, {})
    assert_same(LossSurface.load(path), whole)
    members, about = CHANGES[kind]
    rewritten(path, members, **about)
    with pytest.raises(ValueError, match=r"surface\.npz is not a saved LossSurface: "):
        LossSurface.load(path)


# of the surface: what `save` refuses, each also among the changes above
UNSAVED = {
    "NaN loss": (lambda s: {"loss": np.full_like(s.loss, np.nan)}, r"loss\[0, 0\] is nan; accepted: finite"),
    "float32": (lambda s: {"mse": s.mse.astype("f4")}, r"mse is a float32 array; accepted: a float64 array"),
    "negative mse": (lambda s: {"mse": s.mse - 2}, r"mse\[\d, \d\] is -"),
    "accuracy above 1": (lambda s: {"accuracy": s.accuracy + 1}, r"accuracy\[.*accepted: finite values in \[0, 1\]"),
    "NaN gradient": (lambda s: {"gradient": np.full_like(s.gradient, np.nan)}, r"gradient has a NaN"),
    "infinite axis": (lambda s: {"t": np.full_like(s.t, np.inf)}, r"t\[0\] is inf; accepted: finite"),
    "transposed": (lambda s: {"loss": s.loss.T}, r"its arrays have shapes \{.*; accepted: some that fit together"),
    "no quantity": (
        lambda s: dict.fromkeys(QUANTITIES),
        r"its arrays have shapes \{.*; accepted: some that fit together",
    ),
    "long label": (
        lambda s: {"plane": s.plane._replace(labels=("s", "t" * 10_000))},
        r"its description has \d+ characters; accepted: at most 2500",
    ),
    "label is a number": (lambda s: {"plane": s.plane._replace(labels=("s", 2))}, r"accepted: two texts"),
    "NaN share": (lambda s: {"plane": s.plane._replace(explained=(np.nan, 0.1))}, r"accepted: two from 0 to 1"),
    "NaN center": (lambda s: {"plane": s.plane._replace(center=s.plane.center * np.nan)}, r"center\[0\] is nan"),
    "huge l2": (lambda s: {"l2": 10**400}, r"l2 is 1000"),
    "unknown plan": (lambda s: {"plan": s.plan._replace(method="guess")}, r"method is 'guess'"),
    "bound is NaN": (lambda s: {"plan": s.plan._replace(bound=np.nan)}, r"bound is nan"),
}


@pytest.mark.parametrize("kind", UNSAVED)
def test_what_is_not_loaded_is_not_saved(kind, whole, tmp_path):
    change, message = UNSAVED[kind]
    whole.save(tmp_path / "a")
    with pytest.raises((TypeError, ValueError), match=message):
        changed(whole, **change(whole)).save(tmp_path / "a")
    assert_same(LossSurface.load(tmp_path / "a"), whole)


def test_derivatives_may_overflow(whole, tmp_path):
    surface = changed(whole, hessian=np.full_like(whole.hessian, np.inf))
    surface.save(tmp_path / "a")
    assert_same(LossSurface.load(tmp_path / "a"), surface)


def test_compressed_files_are_refused_unread(whole, tmp_path, monkeypatch):
    def unread(*arguments):
        raise AssertionError("an array was read")

    path = tmp_path / "surface.npz"
    whole.save(path)
    with np.load(path) as file:
        np.savez_compressed(path, **{name: file[name] for name in file.files})
    monkeypatch.setattr(files, "read_array", unread)
    with pytest.raises(ValueError, match="is compressed; accepted: stored as it is"):
        LossSurface.load(path)
    with zipfile.ZipFile(path) as archive:
        assert "center.npy" in archive.namelist()


def test_loading_checks_the_memory(whole, tmp_path, monkeypatch):
    whole.save(tmp_path / "a")
    monkeypatch.setattr(memory, "SURELY_FREE", 0)
    monkeypatch.setattr(memory, "free_memory", lambda: 1000)
    with pytest.raises(MemoryError, match="GB"):
        LossSurface.load(tmp_path / "a")
