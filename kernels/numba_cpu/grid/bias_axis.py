"""Cross-entropy where t moves all logits alike: z = p + s q + b, b being t or a multiple of it. Such is the bias axis.

Let a sample have the class sign c, 1 or -1, so that its margin is m = c z, and a tile of the grid the middle `middle`
along b, with b = middle + shift. The tile's losses are the logarithm of a product, whose factors are

    1 + e^-m = 1 + E tau,    E = e^(-c (p + s q + middle)),    tau = e^(-c shift),

and tau is the same for all samples of a class: a block of factors is a polynomial in tau with positive coefficients.
That is one multiply-add a sample and point, and no cancellation.

1. Samples of a chunk are partitioned (`partition_samples`): those whose factor is E e^shift, those whose factor is
   E e^-shift, and those that no product can hold, which are evaluated one by one. A sample that is wrong all over the
   tile is reflected, log(1 + e^-m) = -m + log(1 + e^m); so are soft labels to a part linear in m, y' m.
2. Factors are made, many at once (`exponentiate`); DEGREE of them at a time become the coefficients of
   prod(1 + E tau) - 1 (`expand_products`).
3. At every point the polynomials are evaluated and multiplied up, as (1 + h) 2^exponent (`times_polynomials`).
4. One logarithm, the linear parts and the samples evaluated one by one are added to the tile's sums (`add_chunk`).
5. Once all samples are in, the sums become means and are stored where their points belong (`store_means`).

Each tile is computed by one thread, from samples in their order: bits don't depend on the number of threads.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import prange, types

from kernels.numba_cpu.grid.tiles import loss_of_margin, step_between, tile_accumulator
from kernels.numba_cpu.runtime.launch import parallel_kernel, threads
from kernels.numba_cpu.runtime.schedule import Part
from kernels.numba_cpu.runtime.subroutine import inlined, subroutine
from kernels.numba_cpu.vector.compensated import add_compensated, two_sum
from kernels.numba_cpu.vector.elementary import exp, log1p_scaled
from kernels.numba_cpu.vector.log_product import EXPONENT_BIAS, MAX_EXPONENT, multiply_one_plus, renormalised
from kernels.numba_cpu.vector.memory import load, store
from kernels.numba_cpu.vector.operators import fma, splat, to_float
from kernels.numba_cpu.vector.panels import load_transposed, store_panel
from kernels.numba_cpu.vector.vector_type import REGISTERS, Vector

# Points along s of a tile, a lane each while its polynomials are built: a cache line of the surface is written at once.
COLUMNS = 8
AT_S = Vector(types.float64, COLUMNS)
# Points along b evaluated at once, of four registers or eight: a polynomial, a product and tau are held in three times
# as many.
LANES = (4 if REGISTERS.number < 32 else 8) * REGISTERS.width // 8
AT_B = Vector(types.float64, LANES)
EXPONENTS = Vector(types.int64, LANES)

TILE_ROWS = 512  # points along b of a tile: its sums, 33 KB, stay in the second-level cache
STRIDE = TILE_ROWS + 8  # from column to column of a tile's sums: not a power of two, which would share cache sets
CELLS = COLUMNS * STRIDE
# Groups of COLUMNS in a job at the most: rows of a tile are several cache lines, which share a page, and tau is made
# once for all. 1024 x 1024 points of 20 samples take 0.4 of the time by AVX2, 0.55 by AVX-512 (Zen 5, one thread).
GROUPS = 8
JOBS_OF_THREAD = 4  # at least, where there are as many groups
HALF_WIDTH = 16.0  # of a tile along b: with MAX_EXPONENT it bounds what a factor may be at the tile's ends
FEWEST_ROWS = 4  # in a tile of that width; where the axis is coarser, samples are evaluated one by one
CHUNK = 512  # samples whose polynomials, 32 KB, stay in the first-level cache
DEGREE = 16  # of a polynomial: as many factors as MAX_EXPONENT leaves room for in a float64


class BiasAxes(NamedTuple):
    """Ascending axes s and b, the tiles (k, 2) that split b, and how many groups of COLUMNS along s a job takes."""

    s: np.ndarray
    b: np.ndarray
    tiles: np.ndarray
    groups: int

    @property
    def jobs(self) -> int:
        return -(-self.s.size // (self.groups * COLUMNS)) * len(self.tiles)

    @property
    def cells(self) -> int:
        """Sums of a job."""
        return self.groups * CELLS


class Tile(NamedTuple):
    """Points of a tile, padded to whole vectors: `columns` (COLUMNS,) along s, `rows` along b with their e^shift and
    e^-shift. It may be `too_wide` for products."""

    columns: np.ndarray
    rows: np.ndarray
    middle: float
    too_wide: bool
    tau: np.ndarray
    inverse_tau: np.ndarray


class BiasScratch(NamedTuple):
    """What a chunk becomes: factors or coefficients (CHUNK, COLUMNS), those of tau from the front and those of 1 / tau
    from the back; numbers of the samples evaluated one by one; the linear part in the middle (COLUMNS,)."""

    factor: np.ndarray
    elementwise: np.ndarray
    linear_at_middle: np.ndarray


class Counts(NamedTuple):
    """How many samples of a chunk have a factor of tau, one of 1 / tau, or are evaluated one by one."""

    tau: int
    inverse_tau: int
    elementwise: int


@subroutine
def partition_samples(samples, start, stop, tile, scratch):
    """Partitions the samples [start, stop) of a chunk. Returns Counts, and the slope along b of the linear part, whose
    value in the middle goes to `scratch`."""
    p, q, class_sign, label_smoothing = samples.p, samples.q, samples.class_sign, samples.label_smoothing
    factor, elementwise, middle = scratch.factor, scratch.elementwise, tile.middle
    n_tau, n_inverse_tau, n_elementwise, slope, slope_lost = 0, 0, 0, 0.0, 0.0
    lowest, highest = tile.columns[0], tile.columns[COLUMNS - 1]
    s = load(AT_S, tile.columns, 0)
    linear, linear_lost = splat(AT_S, 0.0), splat(AT_S, 0.0)
    for n in range(start, stop):
        base = p[n] + middle
        one_end, other_end = class_sign[n] * (lowest * q[n] + base), class_sign[n] * (highest * q[n] + base)
        reflected = one_end < -HALF_WIDTH and other_end < -HALF_WIDTH
        in_range = HALF_WIDTH - one_end <= MAX_EXPONENT and HALF_WIDTH - other_end <= MAX_EXPONENT
        if tile.too_wide or not (reflected or in_range):
            elementwise[n_elementwise] = n
            n_elementwise += 1
            continue
        margin = fma(s, q[n], base) * class_sign[n]
        coefficient = label_smoothing[n] - (1.0 if reflected else 0.0)
        if coefficient != 0.0:
            linear, lost = two_sum(linear, margin * coefficient)
            linear_lost = linear_lost + lost
            slope, lost = two_sum(slope, coefficient * class_sign[n])
            slope_lost += lost
        if reflected == (class_sign[n] > 0.0):
            slot = n_tau
            n_tau += 1
        else:
            n_inverse_tau += 1
            slot = CHUNK - n_inverse_tau
        store(factor, slot * COLUMNS, margin * (1.0 if reflected else -1.0))
    store(scratch.linear_at_middle, 0, linear + linear_lost)
    return Counts(n_tau, n_inverse_tau, n_elementwise), slope + slope_lost


@subroutine
def exponentiate(factor, n_tau, n_inverse_tau):
    """Turns the exponents of a chunk's factors into these, in place, and what lies between into anything."""
    at, front, back = 0, n_tau * COLUMNS, (CHUNK - n_inverse_tau) * COLUMNS // LANES * LANES
    while at < CHUNK * COLUMNS:
        if at >= front and at < back:
            at = back
            continue
        store(factor, at, exp(load(AT_B, factor, at)))
        at += LANES


