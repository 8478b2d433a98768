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
    # film/scene.py
    "step {step} of {last}: w = {w:z.2f}, b = {b:z.2f}": "paso {step} de {last}: w = {w:z.2f}, b = {b:z.2f}",
    "step {step} of {last}: w = {w:z.2f}, b = {b:z.2f}, outside the window": (
        "paso {step} de {last}: w = {w:z.2f}, b = {b:z.2f}, fuera de la ventana"
    ),
    "boundary": "frontera",
    "this step": "este paso",
    # film/player.py, film/writing.py
    "a run of training, step by step": "un entrenamiento, paso a paso",
    "a run of training": "un entrenamiento",
    "play": "reproducir",
    "pause": "pausa",
    "to the first frame": "al primer cuadro",
    "a frame back": "un cuadro atrás",
    "a frame forwards": "un cuadro adelante",
    "to the last frame": "al último cuadro",
    "frame": "cuadro",
}


def said(text: str, **values: object) -> str:
    """An English text in the language spoken, with values in its braces."""
    from kernels.language import spoken

    return spoken(text, SPANISH, values)
