"""
The lab's loss surface
======================

Twenty points on a line, and the mean cross-entropy of ``sigmoid(w x + b)`` for
each weight and bias. Training looks for the lowest point of such a surface.
This one has none: a line parts the two classes, so a steeper sigmoid is always
a better one, and the valley goes down for ever. The star is only the lowest
point of the window.
"""

from logreg import LossSurface, lab_data
from viz import plot_contour

surface = LossSurface.compute(lab_data(), 15, 13, resolution=300)
plot_contour(surface)

# %%
# To try: a window of ``60`` and ``50``. The valley goes on in the same
# direction, and its floor is lower.