@subroutine
def expand_products(factor, first, last):
    """Turns each block of DEGREE factors E into the coefficients of prod(1 + E tau) - 1, in place, tau^1 first."""
    for block in range(first, last, DEGREE):
        for n in range(block + 1, min(block + DEGREE, last)):
            e = load(AT_S, factor, n * COLUMNS)
            higher = load(AT_S, factor, (n - 1) * COLUMNS)
            store(factor, n * COLUMNS, e * higher)
            for k in range(n - 1, block, -1):
                lower = load(AT_S, factor, (k - 1) * COLUMNS)
                store(factor, k * COLUMNS, fma(e, lower, higher))
                higher = lower
            store(factor, block * COLUMNS, higher + e)


@inlined
def times_polynomials(product, factor, first, last, column, tau):
    """The product (1 + h) 2^exponent, a pair, times the polynomials of one column at tau."""
    h, exponent = product
    for block in range(first, last, DEGREE):
        top = min(block + DEGREE, last) - 1
        g = splat(AT_B, factor[top * COLUMNS + column])
        for k in range(top - 1, block - 1, -1):
            g = fma(g, tau, factor[k * COLUMNS + column])
        h, exponent = renormalised(multiply_one_plus(h, g * tau), exponent)
    return h, exponent


@inlined
def log_of_products(factor, counts, column, tau, inverse_tau):
    """Sum of log(1 + E tau) over the samples of a chunk that have a factor."""
    product = splat(AT_B, 0.0), splat(EXPONENTS, 0)
    product = times_polynomials(product, factor, 0, counts.tau, column, tau)
    h, exponent = times_polynomials(product, factor, CHUNK - counts.inverse_tau, CHUNK, column, inverse_tau)
    blocks = (counts.tau + DEGREE - 1) // DEGREE + (counts.inverse_tau + DEGREE - 1) // DEGREE
    return log1p_scaled(h, to_float(exponent - EXPONENT_BIAS * blocks))


