"""plot_surface and plot_contour: what is drawn, where, and what is refused."""

import re
import subprocess
import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from mpl_toolkits.mplot3d import Axes3D

from viz import plot_contour, plot_surface
from viz.fill import LEVELS, colorbar_ticks, log_levels

AT_EDGE = "lowest on this grid: at its edge, not inside"
BOTH = pytest.mark.parametrize("plot", [plot_surface, plot_contour])


def changed(result, **attributes):
    return SimpleNamespace(**(vars(result) | attributes))


def labels(plot):
    return [text.get_text() for text in plot.legend.get_texts()]


@pytest.fixture
def spy(monkeypatch):
    """Records the arguments of a drawing method, which still draws."""

    def spy(owner, name):
        calls, original = [], getattr(owner, name)

        def recorded(self, *args, **kwargs):
            calls.append(args)
            return original(self, *args, **kwargs)

        monkeypatch.setattr(owner, name, recorded)
        return calls

    return spy


def test_viz_imports_only_numpy_and_matplotlib():
    code = "import sys, viz; print({'torch', 'numba', 'kernels', 'logreg'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_path_on_the_surface_is_at_the_full_loss(surface, history):
    path = plot_surface(surface, history).path
    w, b, height = path.get_data_3d()
    np.testing.assert_array_equal(w, np.append(history.start_w, history.w))
    np.testing.assert_array_equal(b, np.append(history.start_b, history.b))
    np.testing.assert_array_equal(height, [history.start_loss, *history.full_loss()])


def test_path_on_the_contours_starts_at_the_start(surface, history):
    plot = plot_contour(surface, history)
    w, b = plot.path.get_data()
    np.testing.assert_array_equal(w, np.append(history.start_w, history.w))
    np.testing.assert_array_equal(b, np.append(history.start_b, history.b))
    np.testing.assert_array_equal(plot.start.get_xydata(), [[5, 10]])
    np.testing.assert_array_equal(plot.end.get_xydata(), [[history.w[-1, 0], history.b[-1]]])
    assert labels(plot) == ["path", "start", "end", AT_EDGE]


def test_grid_minimum_is_marked(surface):
    plot = plot_contour(surface)
    np.testing.assert_array_equal(plot.minimum.get_xydata(), [surface.minimum[:2]])
    assert labels(plot) == [AT_EDGE]
    assert plot.path is plot.arrows is plot.start is plot.end is plot.window is plot.note is None


@pytest.mark.parametrize(("loss", "label"), [("bce", "mean cross-entropy (nats)"), ("mse", "mean squared error")])
def test_axes_are_labelled(surface_of, loss, label):
    surface = surface_of(loss)
    solid, wire, flat = plot_surface(surface), plot_surface(surface, colorbar=False), plot_contour(surface)
    for ax in solid.ax, wire.ax, flat.ax:
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("weight w", "bias b")
        np.testing.assert_allclose([ax.get_xlim(), ax.get_ylim()], [(-15, 15), (-13, 13)])
    assert solid.colorbar.ax.get_ylabel() == wire.ax.get_zlabel() == flat.colorbar.ax.get_ylabel() == label
    assert solid.ax.get_zlabel() == ""  # as the colour bar says it beside the same ticks


@pytest.mark.parametrize("wireframe", [False, True])
def test_surface_is_reduced_and_keeps_its_edges(surface_of, spy, wireframe):
    surface = surface_of(shape=(83, 301))
    calls = spy(Axes3D, "plot_wireframe" if wireframe else "plot_surface")
    plot_surface(surface, wireframe=wireframe)
    ((w, b, Z),) = calls
    assert w.shape == b.shape == Z.shape
    assert max(Z.shape) <= 80
    np.testing.assert_array_equal(w[0, [0, -1]], surface.w[[0, -1]])
    np.testing.assert_array_equal(b[[0, -1], 0], surface.b[[0, -1]])
    rows, columns = np.searchsorted(surface.b, b[:, 0]), np.searchsorted(surface.w, w[0])
    np.testing.assert_array_equal(Z, surface.Z[np.ix_(rows, columns)])
    assert max(np.ptp(np.diff(rows)), np.ptp(np.diff(columns))) <= 1


def test_small_surface_is_drawn_whole(surface_of, spy):
    surface = surface_of(shape=(2, 30))
    calls = spy(Axes3D, "plot_surface")
    plot_surface(surface)
    np.testing.assert_array_equal(calls[0][2], surface.Z)


