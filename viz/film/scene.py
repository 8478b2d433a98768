"""What is on the stage of a film, and how it looks at a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from viz.contour import draw_mark
from viz.foot import add_foot
from viz.language import said
from viz.layout import root_figure
from viz.paths import LOOKS, UNNAMED, PathArtists, Run, draw_runs
from viz.training import DataPlot, draw_boundary, plot_data, sigmoid
from viz.words import shown

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

    from viz.inputs import Grid, Path
    from viz.results import Data, Keywords

NOW = LOOKS[0].color


class Scene(NamedTuple):
    """What is drawn of a run: the model over the data; over an Axes of the grid the path, and the head that moves along
    it; the title. `numbers` (points,) are the steps of the points of the path; `views` the steps that are shown
    (frames,) and what is seen of the grid then (frames, 2, 2), None for all of it."""

    over: Axes
    grid: Grid
    path: Path
    numbers: np.ndarray
    model: DataPlot
    run: PathArtists
    head: Line2D
    title: Text
    views: tuple[np.ndarray, np.ndarray] | None

    def draw(self, step: int) -> None:
        """Shows a step: the model of that time, and the path so far. ValueError for one that isn't kept."""
        from kernels.arguments import numbers

        last = len(self.path.s) - 1
        if numbers.integer("step", step, 0) > last:
            raise ValueError(f"step is {step}; accepted: an integer from 0 to {last}, the number of a kept step")
        w, b = self.path.s[step], self.path.t[step]
        show_model(self.model, w, b)
        if self.run.line is not None:
            self.run.line.set_data(self.path.s[: step + 1], self.path.t[: step + 1])
        self.head.set_data([w], [b])
        if self.run.end is not None:
            ends = step == last
            self.run.end.set_visible(ends)
            self.head.set_visible(not ends)
        self.title.set_text(self.words(step))
        if self.views is not None:
            steps, windows = self.views
            xlim, ylim = windows[np.searchsorted(steps, step)]
            self.over.set(xlim=xlim, ylim=ylim)

    def words(self, step: int) -> str:
        """The title: which step it is, and the model there."""
        w, b = self.path.s[step], self.path.t[step]
        values = {"step": self.numbers[step], "last": self.numbers[-1], "w": w, "b": b}
        if self.grid.contains(w, b):
            return shown(said("step {step} of {last}: w = {w:z.2f}, b = {b:z.2f}", **values))
        return shown(said("step {step} of {last}: w = {w:z.2f}, b = {b:z.2f}, outside the window", **values))

    @property
    def moving(self) -> frozenset[Artist]:
        """What `draw` changes."""
        model, run = self.model, self.run
        over_data = {model.line, model.sigmoid, model.boundary, self.title}
        over_surface = {self.over} if self.views is not None else {run.line, run.end, self.head}
        return frozenset(artist for artist in over_data | over_surface if artist is not None)


def draw_model(ax: Axes, data: Data, path: Path, points_kw: Keywords, line_kw: Keywords, legend: bool) -> DataPlot:
    """The data with the model, whose boundary may come into view at any step."""
    model = plot_data(data, path.s[-1], path.t[-1], ax=ax, points_kw=points_kw, line_kw=line_kw, legend=False)
    if model.boundary is not None:
        model.boundary.remove()
    boundary = draw_boundary(ax, 0, said("boundary"), line_kw)
    return model._replace(boundary=boundary, legend=add_foot(ax, legend=legend)[0])


def show_model(model: DataPlot, w: float, b: float) -> None:
    at = np.asarray(model.line.get_xdata())
    model.line.set_ydata(w * at + b)
    model.sigmoid.set_ydata(sigmoid(w * at + b))
    if model.boundary is not None:
        model.boundary.set_xdata([-b / w] * 2 if w else [np.nan] * 2)


def draw_path(ax: Axes, grid: Grid, path: Path, keywords: Keywords) -> PathArtists:
    """The path, its start and its end, without arrows: they would show where it goes before it is there."""
    run = Run(path, keywords=keywords)
    (parts,) = draw_runs(ax, grid, {UNNAMED[run.is_model]: run}).values()
    if parts.arrows is not None:
        parts.arrows.remove()
    return parts._replace(arrows=None)


def draw_head(ax: Axes, path: Path) -> Line2D:
    """The mark of the model of a step."""
    head = draw_mark(ax, (path.s[0], path.t[0]), "o", NOW, 7, said("this step"))
    head.set(zorder=13, clip_on=True)
    return head


def draw_title(ax: Axes) -> Text:
    """The title of the figure that an Axes is in, in the colour of its titles."""
    return root_figure(ax).suptitle(" ", color=ax.title.get_color())
