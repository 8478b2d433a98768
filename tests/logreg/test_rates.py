"""Studies of learning rates and batch sizes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from logreg import LabData, RatesStudy, study_rates, study_starts
from logreg.choices import LAB_WINDOW
from logreg.rates import AFTERWARDS, NOTICED, OF_COSTS, SLOWER
from logreg.studies import drawn
from tests import oracle


def overlapping(n, d, seed=0, dtype=np.float64):
    """Data of two classes that no plane tells apart."""
    rng = np.random.default_rng([19, seed])
    X = rng.normal(size=(n, d))
    y = rng.random(n) < oracle.sigmoid(X @ rng.normal(size=d) * 1.5 + 0.5)
    return X.astype(dtype), y.astype(dtype)


def height(X, y, theta, loss, weight, decay):
    """What is minimised, in float64."""
    value, _ = oracle.cost_and_gradient(np.column_stack([X, np.ones(len(X))]), y, theta, loss, weight)
    return value + decay / 2 * theta @ theta


def run(X, y, start, *, loss, weight, decay, **settings):
    """The parameters (steps + 1, d + 1) along a run from a start."""
    settings |= {"loss": loss, "sample_weight": weight, "weight_decay": decay}
    w, b, _ = oracle.sgd_path(X, y, start[:-1], start[-1], **settings)
    return np.vstack([start, np.column_stack([w, b])])


def expected(X, y, start, loss, lr, size, epochs, momentum=0.0, decay=0.0, weight=None):
    """(loss, accuracy, first correct step, whether it oscillates, whether it diverges) of one run."""
    counted = np.ones(len(y)) if weight is None else weight
    kind = {"loss": loss, "weight": counted, "decay": decay}
    settings = {"batch_size": size, "momentum": momentum} | kind
    path = run(X, y, start, lr=lr, epochs=epochs, **settings)
    longer = run(X, y, start, lr=lr, epochs=epochs + AFTERWARDS, **settings)
    shorter = run(X, y, path[-1], lr=SLOWER * lr, epochs=AFTERWARDS, **settings)
    first, last, on, slower = (
        height(X, y, path[k], **kind) for path, k in ((path, 0), (path, -1), (longer, -1), (shorter, -1))
    )
    diverges = last > (1 + NOTICED) * first
    oscillates = not diverges and slower < (1 - NOTICED) * on
    right = np.mean((X @ path[-1, :-1] + path[-1, -1] > 0) == (y > 0.5))
    return (
        height(X, y, path[-1], loss, counted, 0.0),
        right,
        oracle.first_all_correct(X, y, path[:, :-1], path[:, -1]),
        oscillates,
        diverges,
    )


CASES = {
    "one feature": {"d": 1},
    "features": {"d": 3},
    "momentum": {"d": 2, "momentum": 0.8},
    "decay": {"d": 2, "decay": 0.05},
    "weights": {"d": 2, "weight": np.random.default_rng(0).exponential(size=24)},
}


@pytest.mark.parametrize("cost", ["bce", "mse"])
@pytest.mark.parametrize("name", CASES)
def test_cells_are_what_runs_reach(name, cost):
    case = dict(CASES[name])
    X, y = overlapping(24, d := case.pop("d"), seed=d)
    rates, sizes, ranges = np.array([0.02, 0.7, 6.0, 40.0]), np.array([4, 10, 24]), ((-2.0, 3.0), (-1.0, 1.0))
    given = {"weight_decay": case.get("decay", 0.0), "momentum": case.get("momentum", 0.0)}
    given |= {"sample_weight": case.get("weight"), "costs": [cost]}
    study = study_rates((X, y), rates, sizes, *ranges, 4, epochs=5, seed=3, **given)
    if cost == "bce":
        assert min(study.oscillating[cost].max(), study.diverging[cost].max()) > 0
    starts = np.column_stack(drawn(ranges, 4, d, 3, np.float64))
    for i, size in enumerate(sizes.tolist()):
        for j, lr in enumerate(rates.tolist()):
            runs = [expected(X, y, start, cost, lr, size, 5, **case) for start in starts]
            loss, accuracy, steps, oscillates, diverges = (np.array(column) for column in zip(*runs, strict=True))
            cell = {field: getattr(study, field)[cost][i, j] for field in OF_COSTS}
            found = steps >= 0
            assert cell["loss"] == pytest.approx(loss.mean(), rel=1e-9)
            assert cell["accuracy"] == pytest.approx(accuracy.mean(), abs=1e-12)
            assert cell["correct"] == pytest.approx(found.mean())
            assert cell["steps"] == pytest.approx(steps[found].mean() if found.any() else np.nan, nan_ok=True)
            assert cell["oscillating"] == pytest.approx(oscillates.mean())
            assert cell["diverging"] == pytest.approx(diverges.mean())


def minimum_of(X, y, loss, momentum=0.0, decay=0.0):
    """Where what is minimised is lowest (d + 1,), and 2 (1 + momentum) / the largest eigenvalue of the Hessian there,
    which is of differences of gradients."""
    X1 = np.column_stack([X, np.ones(len(X))])

    def both(theta):
        value, gradient = oracle.cost_and_gradient(X1, y, theta, loss)
        return value + decay / 2 * theta @ theta, gradient + decay * theta

    lowest = minimize(both, np.zeros(X1.shape[1]), jac=True, tol=1e-12).x
    moves = 1e-5 * np.eye(len(lowest))
    hessian = np.array([(both(lowest + move)[1] - both(lowest - move)[1]) / 2e-5 for move in moves])
    return lowest, 2 * (1 + momentum) / np.linalg.eigvalsh(hessian)[-1]


@pytest.mark.parametrize("decay", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("cost", ["bce", "mse", "focal"])
@pytest.mark.parametrize(("n", "d"), [(40, 1), (200, 1), (100, 3), (300, 8)])
def test_the_edge_is_that_of_theory(n, d, cost, decay):
    """By all the data at once: converging 2 % below it, and no more 10 % above it."""
    X, y = overlapping(n, d, seed=n)
    rates = minimum_of(X, y, cost, decay=decay)[1] * np.array([0.1, 0.5, 0.9, 0.98, 1.1])
    study = study_rates((X, y), rates, [n], 0.5, 0.5, 20, epochs=1000, seed=0, costs=[cost], weight_decay=decay)
    np.testing.assert_array_equal(study.behaviour[cost][0] > 0, [False, False, False, False, True])
    np.testing.assert_array_equal(study.oscillating[cost][0, :4], 0)


@pytest.mark.parametrize("momentum", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("cost", ["bce", "focal"])
@pytest.mark.parametrize("n", [40, 200])
def test_the_edge_with_momentum(n, cost, momentum):
    """From near the minimum: from afar momentum may lead to cycles below the edge, too."""
    X, y = overlapping(n, 1, seed=n)
    (w, b), edge = minimum_of(X, y, cost, momentum)
    window, rates = ((w - 0.01, w + 0.01), (b - 0.01, b + 0.01)), edge * np.array([0.5, 0.98, 1.1])
    study = study_rates((X, y), rates, [n], *window, 20, epochs=1000, seed=0, costs=[cost], momentum=momentum)
    np.testing.assert_array_equal(study.behaviour[cost][0] > 0, [False, False, True])


def test_smaller_batches_oscillate_at_smaller_rates():
    X, y = overlapping(40, 1)
    study = study_rates((X, y), np.geomspace(0.01, 1000, 60), [1, 5, 40], 3, 3, 40, epochs=100, seed=0, costs=["bce"])
    behaviour = study.behaviour["bce"]
    assert (np.diff(behaviour, axis=1) >= 0).all()
    first = [(row == 0).sum() for row in behaviour]
    assert first == sorted(first)
    assert first[0] < first[2]
    assert (behaviour[:, -1] == 2).all()


def test_of_classes_that_do_not_overlap_oscillations_end():
    """At the lab's rate and ten times that; the steps are those of the study of starts."""
    study = study_rates(LabData(), [0.2, 2.0, 20.0], [3, 20], *LAB_WINDOW, 300, epochs=100, seed=5)
    np.testing.assert_array_equal(study.behaviour["bce"], np.zeros((2, 3)))
    np.testing.assert_array_equal(study.correct["bce"][:, 1:], 1)
    assert (study.correct["mse"][:, 1] < 0.8).all()
    same = study_starts(LabData(), *LAB_WINDOW, 300, lr=2.0, batch_size=3, epochs=100, seed=5)
    for cost in ("bce", "mse"):
        assert study.loss[cost][0, 1] == pytest.approx(same.loss[cost].mean(dtype=np.float64), rel=1e-12)
        assert study.accuracy[cost][0, 1] == pytest.approx(same.accuracy[cost].mean(dtype=np.float64), rel=1e-12)
        assert study.correct[cost][0, 1] == np.mean(same.steps[cost] >= 0)
        assert study.steps[cost][0, 1] == pytest.approx(same.steps[cost][same.steps[cost] >= 0].mean())


