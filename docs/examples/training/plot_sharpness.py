"""
How sharply the loss curves along a run
=======================================

The largest curvature of the loss at each step of a run. A step is stable where it is below ``2 / lr``, the dashed
line. At its bad start the loss is a slope without curvature; as the run crosses the wall of the valley the curvature
rises, and along the valley it goes down again, since the loss itself goes to 0. That's why this data forgives large
learning rates: a run that jumps to and fro calms down by itself.
"""

import matplotlib.pyplot as plt
import torch

from logreg import LogisticRegression, lab_data, sharpness, train

data, lr = lab_data(), 20
model = LogisticRegression(1)
with torch.no_grad():
    model.linear.weight.fill_(5.0)
    model.linear.bias.fill_(10.0)
history = train(model, data, lr=lr, batch_size=20, epochs=200)

fig, (above, below) = plt.subplots(2, sharex=True, layout="constrained")
above.plot(history.full_loss())
above.set(ylabel="loss", yscale="log")
below.plot(sharpness(history, data).largest[1:], label="curvature")
below.axhline(2 / lr, color="C1", linestyle="--", label="2 / lr")
below.set(xlabel="step", ylabel="largest eigenvalue", yscale="log")
below.legend()

# %%
# To try: ``lr=5``, with which the run never crosses the line, and one wrong label, with which it never comes back.
