"""What viz says, in the language that is spoken."""

from __future__ import annotations

SPANISH: dict[str, str] = {
    # rates
    "learning rate": "tasa de aprendizaje",
    "batch size": "tamaño de lote",
    "mean final loss": "pérdida final media",
    "mean final accuracy": "exactitud final media",
    "mean steps until every sample is right": "media de pasos hasta acertar todos los datos",
    "oscillates": "oscila",
    "diverges": "diverge",
    "never every sample right": "nunca acierta todos los datos",
    "leaves the range of numbers": "se sale del rango de los números",
}


def said(text: str, **values: object) -> str:
    """An English text in the language spoken, with values in its braces."""
    from kernels.language import spoken

    return spoken(text, SPANISH, values)
