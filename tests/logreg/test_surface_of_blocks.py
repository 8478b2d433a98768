"""`LossSurface.around` of blocks that are called where they are evaluated, by executors, and kept in a file."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression as Classifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kernels.arguments import samples as kernel_samples
from kernels.quantities import QUANTITIES
from kernels.workers import checkpoint as keeping
from logreg import LossLine, LossSurface, accuracy, sharpness
from logreg.products import BY_NUMPY, BY_TORCH, IN_PIECES
from tests import engines
from tests.blocks import shuffled
from tests.parts import DATES, EDGES, NAMES, WEIGHT, D, N, X, Y, block, blocks, elsewhere, wrong_block
from tests.processes import printed_by

THETA = np.random.default_rng(8).normal(size=D + 1)
SETTINGS = {"extent": 2, "resolution": (7, 6), "seed": 3, "quantities": tuple(QUANTITIES)}


def whole(kind="plain"):
    """All samples, and their weights if they have some, as arguments."""
    parts = list(zip(*(part() for part in blocks(kind)), strict=True))
    x = pd.concat(parts[0]) if kind == "table" else scipy.sparse.vstack(parts[0]) if kind == "sparse" else None
    data = np.concatenate(parts[0]) if x is None else x, np.concatenate(parts[1])
    return {"data": data} | ({"sample_weight": np.concatenate(parts[2])} if len(parts) == 3 else {})


def around(data, model=THETA, **settings):
    return LossSurface.around(model, data, **SETTINGS | settings)


def assert_close(got, want):
    np.testing.assert_allclose(got.plane[:3], want.plane[:3], rtol=0, atol=1e-12)
    assert got.plane.labels == want.plane.labels
    assert (got.l2, got.l2_bias) == pytest.approx((want.l2, want.l2_bias), rel=1e-14)
    assert got.cost == want.cost
    for name in QUANTITIES:
        np.testing.assert_allclose(getattr(got, name), getattr(want, name), rtol=1e-11, atol=1e-13, err_msg=name)


def assert_same(got, want):
    for one, other in zip(got.plane[:3], want.plane[:3], strict=True):
        np.testing.assert_array_equal(one, other)
    for name in QUANTITIES:
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name), err_msg=name)
    assert got.sharpness == want.sharpness
    assert got.plan == want.plan


@pytest.fixture(scope="module")
def processes():
    with engines.process_pool() as pool:
        yield pool


# The surface of all the samples

DIRECTIONS = ["axes", "hessian", "random", "filter", (np.eye(6)[0] + 1, np.eye(6)[5]), ("bias", np.eye(6)[2])]
WEIGHTS = {
    "none": ("plain", {}),
    "own": ("weighted", {}),
    "own, balanced": ("weighted", {"class_weight": "balanced"}),
    "own, of classes and the positive one": ("weighted", {"class_weight": {1: 3.0}, "pos_weight": 2.5}),
    "balanced": ("plain", {"class_weight": "balanced"}),
    "positive": ("soft", {"pos_weight": 0.3}),
}


@pytest.mark.parametrize("directions", DIRECTIONS, ids=str)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_any_directions_and_weights(weights, directions):
    kind, settings = WEIGHTS[weights]
    settings = settings | {"directions": directions, "l2": 0.2}
    assert_close(around(blocks(kind), **settings), around(**whole(kind), **settings))


@pytest.mark.parametrize("loss", ["bce", "mse", "focal"])
@pytest.mark.parametrize("kind", ["plain", "weighted"])
def test_any_loss(loss, kind):
    settings = {"loss": loss, "directions": "hessian", "weight_decay": 0.5}
    assert_close(around(blocks(kind), **settings), around(**whole(kind), **settings))


@pytest.mark.parametrize("kind", ["soft", "sparse", "narrow"])
@pytest.mark.parametrize("directions", ["axes", "hessian"])
def test_any_kind(kind, directions):
    got, want = (
        around(**data, directions=directions, sharpness=True) for data in ({"data": blocks(kind)}, whole(kind))
    )
    assert_close(got, want)
    np.testing.assert_allclose(got.sharpness, want.sharpness, rtol=1e-12)


def test_one_feature():
    assert_close(around(blocks("flat"), [2.0, 0.1]), around(**whole("flat"), model=[2.0, 0.1]))


def test_paths_span_the_plane():
    path = [THETA, THETA + np.eye(6)[0], THETA - np.eye(6)[3], THETA]
    assert_close(around(blocks(), path, directions="pca"), around(**whole(), model=path, directions="pca"))


@pytest.mark.parametrize("kind", ["texts", "table"])
def test_labels_of_a_name(kind):
    settings = {"positive": "no", "class_weight": {"no": 2.0}, "directions": "hessian"}
    got = around(blocks(kind), **settings)
    assert_close(got, around(**whole(kind), **settings))
    assert got.accuracy.max() < 1


@pytest.mark.parametrize("directions", [("size 3", "bias"), "axes", "hessian"])
def test_a_classifier_with_its_steps_names_penalty_and_classes(directions, processes):
    table, y = whole("table")["data"]
    model = make_pipeline(StandardScaler(), Classifier(C=0.1, class_weight="balanced")).fit(table, y)
    model[0].set_output(transform="pandas")
    model = make_pipeline(make_pipeline(model[0]), model[1])  # of steps within steps
    got = around(blocks("table"), model, directions=directions, executor=processes)
    assert_close(got, around((table, y), model, directions=directions))
    assert got.l2 > 0


@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e307])
def test_weights_of_any_size(size):
    """Those of one class alone, and 0 for the others, of whole blocks too."""
    parts = [(X[Y == 0], Y[Y == 0], 0 * Y[Y == 0]), (X[Y == 1][:9], Y[Y == 1][:9], np.full(9, size))]
    parts.append((X[Y == 1][9:], Y[Y == 1][9:], np.full(int(Y.sum()) - 9, size)))
    want = around((X[Y == 1], Y[Y == 1]), directions="hessian")
    for given in (parts, [partial(tuple, part) for part in parts]):
        assert_close(around(given, directions="hessian"), want)


def test_values_with_weights():
    for settings in ({"directions": "hessian"}, {"class_weight": "balanced", "l2": 0.1}, {"pos_weight": 2.0}):
        got = around([part() for part in blocks("weighted")], **settings)
        assert_close(got, around(**whole("weighted"), **settings))
    assert_close(
        got.at(1, 1, 4, quantities=tuple(QUANTITIES)),
        around(blocks("weighted"), **settings | {"extent": 1, "resolution": 4}),
    )


# Many samples: interpolated, and directly where values are faint


def far_block(number, edges):
    """Samples that a model separates, so that losses fall to 1e-26."""
    rng = np.random.default_rng(1)
    q, r = rng.uniform(2, 3, 1000), rng.normal(size=1000) / 8
    y = (np.arange(1000) % 2).astype(float)
    rows = slice(edges[number], edges[number + 1])
    return np.column_stack([np.where(y > 0, q, -q), r])[rows], y[rows]


FAR = {"directions": np.eye(3)[:2], "extent": ((-2, 20), (-3, 3)), "resolution": (500, 60)}


@pytest.mark.parametrize(
    "settings", [{}, {"pos_weight": 3.0}, {"loss": "mse", "class_weight": {1: 2.0}}], ids=["bce", "positive", "mse"]
)
def test_faint_values(settings, tmp_path):
    edges = [0, 300, 500, 1000]
    given = [partial(far_block, number, edges) for number in range(3)]
    data = tuple(map(np.concatenate, zip(*(part() for part in given), strict=True)))
    settings = FAR | {"quantities": ("loss", "gradient", "hessian", "accuracy")} | settings
    want = LossSurface.around(np.zeros(3), data, **settings)
    got = LossSurface.around(np.zeros(3), given, **settings, checkpoint=tmp_path / "kept")
    assert got.plan.method == want.plan.method == "spectral"
    assert want.loss.min() < 1e-17
    for name in settings["quantities"]:
        one, other = getattr(got, name), getattr(want, name)
        np.testing.assert_allclose(one, other, rtol=0, atol=4e-12 * max(1, np.abs(other).max()), err_msg=name)
    faint = want.loss < 1e-11
    assert 0.1 < faint.mean() < 0.9
    np.testing.assert_allclose(got.loss[faint], want.loss[faint], rtol=1e-9)
    with ThreadPoolExecutor(2) as executor:
        again = LossSurface.around(np.zeros(3), given, **settings, executor=executor)
    np.testing.assert_array_equal(again.loss, got.loss)
    np.testing.assert_array_equal(again.hessian, got.hessian)


# Whoever runs the tasks


CASES = [
    ("weighted", {"directions": "hessian", "class_weight": "balanced", "pos_weight": 2.0, "l2": 0.1}),
    ("plain", {"directions": "axes", "sharpness": True}),
    ("texts", {"directions": "random", "positive": "yes", "loss": "focal"}),
]


@pytest.mark.parametrize(("kind", "settings"), CASES, ids=[case[0] for case in CASES])
def test_the_same_bits_whoever_runs_them(kind, settings, processes, monkeypatch):
    want = around(blocks(kind), **settings)
    for number in (1, 3):
        with ThreadPoolExecutor(number) as executor:
            assert_same(around(blocks(kind), **settings, executor=executor), want)
    assert_same(around(blocks(kind), **settings, executor=shuffled(0)), want)
    assert_same(around(blocks(kind), **settings, executor=processes), want)
    monkeypatch.setattr(kernel_samples, "MOST_TASKS", 2)  # of several blocks each
    grouped = around(blocks(kind), **settings)
    assert_close(grouped, want)
    assert_same(around(blocks(kind), **settings, executor=processes), grouped)


def test_the_same_bits_by_any_number_of_threads_of_blas():
    source = "from tests import parts; import json; print(json.dumps(parts.bits_of_wide()))"
    with ThreadPoolExecutor(2) as children:
        one, two = children.map(lambda number: printed_by(source, OPENBLAS_NUM_THREADS=number), ("1", "2"))
    assert one == two


def test_arrays_and_batches_with_an_executor(processes, monkeypatch):
    monkeypatch.setattr("kernels.arguments.blocks.AT_ONCE", 64)
    for data in (whole(), {"data": [part() for part in blocks()]}, whole("weighted")):
        want = around(**data, directions="hessian")
        got = around(**data, directions="hessian", executor=processes)
        assert_close(got, want)
        np.testing.assert_array_equal(got.at(1, 1, 3).loss, want.at(1, 1, 3).loss)


def test_workers_alone_read_blocks(processes):
    given = [partial(elsewhere, os.getpid(), number) for number in range(len(EDGES) - 1)]
    for directions in ("axes", "hessian"):
        got = around(given, directions=directions, class_weight="balanced", executor=processes)
        assert_close(got, around(**whole(), directions=directions, class_weight="balanced"))
        assert got.logits is None
    with pytest.raises(ValueError, match=r"no logits, .* accepted: .*directions=surface\.plane\[1:3\]"):
        got.at(1, 1)
    again = around(given, directions=got.plane[1:3], class_weight="balanced", executor=processes)
    np.testing.assert_array_equal(again.loss, got.loss)


def test_sharpness():
    got, want = (sharpness(THETA, **data, l2=0.1) for data in ({"data": blocks("weighted")}, whole("weighted")))
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_more_parameters_than_a_matrix_has(monkeypatch, processes):
    """By products with vectors, a pass each."""
    monkeypatch.setattr("logreg.curvature.MOST_DENSE", 3)
    settings = {"directions": "hessian", "sharpness": True}
    got = around(blocks("weighted"), **settings)
    np.testing.assert_allclose(got.loss, around(**whole("weighted"), **settings).loss, rtol=1e-5)
    assert_same(around(blocks("weighted"), **settings, executor=processes), got)


# A file from which it goes on


class Ends(Exception):
    """Raised where a run is to end."""


class Counted:
    """Gives a block so many times; pickled it is the same whatever was counted."""

    def __init__(self, number, kind):
        self.number, self.kind = number, kind

    def __call__(self):
        if Counted.left == 0:
            raise Ends
        Counted.left -= 1
        return block(self.number, self.kind)


@pytest.mark.parametrize("kind", ["plain", "weighted"])
def test_it_goes_on_where_it_was(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "SECONDS", 0.0)
    monkeypatch.setattr(keeping, "SHARE", 0)
    given = [Counted(number, kind) for number in range(len(EDGES) - 1)]
    settings = {"directions": "hessian", "sharpness": True, "class_weight": "balanced"}
    Counted.left = 10**6
    want = around(given, **settings)
    passes = (10**6 - Counted.left) // len(given)
    attempts = 0
    got = None
    while got is None:
        Counted.left, attempts = 3, attempts + 1
        with suppress(Ends):
            got = around(given, **settings, checkpoint=tmp_path / "kept")
    assert attempts == -(-passes * len(given) // 3)
    assert_same(got, want)
    Counted.left = 0
    assert_same(around(given, **settings, checkpoint=tmp_path / "kept"), want)


def test_arrays_are_kept_too(tmp_path):
    want = around(**whole("weighted"), executor=shuffled(0))
    for _ in range(2):
        assert_same(around(**whole("weighted"), checkpoint=tmp_path / "kept"), want)


OTHERS = {
    "data": ({"data": blocks("soft")}, "by its data"),
    "model": ({"model": THETA + 1}, "by its model"),
    "directions": ({"directions": "axes"}, "by its arguments"),
    "vectors": ({"directions": np.eye(6)[1:3]}, "by its arguments"),
    "seed": ({"seed": 4}, "by its arguments"),
    "loss": ({"loss": "mse"}, "by its arguments"),
    "l2": ({"l2": 0.5}, "by its arguments"),
    "extent": ({"extent": 3}, "by its axes"),
    "resolution": ({"resolution": 5}, "by its axes"),
    "weights": ({"class_weight": {1: 2.0}}, "by its arguments"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_file_of_another_call_is_refused(other, tmp_path):
    settings = {"data": blocks(), "model": THETA, "directions": "random", "checkpoint": tmp_path / "kept"}
    around(**settings)
    content = (tmp_path / "kept").read_bytes()
    changed, message = OTHERS[other]
    with pytest.raises(ValueError, match=f"checkpoint .* is of other work, {message}; accepted"):
        around(**settings | changed)
    assert (tmp_path / "kept").read_bytes() == content


def test_a_file_of_other_samples_is_refused(tmp_path):
    around((X, Y), checkpoint=tmp_path / "kept", directions="random")
    with pytest.raises(ValueError, match="is of other work, by its samples; accepted"):
        around((X, 1 - Y), checkpoint=tmp_path / "kept", directions="random")


@pytest.mark.parametrize("other", [2.1234561, np.float64(2.1234561), np.array([2.1234561]), torch.tensor([2.1234561])])
def test_a_weight_of_the_positive_class_is_told_by_all_its_digits(other, tmp_path):
    settings = {"checkpoint": tmp_path / "kept", "directions": "random"}
    around(blocks(), pos_weight=other - 1e-6, **settings)
    with pytest.raises(ValueError, match=r"is of other work, by its .*; accepted"):
        around(blocks(), pos_weight=other, **settings)


def test_a_seed_by_which_nothing_is_drawn_is_not_looked_at(tmp_path):
    kept = {"checkpoint": tmp_path / "kept", "directions": "hessian"}
    assert_same(*(around(blocks(), seed=np.random.default_rng(0), **kept) for _ in range(2)))


@pytest.mark.parametrize("data", [blocks(), (X, Y)], ids=["callables", "arrays"])
def test_directions_are_those_that_are_kept(data, tmp_path, monkeypatch):
    """Where LAPACK finds others in the last digits, by another number of threads."""
    settings = {"directions": "hessian", "checkpoint": tmp_path / "kept"}
    want = around(data, **settings)
    decomposed = np.linalg.eigh

    def otherwise(matrix):
        values, vectors = decomposed(matrix)
        return values, vectors + 1e-15

    monkeypatch.setattr(np.linalg, "eigh", otherwise)
    assert not (around(data, directions="hessian").plane.s_direction == want.plane.s_direction).all()
    assert_same(around(data, **settings), want)


def test_directions_that_are_given_are_told_by_all_their_digits(tmp_path):
    pair = np.eye(D + 1)[1:3]
    around(blocks(), directions=pair, checkpoint=tmp_path / "kept")
    with pytest.raises(ValueError, match="is of other work, by its directions; accepted"):
        around(blocks(), directions=pair * (1 + 1e-15), checkpoint=tmp_path / "kept")


def sentences(number):
    x, y = block(number)
    return [f"size {row[0]:.0f} of {row[1]:.0f} and {row[2]:.0f}" for row in x], y


def test_steps_are_the_same_in_another_process(tmp_path):
    """Where scikit-learn's vectorizers keep another address of their stop words."""
    parts = [partial(sentences, number) for number in range(5)]
    texts, y = [text for part in parts for text in part()[0]], np.concatenate([part()[1] for part in parts])
    model = make_pipeline(TfidfVectorizer(stop_words=["and"]), Classifier()).fit(texts, y)
    want = around(parts, model, checkpoint=tmp_path / "kept")
    again = pickle.loads(pickle.dumps(model))
    again[0]._stop_words_id += 8
    assert_same(around(parts, again, checkpoint=tmp_path / "kept"), want)
    again[0]._tfidf.idf_ *= 2
    with pytest.raises(ValueError, match="is of other work, by its model; accepted"):
        around(parts, again, checkpoint=tmp_path / "kept")


