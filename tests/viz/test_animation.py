"""The run as an animation."""

import os
from itertools import pairwise
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.quiver import Quiver
from PIL import Image

from viz import animate, animation, plot_surface


@pytest.fixture
def few_frames(monkeypatch):
    monkeypatch.setattr(animation, "MOST_FRAMES", 4)


@pytest.mark.parametrize(
    ("steps", "shown"), [(0, [0]), (1, [0, 1]), (4, [0, 1, 2, 3, 4]), (49, [*range(50)]), (700, None)]
)
def test_shown_steps_are_even_and_end_with_the_last(steps, shown):
    got = animation.shown_steps(steps)
    if shown is not None:
        assert got.tolist() == shown
    assert (got[0], got[-1]) == (0, steps)
    assert len(got) <= animation.MOST_FRAMES
    if steps:
        assert np.ptp(np.diff(got)) <= 1


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


def test_the_path_grows_without_arrows(history, surface, data):
    """They would show where it goes before it is there."""
    run = animate(history, surface, data)
    assert run.contour.arrows is not None
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


def test_gif(history, surface, data, few_frames, tmp_path):
    path = tmp_path / "run.GIF"
    animate(history, surface, data).save(path)
    with Image.open(path) as gif:
        assert gif.format == "GIF"
        assert gif.n_frames == 4
        frames = []
        for k in range(4):
            gif.seek(k)
            frames.append(np.asarray(gif.convert("RGB"), float))
        assert gif.info["duration"] > 1000  # the last one stays
    assert frames[0].std() > 20
    assert all(np.abs(one - other).max() > 50 for one, other in pairwise(frames))


def test_html(history, surface, data, few_frames, tmp_path):
    path = tmp_path / "run.html"
    animate(history, surface, data).save(path)
    text = path.read_text()
    assert text.count("data:image/png;base64") == 4
    assert [file.name for file in tmp_path.iterdir()] == ["run.html"]


@pytest.mark.parametrize("name", ["run.gif", "run.html"])
def test_a_film_is_written_whole_or_not_at_all(name, history, surface, data, few_frames, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    path, run = tmp_path / name, animate(history, surface, data)
    path.write_text("old")
    monkeypatch.setattr(run.figure, "savefig", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.save(path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, "old")]
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match=f"{name}', a FIFO; accepted: a regular file"):
        run.save(os.fsencode(path))
    assert path.is_fifo()


def test_other_suffixes_are_refused(history, surface, data, tmp_path):
    run = animate(history, surface, data)
    for name in ("run.mp4", "run", "gif"):
        with pytest.raises(ValueError, match=rf"path is .*{name}'; accepted: a name that ends in \.gif or \.html"):
            run.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


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
    assert plt.get_fignums() == []
