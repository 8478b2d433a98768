"""Several runs on a surface: their names, what is drawn of each, and what stays on an Axes."""

from itertools import pairwise
from types import SimpleNamespace
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from logreg import LossSurface
from viz import plot_contour, plot_surface
from viz.colors import contrast
from viz.paths import LOOKS, look_of

BOTH = pytest.mark.parametrize("plot", [plot_surface, plot_contour])


def labels(plot):
    return [text.get_text() for text in plot.legend.get_texts()]


def projected(s, t, distance=0.0, outside=0.0):
    s, t = np.asarray(s, float), np.asarray(t, float)
    return SimpleNamespace(s=s, t=t, distance=np.broadcast_to(distance, s.shape), outside=outside)


@pytest.fixture
def runs(straight_path):
    """Two runs that stay in the window, and a third that leaves it."""
    return [
        straight_path([(-10, 10), (-5, 0), (2, 1)]),
        straight_path([(12, -10), (5, 0), (3, 3)]),
        straight_path([(0, 12), (14, 5), (40, -4)]),
    ]


@BOTH
@pytest.mark.parametrize("kind", [list, tuple])
def test_runs_in_turn_are_numbered(surface, runs, plot, kind):
    drawn = plot(surface, kind(runs))
    assert list(drawn.paths) == ["path 1", "path 2", "path 3"]
    assert labels(drawn)[:4] == ["path 1", "path 2", "path 3", "start"]


@BOTH
def test_runs_by_name_are_where_they_went(surface, runs, plot):
    drawn = plot(surface, dict(zip(("SGD", "Adam", 3), runs, strict=True)))
    assert list(drawn.paths) == ["SGD", "Adam", "3"]
    for parts, run in zip(drawn.paths.values(), runs, strict=True):
        w, b = np.append(run.start_w, run.w), np.append(run.start_b, run.b)
        inside = np.abs(w) <= 15
        data = parts.line.get_data_3d() if plot is plot_surface else parts.line.get_data()
        np.testing.assert_array_equal(np.array(data)[:2, inside], [w[inside], b[inside]])
        assert (parts.end is not None) == inside[-1]
        assert (parts.arrows is None) == (plot is plot_surface)
    assert drawn.path is drawn.start is drawn.end is None
    assert drawn.note.get_text() == "3 leaves the window and ends at w = 40, b = -4"


def test_one_run_is_as_it_was(surface, runs):
    plot = plot_contour(surface, {"SGD": runs[0]})
    assert labels(plot)[:3] == ["SGD", "start", "end"]
    assert (plot.path, plot.arrows, plot.start, plot.end) == plot.paths["SGD"]
    assert list(plot_contour(surface, runs[0]).paths) == ["path"]
    assert plot_contour(surface).paths == {}


def test_looks_differ_without_colours():
    """From the next one by luminance, and all by dashes and markers."""
    colors = [np.array(to_rgb(look.color)) for look in LOOKS]
    assert min(contrast(one, other) for one, other in pairwise(colors)) >= 1.3
    assert min(contrast(color, np.ones(3)) for color in colors) >= 3  # of the halo
    assert len({look.dashes for look in LOOKS}) == len({look.marker for look in LOOKS}) == len(LOOKS)


def test_runs_have_looks_of_their_own(surface, straight_path):
    runs = [straight_path([(-10, b), (10, b)]) for b in np.linspace(-11, 11, 8)]
    paths = plot_contour(surface, runs).paths.values()
    assert [parts.line.get_color() for parts in paths][: len(LOOKS)] == [look.color for look in LOOKS]
    for parts in paths:
        assert parts.end.get_color() == parts.line.get_color()
        assert contrast(to_rgb(parts.end.get_markeredgecolor()), to_rgb(parts.end.get_color())) >= 4.5
        np.testing.assert_allclose(parts.arrows.get_facecolor()[0, :3], to_rgb(parts.line.get_color()))


