"""
Too small, right, too large
===========================

How far the loss is above its minimum along runs that differ in nothing but the
learning rate. The data has one wrong label, so there is a minimum, and steps
are of all the data at once. With 0.3 the run gets there slowly, with 3 ten
times as fast, with 18 in jumps from side to side. With 25 each jump goes too
far, and the run never comes to rest. The edge between them is at 2 divided by
the largest curvature at the minimum.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from logreg import LogisticRegression, lab_data, sharpness, train

x, y = (values.double() for values in lab_data()[:])
y[5] = 1


def run(lr, epochs=100):
    model = LogisticRegression(1).double()
    with torch.no_grad():
        model.linear.weight.fill_(-4.0)
        model.linear.bias.fill_(2.0)
    return train(model, (x, y), lr=lr, batch_size=20, epochs=epochs)


best = run(4, epochs=5000)
edge = 2 / sharpness(best, (x, y)).largest[-1]
fig, ax = plt.subplots(layout="constrained")
for lr, style in ((0.3, ":"), (3, "-."), (18, "-"), (25, "--")):
    above = run(lr).full_loss() - best.end_loss
    ax.plot(np.maximum(above, 1e-12), style, label=f"learning rate {lr}")
ax.set(xlabel="step", ylabel="loss, less its minimum", yscale="log")
ax.set(ylim=(1e-9, 5), title=f"the edge is at a learning rate of {edge:.1f}")
ax.legend()

# %%
# To try: 18.7 and 18.8. How many steps does it take until one can tell them
# apart?
