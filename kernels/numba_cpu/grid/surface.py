"""Surfaces on the CPU: which kernel evaluates what.

The unweighted loss goes by products, as polynomials along an axis that moves all logits alike; accuracy is counted;
everything else goes sample by sample. All but accuracy may be interpolated, from samples that may be compressed.
"""

import numpy as np

from kernels.mathematics import compression, spectral
from kernels.numba_cpu.grid import accuracy, bias_axis, elementwise, general_plane, interpolate, moments
from kernels.numba_cpu.runtime.launch import launch
from kernels.numba_cpu.runtime.prefault import LARGE, find_memory
from kernels.numba_cpu.runtime.schedule import Work, groups, launches, samples_at_once
from kernels.progress import counted

JOBS_PER_THREAD = 16
EVALUATIONS_PER_THREAD = 50_000_000  # in one launch
LOGARITHM = 60  # what finishing and writing a point costs, in evaluations
SCATTERED = 2**20  # values that are put in their places at once


def surface_on_plane(samples, summary, s, t, outputs, interpolation, line, progress):
    """Writes means over the samples to `outputs`, {quantity: array}, float32 or float64.

    samples        blocks, and their summary
    s, t           axes, float64
    interpolation  of all quantities but accuracy, or None
    line           to compress the samples along, or None
    progress       called with (done, total), which count evaluations
    """
    weighted = samples.weighted
    smooth = {name: out for name, out in outputs.items() if interpolation and name != "accuracy"}
    direct = {name: out for name, out in outputs.items() if name not in smooth}
    evaluations = summary.n * len(s) * len(t) * len(passes(direct, weighted))
    if not smooth:
        evaluate(samples, summary, s, t, weighted, direct, counted(progress, evaluations))
        return
    s_order, t_order = ascending(s), ascending(t)
    axes = s[s_order], t[t_order]
    at = tuple(spectral.evaluated_at(axis, tiling) for axis, tiling in zip(axes, interpolation[:2], strict=True))
    n, one_by_one = (summary.n, weighted) if line is None else (compression.count(line, smooth), True)
    evaluations += n * len(at[0]) * len(at[1]) * len(passes(smooth, one_by_one))
    evaluations += 0 if line is None else summary.n
    advance = counted(progress, evaluations)
    evaluate(samples, summary, s, t, weighted, direct, advance)
    shape = len(at[1]), len(at[0])
    values = {name: interpolate.empty_values(*out.shape[:-2], *shape) for name, out in smooth.items()}
    if line is None:
        evaluate(samples, summary, *at, weighted, values, advance)
    else:
        evaluate_compressed(samples, summary, *at, values, line, advance)
    steps = spectral.steps(*axes, interpolation)
    for name, out in smooth.items():
        floor = 0.0 if name in ("loss", "mse") else -np.inf
        fill(values[name], steps, out, (t_order, s_order), floor)


def passes(outputs, weighted):
    """{kernel: the quantities that it evaluates in one pass over the samples}"""
    kernels = {}
    for name in outputs:
        by_products = name == "loss" and not weighted
        kernel = "products" if by_products else "counting" if name == "accuracy" else "elementwise"
        kernels.setdefault(kernel, []).append(name)
    return kernels


def evaluate(samples, summary, s, t, weighted, outputs, advance):
    """Direct evaluation."""
    for kernel, names in passes(outputs, weighted).items():
        if kernel == "products":
            add_losses(samples, summary, s, t, outputs["loss"], advance)
        elif kernel == "counting":
            accuracy.accuracy(samples, s, t, summary, outputs["accuracy"], advance)
        else:
            elementwise.evaluate(samples, s, t, summary, {name: outputs[name] for name in names}, advance)


def evaluate_compressed(samples, summary, s, t, outputs, line, advance):
    """Evaluation of the weighted nodes that stand for all samples."""
    by_class = "mse" in outputs
    of_classes, softness = moments.moments_of(samples, summary.n, line, by_class, advance)
    block = compression.nodes_of_line(of_classes, line, by_class)
    summary = summary._replace(n=len(block.y), blocks=1)
    if by_class:
        elementwise.evaluate([block], s, t, summary, outputs, advance)
        outputs["mse"] -= softness / summary.weight
    else:
        elementwise.evaluate([block], s, t, summary, outputs, advance, line.middle)
        compression.add_linear_part(of_classes, line, s, t, outputs, summary.weight)


