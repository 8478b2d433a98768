"""
Too small, right, too large
===========================

The loss along runs that differ in nothing but the learning rate. The data has one wrong label, so there is a minimum,
and steps of all the data at once. With 0.1 it gets there slowly, with 3 quickly. At 12 the steps are longer than the
valley is wide: the run jumps from wall to wall and settles above the minimum. The edge lies at 2 divided by the largest
curvature at the minimum.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from logreg import LogisticRegression, lab_data, sharpness, train

x, y = lab_data()[:]
y[5] = 1
fig, ax = plt.subplots(layout="constrained")
for lr, style in ((0.1, ":"), (0.5, "-."), (3, "-"), (12, "--")):
    model = LogisticRegression(1)
    with torch.no_grad():
        model.linear.weight.fill_(-4.0)
        model.linear.bias.fill_(2.0)
    history = train(model, (x, y), lr=lr, batch_size=20, epochs=150)
    losses = np.append(history.start_loss, history.full_loss())
    ax.plot(losses, style, label=f"learning rate {lr}")
    if lr == 3:
        edge = 2 / sharpness(model, (x, y)).largest
ax.set(xlabel="step", ylabel="loss on all the data", yscale="log")
ax.set_title(f"runs oscillate from a learning rate of {edge:.1f} on")
ax.legend()

# %%
# To try: rates just below and just above the edge, and ``batch_size=3``.
