"""What is written: escaped for TeX, and numbers."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.texmanager import TexManager

from viz import animate, plot_contour, plot_data, plot_starts
from viz.words import coordinate, percent, shown

FOR_TEX = re.compile(r"\$[^$]*\$|\\[%&#_{}$]|\\[a-z]+\{\}")


@pytest.fixture
def tex(monkeypatch):
    """What TeX is given, without there being one."""
    given = []

    def size(cls, text, fontsize, renderer=None):
        given.append(text)
        return 40.0, 10.0, 2.0

    monkeypatch.setattr(TexManager, "get_text_width_height_descent", classmethod(size))
    monkeypatch.setattr(RendererAgg, "draw_tex", lambda self, gc, x, y, text, *more, **settings: given.append(text))
    with plt.rc_context({"text.usetex": True}):
        yield given


def test_tex_is_given_nothing_that_it_takes_for_a_command(plots, tex):
    for draw in plots.values():
        draw().canvas.draw()
    said = " ".join(tex)
    assert r"12.5 \% of the path's variance" in said
    assert r"first (60 \% of variance)" in said
    assert r"accuracy 1 from 100 \% of the starts" in said
    assert r"50 \%" in tex
    commands = re.compile(r"[%&#_{}^~<>|²\\$]")
    assert {text for text in tex if commands.search(FOR_TEX.sub("", text))} <= {r"\ "}  # matplotlib's own


def test_names_of_users_are_escaped(plane_surface, study_of, tex):
    plane_surface.plane.labels, plane_surface.l2 = ("w_1 & w_2", "100 % #1 ~ {x} ^ $"), 0.5
    plot_contour(plane_surface, quantity="gradient").figure.canvas.draw()
    plot_starts(study_of(50), marks={"a_b": (0, 0)}).figure.canvas.draw()
    assert r"w\_1 \& w\_2" in tex
    assert r"100 \% \#1 \textasciitilde{} \{x\} \textasciicircum{} \$" in tex
    assert r"start a\_b" in tex
    assert r"mean cross-entropy + 0.5/2 $|$w$|$$^2$ (nats)" in tex


@pytest.mark.parametrize("text", ["12 %", "a_b", "$10^9$ & |w|²", r"\alpha", "<$x_1$>", "5 $"])
def test_without_tex_words_stay(text):
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("12 % of $x_1^2$ & more", r"12 \% of $x_1^2$ \& more"),
        ("5 $", r"5 \$"),
        ("> 99.9 %", r"$>$ 99.9 \%"),
        (r"\alpha", r"$\backslash$alpha"),
    ],
)
def test_formulas_stay_in_tex(text, escaped):
    with plt.rc_context({"text.usetex": True}):
        assert shown(text) == escaped


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.0, "0"), (0.0, "0"), (-3e-17, "0"), (2e-9, "0"), (1e-6, "1e-06"), (-1.23456, "-1.23"), (400, "400")],
)
def test_coordinates_that_are_rounding_are_0(value, text):
    assert coordinate(value, np.array([-3.0, 2.0])) == text


def test_percent():
    assert [percent(share) for share in (0, 0.5, 1 / 3, 1)] == ["0 %", "50 %", "33.3333 %", "100 %"]


def test_there_is_no_minus_0(data, surface, straight_path):
    assert "boundary x = 0" in [text.get_text() for text in plot_data(data, 5.0, 0.0).legend.get_texts()]
    run = animate(straight_path([(1, 2), (-0.001, -0.0)]), surface, data)
    run.draw(1)
    assert run.figure.get_suptitle() == "step 1 of 1: w = 0.00, b = 0.00"
