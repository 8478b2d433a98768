"""
The edge between converging and oscillating
===========================================

Each cell stands for forty runs with one learning rate and one batch size, on
data of which one label is wrong. Left of the line they converge; between the
two lines they jump to and fro over the valley; and beyond the dashed one they
end higher than they began. Small batches come down with smaller rates, as they
make more steps, and are over the edge sooner.
"""

import numpy as np

from logreg import lab_data, study_rates
from viz import plot_rates

x, y = lab_data()[:]
y[5] = 1
study = study_rates(
    (x, y),
    np.geomspace(0.01, 1000, 50),
    (1, 2, 3, 5, 7, 10, 20),
    5,
    5,
    40,
    epochs=100,
    seed=0,
    costs=("bce",),
)
plot_rates(study)

# %%
# To try: the lab's own labels, without the wrong one. The edge is gone, or
# nearly so: without a minimum there is nothing to jump over. And
# ``costs=("bce", "mse")``.
