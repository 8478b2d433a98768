"""
Three losses of the same data
=============================

Cross-entropy, squared error and focal loss agree on what is good, and have
their valleys in the same place. They differ in what is bad. The cross-entropy
rises without end, so it has a slope wherever a sample is wrong. The squared
error can't be more than 1 for a sample: far from the valley it is a plateau,
on which a run stands still. The focal loss counts samples that are nearly
right for much less, so that its valley is the deepest.
"""

import matplotlib.pyplot as plt

from logreg import LossSurface, lab_data
from viz import plot_contour

data = lab_data()
fig, axes = plt.subplots(ncols=3, figsize=(11, 3.8), layout="constrained")
for ax, loss in zip(axes, ("bce", "mse", "focal"), strict=True):
    surface = LossSurface.compute(data, 15, 13, resolution=200, loss=loss)
    plot_contour(surface, ax=ax, legend=ax is axes[1])

# %%
# To try: another window, ``40`` and ``40``. Which of the three still has
# contours in its corners?
