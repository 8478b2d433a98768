"""Cross-entropy where t moves all logits alike: z = p + s q + b, b being t or a multiple of it. Such is the bias axis.

On a tile of the grid, with b = middle + shift, the factor of a sample is

    e^m = E tau,    E = e^(sign (p + s q + middle)),    tau = e^(sign shift),

and tau is the same for all samples of a sign. So a block of factors is a polynomial in tau with positive coefficients:
one multiply-add a sample, and no cancellation. A sample whose margin is positive all over the tile is turned over,
log(1 + e^m) = m + log(1 + e^-m); one whose margin changes too much over the tile for a product to hold it is evaluated
singly.
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

# Points along s of a tile, a lane each while its polynomials are built: a cache line of the surface is written at once.
COLUMNS = 8
AT_S = Vector(types.float64, COLUMNS)
# Points along b evaluated at once, eight registers of them: enough independent chains to fill the multiply-add units.
LANES = register_bytes()
AT_B = Vector(types.float64, LANES)
EXPONENTS = Vector(types.int64, LANES)
TILE_ROWS = 512
STRIDE = TILE_ROWS + 8  # from column to column of a tile's sums: not a power of two, which would share cache sets
CELLS = COLUMNS * STRIDE
HALF_WIDTH = 16.0  # of a tile along b
FEWEST_ROWS = 4  # in a tile of that width; where the axis is coarser, samples are evaluated singly
CHUNK = 512  # samples whose polynomials stay in the first-level cache
DEGREE = 16


@njit
def sort_samples(p, q, sign, distance, start, stop, columns, middle, wide, factor, single, level):
    """Sorts samples into those with a factor E of tau (written from the front of `factor`), of 1 / tau (from its back)
    and `single` ones. Returns how many of each and the slope of the linear part along b; its `level` is at the middle.
    """
    rising, falling, singles, slope, slope_lost = 0, 0, 0, 0.0, 0.0
    lowest, highest = columns.min(), columns.max()
    s = load(AT_S, columns, 0)
    linear, linear_lost = splat(AT_S, 0.0), splat(AT_S, 0.0)
    for n in range(start, stop):
        base = p[n] + middle
        ends = sign[n] * (lowest * q[n] + base), sign[n] * (highest * q[n] + base)
        turned = min(ends) > HALF_WIDTH
        if wide or not (turned or max(ends) + HALF_WIDTH <= LARGEST_MARGIN):
            single[singles] = n
            singles += 1
            continue
        margin = fma(s, q[n], base) * sign[n]
        share = (1.0 if turned else 0.0) - distance[n]
        if share != 0.0:
            linear, lost = two_sum(linear, margin * share)
            linear_lost = linear_lost + lost
            slope, lost = two_sum(slope, share * sign[n])
            slope_lost += lost
        if turned == (sign[n] < 0.0):
            slot = rising
            rising += 1
        else:
            falling += 1
            slot = CHUNK - falling
        store(factor, slot * COLUMNS, exp(margin * (-1.0 if turned else 1.0)))
    store(level, 0, linear + linear_lost)
    return rising, falling, singles, slope + slope_lost


@njit
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


@njit(forceinline=True)
def times_polynomials(h, exponent, factor, first, last, column, tau):
    """Multiplies the product (1 + h) 2^exponent by the polynomials of one column at tau."""
    for block in range(first, last, DEGREE):
        top = min(block + DEGREE, last) - 1
        g = splat(AT_B, factor[top * COLUMNS + column])
        for k in range(top - 1, block - 1, -1):
            g = fma(g, tau, factor[k * COLUMNS + column])
        h, exponent = normalised(times(h, g * tau), exponent)
    return h, exponent


@njit(forceinline=True)
def log_of_products(factor, rising, falling, column, tau, tau_inverse):
    """Sum of log(1 + e^m) over the samples of a chunk that have a factor."""
    h, exponent = splat(AT_B, 0.0), splat(EXPONENTS, 0)
    h, exponent = times_polynomials(h, exponent, factor, 0, rising, column, tau)
    h, exponent = times_polynomials(h, exponent, factor, CHUNK - falling, CHUNK, column, tau_inverse)
    blocks = (rising + DEGREE - 1) // DEGREE + (falling + DEGREE - 1) // DEGREE
    return log1p_scaled(h, to_float(exponent - EXPONENT_OFFSET * blocks))


@njit(forceinline=True)
def sum_of_singles(p, q, sign, distance, single, singles, s, b):
    """Sum of the losses of some samples at s and the points b, each by its own logarithm."""
    total, carry = splat(AT_B, 0.0), splat(AT_B, 0.0)
    for n in single[:singles]:
        margin = (b + (p[n] + s * q[n])) * sign[n]
        total, lost = two_sum(total, loss_of_margin(margin, distance[n]))
        carry = carry + lost
    return total + carry


@njit
def add_chunk(p, q, sign, distance, start, stop, before, n, columns, rows, middle, wide, sums, carries, work):
    """Adds the losses of the samples [start, stop), at most CHUNK, to the sums of a tile (COLUMNS, STRIDE).

    `before` of all n samples were added before. Where these are all, what is written are their means at once.
    """
    factor, single, level, tau, tau_inverse = work
    rising, falling, singles, slope = sort_samples(
        p, q, sign, distance, start, stop, columns, middle, wide, factor, single, level
    )
    expand_products(factor, 0, rising)
    expand_products(factor, CHUNK - falling, CHUNK)
    for column in range(COLUMNS):
        for j in range(0, rows.size, LANES):
            b = load(AT_B, rows, j)
            value = fma(b - middle, slope, level[column])
            if rising + falling > 0:
                value = value + log_of_products(
                    factor, rising, falling, column, load(AT_B, tau, j), load(AT_B, tau_inverse, j)
                )
            if singles > 0:
                value = value + sum_of_singles(p, q, sign, distance, single, singles, columns[column], b)
            at = column * STRIDE + j
            if stop - start == n:
                store(sums, at, value * (1.0 / n))
            elif before == 0:
                store(sums, at, value)
                store(carries, at, splat(AT_B, 0.0))
            else:
                add_compensated(AT_B, sums, carries, at, value)


@njit
def powers_of_tile(rows, middle, tau, tau_inverse):
    for j in range(0, rows.size, LANES):
        shift = load(AT_B, rows, j) - middle
        store(tau, j, exp(shift))
        store(tau_inverse, j, exp(-shift))


@njit
def padded(values, length):
    """`values` followed by copies of the last one."""
    result = np.full(length, values[-1])
    result[: values.size] = values
    return result


@njit
def add_samples(p, q, sign, distance, start, stop, before, n, s, b, sums, carries):
    """Adds the losses of the samples [start, stop) over one tile, its points `s` and `b` ascending."""
    columns = padded(s, COLUMNS)
    rows = padded(b, (b.size + LANES - 1) // LANES * LANES)
    middle = 0.5 * b[0] + 0.5 * b[-1]
    wide = b[-1] - middle > HALF_WIDTH
    tau, tau_inverse = np.empty(rows.size), np.empty(rows.size)
    if not wide:
        powers_of_tile(rows, middle, tau, tau_inverse)
    work = (np.empty(CHUNK * COLUMNS), np.empty(CHUNK, np.int64), np.empty(COLUMNS), tau, tau_inverse)
    for chunk in range(start, stop, CHUNK):
        end = min(chunk + CHUNK, stop)
        earlier = before + chunk - start
        add_chunk(p, q, sign, distance, chunk, end, earlier, n, columns, rows, middle, wide, sums, carries, work)


@njit
def finish_sums(sums, carries, n):
    """Turns the sums of a tile into means, in place."""
    for k in range(0, CELLS, LANES):
        store(sums, k, (load(AT_B, sums, k) + load(AT_B, carries, k)) * (1.0 / n))


@njit
def write_means(sums, out, rows, columns):
    """Writes a finished tile to the cells `rows` x `columns` of the surface."""
    for j in range(rows.size):
        for i in range(columns.size):
            out[rows[j], columns[i]] = sums[i * STRIDE + j]


@parallel_kernel
def add_tiles(
    p, q, sign, distance, start, stop, before, n, s, b, tiles, first, last, sums, carries, out, rows, columns
):
    """Tiles [first, last), numbered along s first; they are written once the last of all n samples is added.

    `tiles` (k, 2) splits the axis b; `rows` and `columns` say where in `out` the points of b and s belong. `sums` and
    `carries` (tiles, CELLS) keep a tile from one launch to the next; they are empty if one launch takes all samples.
    """
    across = (s.size + COLUMNS - 1) // COLUMNS
    for job in prange(first, last):
        i = job % across * COLUMNS
        j, end = tiles[job // across]
        total, carry = sums_of_tile(sums, job - first, CELLS), sums_of_tile(carries, job - first, CELLS)
        add_samples(p, q, sign, distance, start, stop, before, n, s[i : i + COLUMNS], b[j:end], total, carry)
        if before + stop - start == n:
            if stop - start < n or n > CHUNK:
                finish_sums(total, carry, n)
            write_means(total, out, rows[j:end], columns[i : i + COLUMNS])


def tiles_of_axis(b):
    """Splits an ascending axis into tiles: those within 2 HALF_WIDTH or, where it is too coarse, of LANES points."""
    tiles, first = [], 0
    while first < len(b):
        last = min(first + TILE_ROWS, int(np.searchsorted(b, b[first] + 2 * HALF_WIDTH, side="right")))
        if last - first < FEWEST_ROWS:
            last = min(first + LANES, len(b))
        tiles.append((first, last))
        first = last
    return np.array(tiles)
