"""
A run as a film
===============

Three frames of a film: the data with the sigmoid of the moment, beside the
path so far. Most of what there is to see happens in the first steps, so that
is where most frames are.
"""

import matplotlib.pyplot as plt
import torch

from logreg import LogisticRegression, LossSurface, lab_data, train
from viz import animate

data, model = lab_data(), LogisticRegression(1)
with torch.no_grad():
    model.linear.weight.fill_(5.0)
    model.linear.bias.fill_(10.0)
history = train(model, data, lr=2, batch_size=3, epochs=100)
surface = LossSurface.compute(data, 18, 13, resolution=150)
film = animate(history, surface, data)
pictures = [film.picture(step) for step in film.steps[[2, 10, -1]]]
plt.close(film.figure)

fig, axes = plt.subplots(3, figsize=(9, 10.3), layout="constrained")
for ax, picture in zip(axes, pictures, strict=True):
    ax.imshow(picture)
    ax.set_axis_off()

# %%
# The film itself, with its controls.

film

# %%
# To try: ``animate(..., follow=True)``, whose window goes with the model;
# ``film.save("run.gif")`` keeps it.
