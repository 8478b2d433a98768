"""Compiling ahead of the first use."""

import numpy as np

from kernels.numba_cpu import launch, surface, update
from kernels.progress import silent


def compile_all():
    for dtype in (np.float32, np.float64):
        compile_surface(dtype)
        for d in (1, 2):
            X, y, w, b = np.zeros((1, d), dtype), np.zeros(1, dtype), np.zeros(d, dtype), np.zeros(1, dtype)
            update.sgd_run_(X, y, w, b, lr=0.0, batch_size=1, epochs=1, loss="bce", progress=silent)


def compile_surface(dtype):
    """Surfaces small enough for one thread and large enough for all, along constant slopes and others."""
    zeros, weight = np.zeros(2), np.ones(2)
    for points in (1, launch.SERIAL_WORK):
        axes = np.zeros(1), np.linspace(0.0, 1.0, points)
        out = {"loss": np.empty((points, 1), dtype)}
        for slope in (np.zeros(2), np.arange(2.0)):
            surface.surface_on_plane((zeros, zeros, slope), zeros, *axes, None, out, None, silent)
        surface.surface_on_plane((zeros, zeros, zeros), zeros, *axes, weight, out, None, silent)
