"""
SGD and Adam on breast cancer
=============================

Logistic regression of 30 features, from the same start, by two optimisers of
PyTorch. The plane is spanned by the two directions in which both paths vary
most, so that it holds most of both. Adam gives each weight a step of its own
and takes another way; how far the paths are from the plane is said below.
"""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

from logreg import LossSurface, record
from viz import plot_contour

X, y = load_breast_cancer(return_X_y=True)
X, y = torch.tensor(scale(X)), torch.tensor(y).double()
paths = {}
for rule, lr in ((torch.optim.SGD, 0.5), (torch.optim.Adam, 0.05)):
    torch.manual_seed(1)
    layer = torch.nn.Linear(30, 1).double()
    optimizer = rule(layer.parameters(), lr=lr)
    paths[rule.__name__] = record(optimizer, layer)
    loss = torch.nn.BCEWithLogitsLoss()
    for _ in range(60):
        optimizer.zero_grad()
        loss(layer(X)[:, 0], y).backward()
        optimizer.step()
surface = LossSurface.around(paths, (X, y), resolution=200)
plot_contour(surface, paths)

# %%
# To try: ``torch.optim.SGD`` with ``momentum=0.9``, or ``torch.optim.AdamW``.
