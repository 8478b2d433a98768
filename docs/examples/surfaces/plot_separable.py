"""
One wrong label makes a minimum
===============================

Left the lab's data, which a line parts: the loss goes down for ever along its
valley. Right the same data with one label changed, at ``x = -0.5``. Now a
sigmoid that is too steep pays for that sample, so there is a best model, and
it isn't steep at all. Real data is mostly of the second kind.
"""

import matplotlib.pyplot as plt

from logreg import LossSurface, lab_data
from viz import plot_contour

x, y = lab_data()[:]
flipped = y.clone()
flipped[5] = 1
titles = {"classes that a line parts": y, "one label is wrong": flipped}
fig, axes = plt.subplots(ncols=2, figsize=(9, 4.2), layout="constrained")
for ax, (title, labels) in zip(axes, titles.items(), strict=True):
    surface = LossSurface.compute((x, labels), 15, 13, resolution=300)
    plot_contour(surface, ax=ax, title=title)

# %%
# To try: ``flipped[12] = 1`` in place of ``flipped[5] = 1``, for the sample
# beside the boundary. Why is there no minimum then?
