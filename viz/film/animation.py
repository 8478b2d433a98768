"""The training run as an animation: the data space beside the contour with the growing path."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation
from matplotlib.colors import to_rgb

from viz.colors import RGB, under
from viz.contour import ContourPlot, plot_contour
from viz.film.frames import camera, studio, whole_picture
from viz.film.player import player_of
from viz.film.scene import Scene, draw_head, draw_model, draw_path, draw_title
from viz.film.spread import SPREADS, shown_steps
from viz.film.views import views
from viz.film.writing import LAST_STAYS, MILLISECONDS, writer_of
from viz.foot import add_foot
from viz.inputs import read_data, read_path, read_surface, step_numbers
from viz.layout import new_figure
from viz.paths import UNNAMED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from os import PathLike

    import numpy as np
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

    from viz.results import Data, History, Keywords, LossSurface
    from viz.training import DataPlot

FRAMES = 50  # 5 seconds, chosen by eye: long enough to follow a run, and a file of less than a megabyte


class RunAnimation(NamedTuple):
    """What `animate` made: a film, which a notebook shows with controls.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        The figure that its frames are of.
    steps : ndarray (frames,)
        The kept steps that it shows, 0 being the start.
    draw : function
        Draws one of the kept steps, by its number, whether it is one of `steps` or not.
    data : DataPlot
        The data space, at the left.
    contour : ContourPlot
        The contour with the path, at the right.
    moving : frozenset of Artist
        What `draw` changes: artists, or the whole Axes of a view that follows.
    animation : matplotlib.animation.FuncAnimation
        The film in a window, as long as this is kept.
    ground : tuple
        The colour on which its frames are drawn.

    See Also
    --------
    animate : returns it

    Examples
    --------
    >>> from logreg import LogisticRegression, LossSurface, lab_data, train
    >>> from viz import animate
    >>> data = lab_data()
    >>> history = train(LogisticRegression(1), data, lr=2, batch_size=3, epochs=5)
    >>> film = animate(history, LossSurface.compute(data, 15, 13, resolution=30), data, frames=4)
    >>> film.steps[[0, -1]].tolist(), film.picture(0).shape[2]
    ([0, 35], 4)
    """

    figure: Figure
    steps: np.ndarray
    draw: Callable[[int], None]
    data: DataPlot
    contour: ContourPlot
    moving: frozenset[Artist]

    @property
    def animation(self) -> FuncAnimation:
        """The matplotlib animation, which plays in a window as long as it is kept."""
        times: dict[str, Any] = {"interval": MILLISECONDS, "repeat_delay": LAST_STAYS * MILLISECONDS}
        return FuncAnimation(self.figure, self.draw, self.steps, **times)

    def save(self, path: str | bytes | PathLike[str] | PathLike[bytes]) -> None:
        """Writes the film, whole or not at all.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            A name that ends in ``.gif`` or ``.webp``, a picture that moves; ``.html``, a page with controls, which
            needs no network; or ``.mp4``, a video.

        Raises
        ------
        ValueError
            For another suffix.
        OSError
            For what is there and no regular file.
        ImportError
            For a video without imageio-ffmpeg, the extra `film`.
        """
        from kernels.wholefile import name_of, whole_file

        write = writer_of(name_of(path))
        with whole_file(path) as file, self.camera() as take:
            write(file, take, self.steps)

    def picture(self, step: int) -> np.ndarray:
        """One step as a picture: the whole figure, opaque, whatever `rcParams` say of savefig.

        Parameters
        ----------
        step : int
            A kept step, 0 being the start.

        Returns
        -------
        array (height, width, 4), uint8
            Red, green, blue and opacity.

        Raises
        ------
        ValueError, TypeError
            For another step.
        """
        with studio(self.figure, self.ground) as canvas:
            self.draw(step)
            return whole_picture(canvas)

    @contextmanager
    def camera(self) -> Iterator[Callable[[int], np.ndarray]]:
        """A function that gives what `picture` does, in a tenth of the time, while the context lasts.

        Yields
        ------
        callable
            Of a step, to the same bits as `picture`; nothing else may change in the context.
        """
        with camera(self.figure, self.moving, self.ground) as picture:

            def take(step: int) -> np.ndarray:
                self.draw(step)
                return picture()

            yield take

    @property
    def ground(self) -> RGB:
        """The colour on which the frames are drawn."""
        return to_rgb(tuple(under(self.contour.ax)))

    def _repr_html_(self) -> str:
        """The film with its controls, below the cell of a notebook."""
        if "inline" in mpl.get_backend():
            plt.close(self.figure)  # which would be shown once more, and still
        with self.camera() as take:
            return player_of(take, self.steps)


def animate(
    history: History,
    surface: LossSurface,
    data: Data,
    *,
    frames: int = FRAMES,
    spread: str = "path",
    follow: bool = False,
    points_kw: Keywords = None,
    line_kw: Keywords = None,
    path_kw: Keywords = None,
    legend: bool = True,
    **contour_style: Any,
) -> RunAnimation:
    """A film of a run: the data with the sigmoid and the line of the model, beside the contour with the path so far.

    Parameters
    ----------
    history : History
        One run, as in `plot_surface`; one that doesn't hold every step also has `every`, the steps from one to the
        next, and, if it leaves out the last, `steps`, end_w (1,), end_b and end_loss.
    surface : LossSurface
        A surface of (w, b), as in `plot_surface`.
    data : LabData, tuple or other data set
        As in `plot_data`.
    frames : int
        How many steps are shown at most, from the start to the last, which stays for a while.
    spread : str
        How these are spread: "path", half by the length of the path in the window and half by the logarithm of time, so
        that the first steps, where most happens, are seen one by one; "log", by the logarithm alone; "time", evenly.
    follow : bool
        Whether a third of the window is shown, which goes with the model, instead of all of it.
    points_kw, line_kw : dict, optional
        Keywords of `plot_data`.
    path_kw : dict, optional
        Keywords of the line of the path.
    legend : bool
        Whether there are legends.
    **contour_style : dict
        Other keywords of `plot_contour`.

    Returns
    -------
    RunAnimation
        On a new figure; its `save` writes a file, and a notebook shows it with controls.

    Raises
    ------
    ValueError
        What `plot_contour` and `plot_data` raise; fewer than 2 frames, or another spread.
    TypeError
        An input lacks an attribute.

    See Also
    --------
    plot_contour : the whole path at once
    plot_epochs : the model after every epoch

    Examples
    --------
    >>> from logreg import LogisticRegression, LossSurface, lab_data, train
    >>> from viz import animate
    >>> data = lab_data()
    >>> history = train(LogisticRegression(1), data, lr=2, batch_size=3, epochs=20)
    >>> surface = LossSurface.compute(data, w_range=15, b_range=13, resolution=100)
    >>> film = animate(history, surface, data, frames=20)
    >>> film.steps[[0, 1, -1]].tolist()
    [0, 1, 140]
    >>> film.save("run.gif")
    """
    from kernels.arguments import numbers

    frames, spread = numbers.integer("frames", frames, 2), numbers.one_of("spread", spread, SPREADS)
    path, grid = read_path(history), read_surface(surface)
    read_data(data)
    steps, numbered = shown_steps(grid, path, frames, spread), step_numbers(history, len(history.b))
    figure, (left, right) = new_figure(columns=2)
    try:
        contour = plot_contour(surface, ax=right, legend=False, **contour_style)
        run, head = draw_path(right, grid, path, path_kw), draw_head(right, path)
        name = UNNAMED[len(path.s) == 1]
        contour = contour._replace(paths={name: run}, legend=add_foot(right, legend=legend)[0])
        model = draw_model(left, data, path, points_kw, line_kw, legend)
        seen = (steps, views(grid, path, steps)) if follow else None
        if follow and contour.minimum is not None:
            contour.minimum.set_clip_on(True)
        scene = Scene(right, grid, path, numbered, model, run, head, draw_title(left), seen)
        scene.draw(steps[0])
        figure.draw_without_rendering()
    except BaseException:
        plt.close(figure)
        raise
    figure.set_layout_engine("none")  # one layout for all frames
    return RunAnimation(figure, steps, scene.draw, model, contour, scene.moving)
