"""At the size of a column of a paper, of a page and of a slide nothing covers anything, whatever makes room."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tests.viz.boxes import axes_of, out_of_picture, over_axes, overlapping
from viz import plot_contour, plot_data, plot_epochs, plot_line
from viz.layout import cell_of, fit, length_of, scale_of

SIZES = {"column": ((3.3, 2.6), 8), "page": ((6.4, 4.8), 10), "slide": ((12, 8), 14)}
PLOTS = (
    "contour",
    "several",
    "gradient",
    "accuracy",
    "hessian",
    "surface",
    "wireframe",
    "named",
    "log",
    "data",
    "epochs",
    "starts",
    "rates",
    "line",
    "lines",
    "film",
)


@pytest.fixture(params=SIZES)
def size(request):
    figsize, letters = SIZES[request.param]
    with plt.rc_context({"figure.figsize": figsize, "font.size": letters}):
        yield request.param


@pytest.mark.parametrize("name", PLOTS)
def test_nothing_covers_anything(name, size, plots):
    figure = plots[name]()
    figure.canvas.draw()
    assert overlapping(figure) == []
    assert out_of_picture(figure) == []
    assert over_axes(figure) == []
    widest = max((ax.bbox for ax in axes_of(figure)), key=lambda box: box.width * box.height)
    columns = 2 if name in ("film", "starts", "rates") else 1
    share = widest.width * widest.height / (figure.bbox.width * figure.bbox.height) * columns
    assert share > (0.14 if size == "column" else 0.3)


DRAW = {
    "contour": lambda ax, case: plot_contour(case["surface"], case["history"], ax=ax, title="a title"),
    "plane": lambda ax, case: plot_contour(case["plane"], quantity="gradient", ax=ax),
    "epochs": lambda ax, case: plot_epochs(case["history"], case["data"], ax=ax),
    "data": lambda ax, case: plot_data(case["data"], 5, 1, ax=ax),
    "line": lambda ax, case: plot_line(case["line"], quantity=("loss", "accuracy"), ax=ax),
}


@pytest.mark.parametrize("engine", [None, "tight", "constrained", "compressed"])
@pytest.mark.parametrize("name", DRAW)
def test_nothing_covers_anything_on_given_axes(name, engine, size, surface, history, data, plane_surface, line_of):
    case = {"surface": surface, "history": history, "data": data, "plane": plane_surface, "line": line_of()}
    figure, ax = plt.subplots(layout=engine)
    DRAW[name](ax, case)
    for _ in range(2):  # a tight layout goes by what it finds
        figure.canvas.draw()
    assert overlapping(figure) == []
    assert out_of_picture(figure) == []
    assert over_axes(figure) == []


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_axes_beside_each_other_keep_to_their_own(layout, surface, history, data, line_of):
    figure, axes = plt.subplots(2, 2, figsize=(12.8, 9.6), layout=layout)
    plot_contour(surface, history, ax=axes[0, 0])
    plot_data(data, 5, 1, ax=axes[0, 1])
    plot_epochs(history, data, ax=axes[1, 0])
    plot_line(line_of(), quantity=("loss", "accuracy"), ax=axes[1, 1])
    figure.canvas.draw()
    assert overlapping(figure) == []
    assert over_axes(figure) == []


def test_a_resized_figure_keeps_its_legend_under_the_label(surface, history):
    plot = plot_contour(surface, history)
    for size in (8, 5), (6.4, 6), (7, 4.8):
        plot.figure.set_size_inches(size)
        plot.ax.set_xlabel("a label\nof two lines")
        plot.figure.canvas.draw()
        label, legend = plot.ax.xaxis.label.get_window_extent(), plot.legend.get_window_extent()
        assert legend.y1 == pytest.approx(label.y0 - 4 / 72 * plot.figure.dpi, abs=1)
        assert overlapping(plot.figure) == []


def test_marks_and_lines_are_smaller_in_smaller_axes(surface, history):
    sizes = {}
    for inches in (12, 6.4, 4.5, 3.3, 1.5):
        with plt.rc_context({"figure.figsize": (inches, 0.75 * inches), "font.size": 3}):
            plot = plot_contour(surface, history)
            sizes[inches] = plot.start.get_markersize(), plot.path.get_linewidth(), plot.colorbar.ax.bbox.width
    for one in zip(*sizes.values(), strict=True):
        np.testing.assert_allclose(np.array(one) / one[1], [1, 1, 4.5 / 6.4, 3.3 / 6.4, 0.5], rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 3), (3, 1)])
def test_a_cell_is_its_share_of_the_figure(shape):
    figure, axes = plt.subplots(*shape, figsize=(12, 9), squeeze=False)
    for ax in axes.flat:
        np.testing.assert_allclose(cell_of(ax), (12 / shape[1], 9 / shape[0]))
    plt.close(figure)
    placed = plt.figure(figsize=(10, 10)).add_axes((0.1, 0.1, 0.4, 0.8))
    np.testing.assert_allclose(cell_of(placed), (5, 10))
    assert scale_of(placed) == pytest.approx(5 / 6.4)


@pytest.mark.parametrize(
    "text", ["", "short", "a label of several words that is long", "a_word_that_can_not_be_broken"]
)
@pytest.mark.parametrize("inches", [0.3, 1.0, 2.0, 9.0])
@pytest.mark.parametrize("turned", [0, 90])
def test_texts_are_as_long_as_there_is_room(text, inches, turned):
    label = plt.figure().text(0.5, 0.5, text, fontsize=10, rotation=turned)
    once = length_of(label)
    fit(label, inches)
    assert length_of(label) <= inches
    assert label.get_text().split() == text.split()
    assert label.get_rotation() == turned
    if once <= inches:
        assert (label.get_text(), label.get_fontsize()) == (text, 10)
