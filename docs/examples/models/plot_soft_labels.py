"""
Labels that aren't so sure
==========================

With labels 0 and 1 the lab's loss has no minimum: the sigmoid should be
infinitely steep. Say that each label holds with 95 % only, ``y = 0.05`` and
``0.95``, and a sigmoid that is surer than that pays for it. There is a
minimum, and the valley is closed. Deep networks are trained with such labels,
to keep them from being too sure.
"""

import matplotlib.pyplot as plt

from logreg import LossSurface, lab_data
from viz import plot_contour

x, y = lab_data()[:]
fig, axes = plt.subplots(ncols=3, figsize=(11, 3.8), layout="constrained")
for ax, doubt in zip(axes, (0, 0.01, 0.05), strict=True):
    labels = y * (1 - doubt) + (1 - y) * doubt
    surface = LossSurface.compute((x, labels), 30, 15, resolution=200)
    title = f"labels {doubt:g} and {1 - doubt:g}"
    plot_contour(surface, ax=ax, title=title, legend=ax is axes[1])

# %%
# To try: a doubt of 0.3. Where does the minimum go as the doubt becomes 0.5?