def test_ends_are_shown_with_their_lines_in_the_legend(surface, runs):
    plot = plot_contour(surface, runs[:2])
    handles = plot.legend.legend_handles
    assert len(handles) == len(labels(plot))
    plot.figure.canvas.draw()
    drawn = {artist.get_marker() for artist in plot.legend.findobj(lambda one: hasattr(one, "get_marker"))}
    assert {"s", "D", "o"} <= drawn


def test_names_come_together_on_one_axes(surface, runs):
    _, ax = plt.subplots()
    plot_contour(surface, {"SGD": runs[0]}, ax=ax)
    both = plot_contour(surface, {"Adam": runs[1]}, ax=ax)
    assert list(both.paths) == ["SGD", "Adam"]
    assert labels(both)[:2] == ["SGD", "Adam"]
    again = plot_contour(surface, {"SGD": runs[1]}, ax=ax)
    assert list(again.paths) == ["SGD", "Adam"]
    np.testing.assert_array_equal(again.paths["SGD"].line.get_xydata(), again.paths["Adam"].line.get_xydata())
    assert list(plot_contour(surface, runs[0], ax=ax).paths) == ["SGD", "Adam", "path"]
    assert list(plot_contour(surface, runs[1], ax=ax).paths) == ["SGD", "Adam", "path"]
    assert len([line for line in ax.lines if line.get_label() == "path"]) == 1
    assert plot_contour(surface, ax=ax).paths == {}
    assert list(plot_contour(surface, {"Adam": runs[1]}, ax=ax).paths) == ["Adam"]


@pytest.mark.parametrize("what", ["another surface", "cleared", "another Axes"])
def test_names_of_other_drawings_do_not_come(what, surface_of, surface, runs):
    _, (ax, beside) = plt.subplots(1, 2)
    plot_contour(surface, {"SGD": runs[0]}, ax=ax)
    if what == "cleared":
        ax.clear()
    onto = beside if what == "another Axes" else ax
    plot = plot_contour(surface_of("mse") if what == "another surface" else surface, {"Adam": runs[1]}, ax=onto)
    assert list(plot.paths) == ["Adam"]


def test_names_come_together_in_three_dimensions(surface, runs):
    ax = plot_surface(surface, {"SGD": runs[0]}).ax
    assert list(plot_surface(surface, {"Adam": runs[1]}, ax=ax).paths) == ["SGD", "Adam"]


def test_what_can_be_projected_is_a_run(plane_surface):
    plane_surface.project = lambda model: projected([model[0]], [model[1]], 0.5)
    for model in [0.5, 1.0], (0.5, 1.0), np.array([0.5, 1.0]), torch.tensor([0.5, 1.0]), [torch.tensor(0.5), 1.0]:
        plot = plot_contour(plane_surface, model)
        ((name, parts),) = plot.paths.items()
        assert name == "model"
        assert parts.line is parts.arrows is parts.start is None
        np.testing.assert_array_equal(parts.end.get_xydata(), [[0.5, 1.0]])
        assert labels(plot) == ["model", "trained model", "lowest on this grid"]
        assert plot.note.get_text() == "the model is 0.5 away from the plane"
    plot = plot_contour(plane_surface, {"a": [0.5, 1.0], "far": [9.0, 0.0]})
    assert labels(plot)[0] == "a"
    assert plot.paths["far"].end is None
    assert plot.note.get_text().splitlines()[1:] == [
        "far is 0.5 away from the plane",
        "far is outside the window, at s = 9, t = 0",
    ]


def test_models_in_turn_are_numbered(plane_surface):
    plane_surface.project = lambda model: projected([model.at], [0])
    models = [SimpleNamespace(at=0.5), SimpleNamespace(at=1.5)]
    assert list(plot_contour(plane_surface, models).paths) == ["model 1", "model 2"]


