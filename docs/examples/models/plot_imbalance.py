"""
Ninety-five per cent right, and useless
=======================================

Of these samples one in twenty is of class 1. A model that says "class 0" to
all of them is right about 95 % (left, the wide plain), and the model that was
trained (the cross) does hardly anything else. The balanced accuracy (right) is
the mean of both classes' own accuracies, so that such a model has 50 %, as it
deserves.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from logreg import LossSurface
from viz import plot_contour, share_legend

rng = np.random.default_rng(0)
y = np.arange(400) < 20
x = rng.normal(1.5 * y, 1)[:, None]
model = LogisticRegression().fit(x, y)
names = "accuracy", "balanced_accuracy"
surface = LossSurface.around(model, (x, y), extent=5, quantities=names)
fig, axes = plt.subplots(ncols=2, figsize=(9, 4.2), layout="constrained")
for ax, name in zip(axes, names, strict=True):
    plot_contour(surface, quantity=name, ax=ax)
share_legend(fig)

# %%
# To try: ``LogisticRegression(class_weight="balanced")``. Which of the two
# accuracies is its model good at?
