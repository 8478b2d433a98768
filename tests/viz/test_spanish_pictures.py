"""In Spanish no English is left in a picture."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from kernels.language import speaking
from kernels.losses import LOSSES
from kernels.quantities import QUANTITIES
from tests.viz.contrast import written
from viz import PlotStuff, plot_contour, plot_error_surfaces, plot_line, plot_surface, share_legend
from viz.language import SPANISH

PICTURES = [
    *["contour", "surface", "wireframe", "data", "epochs", "gradient", "accuracy", "hessian", "plane", "starts"],
    *["several", "named", "log", "line", "lines"],
]
GIVEN = (  # what the examples call things, longer ones first
    "change of w[mean concave points (area)] from -0.123",
    "change of w[worst fractal dimension (symmetry)] from 12.35",
    "from model a (0) to model b (1)",
    "first (60 % of variance)",
    *("breast cancer", "warm start", "model a", "model b", "by hand", "second", "Adam", "SGD", "bad"),
)
MATHEMATICS = {"w", "b", "x", "y", "s", "t", "nats"}


def words_in(text):
    """Words without formulas, ends and values of a template."""
    return re.findall(r"[^\W\d_²]+", re.sub(r"\$[^$]*\$|\{[^}]*\}|\de[-+]\d", " ", text))


def words_of(figure):
    return {word for text in written(figure) for word in words_in(without_given(text.get_text()))}


def without_given(text):
    text = " ".join(text.split())
    for given in GIVEN:
        text = text.replace(given, "")
    return text


KNOWN = {word for text in SPANISH.values() for word in words_in(text)} | MATHEMATICS


@pytest.fixture(autouse=True)
def spanish():
    with speaking("es"):
        yield


@pytest.mark.parametrize("name", PICTURES)
def test_no_english_is_left(name, plots):
    words = words_of(plots[name]())
    assert words - KNOWN == set()
    assert words - MATHEMATICS


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", QUANTITIES)
def test_no_title_is_left(loss, name, plane_surface, line_of):
    plane_surface.cost, plane_surface.l2 = loss, 0.5
    figures = [plot_contour(plane_surface, quantity=name).figure]
    along = line_of(cost=loss, **{name: np.linspace(0.1, 0.9, 201)})
    figures += [plot_line(along, quantity=(name, "loss"), label="SGD").figure]
    figures += [] if QUANTITIES[name].lead else [plot_surface(plane_surface, quantity=name).figure]
    for figure in figures:
        assert words_of(figure) - KNOWN == set()


@pytest.mark.parametrize(
    "points",
    [
        [(1, 2), (1, 2)],
        [(0, 0), (40, 2)],
        [(40, 2), (0, 0)],
        [(0, 0), (40, 2), (1, 1)],
        [(40, 2), (1, 1), (40, 2)],
        [(40, 2), (41, 2)],
    ],
)
def test_no_note_is_left(points, surface, straight_path):
    run = straight_path(points)
    for history in run, [run, run], {"SGD": run, "Adam": run}:
        for plot in plot_contour, plot_surface:
            drawn = plot(surface, history)
            share_legend(drawn.figure)
            assert words_of(drawn.figure) - KNOWN == set()


def test_notebooks_are_in_spanish(data):
    class Model:
        def __init__(self, w, b):
            self.values = np.array([w]), np.array([b])

        def parameters(self):
            return [
                type("P", (), {"numel": lambda self: 1, "item": lambda self, v=v: float(v[0])})() for v in self.values
            ]

    lab = plot_error_surfaces(15, 13, *data)
    for w in (5.0, np.inf, 9.0):
        lab.set_para_loss(Model(w, 1.0), 0.0)
    lab.plot_ps()
    lab.final_plot()
    for figure in lab.figures.values():
        assert words_of(figure) - KNOWN == set()
    lab = plot_error_surfaces(15, 13, *data, go=False)
    lab.set_para_loss(Model(np.inf, 1.0), 0.0)
    lab.plot_ps()
    assert words_of(lab.figures["iteration"]) - KNOWN == set()
    figure = plt.figure()
    PlotStuff(*data, lambda x: x, 3)
    assert words_of(figure) - KNOWN == set()


def test_names_of_runs_stay_what_they_are(surface, history):
    """In what is returned, by which programs go."""
    assert list(plot_contour(surface, [history, history]).paths) == ["path 1", "path 2"]
    assert plot_contour(surface, history).path.get_label() == "trayectoria"


def test_all_titles_of_the_tables_are_known():
    of_losses = {row.title for row in LOSSES.values()}
    means = {title if title.startswith("mean ") else f"mean {title}" for title in of_losses}
    assert of_losses | means | {row.title for row in QUANTITIES.values()} <= set(SPANISH)
