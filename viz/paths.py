"""Runs of training on a surface: read, one or several by name, and drawn so that no colours are needed to tell them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from viz.arrows import draw_arrows
from viz.colors import ink
from viz.furniture import is_drawn, styled
from viz.inputs import read_full_loss, read_path
from viz.language import said
from viz.layout import scale_of
from viz.marks import MARK, Mark, edge, inches_of, place_in
from viz.plane import read_projection
from viz.words import coordinate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.quiver import Quiver

    from viz.inputs import Grid, Path
    from viz.results import Keywords, LossSurface, PlaneSurface, Runs

UNNAMED = "path", "model"  # what a run is called that has no name


class Look(NamedTuple):
    """What a path is told by: its colour, its dashes, in units of its width, and the marker at its end."""

    color: Any
    dashes: str | tuple[int, tuple[float, ...]]
    marker: str


LOOKS = (  # dark enough for a white halo, and no two that follow each other of one luminance
    Look("#D55E00", "-", "s"),
    Look("#0B2A6B", (0, (4, 1.5)), "D"),
    Look("#A0307A", (0, (6, 1.2, 1.5, 1.2)), "^"),
    Look("black", (0, (1.5, 1.2)), "v"),
    Look("#009070", (0, (9, 1.5)), "p"),
    Look("#5C3A00", (0, (4, 1.2, 1.2, 1.2, 1.2, 1.2)), "h"),
)


def look_of(k: int) -> Look:
    """The look of the k-th of several: colours come again after six, with other dashes and another marker."""
    turn = k // len(LOOKS)
    dashes, marker = LOOKS[(k + turn) % len(LOOKS)].dashes, LOOKS[(k + 2 * turn) % len(LOOKS)].marker
    return Look(LOOKS[k % len(LOOKS)].color, dashes, marker)


class Run(NamedTuple):
    """A run on a surface: its path, how far that goes from the plane and which share of its variance is outside, in
    three dimensions how high it is, (points,), keywords of its line, and what it is called, "" if it has no name."""

    path: Path
    farthest: float = 0.0
    outside: float = 0.0
    heights: np.ndarray | None = None
    keywords: Keywords = None
    name: str = ""

    @property
    def is_model(self) -> bool:
        """Whether it is a single point."""
        return len(self.path.s) == 1

    @property
    def label(self) -> str:
        """What the legend calls it."""
        return self.name or (said("model") if self.is_model else said("path"))

    @property
    def subject(self) -> str:
        """What a sentence calls it."""
        return self.name or (said("the model") if self.is_model else said("the path"))


class PathArtists(NamedTuple):
    """What was drawn of a run: None what isn't in the window, and of a model all but its mark, `end`."""

    line: Line2D | None = None
    arrows: Quiver | None = None
    start: Line2D | None = None
    end: Line2D | None = None


class Kept(NamedTuple):
    """The surface on which runs were drawn, and these."""

    surface: Any
    runs: dict[str, Run]


kept_on: WeakKeyDictionary[Axes, Kept] = WeakKeyDictionary()


def read_runs(
    surface: LossSurface | PlaneSurface, grid: Grid, history: Runs, keywords: Keywords, high: bool = False
) -> dict[str, Run]:
    """{name: Run} of None, of one run, "path" or "model", of several by name, or of several in turn, "path 1".

    A run is what `surface.project` takes; where a surface of (w, b) has no such method, what `read_path` does. A list
    of numbers or of arrays is one run, whose parameters these are. If `high` the losses along it are read too.
    """
    if history is None:
        return {}
    read = partial(read_run, surface, grid, high)
    if isinstance(history, Mapping):
        runs = {str(name): named(read(run, f"history[{name!r}]"), str(name)) for name, run in history.items()}
    elif is_several(history):
        in_turn = [read(run, f"history[{k}]") for k, run in enumerate(history)]
        runs = {f"{UNNAMED[run.is_model]} {k}": named(run, f"{run.label} {k}") for k, run in enumerate(in_turn, 1)}
    else:
        run = read(history, "history")
        runs = {UNNAMED[run.is_model]: run}
    if not runs:
        raise ValueError(f"history is {history!r}; accepted: None, a run, or several by name or in turn")
    return {name: run._replace(keywords=keywords) for name, run in runs.items()}


