"""Products with rows of X that are read as four streams at once.

Consecutive rows are cut into four runs of the same length; a group is the next row of each, or the next few. While a
program reads four streams evenly, a processor fetches ahead of each of them; of one stream it stops at the end of each
page, and to ask for all of it by instructions costs more than it saves (measured on a Zen 3, two threads, float32 of 32
to 1,024 features). What a block of groups has next is asked for before the derivatives of its losses are computed, when
nothing else is read.

What the runs leave of the rows, less than a group, is a group by itself, the last rows of all, some of which other
groups have too.
"""

from typing import NamedTuple

from kernels.numba_cpu.runtime.subroutine import inlined
from kernels.numba_cpu.training.layouts import RUNS
from kernels.numba_cpu.vector.matrices import (
    add_scaled_rows,
    in_every_column,
    in_every_row,
    load_rows,
    load_runs,
    load_runs_where,
    row_totals,
)
from kernels.numba_cpu.vector.memory import load, prefetch, store
from kernels.numba_cpu.vector.operators import fma, lane_numbers, splat
from kernels.numba_cpu.vector.vector_type import divided, lanes_of, line_of, resized

LINES_AHEAD = 32  # cache lines of a run that are asked for at a time, at the most


class RowGroups(NamedTuple):
    """So many groups of rows of four runs, the first row, and how many rows the runs are apart."""

    first: int
    apart: int
    number: int


@inlined
def labels_of_runs(samples_type, y, groups, labels):
    """Copies the labels of groups, in the order of their rows."""
    runs, run, size = resized(samples_type, RUNS), divided(samples_type, RUNS), lanes_of(samples_type)
    for g in range(groups.number):
        store(labels, g * size, load_rows(runs, run, y, groups.first + g * lanes_of(run), groups.apart))


@inlined
def logits_of_runs(samples_type, features_type, X, groups, stride, theta, d, z):
    """z = x w + b of groups. `theta` is (w, b), padded."""
    run, size, width = divided(samples_type, RUNS), lanes_of(samples_type), lanes_of(features_type)
    start, between = groups.first * stride, groups.apart * stride
    whole = d // width * width
    inside = lane_numbers(features_type) < d - whole
    for g in range(groups.number):
        products = in_every_row(samples_type, splat(features_type, 0.0))
        for j in range(0, whole, width):
            w = in_every_row(samples_type, load(features_type, theta, j))
            products = fma(load_runs(samples_type, run, features_type, X, (start + j, stride, between)), w, products)
        if whole < d:
            w = in_every_row(samples_type, load(features_type, theta, whole))
            x = load_runs_where(samples_type, run, features_type, X, (start + whole, stride, between), inside)
            products = fma(x, w, products)
        store(z, g * size, row_totals(samples_type, products) + theta[d])
        start += lanes_of(run) * stride


@inlined
def ask_for_next(samples_type, X, groups, stride):
    """Asks for the rows after these groups, as many, or for the first of them."""
    elements = groups.number * lanes_of(divided(samples_type, RUNS)) * stride
    start, between = groups.first * stride + elements, groups.apart * stride
    for k in range(0, min(elements, LINES_AHEAD * line_of(X)) + line_of(X), line_of(X)):  # rows begin within a line
        for run in range(RUNS):
            prefetch(X, start + run * between + k, 1)


@inlined
def add_runs(samples_type, features_type, X, groups, stride, slopes, d, gradient):
    """Adds slope x of groups to `gradient`, padded."""
    run, size, width = divided(samples_type, RUNS), lanes_of(samples_type), lanes_of(features_type)
    start, between = groups.first * stride, groups.apart * stride
    whole = d // width * width
    inside = lane_numbers(features_type) < d - whole
    for g in range(groups.number):
        slope = in_every_column(features_type, load(samples_type, slopes, g * size))
        for j in range(0, whole, width):
            x = load_runs(samples_type, run, features_type, X, (start + j, stride, between))
            store(gradient, j, add_scaled_rows(load(features_type, gradient, j), x, slope))
        if whole < d:
            x = load_runs_where(samples_type, run, features_type, X, (start + whole, stride, between), inside)
            store(gradient, whole, add_scaled_rows(load(features_type, gradient, whole), x, slope))
        start += lanes_of(run) * stride
