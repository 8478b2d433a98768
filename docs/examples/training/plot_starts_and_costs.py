"""
Three starts, two costs
=======================

The same three starts, with cross-entropy and with squared error. Under the cross-entropy all three come to the valley.
Under the squared error the start at the top left finds it too; the others stand on a plateau, where the sigmoid is so
sure of itself that the gradient of the error is nearly 0, and hardly move. This is the lab's answer in one picture: it
isn't the start that is bad, but the start together with the cost.
"""

import matplotlib.pyplot as plt
import torch

from logreg import LogisticRegression, LossSurface, lab_data, train
from viz import plot_contour

data = lab_data()
fig, axes = plt.subplots(ncols=2, figsize=(11, 5.2), layout="constrained")
for ax, loss in zip(axes, ("bce", "mse"), strict=True):
    runs = {}
    for w, b in ((-5, 8), (5, 10), (-12, -10)):
        model = LogisticRegression(1)
        with torch.no_grad():
            model.linear.weight.fill_(w)
            model.linear.bias.fill_(b)
        settings = {"lr": 2, "batch_size": 3, "epochs": 100}
        runs[f"({w}, {b})"] = train(model, data, loss=loss, **settings)
    surface = LossSurface.compute(data, 18, 13, resolution=200, loss=loss)
    plot_contour(surface, runs, ax=ax)

# %%
# To try: ``"focal"`` for ``"mse"``.
