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
    """Sets the language from now on, one of "en" and "es"; ValueError for another."""
    if language not in LANGUAGES:
        raise ValueError(f"language is {language!r}; accepted: {', '.join(map(repr, LANGUAGES))}")
    state["language"] = language


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Sets the language within the context, as `speak` does."""
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
