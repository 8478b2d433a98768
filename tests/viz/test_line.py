"""Quantities along a line: what is drawn, what stays on an Axes, and what is refused."""

import gc
import re
import weakref

import matplotlib.pyplot as plt
import numpy as np
import pytest

from kernels.quantities import QUANTITIES
from viz import plot_line

LABELS = {
    "loss": "mean cross-entropy (nats)",
    "mse": "mean squared error",
    "accuracy": "accuracy",
    "gradient": "derivative of the loss along the line",
    "hessian": "second derivative of the loss along the line",
}


def labels(plot):
    return [text.get_text() for text in plot.legend.get_texts()]


def ticks(axis):
    axis.figure.canvas.draw()
    return [text.get_text() for text in axis.get_ticklabels()]


@pytest.mark.parametrize("quantity", LABELS)
def test_a_quantity_is_drawn_at_its_places(quantity, line_of):
    line = line_of()
    plot = plot_line(line, quantity=quantity)
    np.testing.assert_array_equal(plot.line.get_xydata(), np.column_stack([line.alpha, getattr(line, quantity)]))
    assert (plot.ax.get_xlabel(), plot.ax.get_ylabel()) == ("from model a (0) to model b (1)", LABELS[quantity])
    assert plot.ax.get_xlim() == (-0.5, 1.5)
    assert labels(plot) == ["model a", "model b"]
    assert plot.twin is plot.twin_line is None
    assert all(text.endswith("%") for text in ticks(plot.ax.yaxis)) == (quantity == "accuracy")


@pytest.mark.parametrize(
    ("penalty", "said"),
    [
        ({}, ""),
        ({"l2": 0.01}, " + 0.01/2 |w|²"),
        ({"l2": 0.01, "l2_bias": 0.0}, " + 0.01/2 |w|²"),
        ({"l2": 0.01, "l2_bias": 0.01}, " + 0.01/2 (|w|² + b²)"),
        ({"l2": 0.01, "l2_bias": 0.02}, " + 0.01/2 |w|² + 0.02/2 b²"),
        ({"l2": 0, "l2_bias": 0.02}, " + 0.02/2 b²"),
    ],
)
def test_the_penalty_is_said(penalty, said, line_of):
    label = plot_line(line_of(**penalty)).ax.get_ylabel()
    assert label.replace("\n", " ") == f"mean cross-entropy{said} (nats)"


def test_points_are_marked_on_the_line(line_of):
    line = line_of(marks={"a": 0.003, "b": 1.0, "out of view": 2.0})
    plot = plot_line(line)
    assert list(plot.marks) == labels(plot) == ["a", "b"]
    (x, y), (_, end) = (mark.get_xydata()[0] for mark in plot.marks.values())
    assert (x, y) == (0.003, pytest.approx(np.interp(0.003, line.alpha, line.loss)))
    assert end == pytest.approx(line.loss[150])
    assert plot.marks["a"].get_marker() != plot.marks["b"].get_marker()
    assert plot_line(line_of(marks={})).legend is None


def test_a_point_of_a_share_is_on_a_step(line_of):
    line = line_of(marks={"a": 0.003})
    mark = plot_line(line, quantity="accuracy").marks["a"]
    assert mark.get_ydata()[0] == line.accuracy[50]


def test_two_quantities_have_two_sides(line_of):
    line = line_of()
    plot = plot_line(line, quantity=("loss", "accuracy"))
    np.testing.assert_array_equal(plot.line.get_ydata(), line.loss)
    np.testing.assert_array_equal(plot.twin_line.get_ydata(), line.accuracy)
    assert plot.twin_line.axes is plot.twin is not plot.ax
    assert (plot.ax.get_ylabel(), plot.twin.get_ylabel()) == ("mean cross-entropy (nats)", "accuracy")
    assert labels(plot) == ["loss", "accuracy (right)", "model a", "model b"]
    assert all(text.endswith("%") for text in ticks(plot.twin.yaxis))
    assert plot.line.get_color() != plot.twin_line.get_color()
    assert plot.line.get_linestyle() != plot.twin_line.get_linestyle()


@pytest.mark.parametrize("quantity", ["loss", ("loss", "accuracy")], ids=str)
def test_labels_come_together_on_one_axes(quantity, line_of):
    one, other = line_of(), line_of(0.8)
    ax = plot_line(one, quantity=quantity, label="SGD").ax
    plot = plot_line(other, quantity=quantity, label="Adam", ax=ax)
    assert list(plot.lines) == ["SGD", "Adam"]
    np.testing.assert_array_equal(plot.lines["SGD"][0].get_ydata(), one.loss)
    np.testing.assert_array_equal(plot.line.get_ydata(), other.loss)
    looks = {(line.get_color(), line.get_linestyle()) for pair in plot.lines.values() for line in pair if line}
    assert len(looks) == 2 * (1 if quantity == "loss" else 2)
    assert labels(plot)[-2:] == ["model a", "model b"]
    again = plot_line(other, quantity=quantity, label="SGD", ax=ax)
    assert list(again.lines) == ["SGD", "Adam"]
    np.testing.assert_array_equal(again.line.get_ydata(), other.loss)
    assert len(plot.figure.axes) == (1 if quantity == "loss" else 2)


