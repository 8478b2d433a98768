"""Paths of any optimiser and of any models, taken where a History is."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn import linear_model
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from logreg import History, LossSurface, TrainingPath, accuracy, record, train
from logreg.estimators import Penalty
from logreg.models import read_model
from logreg.runs import path_of
from tests import problems

PROBLEM = problems.sgd_problem(97, 5)
X, Y = torch.from_numpy(PROBLEM.X), torch.from_numpy((PROBLEM.y > 0.5) * 1.0)
DATA = X.numpy(), Y.numpy()


def layer(outputs=1, bias=True, dtype=torch.float64):
    torch.manual_seed(outputs)
    return nn.Linear(5, outputs, bias=bias, dtype=dtype)


def loss_of(model):
    weight = next(model.parameters())
    logits = model(X.to(weight.dtype))
    if logits.shape[1] == 2:
        return cross_entropy(logits, Y.long())
    return binary_cross_entropy_with_logits(logits[:, 0], Y.to(weight.dtype))


def steps(optimizer, model, number):
    """Steps of training on all the data; the parameters before the first and after each, of which the bias is last."""
    points = [read_model(model).theta]
    for _ in range(number):
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()
        points.append(read_model(model).theta)
    return np.array(points)


OPTIMISERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.1),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.1),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.05),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.5),
}
MODELS = {
    "layer": layer,
    "float32": lambda: layer(dtype=torch.float32),
    "without a bias": lambda: layer(bias=False),
    "two outputs": lambda: layer(2),
    "sequential": lambda: nn.Sequential(layer(), nn.Identity()),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_every_step_is_noted(optimiser, model):
    model = MODELS[model]()
    optimizer = OPTIMISERS[optimiser](model.parameters())
    path = record(optimizer, model)
    want = steps(optimizer, model, 7)
    np.testing.assert_array_equal(path_of(path), want)
    np.testing.assert_array_equal(path.thetas, want)
    assert path.steps == 7
    np.testing.assert_array_equal(np.append(path.end_w, path.end_b), want[-1])
    np.testing.assert_array_equal(LossSurface.around(path, DATA, resolution=3).plane.center, want[-1])


@pytest.mark.parametrize(("every", "number"), [(1, 0), (2, 7), (3, 9), (10, 4)])
def test_every_so_many_steps(every, number):
    model = layer()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    path = record(optimizer, model, every=every)
    want = steps(optimizer, model, number)
    np.testing.assert_array_equal(path.thetas, want[::every])
    kept = [*want[::every], *([want[-1]] if number % every else [])]
    np.testing.assert_array_equal(path_of(path), kept)
    assert (path.steps, len(path.b)) == (number, number // every)


def test_it_can_be_looked_at_in_between_and_stopped():
    model = layer()
    optimizer = torch.optim.Adam(model.parameters())
    path = record(optimizer, model)
    first = steps(optimizer, model, 3)
    np.testing.assert_array_equal(path.thetas, first)
    second = steps(optimizer, model, 2)
    path.stop()
    steps(optimizer, model, 4)
    path.stop()
    np.testing.assert_array_equal(path.thetas, [*first, *second[1:]])


def test_two_paths_of_one_model():
    model = layer()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    one, other = record(optimizer, model), record(optimizer, model, every=2)
    want = steps(optimizer, model, 4)
    np.testing.assert_array_equal(one.thetas, want)
    np.testing.assert_array_equal(other.thetas, want[::2])


def test_the_head_of_a_network():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    optimizer = torch.optim.Adam(network.parameters())
    path, last = record(optimizer, network), network[2]
    start = read_model(last).theta
    for _ in range(3):
        optimizer.zero_grad()
        cross_entropy(network(X), Y.long()).backward()
        optimizer.step()
    np.testing.assert_array_equal(path.thetas[[0, -1]], [start, read_model(last).theta])


@pytest.mark.parametrize(
    ("optimiser", "want"),
    [
        (lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.3), Penalty(0.3, 0.3)),
        (lambda p: torch.optim.Adam(p, weight_decay=0.3), Penalty(0.3, 0.3)),
        (lambda p: torch.optim.Adam(p, weight_decay=0.3, decoupled_weight_decay=True), Penalty()),
        (lambda p: torch.optim.AdamW(p, weight_decay=0.3), Penalty()),
        (lambda p: torch.optim.SGD([{"params": p[:1], "weight_decay": 0.2}, {"params": p[1:]}], lr=0.1), Penalty(0.2)),
        (lambda p: torch.optim.SGD(p[:1], lr=0.1, weight_decay=0.3), Penalty(0.3)),
    ],
    ids=["SGD", "Adam", "decoupled", "AdamW", "groups", "weights alone"],
)
def test_weight_decay_is_the_penalty(optimiser, want):
    model = layer()
    path = record(optimiser(list(model.parameters())), model)
    assert path.model.penalty == want
    surface = LossSurface.around(path, DATA, resolution=3)
    assert (surface.l2, surface.l2_bias) == want[:2]


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_gradient_is_0_where_weight_decay_ended(outputs):
    model = layer(outputs)
    optimizer = torch.optim.LBFGS(model.parameters(), lr=1, tolerance_grad=1e-13, tolerance_change=0, max_iter=500)
    sgd = torch.optim.SGD(model.parameters(), lr=1.0, weight_decay=0.1)
    path = record(sgd, model)

    def closure():
        optimizer.zero_grad()
        loss = loss_of(model) + 0.05 * sum(p.square().sum() for p in model.parameters())
        loss.backward()
        return loss

    optimizer.step(closure)
    steps(sgd, model, 1)
    surface = LossSurface.around(
        path, DATA, resolution=1, quantities="gradient", directions=(np.eye(6)[2], np.eye(6)[5])
    )
    np.testing.assert_allclose(surface.gradient, 0, atol=1e-10)


def test_the_penalty_of_a_history():
    history = train(layer(), DATA, lr=0.5, batch_size=97, epochs=3000, weight_decay=0.1)
    surface = LossSurface.around(history, DATA, resolution=1, quantities="gradient", directions="hessian")
    assert (surface.l2, surface.l2_bias) == (0.1, 0.1)
    np.testing.assert_allclose(surface.gradient, 0, atol=1e-12)
    assert LossSurface.around(history, DATA, resolution=1, l2=0.0).l2_bias == 0


# Models, one after another


def test_estimators_are_added():
    model, path, want = linear_model.SGDClassifier(loss="log_loss", alpha=0.01, random_state=0), TrainingPath(), []
    for _ in range(6):
        model.partial_fit(*DATA, classes=[0, 1])
        path.add(model)
        want.append(np.append(model.coef_, model.intercept_))
    np.testing.assert_array_equal(path_of(path), want)
    surface = LossSurface.around(path, DATA, directions="pca")
    assert surface.l2 == 0.01
    found = surface.project(path)
    assert found.distance[-1] == 0
    assert surface.s[0] < found.s.min() < found.s.max() < surface.s[-1]
    assert surface.t[0] < found.t.min() < found.t.max() < surface.t[-1]


def test_a_list_of_parameters_is_a_path():
    thetas = np.random.default_rng(0).normal(size=(7, 6))
    path = TrainingPath(thetas)
    for given in (path, list(thetas), [theta.tolist() for theta in thetas]):
        surface = LossSurface.around(given, DATA, directions="pca", resolution=3)
        np.testing.assert_array_equal(surface.plane.center, thetas[-1])
        np.testing.assert_allclose(surface.project(given).s, surface.project(path).s)


def test_models_and_steps_in_turns():
    model = layer()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    path = record(optimizer, model)
    want = steps(optimizer, model, 2)
    path.add(np.zeros(6))
    more = steps(optimizer, model, 1)
    np.testing.assert_array_equal(path.thetas, [*want, np.zeros(6), more[-1]])


# Several paths


def two_paths():
    paths = {}
    for name, optimiser in (("SGD", OPTIMISERS["SGD"]), ("Adam", OPTIMISERS["Adam"])):
        model = layer()
        optimizer = optimiser(model.parameters())
        paths[name] = record(optimizer, model)
        steps(optimizer, model, 30)
    return paths


@pytest.mark.parametrize("named", [True, False])
def test_the_plane_of_several_paths(named):
    paths = two_paths()
    surface = LossSurface.around(paths if named else list(paths.values()), DATA, resolution=20)
    points = np.vstack([path.thetas for path in paths.values()])
    ends = np.mean([path.thetas[-1] for path in paths.values()], axis=0)
    np.testing.assert_allclose(surface.plane.center, ends, rtol=1e-15)
    variance = np.linalg.svd(points - points.mean(axis=0))[1] ** 2
    np.testing.assert_allclose(surface.plane.explained, variance[:2] / variance.sum(), rtol=1e-10)
    for path in paths.values():
        found = surface.project(path)
        for values, axis in ((found.s, surface.s), (found.t, surface.t)):
            assert axis[0] < values.min() < values.max() < axis[-1]
    fixed = LossSurface.around(paths, DATA, directions="axes", resolution=3)
    np.testing.assert_allclose(fixed.plane.center, ends, rtol=1e-15)


def test_models_by_name():
    one, other = np.arange(6.0), np.ones(6)
    surface = LossSurface.around({"a": one, "b": other}, DATA, directions="axes", resolution=3)
    np.testing.assert_array_equal(surface.plane.center, (one + other) / 2)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"a": np.ones(6), "b": np.ones(4)}, r"model holds models of \[3, 5\] weights; accepted: the same number for"),
        ([], "model holds no models; accepted: at least one"),
        ({}, "model holds no models; accepted: at least one"),
        ({"a": "text"}, r"model is a builtins\.str; accepted"),
    ],
    ids=["sizes", "empty list", "empty dict", "text"],
)
def test_several_that_do_not_go_together(models, message):
    with pytest.raises((TypeError, ValueError), match=message):
        LossSurface.around(models, DATA)


def test_penalties_that_differ_are_asked_for():
    runs = [train(layer(), DATA, lr=0.5, batch_size=10, epochs=3, weight_decay=decay) for decay in (0.1, 0.2)]
    with pytest.raises(ValueError, match="l2 is None, and the penalty of the model isn't a square, or several models"):
        LossSurface.around(runs, DATA)
    assert LossSurface.around(runs, DATA, weight_decay=0.3).l2_bias == 0.3


# Losses along a path


def test_losses_along_a_path_are_those_of_a_history():
    model = layer()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    path = record(optimizer, model, data=DATA)
    steps(optimizer, model, 12)
    history = train(layer(), DATA, lr=0.5, batch_size=97, epochs=12)
    np.testing.assert_allclose(path.w, history.w, rtol=1e-10)
    np.testing.assert_allclose(path.full_loss(), history.full_loss(), rtol=1e-12)
    np.testing.assert_array_equal(path.full_accuracy(), history.full_accuracy())
    assert path.start_loss == pytest.approx(history.start_loss, rel=1e-12)
    assert path.end_loss == pytest.approx(history.end_loss, rel=1e-12)
    assert path.steps_to_accuracy_1() == history.steps_to_accuracy_1()
    squared = record(optimizer, model, data=DATA, loss="mse", positive=0)
    p = 1 / (1 + np.exp(-(DATA[0] @ path.end_w + path.end_b)))
    assert squared.start_loss == pytest.approx(np.mean((p - (1 - DATA[1])) ** 2), rel=1e-12)


TABLE = pd.DataFrame(X.numpy(), columns=[*"abcde"])
TEXTS = np.where(Y, "yes", "no")


def test_data_of_a_path_goes_the_way_of_its_models():
    models = [make_pipeline(StandardScaler(), linear_model.LogisticRegression(C=C)).fit(TABLE, TEXTS) for C in (0.1, 1)]
    same = [make_pipeline(models[0][0], model[-1]) for model in models]
    path = TrainingPath(same, data=(TABLE, TEXTS))
    probabilities = [model.predict_proba(TABLE) for model in models]
    losses = [log_loss(TEXTS, p) for p in probabilities]
    assert path.start_loss == pytest.approx(losses[0], rel=1e-12)
    assert path.end_loss == pytest.approx(losses[1], rel=1e-12)
    np.testing.assert_allclose(path.full_accuracy(), [models[1].score(TABLE, TEXTS)])
    sparse = TrainingPath([np.ones(6)], data=(scipy.sparse.csr_array(DATA[0]), DATA[1]))
    assert sparse.start_loss == pytest.approx(TrainingPath([np.ones(6)], data=DATA).start_loss, rel=1e-12)


def test_a_run_has_its_weights_on_its_own_data():
    weight = np.random.default_rng(0).exponential(size=97)
    settings = {"lr": 0.5, "batch_size": 97, "epochs": 4000, "weight_decay": 0.2}
    asked = {"resolution": 1, "quantities": "gradient", "directions": "hessian"}
    for own in ({"sample_weight": weight}, {"class_weight": "balanced"}, {"pos_weight": 3.0}):
        history = train(layer(), DATA, **settings, **own)
        np.testing.assert_allclose(LossSurface.around(history, DATA, **asked).gradient, 0, atol=1e-11)
        elsewhere = DATA[0][:50], DATA[1][:50]
        plain = LossSurface.around(history, elsewhere, resolution=1, l2=0)
        want = LossSurface.around(np.append(history.end_w, history.end_b), elsewhere, resolution=1)
        assert plain.loss.item() == want.loss.item()


def test_weight_decay_is_read_when_it_is_asked_for():
    model = layer()
    model.bias.requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    path = record(optimizer, model)
    assert path.model.penalty == Penalty(0.1)  # what isn't trained doesn't decay
    optimizer.param_groups[0]["weight_decay"] = 0.3
    assert LossSurface.around(path, DATA, resolution=3).l2 == 0.3
    path.stop()
    optimizer.param_groups[0]["weight_decay"] = 0.5
    assert path.model.penalty == Penalty(0.3)


def test_decay_of_optimisers_that_are_not_known_is_asked_for():
    class Other(torch.optim.SGD):
        pass

    model = layer()
    path = record(Other(model.parameters(), lr=0.1, weight_decay=0.1), model)
    with pytest.raises(ValueError, match="l2 is None, and the penalty of the model isn't a square"):
        LossSurface.around(path, DATA)
    assert record(Other(model.parameters(), lr=0.1), model).model.penalty == Penalty()


# What is refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: record(torch.optim.SGD(layer().parameters(), lr=1), layer()),
            "optimizer has no parameter of the model",
        ),
        (lambda: recorded(nn.Linear(5, 3)), r"model is a torch\.nn\.modules\.linear\.Linear; accepted"),
        (lambda: recorded(nn.Sequential(nn.Conv1d(1, 1, 1))), r"model is a .*Conv1d; accepted"),
        (lambda: record(torch.optim.SGD(layer().parameters(), lr=1), "model"), r"model is a builtins\.str; accepted"),
        (lambda: recorded(layer(), every=0), "every is 0; accepted: an integer >= 1"),
        (lambda: recorded(layer(), loss="hinge"), "loss is 'hinge'; accepted"),
        (
            lambda: recorded(layer()).full_loss(),
            r"the path has no data; accepted: one that was made with data=\(x, y\)",
        ),
        (lambda: TrainingPath().thetas, "the path is empty; accepted: one to which a model was added"),
        (lambda: TrainingPath().end_w, "the path is empty; accepted: one to which a model was added"),
        (lambda: TrainingPath([np.ones(6), np.ones(5)]), r"model holds models of \[4, 5\] weights; accepted: the same"),
        (lambda: LossSurface.around(TrainingPath(), DATA), "the path is empty; accepted"),
        (lambda: TrainingPath([np.array([1.0, np.nan])]), r"model\[1\] is nan; accepted"),
        (lambda: record("SGD", layer()), r"optimizer is a builtins\.str; accepted: an optimiser of PyTorch"),
        (lambda: recorded(Gated()), r"model is a .*Gated; accepted: .* by logreg\.head"),
        (lambda: recorded(layer(), data=(DATA[0][:, :3], DATA[1])), "data x has 3 features; accepted: 5, as the model"),
        (lambda: recorded(layer(), data=(DATA[0] * np.nan, DATA[1])), r"data x\[0, 0\] is nan; accepted"),
        (lambda: TrainingPath(np.ones(6)[0]), r"models is a numpy\.float64; accepted: a list of models"),
        (lambda: TrainingPath([fitted("a", "b"), fitted("c", "d")]), "model holds models of the classes .*; accepted"),
        (
            lambda: TrainingPath([fitted("a", "b")], data=DATA, positive="a"),
            "positive is 'a'; accepted: 'b', for which",
        ),
    ],
    ids=range(19),
)
def test_bad_paths(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


class Gated(nn.Module):
    """Its last layer is made first."""

    def __init__(self):
        super().__init__()
        self.out, self.gate = nn.Linear(5, 1), nn.Linear(5, 1)

    def forward(self, x):
        return self.out(torch.sigmoid(self.gate(x)) * x)


def fitted(*classes):
    return linear_model.LogisticRegression().fit(DATA[0], np.where(DATA[1], *classes[::-1]))


def recorded(model, **settings):
    return record(torch.optim.SGD(model.parameters(), lr=1), model, **settings)


# Files


def kept_paths():
    balanced = linear_model.LogisticRegression(class_weight="balanced").fit(DATA[0], np.where(DATA[1], "b", "a"))
    weighed = linear_model.LogisticRegression(C=0.1, class_weight={"b": 2}).fit(DATA[0], np.where(DATA[1], "b", "a"))
    model = layer(bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    thin = record(optimizer, model, every=3, data=DATA, loss="mse")
    steps(optimizer, model, 7)
    return {
        "vectors": TrainingPath(np.random.default_rng(0).normal(size=(4, 6))),
        "thin": thin,
        "balanced": TrainingPath([np.ones(6), balanced]),
        "weights of classes": TrainingPath([balanced, weighed]),
        "l1": TrainingPath([linear_model.LogisticRegression(l1_ratio=1, solver="liblinear").fit(*DATA)]),
    }


@pytest.mark.parametrize("name", ["vectors", "thin", "balanced", "weights of classes", "l1"])
def test_round_trip(name, tmp_path):
    path = kept_paths()[name]
    path.save(tmp_path / "path.npz")
    got = TrainingPath.load(tmp_path / "path.npz")
    np.testing.assert_array_equal(path_of(got), path_of(path))
    for field in ("steps", "every", "steps_per_epoch", "cost"):
        assert getattr(got, field) == getattr(path, field)
    for field in ("has_bias", "classes", "penalty"):
        assert getattr(got.model, field) == getattr(path.model, field)
    if path.data is not None:
        np.testing.assert_array_equal(got.full_loss(), path.full_loss())
    data = DATA[0], DATA[1] if path.model.classes is None else np.where(DATA[1], *path.model.classes[::-1])
    settings = {"l2": 0.1 if path.model.penalty is None else None, "resolution": 3}
    settings["class_weight"] = {} if name == "weights of classes" else None
    surfaces = [LossSurface.around(one, data, **settings) for one in (path, got)]
    np.testing.assert_array_equal(*(surface.loss for surface in surfaces))
    assert surfaces[0].l2 == surfaces[1].l2
    got.add(np.zeros(6))
    assert got.steps == path.steps + 1


def test_other_files(tmp_path):
    train(layer(), DATA, lr=1, batch_size=10, epochs=1).save(tmp_path / "history")
    with pytest.raises(ValueError, match="is not a saved TrainingPath: it holds"):
        TrainingPath.load(tmp_path / "history")
    kept_paths()["vectors"].save(tmp_path / "path")
    with pytest.raises(ValueError, match="is not a saved History: it holds"):
        History.load(tmp_path / "path")
    assert all(len(one) == len(other) for one, other in pairwise(TrainingPath.load(tmp_path / "path").thetas))


# What runs and paths remember


def test_several_runs_of_the_same_weights_have_them():
    weight = np.random.default_rng(0).exponential(size=97)
    settings = {"lr": 0.5, "batch_size": 97, "epochs": 4000, "weight_decay": 0.2, "sample_weight": weight}
    runs = {name: train(layer(), DATA, **settings) for name in "ab"}
    asked = {"resolution": 1, "quantities": "gradient", "directions": "hessian"}
    np.testing.assert_allclose(LossSurface.around(runs, DATA, **asked).gradient, 0, atol=1e-11)
    runs["c"] = train(layer(), DATA, **settings | {"sample_weight": weight[::-1].copy()})
    with pytest.raises(ValueError, match="class_weight is None and the models were fitted with different weights"):
        LossSurface.around(runs, DATA)
    weighted = LossSurface.around(runs, DATA, sample_weight=weight, **asked)
    assert np.isfinite(weighted.gradient).all()


def test_the_weight_of_the_positive_class_is_of_the_loss_that_was_trained():
    history = train(layer(), DATA, lr=0.5, batch_size=97, epochs=3, pos_weight=3.0)
    got = LossSurface.around(history, DATA, loss="mse", resolution=3)
    want = LossSurface.around(np.append(history.end_w, history.end_b), DATA, loss="mse", resolution=3, extent=1)
    assert np.isfinite(got.loss).all()
    assert np.isfinite(want.loss).all()


def test_the_positive_class_is_remembered(tmp_path):
    data = DATA[0], np.where(DATA[1], "cat", "dog")
    history = train(layer(), data, lr=0.5, batch_size=97, epochs=30, positive="cat")
    history.save(tmp_path / "run")
    path = TrainingPath([np.append(history.end_w, history.end_b)], data=data, positive="cat")
    for run in (history, History.load(tmp_path / "run"), path):
        assert accuracy(run, data) == run.full_accuracy()[-1] if len(run.b) else accuracy(run, data) > 0.5
        assert LossSurface.around(run, data, resolution=1, extent=1).loss.item() == pytest.approx(
            LossSurface.around(history, DATA, resolution=1, extent=1).loss.item(), rel=1e-12
        )


def test_a_path_of_pipelines_is_not_kept(tmp_path):
    model = make_pipeline(StandardScaler(), linear_model.LogisticRegression()).fit(*DATA)
    with pytest.raises(ValueError, match="the path is of pipelines, whose steps aren't kept; accepted"):
        TrainingPath([model]).save(tmp_path / "path")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("models", [{"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 1}, {"a": 0, "b": 1}])
def test_models_on_a_line_have_a_plane(models):
    theta = np.arange(1.0, 7.0)
    surface = LossSurface.around({name: factor * theta for name, factor in models.items()}, DATA, resolution=3)
    assert surface.loss.shape == (3, 3)


def test_the_decay_of_averaging_is_asked_for():
    model = layer()
    path = record(torch.optim.ASGD(model.parameters(), lambd=0.01), model)
    assert path.model.penalty is None
