"""Surfaces on the CPU: which kernel evaluates what, and launching it in parts.

The unweighted loss goes by products, as polynomials along an axis that moves all logits alike; accuracy is counted;
everything else goes sample by sample. All but accuracy may be interpolated. Parts are small enough that Ctrl-C is
answered between them.
"""

import numba
import numpy as np

from kernels import spectral
from kernels.numba_cpu import bias_axis, counting, elementwise, general_plane, interpolate
from kernels.numba_cpu.launch import launch, read_only
from kernels.progress import counted

JOBS_PER_THREAD = 16
EVALUATIONS_PER_THREAD = 50_000_000  # in one launch
LOGARITHM = 60  # what finishing and writing a point costs, in evaluations
POINTS_AT_ONCE = 50_000_000  # of an interpolation, in one launch


def surface_on_plane(plane, y, s, t, weight, outputs, interpolation, progress):
    """Writes means over the samples to `outputs`, {quantity: array}, float32 or float64.

    plane          offset, s_slope, t_slope (n,), float64
    y, s, t        labels in [0, 1] (n,), axes, float64
    weight         of the samples (n,), float64, or None
    interpolation  None, or the spectral.Interpolation of all quantities but accuracy
    progress       called with (done, total), which count evaluations
    """
    samples = *(read_only(field) for field in plane), np.where(y > 0.5, -1.0, 1.0), np.minimum(y, 1.0 - y)
    direct = {name: out for name, out in outputs.items() if interpolation is None or name == "accuracy"}
    smooth = {name: out for name, out in outputs.items() if name not in direct}
    parts = []
    if direct:
        parts.append((s, t, direct))
    if smooth:
        (s_sorted, s_order), (t_sorted, t_order) = ascending(s), ascending(t)
        node_axes = (
            spectral.nodes_of_axis(s_sorted, interpolation.s),
            spectral.nodes_of_axis(t_sorted, interpolation.t),
        )
        shape = len(node_axes[1]), len(node_axes[0])
        at_nodes = {name: np.empty((*out.shape[:-2], *shape)) for name, out in smooth.items()}
        parts.append((*node_axes, at_nodes))
    evaluations = sum(len(y) * len(a) * len(b) * len(passes(part, weight)) for a, b, part in parts)
    report = counted(progress, evaluations)
    for part_s, part_t, part in parts:
        evaluate(samples, weight, part_s, part_t, part, report)
    for name, out in smooth.items():
        floor = 0.0 if name in ("loss", "mse") else -np.inf
        fill(at_nodes[name], s_sorted, t_sorted, interpolation, out, (t_order, s_order), floor)


def passes(outputs, weight):
    """{kernel: the quantities that it evaluates in one pass over the samples}"""
    kernels = {}
    for name in outputs:
        by_products = name == "loss" and weight is None
        kernel = "products" if by_products else "counting" if name == "accuracy" else "elementwise"
        kernels.setdefault(kernel, []).append(name)
    return kernels


def evaluate(samples, weight, s, t, outputs, advance):
    """Direct evaluation."""
    weights = np.ones(len(samples[0])) if weight is None else weight
    for kernel, names in passes(outputs, weight).items():
        if kernel == "products":
            add_losses(samples, s, t, outputs["loss"], advance)
        elif kernel == "counting":
            counting.accuracy((*samples[:4], weights), s, t, outputs["accuracy"], advance)
        else:
            elementwise.evaluate((*samples, weights), s, t, {name: outputs[name] for name in names}, advance)


