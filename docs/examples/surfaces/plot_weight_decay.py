"""
Weight decay moves the minimum
==============================

The lab's loss has no lowest point. A penalty on large parameters,
``weight_decay / 2 * (w² + b²)``, gives it one: the stars. The larger the
penalty, the nearer the star is to zero, the cross, and the flatter is the
sigmoid that it stands for. Contours become circles around zero where the
penalty outweighs the data.
"""

import matplotlib.pyplot as plt

from logreg import LossSurface, lab_data
from viz import plot_contour

data = lab_data()
fig, axes = plt.subplots(ncols=3, figsize=(11, 2.9), layout="constrained")
for ax, decay in zip(axes, (0.001, 0.01, 0.1), strict=True):
    surface = LossSurface.around(
        [0, 0], data, extent=14, resolution=200, weight_decay=decay
    )
    title = f"weight decay {decay:g}"
    plot_contour(surface, ax=ax, legend=False, title=title)

# %%
# To try: ``l2=decay`` in place of ``weight_decay=decay``, which leaves the
# bias alone.
