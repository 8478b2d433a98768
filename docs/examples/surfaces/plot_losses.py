"""
Three losses of the same data
=============================

Cross-entropy, squared error and focal loss agree on what is good: their
valleys are in the same place. They differ in what is bad. The cross-entropy
rises without end, so it has a slope wherever a sample is wrong. The squared
error can't be more than 1 for a sample: far from the valley there are
plateaus, on which a run stands still. The focal loss is steep as well, and
counts samples that are nearly right for much less.
"""

import matplotlib.pyplot as plt

from logreg import LossSurface, lab_data
from viz import plot_surface

data = lab_data()
fig, axes = plt.subplots(
    ncols=3,
    figsize=(11, 3.6),
    layout="constrained",
    subplot_kw={"projection": "3d"},
)
losses = {
    "bce": "cross-entropy",
    "mse": "squared error",
    "focal": "focal loss",
}
for ax, (loss, title) in zip(axes, losses.items(), strict=True):
    surface = LossSurface.compute(data, 15, 13, resolution=100, loss=loss)
    plot_surface(surface, ax=ax, colorbar=False, title=title)

# %%
# To try: another window, ``40`` and ``40``. Which of the three still has a
# slope in its corners?
