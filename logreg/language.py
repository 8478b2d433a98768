"""What logreg says, in the language that is spoken."""

from __future__ import annotations

from kernels.language import spoken

SPANISH = {
    # __main__
    "interrupted": "interrumpido",
    # commands/parser
    "usage: ": "uso: ",
    "options": "opciones",
    "example:": "ejemplo:",
    "commands, each with --help:": "comandos, cada uno con --help:",
    "say this and stop": "muestra esta ayuda y termina",
    "say the version and stop": "muestra la versión y termina",
    "language of what is said and drawn": "idioma de lo que se dice y se dibuja",
    "{what} (default: {default})": "{what} (por omisión: {default})",
    # commands/options
    "passes over the data": "pasadas por los datos",
    "learning rate": "tasa de aprendizaje",
    "samples a step": "muestras por paso",
    "folder for the pictures": "carpeta para las imágenes",
    "where to train and to evaluate": "dónde entrenar y evaluar",
    "seed of random starts": "semilla de los inicios al azar",
    # commands/lab
    "run the lab (default)": "hace el laboratorio (por omisión)",
    "Runs the lab: trains logistic regression on 20 points from several starting values, with cross-entropy and with "
    "the mean squared error; prints what each run reached, draws the loss surfaces with the paths of training, and "
    "says how the start affects the accuracy.": "Hace el laboratorio: entrena una regresión logística con 20 puntos "
    "desde varios valores iniciales, con la entropía cruzada y con el error cuadrático medio; muestra a qué llegó cada "
    "entrenamiento, dibuja las superficies de pérdida con sus trayectorias y dice cómo influye el inicio en la "
    "exactitud.",
    "cross-entropy, squared error, focal loss, or the first two": "entropía cruzada, error cuadrático, pérdida focal, "
    "o las dos primeras",
    "weight and bias of the start set by hand": "peso y sesgo del inicio puesto a mano",
    "points of a surface along each axis": "puntos de una superficie en cada eje",
    # commands/starts
    "draw the map of random starts": "dibuja el mapa de inicios al azar",
    "Trains from random starting values, uniform in the lab's window, with cross-entropy and with the mean squared "
    "error; says from how many of them each led to accuracy 1, and draws the map.": "Entrena desde valores iniciales "
    "al azar, uniformes en la ventana del laboratorio, con la entropía cruzada y con el error cuadrático medio; dice "
    "desde cuántos de ellos llegó cada costo a exactitud 1 y dibuja el mapa.",
    "random starts": "inicios al azar",
    # commands/surface
    "draw planes of a model of real data": "dibuja planos de un modelo de datos reales",
    "Trains logistic regression on real data and draws its loss, accuracy, gradient and the condition of its Hessian "
    "on a plane of parameters through the trained model, with the path of training projected on it.": "Entrena una "
    "regresión logística con datos reales y dibuja su pérdida, su exactitud, su gradiente y la condición de su "
    "hessiana en un plano de parámetros que pasa por el modelo entrenado, con la trayectoria del entrenamiento "
    "proyectada en él.",
    "the data; all but lab need scikit-learn": "los datos; todos menos lab necesitan scikit-learn",
    "what spans the plane": "qué genera el plano",
    "half-width of the window, R for -R to R": "mitad del ancho de la ventana, R para -R a R",
    "what shows the path": "lo que muestra la trayectoria",
    "points along each axis": "puntos en cada eje",
    "what is drawn, of {names}": "qué se dibuja, de {names}",
    "penalty L2/2 |w|^2 on the loss that is minimised and drawn": "penalización L2/2 |w|^2 sobre la pérdida que se "
    "minimiza y se dibuja",
    "seed of the start of training and of random directions": "semilla del inicio del entrenamiento y de las "
    "direcciones al azar",
}


def said(text: str, **values: object) -> str:
    """An English text in the language spoken, with values in its braces."""
    return spoken(text, SPANISH, values)
