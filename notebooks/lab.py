# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] lang="en"
# # How the start decides what a model becomes
#
# Logistic regression learns a weight $w$ and a bias $b$, and it learns them from somewhere: training has to start with
# some values. In this lab you choose them, good and bad, and watch what becomes of the model. The question is:
#
# > **With random, even bad, starting values: how accurate does training by cross-entropy make logistic regression?**
#
# You will look at a *loss surface*, the height of the cost above every pair $(w, b)$, and at the path that training
# takes over it. A run of training takes some microseconds here and a surface a few milliseconds, so try whatever you
# like: change a number, run the cell again.
#
# Cells that begin with **Question** want an answer from you, in the cell below them.

# %% [markdown] lang="es"
# # Cómo decide el inicio en qué se convierte un modelo
#
# La regresión logística aprende un peso $w$ y un sesgo $b$, y los aprende desde algún lugar: el entrenamiento tiene que
# empezar con algunos valores. En este laboratorio los eliges tú, buenos y malos, y miras en qué se convierte el modelo. La
# pregunta es:
#
# > **Con valores iniciales al azar, incluso malos: ¿qué exactitud alcanza la regresión logística entrenada con entropía
# > cruzada?**
#
# Vas a mirar una *superficie de pérdida*, la altura del costo sobre cada par $(w, b)$, y el camino que el entrenamiento
# recorre en ella. Aquí un entrenamiento tarda unos microsegundos y una superficie unos milisegundos, así que prueba lo que
# quieras: cambia un número y ejecuta la celda otra vez.
#
# Las celdas que empiezan con **Pregunta** esperan tu respuesta, en la celda que las sigue.

# %% lang="en"
# %matplotlib inline
from logreg import speak

speak("en")

# %% lang="es"
# %matplotlib inline
from logreg import speak

speak("es")

# %% [markdown] lang="en"
# ## The data
#
# Twenty points $x$ from $-1$ to $0.9$. Those to the right of $0.2$ are of class 1, the others of class 0.

# %% [markdown] lang="es"
# ## Los datos
#
# Veinte puntos $x$ de $-1$ a $0.9$. Los que están a la derecha de $0.2$ son de la clase 1, los demás de la clase 0.

# %%
from logreg import LabData

data = LabData()
x, y = data[:]
print(x.ravel())
print(y.ravel())

# %% [markdown] lang="en"
# **Question 1.** How accurate is a model that says "class 0" whatever $x$ is? Any model that has learned something must be
# better than that.

# %% [markdown] lang="es"
# **Pregunta 1.** ¿Qué exactitud tiene un modelo que dice «clase 0» sea cual sea $x$? Cualquier modelo que haya aprendido
# algo tiene que ser mejor.

# %% [markdown] lang="en"
# *Your answer:*

# %% [markdown] lang="es"
# *Tu respuesta:*

# %% [markdown] lang="en"
# ## The model
#
# The model says how probable class 1 is:
#
# $$p(x) = \sigma(w x + b), \qquad \sigma(z) = \frac{1}{1 + e^{-z}}.$$
#
# It decides for class 1 where $p > 1/2$, that is, where $w x + b > 0$: the *decision boundary* is at $x = -b / w$.

# %% [markdown] lang="es"
# ## El modelo
#
# El modelo dice cuán probable es la clase 1:
#
# $$p(x) = \sigma(w x + b), \qquad \sigma(z) = \frac{1}{1 + e^{-z}}.$$
#
# Decide por la clase 1 donde $p > 1/2$, es decir, donde $w x + b > 0$: la *frontera de decisión* está en $x = -b / w$.

# %%
from viz import plot_data

plot_data(data, w=5, b=10)

# %% [markdown] lang="en"
# **Question 2.** Where is the decision boundary of $w = 5$, $b = 10$? What does this model say of all twenty points? Change
# $w$ and $b$ by hand until every point is on its side of the boundary. Is there only one such pair?

