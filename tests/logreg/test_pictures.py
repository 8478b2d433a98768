"""The lab's pictures: what their panels share, in which scale and which language."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from kernels.language import speaking
from logreg import LabData, LossLine, LossSurface, train
from logreg.choices import LAB_TRAINING, LAB_WINDOW
from logreg.commands.pictures import draw_plane, draw_summary, plans_of_cost, scale_of_heights
from logreg.commands.trials import Trial, model_at
from logreg.language import SPANISH

STARTS = {"by hand: (5, 10)": (5, 10), "bad: (-15, -10)": (-15, -10)}


KNOWN = {word for text in SPANISH.values() for word in re.findall(r"[^\W\d_]+", re.sub(r"\{[^}]*\}", "", text))}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def trials():
    data, settings = LabData(), LAB_TRAINING | {"epochs": 12}
    runs = [(name, at, cost) for name, at in STARTS.items() for cost in ("bce", "mse")]
    return [Trial(name, train(model_at(*at), data, **settings, loss=cost), 0.65, 1.0, 1.0) for name, at, cost in runs]


@pytest.fixture(scope="module")
def surfaces():
    return {cost: LossSurface.compute(LabData(), *LAB_WINDOW, resolution=40, loss=cost) for cost in ("bce", "mse")}


@pytest.fixture(scope="module")
def plane():
    data = LabData()
    quantities = ("loss", "accuracy", "gradient", "hessian")
    return LossSurface.around(np.array([4.0, -1.0]), data, resolution=30, quantities=quantities)


def titles(figure):
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


def test_the_summary_has_one_legend_and_a_colour_bar_a_row(trials, surfaces):
    figure = draw_summary(trials, surfaces, LAB_WINDOW)
    figure.canvas.draw()
    assert len(figure.legends) == 1
    panels = figure.axes[:4]
    assert all(ax.get_legend() is None for ax in panels)
    bars = [child.get_ylabel() for ax in panels for child in ax.child_axes]
    assert bars == ["mean cross-entropy (nats)", "mean squared error"]
    assert [ax.get_ylabel() for ax in panels] == ["bias b", "", "bias b", ""]
    assert panels[0].get_ylim() == panels[1].get_ylim()


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_panels_of_a_plane_say_once_what_they_share(number, plane):
    quantities = ["loss", "accuracy", "gradient", "hessian"][:number]
    figure = draw_plane(plane, None, quantities, "a title")
    figure.canvas.draw()
    panels = figure.axes[:number]
    assert len(figure.legends) == 1
    below = [ax.get_xlabel() != "" for ax in panels]
    assert below == [k + 2 >= number for k in range(number)]
    assert [ax.get_ylabel() != "" for ax in panels] == [k % 2 == 0 for k in range(number)]
    for ax, has_label in zip(panels, below, strict=True):
        assert any(label.get_visible() and label.get_text() for label in ax.get_xticklabels()) == has_label


@pytest.mark.parametrize(("high", "scale"), [(9.9, "linear"), (10.1, "log"), (1e6, "log")])
def test_heights_are_logarithms_where_a_valley_would_be_flat(high, scale):
    assert scale_of_heights(np.array([[1.0, high], [2.0, 3.0]])) == scale


def test_the_labs_valleys_are_seen(trials, surfaces):
    plans = dict(plans_of_cost("bce", surfaces["bce"], trials[0], LabData(), LAB_WINDOW))
    assert plans["bce-surface"]().axes[0].get_zlabel() == "log scale"
    assert plans["bce-path-3d"]().axes[0].get_zlabel().replace("\n", " ") == "mean cross-entropy (nats), log scale"


def test_titles_are_in_spanish(trials, surfaces):
    with speaking("es"):
        plans = plans_of_cost("mse", surfaces["mse"], trials[1], LabData(), LAB_WINDOW)
        figures = [draw_summary(trials, surfaces, LAB_WINDOW), *(draw() for _, draw in plans)]
    said = {text for figure in figures for text in (*titles(figure), figure.get_suptitle()) if text}
    assert "error cuadrático medio" in said
    for text in said:
        for start in STARTS:
            text = text.replace(start, "")
        assert set(re.findall(r"[^\W\d_]+", text)) <= KNOWN


@pytest.mark.parametrize("directions", ["hessian", "axes", "random", "filter", "pca", ("bias", np.eye(4)[0])], ids=str)
def test_axes_are_in_spanish(directions):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    models = list(rng.normal(size=(5, 4)))
    with speaking("es"):
        surface = LossSurface.around(models, (X, y), directions=directions, resolution=5, l2=0.0)
    for label in surface.plane.labels:
        assert set(re.findall(r"[^\W\d_]+", label)) <= KNOWN | {"b", "w", "s", "direction", "t"}


@pytest.mark.parametrize("direction", ["random", "filter", "bias", np.ones(4)], ids=str)
def test_lines_are_in_spanish(direction):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    with speaking("es"):
        lines = [LossLine.around(np.ones(4), data, direction), LossLine.between(np.ones(4), np.zeros(4), data)]
    for line in lines:
        for text in (line.label, *line.marks):
            assert set(re.findall(r"[^\W\d_]+", text)) <= KNOWN | {"b", "w"}
