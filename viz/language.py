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
    # explorer
    "weight w": "peso w",
    "bias b": "sesgo b",
    "mean cross-entropy (nats)": "entropía cruzada media (nats)",
    "mean squared error": "error cuadrático medio",
    "Loss surface: drag the start, or click": "Superficie de pérdida: arrastra el inicio o haz clic",
    "loss": "pérdida",
    "The data, and the model after the step shown": "Los datos y el modelo tras el paso que se ve",
    "The samples by their logit after the step shown": "Las muestras según su logit tras el paso que se ve",
    "logit (beyond ±{most:g} at the edge)": "logit (más allá de ±{most:g}, en el borde)",
    "step": "paso",
    "loss (solid)": "pérdida (continua)",
    "accuracy (dashed)": "exactitud (a trazos)",
    "class 0": "clase 0",
    "class 1": "clase 1",
    "wrong": "errada",
    "as given": "como están",
    "shuffled, seed {seed}": "al azar, semilla {seed}",
    "momentum": "momento",
    "epochs": "épocas",
    "order": "orden",
    "play": "andar",
    "pause": "pausa",
    "keys": "teclas",
    "cross-entropy": "entropía cruzada",
    "squared error": "error cuadrático",
    "a step back, on": "un paso atrás, adelante",
    "10 steps back, on": "10 pasos atrás, adelante",
    "to the start, to the end": "al inicio, al final",
    "home end": "inicio fin",
    "space": "espacio",
    "play, pause": "andar, pausa",
    "shift + ← → ↓ ↑": "mayús + ← → ↓ ↑",
    "move the start": "mueve el inicio",
    "learning rate: more, less": "tasa de aprendizaje: más, menos",
    "batch size: more, less": "tamaño de lote: más, menos",
    "momentum: more, less": "momento: más, menos",
    "epochs: more, less": "épocas: más, menos",
    "next, last order of samples": "orden siguiente, anterior de las muestras",
    "the other cost": "el otro costo",
    "all as it was at first": "todo como al principio",
    "these keys, or not": "estas teclas, o no",
    "step {step} of {last} (epoch {epoch})": "paso {step} de {last} (época {epoch})",
    "loss {loss:.4g}, accuracy {accuracy}": "pérdida {loss:.4g}, exactitud {accuracy}",
    "Diverged: step {step} leaves the range of numbers.": "Diverge: el paso {step} se sale del rango de los números.",
    "Climbs: the loss ends higher than it began; the steps are too large.": "Sube: la pérdida termina más alta que al "
    "empezar; los pasos son demasiado grandes.",
    "Oscillates: {share:.0%} of the epochs raise the loss.": "Oscila: el {share:.0%} de las épocas sube la pérdida.",
    "Saturated: the sigmoid is flat at the start, and no step moves it.": "Saturada: la sigmoide es plana en el "
    "inicio y ningún paso la mueve.",
    "Saturated: the sigmoid is flat at the start; the first {steps} steps move nothing.": "Saturada: la sigmoide es "
    "plana en el inicio; los primeros {steps} pasos no mueven nada.",
    "Stuck where the sigmoid is flat: the last half of the steps goes {far:.1%} of the window.": "Se estanca donde la "
    "sigmoide es plana: la segunda mitad de los pasos avanza el {far:.1%} de la ventana.",
    "Never all correct: accuracy {end} at the end.": "Nunca acierta en todas: exactitud {end} al final.",
    "All correct first after step {step}, but not at the end: {end}.": "Acierta en todas por primera vez tras el paso "
    "{step}, pero no al final: {end}.",
    "All correct from the start.": "Acierta en todas desde el inicio.",
    "All correct first after step {step}, for good after step {last}.": "Acierta en todas por primera vez tras el paso "
    "{step}, y ya siempre tras el {last}.",
    "All correct first after step {step}.": "Acierta en todas por primera vez tras el paso {step}.",
    "The start is outside the window.": "El inicio está fuera de la ventana.",
    "Leaves the window at step {step} and comes back.": "Sale de la ventana en el paso {step} y vuelve.",
    "Leaves the window at step {step}; ends at ({s:.3g}, {t:.3g}).": "Sale de la ventana en el paso {step}; termina en "
    "({s:.3g}, {t:.3g}).",
    "Only {some} of {all} epochs are trained: with more, pictures would wait.": "Solo se entrenan {some} de {all} "
    "épocas: con más, la imagen se haría esperar.",
    "This picture stands still: write %matplotlib widget in a cell before it, with ipympl installed.": "Esta imagen "
    "está quieta: escribe %matplotlib widget en una celda anterior, con ipympl instalado.",
    "The loss surface of logistic regression": "La superficie de pérdida de la regresión logística",
    "The explorer was stopped; start it again.": "El explorador se detuvo; inícialo de nuevo.",
}


def said(text: str, **values: object) -> str:
    """An English text in the language spoken, with values in its braces."""
    from kernels.language import spoken

    return spoken(text, SPANISH, values)
