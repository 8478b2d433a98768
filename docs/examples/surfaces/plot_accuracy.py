"""
What is minimised, and what is wanted
=====================================

Nobody wants a small cross-entropy: what is wanted are samples that are classified correctly. But their share is made
of steps (right): its slope is 0 or infinite, so nothing can follow it downhill. The loss (left) is smooth, has a slope
everywhere, and leads to the same place. Each straight edge at the right is a sample that changes sides.
"""

import matplotlib.pyplot as plt

from logreg import LossSurface, lab_data
from viz import plot_contour

surface = LossSurface.around(
    [4.0, -1.0],
    lab_data(),
    extent=12,
    quantities=("loss", "accuracy"),
)
fig, axes = plt.subplots(ncols=2, figsize=(11, 4.8), layout="constrained")
for ax, quantity in zip(axes, ("loss", "accuracy"), strict=True):
    plot_contour(surface, quantity=quantity, ax=ax)

# %%
# To try: ``surface.at(2, 2)``, a small part of the same plane, for both. How many samples change sides there?
