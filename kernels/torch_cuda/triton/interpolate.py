"""The last step of interpolation by Triton: rows of a surface from values at the nodes of their tile, written once, in
their places and in the dtype of the surface."""

import torch
import triton
import triton.language as tl
from torch.library import triton_op, wrap_triton

# Points of a block and warps of a program: at most 80 registers a thread and no stack by Triton 3.6 for compute
# capability 9.0. For a node a thread loads 8 weights and 2 values, for 16 multiply-adds.
ROWS, COLUMNS, WARPS = 8, 256, 4


@triton.jit(do_not_specialize=["nodes", "points", "nt", "ns", "floor"])
def interpolate_rows(
    out,
    values,
    weights,
    row_places,
    column_places,
    value_stride,
    weight_stride,
    stride,
    column_stride,
    floor,
    nodes,
    points,
    nt,
    ns,
    IN_ORDER: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Writes sum_k weights[k, j] values[nodes tile + k, i], or `floor` if that is more, to row j and column i of `out`
    (nt, ns); `points` rows are a tile. Rows and columns go to their places (nt,) and (ns,), unless they are IN_ORDER.

    weights (nodes, nt) and values (nodes tiles, ns), float64, have contiguous rows with strides between them.
    """
    across, blocks = tl.cdiv(ns, COLUMNS), tl.cdiv(points, ROWS)
    block = tl.program_id(0) // across
    tile, start = block // blocks, block % blocks * ROWS
    in_tile = start + tl.arange(0, ROWS)
    rows, columns = tile * points + in_tile, tl.program_id(0) % across * COLUMNS + tl.arange(0, COLUMNS)
    in_rows, in_columns = (in_tile < points) & (rows < nt), columns < ns
    along_t, along_s = weights + rows, values + (tile * nodes).to(tl.int64) * value_stride + columns
    sums = tl.zeros([ROWS, COLUMNS], tl.float64)
    for _ in range(nodes):
        sums += tl.load(along_t, in_rows, 0.0)[:, None] * tl.load(along_s, in_columns, 0.0)[None, :]
        along_t += weight_stride
        along_s += value_stride
    if not IN_ORDER:
        rows, columns = tl.load(row_places + rows, in_rows, 0), tl.load(column_places + columns, in_columns, 0)
    at = out + rows[:, None].to(tl.int64) * stride + columns[None, :].to(tl.int64) * column_stride
    sums = tl.where(sums < floor, floor, sums)  # NaN stays
    tl.store(at, sums.to(out.dtype.element_ty), in_rows[:, None] & in_columns[None, :])


@triton_op("logreg_kernels::interpolate_rows", mutates_args=("out",))
def fill(
    out: torch.Tensor,
    values: torch.Tensor,
    weights: torch.Tensor,
    points: int,
    row_places: torch.Tensor,
    column_places: torch.Tensor,
    in_order: bool,
    floor: float,
) -> None:
    """Interpolates values (nodes of all tiles, ns) to `out` (nt, ns), float32 or float64, no less than `floor`, by the
    weights (nodes, nt) of the nodes of a tile of so many `points`. Rows and columns go to their places, unless those
    are `in_order`."""
    (nodes, nt), ns = weights.shape, values.shape[1]
    blocks = triton.cdiv(nt, points) * triton.cdiv(points, ROWS) * triton.cdiv(ns, COLUMNS)
    tensors = out, values, weights, row_places, column_places
    sizes = values.stride(0), weights.stride(0), *out.stride(), floor, nodes, points, nt, ns
    with torch.cuda.device_of(out):
        wrap_triton(interpolate_rows)[(blocks,)](*tensors, *sizes, in_order, ROWS, COLUMNS, num_warps=WARPS)
