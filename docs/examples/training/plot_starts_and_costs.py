"""
Three starts, two costs
=======================

The same three starts, with cross-entropy and with squared error. Under the
cross-entropy all three come to the valley. Under the squared error only one
does. The others begin on a plateau, where the sigmoid is so sure of itself
that the error has hardly a slope: one doesn't move from its place, the other
creeps away from the valley. This is the lab's answer in one picture: it isn't
the start that is bad, but the start together with the cost.
"""

import matplotlib.pyplot as plt
import torch

from logreg import LogisticRegression, LossSurface, lab_data, train
from viz import plot_contour, share_legend

data = lab_data()
fig, axes = plt.subplots(ncols=2, figsize=(9, 4.6), layout="constrained")
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
share_legend(fig)

# %%
# To try: ``"focal"`` for ``"mse"``, a loss that has a slope wherever a sample
# is wrong.
