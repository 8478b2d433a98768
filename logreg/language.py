"""What logreg says, in the language that is spoken."""

from __future__ import annotations

from kernels.language import spoken

SPANISH: dict[str, str] = {
    # commands/rates
    "The map is {path}": "El mapa es {path}",
    "With {cost}, from {starts} starts:": "Con {cost}, desde {starts} inicios:",
    "  batches of {size}: {words}": "  lotes de {size}: {words}",
    "converges with every learning rate, up to {rate:.3g}": "converge con toda tasa de aprendizaje, hasta {rate:.3g}",
    "{words} from the lowest learning rate, {rate:.3g}": "{words} desde la menor tasa de aprendizaje, {rate:.3g}",
    "converges up to learning rate {rate:.3g}, then {words}": "converge hasta la tasa de aprendizaje {rate:.3g}, "
    "después {words}",
    "converges": "converge",
    "oscillates": "oscila",
    "diverges": "diverge",
    ", then ": ", después ",
    "  lowest mean loss, {loss:.3g}, of accuracy {accuracy:.3g}: learning rate {rate:.3g}, "
    "batches of {size}": "  menor pérdida media, {loss:.3g}, de exactitud {accuracy:.3g}: tasa de aprendizaje "
    "{rate:.3g}, lotes de {size}",
}


def said(text: str, **values: object) -> str:
    """An English text in the language spoken, with values in its braces."""
    return spoken(text, SPANISH, values)
