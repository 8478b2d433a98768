"""
Labels that aren't so sure
==========================

With labels 0 and 1 the lab's loss has no minimum: the steeper the sigmoid, the
better, without end (the line that falls all the way). Say that each label
holds with 95 % only, ``y = 0.05`` and ``0.95``, and a sigmoid that is surer
than that pays for it: there is a best steepness. The circle is the model that
knows nothing. Deep networks are trained with such labels, to keep them from
being too sure.
"""

from logreg import LossLine, lab_data
from viz import plot_line

x, y = lab_data()[:]
ax = None
for doubt in (0, 0.01, 0.05, 0.2):
    labels = y * (1 - doubt) + (1 - y) * doubt
    line = LossLine.around([0, 0], (x, labels), [4, -1], extent=(0, 10))
    name = f"labels {doubt:g} and {1 - doubt:g}"
    ax = plot_line(line, ax=ax, label=name, yscale="log").ax
ax.set_xlabel("steepness a, with w = 4 a and b = -a")

# %%
# To try: a doubt of 0.3 and of 0.5. Where does the minimum go?
