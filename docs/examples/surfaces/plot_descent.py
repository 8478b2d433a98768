"""
Where steepest descent leads, and how narrow the valley is
==========================================================

Left the lines that run downhill fastest: training with very small steps
follows one of them. All lead to the valley first, and only then along it.
Right the reason: how many times as large the largest curvature of the loss is
as the smallest. At the minimum it is about 9: the valley is narrower than it
is long, and steps that are short enough for its walls are small along its
floor.
"""

import matplotlib.pyplot as plt
import torch

from logreg import LogisticRegression, LossSurface, lab_data, train
from viz import plot_contour

x, y = lab_data()[:]
y[5] = 1  # so that there is a minimum
torch.manual_seed(0)
model = LogisticRegression(1)
train(model, (x, y), lr=4, batch_size=20, epochs=1000)
names = "loss", "gradient", "hessian"
surface = LossSurface.around(model, (x, y), extent=8, quantities=names)
fig, axes = plt.subplots(ncols=2, figsize=(9, 4.2), layout="constrained")
for ax, name in zip(axes, names[1:], strict=True):
    plot_contour(surface, quantity=name, ax=ax)

# %%
# To try: ``x * 10`` for ``x``. With features of another size the valley is
# narrower still: that's why data is scaled.
