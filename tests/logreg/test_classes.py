"""Labels as they come, and what their classes count."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.utils import compute_class_weight, compute_sample_weight

from logreg import LabData, LogisticRegression, LossSurface, accuracy, study_starts, train
from logreg.classes import Labels, Meaning, read_labels, weights_with_classes

TRUTH = np.array([0, 1, 1, 0, 1, 0, 0])
NAMES = np.array(["no", "yes"])[TRUTH]

KINDS = {
    "texts": NAMES,
    "list of texts": NAMES.tolist(),
    "column of texts": NAMES[:, None],
    "objects": NAMES.astype(object),
    "bytes": NAMES.astype("S"),
    "signs": 2 * TRUTH - 1,
    "signs in float": 2.0 * TRUTH - 1,
    "signs in a tensor": torch.from_numpy(2 * TRUTH - 1),
    "booleans": TRUTH > 0,
    "numbers": TRUTH,
    "float32": TRUTH.astype(np.float32),
    "series of texts": pd.Series(NAMES),
    "Arrow's texts": pd.Series(NAMES, dtype="string[pyarrow]"),
    "categories": pd.Series(NAMES, dtype="category"),
    "nullable booleans": pd.Series(TRUTH > 0, dtype="boolean"),
    "nullable integers": pd.Series(2 * TRUTH - 1, dtype="Int64"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_two_classes_of_any_kind(kind):
    got = read_labels(KINDS[kind], 7)
    np.testing.assert_array_equal(got.y, TRUTH)
    assert got.y.dtype == np.float64
    low, high = got.classes
    assert {0, -1, "no", b"no"} & {low}
    assert {1, "yes", b"yes"} & {high}


def test_labels_in_between_stay():
    np.testing.assert_array_equal(read_labels([0.0, 0.25, 1.0], 3).y, [0, 0.25, 1])
    np.testing.assert_array_equal(read_labels([1, 1, 1], 3).y, 1)


@pytest.mark.parametrize(
    "labels", [("no", "yes"), (-1, 1), (0, 1), (0, 2), (3, 7), (False, True), (b"a", b"b")], ids=str
)
def test_the_positive_class_can_be_chosen(labels):
    y = np.array(labels)[TRUTH]
    for positive, want in ((labels[1], TRUTH), (labels[0], 1 - TRUTH)):
        got = read_labels(y, 7, Meaning(positive))
        np.testing.assert_array_equal(got.y, want)
        assert got.classes[1] == positive


WRONG = {
    "missing": (["no", None, "yes"], {}, r"data y\[1\] is missing; accepted: a label for each sample"),
    "missing in a table": (pd.Series(["no", "yes", pd.NA]), {}, r"data y\[2\] is missing; accepted"),
    "not a number": ([0.0, np.nan, 1.0], {}, r"data y\[1\] is nan; accepted"),
    "three": (["a", "b", "c"], {}, "data y has 3 classes, 'a', 'b', 'c'; accepted: labels in .* or of two classes"),
    "one": (["a", "a", "a"], {}, "data y has only 'a'; accepted"),
    "two numbers": ([0, 2, 2], {}, r"data y has the labels \[0, 2\]; accepted: -1 and 1, .* or with `positive`"),
    "positive that isn't there": (
        ["a", "b", "a"],
        {"positive": "c"},
        "positive is 'c'; accepted: one of the labels, 'a' or 'b'",
    ),
    "too few": ([0, 1], {}, r"data y has shape \(2,\); accepted: one label for each of the 3 samples of x"),
    "table": ([[0, 1, 1]], {}, r"data y has shape \(1, 3\); accepted: one label"),
    "complex": ([1j, 0j, 1j], {}, "data y has dtype complex128; accepted"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_other_labels_are_refused(kind):
    y, meaning, message = WRONG[kind]
    with pytest.raises((TypeError, ValueError), match=message):
        read_labels(y, 3, Meaning(**meaning))


# Weights of classes

WEIGHT = np.random.default_rng(0).exponential(size=7)


@pytest.mark.parametrize("class_weight", ["balanced", {"no": 3.0, "yes": 0.5}, {"yes": 2}, {}], ids=str)
def test_weights_are_scikit_learns(class_weight):
    labels = read_labels(NAMES, 7)
    want = compute_sample_weight(class_weight, NAMES)
    np.testing.assert_allclose(weights_with_classes(labels, None, class_weight), want, rtol=1e-15)
    if class_weight == "balanced":
        by_class = compute_class_weight("balanced", classes=np.array(["no", "yes"]), y=NAMES, sample_weight=WEIGHT)
        want = by_class[TRUTH]
    np.testing.assert_allclose(weights_with_classes(labels, WEIGHT, class_weight), want * WEIGHT, rtol=1e-14)


def test_no_weights_are_none():
    labels = read_labels(NAMES, 7)
    assert weights_with_classes(labels, None, None) is None
    np.testing.assert_array_equal(weights_with_classes(labels, WEIGHT, None), WEIGHT)
    np.testing.assert_array_equal(weights_with_classes(Labels(np.ones(3)), None, "balanced"), 1)


@pytest.mark.parametrize("wrong", ["balance", 3, {"maybe": 1.0}, {"yes": -1.0}, {"yes": "2"}, {"yes": np.inf}], ids=str)
def test_bad_class_weights(wrong):
    with pytest.raises(ValueError, match=r"class_weight .*; accepted: None, 'balanced', or \{label: weight >= 0\}"):
        weights_with_classes(read_labels(NAMES, 7), None, wrong)


# Through logreg

X = np.linspace(-1, 1, 20)[:, None]
POINTS = (X[:, 0] > 0.2) * 1.0
TEXTS = np.where(POINTS, "over", "below")
BALANCED = np.where(POINTS, 20 / (2 * POINTS.sum()), 20 / (2 * (1 - POINTS).sum()))
SETTINGS = {"lr": 2.0, "batch_size": 3, "epochs": 5}


@pytest.fixture
def model(model_at):
    return model_at(5, 10, torch.float64)


FUNCTIONS = {
    "train": lambda model, data, **given: train(model, data, **SETTINGS, **given).w,
    "around": lambda model, data, **given: LossSurface.around(model, data, resolution=4, **given).loss,
    "compute": lambda model, data, **given: LossSurface.compute(data, 5, 5, resolution=4, **given).Z,
    "starts": lambda model, data, **given: study_starts(data, 15, 13, 9, **SETTINGS, seed=0, **given).loss["bce"],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_texts_and_weights_of_classes_everywhere(name, model_at):
    call = FUNCTIONS[name]
    models = iter([model_at(5, 10, torch.float64) for _ in range(6)])
    np.testing.assert_array_equal(call(next(models), (X, TEXTS)), call(next(models), (X, POINTS)))
    got = call(next(models), (X, TEXTS), class_weight="balanced")
    np.testing.assert_allclose(got, call(next(models), (X, POINTS), sample_weight=BALANCED), rtol=1e-13)
    flipped = call(next(models), (X, TEXTS), positive="below", class_weight={"over": 2.0})
    weight = 1 + POINTS
    np.testing.assert_allclose(flipped, call(next(models), (X, 1 - POINTS), sample_weight=weight), rtol=1e-13)


def test_accuracy_of_a_chosen_class(model):
    assert accuracy(model, (X, TEXTS)) == accuracy(model, (X, POINTS))
    assert accuracy(model, (X, TEXTS), positive="below") == 1 - accuracy(model, (X, POINTS))


def test_a_history_says_what_it_was_trained_with():
    history = train(LogisticRegression(1), LabData(), **SETTINGS, class_weight="balanced", weight_decay=0.25)
    y = LabData().y[:, 0].numpy()
    np.testing.assert_allclose(history.sample_weight, np.where(y, 20 / 14, 20 / 26), rtol=1e-7)
    assert history.l2 == history.l2_bias == 0.25
