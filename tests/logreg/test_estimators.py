"""Classifiers of scikit-learn: the surface around one is its own objective, and lowest where it was fitted."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import datasets, linear_model, metrics
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from logreg import LossLine, LossSurface, TrainingPath, accuracy, sharpness
from logreg.models import read_model

X, TARGET = datasets.make_classification(300, 6, n_informative=4, flip_y=0.2, weights=(0.7,), random_state=0)
Y = np.where(TARGET, "yes", "no")
TIGHT = {"tol": 1e-12, "max_iter": 100_000}
WEIGHT = np.random.default_rng(1).exponential(size=300)


def logistic(**settings):
    return linear_model.LogisticRegression(**TIGHT | settings)


# {name: (classifier, sample_weight of its fit)}
FITTED = {
    "plain": (logistic(), None),
    "C": (logistic(C=0.03), None),
    "without a penalty": (logistic(C=np.inf), None),
    "without a bias": (logistic(C=0.1, fit_intercept=False), None),
    "newton": (logistic(C=0.1, solver="newton-cholesky"), None),
    "liblinear": (logistic(C=0.1, solver="liblinear"), None),
    "liblinear, scaled": (logistic(C=0.1, solver="liblinear", intercept_scaling=3.0), None),
    "weights": (logistic(C=0.1), WEIGHT),
    "balanced": (logistic(C=0.1, class_weight="balanced"), None),
    "balanced, weights": (logistic(C=0.1, class_weight="balanced"), WEIGHT),
    "class weights": (logistic(C=0.1, class_weight={"no": 0.3, "yes": 2.0}), None),
    "one class weight": (logistic(C=0.1, class_weight={"yes": 5.0}), WEIGHT),
}


def around(model, **settings):
    return LossSurface.around(model, (X, Y), **settings)


@pytest.mark.parametrize("name", FITTED)
def test_the_gradient_at_the_optimum_is_0(name):
    model, weight = FITTED[name]
    model.fit(X, Y, sample_weight=weight)
    directions = np.eye(7)[:2], np.eye(7)[2:4], np.eye(7)[[4, 6]]
    for pair in directions[: 3 if model.fit_intercept else 2]:
        surface = around(
            model, directions=tuple(pair), extent=1, resolution=1, quantities="gradient", sample_weight=weight
        )
        np.testing.assert_allclose(surface.gradient, 0, atol=2e-7)
    wrong = around(model, directions=directions[0], extent=1, resolution=1, quantities="gradient", l2=0.5)
    assert np.abs(wrong.gradient).max() > 1e-3


def objective(model, theta, weight):
    """scikit-learn's own loss and penalty of LogisticRegression, a mean."""
    other = linear_model.LogisticRegression()
    other.classes_, other.coef_, other.intercept_ = model.classes_, theta[None, :-1], theta[-1:]
    n = len(X) if weight is None else weight.sum()
    loss = metrics.log_loss(Y, other.predict_proba(X), sample_weight=weight, labels=model.classes_)
    return loss + theta[:-1] @ theta[:-1] / (2 * model.C * n)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_values_are_scikit_learns_at_50_points(weight):
    model = linear_model.LogisticRegression(C=0.2).fit(X, Y, sample_weight=weight)
    surface = around(model, directions="random", seed=0, extent=2, resolution=(60, 50), sample_weight=weight)
    plane, rng = surface.plane, np.random.default_rng(0)
    for i, j in rng.integers(0, (60, 50), size=(50, 2)):
        theta = plane.center + surface.s[i] * plane.s_direction + surface.t[j] * plane.t_direction
        assert surface.loss[j, i] == pytest.approx(objective(model, theta, weight), rel=1e-12, abs=1e-12)


def test_penalty_of_stochastic_gradient_descent():
    model = linear_model.SGDClassifier(
        loss="log_loss", alpha=0.02, max_iter=20_000, tol=None, random_state=0, average=True
    )
    model.fit(X, Y)
    surface = around(model, directions="hessian", extent=1, resolution=1, quantities="gradient")
    assert surface.l2 == 0.02
    np.testing.assert_allclose(surface.gradient, 0, atol=1e-3)
    halved = around(model, extent=1, resolution=1, sample_weight=np.full(300, 0.5))
    assert halved.l2 == pytest.approx(0.04, rel=1e-15)
    assert around(linear_model.SGDClassifier(loss="log_loss", penalty=None).fit(X, Y), extent=1, resolution=1).l2 == 0


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("l1_ratios", [(0.0,), (0.0, 1e-9)], ids=str)
def test_cross_validated(l1_ratios):
    solver = "saga" if len(l1_ratios) > 1 else "lbfgs"
    model = linear_model.LogisticRegressionCV(Cs=[0.01, 0.1], l1_ratios=l1_ratios, solver=solver, max_iter=10_000)
    model.fit(X, Y)
    if np.ravel(model.l1_ratio_)[0]:
        pytest.fail("the penalty that was found is to be a square")
    assert around(model, extent=1, resolution=1).l2 == pytest.approx(1 / (np.ravel(model.C_)[0] * 300), rel=1e-15)


