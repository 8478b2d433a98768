"""Loss and gradient in one pass over the features, by a Triton kernel: a tile of them is loaded once for both products.

Every program takes every so many-th tile, keeps its sums in registers and writes them at its end, to be added in order:
the bits are the same from run to run. Arithmetic is that of `gradient`, in the dtype of the data, with sums in float64
from one CHUNK of tiles to the next. The softplus of a chunk takes a single logarithm, as
log(1 + a) + log(1 + e) = log(1 + a + e (1 + a)), which forgets nothing small.
"""

import math

import torch
import triton
import triton.language as tl
from torch.library import triton_op, wrap_triton

TILE_BYTES = 2**13  # 16 registers of a thread, and 16 for its part of the gradient
MOST_ROWS = 2**8  # of a tile, as labels and logits take registers too
WARPS = 4
PROGRAMS = 3  # of a multiprocessor: all fit at once with 168 registers a thread, which no tile needs
CHUNK = 32  # tiles: 1 + a <= 2**CHUNK, within float32


@triton.jit
def log1p(x):
    """log(1 + x), x >= 0, to all digits (Kahan)."""
    above = 1 + x
    return tl.where(above == 1, x, tl.log(above) * (x / (above - 1)))


@triton.jit
def exponential_hinge_and_slope(z, y):
    """exp(-|z|), the cross-entropy less log(1 + exp(-|z|)), and its derivative by the logit z."""
    e = tl.exp(-tl.abs(z))
    larger = 1 / (1 + e)
    smaller = e * larger
    p, not_p = tl.where(z > 0, larger, smaller), tl.where(z > 0, smaller, larger)
    return e, tl.where(z > 0, 1 - y, y) * tl.abs(z), (1 - y) * p - y * not_p


@triton.jit
def add_tiles(
    totals,
    X,
    y,
    share,
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

    Rows of X (n, d) are contiguous, one every `stride`; y and share (n,) too, which is read if WEIGHTED. A tile is
    (GROUPS, ROWS, WIDTH) of GROUPS * WIDTH >= d columns.
    """
    dtype: tl.constexpr = X.dtype.element_ty
    program, programs = tl.program_id(0), tl.num_programs(0)
    columns = tl.arange(0, GROUPS)[:, None] * WIDTH + tl.arange(0, WIDTH)
    used = columns < d
    weights, bias = tl.load(w + columns, mask=used, other=0.0), tl.load(b)
    gradient = tl.zeros([GROUPS, WIDTH], tl.float64)
    loss, slope_sum = tl.zeros([ROWS], tl.float64), tl.zeros([ROWS], tl.float64)
    tiles = tl.cdiv(n, ROWS)
    for start in range(program, tiles, CHUNK * programs):
        products = tl.zeros([GROUPS, ROWS, WIDTH], dtype)
        above, costs, slopes = tl.zeros([ROWS], dtype), tl.zeros([ROWS], dtype), tl.zeros([ROWS], dtype)
        for tile in tl.range(start, tl.minimum(start + CHUNK * programs, tiles), programs, num_stages=STAGES):
            rows = tile * ROWS + tl.arange(0, ROWS).to(tl.int64)
            inside = rows < n
            places = (rows * stride)[:, None] + columns[:, None, :]
            x = tl.load(X + places, mask=inside[:, None] & used[:, None, :], other=0.0)
            label = tl.load(y + rows, mask=inside, other=0.0)
            z = tl.sum(tl.sum(x * weights[:, None, :], 0), 1) + bias
            e, hinge, slope = exponential_hinge_and_slope(z, label)
            if WEIGHTED:
                own = tl.load(share + rows, mask=inside, other=0.0)
                costs += tl.where(inside, own * (log1p(e) + hinge), 0.0)
                slope *= own
            else:
                above += tl.where(inside, e, 0.0) * (1 + above)
                costs += tl.where(inside, hinge, 0.0)
            slope = tl.where((label >= 0) & (label <= 1), slope, float("nan"))
            slope = tl.where(inside, slope, 0.0)
            slopes += slope
            products += slope[:, None] * x
        gradient += tl.sum(products, 1).to(tl.float64)
        loss += (costs + log1p(above)).to(tl.float64)
        slope_sum += slopes.to(tl.float64)
    total = totals + program * (d + 2)
    tl.store(total, tl.sum(loss))
    tl.store(total + 1 + columns, gradient, mask=used)
    tl.store(total + 1 + d, tl.sum(slope_sum))


def takes(X):
    """Whether the kernel takes features (n, d): rows that are contiguous, and no longer than a tile."""
    d = X.shape[1]
    return d * X.itemsize <= TILE_BYTES and (d == 1 or X.stride(1) == 1)


def tile_of(d, stride, itemsize):
    """ROWS, GROUPS, WIDTH and STAGES for data of d features.

    Lanes with a part of the same row all compute its sigmoid, and add up its logit: there should be few, each with
    several groups of columns. But next to each other they should have 32 to 64 bytes, and every thread some row.
    """
    columns = triton.next_power_of_2(d)
    rows = min(MOST_ROWS, TILE_BYTES // (columns * itemsize))
    at_once = math.gcd(d, stride, 16 // itemsize)  # that a lane loads
    most = 4 if at_once * itemsize == 16 else 8
    lanes = max(2, min(most, columns * itemsize // 16), 32 * WARPS // rows)
    width = min(columns, lanes * at_once)
    in_flight = max(2, min(8, 3 * TILE_BYTES // (rows * (columns + 1) * itemsize)))
    return rows, columns // width, width, 1 + in_flight


@triton_op("logreg_kernels::loss_and_gradient_sums", mutates_args=())
def sums(
    X: torch.Tensor, y: torch.Tensor, w: torch.Tensor, b: torch.Tensor, share: torch.Tensor | None
) -> torch.Tensor:
    """Loss and gradient by w (d,) and by b (1,), each times `share` (n,), summed over the samples: (d + 2,) float64."""
    n, d = X.shape
    rows, groups, width, stages = tile_of(d, X.stride(0), X.itemsize)
    programs = min(triton.cdiv(n, rows), PROGRAMS * multiprocessors(X.device))
    totals = X.new_empty(programs, d + 2, dtype=torch.float64)
    labels = y.contiguous()
    arrays = totals, X, labels, labels if share is None else share.contiguous(), w.contiguous(), b
    sizes = n, d, X.stride(0), share is not None, rows, groups, width, stages, CHUNK
    wrap_triton(add_tiles)[(programs,)](*arrays, *sizes, num_warps=WARPS)
    return totals.sum(0)


def multiprocessors(device):
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1
