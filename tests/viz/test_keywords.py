"""Keywords of users: they win over ours, whatever they are called, and nothing is drawn that isn't wanted."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import BoundaryNorm, LogNorm, Normalize, to_rgba

from viz import animate, plot_contour, plot_data, plot_epochs, plot_line, plot_rates, plot_starts, plot_surface


@pytest.fixture
def draws(surface, history, data, plane_surface, line_of, study_of, rates_of):
    """{name: draws a plot of that kind with keywords}"""
    return {
        "contour": lambda **style: plot_contour(surface, history, **style),
        "cells": lambda **style: plot_contour(plane_surface, quantity="accuracy", **style),
        "surface": lambda **style: plot_surface(surface, history, **style),
        "data": lambda **style: plot_data(data, 5, 1, **style),
        "epochs": lambda **style: plot_epochs(history, data, **style),
        "starts": lambda **style: plot_starts(study_of(200), marks={"a": (1, 0)}, **style),
        "rates": lambda **style: plot_rates(rates_of(), **style),
        "line": lambda **style: plot_line(line_of(), label="a", **style),
    }


@pytest.mark.parametrize("name", ["contour", "cells", "surface", "data", "epochs", "starts", "rates", "line"])
def test_there_is_a_legend_a_bar_and_a_title_if_wanted(name, draws):
    bar = {} if name in ("data", "line") else {"colorbar": False}
    plain, bare = draws[name](title="100 % of a title"), draws[name](legend=False, **bar)
    assert plain.legend is not None
    assert bare.legend is None
    if bar:
        assert plain.colorbar is not None
        assert bare.colorbar is None
    title = plain.figure.get_suptitle() if name in ("starts", "rates") else plain.ax.get_title()
    assert title == "100 % of a title"
    plain.figure.canvas.draw()
    bare.figure.canvas.draw()


@pytest.mark.parametrize(
    "keywords", [{"lw": 5, "c": "lime", "ls": ":"}, {"linewidth": 5, "color": "lime", "linestyle": ":"}]
)
def test_the_look_of_paths(keywords, draws):
    contour, surface, data, line = (
        draws["contour"](path_kw=keywords).path,
        draws["surface"](path_kw=keywords).path,
        draws["data"](line_kw=keywords).line,
        draws["line"](line_kw=keywords).line,
    )
    for drawn in contour, surface, data, line:
        assert (drawn.get_linewidth(), drawn.get_color(), drawn.get_linestyle()) == (5, "lime", ":")


def test_ends_and_arrows_have_the_colour_of_their_path(draws):
    plot = draws["contour"](path_kw={"color": "lime"})
    assert plot.end.get_color() == "lime"
    np.testing.assert_allclose(plot.arrows.get_facecolor()[0], to_rgba("lime"))


def test_the_look_of_points(draws):
    for plot in draws["data"](points_kw={"ms": 3}), draws["epochs"](points_kw={"markersize": 3}):
        assert plot.class_0.get_markersize() == plot.class_1.get_markersize() == 3
    assert draws["line"](marks_kw={"ms": 3}).marks["model a"].get_markersize() == 3
    assert draws["starts"](marks_kw={"ms": 3}).marks["bce"][0].get_markersize() == 3
    np.testing.assert_array_equal(draws["epochs"](line_kw={"lw": 4}).curves.get_linewidths(), 4)


@pytest.mark.parametrize("cmap", ["magma", colormaps["cividis"]])
def test_colours(cmap, draws):
    name = getattr(cmap, "name", cmap)
    assert draws["contour"](cmap=cmap).contours.get_cmap().name == name
    assert draws["cells"](cmap=cmap).contours.get_cmap().name == name
    assert draws["surface"](cmap=cmap).surface.get_cmap().name == name
    assert draws["epochs"](cmap=cmap).curves.get_cmap().name == name
    assert draws["rates"](cmap=cmap).maps["mse"].get_cmap().name == name
    assert draws["starts"](cmap=cmap).colorbar.cmap.name == name
    assert draws["contour"](cmap="magma", contour_kw={"cmap": cmap}).contours.get_cmap().name == name


@pytest.mark.parametrize("number", [2, 7, np.int64(40)])
def test_a_number_of_levels(number, surface, draws):
    levels = draws["contour"](levels=number).contours.levels
    np.testing.assert_allclose(levels, np.geomspace(surface.Z.min(), surface.Z.max(), number))
    cells = draws["cells"](levels=number).contours
    assert isinstance(cells.norm, BoundaryNorm)
    assert len(cells.norm.boundaries) == number


@pytest.mark.parametrize("levels", [[0.1, 1, 2], np.array([1, 5]), (0.0, 0.5, 30.0), [-1.0, 0.0, 3.0]], ids=str)
def test_levels_by_their_values(levels, surface, draws):
    plot = draws["contour"](levels=levels)
    np.testing.assert_array_equal(plot.contours.levels, levels)
    assert isinstance(plot.contours.norm, LogNorm) == (levels[0] > 0)
    below, above = surface.Z.min() < levels[0], surface.Z.max() > levels[-1]
    assert plot.contours.extend == ["neither", "max", "min", "both"][2 * below + above]
    plot.figure.canvas.draw()


@pytest.mark.parametrize(
    "levels", [1, 0, -3, True, 2.5, "many", [1.0], [2.0, 1.0], [1.0, 1.0], [[1.0, 2.0]], np.nan], ids=str
)
def test_other_levels_are_refused(levels, surface):
    with pytest.raises((ValueError, TypeError), match=r"levels (is|has) .*; accepted: (how many|real numbers)"):
        plot_contour(surface, levels=levels)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("norm", [Normalize(0, 5), LogNorm(0.1, 5)])
def test_norms(norm, draws):
    for name, artist in (("contour", "contours"), ("cells", "contours"), ("surface", "surface"), ("epochs", "curves")):
        plot = draws[name](norm=norm)
        assert getattr(plot, artist).norm is norm
        plot.figure.canvas.draw()


def test_levels_are_even_where_colours_are(draws):
    levels = draws["contour"](norm="linear", levels=5).contours.levels
    np.testing.assert_allclose(np.diff(levels), np.diff(levels)[0])


def test_what_matplotlib_does_not_know_it_refuses(draws):
    with pytest.raises(AttributeError, match="wrong"):
        draws["contour"](path_kw={"wrong": 1})


def test_heights_may_be_logarithms(surface, history):
    plot = plot_surface(surface, history, z="log")
    *_, heights = plot.path.get_data_3d()
    np.testing.assert_allclose(heights, np.log10([history.start_loss, *history.full_loss()]))
    low, high = np.log10([surface.Z.min(), surface.Z.max()])
    assert plot.ax.get_zlim()[0] <= low < high <= plot.ax.get_zlim()[1]
    norm = plot.surface.norm
    np.testing.assert_allclose([norm.vmin, norm.vmax], [surface.Z.min(), surface.Z.max()])
    assert surface.Z.min() < plot.surface.get_array().min() < plot.surface.get_array().max() < surface.Z.max()
    plot.figure.canvas.draw()
    assert [text.get_text() for text in plot.ax.get_zticklabels()][:4] == ["0.1", "0.2", "0.5", "1"]
    assert plot.ax.get_zlabel() == "log scale"  # of what the colour bar says
    wireframe = plot_surface(surface, wireframe=True, z="log").ax
    assert wireframe.get_zlabel().replace("\n", " ") == "mean cross-entropy (nats), log scale"


def test_ticks_of_logarithms_are_powers_where_all_of_them_are(surface):
    """Of several decades, that is."""
    steep = SimpleNamespace(**vars(surface) | {"Z": surface.Z**4})
    ticks = [text.get_text() for text in plot_surface(steep, z="log").ax.get_zticklabels()]
    assert len(ticks) >= 3
    assert all(tick.startswith("$10^") for tick in ticks)


@pytest.mark.parametrize("wireframe", [False, True])
def test_logarithms_of_zeros_stop_at_the_lowest_level(wireframe, surface, straight_path):
    Z = surface.Z.copy()
    Z[:40] = 0.0
    run = straight_path([(0, 0), (1, 1)])
    run.full_loss = lambda: np.zeros(1)
    low = max(surface.Z[40:].min(), 1e-9 * Z.max())
    plot = plot_surface(SimpleNamespace(**vars(surface) | {"Z": Z}), run, z="log", wireframe=wireframe)
    np.testing.assert_allclose(plot.path.get_data_3d()[2], [0, np.log10(low)])
    plot.figure.canvas.draw()


def test_a_surface_on_the_same_axes_may_be_linear_again(surface):
    ax = plot_surface(surface, z="log").ax
    plot_surface(surface, ax=ax)
    ax.figure.canvas.draw()
    assert ax.get_zlim()[1] >= surface.Z.max()
    assert not any("$" in text.get_text() for text in ax.get_zticklabels())


def test_other_heights_are_refused(surface, plane_surface):
    with pytest.raises(ValueError, match="z is 'cubic'; accepted: 'linear', 'log'"):
        plot_surface(surface, z="cubic")
    with pytest.raises(ValueError, match="z is 'log' and what is drawn the accuracy; accepted: 'linear', as it"):
        plot_surface(plane_surface, quantity="accuracy", z="log")
    assert plt.get_fignums() == []


def test_sharpness_is_noted(plane_surface):
    plane_surface.sharpness = None
    assert plot_contour(plane_surface).note is None
    plane_surface.sharpness = SimpleNamespace(largest=1.2345, trace=np.float64(3.4))
    for plot in plot_contour(plane_surface), plot_surface(plane_surface):
        assert plot.note.get_text() == "sharpness at the centre: largest eigenvalue 1.23, trace 3.4"
    plane_surface.sharpness = 3.0
    with pytest.raises(TypeError, match=r"surface\.sharpness is a float without largest, trace; accepted: what"):
        plot_contour(plane_surface)


def test_names_that_are_too_long_for_a_slanted_side_are_noted(plane_surface):
    plane_surface.plane.labels = ("change of w[mean concave points (area)] from -0.123", "second")
    with plt.rc_context({"figure.figsize": (3.3, 2.6), "font.size": 8}):
        plot = plot_surface(plane_surface)
    assert (plot.ax.get_xlabel(), plot.ax.get_ylabel()) == ("s", "t")
    assert plot.note.get_text() == "s: change of w[mean concave points (area)] from -0.123\nt: second"


def test_films_take_keywords_of_both_sides(history, surface, data):
    run = animate(history, surface, data, cmap="magma", colorbar=False, line_kw={"lw": 4}, points_kw={"ms": 3})
    assert run.contour.contours.get_cmap().name == "magma"
    assert run.contour.colorbar is None
    assert run.data.line.get_linewidth() == 4
    assert run.data.class_1.get_markersize() == 3
    assert [text.get_text() for text in run.data.legend.get_texts()][-1] == "boundary"
