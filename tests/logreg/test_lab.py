"""The lab: its table, its pictures, its answer."""

import contextlib
import io
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.image import imread

from logreg import History, LabData, speaking
from logreg.choices import LAB_WINDOW
from logreg.commands import pictures
from logreg.commands import trials as lab
from logreg.commands.conclusion import answer
from logreg.commands.lab import Settings
from logreg.commands.trials import Trial, run_lab, starts, surface_around, table
from tests import oracle, problems

POINTS = {1.0: (1, -0.25), 0.65: (0, 0), 0.35: (5, 10), 0.0: (-1, 0.25)}  # accuracy: (w, b)


def history_of(points, cost="bce"):
    """A history that starts at the first of points (w, b) and visits the others, one step an epoch."""
    x, y = (part.numpy() for part in LabData()[:])
    path = np.array(points, dtype=np.float32)
    ends = path[0, :1], path[0, 1], path[-1, :1], path[-1, 1]
    steps = len(path) - 1
    return History(path[1:, :1], path[1:, 1], np.ones(steps), *ends, steps, 1, cost, x, y[:, 0])


def trial_of(*accuracies, cost="bce", name="somewhere"):
    """A trial that goes through points of these accuracies."""
    return Trial(name, history_of([POINTS[a] for a in accuracies], cost), accuracies[-1], 50e-6, 30e-3)


@pytest.fixture(scope="module")
def small_lab(tmp_path_factory):
    """A whole run with few epochs: trials, text and pictures {name: RGB (height, width, 3)}."""
    out, text = tmp_path_factory.mktemp("lab") / "new" / "folder", io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(text):
        patch.setattr(lab, "TIMED_RUNS", 1)
        patch.setattr(lab, "RANDOM_STARTS", 2000)
        trials = run_lab(Settings(epochs=5, resolution=12, out=out))
    files = {path.name: imread(path)[..., :3] for path in out.glob("*.png")}
    return SimpleNamespace(trials=trials, text=text.getvalue(), files=files, out=out)


# A whole run


def test_trials(small_lab):
    assert [(trial.start, trial.history.cost) for trial in small_lab.trials] == [
        ("by hand: (5, 10)", "bce"),
        ("by hand: (5, 10)", "mse"),
        ("seed 0: (-0.007487, 0.5364)", "bce"),
        ("seed 0: (-0.007487, 0.5364)", "mse"),
        ("bad: (-15, -10)", "bce"),
        ("bad: (-15, -10)", "mse"),
    ]
    x, y = problems.lab_data()
    for trial in small_lab.trials:
        history = trial.history
        start = history.start_w[0], history.start_b
        w, b, losses = oracle.sgd_path(x[:, None], y, *start, lr=2, batch_size=3, epochs=5, loss=history.cost)
        np.testing.assert_allclose(history.w, w, rtol=1e-5)
        np.testing.assert_allclose(history.b, b, rtol=1e-4)
        np.testing.assert_allclose(history.loss, losses, rtol=1e-4)
        assert trial.accuracy == oracle.accuracy_at(oracle.one_feature_plane(x), y, history.w[-1, 0], history.b[-1])
        assert min(trial.seconds, trial.eager_seconds) > 0


def test_seconds_are_those_of_the_training(monkeypatch):
    clock, trained = iter([100.0, 100.25]), []
    monkeypatch.setattr(lab, "perf_counter", lambda: next(clock))
    seconds = lab.seconds_of(lambda *data, **options: trained.append((data, options)), "model", "data", {"lr": 2})
    assert seconds == 0.25
    assert trained == [(("model", "data"), {"lr": 2})]


def test_text(small_lab):
    lines = small_lab.text.splitlines()
    assert lines[:7] == table(small_lab.trials).splitlines()
    assert f"23 pictures in {small_lab.out.resolve()}" in small_lab.text
    assert "the summary in summary.png\nTo drag the start yourself: make explore, or " in small_lab.text
    assert "Of 2,000 random starts, w in [-15, 15], b in [-13, 13], training of 35 steps ends at " in small_lab.text
    assert small_lab.text.rstrip().endswith(answer(small_lab.trials, Settings()))


