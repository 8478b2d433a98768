"""Loss surfaces on the CPU.

The margin of a sample at weight w and bias b is m = sign (w x + b), sign = 1 - 2 y, and its loss log(1 + e^m). The sum
over samples is the logarithm of the product of the factors 1 + e^m. Along the bias axis, with b = middle + shift,

    e^m = E tau,    E = e^(sign (w x + middle)),    tau = e^(sign shift),

so a block of factors is a polynomial in tau with positive coefficients: one multiply-add a sample, no cancellation.
Products are carried minus one, which keeps the relative accuracy of losses however small. A factor whose margin is
large over the whole tile is turned over, log(1 + e^m) = m + log(1 + e^-m), so that nothing overflows.
"""

import numba
import numpy as np
from numba import njit, prange, types

from kernels.numba_cpu.elementary import exp, log1p_scaled, softplus
from kernels.numba_cpu.launch import launch, parallel_kernel, read_only
from kernels.numba_cpu.simd import Vector, bits, fma, from_bits, load, register_bytes, splat, store, to_float

# Weights of a tile, a lane each while its polynomials are built: a cache line of the surface is written at once.
WEIGHTS = 8
AT_WEIGHTS = Vector(types.float64, WEIGHTS)
# Biases evaluated at once, eight registers of them: enough independent chains to fill the multiply-add units.
BIASES = register_bytes()
AT_BIASES = Vector(types.float64, BIASES)
EXPONENTS = Vector(types.int64, BIASES)

TILE_BIASES = 512
ROW = TILE_BIASES + 8  # distance of two weights in a tile's sums: not a power of two, which would share cache sets
HALF_WIDTH = 16.0  # of a tile along the bias axis
FEWEST_BIASES = 4  # in a tile of that width; where the axis is coarser, samples are evaluated one by one
CHUNK = 512  # samples whose polynomials stay in the first-level cache
DEGREE = 16
SPREAD = 7.0  # of a margin over the weights of a tile: (1 + e^(2 HALF_WIDTH + SPREAD))^DEGREE stays under e^650

EXPONENT_FIELD = 0x7FF0000000000000
EXPONENT_OF_RECIPROCAL = 0x7FE0000000000000
EXPONENT_OFFSET = 1023

JOBS_PER_THREAD = 16
EVALUATIONS_PER_THREAD = 50_000_000  # in one launch: well under 0.1 s, so that Ctrl-C is answered


@njit
def sort_samples(x, sign, soft, start, stop, weights, middle, wide, factor, single, intercept):
    """Sorts samples into those with a factor E of tau (written from the front of `factor`), of 1 / tau (from its back)
    and those to be evaluated singly. Returns the number of each and the slope of the linear part along the bias."""
    rising, falling, singles, slope = 0, 0, 0, 0.0
    lowest, highest = weights.min(), weights.max()
    w = load(AT_WEIGHTS, weights, 0)
    linear = splat(AT_WEIGHTS, 0.0)
    for n in range(start, stop):
        ends = sign[n] * (lowest * x[n] + middle), sign[n] * (highest * x[n] + middle)
        turned = min(ends) > HALF_WIDTH
        if wide or (not turned and max(ends) > HALF_WIDTH + SPREAD):
            single[singles] = n
            singles += 1
            continue
        margin = fma(w, x[n], middle) * sign[n]
        share = (1.0 if turned else 0.0) - soft[n]
        if share != 0.0:
            linear = fma(margin, share, linear)
            slope += share * sign[n]
        if turned == (sign[n] < 0.0):
            slot = rising
            rising += 1
        else:
            falling += 1
            slot = CHUNK - falling
        store(factor, slot * WEIGHTS, exp(margin * (-1.0 if turned else 1.0)))
    store(intercept, 0, linear)
    return rising, falling, singles, slope


@njit
def expand_products(factor, first, last):
    """Turns each block of DEGREE factors E into the coefficients of prod(1 + E tau) - 1, in place, tau^1 first."""
    for block in range(first, last, DEGREE):
        for n in range(block + 1, min(block + DEGREE, last)):
            e = load(AT_WEIGHTS, factor, n * WEIGHTS)
            higher = load(AT_WEIGHTS, factor, (n - 1) * WEIGHTS)
            store(factor, n * WEIGHTS, e * higher)
            for k in range(n - 1, block, -1):
                lower = load(AT_WEIGHTS, factor, (k - 1) * WEIGHTS)
                store(factor, k * WEIGHTS, fma(e, lower, higher))
                higher = lower
            store(factor, block * WEIGHTS, higher + e)


