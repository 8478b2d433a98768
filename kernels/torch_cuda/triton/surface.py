"""The unweighted cross-entropy of a surface by Triton: a program multiplies up factors 1 + e^-m of a tile of the grid.

Arithmetic is that of `terms`, whose graphs Inductor compiles to kernels that spill. How samples are shared among
programs follows from sizes alone, so that bits are the same on any card, whatever was evaluated before.
"""

import torch
import triton
import triton.language as tl
from torch.library import triton_op, wrap_triton

from kernels.torch_cuda.sizes import FACTORS
from kernels.torch_cuda.triton.losses import log1p

# Rows and columns of a tile, and warps of a program. By Triton 3.6 for compute capability 9.0 a thread has 126 and 96
# registers, so that a multiprocessor runs 4 and 5 programs at once, and no stack.
TILE, HINGED_TILE = (16, 64), (16, 32)
WARPS = 4
PROGRAMS = 2**10  # in which samples of few tiles are shared: twice what 132 multiprocessors of an H100 run at once
PART = 2**6  # samples that a program takes at least: 8 logarithms a point, beside one sum over the programs
SIZES = ["n", "nt", "ns", "part"]


@triton.jit
def place(n, nt, ns, part, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Rows (ROWS,), columns (COLUMNS,) and samples [first, last) of a program; the tiles of a part are in a row."""
    across = tl.cdiv(ns, COLUMNS)
    tiles = tl.cdiv(nt, ROWS) * across
    tile, first = tl.program_id(0) % tiles, tl.program_id(0) // tiles * part
    rows, columns = tile // across * ROWS + tl.arange(0, ROWS), tile % across * COLUMNS + tl.arange(0, COLUMNS)
    return rows, columns, first, tl.minimum(first + part, n)


@triton.jit
def add_to(totals, sums, rows, columns, part, nt, ns):
    """Adds a tile to the total of its part."""
    at = totals + (part.to(tl.int64) * nt + rows[:, None]) * ns + columns[None, :]
    inside = (rows < nt)[:, None] & (columns < ns)[None, :]
    tl.store(at, tl.load(at, inside, 0.0) + sums, inside)


@triton.jit(do_not_specialize=SIZES)
def products(totals, a, b, n, nt, ns, part, FACTORS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Adds sum_k log(1 + a_k b_k) over each `part` of the n samples to its total of `totals` (parts, nt, ns).

    a (n, ns) and b (n, nt); n and `part` are multiples of FACTORS. The product less 1 is carried, as in `terms`.
    """
    rows, columns, first, last = place(n, nt, ns, part, ROWS, COLUMNS)
    in_rows, in_columns = rows < nt, columns < ns
    along_s, along_t = a + first.to(tl.int64) * ns + columns, b + first.to(tl.int64) * nt + rows
    sums, h = tl.zeros([ROWS, COLUMNS], tl.float64), tl.zeros([ROWS, COLUMNS], tl.float64)
    for k in range(first, last):  # unrolled by FACTORS it would take 196 registers
        g = tl.load(along_t, in_rows, 0.0)[:, None] * tl.load(along_s, in_columns, 0.0)[None, :]
        h = h + (g + h * g)
        along_s += ns
        along_t += nt
        if k % FACTORS == FACTORS - 1:
            sums += log1p(h)
            h = tl.zeros([ROWS, COLUMNS], tl.float64)
    add_to(totals, sums, rows, columns, first // part, nt, ns)


@triton.jit(do_not_specialize=SIZES)
def hinged_products(
    totals,
    u,
    v,
    a,
    b,
    a_inverse,
    b_inverse,
    n,
    nt,
    ns,
    part,
    FACTORS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """The same of larger margins, -m = u + v, as the sum of max(-m, 0) + log(1 + e^-|m|); e^-|m| is the lesser of a b
    and its inverse. u, a and a_inverse are (n, ns), the others (n, nt)."""
    rows, columns, first, last = place(n, nt, ns, part, ROWS, COLUMNS)
    in_rows, in_columns = rows < nt, columns < ns
    along_s, along_t = first.to(tl.int64) * ns + columns, first.to(tl.int64) * nt + rows
    sums, h = tl.zeros([ROWS, COLUMNS], tl.float64), tl.zeros([ROWS, COLUMNS], tl.float64)
    for k in range(first, last):
        negative_margin = tl.load(v + along_t, in_rows, 0.0)[:, None] + tl.load(u + along_s, in_columns, 0.0)[None, :]
        above = tl.load(b + along_t, in_rows, 0.0)[:, None] * tl.load(a + along_s, in_columns, 0.0)[None, :]
        below = tl.load(b_inverse + along_t, in_rows, 0.0)[:, None]
        g = tl.minimum(above, below * tl.load(a_inverse + along_s, in_columns, 0.0)[None, :])
        h = h + (g + h * g)
        sums += tl.maximum(negative_margin, 0.0)
        along_s += ns
        along_t += nt
        if k % FACTORS == FACTORS - 1:
            sums += log1p(h)
            h = tl.zeros([ROWS, COLUMNS], tl.float64)
    add_to(totals, sums, rows, columns, first // part, nt, ns)


@triton_op("logreg_kernels::add_products", mutates_args=("total",))
def add_products(total: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> None:
    """Adds sum_n log(1 + e^-m_n) to `total` (1, nt, ns), with e^-m = a b from a (n, ns) and b (n, nt), all float64."""
    launch(products, TILE, total, a, b)


@triton_op("logreg_kernels::add_hinged_products", mutates_args=("total",))
def add_hinged_products(
    total: torch.Tensor,
    u: torch.Tensor,
    v: torch.Tensor,
    a: torch.Tensor,
    b: torch.Tensor,
    a_inverse: torch.Tensor,
    b_inverse: torch.Tensor,
) -> None:
    """The same of margins of any size, -m = u + v: u (n, ns), v (n, nt), e^u, e^v, e^-u, e^-v."""
    launch(hinged_products, HINGED_TILE, total, u, v, a, b, a_inverse, b_inverse)


def launch(kernel, tile, total, *tables):
    """One of the kernels above on tables of samples, whose number is a multiple of FACTORS."""
    (_, nt, ns), n = total.shape, len(tables[0])
    tiles = triton.cdiv(nt, tile[0]) * triton.cdiv(ns, tile[1])
    part = samples_of_part(n, tiles)
    parts = triton.cdiv(n, part)
    totals = total if parts == 1 else total.new_zeros(parts, nt, ns)
    with torch.cuda.device_of(total):
        wrap_triton(kernel)[(parts * tiles,)](totals, *tables, n, nt, ns, part, FACTORS, *tile, num_warps=WARPS)
    if parts > 1:
        total += totals.sum(0)


def samples_of_part(n, tiles):
    """How many of n samples a program takes: all, but for a grid of few tiles."""
    parts = max(1, min(PROGRAMS // tiles, n // PART))
    return triton.cdiv(triton.cdiv(n, parts), FACTORS) * FACTORS
