"""What the lab concludes of starts, and when it doesn't."""

import math

import numpy as np
import pytest
import torch

from kernels.losses import LOSSES
from logreg import History, LabData, study_starts
from logreg.commands import trials as lab
from logreg.commands.conclusion import answer, largest_rate, shares
from logreg.commands.lab import Settings
from logreg.commands.trials import Trial, random_starts, run_trial, starts
from tests.training import TORCH_LOSSES

POINTS = {1.0: (1, -0.25), 0.65: (0, 0), 0.35: (5, 10), 0.0: (-1, 0.25)}  # accuracy: (w, b)
STUCK = -11.2, -14.2  # accuracy 0.65; the mean squared error is flat there
USUAL = Settings()


def trial_of(*accuracies, cost="bce", name="somewhere", end=None):
    """A trial that goes through points of these accuracies, a step an epoch, or ends at a point of accuracy 0.65."""
    x, y = (part.numpy() for part in LabData()[:])
    path = np.array([POINTS[a] for a in accuracies] + [end] * (end is not None), dtype=np.float32)
    ends = path[0, :1], path[0, 1], path[-1, :1], path[-1, 1]
    steps = len(path) - 1
    history = History(path[1:, :1], path[1:, 1], np.ones(steps), *ends, steps, 1, cost, x, y[:, 0])
    return Trial(name, history, accuracies[-1] if end is None else 0.65, 50e-6, 30e-3)


def test_every_start_succeeds():
    text = answer([trial_of(0.35, 0.65, 1.0), trial_of(0.0, 1.0), trial_of(0.35, 1.0, 0.65, 1.0)], USUAL)
    assert text.startswith("With cross-entropy all 3 starts ended at accuracy 1")
    assert "1 to 2 steps" in text
    assert "costs steps, not accuracy" in text
    assert len(text.splitlines()) == 1


def test_some_are_stuck():
    text = answer([trial_of(0.35, 1.0, cost="mse"), trial_of(0.35, cost="mse", name="here", end=STUCK)], USUAL)
    assert text.startswith("With mean squared error 1 of 2 starts ended at accuracy 1")
    assert "0.65 from here" in text
    assert "the start decides" in text


@pytest.mark.parametrize("end", [STUCK, (5, 10), (0, 0), (-15, -10)])
def test_some_are_on_their_way(end):
    """With cross-entropy all of them are: it is convex."""
    text = answer([trial_of(0.35, 1.0), trial_of(0.35, name="here", end=end), trial_of(0.0, 1.0)], USUAL)
    assert text.startswith("With cross-entropy 2 of 3 starts ended at accuracy 1, but 0.65 from here. Longer training")
    assert text.endswith("costs steps, not accuracy.")


def test_runs_are_judged_by_how_they_ended():
    text = answer([trial_of(0.35, 1.0, 0.65), trial_of(0.35, 1.0)], USUAL)
    assert "1 of 2 starts ended at accuracy 1" in text
    assert "0.65 from somewhere" in text


def test_each_cost():
    lines = answer([trial_of(0.35, 1.0), trial_of(0.35, 0.65, cost="mse")], USUAL).splitlines()
    assert lines[0].startswith("With cross-entropy all 1 start")
    assert lines[1].startswith("With mean squared error all 1 starts ended at accuracy 0.65")


def test_the_start_is_not_blamed_where_all_end_alike():
    assert "the start decides" not in answer([trial_of(0.35, 0.65), trial_of(0.0, 0.65), trial_of(1.0, 0.65)], USUAL)


REASONS = {
    "lr 1e30": (Settings(lr=1e30), "at the learning rate 1e+30, above {limit}, a step can overshoot and climb"),
    "lr 7": (Settings(lr=7.0), "at the learning rate 7, above {limit}, a step can overshoot and climb"),
    "lr 0": (Settings(lr=0.0), "nothing was trained, as the learning rate is 0"),
    "no epochs": (Settings(epochs=0), "nothing was trained, as epochs is 0"),
}


@pytest.fixture
def not_timed(monkeypatch):
    monkeypatch.setattr(lab, "TIMED_RUNS", 1)
    monkeypatch.setattr(lab, "train_eagerly", lambda *_, **__: None)


@pytest.mark.usefixtures("not_timed")
@pytest.mark.parametrize("kind", REASONS)
def test_settings_that_say_nothing_of_starts(kind):
    settings, reason = REASONS[kind]
    data = LabData()
    for cost, name, limit in (("bce", "cross-entropy", "4"), ("mse", "mean squared error", "6.5")):
        trials = [run_trial(start, at, cost, data, settings) for start, at in starts(settings).items()]
        reached = sum(trial.accuracy == 1 for trial in trials)
        why = reason.format(limit=limit)
        want = f"With {name} {reached} of 3 starts ended at accuracy 1. This says nothing of starts: {why}."
        assert answer(trials, settings) == want
        assert f"\nWith {name} this says nothing of starts: {why}." in shares(random_starts(50, settings), settings)


@pytest.mark.usefixtures("not_timed")
@pytest.mark.parametrize("settings", [Settings(), Settings(lr=4.0), Settings(epochs=1), Settings(batch_size=20)])
def test_settings_that_do(settings):
    trials = [run_trial("a", (5, 10), "bce", LabData(), settings)]
    assert "says nothing" not in answer(trials, settings) + shares(random_starts(50, settings), settings)


def test_starts_that_diverged_are_counted():
    x = np.array([[-1e30], [1e30]], np.float32)
    with np.errstate(all="ignore"):
        study = study_starts((x, np.array([0, 1])), 1e5, 1, 40, lr=1e10, batch_size=1, epochs=3, seed=0)
    diverged = np.isnan(study.accuracy["bce"]).mean()
    assert diverged > 0
    assert f"With cross-entropy {100 * diverged:.3g} % diverged." in shares(study, USUAL)


@pytest.mark.parametrize("cost", LOSSES)
def test_curvature_of_a_cost(cost):
    """Its largest second derivative by the logit."""
    z = torch.linspace(-20, 20, 400_001, dtype=torch.float64, requires_grad=True)
    loss = TORCH_LOSSES[cost](z, torch.zeros_like(z))
    (slope,) = torch.autograd.grad(loss.sum(), z, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), z)
    assert LOSSES[cost].largest(math.inf)[2] == pytest.approx(curvature.abs().max().item(), rel=1e-4)
    assert LOSSES[cost].largest(math.inf)[2] >= curvature.abs().max().item()


@pytest.mark.parametrize("cost", LOSSES)
@pytest.mark.parametrize("seed", range(5))
def test_steps_up_to_the_largest_rate_never_climb(seed, cost):
    rng = np.random.default_rng(seed)
    x, y = torch.from_numpy(rng.normal(size=(5, 2))), torch.from_numpy(rng.integers(2, size=5) * 1.0)
    theta = torch.from_numpy(rng.normal(size=3)).requires_grad_()
    rate = largest_rate(cost, x.numpy())

    def loss():
        return TORCH_LOSSES[cost](x @ theta[:2] + theta[2], y).mean()

    losses = []
    for _ in range(50):
        value = loss()
        losses.append(value.item())
        (gradient,) = torch.autograd.grad(value, theta)
        with torch.no_grad():
            theta -= rate * gradient
    assert (np.diff(losses) <= 1e-12).all()
