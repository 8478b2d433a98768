"""
A sigmoid learns
================

The model after each epoch, from a start at which it takes every point for
class 1. The first epoch, seven steps, already brings most of class 0 down;
after three more the step of the sigmoid is where the classes meet. From then
on it only becomes steeper, more and more slowly: each sample is right, and the
cross-entropy asks for still more certainty.
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
# To try: ``loss="mse"``, with which thirty epochs are nearly lost, as the
# error has hardly a slope at this start.
