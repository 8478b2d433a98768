"""
The order of the samples
========================

Forty runs from one start, which differ only in the order in which they see the samples. Where they are after 10 epochs
is a cloud, longest along the valley, in which the loss hardly changes. The run that takes the samples as they lie in
the data (cross) ends outside of it: the last batches of each of its epochs are all of class 1.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernels import sgd_run_
from logreg import LossSurface
from viz import plot_contour

x = np.arange(-10, 10) / 10
y = (x > 0.2).astype(float)
y[5] = 1


def end(seed):
    w, b = np.array([-3.0]), np.array([2.5])
    settings = {"lr": 1, "batch_size": 3, "epochs": 10}
    sgd_run_(x[:, None], y, w, b, **settings, shuffle_seed=seed)
    return w[0], b[0]


surface = LossSurface.compute((x, y), (0, 5), (-3, 2), resolution=300)
ax = plot_contour(surface, legend=False).ax
ends = np.array([end(seed) for seed in range(40)])
ax.plot(*ends.T, "o", color="white", markeredgecolor="black")
ax.plot(*end(None), "X", color="black", markeredgecolor="white", ms=12)
plt.show()

# %%
# To try: more epochs. The cloud doesn't shrink, as the noise doesn't; with ``lr=0.1`` it does.
