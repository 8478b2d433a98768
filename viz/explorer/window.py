"""The explorer: a loss surface under the mouse, and beside it all that follows from a start and a training."""

from __future__ import annotations

from dataclasses import fields, replace
from textwrap import fill
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backend_tools import Cursors

from viz.explorer import keys, layout
from viz.explorer.controls import Controls
from viz.explorer.live import LiveFigure
from viz.explorer.panels import FeaturePanel, LogitPanel, ProgressPanel, SurfacePanel
from viz.explorer.problem import read_problem
from viz.explorer.run import COSTS, Settings, checked, train
from viz.explorer.words import readout, verdicts
from viz.language import said
from viz.words import shown

if TYPE_CHECKING:
    from matplotlib.backend_bases import Event, KeyEvent, MouseEvent

    from viz.explorer.problem import Problem
    from viz.explorer.run import Run
    from viz.inputs import Grid
    from viz.results import Data

LETTERS_A_LINE = 125  # of the sentences
FRAMES, MILLISECONDS = 120, 40  # of a run that is played, and between them
NUDGE = 0.02  # of the window, by which a key moves the start
NEAR = 12.0  # pixels from the start where the cursor is a hand
LAB = Settings((5.0, 10.0))  # the lab's own
USUAL: dict[str, Any] = {"lr": 0.5, "batch_size": 32, "epochs": 30}  # of other data
CORNER = 0.15, 0.85  # of the window, from where other data is trained at first