def named(run: Run, name: str) -> Run:
    return run._replace(name=name)


def is_several(history: Any) -> TypeGuard[Sequence[Any]]:
    """Whether it is a list of runs, and not of parameters, numbers or arrays; named tuples are what their names say."""
    several = type(history) in (list, tuple)
    return several and not (len(history) and all(np.isscalar(one) or hasattr(one, "shape") for one in history))


def read_run(surface: LossSurface | PlaneSurface, grid: Grid, high: bool, run: Any, name: str) -> Run:
    if hasattr(surface, "plane") or hasattr(surface, "project"):
        read = Run(*read_projection(surface, grid, run, name))
    else:
        read = Run(read_path(run, name))
    if not high:
        return read
    heights = read_full_loss(run, name)
    if len(heights) != len(read.path.s):
        raise ValueError(f"{name} has {len(heights)} losses; accepted: {len(read.path.s)}, one for each of its points")
    return read._replace(heights=heights)


def with_earlier(ax: Axes, drawing: str, surface: Any, runs: dict[str, Run]) -> dict[str, Run]:
    """Runs after those that were drawn there on the same surface, in the place of those that have their names; alone if
    there are none. What was drawn is to be kept by `keep`."""
    earlier = kept_on.get(ax)
    together = runs and earlier is not None and earlier.surface is surface and is_drawn(ax, drawing)
    return earlier.runs | runs if together and earlier is not None else runs


def keep(ax: Axes, surface: Any, runs: dict[str, Run]) -> None:
    """Notes what was drawn, for what is drawn there later."""
    kept_on[ax] = Kept(surface, runs)


def draw_runs(ax: Axes, grid: Grid, runs: dict[str, Run]) -> dict[str, PathArtists]:
    """{name: what was drawn of it}, labelled: of one run its line, its start and its end, of several each line and what
    a start is."""
    taken = [mark.at for mark in marks_of(ax, grid, runs)]
    drawn = {name: draw_run(ax, grid, run, k, taken) for k, (name, run) in enumerate(runs.items())}
    for name, parts in drawn.items():
        if parts.line is None and parts.end is not None:
            parts.end.set_label(runs[name].label)
        elif parts.line is not None:
            parts.line.set_label(runs[name].label)
            if parts.end is not None and len(runs) == 1:
                parts.end.set_label(said("end"))
    for start in [parts.start for parts in drawn.values() if parts.start is not None][-1:]:
        start.set_label(said("start"))
    return drawn


def marks_of(ax: Axes, grid: Grid, runs: dict[str, Run]) -> list[Mark]:
    """The marks of runs that are in the window, in the order in which they are drawn; a start of several runs once."""
    unit, marks, starts = inches_of(ax, grid.s, grid.t), [], set()
    for run in runs.values():
        for k, who in names_of_marks(run, alone=len(runs) == 1).items():
            point = float(run.path.s[k]), float(run.path.t[k])
            if grid.contains(*point) and not (k == 0 and point in starts):
                marks.append(Mark(who, place_in(grid, unit, *point)))
            starts |= {point} if k == 0 else set()
    return marks


def names_of_marks(run: Run, alone: bool) -> dict[int, str]:
    """{index of its point: what a sentence calls the mark} of a run, which needs no name if it is alone."""
    if run.is_model:
        return {-1: run.subject}
    if alone:
        return {0: said("the start"), -1: said("the end")}
    return {0: said("the start of {name}", name=run.label), -1: said("the end of {name}", name=run.label)}


