"""Maps of random starts."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgba
from matplotlib.markers import MarkerStyle

from tests.viz.contrast import contrast, pixels_of
from viz import plot_starts
from viz.inputs import read_starts
from viz.starts import FAILED, MARKER_SIZE, MARKERS, MOST_BINS, binned


def test_maps_share_axes_and_are_titled_by_cost_and_share(study_of):
    plot = plot_starts(study_of())
    assert list(plot.axes) == ["bce", "mse"]
    assert plot.axes["bce"].get_title() == "cross-entropy: accuracy 1 from 100 % of the starts"
    share = 100 * np.mean(study_of().w > 0)
    assert plot.axes["mse"].get_title() == f"mean squared error: accuracy 1 from {share:.1f} % of the starts"
    for ax in plot.axes.values():
        assert ax.get_xlim() == (-2, 2)
        assert ax.get_ylim() == (-1, 1)
    assert plot.axes["bce"].get_shared_x_axes().joined(*plot.axes.values())


def test_axes_are_the_window_and_say_what_they_are(study_of):
    """Marks outside of it change nothing."""
    axes = plot_starts(study_of(100), marks={"outside": (3, 2)}).axes.values()
    assert [ax.get_xlabel() for ax in axes] == ["weight w at the start"] * 2
    assert [ax.get_ylabel() for ax in axes] == ["bias b at the start", ""]
    for ax in axes:
        assert (ax.get_xlim(), ax.get_ylim()) == ((-2, 2), (-1, 1))


@pytest.mark.parametrize("marker", MARKERS)
def test_labels_of_ticks_are_clear_of_marks_on_the_edge(study_of, marker):
    """Of one in a corner, its edge of 1.5 points included, where ticks have no length."""
    style = MarkerStyle(marker)
    tips = style.get_path().transformed(style.get_transform()).vertices
    reach = MARKER_SIZE * np.abs(tips).max() + 0.75 * np.sqrt(2)
    with plt.rc_context({"xtick.major.size": 0, "ytick.major.size": 0}):
        plot = plot_starts(study_of(100), marks={"in the corner": (-2, -1)})
        plot.figure.draw_without_rendering()
        ax = plot.axes["bce"]
        boxes = [[label.get_window_extent() for label in axis.get_ticklabels()] for axis in (ax.xaxis, ax.yaxis)]
    below = ax.bbox.y0 - max(box.y1 for box in boxes[0])
    left = ax.bbox.x0 - max(box.x1 for box in boxes[1])
    assert min(below, left) * 72 / plot.figure.dpi >= reach


def test_bins_have_the_colour_of_failure_or_of_the_steps(study_of):
    plot = plot_starts(study_of())
    norm, cmap = plot.colorbar.norm, colormaps[plot.colorbar.cmap.name]
    left, right = np.array_split(plot.maps["mse"].get_array(), 2, axis=1)
    np.testing.assert_allclose(left, np.broadcast_to(to_rgba(FAILED), left.shape), atol=1e-6)
    np.testing.assert_allclose(right, np.broadcast_to(cmap(norm(100)), right.shape), atol=1e-6)
    everywhere = plot.maps["bce"].get_array()
    np.testing.assert_allclose(everywhere, np.broadcast_to(cmap(norm(10)), everywhere.shape), atol=1e-6)
    assert plot.maps["mse"].get_extent() == [-2, 2, -1, 1]
    assert plot.maps["mse"].origin == "lower"


@pytest.mark.parametrize(("k", "bins"), [(1, 1), (11, 1), (48, 2), (1200, 10), (50_000, 64), (2_000_000, MOST_BINS)])
def test_bins_hold_a_dozen_starts(study_of, k, bins):
    _, count = binned(read_starts(study_of(k)), "bce")
    assert count.shape == (bins, bins)
    assert count.sum() == k


def test_bins_are_counted_where_they_are():
    w, b = np.array([-1.9, -1.9, -1.9, 1.9, 2.0]), np.array([-0.9, -0.9, -0.9, 0.9, 1.0])
    good, steps = np.array([True, False, True, False, True]), np.array([3.0, -1, 6, 7, 0])
    starts = SimpleNamespace(
        w=np.tile(w, 10), b=np.tile(b, 10), w_range=(-2, 2), b_range=(-1, 1), succeeded={"bce": np.tile(good, 10)}
    )
    starts.steps = {"bce": np.tile(steps, 10)}
    mean, count = binned(starts, "bce")
    np.testing.assert_array_equal(count, [[30, 0], [0, 20]])
    np.testing.assert_array_equal(mean, [[4.5, np.nan], [np.nan, 0]])


def test_marks_are_drawn_in_every_map(study_of):
    plot = plot_starts(study_of(), marks={"by hand": (1, 0.5), "bad": (-2, -1)})
    for ax in plot.axes.values():
        assert [line.get_xydata().tolist() for line in ax.lines] == [[[1, 0.5]], [[-2, -1]]]
    texts = [text.get_text() for text in plot.legend.get_texts()]
    assert texts == ["ends below accuracy 1", "start by hand", "start bad"]


@pytest.mark.parametrize(("failures", "shown"), [(0, "100 %"), (1, "> 99.9 %"), (25_000, "50.0 %"), (50_000, "0 %")])
def test_shares_are_never_rounded_to_all_or_none(study_of, failures, shown):
    accuracy = np.where(np.arange(50_000) < failures, 0.5, 1)
    plot = plot_starts(study_of(accuracy={"bce": accuracy}, steps={"bce": np.where(accuracy == 1, 1, -1)}))
    assert f"from {shown} of" in plot.axes["bce"].get_title()


def test_runs_that_diverged_are_failures(study_of):
    k = 1000
    plot = plot_starts(study_of(k, accuracy={"mse": np.full(k, np.nan)}, steps={"mse": np.full(k, -1)}))
    assert "from 0 %" in plot.axes["mse"].get_title()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"w": np.zeros(0), "b": np.zeros(0)},
            r"study\.w has shape \(0,\) and study\.b \(0,\); accepted: \(k,\) for both, with k >= 1",
        ),
        ({"w": np.full(50_000, np.nan)}, r"study\.w has 50000 NaN or infinite values; accepted: finite values"),
        ({"b": np.zeros(3)}, r"study\.w has shape \(50000,\) and study\.b \(3,\); accepted: \(k,\)"),
        ({"w_range": (2, -2)}, r"study\.w_range is \(2, -2\); accepted: \(low, high\) with low < high"),
        ({"b_range": (-0.5, 1)}, r"study\.b_range is \(-0\.5, 1\) and starts .*; accepted: a window that holds every"),
        (
            {"steps": {}, "accuracy": {}},
            r"study\.steps has the costs \[\] .*; accepted: the same for both, at least one",
        ),
        ({"steps": {"bce": np.zeros(50_000)}}, r"the costs \['bce'\] and study\.accuracy \['bce', 'mse'\]; accepted"),
        (
            {"accuracy": {"bce": np.zeros(4), "mse": np.zeros(4)}},
            r"study\.steps of 'bce' has .*accuracy \(4,\); accepted: \(k,\) = \(50000,\)",
        ),
    ],
)
def test_bad_studies_are_refused(study_of, changes, message):
    with pytest.raises(ValueError, match=message):
        plot_starts(study_of(**changes))
    assert plt.get_fignums() == []


def test_starts_may_be_out_of_the_window_by_rounding(study_of):
    """To float32, that is: a millionth of the window, on every side."""
    study = study_of()
    ends = np.array([*study.w_range, *study.b_range]).reshape(2, 2)
    for off, accepted in ((0.9e-6, True), (1.1e-6, False)):
        for axis, name in enumerate("wb"):
            for side, sign in ((0, -1), (1, 1)):
                values = np.array(getattr(study, name))
                values[7] = ends[axis, side] + sign * off * np.ptp(ends[axis])
                moved = study_of(**{name: values})
                if accepted:
                    read_starts(moved)
                else:
                    with pytest.raises(
                        ValueError, match=rf"study\.{name}_range is .*; accepted: a window that holds every"
                    ):
                        read_starts(moved)


def test_what_is_no_study_is_refused(study_of):
    with pytest.raises(TypeError, match=r"study is a tuple without w, b, .*; accepted: what has w, b, "):
        plot_starts((1, 2))
    with pytest.raises(ValueError, match=r"marks\['here'\] has shape \(2,\); accepted: one number"):
        plot_starts(study_of(), marks={"here": (np.zeros(2), 1)})
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("changes", "marks", "message"),
    [
        ({"steps": np.zeros(50_000)}, None, r"study\.steps is a ndarray; accepted: \{cost: \(k,\)\}"),
        ({"accuracy": None}, None, r"study\.accuracy is a NoneType; accepted: \{cost: \(k,\)\}"),
        ({}, {"here": 5}, r"marks\['here'\] is 5; accepted: \(w, b\)"),
        ({}, [(1, 2)], r"marks is a list; accepted: \{name: \(w, b\)\} or None"),
    ],
)
def test_other_kinds_are_refused_by_name(study_of, changes, marks, message):
    with pytest.raises(TypeError, match=message):
        plot_starts(study_of(**changes), marks=marks)
    assert plt.get_fignums() == []


# Machado, Oliveira and Fernandes, A physiologically-based model for simulation of color vision deficiency, 2009, at
# severity 1, of linear light
SEEN_BY = {
    "grey": np.tile([0.2126, 0.7152, 0.0722], (3, 1)),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def as_seen(pixels, by):
    linear = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)
    seen = (linear @ SEEN_BY[by].T).clip(0, 1)
    return np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)


def contrast_within(pixels):
    """Of the lightest to the darkest of pixels (height, width, 3)."""
    flat = pixels.reshape(-1, 3)
    lightness = flat @ (0.2126, 0.7152, 0.0722)
    return float(contrast(flat[lightness.argmin()], flat[lightness.argmax()][None])[0])


@pytest.mark.parametrize("by", SEEN_BY)
def test_what_failed_is_told_without_colours(by, study_of):
    """By lines on it, in the map and in the legend, which nothing else has."""
    plot = plot_starts(study_of(2000))
    pixels = as_seen(pixels_of(plot.figure), by)
    ax, height = plot.axes["mse"], len(pixels)
    box = ax.bbox
    middle, low, high = (box.x0 + box.x1) / 2, height - box.y1, height - box.y0
    side = 40  # pixels, more than from line to line
    for top in range(int(low) + 10, int(high) - side - 10, side):
        for left in range(int(box.x0) + 10, int(middle) - side - 10, side):
            assert contrast_within(pixels[top : top + side, left : left + side]) > 3
        for left in range(int(middle) + 10, int(box.x1) - side - 10, side):
            assert contrast_within(pixels[top : top + side, left : left + side]) < 1.1
    patch = plot.legend.get_patches()[0].get_window_extent()
    rows, columns = slice(int(height - patch.y1) + 1, int(height - patch.y0)), slice(int(patch.x0) + 1, int(patch.x1))
    assert contrast_within(pixels[rows, columns]) > 3


def test_hatching_is_of_what_failed(study_of):
    plot = plot_starts(study_of())
    assert plot.hatched["bce"] is None
    (path,) = plot.hatched["mse"].get_paths()
    edges = path.get_extents().extents
    np.testing.assert_allclose(edges, [-2 - 2 / 64, -1 - 1 / 64, 0, 1 + 1 / 64], atol=2 / 64)


def test_marks_that_hide_others_are_told(study_of):
    plot = plot_starts(study_of(100), marks={"by hand": (1, 0.5), "seed 0": (1.01, 0.5), "bad": (-2, -1)})
    texts = [child.get_text() for child in plot.axes["bce"].texts]
    assert texts == ["start seed 0 covers start by hand"]
