"""plot_data and plot_epochs: what is drawn, where, and what is refused."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from viz import plot_data, plot_epochs


def labels(plot):
    return [text.get_text() for text in plot.legend.get_texts()]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("as_data", [tuple, lambda data: [torch.tensor(values) for values in data]])
def test_points_are_drawn_by_class(data, as_data):
    y = data[1][:, 0]
    plot = plot_data(as_data(data), 5.0, 1.0)
    np.testing.assert_array_equal(plot.class_0.get_xydata(), np.hstack(data)[y == 0])
    np.testing.assert_array_equal(plot.class_1.get_xydata(), np.hstack(data)[y == 1])
    assert len(plot.class_1.get_xdata()) == 7
    assert plot.class_0.get_marker() != plot.class_1.get_marker()


def test_line_sigmoid_and_boundary_are_the_models(data):
    plot = plot_data(data, torch.tensor([[15.75]], requires_grad=True), np.array([-3.8]))
    x = plot.line.get_xdata()
    np.testing.assert_allclose(plot.line.get_ydata(), 15.75 * x - 3.8, rtol=1e-6)
    np.testing.assert_allclose(plot.sigmoid.get_ydata(), sigmoid(15.75 * x - 3.8), rtol=1e-5)
    np.testing.assert_allclose(plot.boundary.get_xdata(), 3.8 / 15.75, rtol=1e-6)
    assert labels(plot) == ["line w x + b", "sigmoid(w x + b)", "boundary x = 0.241", "class 0", "class 1"]
    assert plot.ax.get_ylim() == (-0.1, 2)
    assert plot.ax.get_xlim() == (x[0], x[-1])
    assert (plot.ax.get_xlabel(), plot.ax.get_ylabel()) == ("x", "y")


@pytest.mark.parametrize(("w", "b"), [(5, 10), (0, 1), (0, 0), (1e-300, 1e300)])
def test_boundary_out_of_view_is_not_drawn(data, w, b):
    plot = plot_data(data, w, b)
    assert plot.boundary is None
    assert len(labels(plot)) == 4


@pytest.mark.parametrize("w", [1e4, -1e8])
def test_steep_models_are_drawn_without_warnings(data, w):
    plot_data(data, w, 0.0).figure.canvas.draw()


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_sample_is_drawn(label):
    plot = plot_data(([[0.3]], [[label]]), 1, 0)
    plot.figure.canvas.draw()
    left, right = plot.ax.get_xlim()
    assert left < 0.3 < right


def test_curves_are_the_models_at_the_ends_of_the_epochs(data, history):
    plot = plot_epochs(history, data, most=None)
    segments = plot.curves.get_segments()
    assert len(segments) == 20
    for epoch, curve in enumerate(segments, start=1):
        x, p = curve.T
        last = 7 * epoch - 1
        np.testing.assert_allclose(p, sigmoid(history.w[last, 0] * x + history.b[last]), atol=1e-12)
    np.testing.assert_array_equal(plot.curves.get_array(), np.arange(1, 21))
    assert plot.colorbar.ax.get_ylabel() == "epoch"
    assert {"1", "20"} <= {text.get_text() for text in plot.colorbar.ax.get_yticklabels()}
    assert labels(plot) == ["class 0", "class 1"]


def moves(plot):
    """How far a curve moves to the next, in y."""
    return np.abs(np.diff([curve[:, 1] for curve in plot.curves.get_segments()], axis=0)).max(axis=1)


@pytest.mark.parametrize("most", [2, 3, 8, 20])
@pytest.mark.parametrize("start", [(5, 10), (-15, -10), (0, 0)])
def test_epochs_are_the_first_the_last_and_such_that_curves_are_apart(most, start, data, history_of):
    history = history_of(*start, epochs=100)
    plot = plot_epochs(history, data, most=most)
    assert plot.epochs[[0, -1]].tolist() == [1, 100]
    assert (np.diff(plot.epochs) > 0).all()
    assert 2 <= len(plot.epochs) <= most
    for epoch, (x, p) in zip(plot.epochs, (curve.T for curve in plot.curves.get_segments()), strict=True):
        last = 7 * epoch - 1
        np.testing.assert_allclose(p, sigmoid(history.w[last, 0] * x + history.b[last]), atol=1e-12)
    assert moves(plot)[:-1].min(initial=1) > 0.01
    assert most < 20 or moves(plot_epochs(history, data, most=None)).min() < 0.001


def test_epochs_that_stand_still_are_two(data, straight_path):
    plot = plot_epochs(straight_path([(3, 1)] * 30), data)
    assert plot.epochs.tolist() == [1, 29]
    plot.figure.canvas.draw()


def test_shades_are_those_of_the_epochs_and_the_bar_says_which(data, history_of):
    plot = plot_epochs(history_of(epochs=100), data)
    plot.figure.canvas.draw()
    shades = plot.curves.get_edgecolor()
    assert len({tuple(shade) for shade in shades}) == len(plot.epochs)
    said = [text.get_text() for text in plot.colorbar.ax.get_yticklabels()]
    assert said == [str(epoch) for epoch in plot.epochs]
    ticks = plot.colorbar.get_ticks()
    np.testing.assert_allclose(plot.curves.to_rgba(ticks), shades)


def test_in_a_small_picture_the_bar_says_some_of_the_epochs(data, history_of):
    with plt.rc_context({"figure.figsize": (3, 1.6)}):
        plot = plot_epochs(history_of(0, 0, epochs=100), data)
    said = [int(text.get_text()) for text in plot.colorbar.ax.get_yticklabels()]
    assert set(said) < set(plot.epochs.tolist())
    assert [said[0], said[-1]] == [1, 100]


@pytest.mark.parametrize("most", [1, 0, 2.5, "all"])
def test_a_bad_number_of_curves_is_refused(most, data, history):
    with pytest.raises((ValueError, TypeError), match=r"most is .*; accepted: "):
        plot_epochs(history, data, most=most)
    assert plt.get_fignums() == []


def test_later_epochs_are_darker(data, history):
    plot = plot_epochs(history, data)
    plot.figure.canvas.draw()
    luminance = plot.curves.get_edgecolor()[:, :3] @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(luminance) < 0).all()


def test_epochs_that_are_incomplete_are_not_drawn(data, history):
    cut = SimpleNamespace(**(vars(history) | {"w": history.w[:20], "b": history.b[:20]}))
    assert len(plot_epochs(cut, data).curves.get_segments()) == 2


def test_one_epoch_is_drawn(data, history_of):
    plot = plot_epochs(history_of(epochs=1), data)
    plot.figure.canvas.draw()
    assert len(plot.curves.get_segments()) == 1


def test_given_axes_are_used_and_no_figure_is_added(data, history):
    figure, (left, right) = plt.subplots(1, 2)
    assert plot_data(data, 1, 2, ax=left).ax is left
    plot = plot_epochs(history, data, ax=right)
    assert plot.ax is right
    assert plot.figure is figure
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((3, 2)), np.ones(3), r"data x has shape \(3, 2\); accepted: \(n, 1\) or \(n,\) with n >= 1"),
        (np.ones((0, 1)), np.ones((0, 1)), r"data x has shape \(0, 1\); accepted: .* with n >= 1"),
        (np.ones(3), np.ones(2), "data y has 2 labels; accepted: 3, one for each of x"),
        (np.ones(3), [0, 1, 2], r"data y has values from 0 to 2; accepted: labels in \[0, 1\]"),
        ([0, np.nan], [0, 1], "data x has 1 NaN or infinite values; accepted: finite values"),
    ],
)
def test_bad_data_is_refused(history, x, y, message):
    with pytest.raises(ValueError, match=message):
        plot_data((x, y), 1, 2)
    with pytest.raises(ValueError, match=message):
        plot_epochs(history, (x, y))
    assert plt.get_fignums() == []


def test_bad_parameters_are_refused(data):
    with pytest.raises(ValueError, match=r"w has shape \(1, 2\); accepted: one number"):
        plot_data(data, np.ones((1, 2)), 1)
    with pytest.raises(ValueError, match="b has 1 NaN or infinite values; accepted: finite values"):
        plot_data(data, 1, np.nan)
    with pytest.raises(TypeError, match="w has dtype <U5; accepted: real numbers"):
        plot_data(data, "steep", 1)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"steps_per_epoch": 0}, r"history\.steps_per_epoch is 0; accepted: at least 1"),
        ({"steps_per_epoch": 141}, "history has 140 steps; accepted: those of an epoch, 141, or more"),
        ({"every": 2}, "history.every is 2; accepted: what divides the 7 steps of an epoch"),
        ({"every": 0}, "history.every is 0; accepted: what divides the 7 steps of an epoch"),
        ({"w": np.ones((140, 2))}, r"history\.w has shape \(140, 2\); accepted: \(steps, 1\)"),
    ],
)
def test_bad_history_is_refused(data, history, attributes, message):
    with pytest.raises(ValueError, match=message):
        plot_epochs(SimpleNamespace(**(vars(history) | attributes)), data)
    assert plt.get_fignums() == []


def test_three_dimensional_axes_are_refused(data, history):
    ax = plt.figure().add_subplot(projection="3d")
    for draw in (lambda: plot_data(data, 1, 2, ax=ax), lambda: plot_epochs(history, data, ax=ax)):
        with pytest.raises(TypeError, match="ax is a Axes3D; accepted: a two-dimensional matplotlib Axes or None"):
            draw()


@pytest.mark.parametrize("dtype", ["float32", "Float64", "double[pyarrow]"])
def test_tables_are_data(dtype):
    x, y = pd.DataFrame({"size": [-1.0, 0.5, 2.0]}, dtype=dtype), pd.Series([False, True, True], dtype="boolean")
    plot = plot_data((x, y), 2, -1)
    assert plot.class_0.get_xdata().tolist() == [-1]
    assert plot.class_1.get_xdata().tolist() == [0.5, 2]
    plt.close(plot.figure)
    x.loc[1, "size"] = pd.NA
    with pytest.raises(ValueError, match=r"x\[1, 0\] is missing \(row 1, column size\)"):
        plot_data((x, y), 2, -1)


def test_axes_of_epochs_leave_room_and_say_what_they_are(data, history):
    ax = plot_epochs(history, data).ax
    x = data[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y and sigmoid(w x + b)")
    assert ax.get_ylim() == (-0.1, 1.25)
    left, right = ax.get_xlim()
    assert left < x.min() < x.max() < right
