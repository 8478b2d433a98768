"""Cross-entropy over any plane: z = p + s q + t r.

A sample of the class sign c, 1 or -1, has the margin m = c z. On a tile of the grid around (s0, t0) its factor 1 + e^-m
of the product whose logarithm is the sum of the losses is separable,

    e^-m = E(t) F(s),    E = e^(-c (p + s0 q + t r)),    F = e^(-c (s - s0) q),

so after a table for each axis a sample costs two multiply-adds: h + F (E + E h), which is (1 + h) (1 + E F) - 1.

1. Samples of a chunk are partitioned (`partition_samples`): those with a factor, and those that are evaluated one by
   one, as no product can hold them or a linear part would lose digits (`cancels`). A sample that is wrong all over the
   tile is reflected, log(1 + e^-m) = -m + log(1 + e^m); soft labels add a part linear in m, y' m. One whose factor is 1
   all over the tile has none.
2. Tables of E and F are made of those with a factor (`fill_tables`).
3. Products are multiplied up at a panel of points along s and ROWS along t, as (1 + h) 2^exponent
   (`logs_of_products`); of each one logarithm is taken.
4. Logarithms, the linear part and the samples evaluated one by one are added to the tile's sums (`add_samples`).
5. Once all samples are in, means are stored where the points belong (`store_tile`).

Each tile is computed by one thread, from samples in their order: bits don't depend on the number of threads.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import prange, types

from kernels.numba_cpu.grid.tiles import loss_of_margin, step_between, tile_accumulator
from kernels.numba_cpu.runtime.launch import parallel_kernel
from kernels.numba_cpu.runtime.subroutine import inlined, subroutine
from kernels.numba_cpu.vector.compensated import add_compensated, two_sum
from kernels.numba_cpu.vector.elementary import exp, log1p_scaled
from kernels.numba_cpu.vector.log_product import EXPONENT_BIAS, MAX_EXPONENT, renormalised
from kernels.numba_cpu.vector.memory import load, store
from kernels.numba_cpu.vector.operators import fma, splat, to_float
from kernels.numba_cpu.vector.panels import multiply_outer_product, zero_panel
from kernels.numba_cpu.vector.vector_type import REGISTERS, Vector

# Points of a tile along each axis: its sums, 64 KB with what they lost, stay in the second-level cache. With 128 many
# samples take 0.87 of the time (Zen 5), as tables serve more points, but samples half as steep go one by one already.
TILE = 64
CELLS = TILE**2
PANEL = REGISTERS.width // 8 * 2  # points along s evaluated at once, for ROWS along t
ROWS = 4
AT_S = Vector(types.float64, PANEL)
EXPONENTS = Vector(types.int64, PANEL)
CHUNK = 256  # samples of which two panels of the tables, 32 KB by AVX2, stay in the first-level cache
BLOCK = 16  # factors between two normalisations: as many as MAX_EXPONENT leaves room for in a float64
STEEPEST = 38.0  # |log F|: what a denormal E lost to rounding, 2^-1075, is less than 1e-307 times F
VANISHED = 750.0  # e^-750 is 0
# How many times |m| may be on a tile what it is at the least, or 1. With a linear part: one label that is soft asks for
# 1e-14 (1 + |m|) of all samples, and rounding goes by the most. Without one: as to whether the sample has a factor.
MOST_RATIO_LINEAR, MOST_RATIO = 32.0, 1e12


class TileAxes(NamedTuple):
    """Ascending axes s and t, padded to whole tiles."""

    s: np.ndarray
    t: np.ndarray

    @property
    def jobs(self) -> int:
        return self.s.size * self.t.size // CELLS

    @property
    def cells(self) -> int:
        return CELLS


class PlaneTile(NamedTuple):
    """Points of a tile (TILE,) along s and t, ascending, and how many columns and rows of the surface they are; the
    rest are copies of the last one."""

    s: np.ndarray
    t: np.ndarray
    columns: int
    rows: int


class PlaneScratch(NamedTuple):
    """What a chunk becomes: numbers of the samples with a factor (CHUNK,), the sign by which the logit of each is the
    exponent of its factor, F and E as panels (panel, sample, PANEL); numbers of the samples evaluated
    one by one."""

    kept: np.ndarray
    exponent_sign: np.ndarray
    by_s: np.ndarray
    by_t: np.ndarray
    elementwise: np.ndarray


class Linear(NamedTuple):
    """A function of (s, t): its value in the middle of a tile, and its slopes."""

    at_middle: float
    s_slope: float
    t_slope: float


@subroutine
def partition_samples(samples, start, stop, s, t, scratch):
    """Partitions the samples [start, stop) of a chunk over the points of a tile. Returns how many have a factor, how
    many are evaluated one by one, and the Linear part."""
    p, q, r, class_sign, label_smoothing = (
        samples.p,
        samples.q,
        samples.r,
        samples.class_sign,
        samples.label_smoothing,
    )
    kept, exponent_sign, elementwise = scratch.kept, scratch.exponent_sign, scratch.elementwise
    s0, t0 = middle_of(s), middle_of(t)
    half_s, half_t = s[-1] - s0, t[-1] - t0
    n_kept, n_elementwise = 0, 0
    level, s_slope, t_slope, level_lost, s_lost, t_lost = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for n in range(start, stop):
        margin = class_sign[n] * (p[n] + s0 * q[n] + t0 * r[n])
        spread_s = abs(q[n]) * half_s
        spread = spread_s + abs(r[n]) * half_t
        reflected = -margin > spread
        coefficient = label_smoothing[n] - (1.0 if reflected else 0.0)
        in_range = reflected or spread - margin <= MAX_EXPONENT
        if spread_s > STEEPEST or not in_range or cancels(coefficient, abs(margin), spread):
            elementwise[n_elementwise] = n
            n_elementwise += 1
            continue
        level, lost = two_sum(level, coefficient * margin)
        level_lost += lost
        s_slope, lost = two_sum(s_slope, coefficient * class_sign[n] * q[n])
        s_lost += lost
        t_slope, lost = two_sum(t_slope, coefficient * class_sign[n] * r[n])
        t_lost += lost
        if abs(margin) < spread + VANISHED:
            kept[n_kept] = n
            exponent_sign[n_kept] = class_sign[n] if reflected else -class_sign[n]
            n_kept += 1
    return n_kept, n_elementwise, Linear(level + level_lost, s_slope + s_lost, t_slope + t_lost)


@inlined
def cancels(coefficient, middle, spread):
    """Whether rounding where |m| is largest on a tile is seen where it is least, `middle` being |m| in the middle."""
    most = MOST_RATIO_LINEAR if coefficient != 0.0 else MOST_RATIO
    return middle + spread > most and middle + spread > most * (middle - spread)


@subroutine
def fill_tables(samples, n_kept, tile, scratch):
    """Writes E and F of the samples with a factor."""
    s, t, columns, rows = tile
    s0 = middle_of(s)
    for k in range(n_kept):
        n, sign = scratch.kept[k], scratch.exponent_sign[k]
        p, q, r = samples.p[n], samples.q[n], samples.r[n]
        for i in range(0, columns, PANEL):
            store(scratch.by_s, i * CHUNK + k * PANEL, exp((load(AT_S, s, i) - s0) * (sign * q)))
        for j in range(0, rows, PANEL):
            store(scratch.by_t, j * CHUNK + k * PANEL, exp(fma(load(AT_S, t, j), r, p + s0 * q) * sign))


@inlined
def middle_of(axis):
    return 0.5 * axis[0] + 0.5 * axis[-1]


@inlined
def logs_of_products(by_s, by_t, n_kept, i, j):
    """Sums of log(1 + E F) over the samples, at PANEL points along s from i and at ROWS along t from j."""
    at_s, at_t = i * CHUNK, j // PANEL * PANEL * CHUNK + j % PANEL
    none = splat(EXPONENTS, 0)
    products = zero_panel(AT_S, ROWS)
    e0, e1, e2, e3 = none, none, none, none
    for block in range(0, n_kept, BLOCK):
        for k in range(block, min(block + BLOCK, n_kept)):
            products = multiply_outer_product(products, by_t, at_t + k * PANEL, load(AT_S, by_s, at_s + k * PANEL))
        h0, h1, h2, h3 = products
        h0, e0 = renormalised(h0, e0)
        h1, e1 = renormalised(h1, e1)
        h2, e2 = renormalised(h2, e2)
        h3, e3 = renormalised(h3, e3)
        products = h0, h1, h2, h3
    h0, h1, h2, h3 = products
    offset = (n_kept + BLOCK - 1) // BLOCK * EXPONENT_BIAS
    return (
        log1p_scaled(h0, to_float(e0 - offset)),
        log1p_scaled(h1, to_float(e1 - offset)),
        log1p_scaled(h2, to_float(e2 - offset)),
        log1p_scaled(h3, to_float(e3 - offset)),
    )


@subroutine
def sum_elementwise(samples, numbers, s, t):
    """Sum of the losses of the samples of these numbers at points along s, each by its own logarithm."""
    total, compensation = splat(AT_S, 0.0), splat(AT_S, 0.0)
    for n in numbers:
        margin = ((s * samples.q[n] + samples.p[n]) + t * samples.r[n]) * samples.class_sign[n]
        total, lost = two_sum(total, loss_of_margin(margin, samples.label_smoothing[n]))
        compensation = compensation + lost
    return total + compensation


@subroutine
def add_samples(samples, start, stop, tile, totals, compensation):
    """Adds the losses of the samples [start, stop) over a tile to sums (TILE, TILE)."""
    s, t, columns, rows = tile
    s0, t0 = middle_of(s), middle_of(t)
    numbers = np.empty(CHUNK, np.int64), np.empty(CHUNK, np.int64)
    by_s, by_t = np.empty(CHUNK * TILE), np.empty(CHUNK * TILE)
    scratch = PlaneScratch(numbers[0], np.empty(CHUNK), by_s, by_t, numbers[1])
    for chunk in range(start, stop, CHUNK):
        end = min(chunk + CHUNK, stop)
        n_kept, n_elementwise, linear = partition_samples(samples, chunk, end, s, t, scratch)
        fill_tables(samples, n_kept, tile, scratch)
        for i in range(0, columns, PANEL):
            points = load(AT_S, s, i)
            for j in range(0, rows, ROWS):
                logs = logs_of_products(by_s, by_t, n_kept, i, j)
                for row, value in enumerate(logs):
                    at_t = t[j + row]
                    level = linear.at_middle + (at_t - t0) * linear.t_slope
                    value = value + fma(points - s0, linear.s_slope, level)
                    if n_elementwise > 0:
                        value = value + sum_elementwise(samples, scratch.elementwise[:n_elementwise], points, at_t)
                    add_compensated(AT_S, totals, compensation, (j + row) * TILE + i, value)


@subroutine
def store_tile(totals, compensation, weight, out, rows, columns):
    """Writes the sums of a finished tile, divided by a weight, to the cells `rows` x `columns` of the surface, a panel
    at once where columns are in order."""
    share = 1.0 / weight
    whole = columns.size // PANEL * PANEL if step_between(columns) == 1 else 0
    for j in range(rows.size):
        for i in range(0, whole, PANEL):
            k = j * TILE + i
            mean = (load(AT_S, totals, k) + load(AT_S, compensation, k)) * share
            store(out, rows[j] * out.shape[1] + columns[i], mean)
        for i in range(whole, columns.size):
            k = j * TILE + i
            out[rows[j], columns[i]] = (totals[k] + compensation[k]) * share


@parallel_kernel
def add_tiles(samples, part, axes, jobs, sums, out, places):
    """Adds a part of the samples to the tiles (first, last), numbered along s first; as `bias_axis.add_tiles`."""
    s, t = axes.s, axes.t
    across = s.size // TILE
    for job in prange(jobs[0], jobs[1]):
        i, j = job % across * TILE, job // across * TILE
        totals = tile_accumulator(sums.totals, job - jobs[0], CELLS)
        compensation = tile_accumulator(sums.compensation, job - jobs[0], CELLS)
        rows, columns = places.rows[j : j + TILE], places.columns[i : i + TILE]
        if part.start == 0:
            totals[: rows.size * TILE] = 0.0
            compensation[: rows.size * TILE] = 0.0
        tile = PlaneTile(s[i : i + TILE], t[j : j + TILE], columns.size, rows.size)
        add_samples(samples, part.start, part.stop, tile, totals, compensation)
        if part.stop == part.n:
            store_tile(totals, compensation, part.weight, out, rows, columns)


def plain_losses(samples, s, t):
    """Sums of the losses (len(t), len(s)) over one tile, stages 1 to 4 a number at a time, without chunks and
    compensated sums: the algorithm to read first."""
    s0, t0 = (s[0] + s[-1]) / 2, (t[0] + t[-1]) / 2
    factors, linear, elementwise = [], np.zeros(3), []
    for p, q, r, c, smoothing, _ in zip(*samples, strict=True):
        m = c * (p + s0 * q + t0 * r)
        spread_s = abs(q) * (s[-1] - s0)
        spread = spread_s + abs(r) * (t[-1] - t0)
        reflected = -m > spread
        in_range = reflected or spread - m <= MAX_EXPONENT
        most = MOST_RATIO_LINEAR if smoothing - reflected != 0 else MOST_RATIO
        if spread_s > STEEPEST or not in_range or abs(m) + spread > most * max(1, abs(m) - spread):
            elementwise.append((p, q, r, c, smoothing))
            continue
        linear += (smoothing - reflected) * np.array([m, c * q, c * r])
        factors.append((c if reflected else -c, p, q, r))
    sums = np.zeros((len(t), len(s)))
    for (j, i), _ in np.ndenumerate(sums):
        h, exponent = 0.0, 0
        for n, (sign, p, q, r) in enumerate(factors):
            g = math.exp(sign * (p + s0 * q + t[j] * r)) * math.exp(sign * (s[i] - s0) * q)
            h = h + g + h * g
            if n % BLOCK == BLOCK - 1:
                power = math.frexp(1 + h)[1] - 1
                h, exponent = h * 2.0**-power + (2.0**-power - 1), exponent + power
        sums[j, i] = linear @ [1, s[i] - s0, t[j] - t0] + math.log1p(h) + exponent * math.log(2)
        for p, q, r, c, smoothing in elementwise:
            m = c * (p + s[i] * q + t[j] * r)
            sums[j, i] += max(-m, 0.0) + math.log1p(math.exp(-abs(m))) + smoothing * m
    return sums
