"""The run as an animation."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.quiver import Quiver

from kernels.language import speaking
from viz import animate, plot_surface

HEAD = "this step"


def head_of(run):
    """The mark of the model of the step."""
    return next(line for line in run.contour.ax.lines if line.get_label() == HEAD)


def texts_of(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_every_step_has_its_model_and_its_path(history, surface, data):
    run = animate(history, surface, data)
    w, b = np.append(history.start_w, history.w[:, 0]), np.append(history.start_b, history.b)
    for step in (0, 1, 70, 140, 3):
        run.draw(step)
        at = run.data.line.get_xdata()
        np.testing.assert_allclose(run.data.line.get_ydata(), w[step] * at + b[step])
        np.testing.assert_allclose(run.data.sigmoid.get_ydata(), 1 / (1 + np.exp(-(w[step] * at + b[step]))))
        np.testing.assert_allclose(run.contour.path.get_xydata(), np.column_stack([w, b])[: step + 1])
        assert f"step {step} of 140" in run.figure.get_suptitle()
    assert run.steps[-1] == 140


@pytest.mark.parametrize(("step", "error"), [(-1, ValueError), (141, ValueError), (1.5, TypeError), (None, TypeError)])
def test_other_steps_are_refused(step, error, history, surface, data):
    run = animate(history, surface, data)
    for show in (run.draw, run.picture):
        with pytest.raises(error, match=f"^step is {step}; accepted: an integer"):
            show(step)
    assert "step 0 of 140" in run.figure.get_suptitle()


def test_the_path_grows_without_arrows(history, surface, data):
    """They would show where it goes before it is there."""
    run = animate(history, surface, data)
    assert run.contour.arrows is None
    assert not any(isinstance(artist, Quiver) for artist in run.contour.ax.collections)


def test_titles_count_all_steps_of_a_thinned_history(history, surface, data):
    thinned = SimpleNamespace(**vars(history) | {"w": history.w[4::5], "b": history.b[4::5], "every": 5})
    thinned.full_loss = lambda: history.full_loss()[4::5]
    run = animate(thinned, surface, data)
    run.draw(3)
    assert f"step 15 of 140: w = {history.w[14, 0]:.2f}" in run.figure.get_suptitle()


@pytest.mark.parametrize("every", [0, 9, 141])
def test_the_end_is_shown_where_it_was_not_kept(every, history, surface, data):
    kept = slice(every - 1, None, every) if every else slice(0)
    end = {"steps": 140, "end_w": history.w[-1], "end_b": history.b[-1], "end_loss": history.full_loss()[-1]}
    fields = {
        "w": history.w[kept],
        "b": history.b[kept],
        "every": every,
        "full_loss": lambda: history.full_loss()[kept],
    }
    thin = SimpleNamespace(**vars(history) | fields | end)
    run = animate(thin, surface, data)
    run.draw(run.steps[-1])
    assert f"step 140 of 140: w = {history.w[-1, 0]:.2f}" in run.figure.get_suptitle()
    plot = plot_surface(surface, thin)
    assert plot.end.get_data_3d() == (history.w[-1, 0], history.b[-1], history.full_loss()[-1])
    with pytest.raises(
        TypeError, match="history is a SimpleNamespace without end_w; accepted: what has end_w, end_b, end_loss"
    ):
        animate(SimpleNamespace(**vars(history), steps=141, end_b=0, end_loss=0), surface, data)
    animate(SimpleNamespace(**vars(history), steps=140), surface, data)


def test_the_end_is_shown_at_the_end(history, surface, data):
    run = animate(history, surface, data)
    for step, ends in ((0, False), (1, False), (139, False), (140, True), (139, False)):
        run.draw(step)
        assert run.contour.end.get_visible() == ends
        head = head_of(run)
        assert head.get_visible() != ends
        assert head.get_xydata().tolist() == run.contour.path.get_xydata()[-1:].tolist()


def test_nothing_speaks_of_the_end_before_it(surface, data, straight_path):
    """Neither the mark of the lowest point, which the end may hide, nor a note on where the path leaves the window."""
    lowest = surface.minimum[:2]
    run = animate(straight_path([(0, 0), lowest]), surface, data)
    assert run.contour.minimum.get_xydata().tolist() == [[*lowest]]
    star = "lowest on this grid: at its edge, not inside"
    assert texts_of(run.contour.legend) == [star, "path", "start", "end", HEAD]
    run = animate(straight_path([(0, 0), (40, 3)]), surface, data)
    assert run.contour.end is None
    assert run.contour.note is None
    assert texts_of(run.contour.legend)[1:] == ["path", "start", HEAD]
    for step, outside in ((0, ""), (1, ", outside the window")):
        run.draw(step)
        assert run.figure.get_suptitle().endswith(outside or "b = 0.00")
        assert head_of(run).get_visible()


def test_the_head_moves_in_the_windows_that_follow(history, surface, data):
    run = animate(history, surface, data, follow=True)
    windows = []
    for step in run.steps:
        run.draw(step)
        (low, high), (bottom, top) = run.contour.ax.get_xlim(), run.contour.ax.get_ylim()
        np.testing.assert_allclose([high - low, top - bottom], [10, 26 / 3])
        ((w, b),) = head_of(run).get_xydata()
        assert low <= w <= high
        assert bottom <= b <= top
        windows.append((low, bottom))
    assert np.ptp(windows, axis=0).min() > 3
    assert all(mark.get_clip_on() for mark in (run.contour.minimum, run.contour.start, run.contour.end))


def test_frames_and_spread(history, surface, data):
    assert animate(history, surface, data, spread="time", frames=8).steps.tolist() == [*range(0, 141, 20)]
    assert len(animate(history, surface, data).steps) == 50
    assert animate(history, surface, data, frames=1000).steps.tolist() == [*range(141)]
    assert animate(history, surface, data, spread="log", frames=5).steps.tolist() == [0, 3, 11, 40, 140]


def test_legends_can_be_left_out(history, surface, data):
    run = animate(history, surface, data, legend=False, path_kw={"linewidth": 5})
    assert run.contour.legend is run.data.legend is None
    assert run.contour.path.get_linewidth() == 5


def test_spanish(history, surface, data):
    with speaking("es"):
        run = animate(history, surface, data)
        run.draw(1)
        assert run.figure.get_suptitle() == f"paso 1 de 140: w = {history.w[0, 0]:.2f}, b = {history.b[0]:.2f}"
        assert texts_of(run.contour.legend)[-1] == "este paso"
        assert texts_of(run.data.legend)[-1] == "frontera"


def test_the_matplotlib_animation_has_every_frame(history, surface, data):
    run = animate(history, surface, data, frames=3)
    page = run.animation.to_jshtml(embed_frames=True)
    assert page.count("data:image/png;base64") == 3
    assert run.figure.get_suptitle().startswith("step 140 of 140")


def test_no_steps_and_no_slope_are_drawn(history_of, surface, data):
    run = animate(history_of(w=0.0, b=0.0, epochs=0), surface, data)
    run.draw(0)
    run.figure.canvas.draw()
    assert run.steps.tolist() == [0]


def test_bad_input_is_refused_before_a_figure_is_made(history, surface, data):
    with pytest.raises(
        TypeError, match=r"surface is a NoneType without w, .*; accepted: what has w, b, Z, loss, minimum"
    ):
        animate(history, None, data)
    with pytest.raises(TypeError, match=r"history is a NoneType without w, .*; accepted: what has w, b, start_w"):
        animate(None, surface, data)
    with pytest.raises(ValueError, match=r"data x has shape \(3, 2\); accepted: \(n, 1\) or \(n,\)"):
        animate(history, surface, (np.ones((3, 2)), np.ones(3)))
    with pytest.raises(ValueError, match="frames is 1; accepted: an integer >= 2"):
        animate(history, surface, data, frames=1)
    with pytest.raises(ValueError, match="spread is 'even'; accepted: 'path', 'log', 'time'"):
        animate(history, surface, data, spread="even")
    with pytest.raises(ValueError, match="'nothing'"):
        animate(history, surface, data, cmap="nothing")
    assert plt.get_fignums() == []