@njit(forceinline=True)
def normalised(h, exponent):
    """The same product (1 + h) 2^exponent with h in [0, 1); the exponent keeps an offset of EXPONENT_OFFSET a call."""
    field = bits(h + 1.0) & EXPONENT_FIELD
    scale = from_bits(EXPONENT_OF_RECIPROCAL - field)
    return fma(h, scale, scale - 1.0), exponent + (field >> 52)


@njit(forceinline=True)
def times_polynomials(h, exponent, factor, first, last, weight, tau):
    """Multiplies the product (1 + h) 2^exponent by the polynomials of one weight at tau."""
    for block in range(first, last, DEGREE):
        top = min(block + DEGREE, last) - 1
        g = splat(AT_BIASES, factor[top * WEIGHTS + weight])
        for k in range(top - 1, block - 1, -1):
            g = fma(g, tau, factor[k * WEIGHTS + weight])
        g = g * tau
        h, exponent = normalised(fma(h, g, h + g), exponent)
    return h, exponent


@njit(forceinline=True)
def log_of_products(factor, rising, falling, weight, tau, tau_inverse):
    """Sum of log(1 + e^m) over the samples of a chunk that have a factor."""
    h, exponent = splat(AT_BIASES, 0.0), splat(EXPONENTS, 0)
    h, exponent = times_polynomials(h, exponent, factor, 0, rising, weight, tau)
    h, exponent = times_polynomials(h, exponent, factor, CHUNK - falling, CHUNK, weight, tau_inverse)
    blocks = (rising + DEGREE - 1) // DEGREE + (falling + DEGREE - 1) // DEGREE
    return log1p_scaled(h, to_float(exponent - EXPONENT_OFFSET * blocks))


@njit(forceinline=True)
def sum_of_singles(x, sign, soft, single, singles, w, bias):
    """Sum of the losses of the samples without a factor, each by its own logarithm."""
    total = splat(AT_BIASES, 0.0)
    for n in single[:singles]:
        margin = fma(splat(AT_BIASES, w), x[n], bias) * sign[n]
        total = total + softplus(margin)
        if soft[n] != 0.0:
            total = total - margin * soft[n]
    return total


@njit(forceinline=True)
def add_compensated(total, carry, index, value, begin):
    """Begins or adds to a running sum in two arrays, sum and lost low part (Knuth's two-sum)."""
    if begin:
        store(total, index, value)
        store(carry, index, splat(AT_BIASES, 0.0))
        return
    before = load(AT_BIASES, total, index)
    after = before + value
    added = after - before
    lost = (before - (after - added)) + (value - added)
    store(total, index, after)
    store(carry, index, load(AT_BIASES, carry, index) + lost)


@njit
def add_chunk(x, sign, soft, start, stop, weights, biases, middle, wide, total, carry, work):
    """Adds the losses of the samples [start, stop), at most CHUNK, to the sums of a tile (WEIGHTS, len(biases))."""
    factor, single, intercept, tau, tau_inverse = work
    rising, falling, singles, slope = sort_samples(
        x, sign, soft, start, stop, weights, middle, wide, factor, single, intercept
    )
    expand_products(factor, 0, rising)
    expand_products(factor, CHUNK - falling, CHUNK)
    for weight in range(WEIGHTS):
        for j in range(0, biases.size, BIASES):
            bias = load(AT_BIASES, biases, j)
            value = fma(bias - middle, slope, intercept[weight])
            if rising + falling > 0:
                value = value + log_of_products(
                    factor, rising, falling, weight, load(AT_BIASES, tau, j), load(AT_BIASES, tau_inverse, j)
                )
            if singles > 0:
                value = value + sum_of_singles(x, sign, soft, single, singles, weights[weight], bias)
            add_compensated(total, carry, weight * ROW + j, value, start == 0)


@njit
def powers_of_tile(biases, middle, tau, tau_inverse):
    for j in range(0, biases.size, BIASES):
        shift = load(AT_BIASES, biases, j) - middle
        store(tau, j, exp(shift))
        store(tau_inverse, j, exp(-shift))