def test_lines_have_their_own_names_in_the_legend(line_of):
    ax = plot_line(line_of(), label="SGD").ax
    assert labels(plot_line(line_of(0.8), label="Adam", ax=ax)) == ["SGD", "Adam", "model a", "model b"]
    pair = plot_line(line_of(), quantity=("loss", "gradient"), label="SGD")
    assert labels(pair)[:2] == ["SGD: loss", "SGD: derivative (right)"]


@pytest.mark.parametrize(
    "second", [{"quantity": "accuracy"}, {"yscale": "log"}, {"quantity": ("loss", "mse")}], ids=str
)
def test_other_quantities_take_the_place(second, line_of):
    ax = plot_line(line_of(), quantity=("accuracy", "loss") if "yscale" not in second else "loss", label="SGD").ax
    plot = plot_line(line_of(0.8), label="Adam", ax=ax, **second)
    assert list(plot.lines) == ["Adam"]
    assert len(plot.figure.axes) == 1 + (plot.twin is not None)


def test_the_first_quantity_may_be_logarithmic(line_of):
    plot = plot_line(line_of(), quantity=("loss", "gradient"), yscale="log")
    assert (plot.ax.get_yscale(), plot.twin.get_yscale()) == ("log", "linear")
    texts = ticks(plot.ax.yaxis)
    assert len(texts) > 2
    assert all(re.fullmatch(r"[\d.]+", text) for text in texts)


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        (
            {"alpha": np.zeros(201)},
            {},
            r"line\.alpha has shape \(201,\); accepted: \(n,\), n >= 2, strictly",
        ),
        ({"alpha": [1.0]}, {}, r"line\.alpha has shape \(1,\); accepted: \(n,\), n >= 2, strictly"),
        ({"loss": np.ones(3)}, {}, r"line\.loss has shape \(3,\); accepted: \(201,\), as alpha has"),
        ({"loss": np.full(201, np.nan)}, {}, r"line\.loss has 201 NaN or infinite values; accepted: finite values"),
        ({}, {"quantity": "balanced_accuracy"}, r"line has no balanced_accuracy, only \['loss', 'mse', 'accuracy', "),
        (
            {},
            {"quantity": "margin"},
            f"quantity is 'margin'; accepted: {', '.join(map(repr, QUANTITIES))}, or a pair of",
        ),
        (
            {},
            {"quantity": ("loss", "mse", "accuracy")},
            r"quantity is \('loss', 'mse', 'accuracy'\); accepted: 'loss', ",
        ),
        ({}, {"yscale": "symlog"}, "yscale is 'symlog'; accepted: 'linear', 'log'"),
        (
            {},
            {"yscale": "log", "quantity": "gradient"},
            r"yscale is 'log' and line\.gradient has values down to -.*;",
        ),
        ({"marks": {"a": np.inf}}, {}, r"line\.marks\['a'\] has 1 NaN or infinite values; accepted: finite values"),
    ],
    ids=str,
)
def test_bad_lines_are_refused(changes, settings, message, line_of):
    with pytest.raises(ValueError, match=message):
        plot_line(line_of(**changes), **settings)
    assert plt.get_fignums() == []


def test_what_is_no_line_is_refused(line_of):
    with pytest.raises(TypeError, match="line is a tuple without alpha, label, marks, cost; accepted: what has alpha"):
        plot_line((1, 2))
    ax = plt.figure().add_subplot(projection="3d")
    with pytest.raises(TypeError, match="ax is a Axes3D; accepted: a two-dimensional matplotlib Axes or None"):
        plot_line(line_of(), ax=ax)


def test_drawn_again_sides_fit_what_is_there(line_of):
    high, low = line_of(), line_of()
    high.loss = 10 * high.loss + 3
    want = plot_line(low, label="x").ax.get_ylim()
    ax = plot_line(high, label="x").ax
    assert ax.get_ylim() != want
    np.testing.assert_allclose(plot_line(low, label="x", ax=ax).ax.get_ylim(), want)
    ax.set_ylim(0, 7)
    assert plot_line(high, label="x", ax=ax).ax.get_ylim() == (0, 7)


def test_an_error_spoils_no_axes(line_of):
    line = line_of()
    ax = plot_line(line, label="a").ax
    with pytest.raises(AttributeError, match="nope"):
        plot_line(line, label="b", ax=ax, line_kw={"nope": 1})
    assert "b" not in plot_line(line, label="c", ax=ax).lines


@pytest.mark.parametrize("quantity", ["loss", ("loss", "accuracy")])
def test_figures_are_forgotten(quantity, line_of):
    plot = plot_line(line_of(), quantity=quantity)
    figure = weakref.ref(plot.figure)
    plt.close(plot.figure)
    del plot
    gc.collect()
    assert figure() is None


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        ({"cost": "hinge"}, {}, "line.cost is 'hinge'; accepted"),
        ({"marks": [0.0]}, {}, "line.marks is a list; accepted"),
        ({}, {"quantity": None}, "quantity is None; accepted"),
    ],
)
def test_more_bad_lines(changes, settings, message, line_of):
    line = line_of()
    vars(line).update(changes)
    with pytest.raises((TypeError, ValueError), match=message):
        plot_line(line, **settings)
