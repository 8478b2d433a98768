"""Where everything is: panels above, sentences below them, then what is turned and pressed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from viz.colors import make_legible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from viz.explorer.live import LiveFigure

SIZE = 10.0, 6.0  # inches, for which letters have their usual sizes
READ = 0.29  # where the numbers of a step begin
LETTERS = 8.5  # points
LOWEST = 0.2155  # of what is said, three lines, above the labels of sliders
LETTER = 0.002, 0.01  # by which one may be out of where a line is put, in shares of the figure
SMALLEST, LARGEST = 0.5, 3  # times these
LEFT, RIGHT = (0.065, 0.465), (0.57, 0.925)
PANELS, SENTENCES, CONTROLS, COST = (0.41, 0.95), (0.327, 0.291), (0.035, 0.17), (0.09, 0.21)


def panels(figure: Figure) -> dict[str, Axes]:
    """{name: Axes} of "surface", its colour "bar", "data" and "progress"."""
    bottom, top = PANELS
    left = figure.add_gridspec(
        1, 2, left=LEFT[0], right=LEFT[1], bottom=bottom, top=top, width_ratios=(40, 1), wspace=0.03
    )
    right = figure.add_gridspec(2, 1, left=RIGHT[0], right=RIGHT[1], bottom=bottom, top=top, hspace=0.6)
    places = {"surface": left[0], "bar": left[1], "data": right[0], "progress": right[1]}
    return {name: figure.add_subplot(place, label=name) for name, place in places.items()}


def controls(figure: Figure) -> dict[str, Axes]:
    """{name: Axes} of the sliders, the choice of a cost and the buttons, in two rows of four columns."""
    bottom, top = CONTROLS
    grid = figure.add_gridspec(2, 4, left=LEFT[0], right=RIGHT[1], bottom=bottom, top=top, wspace=0.16, hspace=1.5)
    buttons = grid[1, 2:].subgridspec(1, 5, width_ratios=(1, 2, 1, 0.5, 2), wspace=0.1)
    named = {"lr": grid[0, 0], "batch_size": grid[0, 1], "momentum": grid[1, 0], "epochs": grid[1, 1]}
    cost = figure.add_gridspec(1, 4, left=LEFT[0], right=RIGHT[1], bottom=COST[0], top=COST[1], wspace=0.16)
    named |= {"shuffle_seed": grid[0, 2], "loss": cost[0, 3]}
    named |= {"back": buttons[0], "play": buttons[1], "forward": buttons[2], "keys": buttons[4]}
    return {name: figure.add_subplot(place, label=name) for name, place in named.items()}


def sentences(figure: LiveFigure) -> tuple[Text, Text, Text]:
    """Which step is shown, what is read there, and below them what is said of the run; only the second, in which
    numbers change with every move, is drawn each time."""
    first, below = SENTENCES
    said_of: dict[str, Any] = {"va": "top", "fontweight": "bold", "linespacing": 1.2}
    step, verdicts = figure.text(LEFT[0], first, "", va="top"), figure.text(LEFT[0], below, "", **said_of)
    left, middle, top = LEFT[0] - LETTER[0], below + LETTER[1], first + LETTER[1]
    figure.part(step, box=Bbox.from_extents(left, middle, READ, top))
    figure.part(verdicts, box=Bbox.from_extents(left, LOWEST, 1, middle))
    numbers = figure.text(READ, first, "", va="top")
    figure.move(numbers)
    return step, numbers, verdicts


def card(figure: Figure, text: str) -> Text:
    """A text over everything, which isn't seen at first."""
    box = {"boxstyle": "round,pad=1", "facecolor": "white", "edgecolor": "0.4"}
    place: dict[str, Any] = {"ha": "center", "va": "center", "multialignment": "left"}
    return figure.text(0.5, 0.5, text, family="monospace", color="black", bbox=box, visible=False, **place)


def write_in(figure: Figure) -> None:
    """Gives all letters their size, by that of the figure, and those of axes colours that can be read."""
    width, height = figure.get_size_inches()
    size = LETTERS * float(np.clip(min(width / SIZE[0], height / SIZE[1]), SMALLEST, LARGEST))
    titles = {ax.title for ax in figure.axes}
    for ax in figure.axes:
        ax.tick_params(labelsize=size)
        make_legible(ax)
    for text in figure.findobj(Text):
        text.set_fontsize(size + (text in titles))
