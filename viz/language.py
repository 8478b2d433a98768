"""What viz says, in the language that is spoken."""

from __future__ import annotations

# By the file that says it, titles of losses and quantities as the tables of kernels have them.
SPANISH: dict[str, str] = {
    # losses
    "cross-entropy": "entropía cruzada",
    "focal loss": "pérdida focal",
    "mean cross-entropy": "entropía cruzada media",
    "mean squared error": "error cuadrático medio",
    "mean focal loss": "pérdida focal media",
    "loss": "pérdida",
    "accuracy": "exactitud",
    "balanced accuracy": "exactitud equilibrada",
    "gradient": "gradiente",
    "Hessian": "hessiana",
    "derivative": "derivada",
    "second derivative": "segunda derivada",
    "{derivative} of the loss along the line": "{derivative} de la pérdida a lo largo de la recta",
    # inputs, plane
    "weight w": "peso w",
    "bias b": "sesgo b",
    "sharpness at the centre: largest eigenvalue {largest}, trace {trace}": (
        "curvatura en el centro: mayor valor propio {largest}, traza {trace}"
    ),
    "condition number of the Hessian in this plane": "número de condición de la hessiana en este plano",
    "; grey: above $10^9$": "; gris: más de $10^9$",
    "lines: steepest descent": "líneas: descenso más rápido",
    # contour, marks
    "trained model": "modelo entrenado",
    "center": "centro",
    "the trained model": "el modelo entrenado",
    "the center": "el centro",
    "original window": "ventana original",
    "{over} covers {under}": "{over} tapa {under}",
    "lowest on this grid": "mínimo en esta cuadrícula",
    "lowest on this grid: at its edge, not inside": "mínimo en esta cuadrícula: en el borde, no dentro",
    "{who} is at the lowest point on this grid": "{who} está en el mínimo de esta cuadrícula",
    "{who} is at the lowest point on this grid, which is at its edge": (
        "{who} está en el mínimo de esta cuadrícula, que está en su borde"
    ),
    # surface
    "log scale": "escala logarítmica",
    # paths
    "path": "trayectoria",
    "model": "modelo",
    "start": "inicio",
    "end": "final",
    "the path": "la trayectoria",
    "the model": "el modelo",
    "the start": "el inicio",
    "the end": "el final",
    "the start of {name}": "el inicio de {name}",
    "the end of {name}": "el final de {name}",
    "{who} is {far} away from the plane": "{who} está a una distancia de {far} del plano",
    "{name}: {share} % of the path's variance is outside the plane": (
        "{name}: el {share} % de la varianza de la trayectoria está fuera del plano"
    ),
    "projected: {share} % of the path's variance is outside the plane, by up to {far}": (
        "proyectada: el {share} % de la varianza de la trayectoria está fuera del plano, a una distancia de hasta {far}"
    ),
    "{who} is outside the window, at {end}": "{who} está fuera de la ventana, en {end}",
    "{who} leaves the window and comes back": "{who} sale de la ventana y vuelve",
    "{who} leaves the window and ends at {end}": "{who} sale de la ventana y termina en {end}",
    "{who} starts outside the window, at {start}": "{who} empieza fuera de la ventana, en {start}",
    "{who} starts and ends outside the window, at {start} and at {end}": (
        "{who} empieza y termina fuera de la ventana, en {start} y en {end}"
    ),
    ", but goes through it at the steps kept": ", pero pasa por ella en los pasos guardados",
    ", and is not in it at the steps kept": ", y no está en ella en los pasos guardados",
    # training
    "line w x + b": "recta w x + b",
    "sigmoid(w x + b)": "sigmoide(w x + b)",
    "boundary x = {x}": "frontera x = {x}",
    "class 0": "clase 0",
    "class 1": "clase 1",
    "epoch": "época",
    "y and sigmoid(w x + b)": "y y sigmoide(w x + b)",
    # line
    "{quantity} (right)": "{quantity} (derecha)",
    # starts
    "weight w at the start": "peso w en el inicio",
    "bias b at the start": "sesgo b en el inicio",
    "{loss}: accuracy 1 from {share} of the starts": "{loss}: exactitud 1 desde {share} de los inicios",
    "ends below accuracy 1": "termina con exactitud menor que 1",
    "steps until every sample is right (of {total:,}; 0 drawn as 1)": (
        "pasos hasta acertar todas las muestras (de {total:,}; el 0 se dibuja como 1)"
    ),
    "start {name}": "inicio {name}",
    # notebook
    "Loss Surface": "Superficie de pérdida",
    "Loss Surface Contour": "Contornos de la superficie de pérdida",
    "Data Space: no finite model": "Espacio de datos: ningún modelo finito",
    "Data Space Iteration: {step}": "Espacio de datos, iteración: {step}",
    "Loss Surface Contour Iteration: {step}": "Contornos de la superficie de pérdida, iteración: {step}",
    "epoch {number}": "época {number}",
    "{number} of {steps} recorded steps not finite": "{number} de {steps} pasos registrados no son finitos",
    "first recorded": "primero registrado",
}


def said(text: str, **values: object) -> str:
    """An English text in the language spoken, with values in its braces."""
    from kernels.language import spoken

    return spoken(text, SPANISH, values)
