"""Loss and gradient over all samples, a block of rows at a time.

On a card `triton.gradient` reads them once, if rows are contiguous and not too long.
Arithmetic is in the dtype of the data, sums over blocks in float64.
"""

import functools
import math

import torch

from kernels.arguments.devices import has_triton
from kernels.torch_cuda.graphs.compiled import compile_fused_fma
from kernels.torch_cuda.graphs.losses import weighted_value_and_slope

# X of few features is read a column at a time, in one graph from the logits to the sums. That of more goes by blocks
# small enough to be read twice from the cache. The library makes the gradient of the slopes, and of short rows, along
# which the loops of Inductor are slow, the logits; with long rows that aren't in the cache it is the slower.
LONG_ROWS = {torch.float32: 16, torch.float64: 64}
ROWS = 2**22  # read by columns at once: well under 0.1 s, so that Ctrl-C is answered
MOST_ROWS = 2**18  # of a block
BLOCK_BYTES = {"cpu": 2**23, "cuda": 2**25}  # of X and the values that each row has besides
# Rows by which a graph's blocks on a card are chosen (not measured): of fewer, a sum would have fewer parts than the
# card has multiprocessors. And rows and columns of a block of long rows, of BLOCK_BYTES.
LIKELY_ROWS = 2**22
LIKELY_BLOCK = 2**15, 2**8


def checked_value_and_slope(z, y, weight, weighted):
    """Losses of logits z (n,) and derivatives by them, each times `weight` (n,), or 1 unless `weighted` (): one graph
    does for either. A label outside [0, 1] makes its derivative NaN."""
    losses, slopes = weighted_value_and_slope(z, y, torch.where(weighted, weight, 1.0), "bce")
    return losses, torch.where((y >= 0) & (y <= 1), slopes, math.nan)


def column_sums(w, b, weighted, x, y, weight, *, d):
    """Loss, derivatives by w (d,) and by b: (d + 2,) float64; x (n d,) are the rows one after another."""
    columns = x.view(len(y), d).unbind(1)
    z = b
    for k, column in enumerate(columns):
        z = z + column * w[k]
    losses, slopes = checked_value_and_slope(z, y, weight, weighted)
    return torch.stack([v.sum(dtype=torch.float64) for v in (losses, *(slopes * column for column in columns), slopes)])


def compile_column_sums(d):
    """A kernel that is `column_sums` of d features."""
    n = LIKELY_ROWS

    def sums(*tensors):
        return column_sums(*tensors, d=d)

    return compile_fused_fma(sums, likely=((None,), (None,), (), (n * d,), (n,), (n,)))


COLUMN_SUMS = {d: compile_column_sums(d) for d in (1, 2, 3, 4)}


def reduce_logits(z, y, weight, weighted):
    """Loss (1,), derivatives by the logits z (n,) and their sum (1,); sums are float64."""
    losses, slopes = checked_value_and_slope(z, y, weight, weighted)
    loss, slope = (values.sum(dtype=torch.float64)[None] for values in (losses, slopes))
    return loss, slopes, slope


@functools.partial(compile_fused_fma, likely=((LIKELY_ROWS,), (None,), (), (LIKELY_ROWS,), (LIKELY_ROWS,)))
def reduce_products(products, b, weighted, y, weight):
    return reduce_logits(products + b, y, weight, weighted)


@functools.partial(
    compile_fused_fma, likely=(LIKELY_BLOCK, LIKELY_BLOCK[1:], (None,), (), LIKELY_BLOCK[:1], LIKELY_BLOCK[:1])
)
def reduce_rows(X, w, b, weighted, y, weight):
    return reduce_logits(X @ w + b, y, weight, weighted)


def by_columns(w, b, weighted, X, *samples):
    return COLUMN_SUMS[len(w)](w, b, weighted, X.view(-1), *samples)


def by_products(w, b, weighted, X, *samples):
    return with_gradient(X, *reduce_products(X @ w, b, weighted, *samples))


def by_rows(w, b, weighted, X, *samples):
    return with_gradient(X, *reduce_rows(X, w, b, weighted, *samples))


def with_gradient(X, loss, slopes, slope):
    return torch.cat([loss, slopes @ X, slope])


def loss_and_gradient(
    X: torch.Tensor,
    y: torch.Tensor,
    weight: torch.Tensor | None,
    w: torch.Tensor,
    b: torch.Tensor,
    total: torch.Tensor | float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sums of the cross-entropies and gradients, divided by `total`: loss (), gradient by w (d,) and by b (),
    float64."""
    means = sums(X, y, weight, w, b) / total
    return means[0], means[1:-1], means[-1]


def sums(X, y, weight, w, b):
    """Loss, gradient by w (d,) and by b, each times `weight` (n,) or 1, summed over the samples: (d + 2,) float64; X
    (n, d), y (n,), w (d,), b (1,) of one dtype, weight (n,) of it or None."""
    if has_triton(X):
        from kernels.torch_cuda.triton import gradient as one_pass

        if one_pass.supports(X):
            return one_pass.sums(X, y, weight, w, b)
    return sums_of_blocks(X, y, weight, w, b)


def sums_of_blocks(X, y, weight, w, b):
    weighted = X.new_full((), weight is not None, dtype=torch.bool)
    rows, add = choose_pass(X)
    data = X, y, y if weight is None else weight
    blocks = [data] if len(y) <= rows else zip(*(values.split(rows) for values in data), strict=True)
    total = None
    for block in blocks:
        if len(block[1]) == 1:  # which torch.compile would take for a constant
            part = add(w, b, weighted, *(torch.cat([values, values]) for values in block)) / 2
        else:
            part = add(w, b, weighted, *block)
        total = part if total is None else total + part
    return total


def choose_pass(X):
    """Rows of a block, and what sums over it."""
    d = X.shape[1]
    if d in COLUMN_SUMS and X.is_contiguous():
        return ROWS, by_columns
    rows = max(2, BLOCK_BYTES[X.device.type] // ((d + 4) * X.itemsize))
    return (rows, by_rows) if d >= LONG_ROWS[X.dtype] else (min(rows, MOST_ROWS), by_products)