def test_text_in_spanish(small_lab, monkeypatch, tmp_path, capsys):
    """All of it but the pictures, which are not drawn."""
    monkeypatch.setattr(lab, "TIMED_RUNS", 1)
    monkeypatch.setattr(lab, "RANDOM_STARTS", 2000)
    monkeypatch.setattr(lab, "draw_lab", lambda *_: [tmp_path / "summary.png"])
    monkeypatch.setattr(lab, "draw_animation", lambda *_: tmp_path / "bce-run.gif")
    monkeypatch.setattr(lab, "draw_starts", lambda *_: tmp_path / "starts.png")
    with speaking("es"):
        trials = run_lab(Settings(epochs=5, resolution=3, out=tmp_path))
        assert [trial.start for trial in trials][::2] == [
            "a mano: (5, 10)",
            "semilla 0: (-0.007487, 0.5364)",
            "malo: (-15, -10)",
        ]
    text, _ = capsys.readouterr()
    assert cells(text.splitlines()[0])[:5] == ["inicio", "costo", "w", "b", "pérdida"]
    assert f"\n3 imágenes en {tmp_path.resolve()}, el resumen en summary.png\nPara arrastrar tú el inicio: " in text
    assert "\nDe 2,000 inicios al azar, w en [-15, 15], b en [-13, 13], un entrenamiento de 35 pasos termina en" in text
    assert not {"start", "with", "accuracy", "steps", "never", "pictures"} & set(re.findall(r"\w+", text))


def test_pictures(small_lab):
    of_cost = ["surface", "contour", *(f"epoch-{k:03d}" for k in range(1, 6)), "path-3d", "path", "epochs"]
    names = ["summary", "starts", *(f"{cost}-{name}" for cost in ("bce", "mse") for name in of_cost)]
    assert sorted(small_lab.files) == sorted(f"{name}.png" for name in names)
    assert [path.name for path in small_lab.out.iterdir() if path.suffix != ".png"] == ["bce-run.gif"]


def test_no_picture_is_blank(small_lab):
    for name, picture in small_lab.files.items():
        height, width, _ = picture.shape
        assert height >= 400, name
        assert width >= 600, name
        assert picture.std() > 0.05, name
        colours = np.unique((255 * picture).astype(int) @ (65536, 256, 1))
        assert len(colours) > 50, name


def test_no_picture_is_another(small_lab):
    assert len({picture.tobytes() for picture in small_lab.files.values()}) == 22


