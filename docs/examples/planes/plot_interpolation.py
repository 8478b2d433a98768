"""
Interpolated, and how exactly
=============================

A large surface isn't computed at every point: a few Chebyshev nodes determine
it, to a tolerance that is asked for. How far the largest error may be is known
before anything is computed (the bound), from how smooth the loss is in the
complex plane. The error itself is smaller still, down to the rounding of the
numbers. A tenth of the tolerance takes a few nodes more, not ten times as
many.
"""

import matplotlib.pyplot as plt
import numpy as np

from kernels import LogitPlane, surface_on_plane

rng = np.random.default_rng(0)
x, noise = rng.normal(size=(2, 2000))
y = x + noise > 0
plane = LogitPlane(np.zeros(2000), x, np.ones(2000))
s = t = np.linspace(-4, 4, 200)
direct = surface_on_plane(plane, y, s, t, method="direct").loss
tolerances, bounds, errors = 10.0 ** -np.arange(1, 14), [], []
for tol in tolerances:
    surface = surface_on_plane(plane, y, s, t, method="spectral", tol=tol)
    bounds.append(surface.plan.bound)
    errors.append(np.abs(surface.loss - direct).max())

fig, ax = plt.subplots(layout="constrained")
ax.loglog(tolerances, tolerances, ":", color="0.4", label="tolerance")
ax.loglog(tolerances, bounds, "s-", color="#D55E00", label="bound")
ax.loglog(tolerances, errors, "o-", color="#0072B2", label="error")
ax.set(xlabel="tolerance", ylabel="largest error of a point")
ax.invert_xaxis()
ax.legend()

# %%
# To try: a window of ``40``. The bound keeps to the tolerance, with more
# nodes: see ``surface.plan``.
