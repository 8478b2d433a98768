"""What viz says, in the language that is spoken."""

from __future__ import annotations

SPANISH: dict[str, str] = {
    # rates
    "learning rate": "tasa de aprendizaje",
    "batch size": "tamaño de lote",
    "mean final loss": "pérdida final media",
    "mean final accuracy": "exactitud final media",
    "mean steps until every sample is right": "media de pasos hasta acertar todas las muestras",
    "oscillates": "oscila",
    "diverges": "diverge",
    "never every sample right": "nunca acierta todas las muestras",
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
    "to the first frame": "al primer fotograma",
    "a frame back": "un fotograma atrás",
    "a frame forwards": "un fotograma adelante",
    "to the last frame": "al último fotograma",
    "frame": "fotograma",
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
    "y and sigmoid(w x + b)": "y, sigmoide(w x + b)",
    # line
    "{quantity} (right)": "{quantity} (derecha)",
    # starts
    "weight w at the start": "peso w en el inicio",
    "bias b at the start": "sesgo b en el inicio",
    "{loss}: accuracy 1 from {share} of the starts": "{loss}: exactitud 1 desde el {share} de los inicios",
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
    # explorer
    "mean cross-entropy (nats)": "entropía cruzada media (nats)",
    "Loss surface: drag the start, or click": "Superficie de pérdida: arrastra el inicio o haz clic",
    "The data, and the model after the step shown": "Los datos y el modelo tras el paso que se ve",
    "The samples by their logit after the step shown": "Las muestras según su logit tras el paso que se ve",
    "logit (beyond ±{most:g} at the edge)": "logit (más allá de ±{most:g}, en el borde)",
    "{label}; {some:,} of {all:,} samples": "{label}; {some:,} de {all:,} muestras",
    "step": "paso",
    "loss (solid)": "pérdida (continua)",
    "accuracy (dashed)": "exactitud (a trazos)",
    "wrong": "errada",
    "as given": "como están",
    "shuffled, seed {seed}": "al azar, semilla {seed}",
    "momentum": "momento",
    "epochs": "épocas",
    "order": "orden",
    "keys": "teclas",
    "squared error": "error cuadrático",
    "a step back, on": "un paso atrás, adelante",
    "10 steps back, on": "10 pasos atrás, adelante",
    "to the start, to the end": "al inicio, al final",
    "home end": "inicio fin",
    "space": "espacio",
    "play, pause": "reproducir, pausa",
    "shift + ← → ↓ ↑": "mayús + ← → ↓ ↑",
    "move the start": "mueve el inicio",
    "learning rate: more, less": "tasa de aprendizaje: más, menos",
    "batch size: more, less": "tamaño de lote: más, menos",
    "momentum: more, less": "momento: más, menos",
    "epochs: more, less": "épocas: más, menos",
    "next, previous order of samples": "orden siguiente, anterior de las muestras",
    "the other cost": "el otro costo",
    "all as it was at first": "todo como al principio",
    "these keys, or not": "estas teclas, o no",
    "step {step} of {last} (epoch {epoch})": "paso {step} de {last} (época {epoch})",
    "loss {loss:.4g}, accuracy {accuracy}": "pérdida {loss:.4g}, exactitud {accuracy}",
    "Diverged: step {step} leaves the range of numbers.": "Diverge: el paso {step} se sale del rango de los números.",
    "Diverged: step {step} is too far away to be drawn.": "Diverge: el paso {step} queda demasiado lejos para "
    "dibujarlo.",
    "Climbs: the loss ends higher than it began; the steps are too large.": "Sube: la pérdida termina más alta que al "
    "empezar; los pasos son demasiado grandes.",
    "Oscillates: {share} of the epochs raise the loss.": "Oscila: el {share} de las épocas sube la pérdida.",
    "Saturated: the sigmoid is flat at the start, and no step moves it.": "Saturada: la sigmoide es plana en el "
    "inicio y ningún paso la mueve.",
    "Saturated: the sigmoid is flat at the start; the first {steps} steps move nothing.": "Saturada: la sigmoide es "
    "plana en el inicio; los primeros {steps} pasos no mueven nada.",
    "Stuck where the sigmoid is flat: the last half of the steps goes {far} of the window.": "Se estanca donde la "
    "sigmoide es plana: la segunda mitad de los pasos avanza el {far} de la ventana.",
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
    "{some} of {all} steps are looked at.": "Se miran {some} de los {all} pasos.",
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
