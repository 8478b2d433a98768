"""Loss and gradient in one pass over the features, by a Triton kernel: a tile of them is loaded once for both products.

Every program takes every so many-th tile, keeps its sums in registers and writes them at its end, to be added in order:
the bits are the same from run to run. Arithmetic is that of `graphs.gradient`, in the dtype of the data, with sums in
float64 from one CHUNK of tiles to the next. The softplus of a chunk takes a single logarithm, as
log(1 + a) + log(1 + e) = log(1 + a + e (1 + a)), which forgets nothing small.
"""

import math

import torch
import triton
import triton.language as tl
from torch.library import triton_op, wrap_triton

from kernels.torch_cuda.triton.losses import BCE, hinge, log1p, of_logits, slope

TILE_BYTES = 2**13  # 16 registers of a thread, and 16 for its part of the gradient
LABELS = 16  # bytes of those of a thread, as labels, logits and what is made of them take registers too
WARPS = 4
PROGRAMS = 3  # of a multiprocessor, all at once
# Of a thread, at most, for all programs to fit: 168, as they are given by 8. That is enough for tiles of 1 to 2048
# features: at most 24 bytes are spilled, of 500 float64 with weights (Triton 3.6 and 3.9, compute capability 9.0).
# Unasked, Triton 3.6 takes up to 183, and two programs fit. In a graph of torch.compile the limit is dropped.
REGISTERS = 2**16 // (32 * WARPS * PROGRAMS) // 8 * 8
CHUNK = 32  # tiles: 1 + a <= 2**CHUNK, within float32


@triton.jit
def exponential_hinge_and_slope(z, y):
    """exp(-|z|), the cross-entropy less log(1 + exp(-|z|)), and its derivative by the logit z."""
    of, in_class_1 = of_logits(z, y)
    by_margin = slope(of, BCE)
    return of[1], hinge(of), tl.where(in_class_1, by_margin, -by_margin)


# A tile is a tuple of GROUPS tiles (ROWS, WIDTH), next to each other: each has two dimensions, so that every Triton
# gives a row to WIDTH / at_once lanes. Of one of three dimensions the order was its own, and 32 lanes shared a row.


@triton.jit
def row_of(w, d: tl.constexpr, GROUPS: tl.constexpr, WIDTH: tl.constexpr):
    """`w` (d,) in groups (1, WIDTH), with zeros behind."""
    found = ()
    for k in tl.static_range(GROUPS):
        column = k * WIDTH + tl.arange(0, WIDTH)[None, :]
        found = found + (tl.load(w + column, column < d, 0.0),)
    return found


@triton.jit
def tile_of_zeros(rows: tl.constexpr, dtype: tl.constexpr, GROUPS: tl.constexpr, WIDTH: tl.constexpr):
    found = ()
    for _ in tl.static_range(GROUPS):
        found = found + (tl.zeros([rows, WIDTH], dtype),)
    return found


@triton.jit
def tile_at(place, inside, d: tl.constexpr, WHOLE: tl.constexpr, GROUPS: tl.constexpr, WIDTH: tl.constexpr):
    """The rows that begin at `place` (ROWS,), those that are `inside`, or all if WHOLE: masks of rows would keep lanes
    from loading several at once."""
    found = ()
    for k in tl.static_range(GROUPS):
        column = k * WIDTH + tl.arange(0, WIDTH)[None, :]
        if not WHOLE:
            found = found + (tl.load(place[:, None] + column, inside[:, None] & (column < d), 0.0),)
        elif (k + 1) * WIDTH > d:
            found = found + (tl.load(place[:, None] + column, column < d, 0.0),)
        else:
            found = found + (tl.load(place[:, None] + column),)
    return found


@triton.jit
def column_at(place, inside, WHOLE: tl.constexpr):
    if WHOLE:
        found = tl.load(place)
    else:
        found = tl.load(place, inside, 0.0)
    return found


@triton.jit
def dot(x, weights, GROUPS: tl.constexpr):
    """The products of a tile's rows with one."""
    products = x[0] * weights[0]
    for k in tl.static_range(1, GROUPS):
        products += x[k] * weights[k]
    return tl.sum(products, 1)


