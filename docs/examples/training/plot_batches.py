"""
The noise of small batches
==========================

Steps of all the data at once go smoothly to the minimum, and stay. Steps of
three samples at a time are led by what these three say, which isn't what all
say: the run comes near the minimum after as many steps, each of which is a
seventh of the work, and then wanders around it for ever. How far depends on
the learning rate.
"""

import torch

from logreg import LogisticRegression, LossSurface, lab_data, train
from viz import plot_contour

x, y = lab_data()[:]
y[5] = 1  # so that there is a minimum
runs = {}
for batch_size, epochs in ((3, 30), (20, 210)):
    model = LogisticRegression(1)
    with torch.no_grad():
        model.linear.weight.fill_(-3.0)
        model.linear.bias.fill_(2.5)
    runs[f"batches of {batch_size}"] = train(
        model,
        (x, y),
        lr=1,
        batch_size=batch_size,
        epochs=epochs,
        shuffle_seed=0,
    )
surface = LossSurface.compute((x, y), (-4, 7), (-3, 3), resolution=300)
plot_contour(surface, runs)

# %%
# To try: ``lr=0.2`` with five times the epochs: the cloud shrinks.
