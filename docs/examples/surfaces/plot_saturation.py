"""
What rounding does to a loss surface
====================================

Many programs compute the cross-entropy as it is written, ``-log(p + 1e-16)``,
in single precision. Where the sigmoid of a sample rounds to 0 or to 1 its loss
then jumps to 37 and stays there (right): far from the valley the surface is a
flight of terraces, on which nothing shows the way down. Computed from the
margins (left) it is a smooth slope everywhere, and a run from any start finds
its way.
"""

import matplotlib.pyplot as plt
import numpy as np

from logreg import LossSurface, lab_data
from viz import plot_surface

x, y = (values.numpy() for values in lab_data()[:])
exact = LossSurface.compute((x, y), 60, 50, resolution=200)
w, b = (axis.astype("f") for axis in (exact.w, exact.b))
Z = np.zeros((len(b), len(w)), "f")
with np.errstate(over="ignore"):
    for sample, label in zip(x.ravel(), y.ravel(), strict=True):
        p = 1 / (1 + np.exp(-(w * sample + b[:, None])))
        Z -= np.log(np.where(label, p, 1 - p) + np.float32(1e-16)) / 20
naive = LossSurface(exact.w, exact.b, Z.astype(float), "bce")

fig, axes = plt.subplots(
    ncols=2,
    figsize=(9, 4.2),
    layout="constrained",
    subplot_kw={"projection": "3d"},
)
titles = {"from margins": exact, "log(p + 1e-16), float32": naive}
for ax, (title, surface) in zip(axes, titles.items(), strict=True):
    plot_surface(surface, ax=ax, colorbar=False, title=title)
    ax.set_zlim(0, 50)

# %%
# To try: the lab's window, ``15`` and ``13``, in which both look the same; and
# no ``1e-16``.
