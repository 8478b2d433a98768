"""The training run as an animation: the data space beside the contour with the growing path."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path as File
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.animation import FuncAnimation, HTMLWriter
from PIL import Image

from viz.colors import under
from viz.contour import ContourPlot, draw_mark, plot_contour
from viz.foot import add_foot
from viz.inputs import read_data, read_path, read_surface, step_numbers
from viz.layout import new_figure
from viz.paths import LOOKS
from viz.training import DataPlot, draw_boundary, plot_data, sigmoid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike

    from matplotlib.figure import Figure

    from viz.results import Data, History, Keywords, LossSurface

MOST_FRAMES = 50  # 5 seconds, chosen by eye: long enough to follow a run, and a file of a megabyte
MILLISECONDS = 100  # a frame
LAST_STAYS = 20  # frames
DPI = 80  # pixels an inch: 1024 x 384 a frame
NOW = LOOKS[0].color


class RunAnimation(NamedTuple):
    """What `animate` made: the kept steps that it shows, 0 being the start, and the function that draws one of them."""

    figure: Figure
    steps: np.ndarray
    draw: Callable[[int], None]
    data: DataPlot
    contour: ContourPlot

    @property
    def animation(self) -> FuncAnimation:
        """The matplotlib animation."""
        times: dict[str, Any] = {"interval": MILLISECONDS, "repeat_delay": LAST_STAYS * MILLISECONDS}
        return FuncAnimation(self.figure, self.draw, self.steps, **times)

    def save(self, path: str | bytes | PathLike[str] | PathLike[bytes]) -> None:
        """Writes the animation as `.gif`, or as `.html` with controls, whole or not at all; ValueError for another
        suffix, OSError for what is there and no regular file."""
        from kernels.wholefile import name_of, whole_file

        suffix = File(name_of(path)).suffix.lower()
        if suffix not in (".gif", ".html"):
            raise ValueError(f"path is {str(path)!r}; accepted: a name that ends in .gif or .html")
        with whole_file(path) as file:
            if suffix == ".gif":
                write_gif(file, (self.picture(step) for step in self.steps))
            else:
                write_html(file, self)

    def picture(self, step: int) -> np.ndarray:
        """One step as RGBA (height, width, 4), uint8: the whole figure, opaque, whatever `rcParams` say of savefig."""
        self.draw(step)
        buffer = BytesIO()
        self.figure.savefig(
            buffer,
            format="png",
            dpi=DPI,
            pil_kwargs={"compress_level": 1},
            bbox_inches=self.figure.bbox_inches,
            transparent=False,
            facecolor=ground_of(self),
        )
        return np.asarray(Image.open(buffer).convert("RGBA"))


def animate(
    history: History,
    surface: LossSurface,
    data: Data,
    *,
    points_kw: Keywords = None,
    line_kw: Keywords = None,
    **contour_style: Any,
) -> RunAnimation:
    """Animates a run: the data with the sigmoid and the line of the model, beside the contour with the path so far.

    `history` is one run and `surface` a surface of (w, b), as in `plot_surface`; a history that doesn't hold every step
    also has `every`, the steps from one to the next, and, if it leaves out the last, `steps`, end_w (1,), end_b and
    end_loss. `data`, `points_kw` and `line_kw` are as in `plot_data`, `contour_style` keywords of `plot_contour`. At
    most 50 steps are shown, evenly spaced from the start to the last, which stays for a while. Returns `RunAnimation`,
    on a new figure; its `save` writes a `.gif` or an `.html`.

    Raises what `plot_contour` and `plot_data` raise.
    """
    path = read_path(history)
    read_surface(surface)
    x, _ = read_data(data)
    steps = shown_steps(len(path.s) - 1)
    numbers = step_numbers(history, len(history.b))
    figure, (left, right) = new_figure(columns=2)
    contour = plot_contour(surface, history, ax=right, **contour_style)
    if contour.arrows is not None:
        contour.arrows.remove()
    model = plot_data(data, path.s[-1], path.t[-1], ax=left, points_kw=points_kw, line_kw=line_kw, legend=False)
    if model.boundary is not None:
        model.boundary.remove()
    boundary = draw_boundary(left, x[0], "boundary", line_kw)
    model = model._replace(boundary=boundary, legend=add_foot(left)[0])
    title = figure.suptitle(" ", color=left.title.get_color())
    now = draw_mark(right, (path.s[0], path.t[0]), "o", NOW, 7, "_now")
    now.set(zorder=13, clip_on=True)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # one layout for all frames

    def draw(step: int) -> None:
        w, b = path.s[step], path.t[step]
        at = model.line.get_xdata()
        model.line.set_ydata(w * at + b)
        model.sigmoid.set_ydata(sigmoid(w * at + b))
        boundary.set(xdata=[-b / w] * 2 if w else [np.nan] * 2)
        if contour.path is not None:
            contour.path.set_data(path.s[: step + 1], path.t[: step + 1])
        now.set_data([w], [b])
        title.set_text(f"step {numbers[step]} of {numbers[-1]}: w = {w:z.2f}, b = {b:z.2f}")

    return RunAnimation(figure, steps, draw, model, contour)


def shown_steps(steps: int) -> np.ndarray:
    """At most `MOST_FRAMES` numbers from 0 to `steps`, evenly spaced, both ends included."""
    return np.unique(np.linspace(0, steps, min(steps + 1, MOST_FRAMES)).round().astype(int))


def ground_of(run: RunAnimation) -> tuple[float, ...]:
    """The colour on which the frames of a run are drawn."""
    return tuple(under(run.contour.ax))


def write_html(file: IO[bytes], run: RunAnimation) -> None:
    """Writes a run as a page with controls."""
    with TemporaryDirectory() as folder:
        path = File(folder) / "run.html"
        writer = HTMLWriter(fps=1000 / MILLISECONDS, embed_frames=True)  # type: ignore[arg-type]  # not only whole ones
        run.animation.save(path, writer=writer, dpi=DPI, savefig_kwargs={"facecolor": ground_of(run)})
        file.write(path.read_bytes())


def write_gif(file: IO[bytes], pictures: Iterable[np.ndarray]) -> None:
    """Writes pictures (height, width, 4) as a GIF that repeats, all in the colours of the last."""
    images = [Image.fromarray(picture).convert("RGB") for picture in pictures]
    palette = images[-1].quantize(dither=Image.Dither.NONE)
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    durations = [MILLISECONDS] * (len(frames) - 1) + [LAST_STAYS * MILLISECONDS]
    times: dict[str, Any] = {"duration": durations, "loop": 0}
    frames[0].save(file, format="GIF", save_all=True, append_images=frames[1:], optimize=False, **times)
