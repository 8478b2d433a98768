"""
Four planes through one model
=============================

Breast cancer has 30 features, so a model of it has 31 parameters, and a
picture shows two directions of them. Which two decides what is seen. Random
directions (top left) show an average of all curvatures; scaled by the size of
each weight (top right) they don't depend on the units of the data. The
Hessian's eigenvectors (bottom left) show the steepest walls that there are.
The directions in which a run of training went (bottom right) show the run, and
a long slope.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

from logreg import LossSurface, train
from viz import plot_contour

X, y = load_breast_cancer(return_X_y=True)
data = torch.tensor(scale(X)).float(), torch.tensor(y).float()
torch.manual_seed(0)
model = torch.nn.Linear(30, 1)
run = train(model, data, lr=0.1, batch_size=32, epochs=30)

fig, axes = plt.subplots(2, 2, figsize=(9, 8), layout="constrained")
names = "random", "filter", "hessian", "pca"
for ax, name in zip(axes.flat, names, strict=True):
    path = run if name == "pca" else None
    surface = LossSurface.around(
        run, data, directions=name, seed=0, resolution=150
    )
    plot_contour(surface, path, ax=ax, title=name)

# %%
# To try: another ``seed``, and ``extent=1`` for all, with which the four can
# be compared.
