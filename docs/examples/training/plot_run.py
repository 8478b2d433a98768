"""
A run from a bad start
======================

Training starts where the model takes all points for class 1, and is sure of
it. The path shows how the cross-entropy leads out of there: its slope is as
large as the error is, so it goes straight down the wall, and then along the
valley in steps that become smaller and smaller.
"""

import torch

from logreg import LogisticRegression, LossSurface, lab_data, train
from viz import plot_contour, plot_data

data, model = lab_data(), LogisticRegression(1)
with torch.no_grad():
    model.linear.weight.fill_(5.0)
    model.linear.bias.fill_(10.0)
history = train(model, data, lr=2, batch_size=3, epochs=100)
surface = LossSurface.compute(data, 18, 13, resolution=300)
plot_contour(surface, history)

# %%
# What the model has learnt: the sigmoid rises where the classes meet.

plot_data(data, history.w[-1], history.b[-1])

# %%
# To try: a start at the other side, weight -15 and bias -10.