@inlined
def sum_elementwise(samples, numbers, s, b):
    """Sum of the losses of the samples of these numbers at s and the points b, each by its own logarithm."""
    p, q, class_sign, label_smoothing = samples.p, samples.q, samples.class_sign, samples.label_smoothing
    total, compensation = splat(AT_B, 0.0), splat(AT_B, 0.0)
    for n in numbers:
        margin = (b + (p[n] + s * q[n])) * class_sign[n]
        total, lost = two_sum(total, loss_of_margin(margin, label_smoothing[n]))
        compensation = compensation + lost
    return total + compensation


@subroutine
def add_chunk(samples, part, tile, scratch, totals, compensation):
    """Adds the losses of a part of at most CHUNK samples to the sums of a tile (COLUMNS, STRIDE). Where these are all
    samples, means are stored at once."""
    counts, slope = partition_samples(samples, part.start, part.stop, tile, scratch)
    factor, rows, columns, middle = scratch.factor, tile.rows, tile.columns, tile.middle
    exponentiate(factor, counts.tau, counts.inverse_tau)
    expand_products(factor, 0, counts.tau)
    expand_products(factor, CHUNK - counts.inverse_tau, CHUNK)
    for column in range(COLUMNS):
        for j in range(0, rows.size, LANES):
            b = load(AT_B, rows, j)
            value = fma(b - middle, slope, scratch.linear_at_middle[column])
            if counts.tau + counts.inverse_tau > 0:
                tau, inverse_tau = load(AT_B, tile.tau, j), load(AT_B, tile.inverse_tau, j)
                value = value + log_of_products(factor, counts, column, tau, inverse_tau)
            if counts.elementwise > 0:
                value = value + sum_elementwise(samples, scratch.elementwise[: counts.elementwise], columns[column], b)
            at = column * STRIDE + j
            if part.stop - part.start == part.n:
                store(totals, at, value * (1.0 / part.weight))
            elif part.start == 0:
                store(totals, at, value)
                store(compensation, at, splat(AT_B, 0.0))
            else:
                add_compensated(AT_B, totals, compensation, at, value)


@subroutine
def padded(values, length):
    """`values` followed by copies of the last one."""
    result = np.empty(length)
    for k in range(length):
        result[k] = values[k if k < values.size else values.size - 1]
    return result


