"""The language of what is said to a student and drawn for one: English, or another of `LANGUAGES`.

Errors, docstrings and logs are in English. Like matplotlib's rcParams it is one for the whole process.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LANGUAGES = "en", "es"
state = {"language": "en"}


def speak(language: str) -> None:
    """Sets the language of what is said and drawn from now on, for the whole process.

    Parameters
    ----------
    language : {"en", "es"}
        English or Spanish. Errors, docstrings and logs stay English.

    Raises
    ------
    ValueError
        Another language.

    See Also
    --------
    speaking : for a while

    Examples
    --------
    >>> from logreg import speak
    >>> speak("es")
    >>> speak("en")
    """
    if language not in LANGUAGES:
        raise ValueError(f"language is {language!r}; accepted: {', '.join(map(repr, LANGUAGES))}")
    state["language"] = language


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Sets the language within the context, as `speak` does.

    Parameters
    ----------
    language : {"en", "es"}
        English or Spanish.

    Yields
    ------
    None
        The language before is set again at the end, whatever happens.

    Raises
    ------
    ValueError
        Another language.

    Examples
    --------
    >>> from logreg import LossSurface, lab_data, speaking
    >>> from viz import plot_contour
    >>> surface = LossSurface.compute(lab_data(), 15, 13, resolution=30)
    >>> with speaking("es"):
    ...     drawn = plot_contour(surface)
    """
    before = state["language"]
    speak(language)
    try:
        yield
    finally:
        state["language"] = before


def spoken(text: str, spanish: Mapping[str, str], values: Mapping[str, object]) -> str:
    """An English text, or what stands for it in a table, with values in its braces as `str.format` puts them there.

    KeyError where the table doesn't have it.
    """
    return (spanish[text] if state["language"] == "es" else text).format(**values)
