"""What users do to a figure after a plot: layouts, subfigures, saving, drawing again."""

import weakref

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.transforms import Bbox

from viz import plot_contour, plot_data, plot_epochs, plot_line, plot_surface


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba()).copy()


def all_in(figure):
    """Whether everything is in the picture."""
    box = figure.get_tightbbox(figure.canvas.get_renderer())
    width, height = figure.get_size_inches()
    return box.x0 >= -0.01 and box.y0 >= -0.01 and box.x1 <= width + 0.01 and box.y1 <= height + 0.01


@pytest.mark.parametrize(
    "name", ["contour", "epochs", "starts", "rates", "film", "wireframe", "data", "accuracy", "several", "log", "lines"]
)
def test_tight_layout_works_after_every_plot(plots, name):
    figure = plots[name]()
    plt.tight_layout()
    figure.canvas.draw()
    assert all_in(figure)


@pytest.mark.parametrize("engine", ["constrained", "compressed", "tight", "none", None])
@pytest.mark.parametrize("name", ["contour", "starts", "rates", "film"])
def test_any_layout_engine_can_be_set(plots, name, engine):
    figure = plots[name]()
    figure.set_layout_engine(engine)
    figure.canvas.draw()


@pytest.mark.parametrize("name", ["contour", "epochs"])
def test_subplots_adjust_holds(plots, name):
    figure = plots[name]()
    figure.canvas.draw()
    plt.subplots_adjust(left=0.3, top=0.7)
    figure.canvas.draw()
    box = figure.axes[0].get_position()
    np.testing.assert_allclose([box.x0, box.y1], [0.3, 0.7])
    assert all_in(figure)


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
def test_tight_layout_works_on_given_axes(layout, surface, history, data):
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout=layout)
    plot_contour(surface, history, ax=left)
    plot_epochs(history, data, ax=right)
    if layout != "constrained":  # of which matplotlib says that it isn't any more
        figure.tight_layout()
    figure.canvas.draw()
    assert all_in(figure)


@pytest.mark.parametrize("box", ["tight", None])
def test_saved_with_bbox_tight_it_is_whole(box, plots, tmp_path):
    with plt.rc_context({"savefig.bbox": box}):
        for name in ("contour", "starts", "epochs"):
            figure = plots[name]()
            figure.savefig(tmp_path / "plot.png", dpi=40)
            figure.savefig(tmp_path / "plot.pdf")
    width, height = plt.imread(tmp_path / "plot.png").shape[1::-1]
    assert abs(width / 40 - 6.4) < 0.3
    assert abs(height / 40 - 4.8) < 0.3


def test_the_figure_of_a_plot_in_a_subfigure_can_be_saved(surface, history, data, tmp_path):
    figure = plt.figure(figsize=(12, 8))
    outer = figure.subfigures(1, 2)
    flat, solid = outer[0].subfigures(2, 1)
    for plot in (
        plot_contour(surface, history, ax=flat.subplots()),
        plot_surface(surface, history, ax=solid.add_subplot(projection="3d")),
        plot_data(data, 1, 2, ax=outer[1].add_subplot(211)),
        plot_epochs(history, data, ax=outer[1].add_subplot(212)),
    ):
        assert plot.figure is figure
        plot.figure.savefig(tmp_path / "figure.png", dpi=30)


DRAW = {
    "contour": lambda ax, case: plot_contour(case["surface"], case["history"], window=((-9, 9), (-9, 9)), ax=ax),
    "gradient": lambda ax, case: plot_contour(case["plane"], quantity="gradient", ax=ax),
    "accuracy": lambda ax, case: plot_contour(case["plane"], quantity="accuracy", ax=ax),
    "epochs": lambda ax, case: plot_epochs(case["history"], case["data"], ax=ax),
    "data": lambda ax, case: plot_data(case["data"], 5, 1, ax=ax),
    "surface": lambda ax, case: plot_surface(case["surface"], case["history"], ax=ax),
    "line": lambda ax, case: plot_line(case["line"], quantity=("loss", "accuracy"), ax=ax),
}


@pytest.fixture
def case(surface, history, data, plane_surface, line_of):
    return {"surface": surface, "history": history, "data": data, "plane": plane_surface, "line": line_of()}


def new_axes(name, layout):
    return plt.figure(layout=layout).add_subplot(projection="3d" if name == "surface" else None)


@pytest.mark.parametrize("layout", [None, "constrained"])
@pytest.mark.parametrize("cleared", [False, True], ids=["again", "after clear"])
@pytest.mark.parametrize("name", DRAW)
def test_drawn_again_it_looks_as_drawn_once(name, cleared, layout, case):
    once, again = new_axes(name, layout), new_axes(name, layout)
    DRAW[name](once, case)
    for _ in range(3):
        if cleared:
            again.clear()
        DRAW[name](again, case)
    assert len(again.get_children()) == len(once.get_children())
    np.testing.assert_array_equal(pixels(again.figure), pixels(once.figure))
    np.testing.assert_array_equal(again.get_position(), once.get_position())


def test_another_quantity_takes_the_place_of_the_first(case):
    ax, once = new_axes("", None), new_axes("", None)
    for name in "gradient", "accuracy", "contour":
        DRAW[name](ax, case)
    DRAW["contour"](once, case)
    np.testing.assert_array_equal(pixels(ax.figure), pixels(once.figure))


def test_what_others_drew_stays(case):
    ax = new_axes("", None)
    (own,) = ax.plot([0, 1], [0, 1], label="own")
    first = DRAW["data"](ax, case)
    first.boundary.remove()
    second = DRAW["data"](ax, case)
    assert own in ax.lines
    assert first.line not in ax.lines
    assert second.line in ax.lines
    plot_epochs(case["history"], case["data"], ax=ax)
    assert second.line in ax.lines


def test_axes_without_a_subplot_keep_to_their_place(case):
    """With what is beside and under them, but for the labels of their sides."""
    ax = plt.figure().add_axes((0.1, 0.2, 0.6, 0.7))
    for _ in range(3):
        DRAW["contour"](ax, case)
        ax.figure.canvas.draw()
    box, around = ax.get_position(), ax.get_tightbbox().transformed(ax.figure.transFigure.inverted())
    np.testing.assert_allclose([box.x0, box.y1, around.x1], [0.1, 0.9, 0.7], atol=1e-3)
    label = ax.xaxis.get_tightbbox().transformed(ax.figure.transFigure.inverted())
    assert label.y0 - around.y0 == pytest.approx(box.y0 - 0.2, abs=2e-3)


def test_locators_of_others_stay(case):
    ax = new_axes("", None)
    place = Bbox.from_extents(0.2, 0.3, 0.6, 0.8)
    ax.set_axes_locator(lambda ax, renderer: place)
    DRAW["contour"](ax, case)
    ax.figure.canvas.draw()
    np.testing.assert_array_equal(ax.get_position().extents, place.extents)


@pytest.mark.parametrize("name", ["contour", "several", "data", "log", "lines", "film"])
def test_tight_layout_works_on_what_was_drawn(plots, name):
    """By constrained layout, that is, which leaves Axes where their parameters don't say."""
    figure = plots[name]()
    figure.canvas.draw()
    figure.tight_layout()
    figure.canvas.draw()
    assert all_in(figure)


def test_axes_are_not_kept_alive(case):
    ax = new_axes("", None)
    DRAW["contour"](ax, case)
    gone = weakref.ref(ax)
    plt.close("all")
    del ax
    import gc

    gc.collect()
    assert gone() is None