def fill(values, steps, out, order, floor):
    """Interpolates node values ((k,) nodes of t, nodes of s) to a surface ((k,) nt, ns) of ascending axes.

    Its rows and columns are written where `order` says.
    """
    if out.ndim == 3:
        for component, surface in zip(values, out, strict=True):
            fill(component, steps, surface, order, floor)
        return
    *first, last = steps
    for basis_s, basis_t in first:
        finer = interpolate.empty_values(basis_t.values.shape[1], basis_s.values.shape[1])
        interpolate.fill(values, basis_s, basis_t, finer, -np.inf)
        values = finer
    if out.flags.c_contiguous and all(which is EVERY for which in order):
        interpolate.fill(values, *last, out, floor)
    else:
        fill_scattered(values, *last, out, order, floor)


def fill_scattered(values, basis_s, basis_t, out, order, floor):
    """As `interpolate.fill`, to rows and columns in any order and any layout: in parts, of a tile's rows at most."""
    rows, columns = (np.arange(n)[which] for n, which in zip(out.shape, order, strict=True))
    nodes_t, at_once = len(basis_t.values), max(1, SCATTERED // out.shape[1])
    for tile, start in enumerate(range(0, len(rows), basis_t.points)):
        nodes, end = values[tile * nodes_t : (tile + 1) * nodes_t], min(start + basis_t.points, len(rows))
        for first in range(start, end, at_once):
            some = slice(first, min(first + at_once, end))
            part = np.empty((some.stop - some.start, out.shape[1]), out.dtype)
            interpolate.fill(nodes, basis_s, spectral.Basis(basis_t.values[:, some], len(part)), part, floor)
            out[np.ix_(rows[some], columns)] = part


EVERY = slice(None)


def ascending(axis):
    """What indexes the axis in ascending order: EVERY where it is so already."""
    return EVERY if (axis[1:] >= axis[:-1]).all() else np.argsort(axis, kind="stable")


def add_losses(samples, summary, s, t, out, advance):
    """The mean loss by products; by polynomials where t moves all logits alike."""
    if not out.flags.c_contiguous:  # the kernels are compiled for one layout
        surface = np.empty_like(out, order="C")
        add_losses(samples, summary, s, t, surface, advance)
        copy(surface, out)
    elif summary.low[2] == summary.high[2]:
        if out.strides[0] * bias_axis.TILE_ROWS >= LARGE:  # what a row of tiles is written to
            find_memory(out)
        s, t, order = sorted_axes(s, t * summary.low[2])
        tiles = bias_axis.tiles_of_axis(t)
        jobs = -(-len(s) // bias_axis.COLUMNS) * len(tiles)
        fields = "p", "q", "sign", "distance"
        by_products(bias_axis, fields, samples, summary, (s, t, tiles), jobs, out, order, advance)
    else:
        s, t, order = sorted_axes(s, t)
        grid = tuple(np.pad(axis, (0, -len(axis) % general_plane.TILE), mode="edge") for axis in (s, t))
        jobs = len(grid[0]) * len(grid[1]) // general_plane.CELLS
        fields = "p", "q", "r", "sign", "distance"
        by_products(general_plane, fields, samples, summary, grid, jobs, out, order, advance)


def copy(surface, out):
    """In parts, so that Ctrl-C is answered."""
    rows = max(1, SCATTERED // out.shape[1])
    for first in range(0, len(out), rows):
        out[first : first + rows] = surface[first : first + rows]


def sorted_axes(s, t):
    """Ascending axes, and the rows and columns of the surface where their points belong."""
    columns, rows = np.argsort(s, kind="stable"), np.argsort(t, kind="stable")
    return s[columns], t[rows], (rows, columns)


def by_products(kernel, fields, samples, summary, grid, jobs, out, order, advance):
    """Launches the tiles of `kernel`, a module, which takes these fields of the samples."""
    n, cells = summary.n, kernel.CELLS
    work = Work(cells, LOGARITHM, EVALUATIONS_PER_THREAD, JOBS_PER_THREAD, kernel.CHUNK, 16 * cells)
    kept = summary.blocks > 1 or n > samples_at_once(work)
    for first, last in groups(work, jobs, n) if kept else [(0, jobs)]:
        sums, carries = np.empty((2, last - first if kept else 0, cells))
        for part in launches(samples, work, first, last, n):
            data = *(getattr(part.arrays, field) for field in fields), part.start, part.stop, part.before, n
            own = slice(part.first - first, part.last - first)
            points = out.size * part.last // jobs - out.size * part.first // jobs
            evaluations = points * (part.stop - part.start)
            tiles = *grid, part.first, part.last, sums[own], carries[own]
            launch(kernel.add_tiles, evaluations, *data, *tiles, out, *order)
            advance(evaluations)
