"""Compiling ahead of the first use."""

import numpy as np

from kernels.compression import Line
from kernels.numba_cpu import ensemble, gradient, launch, surface, update
from kernels.progress import silent
from kernels.samples import ArraySamples, summary_of
from kernels.spectral import Interpolation, Tiling

FEATURES = (1, 2, 3, 4, 8, 32)  # one for each layout of the data in memory, by rows or of one column


def compile_all():
    for dtype in (np.float32, np.float64):
        for points in (1, launch.SERIAL_WORK):  # for one thread, and for all
            compile_surface(dtype, points)
        for d in (1, 2):
            for n in (1, launch.SERIAL_WORK // 100):
                compile_ensemble(dtype, d, n)
        compile_run(np.zeros((2, 2), dtype, order="F"))
        for d in FEATURES:
            compile_run(np.zeros((2, d), dtype))
            for n in (1, launch.SERIAL_WORK):
                compile_gradient(dtype, n, d)


def compile_surface(dtype, points):
    """Surfaces of 1 x `points`: by polynomials, by products, sample by sample, counted, compressed and interpolated."""
    zeros, ones, slopes = np.zeros(2), np.ones(2), np.arange(2.0)
    axes = np.zeros(1), np.linspace(0.0, 1.0, points)
    outputs = {name: np.empty((points, 1), dtype) for name in ("loss", "accuracy")}
    interpolation = Interpolation(Tiling(1, 1, 0), Tiling(points, 2, 0), 0.0)
    line = Line(np.zeros(3), np.ones(3), 0, 2 + points // 1000, 0.0)
    for plane, weight, *way in (
        ((zeros, zeros, zeros), None, None, None),
        ((zeros, zeros, slopes), None, None, None),
        ((zeros, zeros, zeros), ones, None, None),
        ((zeros, zeros, zeros), None, interpolation, line),
    ):
        samples = ArraySamples(plane, zeros, weight, like=zeros)
        surface.surface_on_plane(samples, summary_of(samples), *axes, outputs, *way, silent)


def compile_run(X):
    """A run of one step."""
    n, d = X.shape
    y, w, b = np.zeros(n, X.dtype), np.zeros(d, X.dtype), np.zeros(1, X.dtype)
    settings = {"shuffle_seed": None, "momentum": 0.0, "weight_decay": 0.0, "history": 1, "progress": silent}
    update.sgd_run_(X, y, w, b, lr=0.0, batch_size=n, epochs=1, loss="bce", **settings)


def compile_ensemble(dtype, d, n):
    """Two runs of one step with n samples, one with its history."""
    data, starts = (np.zeros((n, d), dtype), np.zeros(n, dtype)), (np.zeros((2, d), dtype), np.zeros(2, dtype))
    settings = {"lr": 0.0, "batch_size": n, "epochs": 1, "loss": "bce", "history_of": [0]}
    ensemble.sgd_ensemble(*data, *starts, **settings, progress=silent)


def compile_gradient(dtype, n, d):
    """Of n samples, in the precision of the data and in that of runs."""
    X, y = np.zeros((n, d), dtype), np.zeros(n, dtype)
    for precision in {dtype, np.float64}:
        gradient.loss_and_gradient(X, y, None, np.zeros(d + 1, precision))
