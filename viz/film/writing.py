"""Films as files: pictures that move, pages and videos."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path as File
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np

from viz.film.palette import in_few_colors, without_alpha
from viz.film.player import LAST_STAYS, MILLISECONDS, player_of
from viz.language import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PIL import Image

    Take: TypeAlias = Callable[[int], np.ndarray]
    Writer: TypeAlias = Callable[[IO[bytes], Take, np.ndarray], None]

QUALITY = 9  # of a video, from 1 to 10: letters and thin lines stay clear; chosen by eye


def writer_of(name: str) -> Writer:
    """The function that writes a file of that name, by its suffix; ValueError for another, ImportError for a video
    without imageio-ffmpeg."""
    suffix = File(name).suffix.lower()
    if suffix not in WRITERS:
        *most, last = WRITERS
        raise ValueError(f"path is {name!r}; accepted: a name that ends in {', '.join(most)} or {last}")
    if suffix == ".mp4":
        require_encoder()
    return WRITERS[suffix]


def require_encoder() -> None:
    try:
        import imageio_ffmpeg  # noqa: F401
    except ImportError:
        needs = "which films in .mp4 need: pip install 'logreg-kernels[film]'"
        raise ImportError(f"imageio-ffmpeg is not installed, {needs}") from None


def write_gif(file: IO[bytes], take: Take, steps: np.ndarray) -> None:
    write_images(file, in_few_colors(take, steps), steps, format="GIF", optimize=True)


def write_webp(file: IO[bytes], take: Take, steps: np.ndarray) -> None:
    exact: dict[str, Any] = {"lossless": True, "quality": 20, "method": 2, "minimize_size": True}
    write_images(file, (without_alpha(take(step)) for step in steps), steps, format="WEBP", **exact)


def write_images(file: IO[bytes], images: Iterator[Image.Image], steps: np.ndarray, **options: Any) -> None:
    """Writes a picture that moves, again and again."""
    times = [MILLISECONDS] * (len(steps) - 1) + [LAST_STAYS * MILLISECONDS]
    next(images).save(file, save_all=True, append_images=images, duration=times, loop=0, **options)


def write_html(file: IO[bytes], take: Take, steps: np.ndarray) -> None:
    """Writes a page with controls."""
    head = f'<!doctype html><html><meta charset="utf-8"><title>{said("a run of training")}</title>'
    file.write(f"{head}<body>{player_of(take, steps)}</body></html>\n".encode())


def write_mp4(file: IO[bytes], take: Take, steps: np.ndarray) -> None:
    """Writes a video, a row and a column less where these are odd in number: videos have colours for four pixels."""
    from imageio_ffmpeg import write_frames

    height, width = (length // 2 * 2 for length in take(steps[0]).shape[:2])
    options: dict[str, Any] = {"fps": 1000 / MILLISECONDS, "quality": QUALITY, "macro_block_size": 2}
    with TemporaryDirectory() as folder:
        path = File(folder) / "run.mp4"
        video = write_frames(str(path), (width, height), **options, output_params=["-movflags", "+faststart"])
        with closing(video):
            video.send(None)
            for step in [*steps, *[steps[-1]] * (LAST_STAYS - 1)]:
                video.send(np.ascontiguousarray(take(step)[:height, :width, :3]))
        file.write(path.read_bytes())


WRITERS: dict[str, Writer] = {".gif": write_gif, ".webp": write_webp, ".html": write_html, ".mp4": write_mp4}
