"""
Momentum along a narrow valley
==============================

Both runs have the same learning rate, and short steps. Without momentum the
run comes down to the valley, and then crawls along it. Momentum adds up what
steps have in common: the run swings over the valley like a ball, because it
can't stop at once, and then is much quicker along the floor.
"""

import torch

from logreg import LogisticRegression, LossSurface, lab_data, train
from viz import plot_contour

data, runs = lab_data(), {}
for momentum in (0.0, 0.9):
    model = LogisticRegression(1)
    with torch.no_grad():
        model.linear.weight.fill_(-10.0)
        model.linear.bias.fill_(6.0)
    runs[f"momentum {momentum:g}"] = train(
        model, data, lr=0.5, batch_size=20, epochs=150, momentum=momentum
    )
surface = LossSurface.compute(data, (-12, 20), (-8, 8), resolution=300)
plot_contour(surface, runs)

# %%
# To try: ``lr=5`` without momentum, each of whose steps is ten times as long.
# Which of the two gets further?
