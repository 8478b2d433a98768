"""Cross-entropy over any plane: z = p + s q + t r.

On a tile of the grid around (s0, t0) a factor of the product is separable,

    e^m = E(t) F(s),    E = e^(sign (p + s0 q + t r)),    F = e^(sign (s - s0) q),

so after a table for each axis a sample costs a multiplication and the step of the product. A sample whose margin is
positive all over the tile is turned over, log(1 + e^m) = m + log(1 + e^-m); one whose margin changes too much over the
tile for a product to hold it is evaluated singly.
"""

import numpy as np
from numba import njit, prange, types

from kernels.numba_cpu.grid.tiles import loss_of_margin, sums_of_tile
from kernels.numba_cpu.runtime.launch import parallel_kernel
from kernels.numba_cpu.vector.compensated import add_compensated, two_sum
from kernels.numba_cpu.vector.elementary import exp, log1p_scaled
from kernels.numba_cpu.vector.log_product import EXPONENT_OFFSET, LARGEST_MARGIN, normalised, times
from kernels.numba_cpu.vector.memory import load, store
from kernels.numba_cpu.vector.operators import fma, splat, to_float
from kernels.numba_cpu.vector.vector_type import Vector, register_bytes

TILE = 64  # points of a tile along each axis
CELLS = TILE**2
PANEL = register_bytes() // 8 * 2  # points along s evaluated at once, for four t
AT_S = Vector(types.float64, PANEL)
EXPONENTS = Vector(types.int64, PANEL)
CHUNK = 256  # samples whose tables stay in the nearest caches
BLOCK = 16  # factors between two normalisations
STEEPEST = 38.0  # |log F|: above it F could overflow where E F doesn't
VANISHED = 750.0  # e^-750 is 0


@njit
def sort_samples(p, q, r, sign, distance, start, stop, middle, half, factor_sign, kept, single):
    """Sorts samples into those with a factor (`kept`, with the sign that the margin gets) and `single` ones.

    Returns how many of each, and the linear part at the middle and its slopes along s and t.
    """
    keeps, singles = 0, 0
    level, slope_s, slope_t, level_lost, s_lost, t_lost = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for n in range(start, stop):
        margin = sign[n] * (p[n] + middle[0] * q[n] + middle[1] * r[n])
        spread_s = abs(q[n]) * half[0]
        spread = spread_s + abs(r[n]) * half[1]
        turned = margin > spread
        if spread_s > STEEPEST or not (turned or margin + spread <= LARGEST_MARGIN):
            single[singles] = n
            singles += 1
            continue
        share = (1.0 if turned else 0.0) - distance[n]
        level, lost = two_sum(level, share * margin)
        level_lost += lost
        slope_s, lost = two_sum(slope_s, share * sign[n] * q[n])
        s_lost += lost
        slope_t, lost = two_sum(slope_t, share * sign[n] * r[n])
        t_lost += lost
        if abs(margin) < spread + VANISHED:
            kept[keeps] = n
            factor_sign[keeps] = -sign[n] if turned else sign[n]
            keeps += 1
    return keeps, singles, level + level_lost, slope_s + s_lost, slope_t + t_lost


@njit
def tables(p, q, r, factor_sign, kept, keeps, s, t, s0, by_s, by_t):
    """F as panels (panel, sample, PANEL) in `by_s`, E as (sample, TILE) in `by_t`."""
    for k in range(keeps):
        n = kept[k]
        for i in range(0, TILE, PANEL):
            shift = load(AT_S, s, i) - s0
            store(by_s, i * CHUNK + k * PANEL, exp(shift * (factor_sign[k] * q[n])))
            level = fma(load(AT_S, t, i), r[n], p[n] + s0 * q[n])
            store(by_t, k * TILE + i, exp(level * factor_sign[k]))


