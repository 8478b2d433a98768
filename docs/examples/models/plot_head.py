"""
The last layer of a network
===========================

Two moons, which no straight line parts, and a small network that learns to.
Its last layer is a logistic regression of the features that the layers before
it make: `logreg.head` takes it out, with these features as its data. Around it
the loss is as smooth and convex as that of any linear model; all that is hard
about networks lies before it.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import make_moons
from torch import nn

from logreg import LossSurface, head
from viz import plot_contour

X, y = make_moons(300, noise=0.15, random_state=0)
X, y = torch.tensor(X).float(), torch.tensor(y).float()
torch.manual_seed(0)
network = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
for _ in range(300):
    optimizer.zero_grad()
    nn.BCEWithLogitsLoss()(network(X)[:, 0], y).backward()
    optimizer.step()

fig, (left, right) = plt.subplots(
    ncols=2, figsize=(9, 4.2), layout="constrained"
)
styles = ("o", "#0072B2"), ("s", "#D55E00")
for label, (marker, color) in enumerate(styles):
    left.plot(
        *X[y == label].T, marker, color=color, ms=4, label=f"class {label}"
    )
ends = torch.meshgrid(
    torch.linspace(-2, 3, 100), torch.linspace(-1.5, 2, 100), indexing="xy"
)
with torch.no_grad():
    logits = network(torch.dstack(ends).reshape(-1, 2)).reshape(100, 100)
left.contour(*ends, logits, [0], colors="black")
left.set(xlabel="x", ylabel="y", title="data and boundary")
left.legend(loc="lower left")
layer, data = head(network, [(X, y)])
surface = LossSurface.around(layer, data, directions="hessian", extent=6)
plot_contour(surface, ax=right, title="loss around the last layer")

# %%
# To try: ``directions="filter", seed=0``, or a network with 2 features in
# place of 16.
