"""
What rounding does to a loss surface
====================================

Many programs compute the cross-entropy as it is written, ``-log(p + 1e-16)``, in single precision. Where the sigmoid
rounds to 0 or 1 the loss is then wrong (right, the grey terraces): it is 37 at most, and has no slope. A run that
starts there never moves. Computed from the margins (left) it has its slope everywhere.
"""

import matplotlib.pyplot as plt
import numpy as np

from logreg import LossSurface, lab_data
from viz import plot_contour

x, y = (values.numpy() for values in lab_data()[:])
exact = LossSurface.compute((x, y), 150, 130, resolution=200)
w, b = (axis.astype("f") for axis in (exact.w, exact.b))
Z = np.zeros((len(b), len(w)), "f")
with np.errstate(over="ignore"):
    for sample, label in zip(x.ravel(), y.ravel(), strict=True):
        p = 1 / (1 + np.exp(-(w * sample + b[:, None])))
        Z -= np.log(np.where(label, p, 1 - p) + np.float32(1e-16)) / 20
naive = LossSurface(exact.w, exact.b, Z.astype(float), "bce")

fig, axes = plt.subplots(ncols=2, figsize=(11, 4.8), layout="constrained")
plot_contour(exact, ax=axes[0], title="from margins")
plot_contour(naive, ax=axes[1], title="log(p + 1e-16), float32")

# %%
# To try: a window of ``15`` and ``13``, in which both look the same.