@pytest.mark.parametrize("settings", [{"l1_ratio": 1.0}, {"l1_ratio": 0.3}], ids=str)
def test_other_penalties_are_asked_for(settings):
    model = linear_model.LogisticRegression(solver="saga", max_iter=10_000, **settings).fit(X, Y)
    with pytest.raises(ValueError, match="l2 is None, and the penalty of the model isn't a square, or several models"):
        around(model)
    assert around(model, l2=0.1, extent=1, resolution=1).l2 == 0.1
    assert accuracy(model, (X, Y)) == model.score(X, Y)


# Pipelines and tables

TABLE = pd.DataFrame(X, columns=[f"size {k}" for k in range(6)])


def pipelines():
    scaled = make_pipeline(StandardScaler(), logistic(C=0.1))
    search = GridSearchCV(make_pipeline(StandardScaler(), logistic()), {"logisticregression__C": [0.1, 1.0]}, cv=2)
    return {
        "one step": (scaled, lambda x: StandardScaler().fit(X).transform(x)),
        "only a model": (make_pipeline(logistic(C=0.1)), lambda x: x),
        "search": (search, lambda x: StandardScaler().fit(X).transform(x)),
    }


@pytest.mark.parametrize("name", ["one step", "only a model", "search"])
def test_data_goes_through_the_steps_of_a_pipeline(name):
    model, steps = pipelines()[name]
    model.fit(TABLE, Y)
    last = getattr(model, "best_estimator_", model)[-1]
    settings = {"directions": "random", "seed": 0, "quantities": ("loss", "accuracy"), "resolution": 5}
    got = LossSurface.around(model, (TABLE, Y), **settings)
    want = LossSurface.around(last, (steps(X), Y), **settings)
    np.testing.assert_allclose(got.loss, want.loss, rtol=1e-13)
    np.testing.assert_array_equal(got.accuracy, want.accuracy)
    assert got.l2 == want.l2 == 1 / (last.C * 300)
    assert accuracy(model, (TABLE, Y)) == model.score(TABLE, Y)


def test_names_after_steps_are_on_the_axes():
    model = make_pipeline(PolynomialFeatures(2, include_bias=False), logistic(C=0.1)).fit(TABLE, Y)
    surface = LossSurface.around(model, (TABLE, Y), directions=("size 0 size 3", "bias"), resolution=3)
    theta = read_model(model).theta
    k = [*model[0].get_feature_names_out()].index("size 0 size 3")
    assert surface.plane.labels == (
        f"change of w[size 0 size 3] from {theta[k]:.4g}",
        f"change of b from {theta[-1]:.4g}",
    )
    np.testing.assert_array_equal(surface.plane.s_direction, np.eye(28)[k])
    np.testing.assert_array_equal(surface.plane.t_direction, np.eye(28)[-1])


def test_directions_by_names_of_columns():
    model = logistic(C=0.1).fit(TABLE, Y)
    surface = LossSurface.around(model, (TABLE, Y), directions=("size 4", "size 1"), resolution=3)
    np.testing.assert_array_equal(np.argmax(surface.plane[1:3], axis=1), [4, 1])
    assert surface.plane.labels[0] == f"change of w[size 4] from {model.coef_[0, 4]:.4g}"
    assert "w[size " in LossSurface.around(model, (TABLE, Y), resolution=3).plane.labels[1]
    assert "w[size " in LossSurface.around(model, (X, Y), resolution=3).plane.labels[1]  # as the model has them
    mixed = LossSurface.around(model, (TABLE, Y), directions=("size 4", np.ones(7)), resolution=3)
    assert mixed.plane.labels[1] == "along t_direction"