def test_runs_out_of_range_diverge():
    """Weight decay makes each step (1 - lr decay) times the last: beyond 2 it grows without end."""
    X, y = overlapping(20, 2, dtype=np.float32)
    study = study_rates((X, y), [0.1, 30.0], [20], 1, 1, 8, epochs=200, seed=0, weight_decay=0.5)
    for cost in ("bce", "mse"):
        np.testing.assert_array_equal(study.diverging[cost], [[0, 1]])
        np.testing.assert_array_equal(np.isnan(study.loss[cost]), [[False, True]])
        np.testing.assert_array_equal(np.isnan(study.accuracy[cost]), [[False, True]])
        np.testing.assert_array_equal(study.oscillating[cost], [[0, 0]])
        np.testing.assert_array_equal(study.behaviour[cost], [[0, 2]])


def test_without_epochs_nothing_moves():
    study = study_rates(LabData(), [0.1, 1.0], [3], 1, 1, 5, epochs=0, seed=0)
    np.testing.assert_array_equal(study.diverging["mse"], [[0, 0]])
    assert study.loss["mse"][0, 0] == study.loss["mse"][0, 1]


def test_behaviour_is_that_of_the_median_start():
    study = study_rates(LabData(), np.arange(1, 7), [3], 1, 1, 5, epochs=1, seed=0, costs=["bce"])
    oscillating, diverging = [[0, 0.4, 0.5, 0.3, 0.2, 0.0]], [[0, 0, 0.1, 0.2, 0.5, 1]]
    changed = replace(study, oscillating={"bce": np.array(oscillating)}, diverging={"bce": np.array(diverging)})
    assert changed.behaviour["bce"].tolist() == [[0, 0, 1, 1, 2, 2]]


