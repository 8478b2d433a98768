"""Frames in which only what moves is drawn anew are those of a whole drawing."""

from unittest.mock import Mock

import matplotlib.pyplot as plt
import numpy as np
import pytest

from viz import animate
from viz.film.frames import camera, lifted_out, studio, whole_picture

STEPS = 0, 7, 140, 2


def assert_same_frames(run, steps=STEPS):
    with run.camera() as take:
        frames = [take(step) for step in steps]
    for step, frame in zip(steps, frames, strict=True):
        np.testing.assert_array_equal(frame, run.picture(step))


@pytest.mark.parametrize("follow", [False, True])
def test_frames_are_whole_drawings(follow, history, surface, data):
    run = animate(history, surface, data, follow=follow, window=((-10, 10), (-8, 8)), title="a title")
    assert_same_frames(run)


@pytest.mark.parametrize(
    "settings",
    [
        {"axes.axisbelow": False, "xtick.direction": "in", "ytick.direction": "inout"},
        {"axes.grid": True, "axes.axisbelow": "line"},
        {"path.sketch": (1, 100, 2), "lines.antialiased": False},
        {"figure.facecolor": "none", "axes.facecolor": (1, 0, 0, 0.5), "savefig.transparent": True},
        {"figure.frameon": False, "figure.dpi": 57},
        {"axes.spines.top": False, "legend.frameon": True, "legend.shadow": True},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_frames_are_whole_drawings_under_any_settings(settings, history, surface, data):
    with plt.rc_context(settings):
        run = animate(history, surface, data)
        assert_same_frames(run, (1, 140))
        assert (run.picture(1)[..., 3] == 255).all()


def test_frames_are_whole_drawings_of_a_figure_that_was_changed(history, surface, data):
    run = animate(history, surface, data)
    run.data.ax.axis("off")
    run.contour.ax.set_frame_on(False)
    run.figure.text(0.7, 0.6, "over the path", size=30)
    run.contour.ax.annotate("here", (5, 5), (10, 8), arrowprops={}, zorder=20)
    run.data.sigmoid.set(zorder=1, linewidth=9)
    assert_same_frames(run, (1, 140))


def test_little_is_drawn_anew(history, surface, data):
    run = animate(history, surface, data)
    with studio(run.figure, "white"):
        lifted = lifted_out(run.figure, run.moving)
    assert run.moving <= set(lifted)
    for stays in run.contour.contours, run.data.legend, run.contour.legend, run.data.ax.xaxis, run.contour.ax.yaxis:
        assert stays not in lifted


def test_what_stays_is_drawn_once(history, surface, data, monkeypatch):
    run, drawn = animate(history, surface, data), []
    draw = type(run.contour.contours).draw
    monkeypatch.setattr(type(run.contour.contours), "draw", lambda self, renderer: drawn.append(draw(self, renderer)))
    with run.camera() as take:
        before = len(drawn)
        for step in STEPS:
            take(step)
    assert len(drawn) == before


def test_the_figure_is_as_it_was(history, surface, data):
    run = animate(history, surface, data)
    run.figure.set_dpi(123)
    run.figure.patch.set(alpha=0.25, visible=False)
    canvas, face = run.figure.canvas, run.figure.get_facecolor()
    run = run._replace(draw=Mock(side_effect=KeyboardInterrupt))
    with run.camera() as take, pytest.raises(KeyboardInterrupt):
        take(3)
    assert run.figure.canvas is canvas
    assert (run.figure.dpi, run.figure.get_facecolor()) == (123, face)
    assert (run.figure.patch.get_alpha(), run.figure.patch.get_visible()) == (0.25, False)
    assert not any(artist.get_animated() for artist in run.figure.findobj())


def test_a_canvas_of_the_studio_is_drawn_when_asked_for():
    figure = plt.figure()
    text = figure.text(0.5, 0.5, "before")
    with plt.ion(), studio(figure, "white") as canvas:
        before = whole_picture(canvas)
        text.set_text("after")
        canvas.draw_idle()
        np.testing.assert_array_equal(np.array(canvas.buffer_rgba()), before)
        assert (whole_picture(canvas) != before).any()


def test_any_figure_can_be_taken():
    figure, ax = plt.subplots()
    under, over = ax.plot([0, 1], lw=30)[0], ax.plot([1, 0], lw=30)[0]
    with camera(figure, {under}, "white") as picture:
        under.set_color("red")
        frame = picture()
    with studio(figure, "white") as canvas:
        np.testing.assert_array_equal(frame, whole_picture(canvas))
    assert over.get_zorder() == under.get_zorder()
