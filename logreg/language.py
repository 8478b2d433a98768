"""What logreg says, in the language that is spoken."""

from __future__ import annotations

from kernels.language import spoken

SPANISH: dict[str, str] = {
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
    # kernels/losses
    "cross-entropy": "entropía cruzada",
    "mean squared error": "error cuadrático medio",
    "focal loss": "pérdida focal",
    # kernels/quantities
    "gradient": "gradiente",
    "balanced accuracy": "exactitud equilibrada",
    "Hessian": "hessiana",
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
    # commands/trials
    "training, compiled and eager": "entrenamiento, compilado y directo",
    "{number} pictures in {folder}, the summary in {summary}": "{number} imágenes en {folder}, el resumen en {summary}",
    "The map is {path}": "El mapa es {path}",
    "by hand": "a mano",
    "seed {seed}": "semilla {seed}",
    "bad": "malo",
    "start": "inicio",
    "cost": "costo",
    "loss": "pérdida",
    "accuracy": "exactitud",
    "steps to 1": "pasos hasta 1",
    "time": "tiempo",
    "eager": "directo",
    "ratio": "razón",
    "never": "nunca",
    "To drag the start yourself: make explore, or logreg explore --web": "Para arrastrar tú el inicio: make explore "
    'ARGS="--language es", o logreg explore --web --language es',
    # commands/conclusion
    "With {cost} {reached} of {count} starts ended at accuracy 1": "Con {cost}, desde {reached} de {count} inicios "
    "se terminó en exactitud 1",
    "first reached after {steps} by each.": "alcanzada por primera vez después de {steps} por cada uno.",
    "first reached after {least} to {most} steps: a bad start costs steps, not accuracy.": "alcanzada por primera vez "
    "después de {least} a {most} pasos: un mal inicio cuesta pasos, no exactitud.",
    "{accuracy:.2f} from {start}": "{accuracy:.2f} desde {start}",
    "{ended}; it is {ends}. {later}": "{ended}; es de {ends}. {later}",
    "After {epochs:,} more epochs, at learning rate {lr:g} in batches of {batch_size},": "Después de {epochs:,} épocas "
    "más, con tasa de aprendizaje {lr:g} y lotes de {batch_size},",
    "{then} it is 1 from there, too: a bad start costs steps, not accuracy.": "{then} también es 1 desde allí: un mal "
    "inicio cuesta pasos, no exactitud.",
    "{then} it is 1 from {late}, too, but not from {stuck}": "{then} también es 1 desde {late}, pero no desde {stuck}",
    "{brings}: the start decides how accurate the model becomes.": "{brings}: el inicio decide cuán exacto llega a ser "
    "el modelo.",
    "{then} it isn't 1 either: none of these starts is a good one.": "{then} tampoco es 1: ninguno de estos inicios es "
    "bueno.",
    "{then} it isn't 1 from there either: the start decides how accurate the model becomes.": "{then} tampoco es 1 "
    "desde allí: el inicio decide cuán exacto llega a ser el modelo.",
    "{several} and {last}": "{several} y {last}",
    "1 step": "1 paso",
    "{number:,} steps": "{number:,} pasos",
    "this says nothing of starts, as epochs is 0 and nothing was trained": "esto no dice nada de los inicios, pues "
    "el número de épocas es 0 y no se entrenó nada",
    "this says nothing of starts, as the learning rate is 0 and nothing was trained": "esto no dice nada de los "
    "inicios, pues la tasa de aprendizaje es 0 y no se entrenó nada",
    "above {limit:.2g} a step may overshoot and climb": "por encima de {limit:.2g} un paso puede pasarse y subir",
    "the learning rate {lr:g} may have decided, and not the starts: {why}": "puede haber decidido la tasa de "
    "aprendizaje {lr:g}, y no los inicios: {why}",
    "{starts}, {window}, training of {steps} ends at accuracy 1 from {shares}.": "{starts}, {window}, un entrenamiento "
    "de {steps} termina en exactitud 1 desde el {shares}.",
    "With {cost} {percent:.3g} % diverged.": "Con {cost} divergió el {percent:.3g} %.",
    "With {cost} {doubt}.": "Con {cost}, {doubt}.",
    "{percent:g} % with {cost}": "{percent:g} % con {cost}",
    "Of one random start": "De un inicio al azar",
    "Of {number:,} random starts": "De {number:,} inicios al azar",
    "w in [{w0:g}, {w1:g}], b in [{b0:g}, {b1:g}]": "w en [{w0:g}, {w1:g}], b en [{b0:g}, {b1:g}]",
    # commands/starts
    "draw the map of random starts": "dibuja el mapa de inicios al azar",
    "Trains from random starting values, uniform in the lab's window, with cross-entropy and with the mean squared "
    "error; says from how many of them each led to accuracy 1, and draws the map.": "Entrena desde valores iniciales "
    "al azar, uniformes en la ventana del laboratorio, con la entropía cruzada y con el error cuadrático medio; dice "
    "desde cuántos de ellos llegó cada costo a exactitud 1 y dibuja el mapa.",
    "random starts": "inicios al azar",
    # commands/rates
    "draw the map of learning rates": "dibuja el mapa de tasas de aprendizaje",
    "Trains with many learning rates and batch sizes from random starting values, with cross-entropy and with the mean "
    "squared error; says up to which rate training converges, and draws the map.": "Entrena con muchas tasas de "
    "aprendizaje y tamaños de lote desde valores iniciales al azar, con la entropía cruzada y con el error cuadrático "
    "medio; dice hasta qué tasa converge el entrenamiento y dibuja el mapa.",
    "the lowest and the highest learning rate": "la menor y la mayor tasa de aprendizaje",
    "share of the last step that each takes along": "parte del último paso que lleva consigo cada uno",
    # commands/convergence
    "With {cost}, from {starts:,} starts:": "Con {cost}, desde {starts:,} inicios:",
    "With {cost}, from one start:": "Con {cost}, desde un inicio:",
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
    "{rows} x {columns} points of {quantities} in {seconds:.3g} s": "{rows} x {columns} puntos de {quantities} en "
    "{seconds:.3g} s",
    "direct: every point is evaluated, none interpolated": "directo: se evalúa cada punto, ninguno se interpola",
    "spectral: interpolated between {s} x {t} nodes; error bound {bound:.2g}": "espectral: interpolado entre {s} x {t} "
    "nodos; cota de error {bound:.2g}",
    "the path of training is not drawn: {share} of its variance is outside the plane; --directions pca shows as much "
    "of it as a plane can": "la trayectoria del entrenamiento no se dibuja: el {share} de su varianza está fuera del "
    "plano; --directions pca muestra de ella cuanto puede un plano",
    "{data}: n = {n}, d = {d}, trained with l2 = {l2:g} to accuracy {accuracy:.4g}": "{data}: n = {n}, d = {d}, "
    "entrenado con l2 = {l2:g} hasta exactitud {accuracy:.4g}",
    "{data}: n = {n}, d = {d}, trained to accuracy {accuracy:.4g}": "{data}: n = {n}, d = {d}, entrenado hasta "
    "exactitud {accuracy:.4g}",
    "drawn: {path}": "dibujado: {path}",
    "seed of the start of training and of random directions": "semilla del inicio del entrenamiento y de las "
    "direcciones al azar",
    # directions, line
    "Hessian's eigenvector {k} (eigenvalue {value:.3g})": "vector propio {k} de la hessiana (valor propio {value:.3g})",
    "principal component {k} ({share:.3g} % of variance)": "componente principal {k} ({share:.3g} % de la varianza)",
    "along {which}": "a lo largo de {which}",
    "random direction {k}": "dirección al azar {k}",
    "random direction {k}, by the size of each weight": "dirección al azar {k}, según el tamaño de cada peso",
    "change of {name} from {value:.4g}": "cambio de {name} desde {value:.4g}",
    "from model a (0) to model b (1)": "del modelo a (0) al modelo b (1)",
    "model a": "modelo a",
    "model b": "modelo b",
    "model": "modelo",
    "along the direction": "a lo largo de la dirección",
    "along a random direction": "a lo largo de una dirección al azar",
    "along a random direction, by the size of each weight": (
        "a lo largo de una dirección al azar, según el tamaño de cada peso"
    ),
    # commands/pictures
    "pictures": "imágenes",
    "trained with {loss}, start {start}": "entrenamiento con {loss}, inicio {start}",
    "step {step}, epoch {epoch}: {run}": "paso {step}, época {epoch}: {run}",
    "{loss}, start {start}": "{loss}, inicio {start}",
    "accuracy {accuracy}": "exactitud {accuracy}",
    "accuracy {accuracy}, all correct first after {steps} steps": (
        "exactitud {accuracy}, todas correctas por primera vez tras {steps} pasos"
    ),
    # commands/explore
    "drag the start over the loss surface": "arrastra el inicio por la superficie de pérdida",
    "Shows the loss surface with a start that can be dragged, and all that follows from it at once: the path of "
    "training, the model over the data, loss and accuracy. Learning rate, batches, momentum, epochs, the order of the "
    "samples and the cost can be changed. Real data is shown on a plane through its trained model.": "Muestra la "
    "superficie de pérdida con un inicio que se puede arrastrar, y al momento todo lo que resulta de él: la "
    "trayectoria del entrenamiento, el modelo sobre los datos, la pérdida y la exactitud. Se pueden cambiar la tasa de "
    "aprendizaje, los lotes, el momento, las épocas, el orden de las muestras y el costo. Los datos reales se muestran "
    "en un plano que pasa por su modelo entrenado.",
    "serve it on a page of this machine, for a browser": "lo sirve en una página de esta máquina, para un navegador",
    "any that is free": "cualquiera que esté libre",
    "port of the page": "puerto de la página",
    "open the page in the browser, too": "abre además la página en el navegador",
    # commands/exploring
    "The explorer is at {address} until Ctrl-C.": "El explorador está en {address} hasta Ctrl-C.",
}


def said(text: str, **values: object) -> str:
    """An English text in the language spoken, with values in its braces."""
    return spoken(text, SPANISH, values)
