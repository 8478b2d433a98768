"""Compiling ahead of the first use."""

import math
from contextvars import copy_context

import numpy as np

from kernels import evaluation, numba_cpu
from kernels.arguments.samples import ArraySamples, Group, summary_of
from kernels.bodies import EnsembleSettings, RunSettings
from kernels.mathematics.compression import Line
from kernels.mathematics.planning import Choice
from kernels.mathematics.spectral import Interpolation, Tiling
from kernels.numba_cpu.runtime import launch, prefault
from kernels.numba_cpu.training import ensemble, gradient, update
from kernels.numba_cpu.training.layouts import LONG_ROW_BYTES, REGISTER
from kernels.progress import silent
from kernels.quantities import Asked
from kernels.results import Plan

FEATURES = (1, 2, 3, 4, 8, 32)  # one for each layout of the data in memory, by rows or of one column
DIRECT = Choice(Plan("direct", None, 0.0, ""))
COMPRESSED = Choice(
    Plan("spectral", (1, 1), 0.0, ""),
    Interpolation(Tiling(1, 1, 0), Tiling(1, 1, 0), 0.0),
    Line(np.zeros(3), np.ones(3), 0, 2, 0.0),
)


def compile_all():
    for serial_work in (math.inf, 0):  # for one thread, and for all
        context = copy_context()
        context.run(launch.serial_work_here.set, serial_work)
        context.run(compile_kernels)


def compile_kernels():
    prefault.touch_pages(np.empty(1, np.uint8))
    for dtype in (np.float32, np.float64):
        compile_surface(dtype)
        for d in (1, 2):
            compile_ensemble(dtype, d)
        compile_run(np.zeros((2, 2), dtype, order="F"))
        for d in FEATURES:
            compile_run(np.zeros((2, d), dtype))
        for d in (*FEATURES, LONG_ROW_BYTES // dtype().itemsize):
            compile_gradient(dtype, d)


def compile_surface(dtype):
    """One point: by polynomials, by products, sample by sample, counted, compressed and interpolated."""
    zeros, ones, slopes = np.zeros(2), np.ones(2), np.arange(2.0)
    axes, asked = (np.zeros(1), np.zeros(1)), Asked(("loss", "accuracy"), "bce")
    outputs = {name: np.empty((1, 1), dtype) for name in asked.names}
    for plane, weight, choice in (
        ((zeros, zeros, zeros), None, DIRECT),
        ((zeros, zeros, slopes), None, DIRECT),
        ((zeros, zeros, zeros), ones, DIRECT),
        ((zeros, zeros, zeros), None, COMPRESSED),
    ):
        samples = ArraySamples(plane, zeros, weight, like=zeros)
        evaluation.evaluate(numba_cpu, Group(samples, summary_of(samples), asked), axes, outputs, choice, silent)


def compile_run(X):
    """A run of one step."""
    n, d = X.shape
    y, state = np.zeros(n, X.dtype), np.zeros((2, d + 1))
    settings = RunSettings(
        lr=0.0,
        batch_size=n,
        epochs=1,
        loss="bce",
        shuffle_seed=None,
        first_epoch=0,
        momentum=0.0,
        weight_decay=0.0,
        trained=None,
        history=1,
    )
    update.sgd_run_(X, y, None, state, progress=silent, **settings)


def compile_ensemble(dtype, d):
    """Two runs of one step, one with its history."""
    X, y, w0, b0 = np.zeros((1, d), dtype), np.zeros(1, dtype), np.zeros((2, d), dtype), np.zeros(2, dtype)
    settings = EnsembleSettings(lr=0.0, batch_size=1, epochs=1, loss="bce", history_of=np.zeros(1, np.intp))
    ensemble.sgd_ensemble(X, y, None, w0, b0, progress=silent, **settings)


def compile_gradient(dtype, d):
    """In the precision of the data and in that of runs."""
    n = REGISTER  # enough for a pipeline of groups
    X, y = np.zeros((n, d), dtype), np.zeros(n, dtype)
    for precision in {dtype, np.float64}:
        gradient.sums(X, y, np.zeros(d + 1, precision), None)