def test_contours_use_the_whole_grid(surface_of, spy):
    surface = surface_of(shape=(83, 301))
    calls = spy(Axes, "contourf")
    plot_contour(surface)
    for drawn, given in zip(calls[0][:3], (surface.w, surface.b, surface.Z), strict=True):
        np.testing.assert_array_equal(drawn, given)


def test_levels_are_log_spaced(surface):
    levels = plot_contour(surface).contours.levels
    np.testing.assert_allclose(np.diff(np.log(levels)), np.log(levels[-1] / levels[0]) / (LEVELS - 1))
    np.testing.assert_allclose(levels[[0, -1]], [surface.Z.min(), surface.Z.max()])


@pytest.mark.parametrize(
    "Z",
    [
        np.zeros((3, 4)),
        np.full((3, 4), 0.7),
        np.full((3, 4), 1e-320),
        np.full((3, 4), np.log(2)) * (1 + 1e-9 * np.arange(4)),
        np.where(np.arange(12).reshape(3, 4) == 5, 1e-300, 0.7),
        np.where(np.arange(12).reshape(3, 4) == 5, 0.0, 0.7),
        np.where(np.arange(12).reshape(3, 4) == 5, 1e-300, 0.0),
        np.geomspace(1e-30, 30, 12).reshape(3, 4),
        np.geomspace(1e100, 1e200, 12).reshape(3, 4),
    ],
    ids=["zero", "constant", "denormal", "nearly constant", "one tiny", "one zero", "one not zero", "deep", "huge"],
)
def test_degenerate_surfaces_are_drawn_without_warnings(Z, straight_path):
    surface = SimpleNamespace(w=np.arange(4.0), b=np.arange(3.0), Z=Z, loss="bce", minimum=SimpleNamespace(w=1, b=1))
    levels = log_levels(Z)
    assert (levels > 0).all()
    assert (np.diff(levels) > 0).all()
    path = straight_path([(0, 0), (1, 2)])
    for plot in plot_contour(surface, path), plot_surface(surface, path), plot_surface(surface, wireframe=True):
        plot.figure.canvas.draw()


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.05, 12.4, ["0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10"]),
        (2e-6, 30, ["$10^{-5}$", "0.0001", "0.001", "0.01", "0.1", "1", "10"]),
        (0.9, 150, ["1", "2", "5", "10", "20", "50", "100"]),
        (0.9, 1500, ["1", "10", "100", "1000"]),
        (0.69, 0.6904, ["0.69", "0.6901", "0.6902", "0.6903", "0.6904"]),
        (1e3, 1e9, ["1000", "10000", "100000", *(rf"$10^{{{k}}}$" for k in (6, 7, 8, 9))]),
        (5e-7, 9e-7, [rf"${k}\times10^{{-7}}$" for k in (5, 6, 7, 8, 9)]),
    ],
)
def test_colorbar_ticks_are_few_and_round(low, high, ticks, surface):
    Z = np.linspace(low, high, surface.Z.size).reshape(surface.Z.shape)
    colorbar = plot_contour(changed(surface, Z=Z)).colorbar
    assert [text.get_text() for text in colorbar.ax.get_yticklabels()] == ticks


@pytest.mark.parametrize(("low", "high"), [(1e-9, 1), (1e-3, 1e6), (0.3, 0.7), (1, 1 + 1e-9), (3e-5, 1e-4)])
def test_colorbar_ticks_lie_in_the_range(low, high):
    ticks = colorbar_ticks(low, high)
    assert 2 <= len(ticks) <= 9
    assert low <= ticks.min() < ticks.max() <= high


def test_colorbar_has_no_minor_ticks(surface):
    assert len(plot_contour(surface).colorbar.ax.yaxis.get_minorticklocs()) == 0


@pytest.mark.parametrize("points", [[(1, 2)], [(1, 2)] * 5, [(99, 2), (98, 1)]], ids=["start", "still", "outside"])
@BOTH
def test_path_that_shows_no_motion_has_no_arrows(surface, straight_path, plot, points):
    drawn = plot(surface, straight_path(points))
    drawn.figure.canvas.draw()
    (parts,) = drawn.paths.values()
    assert parts.arrows is None
    assert (parts.end is None) == (points[0][0] == 99)
    assert (parts.start is None) == (parts.line is None or points[0][0] == 99)