class Explorer:
    """A figure with a loss surface, on which the start of training can be dragged, and what follows from it.

    figure    the matplotlib figure
    settings  Settings(start, lr, batch_size, momentum, epochs, shuffle_seed, loss), as they are now
    run       Run(steps, theta, s, t, loss, accuracy, ...), the points of the training that they lead to
    shown     which of these points is shown, from 0 to len(run.steps) - 1
    words     what is said of the run and of that point, a sentence each
    playing   whether steps go on by themselves
    """

    def __init__(self, figure: LiveFigure, problem: Problem, settings: Settings) -> None:
        self.figure, self.problem, self.first = figure, problem, settings
        self.settings, self.run, self.words = settings, train(problem, settings), [""]
        self.shown, self.playing = len(self.run.steps) - 1, False
        self.grids: dict[str, Grid] = {}
        self.dragged = ""  # "start" or "step" while the mouse is down on it
        places = layout.panels(figure)
        self.surface = SurfacePanel(figure, places["surface"], places["bar"], problem)
        data_panel = FeaturePanel if problem.has_one_feature else LogitPanel
        self.data = data_panel(figure, places["data"], problem)
        self.progress = ProgressPanel(figure, places["progress"])
        self.controls = Controls(figure, layout.controls(figure), len(problem.y))
        first, below = layout.SENTENCES
        self.readout = figure.text(layout.LEFT[0], first, "", va="top")
        self.verdicts = figure.text(layout.LEFT[0], below, "", va="top", fontweight="bold", linespacing=1.4)
        box = {"boxstyle": "round,pad=1", "facecolor": "white", "edgecolor": "0.4"}
        self.card = figure.text(0.5, 0.55, shown(keys.card()), family="monospace", ha="center", va="center", bbox=box)
        self.card.set_visible(False)
        figure.move(self.readout, self.verdicts, self.card)
        self.controls.connect(self.set, self.press)
        self.timer = figure.canvas.new_timer(interval=MILLISECONDS)
        self.timer.add_callback(self.tick)
        self.connections = self.connect()
        self.fill()
        layout.write_in(figure, layout.scale_of(figure))
        self.show()

    def __repr__(self) -> str:
        return f"Explorer({len(self.problem.y)} samples; {self.settings})"

    def set(self, **changes: Any) -> None:
        """Changes some of the settings by their names, trains, and draws; what can't be changes nothing.

        Raises what `explore` raises of them, and TypeError for another name.
        """
        names = [field.name for field in fields(Settings)]
        if unknown := changes.keys() - set(names):
            raise TypeError(f"set has no setting {min(unknown)!r}; accepted: {', '.join(names)}")
        settings = checked(replace(self.settings, **changes))
        run, at_end = train(self.problem, settings), self.shown == len(self.run.steps) - 1
        other = settings.loss != self.settings.loss
        self.settings, self.run = settings, run
        self.shown = len(run.steps) - 1 if at_end else min(self.shown, len(run.steps) - 1)
        if other:
            self.fill()
        self.show()

    def show_step(self, k: int) -> None:
        """Shows the k-th point of the run, or the nearest that there is."""
        self.shown = int(np.clip(k, 0, len(self.run.steps) - 1))
        self.show()

    def play(self) -> None:
        """Goes through the steps, from the start if the end is shown, first slowly and then faster."""
        if self.shown == len(self.run.steps) - 1:
            self.show_step(0)
        self.go_on(True)

    def pause(self) -> None:
        """Stays at the step shown."""
        self.go_on(False)

    def go_on(self, playing: bool) -> None:
        self.playing = playing
        self.controls.show_playing(playing)
        (self.timer.start if playing else self.timer.stop)()
        self.figure.canvas.draw_idle()

    def tick(self) -> None:
        """Shows the next picture of a run that is played."""
        later = frames_of(len(self.run.steps))
        self.show_step(next((k for k in later if k > self.shown), len(self.run.steps) - 1))
        if self.shown == len(self.run.steps) - 1:
            self.pause()

    def close(self) -> None:
        """Stops the timer and listens to nothing any more; the figure stays as it is."""
        self.timer.stop()
        for connection in self.connections:
            self.figure.canvas.mpl_disconnect(connection)
        self.controls.disconnect()

    def fill(self) -> None:
        """Draws the surface of the cost, which is computed once."""
        loss = self.settings.loss
        if loss not in self.grids:
            self.grids[loss] = self.problem.grid_of(loss)
        self.surface.fill(self.grids[loss])
        layout.write_in(self.figure, layout.scale_of(self.figure))

    def show(self) -> None:
        """Puts everything that moves where it is now, and asks for a picture."""
        for panel in (self.surface, self.data, self.progress):
            panel.show(self.run, self.shown)
        self.controls.show(self.settings)
        self.words = [readout(self.problem, self.run, self.shown), *verdicts(self.problem, self.settings, self.run)]
        first, *others = self.words
        self.readout.set_text(shown(first))
        self.verdicts.set_text(shown(fill("  ".join(others), LETTERS_A_LINE)))
        self.figure.canvas.draw_idle()

    def connect(self) -> list[int]:
        """Listens to mouse, keys and window; by functions that hold the explorer, so that it lives as its figure does."""
        canvas = self.figure.canvas
        default = getattr(canvas.manager, "key_press_handler_id", None)
        if default is not None:
            canvas.mpl_disconnect(default)
        return [
            canvas.mpl_connect("button_press_event", lambda event: self.on_press(event)),  # type: ignore[arg-type]
            canvas.mpl_connect("motion_notify_event", lambda event: self.on_motion(event)),  # type: ignore[arg-type]
            canvas.mpl_connect("button_release_event", lambda event: self.on_release(event)),
            canvas.mpl_connect("key_press_event", lambda event: self.on_key(event)),  # type: ignore[arg-type]
            canvas.mpl_connect("resize_event", lambda event: self.on_resize(event)),
            canvas.mpl_connect("close_event", lambda event: self.close()),
        ]

    def on_press(self, event: MouseEvent) -> None:
        if event.button != 1 or self.figure.canvas.widgetlock.locked():
            return
        taken = {self.surface.ax: "start", self.progress.ax: "step", self.progress.right: "step"}
        self.dragged = taken.get(event.inaxes, "") if event.inaxes is not None else ""
        self.drag(event)

    def on_motion(self, event: MouseEvent) -> None:
        if self.dragged:
            self.drag(event)
        else:
            self.point(event)

    def on_release(self, event: Event) -> None:
        self.dragged = ""

    def drag(self, event: MouseEvent) -> None:
        """Moves what is dragged under the mouse, or as near to it as the window goes."""
        if self.dragged == "start":
            s, t = self.surface.ax.transData.inverted().transform((event.x, event.y))
            (left, right), (bottom, top) = self.surface.ax.get_xlim(), self.surface.ax.get_ylim()
            self.set(start=(np.clip(s, left, right), np.clip(t, bottom, top)))
        elif self.dragged == "step":
            at, _ = self.progress.ax.transData.inverted().transform((event.x, event.y))
            self.show_step(int(np.abs(self.run.steps - at).argmin()))

    def point(self, event: MouseEvent) -> None:
        """Makes the cursor a hand over the start."""
        start = self.surface.ax.transData.transform(self.settings.start)
        near = event.inaxes is self.surface.ax and np.hypot(*(start - (event.x, event.y))) < NEAR
        cursor = Cursors.HAND if near else Cursors.POINTER
        if cursor != self.cursor:
            self.cursor = cursor
            self.figure.canvas.set_cursor(cursor)

    cursor = Cursors.POINTER

    def on_key(self, event: KeyEvent) -> None:
        key = event.key or ""
        if key in keys.STEPS:
            self.show_step(self.shown + keys.STEPS[key])
        elif key in keys.MOVES:
            self.nudge(*keys.MOVES[key])
        elif key in keys.TURNS:
            name, by = keys.TURNS[key]
            self.set(**{name: self.controls.knobs[name].beside(getattr(self.settings, name), by)})
        elif key in keys.PRESSES:
            self.press(keys.PRESSES[key])
        else:
            keys.pass_on(event)

    def nudge(self, across: int, up: int) -> None:
        """Moves the start by a little, at most to the edge of the window."""
        problem, (s, t) = self.problem, self.settings.start
        s, t = s + across * NUDGE * np.ptp(problem.s), t + up * NUDGE * np.ptp(problem.t)
        self.set(start=(np.clip(s, *problem.s[[0, -1]]), np.clip(t, *problem.t[[0, -1]])))

    def press(self, name: str) -> None:
        """Does what a button, or a key that is like one, stands for."""
        last = len(self.run.steps) - 1
        match name:
            case "back" | "forward":
                self.show_step(self.shown + (1 if name == "forward" else -1))
            case "first" | "last":
                self.show_step(0 if name == "first" else last)
            case "play":
                (self.pause if self.playing else self.play)()
            case "cost":
                self.set(loss=COSTS[COSTS.index(self.settings.loss) - 1])
            case "reset":
                self.shown = last
                self.set(**vars(self.first))
            case "keys":
                self.card.set_visible(not self.card.get_visible())
                self.figure.canvas.draw_idle()

    def on_resize(self, event: Event) -> None:
        layout.write_in(self.figure, layout.scale_of(self.figure))


