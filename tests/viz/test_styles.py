"""Every plot under every style: what is written and drawn can be read, all of it is in the picture, nothing warns."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from tests.viz.contrast import contrast, contrast_along, faint_texts
from viz import animate, plot_contour, plot_data, plot_epochs, plot_starts, plot_surface
from viz.colors import ink, inside, luminance, under, visible
from viz.layout import points

OFTEN = ("default", "dark_background", "Solarize_Light2")
STYLES = [
    pytest.param(style, marks=() if style in OFTEN else pytest.mark.long)
    for style in ("default", *sorted(plt.style.library))
]


@pytest.fixture(params=STYLES)
def style(request):
    with plt.style.context(request.param):
        width, height = plt.rcParams["figure.figsize"]  # of some styles 2 inches, for pictures without a text
        with plt.rc_context({"figure.figsize": (max(width, 3.3), max(height, 2.6))}):
            yield request.param


FEW = ("contour", "wireframe", "data")


def readable(figure):
    figure.set_dpi(60)
    assert faint_texts(figure) == {}
    plt.close(figure)


@pytest.mark.parametrize("name", FEW)
def test_texts_can_be_read(style, plots, name):
    readable(plots[name]())


@pytest.mark.long
def test_texts_of_all_plots_can_be_read(style, plots):
    for name in plots.keys() - set(FEW):
        readable(plots[name]())


@pytest.mark.long
@pytest.mark.parametrize("styles", [("dark_background", "seaborn-v0_8-poster"), ("ggplot", "dark_background")])
def test_texts_can_be_read_under_two_styles(styles, plots):
    with plt.style.context(list(styles)):
        for draw in plots.values():
            readable(draw())


def test_lines_of_the_data_can_be_seen(style, data, history):
    plot = plot_data(data, 15.75, -3.8)
    ground = np.array(to_rgb(plot.ax.get_facecolor()))
    for line in plot.line, plot.sigmoid, plot.boundary, plot.class_0, plot.class_1:
        assert contrast(np.array(to_rgb(line.get_color())), ground) >= 3
    curves = plot_epochs(history, data).curves
    colors = curves.cmap(curves.norm(curves.get_array()))[:, :3]
    seen = contrast(colors, ground)
    assert seen.min() >= 3
    assert seen.argmax() == len(colors) - 1


def test_path_and_wireframe_can_be_seen(style, surface, history):
    contour = plot_contour(surface, history)
    for over_it in contour.arrows, contour.start, contour.end, contour.minimum, contour.legend:
        over_it.remove()
    assert contrast_along(contour.path).min() >= 3
    plot = plot_surface(surface, history, wireframe=True)
    panes = [np.array(axis.pane.get_facecolor()) for axis in (plot.ax.xaxis, plot.ax.yaxis, plot.ax.zaxis)]
    ground = [pane[3] * pane[:3] + (1 - pane[3]) * np.array(to_rgb(plot.ax.get_facecolor())) for pane in panes]
    assert min(contrast(np.array(plot.surface.get_edgecolor()[0, :3]), color) for color in ground) >= 2.5


def test_marks_have_an_edge(style, surface, history, data):
    contour, points = plot_contour(surface, history), plot_data(data, 1, 0)
    for mark in contour.start, contour.minimum, points.class_0, points.class_1:
        assert mark.get_markeredgewidth() > 0.5
    assert contrast(np.zeros(3), np.array(to_rgb(contour.start.get_markeredgecolor()))) == 1


@pytest.mark.parametrize(("size", "expected"), [(20, 20), ("medium", 9), ("large", 10.8), (7.5, 7.5)])
def test_sizes_of_letters_are_those_of_the_style(size, expected):
    with plt.rc_context({"font.size": 9, "legend.fontsize": size}):
        assert points("legend.fontsize") == pytest.approx(expected)


@pytest.mark.parametrize("label", ["white", "0.6", "black"])
def test_legends_can_be_read_whatever_their_letters_should_be(label, surface, history, study_of):
    with plt.rc_context({"legend.labelcolor": label, "legend.facecolor": "white", "legend.framealpha": 1}):
        legends = plot_contour(surface, history).legend, plot_starts(study_of(100), marks={"a": (1, 0)}).legend
    for text in (text for legend in legends for text in legend.get_texts()):
        assert contrast(np.array(to_rgb(text.get_color())), np.ones(3)) >= 4.5


@pytest.mark.parametrize("size", [(3.3, 2.6), (6.4, 4.8), (12, 8)])
def test_figures_have_the_size_that_the_style_says(size, plots):
    """For each Axes, of which films and maps have two in a row."""
    with plt.rc_context({"figure.figsize": size, "font.size": 8}):
        for name, draw in plots.items():
            columns = 2 if name in ("film", "starts", "rates") else 1
            np.testing.assert_allclose(draw().get_size_inches(), (columns * size[0], size[1]), err_msg=name)
            plt.close("all")


def test_xkcd(plots, monkeypatch, caplog):
    with plt.xkcd(), plt.rc_context({"font.family": "DejaVu Sans"}):
        for name in ("contour", "wireframe", "data"):
            plots[name]().canvas.draw()


@pytest.mark.parametrize("color", ["black", "white", "0.5", "#D55E00", "#0072B2", "#F0E442"])
@pytest.mark.parametrize("ground", ["black", "white", "0.46", "#eee8d5", "#440154", "#fde725"])
@pytest.mark.parametrize("least", [3, 4.5])
def test_colors_are_moved_no_further_than_they_must(color, ground, least):
    color, ground = np.array(to_rgb(color)), np.array(to_rgb(ground))
    moved = np.array(visible(color, ground, least))
    assert contrast(moved, ground) >= least
    if contrast(color, ground) >= least:
        assert moved.tolist() == color.tolist()
    else:
        assert contrast((color + moved) / 2, ground) < least
    assert contrast(np.array(ink(ground)), ground) >= 4.5


def test_the_worst_of_several_grounds_counts():
    grounds = np.array([(0.0, 0.0, 0.0), (0.2, 0.2, 0.2)])
    moved = np.array(visible("0.4", grounds, 4.5))
    assert min(contrast(moved, ground) for ground in grounds) >= 4.5


@pytest.mark.parametrize(
    ("colors", "shade"), [("black", 0), ("white", 1), ("#808080", 0.21586), ("#ff0000", 0.2126), ("#0a0a0a", 0.003035)]
)
def test_luminance_is_that_of_wcag(colors, shade):
    np.testing.assert_allclose(luminance(to_rgb(colors)), shade, rtol=1e-3)


def test_what_is_under_transparent_figures_is_what_the_labels_are_for(data):
    for label, ground in ("white", 0), ("black", 1):
        with plt.rc_context({"figure.facecolor": "none", "axes.facecolor": "none", "axes.labelcolor": label}):
            ax = plot_data(data, 1, 0).ax
        assert under(ax).tolist() == inside(ax).tolist() == [ground] * 3


def test_half_transparent_axes_are_mixed_with_the_figure():
    with plt.rc_context({"figure.facecolor": "black", "axes.facecolor": (1, 1, 1, 0.5)}):
        ax = plt.figure().subfigures().subplots()
    np.testing.assert_allclose(inside(ax), 0.5)


@pytest.mark.parametrize(
    "settings",
    [
        {"savefig.bbox": "tight"},
        {"savefig.bbox": "tight", "savefig.pad_inches": 1.5},
        {"savefig.dpi": 33, "figure.dpi": 57},
        {"savefig.facecolor": "red", "savefig.transparent": True},
        {"figure.facecolor": "none", "axes.facecolor": "none"},
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [None, (6.01, 2.57)], ids=["as made", "resized"])
def test_films_have_frames_of_one_size(settings, size, history, surface, data):
    with plt.rc_context(settings):
        run = animate(history, surface, data)
        if size:
            run.figure.set_size_inches(size)
        frames = [run.picture(step) for step in (0, 70, 140)]
    width, height = (int(80 * side + 1e-6) for side in size or (12.8, 4.8))
    assert {frame.shape for frame in frames} == {(height, width, 4)}
    for frame in frames:
        assert (frame[..., 3] == 255).all()
        assert frame[1, 1].tolist() == [255] * 4
    plt.close(run.figure)