@pytest.mark.parametrize(
    ("directions", "message"),
    [
        (("size 4", "size 4"), "directions are parallel"),
        (("siz 4", "size 1"), r"directions has 'siz 4'; accepted: names of columns, such as 'size \d', .* or 'bias'"),
        (("size 4", "size 1", "size 2"), "directions is a tuple; accepted"),
    ],
    ids=["twice", "misspelt", "three"],
)
def test_bad_names(directions, message):
    model = logistic(C=0.1).fit(TABLE, Y)
    with pytest.raises(ValueError, match=message):
        LossSurface.around(model, (TABLE, Y), directions=directions)


def test_names_that_are_not_there():
    with pytest.raises(ValueError, match="directions has 'age'; accepted: vectors or 'bias', as data x has no names"):
        LossSurface.around(logistic(C=0.1).fit(X, Y), (X, Y), directions=("age", "bias"))


def test_columns_in_another_order_are_refused():
    model = logistic(C=0.1).fit(TABLE, Y)
    with pytest.raises(
        ValueError, match=r"data x has the columns .*size 5.*; accepted: .*size 0.*, as the model was fitted"
    ):
        LossSurface.around(model, (TABLE[TABLE.columns[::-1]], Y))
    with pytest.raises(ValueError, match="data x has the columns"):
        accuracy(model, (TABLE.rename(columns=str.upper), Y))


# Labels


@pytest.mark.parametrize("labels", [("no", "yes"), (-1, 1), (3, 7), (False, True), (0, 1)], ids=str)
def test_labels_are_those_of_the_model(labels):
    y = np.array(labels)[TARGET]
    model = logistic(C=0.1).fit(X, y)
    surface = LossSurface.around(model, (X, y), extent=1, resolution=1, quantities=("loss", "accuracy"))
    assert surface.accuracy.item() == accuracy(model, (X, y)) == model.score(X, y)
    plain = LossSurface.around(model, (X, TARGET), extent=1, resolution=1)
    assert plain.loss.item() == surface.loss.item()
    assert accuracy(model, (X, y), positive=labels[1]) == model.score(X, y)
    with pytest.raises(ValueError, match=r"positive is .*; accepted: .* for which the model's logit is positive"):
        accuracy(model, (X, y), positive=labels[0])


def test_other_labels_are_refused():
    model = logistic(C=0.1).fit(X, Y)
    with pytest.raises(ValueError, match="data y has the label 'maybe'; accepted: 'no' and 'yes', the classes of the"):
        accuracy(model, (X, np.where(TARGET, "maybe", "no")))


# Several pipelines


def scaled_to(rows, **settings):
    return make_pipeline(StandardScaler(), logistic(**settings)).fit(TABLE[rows], Y[rows])


def test_pipelines_of_the_same_features_go_together():
    one, other = (scaled_to(slice(None), C=C) for C in (0.1, 10.0))
    line = LossLine.between(one, other, (TABLE, Y), l2=0.0)
    for model, place in ((one, 0.0), (other, 1.0)):
        k = np.abs(line.alpha - place).argmin()
        assert line.loss[k] == pytest.approx(metrics.log_loss(Y, model.predict_proba(TABLE)), rel=1e-12)


def test_pipelines_of_other_features_do_not():
    one, other = scaled_to(slice(0, 200)), scaled_to(slice(100, 300))
    with pytest.raises(
        ValueError, match="model holds pipelines whose steps give different features; accepted: the same"
    ):
        LossLine.between(one, other, (TABLE, Y))
    with pytest.raises(ValueError, match="model holds pipelines with steps before the model and models without"):
        LossSurface.around({"a": one, "b": other[-1]}, (TABLE, Y))


# Pipelines within pipelines, and steps that do nothing

NESTED = {
    "a pipeline last": lambda: make_pipeline(SimpleImputer(), make_pipeline(StandardScaler(), logistic())),
    "three levels": lambda: make_pipeline(
        SimpleImputer(), make_pipeline(PolynomialFeatures(2), make_pipeline(StandardScaler(), logistic(C=0.01)))
    ),
    "a search of one": lambda: GridSearchCV(
        make_pipeline(SimpleImputer(), make_pipeline(StandardScaler(), logistic())),
        {"pipeline__logisticregression__C": [0.1]},
        cv=2,
    ),
    "nothing": lambda: make_pipeline("passthrough", logistic()),
    "nothing within": lambda: make_pipeline(StandardScaler(), "passthrough", logistic()),
}


@pytest.mark.parametrize("name", NESTED)
def test_all_steps_of_all_levels(name):
    model = NESTED[name]().fit(TABLE, Y)
    surface = LossSurface.around(model, (TABLE, Y), directions="random", seed=0, resolution=1, l2=0)
    assert surface.loss.item() == pytest.approx(metrics.log_loss(Y, model.predict_proba(TABLE)), rel=1e-12)
    assert accuracy(model, (TABLE, Y)) == model.score(TABLE, Y)