def frames_of(points: int) -> np.ndarray:
    """Which of so many points are shown when a run is played: all of the first, ever fewer of the later ones."""
    return np.unique(np.geomspace(1, points, FRAMES).round().astype(int)) - 1


def explore(
    data: Data | None = None,
    surface: Any = None,
    *,
    start: tuple[float, float] | None = None,
    lr: float | None = None,
    batch_size: int | None = None,
    momentum: float = 0.0,
    epochs: int | None = None,
    shuffle_seed: int | None = None,
    loss: str = "bce",
) -> Explorer:
    """Opens the explorer: a loss surface on which the start of training is dragged, and the path follows.

    data     None: the lab's; else as in `plot_data`, or of several features, X (n, d), with a plane to look at
    surface  what `logreg.LossSurface.around` or `compute` gives, by whose plane and window one goes; its values are
             computed anew for the cost. None: the lab's window of weight and bias, widened; for other data of one
             feature its weights are divided by the largest |x|
    start    (w, b), or (s, t) on a plane
    lr, batch_size, momentum, epochs, shuffle_seed, loss
             as `kernels.sgd_run_` takes them, loss being "bce" or "mse"; by default the lab's, for other data a
             learning rate of 0.5, batches of 32 and 30 epochs

    Mouse: the start is dragged or clicked to on the surface, the step in the panel of losses; sliders and buttons are
    below. Keys: `h` shows them. On a plane all parameters are trained, and the path is projected. A run is of at most
    100,000 steps, and at most 1000 of its points are kept, so that a picture takes milliseconds.

    Windows: `plt.show()` after it. Notebooks: `%matplotlib widget` before it. Returns `Explorer`, by whose methods all
    can be done that the mouse does. Raises ValueError or TypeError that name a wrong argument, for data of several
    features without a plane too.
    """
    problem = read_problem(data, surface)
    settings = first_settings(problem, is_lab=data is None and surface is None)
    asked = {"start": start, "lr": lr, "batch_size": batch_size, "epochs": epochs}
    settings = replace(settings, **{name: value for name, value in asked.items() if value is not None})
    settings = checked(replace(settings, momentum=momentum, shuffle_seed=shuffle_seed, loss=loss))
    train(problem, settings)  # what can't be is said before there is a figure
    if "inline" in mpl.get_backend():
        print(said("This picture stands still: write %matplotlib widget in a cell before it, with ipympl installed."))
    figure: Any = plt.figure(figsize=layout.SIZE, layout="none", FigureClass=LiveFigure)
    return Explorer(figure, problem, settings)


def first_settings(problem: Problem, is_lab: bool) -> Settings:
    """The lab's settings, or those of other data, from a corner of the window."""
    if is_lab:
        return LAB
    s, t = (float(axis[0] + share * np.ptp(axis)) for axis, share in zip((problem.s, problem.t), CORNER, strict=True))
    return Settings((s, t), **USUAL)
