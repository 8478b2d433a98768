"""Films as files, and in notebooks."""

import base64
import io
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from unittest.mock import Mock

import imageio_ffmpeg
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from kernels.language import speaking
from viz import animate
from viz.film.palette import in_few_colors

SUFFIXES = "gif", "webp", "html", "mp4"


@pytest.fixture
def run(history, surface, data):
    return animate(history, surface, data, frames=4)


def frames_of(path):
    """The frames (frames, height, width, 3) of a picture that moves, and the milliseconds of each."""
    with Image.open(path) as film:
        frames, times = [], []
        for k in range(film.n_frames):
            film.seek(k)
            frames.append(np.asarray(film.convert("RGB"), int))
            times.append(film.info["duration"])
        assert film.info["loop"] == 0
        assert film.format == path.suffix[1:].upper()
    return np.array(frames), times


def frames_of_page(page):
    """The frames that a page shows one after the other, and the one that it shows without scripts."""
    ground, last = (decoded(image) for image in re.findall(r'<img[^>]*src="data:image/png;base64,([^"]*)"', page))
    overlays = [decoded(image) for image in json.loads(re.search(r"const frames = (\[.*?\])", page)[1])]
    together = [Image.alpha_composite(ground, image) for image in (*overlays, last)]
    *frames, last = (np.asarray(image.convert("RGB"), int) for image in together)
    return np.array(frames), last


def decoded(text):
    return Image.open(io.BytesIO(base64.b64decode(text))).convert("RGBA")


def pictures_of(run):
    return np.array([run.picture(step)[..., :3] for step in run.steps], int)


def test_gif(run, tmp_path):
    path = tmp_path / "run.GIF"
    run.save(path)
    frames, times = frames_of(path)
    assert times == [100, 100, 100, 2000]
    assert_close(frames, pictures_of(run))


def test_webp(run, tmp_path):
    path = tmp_path / "run.webp"
    run.save(path)
    frames, times = frames_of(path)
    assert times == [100, 100, 100, 2000]
    np.testing.assert_array_equal(frames, pictures_of(run))


def test_html(run, tmp_path):
    path = tmp_path / "run.html"
    run.save(path)
    page = path.read_text()
    frames, last = frames_of_page(page)
    assert_close(frames, pictures_of(run))
    np.testing.assert_array_equal(last, frames[-1])
    assert page.startswith("<!doctype html>")
    assert "http" not in page
    assert "$" not in page


def test_mp4(run, tmp_path):
    path = tmp_path / "run.mp4"
    run.figure.set_size_inches(6.01, 2.57)
    run.save(path)
    read = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    frames = np.frombuffer(subprocess.run(read, capture_output=True, check=True).stdout, np.uint8)
    first, *_, last = frames.reshape(3 + 20, 204, 480, 3).astype(int)
    assert imageio_ffmpeg.count_frames_and_secs(path) == (23, 2.3)
    expected = pictures_of(run)[:, :204, :480]
    for frame, picture, other in ((first, expected[0], expected[-1]), (last, expected[-1], expected[0])):
        assert np.abs(frame - picture).mean() < 3
        assert np.abs(frame - picture).mean() < 0.7 * np.abs(frame - other).mean()


def assert_close(frames, pictures):
    """As close as few colours can be, and each frame closest to its own picture."""
    assert frames.shape == pictures.shape
    assert np.abs(frames - pictures).mean() < 2
    assert (np.abs(frames - pictures).max(axis=-1) > 16).mean() < 0.005
    for (one, own), (_, other) in pairwise(zip(frames, pictures, strict=True)):
        assert np.abs(one - own).mean() < np.abs(one - other).mean()


def test_few_colors_are_those_of_all_frames(history, surface, data):
    run = animate(history, surface, data, frames=4, follow=True)
    with run.camera() as take:
        images = [*in_few_colors(take, run.steps)]
    assert {tuple(image.getpalette()) for image in images} == {tuple(images[0].getpalette())}
    assert max(np.asarray(image).max() for image in images) < 255
    assert_close(np.array([np.asarray(image.convert("RGB"), int) for image in images]), pictures_of(run))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_run_of_no_steps_is_a_film_of_one_frame(suffix, history_of, surface, data, tmp_path):
    path = tmp_path / f"run.{suffix}"
    run = animate(history_of(epochs=0), surface, data)
    run.save(path)
    if suffix == "html":
        assert_close(frames_of_page(path.read_text())[0], pictures_of(run))
    assert path.stat().st_size > 1000


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_film_is_written_whole_or_not_at_all(suffix, run, tmp_path):
    path = tmp_path / f"run.{suffix}"
    interrupted = Mock(side_effect=[None, KeyboardInterrupt])
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        run._replace(draw=interrupted).save(path)
    assert interrupted.call_count == 2
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(path.name, "old")]
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match=f"{path.name}', a FIFO; accepted: a regular file"):
        run.save(os.fsencode(path))
    assert path.is_fifo()


def test_other_suffixes_are_refused(run, tmp_path):
    accepted = r"a name that ends in \.gif, \.webp, \.html or \.mp4"
    for name in ("run.avi", "run", "gif"):
        with pytest.raises(ValueError, match=rf"path is .*{name}'; accepted: {accepted}"):
            run.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_video_needs_an_encoder(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ImportError, match=r"imageio-ffmpeg is not installed, .*: pip install 'logreg-kernels\[film\]'"):
        run.save(tmp_path / "run.mp4")
    assert list(tmp_path.iterdir()) == []
    run.save(tmp_path / "run.gif")


def test_a_notebook_shows_the_film(run):
    one, other = run._repr_html_(), run._repr_html_()
    assert_close(frames_of_page(one)[0], pictures_of(run))
    names = [re.search(r'id="(film-\w+)"', page)[1] for page in (one, other)]
    assert names[0] != names[1]  # of two films in one notebook
    assert one.count(names[0]) == 2
    assert plt.fignum_exists(run.figure.number)


def test_a_notebook_shows_it_once(run, monkeypatch):
    monkeypatch.setattr(mpl, "get_backend", lambda: "module://matplotlib_inline.backend_inline")
    run._repr_html_()
    assert plt.get_fignums() == []


def test_controls_are_in_the_language_spoken(run, tmp_path):
    path = tmp_path / "run.html"
    with speaking("es"):
        run.save(path)
    page = path.read_text()
    assert re.findall(r'aria-label="([^"]*)"', page) == [
        "un entrenamiento, paso a paso",
        "al primer fotograma",
        "un fotograma atrás",
        "un fotograma adelante",
        "al último fotograma",
        "fotograma",
    ]
    assert "<title>un entrenamiento</title>" in page
    assert ">reproducir</button>" in page