@njit(forceinline=True)
def logs_of_products(by_s, by_t, keeps, i, j):
    """Sums of log(1 + E F) over the samples, at PANEL points along s from i and at the four t from j."""
    zero, none = splat(AT_S, 0.0), splat(EXPONENTS, 0)
    h0, h1, h2, h3 = zero, zero, zero, zero
    e0, e1, e2, e3 = none, none, none, none
    for block in range(0, keeps, BLOCK):
        for k in range(block, min(block + BLOCK, keeps)):
            f = load(AT_S, by_s, i * CHUNK + k * PANEL)
            at = k * TILE + j
            h0 = times(h0, f * by_t[at])
            h1 = times(h1, f * by_t[at + 1])
            h2 = times(h2, f * by_t[at + 2])
            h3 = times(h3, f * by_t[at + 3])
        h0, e0 = normalised(h0, e0)
        h1, e1 = normalised(h1, e1)
        h2, e2 = normalised(h2, e2)
        h3, e3 = normalised(h3, e3)
    offset = (keeps + BLOCK - 1) // BLOCK * EXPONENT_OFFSET
    return (
        log1p_scaled(h0, to_float(e0 - offset)),
        log1p_scaled(h1, to_float(e1 - offset)),
        log1p_scaled(h2, to_float(e2 - offset)),
        log1p_scaled(h3, to_float(e3 - offset)),
    )


@njit
def sum_of_singles(p, q, r, sign, distance, single, singles, s, t):
    """Sum of the losses of some samples at points along s, each by its own logarithm."""
    total, carry = splat(AT_S, 0.0), splat(AT_S, 0.0)
    for n in single[:singles]:
        margin = ((s * q[n] + p[n]) + t * r[n]) * sign[n]
        total, lost = two_sum(total, loss_of_margin(margin, distance[n]))
        carry = carry + lost
    return total + carry


@njit
def add_samples(p, q, r, sign, distance, start, stop, s, t, sums, carries):
    """Adds the losses of the samples [start, stop) over a tile, `s` and `t` (TILE,) ascending, to (TILE, TILE) sums."""
    s0, t0 = 0.5 * s[0] + 0.5 * s[-1], 0.5 * t[0] + 0.5 * t[-1]
    middle, half = (s0, t0), (s[-1] - s0, t[-1] - t0)
    by_s, by_t = np.empty(CHUNK * TILE), np.empty(CHUNK * TILE)
    factor_sign, kept, single = np.empty(CHUNK), np.empty(CHUNK, np.int64), np.empty(CHUNK, np.int64)
    for chunk in range(start, stop, CHUNK):
        end = min(chunk + CHUNK, stop)
        keeps, singles, level, slope_s, slope_t = sort_samples(
            p, q, r, sign, distance, chunk, end, middle, half, factor_sign, kept, single
        )
        tables(p, q, r, factor_sign, kept, keeps, s, t, s0, by_s, by_t)
        for i in range(0, TILE, PANEL):
            points = load(AT_S, s, i)
            for j in range(0, TILE, 4):
                logs = logs_of_products(by_s, by_t, keeps, i, j)
                for row, value in enumerate(logs):
                    at_t = t[j + row]
                    value = value + fma(points - s0, slope_s, level + (at_t - t0) * slope_t)
                    if singles > 0:
                        value = value + sum_of_singles(p, q, r, sign, distance, single, singles, points, at_t)
                    add_compensated(AT_S, sums, carries, (j + row) * TILE + i, value)


@njit
def write_means(sums, carries, count, out, rows, columns):
    for j in range(rows.size):
        for i in range(columns.size):
            k = j * TILE + i
            out[rows[j], columns[i]] = (sums[k] + carries[k]) * (1.0 / count)


@parallel_kernel
def add_tiles(p, q, r, sign, distance, start, stop, before, n, s, t, first, last, sums, carries, out, rows, columns):
    """Tiles [first, last), numbered along s first, of padded axes; as `bias_axis.add_tiles`."""
    across = s.size // TILE
    for job in prange(first, last):
        i, j = job % across * TILE, job // across * TILE
        total, carry = sums_of_tile(sums, job - first, CELLS), sums_of_tile(carries, job - first, CELLS)
        if before == 0:
            total[:] = 0.0
            carry[:] = 0.0
        add_samples(p, q, r, sign, distance, start, stop, s[i : i + TILE], t[j : j + TILE], total, carry)
        if before + stop - start == n:
            write_means(total, carry, n, out, rows[j : j + TILE], columns[i : i + TILE])
