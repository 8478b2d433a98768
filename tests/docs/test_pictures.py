"""The pictures of README and of docs are those that are drawn now."""

import matplotlib
import matplotlib.pyplot as plt
import pytest

from logreg.choices import LAB_WINDOW
from logreg.commands import trials
from logreg.commands.lab import Settings
from logreg.commands.pictures import draw_summary, save
from logreg.commands.planes import run_surface
from logreg.commands.surface import Exploration
from logreg.commands.trials import run_trial, starts, surface_around
from logreg.data import LabData
from tests.pictures import TOLERANCE, difference

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_summary(tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "TIMED_RUNS", 1)
    settings, data = Settings(), LabData()
    runs = [(name, start, cost) for name, start in starts(settings).items() for cost in settings.costs]
    found = [run_trial(name, start, cost, data, settings) for name, start, cost in runs]
    surfaces = {cost: surface_around(cost, found, data, settings.resolution) for cost in settings.costs}
    file = save(draw_summary(found, surfaces, LAB_WINDOW), tmp_path / "summary.png")
    assert difference(file, "summary.png") < TOLERANCE


@pytest.mark.parametrize(
    ("data", "directions", "quantities"),
    [("breast_cancer", "hessian", ("loss", "accuracy")), ("digits", "pca", ("loss", "hessian"))],
)
def test_real_data(data, directions, quantities, tmp_path):
    pytest.importorskip("sklearn")
    run_surface(Exploration(data=data, directions=directions, quantities=quantities, out=tmp_path))
    assert difference(tmp_path / f"{data}-{directions}.png", f"{data}.png") < TOLERANCE