# %% [markdown] lang="es"
# **Pregunta 2.** ¿Dónde está la frontera de decisión de $w = 5$, $b = 10$? ¿Qué dice este modelo de los veinte puntos?
# Cambia $w$ y $b$ a mano hasta que cada punto esté de su lado de la frontera. ¿Hay un solo par así?

# %% [markdown] lang="en"
# *Your answer:*

# %% [markdown] lang="es"
# *Tu respuesta:*

# %% [markdown] lang="en"
# ## The cost
#
# The *likelihood* of the labels is the product of the probabilities that the model gives them. Its negative logarithm,
# averaged over the points, is the **cross-entropy**:
#
# $$L(w, b) = -\frac{1}{n} \sum_{i=1}^{n} \bigl(y_i \log p_i + (1 - y_i) \log(1 - p_i)\bigr).$$
#
# It is never negative, and it is small where the model is right and sure of it. Written out, for one pair $(w, b)$:

# %% [markdown] lang="es"
# ## El costo
#
# La *verosimilitud* de las etiquetas es el producto de las probabilidades que el modelo les da. El opuesto de su
# logaritmo, promediado sobre los puntos, es la **entropía cruzada**:
#
# $$L(w, b) = -\frac{1}{n} \sum_{i=1}^{n} \bigl(y_i \log p_i + (1 - y_i) \log(1 - p_i)\bigr).$$
#
# Nunca es negativa, y es pequeña donde el modelo acierta y está seguro de ello. Escrita paso a paso, para un par $(w, b)$:

# %%
import torch

