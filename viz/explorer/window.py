"""The explorer: a loss surface under the mouse, and beside it all that follows from a start and a training."""

from __future__ import annotations

from dataclasses import fields, replace
from textwrap import fill
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from viz.explorer import keys, layout
from viz.explorer.controls import Controls
from viz.explorer.hands import Hands
from viz.explorer.live import LiveFigure
from viz.explorer.panels import FeaturePanel, LogitPanel, ProgressPanel, SurfacePanel
from viz.explorer.problem import read_problem
from viz.explorer.run import Settings, checked, train
from viz.explorer.words import readout, verdicts
from viz.language import said
from viz.words import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from viz.explorer.problem import Problem
    from viz.inputs import Grid
    from viz.results import Data

LETTERS_A_LINE = 125  # of the sentences
FRAMES, MILLISECONDS = 120, 40  # of a run that is played, and between them
LAB = Settings((5.0, 10.0))  # the lab's own
USUAL: dict[str, Any] = {"lr": 0.5, "batch_size": 32, "epochs": 30}  # of other data
CORNER = 0.15, 0.85  # of the window, from where other data is trained at first


class Explorer:
    """A figure with a loss surface, on which the start of training can be dragged, and what follows from it.

    Attributes
    ----------
    figure : LiveFigure
        The matplotlib figure.
    settings : Settings
        (start, lr, batch_size, momentum, epochs, shuffle_seed, loss), as they are now.
    run : Run
        The points of the training that they lead to: (steps, theta, s, t, loss, accuracy, ...).
    shown : int
        Which of these points is shown, from 0 to len(run.steps) - 1.
    words : list of str
        What is said of that point and of the run, a sentence each.
    playing : bool
        Whether steps go on by themselves.

    See Also
    --------
    explore : opens one.

    Examples
    --------
    >>> import viz
    >>> explorer = viz.explore()
    >>> explorer.set(lr=20, start=(-15, -10))
    >>> explorer.words[1]
    'All correct first after step 39.'
    """

    def __init__(self, figure: LiveFigure, problem: Problem, settings: Settings) -> None:
        self.figure, self.problem, self.first = figure, problem, settings
        self.settings, self.run = settings, train(problem, settings)
        self.words, self.shown, self.playing = [""], self.last, False
        self.grids: dict[str, Grid] = {}
        places = layout.panels(figure)
        self.surface = SurfacePanel(figure, places["surface"], places["bar"], problem)
        data_panel = FeaturePanel if problem.has_one_feature else LogitPanel
        self.data = data_panel(figure, places["data"], problem)
        self.progress = ProgressPanel(figure, places["progress"])
        self.controls = Controls(figure, layout.controls(figure), len(problem.y))
        self.sentences = layout.sentences(figure)
        self.card = layout.card(figure, shown(keys.card()))
        figure.move(self.card)
        self.timer = figure.canvas.new_timer(interval=MILLISECONDS)
        self.timer.add_callback(self.advance)
        self.hands = Hands(self)
        self.fill()
        self.show()

    def __repr__(self) -> str:
        return f"Explorer({len(self.problem.y)} samples; {self.settings})"

    @property
    def last(self) -> int:
        """The last point of the run, an int."""
        return len(self.run.steps) - 1

    def set(self, **changes: Any) -> None:
        """Changes settings, trains, and draws; what can't be changes nothing.

        Parameters
        ----------
        **changes : object
            Some of the settings by their names, as `explore` takes them.

        Raises
        ------
        ValueError, TypeError
            What `explore` raises of them; TypeError for another name.
        """
        names = [field.name for field in fields(Settings)]
        if unknown := changes.keys() - set(names):
            raise TypeError(f"set has no setting {min(unknown)!r}; accepted: {', '.join(names)}")
        settings = checked(replace(self.settings, **changes))
        run, before = train(self.problem, settings), self.settings
        step = run.steps[-1] if self.shown == self.last else self.run.steps[self.shown]
        self.settings, self.run, self.shown = settings, run, int(np.abs(run.steps - step).argmin())
        if settings.loss != before.loss:
            self.fill()
        self.show()

    def reset(self) -> None:
        """Sets everything as it was at first."""
        self.shown = self.last
        self.set(**vars(self.first))

    def show_step(self, k: int) -> None:
        """Shows the k-th point of the run, or the nearest that there is.

        Parameters
        ----------
        k : int
            From 0, the start, to the last, the end; of long runs not every step is a point.
        """
        self.shown = int(np.clip(k, 0, self.last))
        self.show()

    def play(self) -> None:
        """Goes through the steps, from the start if the end is shown, first slowly and then faster."""
        if self.shown == self.last:
            self.show_step(0)
        self.playing = True
        self.timer.start()
        self.show()

    def pause(self) -> None:
        """Stays at the step shown."""
        self.playing = False
        self.timer.stop()
        self.show()

    def advance(self) -> None:
        """Shows the next picture of a run that is played; at the end it stays."""
        self.show_step(next((k for k in frames_of(self.last + 1) if k > self.shown), self.last))
        if self.shown == self.last:
            self.pause()

    def close(self) -> None:
        """Listens to nothing any more; the figure stays as it is."""
        self.timer.stop()
        self.hands.disconnect()

    def fill(self) -> None:
        """Draws the surface of the cost, which is computed once."""
        loss = self.settings.loss
        if loss not in self.grids:
            self.grids[loss] = self.problem.grid_of(loss)
        self.surface.fill(self.grids[loss])
        layout.write_in(self.figure)

    def show(self) -> None:
        """Puts everything that moves where it is now, and asks for a picture."""
        for panel in (self.surface, self.data, self.progress):
            panel.show(self.run, self.shown)
        self.controls.show(self.settings, self.playing)
        read, said_of = readout(self.problem, self.run, self.shown), verdicts(self.problem, self.settings, self.run)
        self.words = [": ".join(read), *said_of]
        for text, words in zip(self.sentences, (*read, fill("  ".join(said_of), LETTERS_A_LINE)), strict=True):
            text.set_text(shown(words))
        self.figure.canvas.draw_idle()


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

    Mouse: the start is dragged or clicked to on the surface, the step in the panel of losses; what is turned and
    pressed is below. Keys: `h` shows them. On a plane all parameters are trained, and the path is projected. A run has
    at most 100,000 steps, so that a picture takes milliseconds; of much data not all of them are looked at.

    In a program `plt.show()` comes after it, in a notebook `%matplotlib widget` before it.

    Parameters
    ----------
    data : object, optional
        Of which data[:] is (x, y), x being (n,) or (n, d), y labels in [0, 1]. None: the lab's. Several features need a
        plane to look at.
    surface : LossSurface or PlaneSurface, optional
        What `logreg.LossSurface.around` or `compute` gives, by whose plane and window one goes; its values are
        computed anew for each cost. None: the lab's window of weight and bias, widened, the weights divided by the
        largest abs(x) of other data.
    start : (float, float), optional
        Weight and bias, or s and t on a plane. None: the lab's (5, 10), or a corner.
    lr : float, optional
        Learning rate, 2 for the lab, else 0.5.
    batch_size : int, optional
        Samples a step, 3 for the lab, else 32.
    momentum : float, optional
        That of torch.optim.SGD.
    epochs : int, optional
        Passes over the data, 100 for the lab, else 30.
    shuffle_seed : int, optional
        As `kernels.sgd_run_` takes it. None: the samples in their order.
    loss : str, optional
        The cost, "bce" or "mse".

    Returns
    -------
    Explorer
        On a new figure of pyplot; by its methods all can be done that the mouse does.

    Raises
    ------
    ValueError, TypeError
        They name a wrong argument; ValueError for data of several features without a plane, or a surface with a
        penalty.

    See Also
    --------
    plot_contour : a picture of it that stays.
    animate : a film.

    Examples
    --------
    >>> import viz
    >>> viz.explore(lr=0.5, batch_size=20)
    Explorer(20 samples; Settings(start=(5.0, 10.0), lr=0.5, batch_size=20, ...))
    """
    asked = {"start": start, "lr": lr, "batch_size": batch_size, "epochs": epochs}
    training = {"momentum": momentum, "shuffle_seed": shuffle_seed, "loss": loss}
    problem, settings = read(
        data, surface, {name: value for name, value in asked.items() if value is not None} | training
    )
    if "inline" in mpl.get_backend():
        print(said("This picture stands still: write %matplotlib widget in a cell before it, with ipympl installed."))
    figure: Any = plt.figure(figsize=layout.SIZE, layout="none", FigureClass=LiveFigure)
    return Explorer(figure, problem, settings)


def read(data: Data | None, surface: Any, asked: Mapping[str, Any]) -> tuple[Problem, Settings]:
    """What is explored, and the settings to begin with, of which some are asked for; ValueError or TypeError for what
    can't be."""
    problem = read_problem(data, surface)
    s, t = (float(axis[0] + share * np.ptp(axis)) for axis, share in zip((problem.s, problem.t), CORNER, strict=True))
    usual = LAB if data is None and surface is None else Settings((s, t), **USUAL)
    settings = checked(replace(usual, **asked))
    train(problem, settings)  # which looks at the others
    return problem, settings
