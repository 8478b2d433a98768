"""
A sigmoid learns
================

The model after each epoch, from a start at which it takes nearly every point for class 1. Within a few epochs the
sigmoid falls to the left, then its step moves to where the classes meet. After that it only becomes steeper, more and
more slowly: each sample is right already, and the cross-entropy asks for still more certainty.
"""

import torch

from logreg import LogisticRegression, lab_data, train
from viz import plot_epochs

data, model = lab_data(), LogisticRegression(1)
with torch.no_grad():
    model.linear.weight.fill_(5.0)
    model.linear.bias.fill_(10.0)
history = train(model, data, lr=2, batch_size=3, epochs=100)
plot_epochs(history, data)

# %%
# To try: ``loss="mse"``. From this start the sigmoid doesn't move at all.
