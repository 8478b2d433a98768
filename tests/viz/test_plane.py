"""Quantities over a plane of parameter space: what is drawn, and what is refused."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.contour import ContourSet

from kernels.quantities import QUANTITIES
from viz import plot_contour, plot_surface
from viz.plane import condition_number, read_plane_surface


def changed(result, **attributes):
    return SimpleNamespace(**(vars(result) | attributes))


def path(s, t, distance=0.0, outside=0.0):
    s, t = np.asarray(s, float), np.asarray(t, float)
    return SimpleNamespace(s=s, t=t, distance=np.broadcast_to(distance, s.shape), outside=outside)


def labels(plot):
    return [text.get_text() for text in plot.legend.get_texts()]


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_axes_are_labelled(quantity, plane_surface):
    plot = plot_contour(plane_surface, quantity=quantity)
    assert (plot.ax.get_xlabel(), plot.ax.get_ylabel()) == ("first (60 % of variance)", "second")
    np.testing.assert_allclose([plot.ax.get_xlim(), plot.ax.get_ylim()], [(-3, 2), (-2, 4)])
    assert (
        plot.colorbar.ax.get_ylabel()
        == {
            "loss": "mean cross-entropy (nats)",
            "mse": "mean squared error",
            "accuracy": "accuracy",
            "balanced_accuracy": "balanced accuracy",
            "gradient": "mean cross-entropy (nats)\nlines: steepest descent",
            "hessian": "condition number of the Hessian in this plane",
        }[quantity]
    )
    plot.figure.canvas.draw()


def test_penalty_is_named(plane_surface):
    penalised = changed(plane_surface, l2=0.25)
    assert plot_contour(penalised).colorbar.ax.get_ylabel() == "mean cross-entropy + 0.25/2 |w|² (nats)"
    assert plot_contour(penalised, quantity="mse").colorbar.ax.get_ylabel() == "mean squared error"


@pytest.mark.parametrize(
    ("quantity", "marks"),
    [
        ("loss", ["trained model", "lowest on this grid"]),
        ("mse", ["trained model", "lowest on this grid"]),
        ("gradient", ["trained model", "lowest on this grid"]),
        ("accuracy", ["trained model"]),
        ("hessian", ["trained model"]),
    ],
)
def test_center_and_minimum_are_marked(quantity, marks, plane_surface):
    plot = plot_contour(plane_surface, quantity=quantity)
    assert labels(plot) == marks
    np.testing.assert_array_equal(plot.center.get_xydata(), [[0, 0]])
    if plot.minimum is not None:
        Z = plane_surface.mse if quantity == "mse" else plane_surface.loss
        row, column = np.unravel_index(Z.argmin(), Z.shape)
        np.testing.assert_array_equal(plot.minimum.get_xydata(), [[plane_surface.s[column], plane_surface.t[row]]])


def test_a_window_without_the_center_has_no_legend_for_it(plane_surface):
    away = changed(plane_surface, s=plane_surface.s + 10)
    assert labels(plot_contour(away)) == ["lowest on this grid"]
    plot = plot_contour(away, quantity="accuracy")
    assert plot.legend is plot.center is plot.minimum is None


def test_accuracy_is_drawn_cell_by_cell(plane_surface):
    plot = plot_contour(plane_surface, quantity="accuracy")
    assert isinstance(plot.contours, QuadMesh)
    np.testing.assert_array_equal(plot.contours.get_array(), plane_surface.accuracy)
    assert plot.contours.get_clim() == (plane_surface.accuracy.min(), plane_surface.accuracy.max())
    corners = plot.contours.get_coordinates()
    np.testing.assert_allclose((corners[0, :-1, 0] + corners[0, 1:, 0]) / 2, plane_surface.s, atol=1e-12)
    np.testing.assert_allclose((corners[:-1, 0, 1] + corners[1:, 0, 1]) / 2, plane_surface.t, atol=1e-12)
    plot.figure.canvas.draw()
    assert all(text.get_text().endswith(" %") for text in plot.colorbar.ax.get_yticklabels())


@pytest.mark.parametrize("value", [0.0, 0.35, 1.0])
def test_constant_accuracy_is_drawn(value, plane_surface):
    flat = changed(plane_surface, accuracy=np.full((41, 51), value))
    plot_contour(flat, quantity="accuracy").figure.canvas.draw()
    plot_surface(flat, quantity="accuracy").figure.canvas.draw()


def test_lines_go_down(plane_surface):
    plot = plot_contour(plane_surface, quantity="gradient")
    assert isinstance(plot.contours, ContourSet)
    heads = plot.streams.arrows.get_paths()
    assert len(heads) > 10
    s, t = plane_surface.s, plane_surface.t
    for segment in plot.streams.lines.get_segments()[::20]:
        (s0, t0), (s1, t1) = segment[0], segment[-1]
        i, j = np.abs(s - s0).argmin(), np.abs(t - t0).argmin()
        gradient = plane_surface.gradient[:, j, i]
        if np.linalg.norm(gradient) > 0.02:
            assert gradient @ (s1 - s0, t1 - t0) < 0


def test_lines_of_decreasing_axes_are_the_same(plane_surface):
    reversed_axes = changed(
        plane_surface,
        s=plane_surface.s[::-1],
        t=plane_surface.t[::-1],
        loss=plane_surface.loss[::-1, ::-1],
        gradient=plane_surface.gradient[:, ::-1, ::-1],
    )
    one, other = (plot_contour(surface, quantity="gradient") for surface in (plane_surface, reversed_axes))
    for a, b in zip(one.streams.lines.get_segments(), other.streams.lines.get_segments(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_gradient_that_vanishes_is_drawn(plane_surface):
    plot = plot_contour(changed(plane_surface, gradient=np.zeros((2, 41, 51))), quantity="gradient")
    plot.figure.canvas.draw()


def test_condition_numbers_are_those_of_numpy():
    rng = np.random.default_rng(3)
    factors = rng.normal(size=(50, 2, 2)) * 10.0 ** rng.uniform(-150, 150, (50, 1, 1))
    matrices = factors @ factors.transpose(0, 2, 1)
    hessian = np.stack([matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 1]])
    want = np.linalg.cond(factors) ** 2
    sure = want < 1e6
    assert sure.sum() > 30
    np.testing.assert_allclose(condition_number(hessian)[sure], want[sure], rtol=1e-8)


@pytest.mark.parametrize("entries", [(-1, 0, -4), (1, 2, 1), (-3, 0.5, 2), (0, 1, 0)], ids=str)
def test_condition_numbers_of_hessians_that_are_not_positive(entries):
    ss, st, tt = entries
    assert condition_number(np.array(entries, float)[:, None]) == pytest.approx(np.linalg.cond([[ss, st], [st, tt]]))


@pytest.mark.parametrize(
    "entries", [(0, 0, 0), (1, 0, 0.9e-9), (1, 0, 0), (4, 2, 1), (1, 0, 1e-13), (1, 1, 1), (5e-324, 0, 0)], ids=str
)
def test_singular_hessians_are_infinite(entries):
    assert condition_number(np.array(entries, float)[:, None]) == [np.inf]


def test_singular_cells_are_grey(plane_surface):
    hessian = plane_surface.hessian.copy()
    hessian[:, :10] = 0
    plot = plot_contour(changed(plane_surface, hessian=hessian), quantity="hessian")
    assert plot.contours.extend == "max"
    label = plot.colorbar.ax.get_ylabel().replace("\n", " ")
    assert label == "condition number of the Hessian in this plane; grey: above $10^9$"
    plot.figure.canvas.draw()
    pixels = np.asarray(plot.figure.canvas.buffer_rgba())[..., :3].reshape(-1, 3)
    grey = np.mean(np.all(pixels == 211, axis=1))
    assert 0.05 < grey < 0.3
    finite = condition_number(plane_surface.hessian)[10:]
    np.testing.assert_allclose(plot.contours.levels[[0, -1]], [finite.min(), finite.max()])


def test_all_singular_is_drawn(plane_surface):
    plot_contour(changed(plane_surface, hessian=np.zeros((3, 41, 51))), quantity="hessian").figure.canvas.draw()


def test_path_is_drawn_where_it_is_projected(plane_surface):
    s, t = np.linspace(-2, 0, 10), np.linspace(3, 0, 10)
    plot = plot_contour(plane_surface, path(s, t))
    np.testing.assert_array_equal(plot.path.get_xydata(), np.column_stack([s, t]))
    np.testing.assert_array_equal(plot.start.get_xydata(), [[-2, 3]])
    np.testing.assert_array_equal(plot.end.get_xydata(), [[0, 0]])
    assert plot.note is plot.center is None
    assert len(plot.arrows.U) >= 4
    assert labels(plot) == ["path", "start", "end", "lowest on this grid"]


def test_path_off_the_plane_is_noted(plane_surface):
    s, t = np.linspace(-2, 0, 10), np.linspace(3, 0, 10)
    off = path(s, t, distance=np.linspace(0.75, 0, 10), outside=0.125)
    note = plot_contour(plane_surface, off).note.get_text()
    assert note == "projected: 12.5 % of the path's variance is outside the plane, by up to 0.75"
    assert plot_contour(plane_surface, path(s, t, distance=1e-9)).note is None


def test_path_off_plane_and_window_says_both(plane_surface):
    leaves = path([0, 1, 5], [0, 1, -7.5], distance=0.5, outside=0.01)
    note = plot_contour(plane_surface, leaves).note.get_text()
    assert note.startswith("projected: 1 % of the path's variance")
    assert note.endswith("\nthe path leaves the window and ends at s = 5, t = -7.5")


def test_short_path_has_no_arrows(plane_surface):
    assert plot_contour(plane_surface, path(np.linspace(-0.3, 0, 10), np.zeros(10))).arrows is None


@pytest.mark.parametrize("quantity", ["loss", "mse", "accuracy"])
def test_surfaces_in_three_dimensions(quantity, plane_surface):
    plot = plot_surface(plane_surface, quantity=quantity)
    ax = plot.ax
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("first\n(60 % of variance)", "second")
    Z = getattr(plane_surface, quantity)
    assert ax.get_zlim()[0] <= Z.min() < Z.max() <= ax.get_zlim()[1]
    plot.figure.canvas.draw()


def test_labels_fit_into_the_figure(plane_surface):
    plane = changed(plane_surface.plane, labels=tuple(f"principal component {k} (93.4 % of variance)" for k in (1, 2)))
    for plot in plot_surface(changed(plane_surface, plane=plane)), plot_contour(changed(plane_surface, plane=plane)):
        plot.figure.canvas.draw()
        for label in plot.ax.xaxis.label, plot.ax.yaxis.label:
            box = label.get_window_extent()
            assert box.x0 >= 0
            assert box.y0 >= 0
            assert box.x1 <= plot.figure.bbox.x1


def test_no_path_in_three_dimensions(plane_surface):
    with pytest.raises(
        ValueError, match="history is given with a plane's surface; accepted: None, as plot_contour draws"
    ):
        plot_surface(plane_surface, path([0, 1], [0, 1]))


@pytest.mark.parametrize(
    ("attributes", "quantity", "message"),
    [
        (
            {"accuracy": None},
            "accuracy",
            r"surface has no accuracy, only \['loss', 'mse', 'balanced_accuracy', 'gradient', 'hessian'\]; "
            "accepted: a surface whose quantities include 'accuracy'",
        ),
        ({"loss": None}, "gradient", r"surface has no loss, .*; accepted: a surface whose quantities include 'loss'"),
        ({"gradient": None}, "gradient", r"surface has no gradient, .*; accepted: .* include 'gradient'"),
        ({"loss": np.ones((51, 41))}, "loss", r"surface\.loss has shape \(51, 41\); accepted: \(41, 51\)"),
        (
            {"hessian": np.ones((2, 41, 51))},
            "hessian",
            r"surface\.hessian has shape \(2, 41, 51\); accepted: \(3, 41, 51\)",
        ),
        (
            {"loss": np.full((41, 51), np.nan)},
            "loss",
            r"surface\.loss has 2091 NaN or infinite values; accepted: finite values",
        ),
        ({"mse": np.full((41, 51), -1.0)}, "mse", r"surface\.mse has values down to -1; accepted: values >= 0"),
        (
            {"s": np.geomspace(1, 2, 51)},
            "gradient",
            r"surface\.s is uneven; accepted: evenly spaced values where the gradient is drawn",
        ),
        ({"t": np.zeros(41)}, "loss", r"surface\.t is not monotonic; accepted: strictly increasing or"),
        (
            {},
            "margin",
            f"quantity is 'margin'; accepted: {', '.join(map(repr, QUANTITIES))}$",
        ),
    ],
)
def test_bad_planes_are_refused(attributes, quantity, message, plane_surface):
    with pytest.raises(ValueError, match=message):
        plot_contour(changed(plane_surface, **attributes), quantity=quantity)
    assert plt.get_fignums() == []


def test_other_quantities_are_refused(plane_surface, surface):
    heights = ", ".join(repr(name) for name, row in QUANTITIES.items() if row.components == 1)
    with pytest.raises(ValueError, match=f"quantity is 'hessian'; accepted: {heights}$"):
        plot_surface(plane_surface, quantity="hessian")
    for plot in plot_surface, plot_contour:
        with pytest.raises(ValueError, match=r"quantity is 'mse'; accepted: 'loss'$"):
            plot(surface, quantity="mse")
    with pytest.raises(TypeError, match="surface is a SimpleNamespace without l2; accepted: what has s, t, plane, l2"):
        read_plane_surface(SimpleNamespace(s=[0], t=[0], plane=None), "loss")
    assert plt.get_fignums() == []


def test_history_that_can_not_be_projected_is_refused(plane_surface):
    with pytest.raises(ValueError, match="the path's distance has 2 NaN or infinite values; accepted: finite values"):
        plot_contour(plane_surface, path([0, 1], [0, 1], distance=np.nan))
    lacking = SimpleNamespace(**{name: value for name, value in vars(plane_surface).items() if name != "project"})
    with pytest.raises(TypeError, match="surface is a SimpleNamespace without project; accepted: what has project"):
        plot_contour(lacking, path([0, 1], [0, 1]))
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"plane": None}, r"surface\.plane is a NoneType without labels; accepted: what has labels"),
        (
            {"plane": SimpleNamespace(labels="ab")},
            r"surface\.plane is a SimpleNamespace without .*; accepted: what has s_direction, t_direction",
        ),
        (
            {"project": lambda history: (1, 2)},
            r"surface\.project\(history\) is a tuple without .*: what has s, t, distance, o",
        ),
    ],
)
def test_what_a_plane_lacks_is_named(attributes, message, plane_surface):
    with pytest.raises(TypeError, match=message):
        plot_contour(changed(plane_surface, **attributes), path([0, 1], [0, 1]))
    assert plt.get_fignums() == []


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_colour_bar_of_constant_accuracy_is_one_of_shares(share, plane_surface):
    plot = plot_contour(changed(plane_surface, accuracy=np.full((41, 51), share)), quantity="accuracy")
    low, high = plot.contours.get_clim()
    assert 0 <= low <= share <= high <= 1
