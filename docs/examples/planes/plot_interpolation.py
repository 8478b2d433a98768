"""
Interpolated, and how exactly
=============================

A large surface isn't computed at every point: a few Chebyshev nodes determine it, to an accuracy that is known
beforehand. The picture shows the difference between a surface that is interpolated and one that isn't, for each point;
it is patched, as each tile of the grid has nodes of its own. Nowhere is it above the bound at the end of the colour
bar, which `kernels.plan_surface` knew before anything was computed.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

from kernels import LogitPlane, surface_on_plane

rng = np.random.default_rng(0)
x, noise = rng.normal(size=(2, 5000))
y = x + noise > 0
plane = LogitPlane(np.zeros(5000), x, np.ones(5000))
s = t = np.linspace(-4, 4, 300)
direct = surface_on_plane(plane, y, s, t, method="direct")
quick = surface_on_plane(plane, y, s, t, method="spectral", tol=1e-8)
error = np.abs(quick.loss - direct.loss)

fig, ax = plt.subplots(layout="constrained")
norm = LogNorm(quick.plan.bound / 1e6, quick.plan.bound, clip=True)
drawn = ax.pcolormesh(s, t, error, norm=norm, cmap="magma")
fig.colorbar(drawn, label=f"error; its bound is {quick.plan.bound:.1g}")
ax.set(xlabel="weight w", ylabel="bias b")

# %%
# To try: ``tol=1e-4`` and ``tol=1e-12``. What changes but the colours?
