"""What viz says, in the language that is spoken."""

from __future__ import annotations

SPANISH: dict[str, str] = {}


def said(text: str, **values: object) -> str:
    """An English text in the language spoken, with values in its braces."""
    from kernels.language import spoken

    return spoken(text, SPANISH, values)