def test_labels_weights_and_kinds_of_data():
    X, y = overlapping(30, 2, dtype=np.float32)
    settings = {"epochs": 3, "seed": 1}
    arguments = [0.5, 2.0], np.array([4, 30], np.int32), (-1, 2), 1, 4
    want = study_rates((X, y), *arguments, **settings)
    assert (want.rates.dtype, want.batch_sizes.dtype) == (np.float64, np.int64)
    assert (want.starts, want.w_range, want.b_range, want.epochs) == (4, (-1, 2), (-1, 1), 3)
    words = np.where(y > 0.5, "yes", "no")
    named = study_rates((X, words), *arguments, **settings)
    turned = study_rates((X, words), *arguments, positive="no", **settings)
    doubled = study_rates((X, y), *arguments, sample_weight=np.full(30, 2.0), **settings)
    heavier = study_rates((X, words), *arguments, class_weight={"yes": 2, "no": 2}, **settings)
    np.testing.assert_array_equal(named.loss["bce"], want.loss["bce"])
    assert (turned.loss["bce"] != want.loss["bce"]).any()
    assert (doubled.loss["bce"] != want.loss["bce"]).any()
    np.testing.assert_array_equal(heavier.loss["bce"], doubled.loss["bce"])
    one = study_rates((X[:, 0], y), *arguments, **settings)
    np.testing.assert_array_equal(one.loss["mse"], study_rates((X[:, :1], y), *arguments, **settings).loss["mse"])


def test_progress_goes_to_its_total():
    seen = []
    study_rates(LabData(), [0.1, 1], [1, 3, 50], 1, 1, 20, epochs=10, seed=0, progress=lambda *done: seen.append(done))
    dones, totals = zip(*seen, strict=True)
    assert len(set(totals)) == 1
    assert list(dones) == sorted(dones)
    assert dones[-1] == totals[0]