def fill(values, s, t, interpolation, out, order, floor):
    """Interpolates node values ((k,) nodes of t, nodes of s) to a surface ((k,) nt, ns)."""
    if out.ndim == 3:
        for component, surface in zip(values, out, strict=True):
            fill(component, s, t, interpolation, surface, order, floor)
        return
    rows, columns = order
    if rows is not None or columns is not None or not out.flags.c_contiguous:
        surface = np.empty_like(out, order="C")
        fill(values, s, t, interpolation, surface, (None, None), floor)
        out[np.ix_(rows if rows is not None else range(len(t)), columns if columns is not None else range(len(s)))] = (
            surface
        )
        return
    A, B = spectral.weights_of_axis(t, interpolation.t), spectral.weights_of_axis(s, interpolation.s)
    A = np.pad(A, ((0, -len(A) % interpolate.ROWS), (0, 0)))
    B = np.ascontiguousarray(np.pad(B, ((0, -len(B) % interpolate.PANEL), (0, 0))).T)
    band_rows = min(interpolation.t.points, interpolate.MOST_ROWS)
    bands = -(-len(t) // band_rows)
    bands_at_once = max(1, POINTS_AT_ONCE // (band_rows * len(s)))
    tiles = interpolation.t.nodes, interpolation.t.points, B, interpolation.s.nodes, interpolation.s.points
    for first in range(0, bands, bands_at_once):
        last = min(first + bands_at_once, bands)
        launch(interpolate.fill, out.size, values, A, *tiles, band_rows, first, last, out, floor)


def ascending(axis):
    """The axis in ascending order, and that order, None if it is the order already."""
    if (axis[1:] >= axis[:-1]).all():
        return axis, None
    order = np.argsort(axis, kind="stable")
    return axis[order], order


def add_losses(samples, s, t, out, advance):
    """The mean loss by products; by polynomials where t moves all logits alike."""
    if not out.flags.c_contiguous:  # the kernels are compiled for one layout
        surface = np.empty_like(out, order="C")
        add_losses(samples, s, t, surface, advance)
        out[:] = surface
        return
    p, q, r, sign, distance = samples
    if (r == r[0]).all():
        s, t, order = sorted_axes(s, t * r[0])
        tiles = bias_axis.tiles_of_axis(t)
        jobs = -(-len(s) // bias_axis.COLUMNS) * len(tiles)
        data = p, q, sign, distance
        in_parts(bias_axis.add_tiles, data, (s, t, tiles), jobs, bias_axis.CELLS, out, order, advance)
    else:
        s, t, order = sorted_axes(s, t)
        s, t = (np.pad(axis, (0, -len(axis) % general_plane.TILE), mode="edge") for axis in (s, t))
        jobs = len(s) * len(t) // general_plane.CELLS
        in_parts(general_plane.add_tiles, samples, (s, t), jobs, general_plane.CELLS, out, order, advance)


def sorted_axes(s, t):
    """Ascending axes, and the rows and columns of the surface where their points belong."""
    columns, rows = np.argsort(s, kind="stable"), np.argsort(t, kind="stable")
    return s[columns], t[rows], (rows, columns)


def in_parts(kernel, samples, grid, jobs, cells, out, order, advance):
    """Launches a kernel over its `jobs` tiles of `cells` sums each: many tiles, or some tiles and some samples."""
    n, threads = len(samples[0]), numba.get_num_threads()
    jobs_at_once = max(JOBS_PER_THREAD, EVALUATIONS_PER_THREAD // (cells * (n + LOGARITHM))) * threads
    chunks_at_once = max(1, EVALUATIONS_PER_THREAD // (JOBS_PER_THREAD * cells * bias_axis.CHUNK))
    samples_at_once = chunks_at_once * bias_axis.CHUNK
    sums, carries = np.empty((2, min(jobs, jobs_at_once) if n > samples_at_once else 0, cells))
    for first in range(0, jobs, jobs_at_once):
        last = min(first + jobs_at_once, jobs)
        points = out.size * last // jobs - out.size * first // jobs
        for start in range(0, n, samples_at_once):
            stop = min(start + samples_at_once, n)
            launch(
                kernel, points * (stop - start), *samples, start, stop, *grid, first, last, sums, carries, out, *order
            )
            advance(points * (stop - start))