def test_a_surface_of_weight_and_bias_may_project(surface):
    surface.project = lambda model: projected([3.0, model.w], [2.0, 1.0])
    plot = plot_contour(surface, SimpleNamespace(w=7.0))
    np.testing.assert_array_equal(plot.path.get_xydata(), [[3, 2], [7, 1]])
    assert plot.note is None


def test_heights_are_those_of_the_points(surface, runs):
    surface.project = lambda run: projected([3.0, 7.0, 5.0], [2.0, 1.0, 0.0])
    np.testing.assert_array_equal(plot_surface(surface, runs[0]).path.get_data_3d(), [[3, 7, 5], [2, 1, 0], [1, 1, 1]])
    with pytest.raises(
        TypeError, match="history is a ndarray without b, start_loss, full_loss; accepted: what has b, "
    ):
        plot_surface(surface, np.ones(2))
    runs[0].b, runs[0].full_loss = np.ones(5), lambda: np.ones(5)
    with pytest.raises(ValueError, match="history has 6 losses; accepted: 3, one for each of its points"):
        plot_surface(surface, runs[0])


def test_named_tuples_are_runs(surface, runs):
    class Recorded(NamedTuple):
        w: np.ndarray
        b: np.ndarray
        start_w: np.ndarray
        start_b: float
        start_loss: float = 1.0

        def full_loss(self):
            return np.ones(len(self.b))

    run = Recorded(runs[0].w, runs[0].b, runs[0].start_w, runs[0].start_b)
    assert list(plot_contour(surface, run).paths) == ["path"]


def test_each_run_says_how_much_of_it_is_outside_the_plane(plane_surface):
    runs = {"SGD": projected([-2, 0], [3, 0], 0.5, 0.03), "Adam": projected([1, 0], [3, 1])}
    note = plot_contour(plane_surface, runs).note.get_text()
    assert note == "SGD: 3 % of the path's variance is outside the plane"


@BOTH
@pytest.mark.parametrize("none", [{}, [], ()], ids=str)
def test_no_runs_are_refused(surface, plot, none):
    with pytest.raises(ValueError, match="accepted: None, a run, or several by name or in turn"):
        plot(surface, none)
    assert plt.get_fignums() == []


@BOTH
def test_the_run_that_is_wrong_is_named(surface, runs, plot):
    wrong = SimpleNamespace(**vars(runs[1]) | {"b": np.ones(7)})
    with pytest.raises(ValueError, match=r"history\['Adam'\]\.b has shape \(7,\); accepted: \(steps,\) = \(2,\)"):
        plot(surface, {"SGD": runs[0], "Adam": wrong})
    with pytest.raises(TypeError, match=r"history\[1\] is a NoneType without w, b, "):
        plot(surface, [runs[0], None])
    assert plt.get_fignums() == []


def test_the_star_is_not_drawn_over_a_mark(plane_surface):
    s, t = plane_surface.s, plane_surface.t
    row, column = np.unravel_index(plane_surface.loss.argmin(), plane_surface.loss.shape)
    moved = SimpleNamespace(**vars(plane_surface) | {"s": s - s[column] + 0.01, "t": t - t[row]})
    plot = plot_contour(moved)
    assert labels(plot) == ["trained model"]
    assert plot.note.get_text() == "the trained model is at the lowest point on this grid"
    assert plot.minimum is None
    plot = plot_contour(moved, projected([-2, 0], [1, 0]))
    assert labels(plot) == ["path", "start", "end"]
    assert plot.note.get_text() == "the end is at the lowest point on this grid"
    plot = plot_contour(moved, projected([0, 1], [0, 2]))
    assert plot.note.get_text() == "the start is at the lowest point on this grid"
    apart = SimpleNamespace(**vars(plane_surface) | {"s": s - s[column] + 0.5, "t": t - t[row]})
    assert labels(plot_contour(apart)) == ["trained model", "lowest on this grid"]