@njit
def padded(values, length):
    """`values` followed by copies of the last one."""
    result = np.full(length, values[-1])
    result[: values.size] = values
    return result


@njit
def add_samples(x, sign, soft, start, stop, w, b, total, carry):
    """Adds the losses of the samples [start, stop) over one tile, its weights `w` and biases `b` ascending."""
    weights = padded(w, WEIGHTS)
    biases = padded(b, (b.size + BIASES - 1) // BIASES * BIASES)
    middle = 0.5 * b[0] + 0.5 * b[-1]
    wide = b[-1] - middle > HALF_WIDTH
    tau, tau_inverse = np.empty(biases.size), np.empty(biases.size)
    if not wide:
        powers_of_tile(biases, middle, tau, tau_inverse)
    work = (np.empty(CHUNK * WEIGHTS), np.empty(CHUNK, np.int64), np.empty(WEIGHTS), tau, tau_inverse)
    for chunk in range(start, stop, CHUNK):
        end = min(chunk + CHUNK, stop)
        add_chunk(x, sign, soft, chunk, end, weights, biases, middle, wide, total, carry, work)


@njit
def write_means(total, carry, count, out, rows, columns):
    """Writes a finished tile to the cells `rows` x `columns` of the surface."""
    for k in range(0, columns.size * ROW, BIASES):
        store(total, k, (load(AT_BIASES, total, k) + load(AT_BIASES, carry, k)) * (1.0 / count))
    for j in range(rows.size):
        for i in range(columns.size):
            out[rows[j], columns[i]] = total[i * ROW + j]


@parallel_kernel
def add_tiles(x, sign, soft, start, stop, w, b, tiles, first, last, total, carry, out, rows, columns):
    """Tiles [first, last) of the surface; they are written once the last sample is added."""
    for job in prange(first, last):
        groups = (w.size + WEIGHTS - 1) // WEIGHTS
        i = job % groups * WEIGHTS
        j, end = tiles[job // groups]
        sums = total[job - first], carry[job - first]
        add_samples(x, sign, soft, start, stop, w[i : i + WEIGHTS], b[j:end], *sums)
        if stop == x.size:
            write_means(*sums, x.size, out, rows[j:end], columns[i : i + WEIGHTS])


def tiles_of_axis(b):
    """Splits an ascending axis into tiles: those within 2 HALF_WIDTH or, where it is too coarse, of BIASES points."""
    tiles, first = [], 0
    while first < len(b):
        last = min(first + TILE_BIASES, int(np.searchsorted(b, b[first] + 2 * HALF_WIDTH, side="right")))
        if last - first < FEWEST_BIASES:
            last = min(first + BIASES, len(b))
        tiles.append((first, last))
        first = last
    return np.array(tiles)


def loss_surface(x, y, w, b, out, progress):
    """Mean cross-entropy at every (w, b), written to `out` (len(b), len(w)), float32 or float64, C-contiguous.

    `x`, `y` (n,) and the axes are float64; labels anywhere in [0, 1]. `progress(done, total)` counts evaluations.
    """
    columns, rows = np.argsort(w, kind="stable"), np.argsort(b, kind="stable")
    w, b = w[columns], b[rows]
    x = read_only(x)
    sign = np.where(y < 0.5, 1.0, -1.0)
    soft = np.minimum(y, 1.0 - y)
    tiles = tiles_of_axis(b)
    jobs = -(-len(w) // WEIGHTS) * len(tiles)
    jobs_at_once = min(jobs, JOBS_PER_THREAD * numba.get_num_threads())
    samples_at_once = EVALUATIONS_PER_THREAD // (JOBS_PER_THREAD * WEIGHTS * TILE_BIASES) // CHUNK * CHUNK
    total, carry = np.zeros((2, jobs_at_once, WEIGHTS * ROW))
    for first in range(0, jobs, jobs_at_once):
        last = min(first + jobs_at_once, jobs)
        for start in range(0, len(x), samples_at_once):
            stop = min(start + samples_at_once, len(x))
            cells = out.size * (last - first) // jobs
            arguments = (x, sign, soft, start, stop, w, b, tiles, first, last, total, carry, out, rows, columns)
            launch(add_tiles, cells * (stop - start), *arguments)
            progress((out.size * first // jobs) * len(x) + cells * stop, out.size * len(x))
