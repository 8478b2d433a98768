"""Losses along lines, against autograd of the loss written out and the oracle."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn import linear_model
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

from kernels import surface_on_plane
from kernels.losses import LOSSES
from logreg import LabData, LossLine, LossSurface, evaluation, speaking, train
from logreg.model import seeded_model
from tests import oracle, problems
from tests.training import TORCH_LOSSES

QUANTITIES = oracle.QUANTITIES


def wanted_at(alpha, line, X, y, *, loss, l2=(0.0, 0.0), sample_weight=None, pos_weight=None):
    """{quantity: value} at a position, derivatives by autograd in float64."""
    x, labels, origin, direction = (
        torch.from_numpy(np.asarray(values, np.float64)) for values in (X, y, line.origin, line.direction)
    )
    weight = torch.ones_like(labels) if sample_weight is None else torch.from_numpy(sample_weight)

    def logits(alpha):
        theta = origin + alpha * direction
        return theta, x @ theta[:-1] + theta[-1]

    def full_loss(alpha):
        theta, z = logits(alpha)
        values = TORCH_LOSSES[loss](z, labels)
        if pos_weight is not None:
            one, zero = (TORCH_LOSSES[loss](z, torch.full_like(labels, c)) for c in (1.0, 0.0))
            values = labels * pos_weight * one + (1 - labels) * zero
        penalty = l2[0] / 2 * theta[:-1].square().sum() + l2[1] / 2 * theta[-1] ** 2
        return (weight * values).sum() / weight.sum() + penalty

    at = torch.tensor(alpha, dtype=torch.float64)
    _, z = logits(at)
    plane = (z.numpy(), 0 * z.numpy(), 0 * z.numpy())
    counted = {name: oracle.value_at(plane, np.asarray(y), 0, 0, name, sample_weight) for name in oracle.COUNTED}
    return counted | {
        "loss": full_loss(at).item(),
        "mse": ((weight * (torch.sigmoid(z) - labels) ** 2).sum() / weight.sum()).item(),
        "gradient": torch.autograd.functional.jacobian(full_loss, at).item(),
        "hessian": torch.autograd.functional.hessian(full_loss, at).item(),
    }


def assert_is_right(line, X, y, quantities=QUANTITIES, **settings):
    for name in QUANTITIES:
        assert (getattr(line, name) is not None) == (name in quantities)
    wanted = [wanted_at(alpha, line, X, y, loss=line.cost, **settings) for alpha in line.alpha]
    for name in quantities:
        values = getattr(line, name)
        assert (values.dtype, values.shape) == (np.float64, line.alpha.shape)
        np.testing.assert_allclose(values, [one[name] for one in wanted], rtol=1e-10, atol=1e-13)


# Values


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("n", "d"), [(1, 1), (20, 1), (97, 30), (10, 40)])
@pytest.mark.parametrize("soft", [False, True])
def test_each_loss(loss, n, d, soft):
    X, y, w, b = problems.sgd_problem(n, d, soft=soft, seed=n)
    rng = np.random.default_rng(d)
    a, c = np.append(w, b), 3 * rng.normal(size=d + 1)
    line = LossLine.between(a, c, (X, y), extent=(-1, 2), resolution=13, quantities=QUANTITIES, loss=loss)
    np.testing.assert_array_equal(line.alpha, np.linspace(-1, 2, 13))
    np.testing.assert_array_equal(line.origin, a)
    np.testing.assert_array_equal(line.direction, c - a)
    assert (line.cost, line.l2, line.l2_bias) == (loss, 0, 0)
    assert_is_right(line, X, y)


PENALTIES = {"l2": ({"l2": 0.3}, (0.3, 0.0)), "decay": ({"weight_decay": 0.2}, (0.2, 0.2))}


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_weights_and_penalties(loss, penalty):
    problem, rng = problems.sgd_problem(61, 9), np.random.default_rng(3)
    weights = {"sample_weight": rng.exponential(size=61) * rng.integers(0, 2, 61)}
    weights |= {"pos_weight": 3.5} if LOSSES[loss].linear_in_label else {}
    settings, l2 = PENALTIES[penalty]
    options = {"resolution": 9, "quantities": QUANTITIES, "loss": loss, **settings, **weights}
    line = LossLine.around(np.append(problem.w, problem.b), problem[:2], rng.normal(size=10), extent=2, **options)
    np.testing.assert_array_equal(line.alpha, np.linspace(-2, 2, 9))
    assert (line.l2, line.l2_bias) == l2
    assert_is_right(line, problem.X, problem.y, l2=l2, **weights)


def test_a_line_is_the_axis_of_a_surface(wide):
    theta, data = np.append(wide.w, wide.b), (wide.X, wide.y)
    for kind in ("random", "filter"):
        options = {"extent": 3, "quantities": QUANTITIES, "seed": 5, "l2": 0.1}
        line = LossLine.around(theta, data, kind, resolution=15, **options)
        surface = LossSurface.around(theta, data, directions=kind, resolution=(15, 1), **options)
        np.testing.assert_array_equal(line.direction, surface.plane.s_direction)
        np.testing.assert_array_equal(line.alpha, surface.s)
        for name in QUANTITIES:
            wanted = getattr(surface, name).reshape(-1, 15)[0]
            np.testing.assert_allclose(getattr(line, name), wanted, rtol=1e-11, atol=1e-13)


def test_faint_losses_have_their_digits():
    """Interpolated they would be noise below 1e-16."""
    rng = np.random.default_rng(0)
    X = np.sign(rng.normal(size=(80, 1))) * rng.uniform(1, 2, (80, 1))
    y = (X[:, 0] > 0) * 1.0
    line = LossLine.between(
        [0.0, 0.0], [1.0, 0.1], (X, y), extent=(0, 200), resolution=401, quantities=("loss", "hessian")
    )
    assert line.loss.min() < 1e-80
    plane = 0 * y, X[:, 0] + 0.1, 0 * y
    for k in range(0, 401, 40):
        for name, values in (("loss", line.loss), ("hessian", line.hessian)):
            wanted = oracle.value_at(plane, y, line.alpha[k], 0, name)
            np.testing.assert_allclose(values[k], np.ravel(wanted)[0], rtol=1e-11)


def test_every_point_is_evaluated(wide, monkeypatch):
    """Also where interpolation would be cheaper."""
    plans = []

    def noted(*arguments, **options):
        plans.append(surface_on_plane(*arguments, **options))
        return plans[-1]

    monkeypatch.setattr(evaluation, "surface_on_plane", noted)
    X = np.tile(wide.X, (100, 1))
    data, quantities = (X, np.tile(wide.y, 100)), ("loss", "mse", "accuracy", "gradient")
    LossLine.around(np.append(wide.w, wide.b), data, "random", resolution=20_000, quantities=quantities, pos_weight=2.0)
    assert {surface.plan.method for surface in plans} == {"direct"}
    ends = np.append(wide.w, wide.b), np.zeros(31)
    assert LossLine.between(*ends, data).alpha.shape == (201,)


# Models, data and directions


def test_between_a_start_and_its_end():
    model = seeded_model(1, 0)
    start = np.append(*(parameter.detach().numpy().ravel() for parameter in model.parameters()))
    run = train(model, LabData(), lr=2, batch_size=3, epochs=20, weight_decay=0.01)
    line = LossLine.between(start, run, LabData(), weight_decay=0.01)
    x, y = LabData()[:]
    np.testing.assert_array_equal(line.origin, start)
    np.testing.assert_allclose(line.theta(1.0), [run.w[-1, 0], run.b[-1]], rtol=1e-15)
    assert line.loss[line.alpha == 1.0] == pytest.approx(run.end_loss + 0.005 * (run.end_w[0] ** 2 + run.end_b**2))
    assert line.loss[line.alpha == 0.0] == pytest.approx(run.start_loss + 0.005 * (start**2).sum())
    assert line.marks == {"model a": 0, "model b": 1}
    assert line.label == "from model a (0) to model b (1)"
    assert_is_right(line, x, y[:, 0], ("loss", "accuracy"), l2=(0.01, 0.01))
    own = LossLine.around(run, LabData(), "bias", quantities="loss", resolution=7)
    assert (own.l2, own.l2_bias) == (0.01, 0.01)
    np.testing.assert_array_equal(own.origin, line.origin + line.direction)
    assert own.marks == {"model": 0}


def test_classifiers_and_pipelines():
    X, y, *_ = problems.sgd_problem(80, 5)
    table = pd.DataFrame(7 + 3 * X, columns=["a", "b", "c", "d", "random"])
    labels = np.where(y > 0.5, "yes", "no")
    weak, strong = (
        make_pipeline(StandardScaler(), linear_model.LogisticRegression(C=C, class_weight="balanced")).fit(
            table, labels
        )
        for C in (0.01, 10.0)
    )
    scaled, counts = StandardScaler().fit_transform(table), np.bincount(y.astype(int))
    weight = 40 / counts[y.astype(int)]
    line = LossLine.between(weak, strong, (table, labels), l2=0.0, quantities=QUANTITIES, resolution=5)
    assert_is_right(line, scaled, y, sample_weight=weight)
    along = LossLine.around(strong, (table, labels), "b", quantities=QUANTITIES, resolution=5)
    assert along.direction.tolist() == [0, 1, 0, 0, 0, 0]
    assert along.label.startswith("change of w[b] from ")
    assert along.l2 == pytest.approx(0.1 / weight.sum())
    assert_is_right(along, scaled, y, l2=(along.l2, 0.0), sample_weight=weight)
    with pytest.raises(ValueError, match="l2 is None, and the penalty of the model isn't a square, or several"):
        LossLine.between(weak, strong, (table, labels))
    assert LossLine.around(strong, (table, labels), "random", seed=0).label == "along a random direction"


def test_labels_in_spanish():
    X, y, w, b = problems.sgd_problem(20, 3)
    model, other = np.append(w, b), np.append(w, b + 1)
    with speaking("es"):
        labels = [
            LossLine.around(model, (X, y), kind, seed=0).label for kind in ("random", "filter", "bias", np.ones(4))
        ]
        labels.append(LossLine.between(model, other, (X, y)).label)
    assert labels == [
        "a lo largo de una dirección al azar",
        "a lo largo de una dirección al azar, según el tamaño de cada peso",
        f"cambio de b desde {b[0]:.4g}",
        "a lo largo de la dirección",
        "del modelo a (0) al modelo b (1)",
    ]


@pytest.mark.parametrize("kind", ["float32", "sparse", "batches", "shuffled", "integers", "names"])
def test_kinds_of_data(kind, monkeypatch):
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
        "names": (pd.DataFrame(X, columns=list("abcdef")), y),
    }
    options = {"quantities": QUANTITIES, "resolution": 5}
    line = LossLine.between(np.zeros(7), np.append(w, b), data[kind], **options, class_weight={0: 2.0})
    assert_is_right(line, X, y, sample_weight=2 - y)


def test_labels_of_which_one_is_positive():
    X, y, w, b = problems.sgd_problem(53, 2)
    labels = np.where(y > 0.5, "good", "ill")
    line = LossLine.between(np.zeros(3), np.append(w, b), (X, labels), positive="good", class_weight={"ill": 2.0})
    assert_is_right(line, X, y, ("loss", "accuracy"), sample_weight=np.where(y > 0.5, 1.0, 2.0))


def test_a_model_without_a_bias_goes_without():
    layer = torch.nn.Linear(3, 1, bias=False)
    X, y, *_ = problems.sgd_problem(20, 3)
    line = LossLine.around(layer, (X, y), "random", seed=2)
    assert line.direction[-1] == 0
    assert np.linalg.norm(line.direction) == pytest.approx(1)
    one = LossLine.around(torch.nn.Linear(1, 1, bias=False), (X[:, :1], y), "random", seed=2)
    assert abs(one.direction[0]) == 1
    assert_is_right(line, X, y, ("loss", "accuracy"))


@pytest.mark.parametrize("extent", [(0.0, 4.0), 4.0, None])
def test_windows(extent, wide):
    theta = np.append(wide.w, wide.b)
    direction = np.full(31, 0.5)
    line = LossLine.around(theta, (wide.X, wide.y), direction, extent=extent, resolution=5)
    far = np.linalg.norm(wide.w) / np.linalg.norm(direction)
    low, high = {None: (-far, far), 4.0: (-4, 4)}.get(extent, extent)
    np.testing.assert_allclose(line.alpha, np.linspace(low, high, 5), rtol=1e-15)
    assert LossLine.around(theta, (wide.X, wide.y), direction, extent=extent, resolution=1).alpha == [(low + high) / 2]


def test_parameters_at_positions(wide):
    theta, direction = np.append(wide.w, wide.b), np.arange(31.0)
    line = LossLine.around(theta, (wide.X, wide.y), direction)
    np.testing.assert_array_equal(line.theta(0), theta)
    np.testing.assert_array_equal(line.theta(-2.5), theta - 2.5 * direction)
    assert line.theta([1.0, 2.0, 3.0]).shape == (3, 31)
    np.testing.assert_array_equal(line.theta(line.alpha)[7], theta + line.alpha[7] * direction)


# What is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_b": np.zeros(4)}, "model_b has the parameters of model_a; accepted: another model"),
        ({"model_b": np.zeros(5)}, r"model holds models of \[3, 4\] weights; accepted: the same number"),
        ({"model_b": "strong"}, "model is a .*str; accepted"),
        ({"data": (np.ones((4, 2)), np.ones(4))}, "data x has 2 features; accepted: 3"),
        ({"extent": (1, 0)}, r"extent is \(1, 0\); accepted"),
        ({"resolution": 0}, "resolution is 0; accepted: an integer >= 1"),
        ({"quantities": ("loss", "margin")}, "quantities is .*; accepted: some of"),
        ({"loss": "hinge"}, "loss is 'hinge'; accepted"),
        ({"l2": -1.0}, "l2 is -1.0; accepted"),
        ({"weight_decay": np.inf}, "weight_decay is inf; accepted"),
        ({"sample_weight": np.ones(3)}, "sample_weight has shape"),
        ({"class_weight": {"yes": 1}}, "class_weight has 'yes'"),
        ({"loss": "mse", "pos_weight": 2.0}, "pos_weight is 2.0; accepted: None"),
        ({"device": "abacus"}, "device is 'abacus'; accepted"),
    ],
)
def test_between_refuses(changes, message):
    X, y, *_ = problems.sgd_problem(20, 3)
    arguments = {"model_a": np.zeros(4), "model_b": np.ones(4), "data": (X, y)} | changes
    with pytest.raises((TypeError, ValueError), match=message):
        LossLine.between(**arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"direction": np.zeros(4)}, "direction is 0; accepted: a vector of some length"),
        ({"direction": np.ones(3)}, r"direction has shape \(3,\)"),
        ({"direction": [1, np.nan, 0, 0]}, r"direction\[1\] is nan; accepted: finite"),
        ({"direction": "ab"}, "direction has 'ab'; accepted: names of columns, such as 'aa', .*or 'bias'"),
        ({"data": (np.ones((4, 3)), np.ones(4)), "direction": "a"}, "direction has 'a'; accepted: vectors or 'bias'"),
        ({"direction": "random", "seed": "x"}, "seed is 'x'; accepted"),
        ({"model": np.zeros(4), "direction": "filter"}, "accepted: for a model with at least two parameters"),
        ({"extent": 0}, "extent is 0; accepted"),
        ({"quantities": ()}, r"quantities is \(\); accepted"),
    ],
)
def test_around_refuses(changes, message):
    X, y, *_ = problems.sgd_problem(20, 3)
    table = pd.DataFrame(X, columns=["aa", "ac", "d"])
    with pytest.raises((TypeError, ValueError), match=message):
        LossLine.around(**{"model": np.ones(4), "data": (table, y), "direction": np.ones(4)} | changes)


def test_what_is_wrong_is_told_before_data_is_read():
    class Unread:
        def __getitem__(self, rows):
            raise AssertionError("data was read")

    for changes in ({"extent": "far"}, {"quantities": "margin"}, {"device": "abacus"}):
        with pytest.raises(ValueError, match=f"{next(iter(changes))} is .*; accepted"):
            LossLine.between(np.zeros(4), np.ones(4), Unread(), **changes)


def test_a_table_of_a_line():
    X, y, w, b = problems.sgd_problem(20, 3)
    line = LossLine.between(np.zeros(4), np.append(w, b), (X, y), resolution=7)
    frame = line.to_frame()
    assert list(frame) == ["alpha", "loss", "accuracy"]
    for name in frame:
        np.testing.assert_array_equal(frame[name], getattr(line, name))


@pytest.mark.parametrize("direction", ["hessian", "pca", "axes"])
def test_directions_of_planes_are_told_apart(direction):
    X, y, *_ = problems.sgd_problem(20, 3)
    with pytest.raises(
        ValueError, match=f"direction is '{direction}', which spans a plane; accepted: 'random', 'filter'"
    ):
        LossLine.around(np.zeros(4), (X, y), direction)
