"""What the lab concludes of starts, and when it doesn't."""

import math
import re

import numpy as np
import pytest
import torch

from kernels.losses import LOSSES
from logreg import History, LabData, speaking, study_starts
from logreg.commands import trials as lab
from logreg.commands.conclusion import answer, largest_rate, shares
from logreg.commands.lab import Settings
from logreg.commands.trials import Trial, random_starts, run_trial, starts
from tests import oracle, problems
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


MORE = "After 1,000 more epochs, at learning rate 2 in batches of 3,"
COSTS_STEPS = "a bad start costs steps, not accuracy."
DECIDES = "the start decides how accurate the model becomes."


def test_every_start_succeeds():
    text = answer([trial_of(0.35, 0.65, 1.0), trial_of(0.0, 1.0), trial_of(0.35, 1.0, 0.65, 1.0)], USUAL)
    assert (
        text == f"With cross-entropy 3 of 3 starts ended at accuracy 1, first reached after 1 to 2 steps: {COSTS_STEPS}"
    )


@pytest.mark.parametrize(
    ("path", "steps"), [((1.0,), "0 steps"), ((0.35, 1.0), "1 step"), ((0.0, 0.65, 1.0), "2 steps")]
)
def test_every_start_succeeds_at_the_same_step(path, steps):
    text = answer([trial_of(*path), trial_of(*path)], USUAL)
    assert text == f"With cross-entropy 2 of 2 starts ended at accuracy 1, first reached after {steps} by each."


def test_some_are_stuck():
    text = answer([trial_of(0.35, 1.0, cost="mse"), trial_of(0.35, cost="mse", end=STUCK)], USUAL)
    ended = "With mean squared error 1 of 2 starts ended at accuracy 1; it is 0.65 from (5, 10)."
    assert text == f"{ended} {MORE} it isn't 1 from there either: {DECIDES}"


def test_some_are_stuck_and_some_on_their_way():
    text = answer([trial_of(0.65, 0.35, cost="mse"), trial_of(0.35, cost="mse", end=STUCK)], USUAL)
    ended = "With mean squared error 0 of 2 starts ended at accuracy 1; it is 0.35 from (0, 0) and 0.65 from (5, 10)."
    assert text == f"{ended} {MORE} it is 1 from (0, 0), too, but not from (5, 10): {DECIDES}"


def test_all_are_stuck():
    text = answer([trial_of(0.35, cost="mse", end=STUCK), trial_of(0.0, cost="mse", end=STUCK)], USUAL)
    ended = (
        "With mean squared error 0 of 2 starts ended at accuracy 1; it is 0.65 from (5, 10) and 0.65 from (-1, 0.25)."
    )
    assert text == f"{ended} {MORE} it isn't 1 either: none of these starts is a good one."


@pytest.mark.parametrize("end", [STUCK, (5, 10), (0, 0), (-15, -10)])
@pytest.mark.parametrize("reached", [0, 2])
def test_some_are_on_their_way(end, reached):
    """With cross-entropy all of them are: it is convex."""
    text = answer([*[trial_of(0.35, 1.0)] * reached, trial_of(0.35, end=end)], USUAL)
    ended = f"With cross-entropy {reached} of {reached + 1} starts ended at accuracy 1; it is 0.65 from (5, 10)."
    assert text == f"{ended} {MORE} it is 1 from there, too: {COSTS_STEPS}"


def test_runs_are_judged_by_how_they_ended():
    text = answer([trial_of(0.0, 1.0, 0.65), trial_of(0.35, 1.0)], USUAL)
    assert text.startswith("With cross-entropy 1 of 2 starts ended at accuracy 1; it is 0.65 from (-1, 0.25). After")


def test_each_cost():
    lines = answer([trial_of(0.35, 1.0), trial_of(0.35, 0.65, cost="mse")], USUAL).splitlines()
    assert lines[0].startswith("With cross-entropy 1 of 1 starts ended at accuracy 1, first")
    assert lines[1].startswith("With mean squared error 0 of 1 starts ended at accuracy 1; it is 0.65 from")


