"""
The order of the samples
========================

Forty runs from one start, which differ only in the order in which they see the
samples: where they are after 10 epochs is a cloud. The run that takes the
samples as they lie in the data ends outside of it, at the right, and does so
after any number of epochs. The last batches of each of its epochs are all of
class 1, which asks for a larger weight.
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


surface = LossSurface.compute((x, y), (2.8, 5.2), (-1.7, 0.3), resolution=300)
fig, ax = plt.subplots(layout="constrained")
plot_contour(surface, ax=ax, legend=False)
ends = np.array([end(seed) for seed in range(40)])
ax.plot(*ends.T, "o", color="white", mec="black", label="shuffled")
ax.plot(*end(None), "X", color="C1", mec="black", ms=12, label="in order")
ax.legend()

# %%
# To try: 100 epochs, which bring the cloud to the minimum, and don't shrink
# it; ``lr=0.1`` does.