w, b = 5.0, 10.0
p = torch.sigmoid(w * x + b)
print(-(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean())
print(torch.nn.BCELoss()(p, y))

# %% [markdown] lang="en"
# Over a whole grid of pairs it is a surface. Both axes are parameters; the height is the loss on all twenty points.

# %% [markdown] lang="es"
# Sobre toda una cuadrícula de pares es una superficie. Los dos ejes son parámetros; la altura es la pérdida en los veinte
# puntos.

# %%
from logreg import LossSurface
from viz import plot_contour, plot_surface

surface = LossSurface.compute(data, (-15, 15), (-13, 13), resolution=300)
plot_surface(surface)
plot_contour(surface)

# %% [markdown] lang="en"
# **Question 3.** Follow the valley: where does it lead, and does it end inside of the window? What would $w$ have to be for
# the loss to be 0? (These points can be separated without an error. Such data has no best $w$.)

# %% [markdown] lang="es"
# **Pregunta 3.** Sigue el valle: ¿adónde lleva, y termina dentro de la ventana? ¿Cuánto tendría que valer $w$ para que la
# pérdida fuera 0? (Estos puntos se pueden separar sin ningún error. Datos así no tienen un mejor $w$.)

# %% [markdown] lang="en"
# *Your answer:*

# %% [markdown] lang="es"
# *Tu respuesta:*

# %% [markdown] lang="en"
# ## Training
#
# PyTorch starts a model at random; with the seed 0 it is always the same start. Here is the training loop as one writes
# it: batches of 3 points in order, a step against the gradient of the batch's loss, twenty times through the data.

# %% [markdown] lang="es"
# ## El entrenamiento
#
# PyTorch inicia un modelo al azar; con la semilla 0 el inicio es siempre el mismo. Este es el ciclo de entrenamiento tal como
# se escribe: lotes de 3 puntos en orden, un paso en contra del gradiente de la pérdida del lote, veinte veces los datos.

# %%
from logreg import LogisticRegression, accuracy

torch.manual_seed(0)
model = LogisticRegression(1)
print(model.linear.weight.item(), model.linear.bias.item(), accuracy(model, data))

optimizer = torch.optim.SGD(model.parameters(), lr=2)
for _ in range(20):
    for features, labels in torch.utils.data.DataLoader(data, batch_size=3):
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy(model(features), labels).backward()
        optimizer.step()
print(model.linear.weight.item(), model.linear.bias.item(), accuracy(model, data))

# %% [markdown] lang="en"
# `train` is the same loop, compiled, and it remembers every step. From a start set by hand, $w = 5$, $b = 10$, where the
# model says "class 1" of every point:

# %% [markdown] lang="es"
# `train` es el mismo ciclo, compilado, y recuerda cada paso. Desde un inicio puesto a mano, $w = 5$, $b = 10$, donde el
# modelo dice «clase 1» de todos los puntos:

# %%
from logreg import train


def run_from(w, b, loss="bce", lr=2, batch_size=3, epochs=100, **settings):
    model = LogisticRegression(1)
    torch.nn.init.constant_(model.linear.weight, w)
    torch.nn.init.constant_(model.linear.bias, b)
    return train(model, data, lr=lr, batch_size=batch_size, epochs=epochs, loss=loss, **settings)


history = run_from(5, 10)
print(history.end_w, history.end_b, history.end_loss)
print(history.steps, history.steps_to_accuracy_1())
plot_contour(surface, history)

# %% [markdown] lang="en"
# **Question 4.** After how many steps was every point classified correctly for the first time? Training went on for
# hundreds of steps after that. What did it still change, and why didn't it stop?

# %% [markdown] lang="es"
# **Pregunta 4.** ¿Después de cuántos pasos estuvieron bien clasificados todos los puntos por primera vez? El entrenamiento
# siguió cientos de pasos más. ¿Qué cambiaba todavía, y por qué no se detuvo?

# %% [markdown] lang="en"
# *Your answer:*

# %% [markdown] lang="es"
# *Tu respuesta:*

# %% [markdown] lang="en"
# The same run as a film, and the model after each epoch:

# %% [markdown] lang="es"
# El mismo entrenamiento como película, y el modelo después de cada época:

# %%
from viz import animate, plot_epochs

plot_epochs(history, data)
animate(history, surface, data)

# %% [markdown] lang="en"
# ## A bad start, and another cost
#
# Now a start at the edge of the window, $w = -15$, $b = -10$: the weight has the wrong sign, and the model is very sure of
# it. Beside the cross-entropy there is the **mean squared error** of the probabilities, $\frac{1}{n} \sum (p_i - y_i)^2$.

# %% [markdown] lang="es"
# ## Un mal inicio, y otro costo
#
# Ahora un inicio en el borde de la ventana, $w = -15$, $b = -10$: el peso tiene el signo equivocado, y el modelo está muy
# seguro. Además de la entropía cruzada existe el **error cuadrático medio** de las probabilidades,
# $\frac{1}{n} \sum (p_i - y_i)^2$.

# %%
squared = LossSurface.compute(data, (-15, 15), (-13, 13), resolution=300, loss="mse")
for cost, its_surface in {"bce": surface, "mse": squared}.items():
    run = run_from(-15, -10, loss=cost)
    print(cost, run.end_w, run.end_b, run.full_accuracy()[-1])
    plot_contour(its_surface, run)

# %% [markdown] lang="en"
# **Question 5.** From the same start, with the same steps, the two costs end at different accuracies. Look at the surfaces
# where the start is: how steep is each? The gradient of the squared error of a point has the factor $p (1 - p)$. How large
# is it where the model is very sure?

# %% [markdown] lang="es"
# **Pregunta 5.** Desde el mismo inicio y con los mismos pasos, los dos costos terminan con exactitudes distintas. Mira las
# superficies donde está el inicio: ¿qué pendiente tiene cada una? El gradiente del error cuadrático de un punto tiene el
# factor $p (1 - p)$. ¿Cuánto vale donde el modelo está muy seguro?

# %% [markdown] lang="en"
# *Your answer:*

# %% [markdown] lang="es"
# *Tu respuesta:*

# %% [markdown] lang="en"
# ## The answer at a glance
#
# One start says little. Here are 200,000, uniformly at random in the window, each trained with both costs. The colour says
# after how many steps all points were right; hatched is where they never were at the end.

# %% [markdown] lang="es"
# ## La respuesta de un vistazo
#
# Un solo inicio dice poco. Aquí hay 200,000, al azar y uniformes en la ventana, entrenado cada uno con los dos costos. El
# color dice después de cuántos pasos todos los puntos estaban bien; rayado, donde al final no lo estaban.

# %%
from logreg import study_starts
from viz import plot_starts

study = study_starts(data, (-15, 15), (-13, 13), 200_000, lr=2, batch_size=3, epochs=100, seed=0)
print(study.share_at_accuracy_1)
plot_starts(study)

# %% [markdown] lang="en"
# **Question 6.** Answer the lab's question in two sentences, one for each cost.

# %% [markdown] lang="es"
# **Pregunta 6.** Responde a la pregunta del laboratorio en dos frases, una para cada costo.

# %% [markdown] lang="en"
# *Your answer:*

# %% [markdown] lang="es"
# *Tu respuesta:*

# %% [markdown] lang="en"
# ## The learning rate, and the batch
#
# So far the learning rate was 2 and a batch 3 points. The map shows what other choices lead to, averaged over random
# starts: where training settles, where it oscillates, where it climbs.

# %% [markdown] lang="es"
# ## La tasa de aprendizaje, y el lote
#
# Hasta aquí la tasa de aprendizaje fue 2 y un lote tuvo 3 puntos. El mapa muestra a qué llevan otras elecciones, en
# promedio sobre inicios al azar: dónde se asienta el entrenamiento, dónde oscila, dónde sube.

# %%
import numpy as np

from logreg import study_rates
from viz import plot_rates

settings = {"epochs": 100, "seed": 0}
rates = study_rates(data, np.geomspace(0.01, 100, 60), (1, 2, 3, 5, 10, 20), (-15, 15), (-13, 13), 100, **settings)
plot_rates(rates)

# %% [markdown] lang="en"
# **Question 7.** Which learning rate would you take for batches of 3? For all 20 points at once? Why does a large batch bear
# a larger rate?

# %% [markdown] lang="es"
# **Pregunta 7.** ¿Qué tasa de aprendizaje elegirías para lotes de 3? ¿Y para los 20 puntos a la vez? ¿Por qué un lote grande
# soporta una tasa mayor?

# %% [markdown] lang="en"
# *Your answer:*

# %% [markdown] lang="es"
# *Tu respuesta:*

# %% [markdown] lang="en"
# ## Under your hand
#
# Drag the start over the surface. Every change trains anew and draws the whole path. (In a notebook this needs `ipympl`;
# `logreg explore --web` opens the same in a browser.)

# %% [markdown] lang="es"
# ## Bajo tu mano
#
# Arrastra el inicio por la superficie. Cada cambio entrena otra vez y dibuja todo el camino. (En un cuaderno hace falta
# `ipympl`; `logreg explore --web --language es` abre lo mismo en un navegador.)

# %%
# %matplotlib widget
from viz import explore

explorer = explore()

# %% [markdown] lang="en"
# **Question 8.** Find a start from which training with the squared error never gets all points right, and one next to it
# from which it does. Then find a learning rate at which cross-entropy oscillates. What do you see in the loss along the run?

# %% [markdown] lang="es"
# **Pregunta 8.** Busca un inicio desde el que el entrenamiento con el error cuadrático nunca acierta todos los puntos, y otro
# a su lado desde el que sí. Después busca una tasa de aprendizaje con la que la entropía cruzada oscila. ¿Qué ves en la
# pérdida a lo largo del entrenamiento?

# %% [markdown] lang="en"
# *Your answer:*

# %% [markdown] lang="es"
# *Tu respuesta:*