@subroutine
def rows_of(b):
    """What all tiles of these points of an ascending axis, at most TILE_ROWS, share: the fields of Tile after the
    columns."""
    rows = padded(b, (b.size + LANES - 1) // LANES * LANES)
    middle = 0.5 * b[0] + 0.5 * b[-1]
    too_wide = b[-1] - middle > HALF_WIDTH
    tau, inverse_tau = np.empty(rows.size), np.empty(rows.size)
    if not too_wide:
        for j in range(0, rows.size, LANES):
            shift = load(AT_B, rows, j) - middle
            store(tau, j, exp(shift))
            store(inverse_tau, j, exp(-shift))
    return rows, middle, too_wide, tau, inverse_tau


@subroutine
def add_samples(samples, part, tile, totals, compensation):
    """Adds the losses of a part of the samples over one tile, chunk by chunk."""
    scratch = BiasScratch(np.empty(CHUNK * COLUMNS), np.empty(CHUNK, np.int64), np.empty(COLUMNS))
    for start in range(part.start, part.stop, CHUNK):
        stop = min(start + CHUNK, part.stop)
        chunk = Part(start, stop, part.n, part.weight)
        add_chunk(samples, chunk, tile, scratch, totals, compensation)


@subroutine
def sums_to_means(totals, compensation, weight, cells):
    """Divides the sums of the first cells of a job by a weight, in place."""
    for k in range(0, cells, LANES):
        store(totals, k, (load(AT_B, totals, k) + load(AT_B, compensation, k)) * (1.0 / weight))


@subroutine
def store_means(means, out, rows, columns):
    """Writes means (columns, STRIDE) to the cells `rows` x `columns` of the surface, by cache lines where these are in
    order."""
    width, step = out.shape[1], step_between(rows)
    in_order = step != 0 and columns.size >= COLUMNS and step_between(columns) == 1
    whole_rows = rows.size // COLUMNS * COLUMNS if in_order else 0
    whole_columns = columns.size // COLUMNS * COLUMNS if in_order else 0
    for j in range(0, whole_rows, COLUMNS):
        for i in range(0, whole_columns, COLUMNS):
            panel = load_transposed(AT_S, means, i * STRIDE + j, STRIDE)
            store_panel(out, rows[j] * width + columns[i], step * width, panel)
    for j in range(rows.size):
        for i in range(whole_columns if j < whole_rows else 0, columns.size):
            out[rows[j], columns[i]] = means[i * STRIDE + j]


@parallel_kernel
def add_tiles(samples, part, axes, jobs, sums, out, places):
    """Adds a part of the samples to the tiles of jobs (first, last), numbered along s first; stores their means in
    their places once the last sample is in.

    `sums` (jobs, groups CELLS) keep those of a job from one launch to the next; they are empty if one launch takes all
    samples.
    """
    s, b, tiles, groups = axes.s, axes.b, axes.tiles, axes.groups
    width = groups * COLUMNS
    across = (s.size + width - 1) // width
    for job in prange(jobs[0], jobs[1]):
        i = job % across * width
        j, end = tiles[job // across]
        stop = min(i + width, s.size)
        totals = tile_accumulator(sums.totals, job - jobs[0], groups * CELLS)
        compensation = tile_accumulator(sums.compensation, job - jobs[0], groups * CELLS)
        rows, middle, too_wide, tau, inverse_tau = rows_of(b[j:end])
        for first in range(i, stop, COLUMNS):
            columns = padded(s[first : min(first + COLUMNS, stop)], COLUMNS)
            tile = Tile(columns, rows, middle, too_wide, tau, inverse_tau)
            own = (first - i) * STRIDE
            add_samples(samples, part, tile, totals[own : own + CELLS], compensation[own : own + CELLS])
        if part.stop == part.n:
            if part.n > CHUNK:
                sums_to_means(totals, compensation, part.weight, (stop - i + COLUMNS - 1) // COLUMNS * CELLS)
            store_means(totals, out, places.rows[j:end], places.columns[i:stop])


def groups_in_job(s, tiles):
    """How many groups along s a job takes: all threads have enough of them, and all but the last are as large."""
    across = -(-len(s) // COLUMNS)
    most = max(1, min(GROUPS, across * len(tiles) // (JOBS_OF_THREAD * threads())))
    return -(-across // -(-across // most))


def tiles_of_axis(b):
    """Tiles (k, 2) of an ascending axis: those within 2 HALF_WIDTH or, where it is too coarse, of LANES points."""
    tiles, first = [], 0
    while first < len(b):
        last = min(first + TILE_ROWS, int(b.searchsorted(b[first] + 2 * HALF_WIDTH, side="right")))
        if last - first < FEWEST_ROWS:
            last = min(first + LANES, len(b))
        tiles.append((first, last))
        first = last
    return np.array(tiles)


def plain_losses(samples, s, b):
    """Sums of the losses (len(b), len(s)) over one tile, stages 1 to 4 a number at a time, without chunks and
    compensated sums: the algorithm to read first."""
    middle = (b[0] + b[-1]) / 2
    sums = np.zeros((len(b), len(s)))
    for i, at_s in enumerate(s):
        factors: dict[int, list[float]] = {1: [], -1: []}
        linear, slope, elementwise = 0.0, 0.0, []
        for p, q, c, smoothing, _ in zip(*samples[:2], *samples[3:], strict=True):
            m = c * (p + at_s * q + middle)
            reflected = m < -HALF_WIDTH
            if b[-1] - middle > HALF_WIDTH or not (reflected or HALF_WIDTH - m <= MAX_EXPONENT):
                elementwise.append((p + at_s * q, c, smoothing))
                continue
            linear, slope = linear + (smoothing - reflected) * m, slope + (smoothing - reflected) * c
            factors[int(c) if reflected else -int(c)].append(math.exp(m if reflected else -m))
        for j, at_b in enumerate(b):
            h, exponent = 0.0, 0
            for sign, group in factors.items():
                for block in range(0, len(group), DEGREE):
                    tau = math.exp(sign * (at_b - middle))
                    g = float(np.polyval(plain_coefficients(group[block : block + DEGREE]), tau))
                    h = h + g + h * g
                    power = math.frexp(1 + h)[1] - 1
                    h, exponent = h * 2.0**-power + (2.0**-power - 1), exponent + power
            sums[j, i] = linear + slope * (at_b - middle) + math.log1p(h) + exponent * math.log(2)
            for z, c, smoothing in elementwise:
                m = c * (z + at_b)
                sums[j, i] += max(-m, 0.0) + math.log1p(math.exp(-abs(m))) + smoothing * m
    return sums


def plain_coefficients(factors):
    """Coefficients of prod(1 + E tau) - 1, highest power first."""
    product = np.ones(1)
    for e in factors:
        product = np.convolve(product, [e, 1.0])
    return np.append(product[:-1], 0.0)