@BOTH
@pytest.mark.parametrize(
    ("points", "note"),
    [
        ([(0, 0), (10, 1), (400, -5)], "the path leaves the window and ends at w = 400, b = -5"),
        ([(16, 10), (10, 1), (3, -5)], "the path starts outside the window, at w = 16, b = 10"),
        ([(0, 0), (16, 1), (1, 1)], "the path leaves the window and comes back"),
        (
            [(16, 10), (10, 1), (16, -0.0)],
            "the path starts and ends outside the window, at w = 16, b = 10 and at w = 16, b = 0, "
            "but goes through it at the steps kept",
        ),
        (
            [(16, 10), (16, 1e-20)],
            "the path starts and ends outside the window, at w = 16, b = 10 and at w = 16, b = 0, "
            "and is not in it at the steps kept",
        ),
    ],
    ids=["end", "start", "middle", "both ends", "all"],
)
def test_path_that_leaves_is_clipped_and_noted(surface, straight_path, plot, points, note):
    leaves = plot(surface, straight_path(points))
    assert leaves.note.get_text().split() == note.split()
    inside = [abs(w) <= 15 for w, _ in points]
    assert [leaves.start is not None, leaves.end is not None] == [inside[0], inside[-1]]
    assert ("end" in labels(leaves)) == inside[-1]
    np.testing.assert_allclose([leaves.ax.get_xlim(), leaves.ax.get_ylim()], [(-15, 15), (-13, 13)])
    assert plot(surface, straight_path([(0, 0), (15, 13)])).note is None


def test_path_outside_is_left_out_of_the_surface(surface, straight_path):
    path = plot_surface(surface, straight_path([(0, 0), (10, 1), (400, -5)])).path
    np.testing.assert_array_equal(path.get_data_3d()[0], [0, 10, np.nan])


def test_window_is_outlined(surface_of):
    plot = plot_contour(surface_of(w=(-20, 20)), window=((-15, 15), (-13, 12)))
    assert plot.window.get_bbox().bounds == (-15, -13, 30, 25)
    assert plot.window in plot.ax.patches
    assert labels(plot) == [AT_EDGE, "original window"]


def test_given_axes_are_used_and_no_figure_is_added(surface, history):
    figure = plt.figure()
    solid, flat = figure.add_subplot(121, projection="3d"), figure.add_subplot(122)
    assert plot_surface(surface, history, ax=solid).ax is solid
    plot = plot_contour(surface, history, ax=flat)
    assert plot.ax is flat
    assert plot.figure is figure
    assert plt.get_fignums() == [figure.number]


@BOTH
def test_new_figure_is_made_without_axes(surface, plot):
    drawn = plot(surface)
    assert plt.get_fignums() == [drawn.figure.number]


def test_decreasing_axes_and_tensors_are_drawn(surface, history):
    tensors = changed(history, w=torch.tensor(history.w, dtype=torch.float32, requires_grad=True))
    flipped = changed(surface, w=torch.tensor(surface.w[::-1].copy()), Z=surface.Z[:, ::-1])
    plot = plot_contour(flipped, tensors)
    assert plot.ax.get_xlim() == (-15, 15)
    np.testing.assert_allclose(plot.path.get_xdata()[1:], history.w[:, 0], rtol=1e-6)


def test_path_stays_on_top_of_the_surface(surface, history):
    plot = plot_surface(surface, history)
    plot.figure.canvas.draw()
    pixels = np.asarray(plot.figure.canvas.buffer_rgba())[..., :3].reshape(-1, 3) / 255
    assert np.count_nonzero(np.abs(pixels - to_rgba(plot.path.get_color())[:3]).max(axis=1) < 0.02) > 200


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"w": [1.0], "b": [2.0], "Z": [[3.0]]}, r"surface\.w has shape \(1,\); accepted: \(n,\) with n >= 2"),
        ({"b": [1.0]}, r"surface\.b has shape \(1,\); accepted: \(n,\) with n >= 2"),
        ({"w": np.ones((100, 1))}, r"surface\.w has shape \(100, 1\); accepted: \(n,\) with n >= 2"),
        ({"w": np.zeros(100)}, r"surface\.w is not monotonic; accepted: strictly increasing or strictly decreasing"),
        (
            {"Z": np.ones((100, 90))},
            r"surface\.Z has shape \(100, 90\); accepted: \(len\(b\), len\(w\)\) = \(90, 100\)",
        ),
        ({"Z": np.full((90, 100), np.nan)}, r"surface\.Z has 9000 NaN or infinite values; accepted: finite values"),
        ({"Z": np.full((90, 100), -1.0)}, r"surface\.Z has values down to -1; accepted: a loss, >= 0"),
        ({"loss": "hinge"}, r"surface\.loss is 'hinge'; accepted: 'bce', 'mse'"),
    ],
)
@BOTH
def test_bad_surface_is_refused(surface, plot, attributes, message):
    with pytest.raises(ValueError, match=message):
        plot(changed(surface, **attributes))
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"w": np.ones((140, 3))}, r"history\.w has shape \(140, 3\); accepted: \(steps, 1\), as one weight"),
        ({"b": np.ones(139)}, r"history\.b has shape \(139,\); accepted: \(steps,\) = \(140,\)"),
        ({"start_w": np.ones(2)}, r"history\.start_w has shape \(2,\); accepted: one number"),
        ({"start_b": np.inf}, r"history\.start_b has 1 NaN or infinite values; accepted: finite values"),
    ],
)
@BOTH
def test_bad_history_is_refused(surface, history, plot, attributes, message):
    with pytest.raises(ValueError, match=message):
        plot(surface, changed(history, **attributes))
    assert plt.get_fignums() == []


