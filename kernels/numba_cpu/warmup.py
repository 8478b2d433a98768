"""Compiling ahead of the first use."""

import math
from contextvars import copy_context

import numpy as np

from kernels.arguments.samples import ArraySamples, summary_of
from kernels.mathematics.compression import Line
from kernels.mathematics.spectral import Interpolation, Tiling
from kernels.numba_cpu.grid import surface
from kernels.numba_cpu.runtime import launch, prefault
from kernels.numba_cpu.training import ensemble, gradient, update
from kernels.numba_cpu.training.layouts import LONG, REGISTER
from kernels.progress import silent

FEATURES = (1, 2, 3, 4, 8, 32)  # one for each layout of the data in memory, by rows or of one column


def compile_all():
    for serial_work in (math.inf, 0):  # for one thread, and for all
        context = copy_context()
        context.run(launch.serial_work_here.set, serial_work)
        context.run(compile_kernels)


def compile_kernels():
    prefault.write_to_all(np.empty(1, np.uint8))
    for dtype in (np.float32, np.float64):
        compile_surface(dtype)
        for d in (1, 2):
            compile_ensemble(dtype, d)
        compile_run(np.zeros((2, 2), dtype, order="F"))
        for d in FEATURES:
            compile_run(np.zeros((2, d), dtype))
        for d in (*FEATURES, LONG // dtype().itemsize):
            compile_gradient(dtype, d)


def compile_surface(dtype):
    """One point: by polynomials, by products, sample by sample, counted, compressed and interpolated."""
    zeros, ones, slopes = np.zeros(2), np.ones(2), np.arange(2.0)
    axes = np.zeros(1), np.zeros(1)
    outputs = {name: np.empty((1, 1), dtype) for name in ("loss", "accuracy")}
    interpolation = Interpolation(Tiling(1, 1, 0), Tiling(1, 1, 0), 0.0)
    line = Line(np.zeros(3), np.ones(3), 0, 2, 0.0)
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
    y, state = np.zeros(n, X.dtype), np.zeros((2, d + 1))
    settings = {"shuffle_seed": None, "first_epoch": 0, "momentum": 0.0, "weight_decay": 0.0, "trained": None}
    settings |= {"lr": 0.0, "batch_size": n, "epochs": 1, "loss": "bce", "history": 1, "progress": silent}
    update.sgd_run_(X, y, None, state, **settings)


def compile_ensemble(dtype, d):
    """Two runs of one step, one with its history."""
    X, y, w0, b0 = np.zeros((1, d), dtype), np.zeros(1, dtype), np.zeros((2, d), dtype), np.zeros(2, dtype)
    settings = {"lr": 0.0, "batch_size": 1, "epochs": 1, "loss": "bce", "history_of": [0]}
    ensemble.sgd_ensemble(X, y, None, w0, b0, **settings, progress=silent)


def compile_gradient(dtype, d):
    """In the precision of the data and in that of runs."""
    n = REGISTER  # enough for groups of rows
    X, y = np.zeros((n, d), dtype), np.zeros(n, dtype)
    for precision in {dtype, np.float64}:
        gradient.loss_and_gradient(X, y, None, np.zeros(d + 1, precision))