@triton.jit
def with_products(products, slope, x, GROUPS: tl.constexpr):
    total = ()
    for k in tl.static_range(GROUPS):
        total = total + (products[k] + slope[:, None] * x[k],)
    return total


@triton.jit
def with_rows(gradient, products, GROUPS: tl.constexpr):
    total = ()
    for k in tl.static_range(GROUPS):
        total = total + (gradient[k] + tl.sum(products[k], 0, keep_dims=True).to(tl.float64),)
    return total


@triton.jit
def no_sums(dtype: tl.constexpr, ROWS: tl.constexpr, GROUPS: tl.constexpr, WIDTH: tl.constexpr):
    """Sums of a chunk: each row's products with its slopes, 1 + what the logarithm is taken of, losses, slopes."""
    none = tl.zeros([ROWS], dtype)
    return tile_of_zeros(ROWS, dtype, GROUPS, WIDTH), none, none, none


@triton.jit
def with_tile(
    sums,
    X,
    y,
    weight,
    weights,
    bias,
    rows,
    n,
    d: tl.constexpr,
    stride: tl.constexpr,
    WEIGHTED: tl.constexpr,
    WHOLE: tl.constexpr,
    GROUPS: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Adds the tile of these rows (ROWS,), of which those below n exist, to the sums of a chunk."""
    products, above, losses, slopes = sums
    inside = rows < n
    x = tile_at(X + rows * stride, inside, d, WHOLE, GROUPS, WIDTH)
    label = column_at(y + rows, inside, WHOLE)
    z = dot(x, weights, GROUPS) + bias
    if WEIGHTED:
        own = column_at(weight + rows, inside, WHOLE)
        z = tl.where(own > 0, z, 0.0)  # which may be infinite
    e, linear, by_logit = exponential_hinge_and_slope(z, label)
    by_logit = tl.where((label >= 0) & (label <= 1), by_logit, float("nan"))
    if not WHOLE:
        e, linear, by_logit = tl.where(inside, e, 0.0), tl.where(inside, linear, 0.0), tl.where(inside, by_logit, 0.0)
    if WEIGHTED:
        losses += own * (log1p(e) + linear)
        by_logit *= own
    else:
        above += e * (1 + above)
        losses += linear
    return with_products(products, by_logit, x, GROUPS), above, losses, slopes + by_logit


@triton.jit
def with_chunk(totals, sums, GROUPS: tl.constexpr):
    """Adds the sums of a chunk to those of a program, float64: of the rows their losses and slopes."""
    gradient, loss, slope = totals
    products, above, losses, slopes = sums
    loss += (losses + log1p(above)).to(tl.float64)
    return with_rows(gradient, products, GROUPS), loss, slope + slopes.to(tl.float64)


@triton.jit(do_not_specialize=["n"], do_not_specialize_on_alignment=["totals", "y", "weight", "w", "b"])
def add_tiles(
    totals,
    X,
    y,
    weight,
    w,
    b,
    n,
    d: tl.constexpr,
    stride: tl.constexpr,
    WEIGHTED: tl.constexpr,
    ROWS: tl.constexpr,
    GROUPS: tl.constexpr,
    WIDTH: tl.constexpr,
    STAGES: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """Writes loss and gradient by w (d,) and by b, summed over the tiles of a program, to its row of `totals`
    (programs, d + 2), float64.

    Rows of X (n, d) are contiguous, one every `stride`; y and weight (n,) too, which is read if WEIGHTED. A tile has
    ROWS of them, in GROUPS of WIDTH columns; the last one, if rows are missing, is loaded apart.
    """
    dtype: tl.constexpr = X.dtype.element_ty
    program, programs = tl.program_id(0).to(tl.int64), tl.num_programs(0)
    weights, bias = row_of(w, d, GROUPS, WIDTH), tl.load(b)
    none = tl.zeros([ROWS], tl.float64)
    found = tile_of_zeros(1, tl.float64, GROUPS, WIDTH), none, none
    n = tl.cast(n, tl.int64)  # n + ROWS, or a tile's number + CHUNK * programs, may be beyond 32 bits; or a constant
    rows, tiles = tl.arange(0, ROWS), n // ROWS
    for start in range(program, tiles, CHUNK * programs):
        sums = no_sums(dtype, ROWS, GROUPS, WIDTH)
        for tile in tl.range(start, tl.minimum(start + CHUNK * programs, tiles), programs, num_stages=STAGES):
            at = tile * ROWS + rows
            sums = with_tile(sums, X, y, weight, weights, bias, at, n, d, stride, WEIGHTED, True, GROUPS, WIDTH)
        found = with_chunk(found, sums, GROUPS)
    if (tiles * ROWS < n) & (tiles % programs == program):
        at, sums = tiles * ROWS + rows, no_sums(dtype, ROWS, GROUPS, WIDTH)
        sums = with_tile(sums, X, y, weight, weights, bias, at, n, d, stride, WEIGHTED, False, GROUPS, WIDTH)
        found = with_chunk(found, sums, GROUPS)
    gradient, loss, slope = found
    total = totals + program * (d + 2)
    tl.store(total, tl.sum(loss))
    for k in tl.static_range(GROUPS):
        column = k * WIDTH + tl.arange(0, WIDTH)[None, :]
        tl.store(total + 1 + column, gradient[k], column < d)
    tl.store(total + 1 + d, tl.sum(slope))


def supports(X):
    """Whether the kernel takes features (n, d): rows that are contiguous, and no longer than a tile."""
    d = X.shape[1]
    return d * X.itemsize <= TILE_BYTES and (d == 1 or X.stride(1) == 1)


def tile_of(d, stride, offset, itemsize):
    """ROWS, GROUPS, WIDTH and STAGES for data of d features that begin `offset` elements after where 16 bytes do.

    Lanes with a part of the same row all compute its sigmoid, and add up its logit: there should be few, each with
    several groups of columns. But next to each other they should have 32 to 64 bytes, and every thread some row.
    """
    columns = triton.next_power_of_2(d)
    rows = TILE_BYTES // (columns * itemsize)
    at_once = math.gcd(d, stride, 16 // itemsize) if offset * itemsize % 16 == 0 else 1  # that a lane loads
    most = 4 if at_once * itemsize == 16 else 8
    lanes = max(2, min(most, columns * itemsize // 16), 32 * WARPS // rows)
    rows = min(rows, 32 * WARPS * LABELS // (lanes * itemsize))
    width = min(columns, lanes * at_once)
    groups = triton.cdiv(d, width)
    in_flight = max(2, min(8, 3 * TILE_BYTES // (rows * (groups * width + 1) * itemsize)))
    return rows, groups, width, 1 + in_flight


@triton_op("logreg_kernels::loss_and_gradient_sums", mutates_args=())
def sums(
    X: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None, w: torch.Tensor, b: torch.Tensor
) -> torch.Tensor:
    """Loss, gradient by w (d,) and by b (1,), each times `weight` (n,) or 1, summed over samples: (d + 2,) float64."""
    n, d = X.shape
    rows, groups, width, stages = tile_of(d, X.stride(0), X.storage_offset(), X.itemsize)
    programs = max(1, min(triton.cdiv(n, rows), PROGRAMS * multiprocessors(X.device)))
    totals = X.new_empty(programs, d + 2, dtype=torch.float64)
    labels = y.contiguous()
    with torch.cuda.device_of(X):
        wrap_triton(add_tiles)[(programs,)](
            totals=totals,
            X=X,
            y=labels,
            weight=labels if weight is None else weight.contiguous(),
            w=w.contiguous(),
            b=b,
            n=n,
            d=d,
            stride=X.stride(0),
            WEIGHTED=weight is not None,
            ROWS=rows,
            GROUPS=groups,
            WIDTH=width,
            STAGES=stages,
            CHUNK=CHUNK,
            num_warps=WARPS,
            maxnreg=REGISTERS,
        )
    return totals.sum(0)


def multiprocessors(device):
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1
