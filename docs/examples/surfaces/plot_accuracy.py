"""
What is minimised, and what is wanted
=====================================

Nobody wants a small cross-entropy: what is wanted are samples that are
classified correctly. But their share is made of steps (right): its slope is 0
or infinite, so nothing can follow it downhill. The loss (left) is smooth, has
a slope everywhere, and leads to the same place. Each straight edge at the
right is a sample that changes sides.
"""

import matplotlib.pyplot as plt
import torch

from logreg import LogisticRegression, LossSurface, lab_data, train
from viz import plot_contour, share_legend

torch.manual_seed(0)
data, model = lab_data(), LogisticRegression(1)
train(model, data, lr=2, batch_size=3, epochs=10)
names = "loss", "accuracy"
surface = LossSurface.around(model, data, extent=12, quantities=names)
fig, axes = plt.subplots(ncols=2, figsize=(9, 4.2), layout="constrained")
for ax, name in zip(axes, names, strict=True):
    plot_contour(surface, quantity=name, ax=ax)
share_legend(fig)

# %%
# To try: ``extent=2``. How many samples change sides near the model?
