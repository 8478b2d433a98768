"""
The lab's loss surface
======================

Twenty points on a line, and the mean cross-entropy of ``sigmoid(w x + b)`` for each weight and bias. The valley has no
lowest point: no sample is on the wrong side of ``x = 0.2``, so a steeper sigmoid is always a better one.
"""

from logreg import LossSurface, lab_data
from viz import plot_contour

data = lab_data()
surface = LossSurface.compute(data, 15, 13, resolution=300)
plot_contour(surface)

# %%
# The same in three dimensions; heights are logarithms, as the valley is a thousandth of its walls.

from viz import plot_surface

plot_surface(surface, z="log")