def test_losses_are_as_many_as_steps(surface, history):
    with pytest.raises(ValueError, match=r"full_loss\(\) has shape \(141,\); accepted: \(steps,\) = \(140,\)"):
        plot_surface(surface, changed(history, full_loss=lambda: np.append(0.0, history.loss)))


@BOTH
def test_results_of_another_kind_are_refused(surface, plot):
    with pytest.raises(
        TypeError, match=r"surface is a ndarray without w, .*; accepted: what has w, b, Z, loss, minimum"
    ):
        plot(surface.Z)
    with pytest.raises(
        TypeError, match=r"history is a tuple without w, .*: what has w, b, start_w, start_b, start_loss, f"
    ):
        plot(surface, (1, 2))
    with pytest.raises(TypeError, match=r"surface\.Z has dtype complex128; accepted: real numbers"):
        plot(changed(surface, Z=surface.Z.astype(complex)))


def test_axes_of_the_wrong_dimension_are_refused(surface):
    figure = plt.figure()
    with pytest.raises(TypeError, match=r'ax is a Axes; accepted: a 3-D Axes, as from .*"projection": "3d".*, or None'):
        plot_surface(surface, ax=figure.add_subplot())
    with pytest.raises(TypeError, match="ax is a Axes3D; accepted: a two-dimensional matplotlib Axes or None"):
        plot_contour(surface, ax=figure.add_subplot(projection="3d"))


@pytest.mark.parametrize("window", [(1, 2), ((1, 0), (0, 1)), ((0, 1), (0, 1), (0, 1)), ((0, 0), (0, 1))])
def test_bad_window_is_refused(surface, window):
    accepted = r"accepted: \(\(w0, w1\), \(b0, b1\)\) with w0 < w1 and b0 < b1"
    with pytest.raises(ValueError, match=f"window is {re.escape(repr(window))}; {accepted}"):
        plot_contour(surface, window=window)


@pytest.mark.parametrize("minimum", [(3.0, -1.0, 0.1), [3.0, -1.0], SimpleNamespace(w=3.0, b=-1.0)], ids=str)
def test_minimum_is_a_tuple_or_has_names(surface, minimum):
    np.testing.assert_array_equal(plot_contour(changed(surface, minimum=minimum)).minimum.get_xydata(), [[3, -1]])


@pytest.mark.parametrize("minimum", [None, 3.0, (3.0,), SimpleNamespace(w=3.0)], ids=str)
def test_other_minima_are_refused(surface, minimum):
    with pytest.raises(TypeError, match=rf"surface\.minimum is {re.escape(repr(minimum))}; accepted: \(w, b, loss\)"):
        plot_contour(changed(surface, minimum=minimum))
    assert plt.get_fignums() == []


def test_losses_that_are_no_method_are_refused(surface, history):
    with pytest.raises(TypeError, match=r"history\.full_loss is a ndarray; accepted: a method"):
        plot_surface(surface, changed(history, full_loss=history.full_loss()))


def test_tensors_that_stand_for_others_are_refused_by_name(surface):
    def draw(w):
        with pytest.raises(ValueError, match=r"(?s)surface\.w is .*; accepted: an array of real numbers"):
            plot_contour(changed(surface, w=w))
        return w

    torch.func.functionalize(draw)(torch.from_numpy(surface.w))


def test_ragged_rows_are_refused_by_name(surface):
    with pytest.raises(
        ValueError, match=r"surface\.Z is \[\[1\.0\], \[1\.0, 2\.0\]\]; accepted: an array of real numbers"
    ):
        plot_contour(changed(surface, Z=[[1.0], [1.0, 2.0]]))
