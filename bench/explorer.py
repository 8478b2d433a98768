"""What a drag of the start in the explorer takes: training, pictures in layers and whole, and what a browser is sent.
Each contender takes a `Scene` and returns the call that is timed, which moves the start first."""

from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_webagg_core import FigureCanvasWebAggCore, FigureManagerWebAgg

from bench.timing import Contender
from logreg.commands.exploring import explored
from tests import oracle
from viz.explorer.live import LiveFigure
from viz.explorer.window import Explorer, read

SIZE = 13.66, 6.5  # inches of 100 pixels: a page of a laptop
STARTS = np.column_stack([np.linspace(0.2, 0.8, 25), np.linspace(0.85, 0.15, 25)])  # of a drag, in units of the window


class Scene(NamedTuple):
    """What is explored, its labels y (n,), and the settings to begin with."""

    problem: Any
    settings: Any
    y: np.ndarray


class Silent(FigureCanvasAgg):
    """A canvas that waits to be told to draw, as a window's does."""

    def draw_idle(self):
        pass


class Socket:
    """A browser that takes everything."""

    def __init__(self):
        self.pictures = []

    def send_json(self, content):
        pass

    def send_binary(self, picture):
        self.pictures = [picture]


def scene(data):
    arguments, asked = explored(data)
    problem, settings = read(*arguments, asked)
    return Scene(problem, settings, problem.y)


def explorer_on(canvas, scene):
    """An explorer, and what moves its start a step along a drag, to the last of which it is taken after the first."""
    figure = LiveFigure(figsize=SIZE, dpi=100, layout="none")
    canvas(figure)
    explorer = Explorer(figure, scene.problem, scene.settings)
    low, high = np.array([scene.problem.s[[0, -1]], scene.problem.t[[0, -1]]]).T
    starts = cycle(low + STARTS * (high - low))
    return explorer, lambda: explorer.set(start=next(starts))


def trained(scene):
    """Explorer.set: the run, loss and accuracy along it, sentences, and where everything is to be drawn."""
    explorer, move = explorer_on(Silent, scene)

    def run():
        move()
        return explorer

    return run


def drawn(scene):
    """The same and the picture, in layers: only what moves is drawn."""
    explorer, move = explorer_on(Silent, scene)

    def run():
        move()
        explorer.figure.canvas.draw()
        return explorer

    return run


def drawn_whole(scene):
    """The same with all of the picture drawn anew, as matplotlib does it by itself."""
    explorer, move = explorer_on(Silent, scene)

    def run():
        move()
        explorer.figure.stale = True
        explorer.figure.canvas.draw()
        return explorer

    return run


def sent(scene):
    """The picture in layers, and what of it differs from the last one as the PNG that a browser is sent."""
    explorer, move = explorer_on(FigureCanvasWebAggCore, scene)
    FigureManagerWebAgg(explorer.figure.canvas, 1).add_web_socket(Socket())

    def run():
        move()
        explorer.figure.canvas.draw()
        return explorer

    return run


def path_error(explorer, scene):
    """Largest error in the path that is drawn, relative where a coordinate is above 1."""
    problem, settings = scene.problem, explorer.settings
    theta = problem.theta_at(*settings.start)
    options = {name: getattr(settings, name) for name in ("lr", "batch_size", "epochs")}
    w, b, _ = oracle.sgd_path(problem.X, problem.y, theta[:-1], theta[-1:], **options)
    want = np.column_stack(problem.project(np.vstack([theta, np.column_stack([w, b])])))
    found = explorer.surface.path.get_xydata()
    assert found.shape == want.shape
    return float(np.max(np.abs(found - want) / np.maximum(1, np.abs(want))))


CONTENDERS = (
    Contender("viz.Explorer, drawn", drawn, float64=1e-9),
    Contender("viz.Explorer, trained alone", trained, float64=1e-9),
    Contender("viz.Explorer, sent to a browser", sent, float64=1e-9),
    Contender("matplotlib, drawn whole", drawn_whole, float64=1e-9),
)
