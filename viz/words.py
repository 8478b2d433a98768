"""Text as matplotlib is to be given it, and numbers in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import matplotlib as mpl

if TYPE_CHECKING:
    import numpy as np

FORMULA = re.compile(r"(\$[^$]+\$)")
IN_TEX = {character: rf"\{character}" for character in "%&#_{}$"} | {
    "\\": r"$\backslash$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "²": "$^2$",
}


def shown(text: str) -> str:
    """`text`, in which, under `text.usetex`, what TeX would take for a command is written so that it shows.

    Formulas between dollar signs stay as they are.
    """
    if not mpl.rcParams["text.usetex"]:
        return text
    words = FORMULA.split(text)
    words[::2] = ("".join(IN_TEX.get(character, character) for character in part) for part in words[::2])
    return "".join(words)


def percent(value: float, position: float | None = None) -> str:
    """A share in per cent; also a formatter of ticks."""
    return shown(f"{100 * value:.6g} %")


def coordinate(value: float, axis: np.ndarray) -> str:
    """A coordinate to three digits; 0 where it is rounding of the window's size."""
    size = max(abs(axis.min()), abs(axis.max()))
    return f"{0.0 if abs(value) < 1e-9 * size else value:.3g}"
