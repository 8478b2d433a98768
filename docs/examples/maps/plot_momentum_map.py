"""
Learning rate and momentum are one dial
=======================================

Twelve thousand runs, each with its own learning rate and momentum; colours say
after how many steps every sample was right, grey is never. Steps that add up
with a momentum ``m`` get ``1 / (1 - m)`` times as far, so runs with the same
``lr / (1 - m)`` (white lines) take about as long. At the right this ends, as
runs overshoot. The dark stripe there is a first step of just the length that
leads from the start into the valley.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernels import sgd_ensemble
from logreg import lab_data

lr, momentum = np.geomspace(0.01, 100, 120), np.linspace(0, 0.99, 100)
members = np.broadcast_arrays(lr, momentum[:, None])
x, y = (values.numpy().astype(float) for values in lab_data()[:])
ends = sgd_ensemble(
    x,
    y,
    np.full((lr.size * momentum.size, 1), 5.0),
    np.full(lr.size * momentum.size, 10.0),
    lr=members[0].ravel(),
    momentum=members[1].ravel(),
    batch_size=20,
    epochs=1000,
)
steps = np.where(ends.steps < 0, np.nan, ends.steps)

fig, ax = plt.subplots(layout="constrained")
ax.set_facecolor("0.6")
drawn = ax.pcolormesh(lr, momentum, steps.reshape(100, 120), norm="log")
fig.colorbar(drawn, label="steps until every sample is right")
effective = members[0] / (1 - members[1])
lines = ax.contour(*members, effective, [0.1, 1, 10, 100], colors="white")
ax.clabel(lines, fmt="%g")
ax.set(xscale="log", xlabel="learning rate", ylabel="momentum")

# %%
# To try: another start, ``-5`` and ``-10``.
