"""
Ninety-five per cent right, and useless
=======================================

Of these samples one in twenty is of class 1. A model that says "class 0" to all of them is right about 95 % (left, the
wide plain). The balanced accuracy (right) is the mean of both classes' own accuracies, so that this model has 50 %, as
it deserves. What maximises one isn't what maximises the other.
"""

import matplotlib.pyplot as plt
import numpy as np

from logreg import LossSurface
from viz import plot_contour

rng = np.random.default_rng(0)
y = np.arange(400) < 20
x = rng.normal(1.5 * y, 1)
names = "accuracy", "balanced_accuracy"
surface = LossSurface.around([1, -2], (x, y), extent=5, quantities=names)
fig, axes = plt.subplots(ncols=2, figsize=(11, 4.8), layout="constrained")
for ax, name in zip(axes, names, strict=True):
    plot_contour(surface, quantity=name, ax=ax)

# %%
# To try: the loss, plain and with ``class_weight="balanced"``. Which accuracy is each of them lowest at the best of?
