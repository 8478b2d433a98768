"""What mouse, keys and buttons do to an explorer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backend_tools import Cursors

from viz.explorer import keys, layout
from viz.explorer.run import COSTS

if TYPE_CHECKING:
    from matplotlib.backend_bases import Event, KeyEvent, MouseEvent

    from viz.explorer.window import Explorer

NUDGE = 0.02  # of the window, by which a key moves the start
NEAR = 12.0  # pixels from the start where the cursor is a hand


class Hands:
    """Listens to the canvas of an explorer, by functions that hold it, so that it lives as long as its figure does."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self.canvas: Any = explorer.figure.canvas
        self.dragged = ""  # "start" or "step" while the mouse is down on it
        self.cursor = Cursors.POINTER
        explorer.controls.connect(explorer.set, self.press)
        default = getattr(self.canvas.manager, "key_press_handler_id", None)
        if default is not None:
            self.canvas.mpl_disconnect(default)
        listeners: dict[Any, Any] = {
            "button_press_event": lambda event: self.on_press(event),
            "motion_notify_event": lambda event: self.on_motion(event),
            "scroll_event": lambda event: self.on_scroll(event),
            "button_release_event": lambda event: self.on_release(event),
            "key_press_event": lambda event: self.on_key(event),
            "resize_event": lambda event: self.on_resize(event),
            "close_event": lambda event: explorer.close(),
        }
        self.connections = [self.canvas.mpl_connect(name, listener) for name, listener in listeners.items()]

    def disconnect(self) -> None:
        for connection in self.connections:
            self.canvas.mpl_disconnect(connection)
        self.explorer.controls.disconnect()

    def on_press(self, event: MouseEvent) -> None:
        if event.button != 1 or self.canvas.widgetlock.locked():  # by a toolbar that zooms
            return
        surface, progress = self.explorer.surface.ax, self.explorer.progress
        taken = {surface: "start", progress.ax: "step", progress.right: "step"}
        self.dragged = "" if event.inaxes is None else taken.get(event.inaxes, "")
        self.drag(event)
        if event.dblclick:  # which browsers send after both releases
            self.dragged = ""

    def on_motion(self, event: MouseEvent) -> None:
        if self.dragged:
            self.drag(event)
        else:
            self.point(event)

    def on_release(self, event: MouseEvent) -> None:
        if event.button == 1:
            self.dragged = ""

    def on_scroll(self, event: MouseEvent) -> None:
        """Turns the slider under a wheel by a notch."""
        for name, slider in self.explorer.controls.sliders.items():
            if event.inaxes is slider.ax:
                self.turn(name, 1 if event.button == "up" else -1)

    def turn(self, name: str, by: int) -> None:
        knob, now = self.explorer.controls.knobs[name], getattr(self.explorer.settings, name)
        self.explorer.set(**{name: knob.beside(now, by)})

    def on_key(self, event: KeyEvent) -> None:
        key = event.key or ""
        if key in keys.STEPS:
            self.explorer.show_step(self.explorer.shown + keys.STEPS[key])
        elif key in keys.MOVES:
            self.nudge(*keys.MOVES[key])
        elif key in keys.TURNS:
            self.turn(*keys.TURNS[key])
        elif key in keys.PRESSES:
            self.press(keys.PRESSES[key])
        else:
            keys.pass_on(event)

    def on_resize(self, event: Event) -> None:
        layout.write_in(self.explorer.figure)

    def drag(self, event: MouseEvent) -> None:
        """Moves what is dragged under the mouse, or as near to it as the window goes."""
        if self.dragged == "start":
            ax = self.explorer.surface.ax
            point = ax.transData.inverted().transform((event.x, event.y))
            low, high = zip(ax.get_xlim(), ax.get_ylim(), strict=True)
            self.explorer.set(start=np.clip(point, low, high))
        elif self.dragged == "step":
            at, _ = self.explorer.progress.ax.transData.inverted().transform((event.x, event.y))
            self.explorer.show_step(int(np.abs(self.explorer.run.steps - at).argmin()))

    def point(self, event: MouseEvent) -> None:
        """Makes the cursor a hand over the start."""
        ax = self.explorer.surface.ax
        away = ax.transData.transform(self.explorer.settings.start) - (event.x, event.y)
        cursor = Cursors.HAND if event.inaxes is ax and np.hypot(*away) < NEAR else Cursors.POINTER
        if cursor != self.cursor:
            self.cursor = cursor
            self.canvas.set_cursor(cursor)

    def nudge(self, across: int, up: int) -> None:
        """Moves the start by a little, at most to the edge of the window."""
        problem = self.explorer.problem
        low, high = np.array([problem.s[[0, -1]], problem.t[[0, -1]]]).T
        start = self.explorer.settings.start + NUDGE * np.array([across, up]) * (high - low)
        self.explorer.set(start=np.clip(start, low, high))

    def press(self, name: str) -> None:
        """Does what a button, or a key that is like one, stands for."""
        explorer = self.explorer
        match name:
            case "back":
                explorer.show_step(explorer.shown - 1)
            case "forward":
                explorer.show_step(explorer.shown + 1)
            case "first":
                explorer.show_step(0)
            case "last":
                explorer.show_step(explorer.last)
            case "play":
                (explorer.pause if explorer.playing else explorer.play)()
            case "cost":
                explorer.set(loss=COSTS[COSTS.index(explorer.settings.loss) - 1])
            case "reset":
                explorer.reset()
            case "keys":
                explorer.card.set_visible(not explorer.card.get_visible())
                self.canvas.draw_idle()
