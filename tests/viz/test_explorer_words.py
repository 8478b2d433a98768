"""What the explorer says of a run, in both languages."""

import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from kernels import sgd_run_
from kernels.language import speaking
from viz import explore
from viz.explorer import run as runs
from viz.explorer.problem import read_problem
from viz.explorer.run import MOST_EVALUATIONS, Settings, train
from viz.explorer.words import readout, share_right, verdicts

matplotlib.use("Agg")

CASES = [  # settings of the lab's data, and what is said, a sentence each
    ({}, ["All correct first after step 25."]),
    ({"start": (15, -4)}, ["All correct from the start."]),
    (
        {"loss": "mse"},
        [
            "Saturated: the sigmoid is flat at the start; the first {still} steps move nothing.",
            "All correct first after step {first}.",
        ],
    ),
    (
        {"start": (-15, -10), "loss": "mse"},
        [
            "Stuck where the sigmoid is flat: the last half of the steps goes {half:.1f} % of the window.",
            "Never all correct: accuracy 65 % at the end.",
        ],
    ),
    (
        {"start": (-1, 15), "loss": "mse", "lr": 0.01},
        [
            "Saturated: the sigmoid is flat at the start, and no step moves it.",
            "Never all correct: accuracy 35 % at the end.",
        ],
    ),
    ({"start": (-10, -10)}, ["All correct first after step {first}, for good after step {last}."]),
    (
        {"start": (4, -1), "lr": 100, "epochs": 1},
        [
            "Climbs: the loss ends higher than it began; the steps are too large.",
            "{correct}",
            "{leaves}",
        ],
    ),
    ({"start": (30, 0), "epochs": 1, "lr": 0}, ["{correct}", "The start is outside the window."]),
]


@pytest.fixture(scope="module")
def problem():
    return read_problem(None, None)


def said_of(problem, **changes):
    settings = Settings(**{"start": (5.0, 10.0)} | changes)
    run = train(problem, settings)
    return run, verdicts(problem, settings, run)


@pytest.mark.parametrize(("changes", "sentences"), CASES)
def test_verdicts(changes, sentences, problem):
    """What depends on the run is looked for in its points; the rest stands here."""
    run, said = said_of(problem, **changes)
    right = np.flatnonzero(run.accuracy == 1)
    wrong = np.flatnonzero(run.accuracy < 1)
    far = np.hypot((run.s - run.s[0]) / 40, (run.t - run.t[0]) / 30) > 1e-3
    outside = np.flatnonzero((np.abs(run.s) > 20) | (np.abs(run.t) > 15))
    values = {
        "first": right[0] if len(right) else None,
        "last": wrong[-1] + 1 if len(wrong) else 0,
        "still": far.argmax() - 1,
        "half": 100 * np.hypot((run.s[-1] - run.s[350]) / 40, (run.t[-1] - run.t[350]) / 30)
        if len(run.s) == 701
        else None,
        "correct": said[[sentence.startswith(("All", "Never")) for sentence in said].index(True)],
        "leaves": f"Leaves the window at step {outside[0]}" if len(outside) else None,
    }
    assert len(said) == len(sentences)
    for found, sentence in zip(said, sentences, strict=True):
        assert found.startswith(sentence.format(**values))


@pytest.mark.parametrize(
    ("loss", "share"), [([9, 8, 7, 6, 5, 4], None), ([9, 1, 2, 1, 2, 1, 2], "50 %"), ([9, 5, 4, 3, 2, 2.01], None)]
)
def test_oscillation_is_the_share_of_epochs_that_raise_the_loss(loss, share, problem):
    run, _ = said_of(problem, epochs=len(loss) - 1, batch_size=20)
    found = verdicts(problem, Settings((5, 10), epochs=len(loss) - 1), run._replace(loss=np.array(loss, float)))
    oscillates = [sentence for sentence in found if sentence.startswith("Oscillates")]
    assert oscillates == ([f"Oscillates: {share} of the epochs raise the loss."] if share else [])


def test_within_an_epoch_it_may_go_up_and_down(problem):
    run, _ = said_of(problem, epochs=20)
    zigzag = np.where(np.arange(141) % 7 == 3, 9.0, np.linspace(2, 1, 141))
    found = verdicts(problem, Settings((5, 10), epochs=20), run._replace(loss=zigzag))
    assert not [sentence for sentence in found if sentence.startswith("Oscillates")]


