"""
Where steepest descent leads, and how narrow the valley is
==========================================================

Left the lines that run downhill fastest: training with very small steps follows one of them. All lead to the valley
first, and only then along it. Right the reason: the largest curvature of the loss beside its smallest. Where that is
10, the valley is much narrower than it is long, so steps that are short enough for its walls are small along its floor.
"""

import matplotlib.pyplot as plt

from logreg import LossSurface, lab_data
from viz import plot_contour

x, y = lab_data()[:]
y[5] = 1  # so that there is a minimum
surface = LossSurface.around(
    [3.0, -0.5],
    (x, y),
    extent=8,
    quantities=("loss", "gradient", "hessian"),
)
fig, axes = plt.subplots(ncols=2, figsize=(11, 4.8), layout="constrained")
for ax, quantity in zip(axes, ("gradient", "hessian"), strict=True):
    plot_contour(surface, quantity=quantity, ax=ax)

# %%
# To try: ``x * 10`` for ``x``. With features of another size the valley is narrower still: that's why data is scaled.