# What is refused


def short(calls, number):
    """Fewer samples in later passes."""
    calls.append(number)
    x, y = block(number)
    return (x, y) if number or len(calls) < len(EDGES) else (x[1:], y[1:])


def mixed(number):
    return block(number, "weighted" if number else "plain")


def labelled(number):
    x, y = block(number)
    return x, np.where(y, "yes", "no" if number else "nothing")


WRONG = {
    "x": (ValueError, r"data x\[0, 0\] is nan; accepted"),
    "width": (ValueError, "data x has 3 features; accepted: 5"),
    "length": (ValueError, r"data y has shape \(39,\); accepted"),
    "label": (ValueError, r"data y has the labels .*; accepted"),
    "weight": (ValueError, "sample_weight has a negative value; accepted"),
    "item": (
        TypeError,
        r"data has a block of list; accepted: callables that return \(x, y\) or \(x, y, sample_weight\)",
    ),
    "array": (TypeError, "data has a block of ndarray; accepted: callables"),
    "nothing": (TypeError, "data has a block of NoneType; accepted: callables"),
    "empty": (ValueError, "data has an empty block; accepted: blocks of at least one sample"),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("threads", [False, True])
def test_wrong_blocks_say_what_and_which(what, threads):
    error, message = WRONG[what]
    given = [*blocks(), partial(wrong_block, what, 0)]
    with ThreadPoolExecutor(2) as pool, pytest.raises(error, match=message) as caught:
        around(given, executor=pool if threads else None)
    assert any("block 5 of data, counted from 0" in note for note in caught.value.__notes__)
    assert any("On a worker" in note for note in caught.value.__notes__) == threads


def test_errors_come_from_processes_as_they_are(processes):
    with pytest.raises(ValueError, match=r"data y has shape \(39,\); accepted") as caught:
        around([*blocks(), partial(wrong_block, "length", 0)], executor=processes)
    assert any("block 5 of data, counted from 0" in note for note in caught.value.__notes__)
    assert_close(around(blocks(), executor=processes), around(**whole()))  # it still works


FAULTS = {
    "weights of some blocks": (
        [partial(mixed, k) for k in range(5)],
        {},
        "blocks with sample_weight and blocks without",
    ),
    "only zeros": ([partial(wrong_block, "weights", 0)], {}, "sample_weight has only zeros; accepted"),
    "labels of some blocks": (
        [partial(labelled, k) for k in range(5)],
        {"positive": "yes"},
        r"data y has for class 0 the labels \['no', 'nothing'\]; accepted",
    ),
    "labels of objects": (
        [partial(wrong_block, "object", 0)],
        {"positive": DATES[1]},
        r"label datetime\.date.*; accepted in blocks",
    ),
    "long labels": (
        [partial(wrong_block, "long", 0)],
        {"positive": "no"},
        "label 'yesyes.*; accepted in blocks: .*198",
    ),
    "a weight for a class that isn't there": (
        blocks(),
        {"class_weight": {2: 1.0}},
        "class_weight has 2: 1.0; accepted",
    ),
    "weights that leave nothing": (blocks(), {"class_weight": {0: 0.0, 1: 0.0}}, "by which no sample counts"),
    "weights beside": (blocks(), {"sample_weight": np.ones(N)}, "sample_weight is given beside blocks; accepted: None"),
    "no seed": (
        blocks(),
        {"checkpoint": "kept", "seed": None, "directions": "random"},
        r"seed is None with directions .*; accepted: a whole number",
    ),
}


@pytest.mark.parametrize("what", FAULTS)
def test_other_faults_are_told(what):
    given, settings, message = FAULTS[what]
    with pytest.raises(ValueError, match=message):
        around(given, **settings)


def test_samples_that_change_are_seen():
    calls = []
    with pytest.raises(ValueError, match=f"data gave {N} samples in one pass and {N - 1} in another; accepted"):
        around([partial(short, calls, number) for number in range(5)], directions="hessian")


def test_columns_in_another_order_than_the_model_has():
    model = Classifier().fit(pd.DataFrame(X, columns=NAMES), Y)
    with pytest.raises(ValueError, match=r"data x has the columns size 4, size 3, size 2, \.\.\.; accepted: size 0"):
        around([partial(wrong_block, "names", 0)], model)


def table(number):
    x, y = block(number)
    return pd.DataFrame(x, columns=NAMES), y


@pytest.mark.parametrize("tasks", [1, 1024])
def test_columns_in_another_order_than_in_another_block(tasks, monkeypatch):
    monkeypatch.setattr(kernel_samples, "MOST_TASKS", tasks)
    same = [partial(table, number) for number in range(5)]
    assert_close(around(same), around(**whole()))
    other = pd.DataFrame(X[:9], columns=NAMES)[NAMES[::-1]], Y[:9]
    with pytest.raises(ValueError, match="data x has other columns in one block than in another; accepted"):
        around([*same, lambda: other])


def test_steps_choose_columns_in_any_order():
    steps = ColumnTransformer([("scale", StandardScaler(), NAMES)])
    whole_table = pd.DataFrame(X, columns=NAMES)
    model = make_pipeline(steps, Classifier()).fit(whole_table, Y)
    parts = [lambda: (whole_table[:99], Y[:99]), lambda: (whole_table[NAMES[::-1]][99:], Y[99:])]
    assert_close(around(parts, model), around((whole_table, Y), model))


def test_other_weights_than_those_of_batches():
    parts = [part() for part in blocks("weighted")]
    with pytest.raises(
        ValueError, match=r"sample_weight is given beside batches \(x, y, sample_weight\); accepted: None"
    ):
        around(parts, sample_weight=WEIGHT)
    with pytest.raises(TypeError, match=r"accepted: batches \(x, y, sample_weight\), as the first is"):
        around([*parts, block(0)])
    with pytest.raises(TypeError, match=r"data is a stream of tuple; accepted: batches \(x, y\)"):
        around([block(0), *parts])
    with pytest.raises(ValueError, match="sample_weight has only zeros; accepted"):
        around([(x, y, 0 * weight) for x, y, weight in parts])
    with pytest.raises(TypeError, match=r"data is a stream of tuple; accepted: batches \(x, y\)"):
        accuracy(THETA, parts)


def test_a_list_of_other_things():
    with pytest.raises(TypeError, match="data has a block of tuple; accepted: callables"):
        around([*blocks(), block(0)])
    with pytest.raises(TypeError, match=r"data is a stream of partial; .*, or a list of callables alone"):
        around([block(0), *blocks()])
    with pytest.raises(TypeError, match=r"executor is a str; accepted: None or a concurrent\.futures\.Executor"):
        around(blocks(), executor="threads")
    with pytest.raises(TypeError, match="data is a list of callables; accepted: samples or batches"):
        LossLine.around(THETA, blocks(), "random")


def test_what_cannot_be_pickled(processes, tmp_path):
    given = [lambda: block(0), lambda: block(1)]
    with pytest.raises(TypeError, match=r"can't be sent to a worker .*; accepted: blocks"):
        around(given, executor=processes)
    with pytest.raises(TypeError, match=r"data\[0\] can't be pickled .*; accepted with checkpoint"):
        around(given, checkpoint=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    assert_close(around(given), around(tuple(map(np.concatenate, zip(block(0), block(1), strict=True)))))


# Products


@pytest.mark.parametrize("shape", [(1, 1), (300, 1), (257, 33), (40, 1030), (600, 70)])
@pytest.mark.parametrize("products", [BY_NUMPY, BY_TORCH, IN_PIECES], ids=["numpy", "torch", "pieces"])
def test_products(products, shape):
    rng = np.random.default_rng(0)
    matrix, vectors, other = rng.normal(size=shape), rng.normal(size=(shape[1], 3)), rng.normal(size=(shape[0], 40))
    close = partial(np.testing.assert_allclose, rtol=0, atol=1e-11)
    close(products.times(matrix, vectors), np.einsum("nd,dk->nk", matrix, vectors))
    close(products.times(matrix, vectors[:, 0]), np.einsum("nd,d->n", matrix, vectors[:, 0]))
    close(products.inner(matrix, other), np.einsum("nd,nk->dk", matrix, other))
    close(products.inner(matrix, other[:, 0]), np.einsum("nd,n->d", matrix, other[:, 0]))
