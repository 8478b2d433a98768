"""What keys do, and the card that says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.backend_bases import key_press_handler

from viz.language import said

if TYPE_CHECKING:
    from matplotlib.backend_bases import KeyEvent

STEPS = {"left": -1, "right": 1, "down": -10, "up": 10}
MOVES = {"shift+left": (-1, 0), "shift+right": (1, 0), "shift+down": (0, -1), "shift+up": (0, 1)}
TURNS = {"-": ("lr", -1), "+": ("lr", 1), "=": ("lr", 1)} | {
    key: (name, by)
    for letter, name in {"b": "batch_size", "m": "momentum", "e": "epochs", "s": "shuffle_seed"}.items()
    for key, by in ((letter, 1), (letter.upper(), -1))
}
PRESSES = {" ": "play", "c": "cost", "r": "reset", "h": "keys", "?": "keys", "home": "first", "end": "last"}
LEFT_TO_MATPLOTLIB = "keymap.fullscreen", "keymap.quit"  # whose other keys would zoom, save, or turn an axis


def pass_on(event: KeyEvent) -> None:
    """Leaves a key that isn't ours to matplotlib where it is one of the window's."""
    keymap: Any = mpl.rcParams
    if any(event.key in keymap[name] for name in LEFT_TO_MATPLOTLIB):
        key_press_handler(event)


def card() -> str:
    """All keys, a line each."""
    lines = {
        "← →": said("a step back, on"),
        "↓ ↑": said("10 steps back, on"),
        said("home end"): said("to the start, to the end"),
        said("space"): said("play, pause"),
        said("shift + ← → ↓ ↑"): said("move the start"),
        "+ -": said("learning rate: more, less"),
        "b B": said("batch size: more, less"),
        "m M": said("momentum: more, less"),
        "e E": said("epochs: more, less"),
        "s S": said("next, previous order of samples"),
        "c": said("the other cost"),
        "r": said("all as it was at first"),
        "h ?": said("these keys, or not"),
    }
    width = max(map(len, lines))
    return "\n".join(f"{keys:>{width}}   {text}" for keys, text in lines.items())
