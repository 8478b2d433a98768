"""
From which starts does training succeed?
========================================

A hundred thousand random starts, each trained for 100 epochs with both costs.
Colours say after how many steps every sample was right. With cross-entropy
that happens from everywhere: a bad start only takes longer. With the squared
error it doesn't happen from about half of the window.
"""

from logreg import lab_data, study_starts
from viz import plot_starts

study = study_starts(
    lab_data(), 15, 13, 100_000, lr=2, batch_size=3, epochs=100, seed=0
)
plot_starts(study, marks={"by hand": (5, 10)})

# %%
# To try: ``epochs=1000``. Does patience help the squared error?
