"""Surfaces on the CPU: which kernel evaluates what, and launching it in parts.

The unweighted loss goes by products, as polynomials along an axis that moves all logits alike; everything else sample
by sample. Parts are small enough that Ctrl-C is answered between them.
"""

import numba
import numpy as np

from kernels.numba_cpu import bias_axis, elementwise, general_plane
from kernels.numba_cpu.launch import launch, read_only

JOBS_PER_THREAD = 16
EVALUATIONS_PER_THREAD = 50_000_000  # in one launch


def surface_on_plane(plane, y, s, t, weight, outputs, progress):
    """Writes means over the samples to `outputs`, {quantity: array}, float32 or float64.

    plane     offset, s_slope, t_slope (n,), float64
    y, s, t   labels in [0, 1] (n,), axes, float64
    weight    of the samples (n,), float64, or None
    progress  called with (done, total), which count evaluations
    """
    plane = [read_only(field) for field in plane]
    sign, distance = np.where(y > 0.5, -1.0, 1.0), np.minimum(y, 1.0 - y)
    by_products = "loss" in outputs and weight is None
    others = {name: out for name, out in outputs.items() if not (by_products and name == "loss")}
    done, total = 0, len(y) * len(s) * len(t) * (by_products + bool(others))

    def advance(evaluations):
        nonlocal done
        done += evaluations
        progress(done, total)

    if by_products:
        add_losses(plane, sign, distance, s, t, outputs["loss"], advance)
    if others:
        ones = np.ones(len(y)) if weight is None else weight
        elementwise.evaluate((*plane, sign, distance, ones), s, t, others, advance)


def add_losses(plane, sign, distance, s, t, out, advance):
    """The mean loss by products; by polynomials where t moves all logits alike."""
    if not out.flags.c_contiguous:  # the kernels are compiled for one layout
        surface = np.empty_like(out, order="C")
        add_losses(plane, sign, distance, s, t, surface, advance)
        out[:] = surface
        return
    p, q, r = plane
    if (r == r[0]).all():
        s, t, order = sorted_axes(s, t * r[0])
        tiles = bias_axis.tiles_of_axis(t)
        jobs = -(-len(s) // bias_axis.COLUMNS) * len(tiles)
        cells = bias_axis.COLUMNS * bias_axis.STRIDE
        in_parts(bias_axis.add_tiles, (p, q, sign, distance), (s, t, tiles), jobs, cells, out, order, advance)
    else:
        s, t, order = sorted_axes(s, t)
        s, t = (np.pad(axis, (0, -len(axis) % general_plane.TILE), mode="edge") for axis in (s, t))
        cells = general_plane.TILE**2
        jobs = len(s) * len(t) // cells
        in_parts(general_plane.add_tiles, (p, q, r, sign, distance), (s, t), jobs, cells, out, order, advance)


def sorted_axes(s, t):
    """Ascending axes, and the rows and columns of the surface where their points belong."""
    columns, rows = np.argsort(s, kind="stable"), np.argsort(t, kind="stable")
    return s[columns], t[rows], (rows, columns)


def in_parts(kernel, samples, grid, jobs, cells, out, order, advance):
    """Launches a kernel over its `jobs` tiles of `cells` sums each, some tiles and some samples at a time."""
    n = len(samples[0])
    jobs_at_once = min(jobs, JOBS_PER_THREAD * numba.get_num_threads())
    samples_at_once = EVALUATIONS_PER_THREAD // (JOBS_PER_THREAD * cells) // bias_axis.CHUNK * bias_axis.CHUNK
    sums, carries = np.empty((2, jobs_at_once, cells))
    for first in range(0, jobs, jobs_at_once):
        last = min(first + jobs_at_once, jobs)
        points = out.size * last // jobs - out.size * first // jobs
        for start in range(0, n, samples_at_once):
            stop = min(start + samples_at_once, n)
            launch(
                kernel, points * (stop - start), *samples, start, stop, *grid, first, last, sums, carries, out, *order
            )
            advance(points * (stop - start))