def test_one_cost_without_training(tmp_path, capsys):
    trials = run_lab(Settings(epochs=0, resolution=5, out=tmp_path, costs=("mse",)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mse-contour.png", "mse-surface.png", "summary.png"]
    out = capsys.readouterr().out
    assert [trial.history.cost for trial in trials] == ["mse"] * 3
    assert re.search(r"by hand: \(5, 10\) +mean squared error +5 +10 +6\.483e-01 +0\.35 +never", out)
    assert "cross-entropy" not in out


# Starts


def test_starts():
    assert starts(Settings()) == {
        "by hand": (5, 10),
        "seed 0": pytest.approx((-0.00749, 0.53644), abs=5e-6),
        "bad": (-15, -10),
    }
    torch.manual_seed(7)
    want = torch.nn.Linear(1, 1)
    assert starts(Settings(seed=7))["seed 7"] == (want.weight.item(), want.bias.item())
    assert starts(Settings(start=(1.0, 2.0)))["by hand"] == (1, 2)


# Table


def cells(line):
    return re.split(r" {2,}", line.strip())


def test_table():
    x, y = problems.lab_data()
    head, one, other = table([trial_of(0.35, 0.0, 1.0), trial_of(0.65, 1.0, 0.35, cost="mse", name="n")]).splitlines()
    assert cells(head) == ["start", "cost", "w", "b", "loss", "accuracy", "steps to 1", "time", "eager", "ratio"]
    loss = oracle.loss_at(oracle.one_feature_plane(x), y, 1, -0.25)
    mse = oracle.value_at(oracle.one_feature_plane(x), y, 5, 10, "mse")
    speed = ["50 us", "30 ms", "600 x"]
    assert cells(one) == ["somewhere", "cross-entropy", "1", "-0.25", f"{loss:.3e}", "1.00", "2", *speed]
    assert cells(other) == ["n", "mean squared error", "5", "10", f"{mse:.3e}", "0.35", "1", *speed]
    assert len(head) == len(one) == len(other)
    assert one.index("1.00 ") + 4 == head.index("accuracy") + len("accuracy")


def test_table_without_steps():
    never, at_once = table([trial_of(0.35), trial_of(1.0)]).splitlines()[1:]
    assert cells(never)[2:7] == ["5", "10", "5.201e+00", "0.35", "never"]
    assert cells(at_once)[5:7] == ["1.00", "0"]


# Surfaces of the lab


@pytest.mark.parametrize(
    ("points", "w_range", "b_range"),
    [
        ([(5, 10), (14.9, -12.9)], LAB_WINDOW[0], LAB_WINDOW[1]),
        ([(5, 10), (20, -3), (14, -3)], (-15, 21.75), LAB_WINDOW[1]),
        ([(-15, 0), (0, 0)], (-16.5, 15), LAB_WINDOW[1]),
        ([(0, 0), (0, 13)], LAB_WINDOW[0], (-13, 14.3)),
        ([(-40, -50), (0, 0)], (-42.75, 15), (-53.15, 13)),
        ([(16, 14)], (-15, 17.55), (-13, 15.35)),
    ],
)
def test_window_widens_to_the_paths(points, w_range, b_range):
    surface = surface_around("bce", [Trial("", history_of(points), 1.0, 1, 1)], LabData(), 7)
    assert surface.Z.shape == (7, 7)
    assert (surface.w[0], surface.w[-1]) == pytest.approx(w_range)
    assert (surface.b[0], surface.b[-1]) == pytest.approx(b_range)


def test_window_widens_to_the_paths_of_its_cost():
    trials = [
        Trial("", history_of([(0, 0), point], cost), 1.0, 1, 1) for point, cost in (((20, 0), "bce"), ((0, 20), "mse"))
    ]
    bce, mse = (surface_around(cost, trials, LabData(), 5) for cost in ("bce", "mse"))
    assert (bce.loss, bce.w[-1], bce.b[-1]) == ("bce", pytest.approx(21.75), 13)
    assert (mse.loss, mse.w[-1], mse.b[-1]) == ("mse", 15, pytest.approx(21.65))


# Pictures


@pytest.mark.parametrize(
    ("epochs", "want"),
    [(100, [20, 40, 60, 80, 100]), (7, [1, 3, 4, 6, 7]), (3, [1, 2, 3]), (1, [1]), (1000, [200, 400, 600, 800, 1000])],
)
def test_which_epochs_are_drawn(epochs, want):
    trial = Trial("", history_of([(0, 0)] * (epochs + 1)), 1.0, 1, 1)
    names = [name for name, _ in pictures.plans_of_cost("bce", None, trial, LabData(), LAB_WINDOW)]
    assert [name for name in names if name.startswith("bce-epoch-")] == [f"bce-epoch-{k:03d}" for k in want]


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    pictures.save(plt.figure(), path)
    old = path.read_bytes()
    assert old.startswith(b"\x89PNG")

    def fail(file, **options):
        file.write(b"half of it")
        raise OSError("disk full")

    figure = plt.figure()
    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        pictures.save(figure, path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [old]
    assert plt.get_fignums() == []


@pytest.fixture
def drawn(small_lab, monkeypatch, tmp_path):
    """{name: (title, lengths of the paths drawn, titles of the axes)} of every picture, which isn't written."""
    seen = {}

    def save(figure, path):
        paths = [line for ax in figure.axes for line in ax.lines if line.get_label() == "path"]
        titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
        seen[path.stem] = figure.get_suptitle(), [len(line.get_data()[0]) for line in paths], titles
        plt.close(figure)
        return path

    monkeypatch.setattr(pictures, "save", save)
    surfaces = {cost: surface_around(cost, small_lab.trials, LabData(), 12) for cost in ("bce", "mse")}
    files = pictures.draw_lab(small_lab.trials, surfaces, LabData(), LAB_WINDOW, tmp_path)
    assert files[0].name == "summary.png"
    return seen


def test_what_is_drawn(drawn, small_lab):
    for k in range(1, 6):
        title, paths, _ = drawn[f"mse-epoch-{k:03d}"]
        assert title.startswith(f"step {7 * k}, epoch {k}: trained with mean squared error, start by hand")
        assert paths == [7 * k + 1]
    assert drawn["bce-path"][1] == drawn["mse-path"][1] == drawn["bce-path-3d"][1] == [36]
    assert drawn["bce-contour"][1] == drawn["bce-surface"][1] == []
    _, paths, titles = drawn["summary"]
    assert paths == [36] * 6
    for title, trial in zip(titles, small_lab.trials[::2] + small_lab.trials[1::2], strict=True):
        steps = trial.history.steps_to_accuracy_1()
        assert trial.start in title
        assert f"accuracy {trial.accuracy:.2f}" in title
        assert (f"{steps} steps" in title) == (steps is not None)
