"""
From a cautious model to a bold one
===================================

Two models of scikit-learn of the same data, fitted with a strong and with a
weak penalty, and the straight line of parameters between them. Along it the
loss of the training half goes down all the way; the loss of the other half is
lowest on the way and rises again: the bold model believes its own samples too
much.
"""

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from logreg import LossLine
from viz import plot_line

X, y = load_breast_cancer(return_X_y=True)
X = scale(X)
halves = {"trained on": slice(0, None, 2), "not seen": slice(1, None, 2)}
rows = halves["trained on"]
models = [
    LogisticRegression(C=C, max_iter=1000).fit(X[rows], y[rows])
    for C in (0.01, 100)
]
ax = None
for name, half in halves.items():
    line = LossLine.between(
        *models, (X[half], y[half]), l2=0.0, extent=(-0.1, 1.1)
    )
    ax = plot_line(line, ax=ax, label=name, yscale="log").ax

# %%
# To try: ``quantity="accuracy"``, without the scale.
