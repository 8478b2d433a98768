"""
The same valley, with heights and with their logarithms
=======================================================

In three dimensions the loss looks like two slopes and a flat floor (left). The
floor isn't flat: it goes down to less than a two-hundredth of the highest
corner, and linear heights can't show both. With logarithms of the heights
(right) the floor is a gorge, and one sees where training is led to.
"""

import matplotlib.pyplot as plt

from logreg import LossSurface, lab_data
from viz import plot_surface

surface = LossSurface.compute(lab_data(), 15, 13, resolution=200)
fig, (left, right) = plt.subplots(
    ncols=2,
    figsize=(9, 4.2),
    layout="constrained",
    subplot_kw={"projection": "3d"},
)
plot_surface(surface, ax=left, colorbar=False, title="heights")
plot_surface(surface, z="log", ax=right, title="logarithms of heights")

# %%
# To try: ``wireframe=True``, or ``right.view_init(30, 60)`` to walk around it.
