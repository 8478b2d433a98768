"""One legend for several drawings."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tests.viz.boxes import out_of_picture, over_axes, overlap, overlapping
from viz import plot_contour, plot_data, plot_line, plot_surface, share_legend

LOWEST = "lowest on this grid: at its edge, not inside"


def labels(legend):
    return [text.get_text() for text in legend.get_texts()]


def panels(shape=(2, 2), **options):
    return plt.subplots(*shape, figsize=(12, 8), squeeze=False, **{"layout": "constrained"} | options)


def test_entries_of_all_are_there_once_and_nowhere_else(surface_of, history_of):
    figure, axes = panels()
    for ax, start in zip(axes.flat, [(5, 10), (0, 0), (-15, -10), (-5, 5)], strict=True):
        plot_contour(surface_of(), history_of(*start, epochs=5), window=((-9, 9), (-9, 9)), ax=ax)
    legend = share_legend(figure)
    assert labels(legend) == ["path", "start", "end", LOWEST, "original window"]
    assert all(ax.get_legend() is None for ax in axes.flat)
    figure.canvas.draw()
    assert legend in figure.legends
    assert legend.get_window_extent().y1 < min(ax.get_tightbbox().y0 for ax in axes.flat)
    assert overlapping(figure) == out_of_picture(figure) == over_axes(figure) == []


def test_entries_of_each_kind_of_drawing_come_together(surface, history, data, line_of):
    figure, axes = panels((1, 3))
    plot_contour(surface, {"SGD": history, "Adam": history}, ax=axes[0, 0])
    plot_data(data, 5, 1, ax=axes[0, 1])
    plot_line(line_of(), quantity=("loss", "accuracy"), ax=axes[0, 2])
    assert labels(share_legend(figure)) == [
        *["SGD", "Adam", "start", LOWEST],
        *["line w x + b", "sigmoid(w x + b)", "boundary x = -0.2", "class 0", "class 1"],
        *["loss", "accuracy (right)", "model a", "model b"],
    ]
    figure.canvas.draw()
    assert overlapping(figure) == out_of_picture(figure) == []


def test_what_all_notes_say_is_said_once(surface, straight_path):
    figure, axes = panels((1, 2))
    leaves, still = straight_path([(0, 0), (40, 2)]), straight_path([(1, 1), (1, 1)])
    one = plot_contour(surface, {"a": leaves, "b": still}, ax=axes[0, 0])
    other = plot_contour(surface, {"a": leaves}, ax=axes[0, 1])
    legend = share_legend(figure)
    assert legend.get_title().get_text() == "a leaves the window and ends at w = 40, b = 2"
    assert [text.get_text() for text in one.ax.texts] == ["the end of b covers the start of b"]
    assert len(other.ax.texts) == 0
    figure.canvas.draw()
    assert overlapping(figure) == []


def test_drawn_again_and_shared_again_there_is_one(surface, history):
    figure, axes = panels((1, 2))
    for _ in range(2):
        for ax in axes.flat:
            plot_contour(surface, history, ax=ax)
            assert ax.get_legend() is not None
        legend = share_legend(figure)
        assert figure.legends == [legend]
    assert share_legend(figure) is figure.legends[0]
    assert labels(figure.legends[0]) == ["path", "start", "end", LOWEST]


def test_panels_drawn_without_a_legend_have_their_entries_in_it(surface, history):
    figure, axes = panels((1, 2))
    for ax in axes.flat:
        plot_contour(surface, history, legend=False, ax=ax)
    assert labels(share_legend(figure)) == ["path", "start", "end", LOWEST]


def test_a_long_legend_is_broken_into_rows(surface, straight_path):
    figure, axes = plt.subplots(1, 2, figsize=(6, 4), layout="constrained")
    runs = {f"a run of some name, number {k}": straight_path([(0, 0), (k, 5)]) for k in range(6)}
    for ax in axes.flat:
        plot_contour(surface, runs, ax=ax)
    legend = share_legend(figure)
    figure.canvas.draw()
    box = legend.get_window_extent()
    assert box.width <= figure.bbox.width
    rows = {round(text.get_window_extent().y0) for text in legend.get_texts()}
    assert len(rows) >= 4
    assert not any(overlap(box, ax.bbox) for ax in axes.flat)


def test_a_long_note_of_all_is_broken(surface, straight_path):
    figure, axes = plt.subplots(1, 2, figsize=(4, 3), layout="constrained")
    for ax in axes:
        plot_contour(surface, straight_path([(40, 2), (1, 1), (40, 2)]), ax=ax)
    legend = share_legend(figure)
    figure.canvas.draw()
    said = " ".join(legend.get_title().get_text().split())
    assert said.startswith(
        "the path starts and ends outside the window, at w = 40, b = 2 and at w = 40, b = 2, but goes"
    )
    assert legend.get_window_extent().width <= figure.bbox.width
    assert legend.get_texts()[0].get_fontsize() > 5


def test_three_dimensions_share_too(surface, history):
    figure, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained", subplot_kw={"projection": "3d"})
    for ax in axes:
        plot_surface(surface, history, ax=ax)
    assert labels(share_legend(figure)) == ["path", "start", "end"]
    assert all(ax.get_legend() is None for ax in axes)


def test_without_entries_there_is_none(plane_surface):
    figure, ax = plt.subplots(layout="constrained")
    assert share_legend(figure) is None
    plane_surface.s = plane_surface.s + 10
    plot_contour(plane_surface, quantity="accuracy", ax=ax)
    assert share_legend(figure) is None
    assert figure.legends == []


@pytest.mark.parametrize("layout", [None, "tight"])
def test_a_figure_without_constrained_layout_is_refused_and_stays(layout, surface, history):
    figure, ax = plt.subplots(layout=layout)
    plot = plot_contour(surface, history, ax=ax)
    with pytest.raises(ValueError, match=r"figure has the layout .*; accepted: as of plt.subplots\(layout="):
        share_legend(figure)
    assert ax.get_legend() is plot.legend


def test_figures_of_our_own_share(surface, history):
    """Whose layout yields to others."""
    plot = plot_contour(surface, history)
    legend = share_legend(plot.figure)
    plot.figure.canvas.draw()
    np.testing.assert_array_less(legend.get_window_extent().y1, plot.ax.get_tightbbox().y0)
