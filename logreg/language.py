"""What logreg says, in the language that is spoken."""

from __future__ import annotations

from kernels.language import spoken

SPANISH: dict[str, str] = {
    # commands/pictures, titles of losses as the table of kernels has them
    "cross-entropy": "entropía cruzada",
    "mean squared error": "error cuadrático medio",
    "focal loss": "pérdida focal",
    "trained with {loss}, start {start}": "entrenamiento con {loss}, inicio {start}",
    "iteration {step}, epoch {epoch}: {run}": "iteración {step}, época {epoch}: {run}",
    "{loss}, start {start}": "{loss}, inicio {start}",
    "accuracy {accuracy}": "exactitud {accuracy}",
    "accuracy {accuracy}, all correct first after {steps} steps": (
        "exactitud {accuracy}, todas correctas por primera vez tras {steps} pasos"
    ),
}


def said(text: str, **values: object) -> str:
    """An English text in the language spoken, with values in its braces."""
    return spoken(text, SPANISH, values)
