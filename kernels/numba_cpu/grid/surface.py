"""Surfaces on the CPU: which kernel evaluates what.

Four kernels evaluate a surface. `bias_axis` and `general_plane`: the unweighted cross-entropy, as the logarithm of a
product of 1 + e^-m, the first where t_slope is one constant. `accuracy`: by binary search, exactly. `elementwise`: the
rest, sample by sample. All but accuracy may be evaluated at Chebyshev nodes and interpolated (`interpolate`), from
samples that may be compressed (`moments`).
"""

from collections.abc import Collection

import numpy as np

from kernels.arguments.blocks import Block
from kernels.arguments.ranges import Summary
from kernels.kinds import Advance
from kernels.mathematics import compression
from kernels.mathematics.compression import Line
from kernels.mathematics.planning import LOGARITHM
from kernels.numba_cpu.grid import accuracy, bias_axis, elementwise, general_plane
from kernels.numba_cpu.grid import moments as along_line
from kernels.numba_cpu.grid.interpolate import axis_of as axis_of
from kernels.numba_cpu.grid.interpolate import empty_values as empty_values
from kernels.numba_cpu.grid.interpolate import fill as fill
from kernels.numba_cpu.grid.tiles import Places
from kernels.numba_cpu.runtime.launch import launch
from kernels.numba_cpu.runtime.prefault import LARGE, prefault
from kernels.numba_cpu.runtime.schedule import KernelCost, Sums, job_groups, launches, samples_at_once
from kernels.quantities import QUANTITIES, Asked

JOBS_PER_THREAD = 16  # in one launch, at least: enough for a thread that is late to leave some to others
EVALUATIONS_PER_THREAD = 50_000_000  # in one launch: well under 0.1 s, so that Ctrl-C is answered
COUNTED = {"accuracy": "accuracy", "balanced_accuracy": "accuracy"}  # that of weighted samples
COPIED = 2**20  # values that are copied between two looks for Ctrl-C


def passes(names: Collection[str], loss: str, weighted: bool) -> dict[str, list[str]]:
    """{kernel: the quantities that it evaluates in one pass over the samples}, "products" standing for two of them."""
    kernels: dict[str, list[str]] = {}
    for name in names:
        by_products = name == "loss" and loss == "bce" and not weighted
        kernel = "products" if by_products else "elementwise" if QUANTITIES[name].smooth else COUNTED[name]
        kernels.setdefault(kernel, []).append(name)
    return kernels


def evaluate(
    block: Block,
    summary: Summary,
    s: np.ndarray,
    t: np.ndarray,
    outputs: dict[str, np.ndarray],
    loss: str,
    advance: Advance,
) -> None:
    """Writes sums over a block, divided by the weight of a summary, to `outputs`, {quantity: array}, float32 or
    float64, every sample at every point.

    block    samples; of the summary their number and the ranges are read too
    s, t     axes, float64
    loss     its name
    advance  told of evaluations, points times samples, of each kernel
    """
    for kernel, names in passes(outputs, loss, block.weight is not None).items():
        if kernel == "products":
            evaluate_products(block, summary, s, t, outputs["loss"], advance)
        elif kernel == "accuracy":
            for name in names:
                accuracy.evaluate(block, summary, s, t, outputs[name], advance)
        else:
            elementwise.evaluate(block, summary, s, t, {name: outputs[name] for name in names}, loss, advance)


def compressed_samples(line: Line, asked: Asked) -> int:
    """How many nodes are evaluated in place of all samples."""
    return compression.count(line, asked)


def moments(block: Block, line: Line, asked: Asked, advance: Advance) -> np.ndarray:
    """Moments of a block along a line, as `evaluate_compressed` takes their sums; `advance` is told of samples."""
    of_classes, softness = along_line.moments_of(block, line, compression.by_class(asked), advance)
    return np.append(of_classes, softness)


def evaluate_compressed(
    moments: np.ndarray,
    summary: Summary,
    s: np.ndarray,
    t: np.ndarray,
    outputs: dict[str, np.ndarray],
    loss: str,
    line: Line,
    advance: Advance,
) -> None:
    """`evaluate` of all samples, compressed along a line to a few weighted nodes, by the sums of their moments."""
    asked = Asked(tuple(outputs), loss)
    by_class = compression.by_class(asked)
    of_classes, softness = moments[:-1].reshape(2, -1), float(moments[-1])
    block = compression.nodes_of_line(of_classes, line, by_class)
    summary = summary._replace(n=len(block.y), blocks=1)
    turning = elementwise.NOWHERE if by_class else line.middle
    elementwise.evaluate(block, summary, s, t, outputs, loss, advance, turning)
    if by_class:
        compression.subtract_softness(outputs, asked, softness, summary.weight)
    else:
        compression.add_linear_part(of_classes, line, s, t, outputs, summary.weight)


def evaluate_products(block, summary, s, t, out, advance):
    """Writes the cross-entropy by products; by polynomials where t moves all logits alike."""
    if not out.flags.c_contiguous:  # the kernels are compiled for one layout
        surface = np.empty_like(out, order="C")
        evaluate_products(block, summary, s, t, surface, advance)
        copy(surface, out)
    elif summary.low[2] == summary.high[2]:
        if out.strides[0] * bias_axis.TILE_ROWS >= LARGE:  # what a row of tiles is written to
            prefault(out)
        s, b, places = sorted_axes(s, t * summary.low[2])
        tiles = bias_axis.tiles_of_axis(b)
        axes = bias_axis.BiasAxes(s, b, tiles, bias_axis.groups_in_job(s, tiles))
        add_products(bias_axis, block, summary, axes, out, places, advance)
    else:
        s, t, places = sorted_axes(s, t)
        padded = (np.pad(axis, (0, -len(axis) % general_plane.TILE), mode="edge") for axis in (s, t))
        add_products(general_plane, block, summary, general_plane.TileAxes(*padded), out, places, advance)


def copy(surface, out):
    """In parts, so that Ctrl-C is answered."""
    rows = max(1, COPIED // out.shape[1])
    for first in range(0, len(out), rows):
        out[first : first + rows] = surface[first : first + rows]


def sorted_axes(s, t):
    """Ascending axes, and the Places of their points."""
    columns, rows = s.argsort(kind="stable"), t.argsort(kind="stable")
    return s[columns], t[rows], Places(rows, columns)


def add_products(kernel, block, summary, axes, out, places, advance):
    """Launches the jobs of `kernel`, a module, on all samples of a block."""
    n, jobs, cells = len(block.y), axes.jobs, axes.cells
    jobs_per_thread = max(1, JOBS_PER_THREAD * kernel.CELLS // cells)
    cost = KernelCost(cells, LOGARITHM, EVALUATIONS_PER_THREAD, jobs_per_thread, kernel.CHUNK, 16 * cells)
    kept = n > samples_at_once(cost)
    for first, last in job_groups(cost, jobs, n) if kept else [(0, jobs)]:
        sums = Sums(*np.empty((2, last - first if kept else 0, cells)))
        for some, part, (begin, end) in launches(block, cost, first, last, summary.weight):
            evaluations = (out.size * end // jobs - out.size * begin // jobs) * (part.stop - part.start)
            own = sums.of((begin, end), first) if kept else sums
            launch(kernel.add_tiles, evaluations, some, part, axes, (begin, end), own, out, places)
            advance(evaluations)
