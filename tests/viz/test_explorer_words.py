"""What the explorer says of a run, in both languages."""

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
from viz.explorer.run import MOST_POINTS, Settings, train
from viz.explorer.words import readout, verdicts

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
    after = theta[run.steps[-1] + run.every - 1]
    assert np.abs(run.theta).max() < 1e100 <= np.abs(after).max()


def test_a_diverged_run_is_drawn(monkeypatch):
    monkeypatch.setattr(FigureCanvasAgg, "draw_idle", lambda canvas: None)
    explorer = explore(momentum=1.5, epochs=1000)
    explorer.figure.canvas.draw()
    assert explorer.words[1].startswith("Diverged")
    assert np.isfinite(explorer.progress.loss.get_ydata()).all()
    plt.close(explorer.figure)


@pytest.mark.parametrize(("epochs", "batch_size"), [(1000, 1), (999, 3), (100, 1), (50, 20)])
def test_long_runs_have_a_thousand_points_and_both_ends(epochs, batch_size, problem):
    run, _ = said_of(problem, epochs=epochs, batch_size=batch_size)
    per_epoch = -(-20 // batch_size)
    w, b = np.array([5.0]), np.array([10.0])
    whole = sgd_run_(problem.X, problem.y, w, b, lr=2.0, epochs=epochs, batch_size=batch_size)
    assert len(run.steps) <= MOST_POINTS + 2
    assert len(run.steps) > min(epochs * per_epoch, MOST_POINTS / 2)
    assert (run.steps[0], run.steps[-1]) == (0, epochs * per_epoch)
    np.testing.assert_array_equal(run.theta[1:], np.column_stack([whole.w, whole.b])[run.steps[1:] - 1])


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
