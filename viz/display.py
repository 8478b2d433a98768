"""Shows figures as soon as they are drawn, without pyplot's knowing of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.backend_bases import FigureManagerBase

from viz.layout import size_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BELOW_THE_CELL = "inline", "ipympl", "widget"  # in the names of backends whose pictures IPython displays
UNNUMBERED = 0  # pyplot numbers its own figures from 1


class Display:
    """The latest figure of each name, `figures`, and at most one window for each.

    Pyplot closes none of these figures, counts none and draws on none.
    """

    def __init__(self) -> None:
        self.figures: dict[str, Figure] = {}
        self.managers: dict[str, FigureManagerBase] = {}

    def new_figure(self, name: str, columns: int = 1) -> Figure:
        """An empty figure for so many Axes in a row, in place of the last one of that name."""
        if name in self.managers:
            self.managers.pop(name).destroy()
        manager = plt.new_figure_manager(UNNUMBERED, figsize=size_of(1, columns), layout="tight")
        manager.set_window_title(name)
        manager.canvas.mpl_connect("close_event", lambda event: self.forget(name, manager))
        self.managers[name] = manager
        self.figures[name] = manager.canvas.figure
        return self.figures[name]

    def show(self, *names: str) -> None:
        """Displays figures below the cell of a notebook or in windows, where there are any, and waits for nothing."""
        notebook = any(part in mpl.get_backend().lower() for part in BELOW_THE_CELL)
        for manager in (self.managers[name] for name in names):
            if notebook:
                from IPython.display import display

                display(manager.canvas.figure)
            elif type(manager).show is not FigureManagerBase.show:
                manager.show()
                manager.canvas.flush_events()

    def forget(self, name: str, manager: FigureManagerBase) -> None:
        if self.managers.get(name) is manager:
            del self.managers[name]
