"""Studies of random starts."""

import numpy as np
import pytest
import torch

from kernels.losses import LOSSES
from logreg import LabData, StartsStudy, study_starts
from logreg.choices import LAB_WINDOW
from tests import oracle, problems

LAB = {"lr": 2.0, "batch_size": 3, "epochs": 100}


@pytest.fixture(scope="module")
def lab_study():
    return study_starts(LabData(), *LAB_WINDOW, 20_000, **LAB, seed=0, costs=tuple(LOSSES))


def test_the_answer_of_the_lab(lab_study):
    """Cross-entropy makes every start accurate, the mean squared error about 53 % of them."""
    shares = lab_study.share_at_accuracy_1
    assert shares["bce"] == 1
    assert shares["mse"] == pytest.approx(0.532, abs=0.012)  # three standard deviations
    assert (lab_study.steps["bce"] >= 0).all()
    assert lab_study.steps["bce"].max() < 60
    assert lab_study.total_steps == 700


def test_starts_are_uniform_in_the_window(lab_study):
    for values, (low, high) in zip((lab_study.w, lab_study.b), LAB_WINDOW, strict=True):
        assert values.shape == (20_000,)
        assert values.dtype == np.float32
        shares = np.histogram(values, 10, (low, high))[0] / 20_000
        np.testing.assert_allclose(shares, 0.1, atol=0.01)
    assert abs(np.corrcoef(lab_study.w, lab_study.b)[0, 1]) < 0.03
    assert (lab_study.w_range, lab_study.b_range) == LAB_WINDOW


@pytest.mark.parametrize("cost", LOSSES)
def test_what_runs_reached(lab_study, cost):
    x, y = problems.lab_data()
    for i in range(0, 20_000, 1000):
        start = lab_study.w[i : i + 1], lab_study.b[i]
        w, b, _ = oracle.sgd_path(x[:, None], y, *start, **LAB, loss=cost)
        plane = oracle.one_feature_plane(x)
        loss = oracle.value_at(plane, y, w[-1, 0], b[-1], loss=cost)
        assert lab_study.loss[cost][i] == pytest.approx(loss, rel=1e-3)
        assert lab_study.accuracy[cost][i] == np.float32(oracle.accuracy_at(plane, y, w[-1, 0], b[-1]))
        path = np.vstack([start[0], w]), np.append(start[1], b)
        assert lab_study.steps[cost][i] == oracle.first_all_correct(x[:, None], y, *path)


def test_a_bad_start():
    """From near (-15, -10) cross-entropy reaches 1.0 and MSE stays at 0.65."""
    study = study_starts(LabData(), (-15, -14.9), (-10, -9.9), 10, **LAB, seed=0)
    np.testing.assert_array_equal(study.accuracy["bce"], np.ones(10))
    np.testing.assert_array_equal(study.accuracy["mse"], np.full(10, 0.65, np.float32))
    assert study.share_at_accuracy_1 == {"bce": 1, "mse": 0}


def test_seeds_windows_and_kinds_of_data():
    x, y = problems.lab_data(np.float64)
    settings = {"lr": 1.0, "batch_size": 50, "epochs": 3}
    one, same, other = (study_starts((x, y), 5, (0, 1), 100, **settings, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.w, same.w)
    np.testing.assert_array_equal(one.loss["mse"], same.loss["mse"])
    assert (one.w != other.w).all()
    assert one.w.dtype == one.loss["bce"].dtype == np.float64
    assert one.w_range == (-5, 5)
    assert one.total_steps == 3
    tensors = study_starts((torch.from_numpy(x[:, None]), torch.from_numpy(y)), 5, (0, 1), 100, **settings, seed=1)
    assert isinstance(tensors, StartsStudy)
    np.testing.assert_array_equal(tensors.accuracy["bce"], one.accuracy["bce"])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"n": 0}, ValueError, "n is 0; accepted: an integer >= 1"),
        ({"n": 1.5}, TypeError, "n is 1.5; accepted"),
        ({"w_range": (1, 1)}, ValueError, r"w_range is \(1, 1\); accepted"),
        ({"b_range": 1e39}, ValueError, r"b_range is \(-1e\+39, 1e\+39\); accepted: finite float32 numbers"),
        ({"b_range": "wide"}, ValueError, "b_range is 'wide'; accepted"),
        ({"seed": -1}, ValueError, "seed is -1; accepted: an integer >= 0"),
        ({"seed": None}, TypeError, "seed is None; accepted"),
        ({"lr": -1}, ValueError, "lr is -1; accepted"),
        ({"batch_size": 0}, ValueError, "batch_size is 0; accepted"),
        ({"epochs": -1}, ValueError, "epochs is -1; accepted"),
        ({"data": 5}, TypeError, "data is a int; accepted"),
        ({"data": (np.ones((3, 2)), np.ones(3))}, ValueError, r"data x has shape \(3, 2\)"),
        ({"n": 10**13}, MemoryError, "GB; free"),
        ({"device": "meta"}, ValueError, "device is 'meta'; accepted"),
    ],
)
def test_wrong_arguments(changes, error, message):
    arguments = {"data": LabData(), "w_range": 15, "b_range": 13, "n": 10, "seed": 0} | LAB | changes
    with pytest.raises(error, match=message):
        study_starts(**arguments)


@pytest.mark.parametrize("costs", ["bce", (), None, ("mse", "hinge")])
def test_wrong_costs_are_refused_before_anything_is_trained(costs, monkeypatch):
    monkeypatch.setattr("logreg.starts.sgd_ensemble", None)
    with pytest.raises(ValueError, match=r"costs is .*; accepted: "):
        study_starts(LabData(), *LAB_WINDOW, 5, **LAB, seed=0, costs=costs)