def test_a_path_may_come_back(problem):
    run, _ = said_of(problem)
    away = run._replace(s=np.where(np.arange(701) == 30, 99, run.s))
    assert verdicts(problem, Settings((5, 10)), away)[-1] == "Leaves the window at step 30 and comes back."


def test_what_is_too_far_to_be_drawn_is_said(problem):
    run, said = said_of(problem, lr=1e300)
    assert (run.steps.tolist(), run.beyond, run.broken) == ([0], 1, None)
    assert said[0] == "Diverged: step 1 is too far away to be drawn."


@pytest.mark.parametrize(
    ("accuracy", "share"), [(1, "100 %"), (0.99999, "99.99 %"), (562 / 569, "98.77 %"), (0, "0 %")]
)
def test_only_all_are_100_per_cent(accuracy, share):
    assert share_right(accuracy) == share


def test_large_numbers_have_no_decimals(problem):
    run, _ = said_of(problem, momentum=1.5, epochs=50)
    _, where = readout(problem, run, len(run.steps) - 1)
    assert len(where) < 80
    found = [float(number) for number in re.findall(r"= ([^,;]*)", where)]
    np.testing.assert_allclose(found, run.theta[-1], rtol=1e-6)


@pytest.mark.parametrize("batch_size", [3, 20])
def test_divergence_names_the_step_and_keeps_what_was_before(batch_size, problem):
    """As the error of the kernel names it."""
    options = {"lr": 2.0, "batch_size": batch_size, "momentum": 1.5}
    start = np.array([[5.0], [10.0]])
    with pytest.raises(FloatingPointError) as error:
        sgd_run_(problem.X, problem.y, *start.copy(), epochs=2500, **options)
    run, said = said_of(problem, epochs=2500, **options)
    assert f"step {run.broken} of" in str(error.value)
    assert said[0] == f"Diverged: step {run.broken} leaves the range of numbers."
    before = sgd_run_(problem.X, problem.y, *start.copy(), epochs=(run.broken - 1) // run.per_epoch, **options)
    theta = np.column_stack([before.w, before.b])
    np.testing.assert_array_equal(run.theta[1:], theta[run.steps[1:] - 1])
    assert (np.diff(run.steps) > 0).all()
    after = theta[run.steps[-1]]
    assert np.abs(run.theta).max() < 1e100 <= np.abs(after).max()


def test_a_diverged_run_is_drawn(monkeypatch):
    monkeypatch.setattr(FigureCanvasAgg, "draw_idle", lambda canvas: None)
    explorer = explore(momentum=1.5, epochs=1000)
    explorer.figure.canvas.draw()
    assert explorer.words[1].startswith("Diverged")
    assert np.isfinite(explorer.progress.loss.get_ydata()).all()
    plt.close(explorer.figure)


RUNS = [(1000, 1), (999, 3), (100, 1), (50, 20), (200, 3), (3000, 3), (0, 3)]


@pytest.mark.parametrize("points", [52_428, 1000, 60])
@pytest.mark.parametrize(("epochs", "batch_size"), RUNS)
def test_long_runs_have_so_many_points_both_ends_and_those_of_epochs(epochs, batch_size, points, problem, monkeypatch):
    monkeypatch.setattr(runs, "MOST_EVALUATIONS", 20 * points)
    run, said = said_of(problem, epochs=epochs, batch_size=batch_size)
    per_epoch = -(-20 // batch_size)
    w, b = np.array([5.0]), np.array([10.0])
    whole = sgd_run_(problem.X, problem.y, w, b, lr=2.0, epochs=epochs, batch_size=batch_size)
    assert min(epochs * per_epoch, points / 2) < len(run.steps) <= 2 * points + 2
    assert (run.steps[0], run.steps[-1]) == (0, epochs * per_epoch)
    if epochs <= points:
        assert set(run.steps) >= set(range(0, epochs * per_epoch + 1, per_epoch))
    np.testing.assert_array_equal(run.theta[1:], np.column_stack([whole.w, whole.b])[run.steps[1:] - 1])
    looked = f"{len(run.steps) - 1} of {epochs * per_epoch} steps are looked at."
    assert (looked in said) == (len(run.steps) <= epochs * per_epoch)


def test_of_the_labs_runs_all_steps_are_looked_at(problem):
    """Of all that sliders can ask for."""
    run, _ = said_of(problem, epochs=1000, batch_size=1)
    np.testing.assert_array_equal(run.steps, np.arange(20_001))
    assert MOST_EVALUATIONS // 20 > 20_000


def loss_and_accuracy(problem, theta, loss):
    """On all the data, (k,) each, of parameters theta (k, 2), by formulas that don't cancel."""
    z, y = theta[:, :1] * problem.X[:, 0] + theta[:, 1:], problem.y
    of_samples = (0.5 * (1 + np.tanh(z / 2)) - y) ** 2 if loss == "mse" else np.logaddexp(0, (1 - 2 * y) * z)
    return of_samples.mean(axis=1), ((z > 0) == (y > 0.5)).mean(axis=1)


def drawn_settings(number):
    rng = np.random.default_rng(number)
    return {
        "start": (rng.uniform(-20, 20), rng.uniform(-15, 15)),
        "lr": float(10 ** rng.uniform(-3, 2)),
        "batch_size": int(rng.integers(1, 21)),
        "momentum": float(rng.choice([0, 0, 0.5, 0.9, 0.99])),
        "epochs": int(rng.choice([0, 1, 3, 10, 100, 150, 300, 1000])),
        "shuffle_seed": [None, 3][rng.integers(2)],
        "loss": ["bce", "mse"][rng.integers(2)],
    }


@pytest.mark.parametrize("tens", range(20))
def test_what_is_said_of_any_run_is_so(tens, problem):
    """Against all steps of the run itself, of 200 settings drawn at random."""
    for number in range(10 * tens, 10 * tens + 10):
        changes = drawn_settings(number)
        run, said = said_of(problem, **changes)
        options = dict(changes)
        w, b = np.array([options.pop("start")]).T.copy()
        whole = sgd_run_(problem.X, problem.y, w, b, **options)
        theta = np.vstack([changes["start"], np.column_stack([whole.w, whole.b])])
        assert_true(said, theta, changes["loss"], run.per_epoch, problem)


def assert_true(said, theta, loss, per_epoch, problem):
    """Each sentence, and that none is left out that could be said."""
    losses, accuracies = loss_and_accuracy(problem, theta, loss)
    right, wrong = np.flatnonzero(accuracies == 1), np.flatnonzero(accuracies < 1)
    out = np.flatnonzero((np.abs(theta) > (20, 15)).any(axis=1))
    of_epochs = losses[::per_epoch]
    rises = np.mean(of_epochs[1:] > 1.01 * of_epochs[:-1]) if len(of_epochs) > 4 else 0
    text = " ".join(said)
    assert text.count("Climbs") == (losses[-1] > 1.01 * losses[0])
    assert text.count("Oscillates") == (rises > 0.25 and "Climbs" not in text)
    assert f"{round(100 * rises)} % of the epochs" in text or "Oscillates" not in text
    assert text.count("Never all correct") == (len(right) == 0)
    if len(right) and not (len(wrong) == 0 or wrong[-1] < right[0] == 0):
        assert f"All correct first after step {right[0]}" in text
        end, last = len(theta) - 1, wrong[-1]
        assert text.count("but not at the end") == (last == end)
        assert text.count(f"for good after step {last + 1}.") == (right[0] < last < end)
    assert text.count(f"Leaves the window at step {out[0]}" if len(out) else "the window at") == (len(out) > 0)
    held = "Saturated" in text or "Stuck" in text
    assert not held or (loss == "mse" and len(theta) > 1)


def test_longer_ones_are_cut_and_say_so(problem, monkeypatch):
    monkeypatch.setattr(runs, "MOST_STEPS", 70)
    run, said = said_of(problem)
    assert (run.epochs, run.steps[-1]) == (10, 70)
    assert said[-1] == "Only 10 of 100 epochs are trained: with more, pictures would wait."
    monkeypatch.setattr(runs, "MOST_VALUES", 1)
    assert train(problem, Settings((5, 10))).epochs == 1


def test_spanish(problem):
    with speaking("es"):
        run, said = said_of(problem, start=(-15, -10), loss="mse")
        assert said[1] == "Nunca acierta en todas: exactitud 65 % al final."
        assert readout(problem, run, 700)[0] == "paso 700 de 700 (época 100)"