@pytest.mark.parametrize(("w", "inside"), [((-15, 15), False), ((-15, 40), False), ((-5, 2), False)])
def test_a_minimum_at_the_edge_is_said(surface_of, w, inside):
    """The lab's data are separable: there is no other."""
    assert labels(plot_contour(surface_of(w=w))) == ["lowest on this grid: at its edge, not inside"]


# Drawn again


def test_looks_of_many_runs_are_all_different():
    looks = {look_of(k) for k in range(30)}
    assert len(looks) == 30
    assert [look_of(k) for k in range(6)] == list(LOOKS)


def test_keywords_are_of_the_runs_that_they_came_with(surface, runs):
    ax = plot_contour(surface, {"SGD": runs[0]}, path_kw={"color": "red"}).ax
    plot = plot_contour(surface, {"Adam": runs[1]}, path_kw={"color": "blue", "linewidth": 4}, ax=ax)
    assert [parts.line.get_color() for parts in plot.paths.values()] == ["red", "blue"]
    assert plot.paths["SGD"].line.get_linewidth() < 4


@BOTH
def test_an_error_leaves_nothing(plot, surface, runs):
    figures = plt.get_fignums()
    with pytest.raises(AttributeError, match="nope"):
        plot(surface, runs[0], path_kw={"nope": 1})
    assert plt.get_fignums() == figures
    ax = plot(surface).ax
    there = len(ax.get_children())
    with pytest.raises(AttributeError, match="nope"):
        plot(surface, {"Adam": runs[1]}, path_kw={"nope": 1}, ax=ax)
    assert list(plot(surface, {"SGD": runs[0]}, ax=ax).paths) == ["SGD"]
    plot(surface, ax=ax)
    assert len(ax.get_children()) == there


def test_what_is_between_models_is_no_model():
    surface = LossSurface.around({"a": np.zeros(3), "b": np.ones(3)}, (np.eye(2), [0, 1]), resolution=5)
    assert plot_contour(surface).center.get_label() == "center"
    one = LossSurface.around(np.ones(3), (np.eye(2), [0, 1]), resolution=5)
    assert plot_contour(one).center.get_label().startswith("trained model")


def test_an_end_at_the_lowest_point_says_so_beside_its_name(surface, straight_path):
    lowest = tuple(surface.minimum)[:2]
    runs = {"SGD": straight_path([(0, 0), (1, 1)]), "Adam": straight_path([(0, 0), lowest])}
    plot = plot_contour(surface, runs)
    assert plot.minimum is None
    assert labels(plot) == ["SGD", "Adam", "start"]
    text = plot.note.get_text().replace("\n", " ")
    assert text == "the end of Adam is at the lowest point on this grid, which is at its edge"


@BOTH
@pytest.mark.parametrize(
    ("points", "note"),
    [
        ([(1, 2), (1, 2)], "the end covers the start"),
        ([(1, 2), (9, 2), (1.1, 2)], "the end covers the start"),
        ([(1, 2), (9, 2), (2.5, 2)], None),
        ([(40, 2), (40, 2)], "the path starts and ends outside the window, at w = 40, b = 2 and at w = 40, b = 2, "),
    ],
)
def test_a_mark_that_hides_another_is_told(plot, surface, straight_path, points, note):
    drawn = plot(surface, straight_path(points))
    assert (drawn.note is None) == (note is None)
    if note is not None:
        assert drawn.note.get_text().replace("\n", " ").startswith(note)


def test_of_several_runs_those_whose_marks_are_hidden_are_named(surface, straight_path):
    """One start of all needs no words."""
    ends = {"SGD": (8, 1), "Adam": (8, 1), "lbfgs": (-5, 8)}
    plot = plot_contour(surface, {name: straight_path([(0, 0), end]) for name, end in ends.items()})
    assert plot.note.get_text() == "the end of Adam covers the end of SGD"


def test_a_model_over_the_center_is_told(plane_surface):
    plane_surface.project = lambda model: projected([0.0], [0.0])
    assert "warm covers the trained model" in plot_contour(plane_surface, {"warm": [0, 0]}).note.get_text()