UNTRAINED = "this says nothing of starts, as {} is 0 and nothing was trained"
RATE = "the learning rate {} may have decided, and not the starts: above {{limit}} a step may overshoot and climb"
REASONS = {
    "lr 1e30": (Settings(lr=1e30), RATE.format("1e+30")),
    "lr 8": (Settings(lr=8.0), RATE.format("8")),
    "lr 0": (Settings(lr=0.0), UNTRAINED.format("the learning rate")),
    "no epochs": (Settings(epochs=0), UNTRAINED.format("epochs")),
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
    for cost, name, limit in (("bce", "cross-entropy", "4.4"), ("mse", "mean squared error", "7.2")):
        trials = [run_trial(start, at, cost, data, settings) for start, at in starts(settings).items()]
        reached = sum(trial.accuracy == 1 for trial in trials)
        why = reason.format(limit=limit)
        assert answer(trials, settings) == f"With {name} {reached} of 3 starts ended at accuracy 1; {why}."
        assert f"\nWith {name} {why}." in shares(random_starts(50, settings), settings)


@pytest.mark.usefixtures("not_timed")
@pytest.mark.parametrize(
    "settings",
    [Settings(), Settings(lr=4.4), Settings(epochs=1), Settings(batch_size=20), Settings(lr=5.9, batch_size=20)],
)
def test_settings_that_do(settings):
    trials = [run_trial("a", (5, 10), "bce", LabData(), settings)]
    text = answer(trials, settings) + shares(random_starts(50, settings), settings)
    assert "says nothing" not in text
    assert "may have decided" not in text


@pytest.mark.parametrize("lr", [0.0, 0.01, 2.0, 10.0, 50.0, 100.0, 1000.0, 1e6, 1e20, 1e38])
@pytest.mark.parametrize("batch_size", [1, 7, 20, 1000])
@pytest.mark.usefixtures("not_timed")
def test_what_is_said_of_any_learning_rate_is_so(lr, batch_size):
    """Accuracies and counts are those that the last step's parameters have on the data."""
    settings, data = Settings(lr=lr, batch_size=batch_size, epochs=3), LabData()
    trials = [run_trial(start, at, "mse", data, settings) for start, at in starts(settings).items()]
    x, y = problems.lab_data()
    plane = oracle.one_feature_plane(x)
    ends = [oracle.accuracy_at(plane, y, t.history.w[-1, 0], t.history.b[-1]) for t in trials]
    assert [trial.accuracy for trial in trials] == ends
    text = answer(trials, settings)
    assert text.startswith(f"With mean squared error {ends.count(1.0)} of 3 starts ended at accuracy 1")
    assert ("may have decided" in text) == (lr > largest_rate("mse", data.x.numpy(), batch_size))
    if "it is" in text:
        assert text.count(" from (") >= 3 - ends.count(1.0)


def test_a_run_that_leaves_float32_is_refused_by_its_learning_rate():
    with pytest.raises(FloatingPointError, match=r"^lr is 3.4e\+38; accepted: one by which parameters stay in range"):
        run_trial("a", (5, 10), "bce", LabData(), Settings(lr=3.4e38))


def test_one_start_and_one_step():
    settings = Settings(epochs=1, batch_size=1000)
    text = shares(random_starts(1, settings), settings)
    assert text.startswith(
        "Of one random start, w in [-15, 15], b in [-13, 13], training of 1 step ends at accuracy 1 "
    )


@pytest.mark.usefixtures("not_timed")
@pytest.mark.parametrize("settings", [Settings(lr=0.01), Settings(lr=10.0), Settings(lr=0.0), Settings(epochs=0)])
def test_spanish(settings):
    """The same numbers in the same order."""
    trials = [run_trial("a", at, cost, LabData(), settings) for at in ((5, 10), (-15, -10)) for cost in ("bce", "mse")]
    study = random_starts(50, settings)
    english = answer(trials, settings) + shares(study, settings)
    with speaking("es"):
        spanish = answer(trials, settings) + shares(study, settings)
    assert re.findall(r"[-\d.,e+]*\d", spanish) == re.findall(r"[-\d.,e+]*\d", english)
    assert "entropía cruzada" in spanish
    assert not {"with", "starts", "accuracy", "from", "steps"} & set(re.findall(r"\w+", spanish))


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
@pytest.mark.parametrize("batch_size", [1, 2, 3, 50])
def test_the_largest_rate_is_that_of_the_steepest_batch(cost, batch_size):
    x, curvature = np.array([[1.0], [-2.0], [3.0], [0.5]]), LOSSES[cost].largest(math.inf)[2]
    batches = [np.append(x, np.ones((4, 1)), axis=1)[k : k + batch_size] for k in range(0, 4, batch_size)]
    eigenvalues = [np.linalg.eigvalsh(batch.T @ batch / len(batch))[-1] for batch in batches]
    assert largest_rate(cost, x, batch_size) == pytest.approx(2 / (curvature * max(eigenvalues)))


@pytest.mark.parametrize("cost", LOSSES)
@pytest.mark.parametrize("seed", range(5))
def test_steps_up_to_the_largest_rate_never_climb(seed, cost):
    rng = np.random.default_rng(seed)
    x, y = torch.from_numpy(rng.normal(size=(5, 2))), torch.from_numpy(rng.integers(2, size=5) * 1.0)
    theta = torch.from_numpy(rng.normal(size=3)).requires_grad_()
    rate = largest_rate(cost, x.numpy(), len(x))

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