# What several models have in common

LAYER = torch.nn.Linear(6, 1).double()


def test_a_line_is_the_same_from_both_ends():
    weighted, plain = logistic(C=0.1, class_weight={"yes": 9.0}).fit(X, Y), logistic(C=0.1).fit(X, Y)
    for one, other in ((weighted, plain), (plain, weighted)):
        with pytest.raises(ValueError, match="class_weight is None and the models were fitted with different"):
            LossLine.between(one, other, (X, Y))
    forth, back = (LossLine.between(*pair, (X, Y), class_weight={}) for pair in ((weighted, plain), (plain, weighted)))
    np.testing.assert_allclose(forth.loss, back.loss[::-1], rtol=1e-11)


def test_parameters_alone_have_the_classes_of_others():
    model = logistic(C=0.1).fit(X, np.where(TARGET, 7, 3))
    for one, other in ((model, LAYER), (LAYER, model), (np.zeros(7), model)):
        line = LossLine.between(one, other, (X, np.where(TARGET, 7, 3)), l2=0.1)
        assert np.isfinite(line.loss).all()
    pipeline = make_pipeline(StandardScaler(), logistic()).fit(TABLE, Y)
    line = LossLine.between(np.zeros(7), pipeline, (TABLE, Y), l2=0.0)
    assert line.loss[np.abs(line.alpha).argmin()] == pytest.approx(np.log(2), rel=1e-12)


def test_paths_of_models_of_several_penalties_ask_for_one():
    models = [logistic(C=C).fit(X, Y) for C in (0.1, 1.0)]
    for call in (lambda: around(models), lambda: sharpness(models, (X, Y)), lambda: around(TrainingPath(models))):
        with pytest.raises(ValueError, match=r"l2 is None, and .* several models have different ones; accepted: l2"):
            call()
    found = sharpness(models, (X, Y), l2=0.5)
    np.testing.assert_allclose(
        found.largest, [sharpness(model, (X, Y), l2=0.5).largest for model in models], rtol=1e-12
    )


def test_balanced_goes_by_numbers_where_a_classifier_has_it_so():
    settings = {"alpha": 0.02, "max_iter": 20_000, "tol": None, "random_state": 0, "average": True}
    model = linear_model.SGDClassifier(loss="log_loss", class_weight="balanced", **settings)
    model.fit(X, Y, sample_weight=WEIGHT)
    surface = around(model, directions="hessian", extent=1, resolution=1, quantities="gradient", sample_weight=WEIGHT)
    np.testing.assert_allclose(surface.gradient, 0, atol=3e-3)


def test_classes_1_and_2_are_not_0_and_1():
    model = logistic(C=0.1).fit(X, TARGET + 1)
    with pytest.raises(ValueError, match="data y has the label 0; accepted: 1 and 2, the classes of the model"):
        accuracy(model, (X, TARGET))
    assert accuracy(model, (X, TARGET + 1)) == model.score(X, TARGET + 1)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_search_that_did_not_refit_has_no_penalty():
    model = linear_model.LogisticRegressionCV(Cs=[0.01, 0.1], l1_ratios=(0.0,), refit=False, max_iter=10_000).fit(X, Y)
    with pytest.raises(ValueError, match="l2 is None, and the penalty of the model isn't a square"):
        around(model)


@pytest.mark.parametrize("weight", [1e308, 1e-308])
def test_weights_of_classes_of_any_size(weight):
    got, want = (
        around(np.ones(7), directions="hessian", resolution=3, class_weight={"no": w, "yes": 0.0})
        for w in (weight, 1.0)
    )
    np.testing.assert_allclose(got.plane[1:3], want.plane[1:3], atol=1e-12)
    np.testing.assert_allclose(got.loss, want.loss, rtol=1e-12)


def test_theta_of_a_table():
    theta = pd.Series(np.arange(7.0), index=[*TABLE.columns, "const"])
    np.testing.assert_array_equal(read_model(theta).theta, np.arange(7.0))


def test_columns_in_another_order_are_refused_after_steps_too():
    model = make_pipeline("passthrough", logistic()).fit(TABLE, Y)
    with pytest.raises(ValueError, match=r"data x has the columns size 5, .*; accepted: size 0, "):
        accuracy(model, (TABLE[TABLE.columns[::-1]], Y))