def draw_run(ax: Axes, grid: Grid, run: Run, k: int, taken: list[complex]) -> PathArtists:
    """The line of a run, its arrows, and its first and last point where they are in the window; of a model its mark."""
    scale, look, in_window = scale_of(ax), look_of(k), grid.contains(*run.path)
    coordinates = np.array(run.path)
    if run.heights is not None:
        coordinates = np.where(in_window, [*run.path, run.heights], np.nan)
    mark: dict[str, Any] = {"linestyle": "none", "markersize": MARK * scale, "zorder": 12, **edge(scale)}
    line = arrows = start = end = None
    if not run.is_model:
        line = draw_line(ax, coordinates, look, scale, run.keywords)
        look = look._replace(color=line.get_color())
        arrows = None if run.heights is not None else draw_arrows(ax, grid, run.path, look.color, scale, taken)
        if in_window[0]:
            (start,) = ax.plot(*coordinates[:, :1], marker="o", color="white", **mark)
    if in_window[-1]:
        mark["markeredgecolor"] = ink(to_rgb(look.color))
        (end,) = ax.plot(*coordinates[:, -1:], marker=look.marker, color=look.color, **mark)
    return PathArtists(line, arrows, start, end)


def draw_line(ax: Axes, coordinates: np.ndarray, look: Look, scale: float, given: Keywords) -> Line2D:
    width = 1.8 * scale
    halo = [withStroke(linewidth=2 * width, foreground="white")]
    ours = {"color": look.color, "linewidth": width, "linestyle": look.dashes, "path_effects": halo, "zorder": 10}
    return ax.plot(*coordinates, **styled(Line2D, ours, given))[0]


def with_ends(paths: dict[str, PathArtists]) -> dict[Artist, Artist]:
    """{line: end} of the lines whose ends aren't labelled."""
    return {parts.line: parts.end for parts in paths.values() if parts.line and parts.end and len(paths) > 1}


def notes_on(grid: Grid, runs: dict[str, Run]) -> list[str]:
    """Sentences on what isn't to be seen of runs: how far they are off the plane, and where they leave the window."""
    notes = [note(grid, run) for run in runs.values() for note in (how_far_off, how_it_leaves)]
    return [note for note in notes if note]


def how_far_off(grid: Grid, run: Run) -> str:
    """Says how far a run is from the plane, "" if it isn't."""
    if run.farthest == 0:
        return ""
    values = {"name": run.name, "share": f"{100 * run.outside:.3g}", "far": f"{run.farthest:.2g}"}
    if run.is_model:
        return said("{who} is {far} away from the plane", who=run.subject, **values)
    if run.name:
        return said("{name}: {share} % of the path's variance is outside the plane", **values)
    return said("projected: {share} % of the path's variance is outside the plane, by up to {far}", **values)


def how_it_leaves(grid: Grid, run: Run) -> str:
    """Says which part of a run isn't in the window, "" if all of it is; an end that isn't, with where it is."""
    path, in_window = run.path, grid.contains(*run.path)
    if in_window.all():
        return ""
    start, end = (words_of(grid, path.s[k], path.t[k]) for k in (0, -1))
    values = {"who": run.subject, "start": start, "end": end}
    if run.is_model:
        return said("{who} is outside the window, at {end}", **values)
    match bool(in_window[0]), bool(in_window[-1]):
        case True, True:
            return said("{who} leaves the window and comes back", **values)
        case True, False:
            return said("{who} leaves the window and ends at {end}", **values)
        case False, True:
            return said("{who} starts outside the window, at {start}", **values)
    both = said("{who} starts and ends outside the window, at {start} and at {end}", **values)
    if in_window.any():
        return both + said(", but goes through it at the steps kept")
    return both + said(", and is not in it at the steps kept")


def words_of(grid: Grid, s: float, t: float) -> str:
    first, second = grid.names
    return f"{first} = {coordinate(s, grid.s)}, {second} = {coordinate(t, grid.t)}"
