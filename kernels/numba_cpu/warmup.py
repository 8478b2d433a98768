"""Compiling ahead of the first use."""

import math
from contextvars import copy_context
from functools import partial

import numpy as np

from kernels import evaluation, numba_cpu
from kernels.arguments import numbers
from kernels.arguments.samples import ArraySamples, Group, summary_of
from kernels.bodies import EnsembleSettings, RunSettings
from kernels.mathematics.compression import Line
from kernels.mathematics.planning import Choice
from kernels.mathematics.spectral import Interpolation, Tiling
from kernels.numba_cpu.grid import small, small_plane
from kernels.numba_cpu.runtime import launch, notice, prefault
from kernels.numba_cpu.training import ensemble, gradient, small_ensemble, small_pass, update
from kernels.numba_cpu.training.layouts import LONG_ROW_BYTES, REGISTER
from kernels.numba_cpu.training.one_feature import SMALL_BATCH
from kernels.progress import counted, reporter, silent
from kernels.quantities import Asked
from kernels.results import LogitPlane, Plan

ZEROS, ONES, SLOPES = np.zeros(2), np.ones(2), np.arange(2.0)
ONE_FEATURE, GENERAL = (ZEROS, ZEROS, ZEROS), (ZEROS, ZEROS, SLOPES)  # planes
FEATURES = (1, 2, 3, 4, 8, 32, LONG_ROW_BYTES // 4)  # one for each layout of the data in memory, of either dtype
DIRECT = Choice(Plan("direct", None, 0.0, ""))
COMPRESSED = Choice(
    Plan("spectral", (1, 1), 0.0, ""),
    Interpolation(Tiling(1, 1, 0), Tiling(1, 1, 0), 0.0),
    Line(np.zeros(3), np.ones(3), 0, 2, 0.0),
)


def compile_groups(only, progress):
    """Compiles what is in `only`, a name of GROUPS or several, or all for None."""
    names = GROUPS if only is None else numbers.some_of("only", only, GROUPS)
    dtypes = np.float32, np.float64
    steps = [step for name in names for dtype in dtypes for step in GROUPS[name](dtype)]
    with reporter(progress) as report:
        context, advance = copy_context(), counted(report, len(steps))
        context.run(notice.shows_progress.set, report is not silent)
        for step in steps:
            for serial_work in (math.inf, 0):  # for one thread, and for all
                context.run(launch.serial_work_here.set, serial_work)
                context.run(step)
            advance(1)


def surfaces(dtype):
    """Of one feature: by polynomials, sample by sample, compressed and interpolated."""
    yield partial(prefault.touch_pages, np.empty(1, np.uint8))
    yield partial(small.loss_surface, *np.zeros((2, 1), dtype), *np.zeros((2, 1)))
    for weight, choice in ((None, DIRECT), (ONES, DIRECT), (None, COMPRESSED)):
        yield partial(compile_surface, dtype, ONE_FEATURE, ("loss",), weight, choice)


def planes(dtype):
    """By products and counted, too."""
    yield from surfaces(dtype)
    axis, y, plane = np.zeros(1), np.zeros(2, dtype), LogitPlane(*np.arange(6, dtype=dtype).reshape(3, 2))
    for call in small_plane.surface_on_plane, small_plane.plan_surface:
        yield partial(call, plane, y, axis, axis, "direct", 0.0)
    yield partial(compile_surface, dtype, GENERAL, ("loss", "accuracy"), None, DIRECT)


def gradients(dtype, precision=None):
    """In the precision of the data or another one."""
    for d in FEATURES:
        yield partial(compile_gradient, dtype, d, precision or dtype)


def updates(dtype):
    """Steps, runs, and runs of large batches, whose precision is float64."""
    for precision in {dtype, np.float64}:
        yield from gradients(dtype, precision)
    yield partial(small_pass.descend, *np.zeros((2, 1), dtype), 0.0, np.zeros(2), 0.0)
    one, few, rows, long_rows = (np.zeros(shape, dtype) for shape in ((2, 1), (SMALL_BATCH + 1, 1), (2, 2), (2, 32)))
    for X in (one, few, rows, rows.T, long_rows):
        yield partial(compile_run, X)


def ensembles(dtype):
    for d in (1, 2):
        yield partial(compile_ensemble, dtype, d)
    one = np.zeros((1, 1), dtype)
    yield partial(small_ensemble.sgd_ensemble, one, one[0], one, one[0], 0.0, (1, 1), "bce")


# {name: a function of a dtype that gives what compiles}, as `kernels.warmup` names them
GROUPS = {
    "surface": surfaces,
    "plane": planes,
    "gradient": gradients,
    "update": updates,
    "ensemble": ensembles,
}


def compile_surface(dtype, plane, names, weight, choice):
    """One point."""
    axes, asked = (np.zeros(1), np.zeros(1)), Asked(names, "bce")
    outputs = {name: np.empty((1, 1), dtype) for name in names}
    samples = ArraySamples(plane, ZEROS, weight, like=ZEROS)
    work = evaluation.Work(numba_cpu, "numba")
    evaluation.evaluate(work, Group(samples, summary_of(samples), asked), axes, outputs, choice)


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
    settings = EnsembleSettings(batch_size=1, epochs=1, loss="bce", history_of=np.zeros(1, np.intp))
    ensemble.sgd_ensemble(X, y, None, np.zeros((1, 1)), w0, b0, progress=silent, **settings)


def compile_gradient(dtype, d, precision):
    """Of few samples on one thread, of many on all. Only a process that was forked has many on one."""
    X, y = np.zeros((REGISTER, d), dtype), np.zeros(REGISTER, dtype)  # enough for a group of rows
    theta = np.zeros(d + 1, precision)
    if launch.serial_work_here.get() == 0:
        gradient.sums(X, y, theta, None)
    elif precision == dtype:
        small_pass.loss_and_gradient(X, y, None, theta[:-1], theta[-1:], 1.0)