def test_it_says_what_it_is():
    study = study_rates(LabData(), [0.1, 1], [1, 3, 20], 1, 1, 4, epochs=1, seed=0)
    assert isinstance(study, RatesStudy)
    assert repr(study) == "RatesStudy(2 rates x 3 batch sizes from 4 starts, 1 epochs: bce, mse)"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"rates": []}, ValueError, r"rates has shape \(0,\); accepted: \(k,\) with k >= 1, increasing numbers > 0"),
        ({"rates": 0.5}, ValueError, r"rates has shape \(\); accepted"),
        ({"rates": [0.0, 1.0]}, ValueError, r"rates\[0\] is 0.0; accepted"),
        ({"rates": [-1.0, 1.0]}, ValueError, r"rates\[0\] is -1.0; accepted"),
        ({"rates": [2.0, 1.0]}, ValueError, r"rates\[1\] is 1.0 after 2.0; accepted: increasing values"),
        ({"rates": [1.0, np.inf]}, ValueError, r"rates\[1\] is inf; accepted"),
        ({"rates": [1.0, np.nan]}, ValueError, r"rates\[1\] is nan; accepted"),
        ({"rates": ["a"]}, TypeError, "rates has dtype"),
        ({"batch_sizes": []}, ValueError, r"batch_sizes has shape \(0,\); accepted: .* increasing integers >= 1"),
        ({"batch_sizes": [0, 1]}, ValueError, r"batch_sizes\[0\] is 0; accepted: an integer >= 1"),
        ({"batch_sizes": [1.5]}, TypeError, r"batch_sizes\[0\] is .*1.5.*; accepted: an integer >= 1"),
        (
            {"batch_sizes": np.array([3, 2**63], np.uint64)},
            ValueError,
            r"batch_sizes\[1\] is 9223372036854775808; accepted",
        ),
        ({"batch_sizes": [3, 3]}, ValueError, r"batch_sizes\[1\] is 3 after 3; accepted"),
        ({"n": 0}, ValueError, "n is 0; accepted: an integer >= 1"),
        ({"w_range": (1, 1)}, ValueError, r"w_range is \(1, 1\); accepted"),
        ({"w_range": (0, 1e39)}, ValueError, r"w_range is \(0.0, 1e\+39\); accepted: finite float32 numbers"),
        ({"b_range": 1e300}, ValueError, r"b_range is \(-1e\+300, 1e\+300\); accepted: finite float32 numbers"),
        ({"b_range": "wide"}, ValueError, "b_range is 'wide'; accepted"),
        ({"seed": -1}, ValueError, "seed is -1; accepted: an integer >= 0"),
        ({"epochs": -1}, ValueError, "epochs is -1; accepted"),
        ({"momentum": -0.5}, ValueError, "momentum is -0.5; accepted"),
        ({"momentum": [0.5, 0.5]}, TypeError, r"momentum is \[0.5, 0.5\]; accepted: a finite number >= 0"),
        ({"weight_decay": np.nan}, ValueError, "weight_decay is nan; accepted"),
        ({"costs": "bce"}, ValueError, "costs is 'bce'; accepted: a list"),
        ({"costs": ["hinge"]}, ValueError, "costs is 'hinge'; accepted"),
        ({"data": 5}, TypeError, "data is a int; accepted"),
        ({"data": (np.full((3, 2), np.nan), np.ones(3))}, ValueError, r"data x\[0, 0\] is nan; accepted"),
        ({"progress": 5}, TypeError, "progress is 5; accepted"),
        ({"n": 10**13}, MemoryError, "free"),
        ({"device": "meta"}, ValueError, "device is 'meta'; accepted"),
    ],
)
def test_wrong_arguments(changes, error, message, monkeypatch):
    monkeypatch.setattr("logreg.rates.sgd_ensemble", None)
    arguments = {"data": LabData(), "rates": [0.1, 1.0], "batch_sizes": [3], "w_range": 15, "b_range": 13, "n": 10}
    with pytest.raises(error, match=message):
        study_rates(**arguments | {"epochs": 2, "seed": 0} | changes)
