"""What is turned and pressed: sliders over notches, the choice of a cost, buttons of steps."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.widgets import Button, RadioButtons, Slider

from viz.colors import ink, under
from viz.explorer.live import box_around
from viz.explorer.run import COSTS, Settings
from viz.language import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.backend_bases import Event

    from viz.explorer.live import LiveFigure

AROUND = 0.012, 0.01, 0.012, 0.045  # what a slider has there, in shares of the figure
EDGE = 0.003, 0.004, 0.003, 0.004  # what others have: the next button is near
ACCENT = "#0072B2"
FEW = 40  # samples, of which every number makes a batch
MOST_EPOCHS, MOST_SEED = 1000, 30
LEAST_RATE, MOST_RATE, NOTCHES_A_DECADE = 1e-3, 1e2, 20


class Knob(NamedTuple):
    """A setting by its name, the values that its slider has, and how one is written."""

    name: str
    values: Sequence[Any]
    written: Callable[[Any], str]

    def nearest(self, value: Any) -> int:
        """The notch of a value, of one between notches the nearest."""
        if value in self.values:
            return self.values.index(value)
        return int(np.abs(np.array(self.values[1:], float) - value).argmin()) + 1 if len(self.values) > 1 else 0

    def beside(self, value: Any, by: int) -> Any:
        """The value so many notches on from another, at most the last."""
        return self.values[int(np.clip(self.nearest(value) + by, 0, len(self.values) - 1))]


def knobs_of(samples: int) -> dict[str, Knob]:
    """{name: Knob} of the settings that are numbers, for so many samples."""
    decades = round(np.log10(MOST_RATE / LEAST_RATE))
    rates = np.geomspace(LEAST_RATE, MOST_RATE, decades * NOTCHES_A_DECADE + 1)
    knobs = (
        Knob("lr", [0.0, *(float(f"{rate:.2g}") for rate in rates)], "{:g}".format),
        Knob("batch_size", round_numbers(samples, FEW), "{:,}".format),
        Knob("momentum", [*(round(0.05 * k, 2) for k in range(20)), 0.98, 0.99], "{:g}".format),
        Knob("epochs", [0, *round_numbers(MOST_EPOCHS, 10)], "{:,}".format),
        Knob("shuffle_seed", [None, *range(MOST_SEED + 1)], written_order),
    )
    return {knob.name: knob for knob in knobs}


def round_numbers(most: int, few: int) -> list[int]:
    """Numbers from 1 to the most: each of the few first, then steps of about an eighth, of two digits."""
    if most <= few:
        return list(range(1, most + 1))
    steps = np.geomspace(few, most, max(2, int(np.log(most / few) / np.log(1.125))))
    return sorted({*range(1, few + 1), *(min(most, int(float(f"{step:.2g}"))) for step in steps), most})


def written_order(seed: int | None) -> str:
    return said("as given") if seed is None else said("shuffled, seed {seed}", seed=seed)


def labels_of_knobs() -> dict[str, str]:
    return {
        "lr": said("learning rate"),
        "batch_size": said("batch size"),
        "momentum": said("momentum"),
        "epochs": said("epochs"),
        "shuffle_seed": said("order"),
    }


class Controls:
    """Sliders {name: Slider}, a choice of costs and buttons, which show settings and ask for others by callbacks."""

    def __init__(self, figure: LiveFigure, places: Mapping[str, Axes], samples: int) -> None:
        self.knobs, labels = knobs_of(samples), labels_of_knobs()
        self.sliders = {name: slider_of(places[name], labels[name], knob) for name, knob in self.knobs.items()}
        self.cost = radio_of(places["loss"])
        names = {"back": "◀", "play": said("play"), "forward": "▶", "keys": said("keys")}
        self.buttons = {name: button_of(places[name], label) for name, label in names.items()}
        for name, ax in places.items():
            figure.part(ax, box=box_around(ax, *(AROUND if name in self.sliders else EDGE)))

    def connect(self, change: Callable[..., None], press: Callable[[str], None]) -> None:
        """Calls `change(name=value)` for a setting that the user turns, `press(name)` for a button."""
        for name, slider in self.sliders.items():
            slider.on_changed(partial(self.turned, change, name))
        self.cost.on_clicked(lambda _: change(loss=COSTS[self.cost.index_selected]))
        for name, button in self.buttons.items():
            button.on_clicked(partial(pressed, press, name))

    def turned(self, change: Callable[..., None], name: str, notch: float) -> None:
        change(**{name: self.knobs[name].values[int(notch)]})

    def show(self, settings: Settings, playing: bool) -> None:
        """Turns everything to settings, and asks for nothing."""
        self.buttons["play"].label.set_text(said("pause") if playing else said("play"))
        for name, slider in self.sliders.items():
            knob, value = self.knobs[name], getattr(settings, name)
            notch = knob.nearest(value)
            if slider.val != notch:  # it is drawn again where it is set
                with silent(slider):
                    slider.set_val(notch)
            slider.valtext.set_text(knob.written(value))
        cost = COSTS.index(settings.loss)
        if self.cost.index_selected != cost:
            with silent(self.cost):
                self.cost.set_active(cost)

    def disconnect(self) -> None:
        for widget in (*self.sliders.values(), self.cost, *self.buttons.values()):
            widget.disconnect_events()


def pressed(press: Callable[[str], None], name: str, event: Event) -> None:
    press(name)


@contextmanager
def silent(widget: Slider | RadioButtons) -> Iterator[None]:
    """Turns a widget without its telling anybody."""
    widget.eventson = False
    try:
        yield
    finally:
        widget.eventson = True


def slider_of(ax: Axes, label: str, knob: Knob) -> Slider:
    """A slider over the notches of a knob, with its label and its value above it."""
    handle = {"facecolor": "white", "edgecolor": ACCENT, "size": 11}
    look: dict[str, Any] = {"color": ACCENT, "track_color": "0.85", "initcolor": "none", "handle_style": handle}
    most = max(len(knob.values) - 1, 0.5)  # of a single notch, so that it has a width
    slider = Slider(ax, label, 0, most, valinit=0, valstep=1, **look)
    slider.drawon = False
    slider.label.set(position=(0, 0.95), ha="left", va="bottom")
    slider.valtext.set(position=(1, 0.95), ha="right", va="bottom", fontweight="bold")
    return slider


def radio_of(ax: Axes) -> RadioButtons:
    labels = {"bce": said("cross-entropy"), "mse": said("squared error")}
    radio = RadioButtons(
        ax,
        [labels[cost] for cost in COSTS],
        useblit=False,
        radio_props={"facecolor": ACCENT, "edgecolor": ink(under(ax))},
    )
    radio.drawon = False
    ax.set_axis_off()
    return radio


def button_of(ax: Axes, label: str) -> Button:
    button = Button(ax, label, color="0.92", hovercolor="0.92", useblit=False)
    button.label.set_color("black")
    button.drawon = False
    return button
