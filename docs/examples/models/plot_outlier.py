"""
One outlier, two costs
======================

A point of class 0 far out at the right, where all others would be of class 1.
The cross-entropy of such a sample grows with its distance: to keep it small
the whole sigmoid becomes flat, and the boundary moves. The squared error of a
sample is at most 1, so it gives the point up, and stays with the others. The
slope that rescues a bad start is the one that an outlier pulls at.
"""

import matplotlib.pyplot as plt
import torch

from logreg import LogisticRegression, lab_data, train
from viz import plot_data

x, y = lab_data()[:]
x = torch.cat([x, torch.tensor([[4.0]])])
y = torch.cat([y, torch.tensor([[0.0]])])
fig, axes = plt.subplots(ncols=2, figsize=(9, 4.2), layout="constrained")
costs = {"bce": "cross-entropy", "mse": "squared error"}
for ax, (loss, title) in zip(axes, costs.items(), strict=True):
    model = LogisticRegression(1)
    with torch.no_grad():
        model.linear.weight.fill_(1.0)
        model.linear.bias.fill_(0.0)
    history = train(
        model, (x, y), lr=0.5, batch_size=21, epochs=5000, loss=loss
    )
    plot_data((x, y), history.end_w, history.end_b, ax=ax, title=title)

# %%
# To try: the outlier at 1, 2 and 20.
