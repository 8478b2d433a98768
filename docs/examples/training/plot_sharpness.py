"""
At the edge of stability
========================

Training on breast cancer with steps that are too long for most places: a step
is stable where the loss curves less than ``2 / lr``, the dashed line. At first
the run is thrown far out, to where the loss is steep but hardly curves. From
there it goes down, to where the loss curves more and more, until it is above
the line. That throws it back below, and there it hovers, jumping over the
valley at each step (the thick band), while the loss falls all the same. Large
networks are trained like this.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

from logreg import sharpness, train

X, y = load_breast_cancer(return_X_y=True)
data, lr = (torch.tensor(scale(X)), torch.tensor(y).double()), 20
model = torch.nn.Linear(30, 1).double()
with torch.no_grad():
    model.weight.zero_()
    model.bias.zero_()
history = train(model, data, lr=lr, batch_size=len(X), epochs=300)

fig, (above, below) = plt.subplots(2, sharex=True, layout="constrained")
above.plot(history.full_loss(), color="C0")
above.set(ylabel="loss", yscale="log")
curvature = sharpness(history, data).largest[1:]
below.plot(curvature, color="C0", label="largest eigenvalue of the Hessian")
below.axhline(2 / lr, color="C1", linestyle="--", label="2 / lr")
below.set(xlabel="step", ylabel="curvature", yscale="log")
below.legend(loc="lower right")

# %%
# To try: ``lr=5``, which never meets the line, and ``lr=50``, with which the
# loss jumps, too.
