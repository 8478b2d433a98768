"""Loss and gradient over all samples, a block of rows at a time.

On a card `one_pass` reads them once, if rows are contiguous and not too long.
Arithmetic is in the dtype of the data, sums over blocks in float64. With e = exp(-|z|), sigmoid(z) and 1 - sigmoid(z)
are 1 / (1 + e) and e / (1 + e), and nothing cancels.
"""

import functools
import math

import torch

from kernels.arguments.devices import has_triton
from kernels.torch_cuda.graphs.compiled import contracted

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
TERMS = {torch.float32: 7, torch.float64: 16}  # of the series of the logarithm


def costs_and_slopes(z, y, squared):
    """Cross-entropy, or squared error of the sigmoid, of each sample, and its derivative by the logit z."""
    e = torch.exp(-z.abs())
    above = 1 + e
    wrong = torch.where(z > 0, 1 - y, y)  # how far y is from the likelier class
    smaller = e / above
    error = wrong - smaller
    residual = torch.where(z > 0, error, -error)
    if squared:
        return error * error, 2 * residual * (smaller / above)
    return log1p(e) + torch.where(wrong == 0, 0.0, wrong * z.abs()), residual  # whatever the logit of one that is right


def log1p(e):
    """log(1 + e) of e in [0, 1], as 2 atanh(s) of s = e / (2 + e), which is quicker than the library's."""
    s = e / (2 + e)
    square = s * s
    tail = 0.0  # (2 atanh(s) - 2 s) / s^3
    for k in reversed(range(TERMS[e.dtype])):
        tail = tail * square + 2 / (2 * k + 3)
    return e - s * (e - square * tail)


def shared_out(z, y, share, weighted):
    """Losses of logits z (n,) and derivatives by them, each times `share` (n,), or 1 unless `weighted` (): one graph
    does for either. A sample without a share adds 0, whatever its logit overflowed to; a label outside [0, 1] makes its
    derivative NaN."""
    losses, slopes = costs_and_slopes(z, y, squared=False)
    own = torch.where(weighted, share, 1.0)
    losses, slopes = (torch.where(own > 0, values * own, 0.0) for values in (losses, slopes))
    return losses, torch.where((y >= 0) & (y <= 1), slopes, math.nan)


def column_sums(w, b, weighted, x, y, share, d):
    """Loss, derivatives by w (d,) and by b: (d + 2,) float64; x (n d,) are the rows one after another."""
    columns = x.view(len(y), d).unbind(1)
    z = b
    for k, column in enumerate(columns):
        z = z + column * w[k]
    losses, slopes = shared_out(z, y, share, weighted)
    return torch.stack([v.sum(dtype=torch.float64) for v in (losses, *(slopes * column for column in columns), slopes)])


def of_columns(d):
    """Makes a kernel of `column_sums` with all its tensors."""
    n = LIKELY_ROWS
    return functools.partial(contracted, likely=((None,), (None,), (), (n * d,), (n,), (n,)))


@of_columns(1)
def sums_of_1(*arguments):
    return column_sums(*arguments, d=1)


@of_columns(2)
def sums_of_2(*arguments):
    return column_sums(*arguments, d=2)


@of_columns(3)
def sums_of_3(*arguments):
    return column_sums(*arguments, d=3)


@of_columns(4)
def sums_of_4(*arguments):
    return column_sums(*arguments, d=4)


BY_COLUMNS = {1: sums_of_1, 2: sums_of_2, 3: sums_of_3, 4: sums_of_4}


def of_logits(z, y, share, weighted):
    """Loss (1,), derivatives by the logits z (n,) and their sum (1,); sums are float64."""
    losses, slopes = shared_out(z, y, share, weighted)
    loss, slope = (values.sum(dtype=torch.float64)[None] for values in (losses, slopes))
    return loss, slopes, slope


@functools.partial(contracted, likely=((LIKELY_ROWS,), (None,), (), (LIKELY_ROWS,), (LIKELY_ROWS,)))
def of_products(products, b, weighted, y, share):
    return of_logits(products + b, y, share, weighted)


@functools.partial(contracted, likely=(LIKELY_BLOCK, LIKELY_BLOCK[1:], (None,), (), LIKELY_BLOCK[:1], LIKELY_BLOCK[:1]))
def of_rows(X, w, b, weighted, y, share):
    return of_logits(X @ w + b, y, share, weighted)


def by_columns(w, b, weighted, X, *samples):
    return BY_COLUMNS[len(w)](w, b, weighted, X.view(-1), *samples)


def by_products(w, b, weighted, X, *samples):
    return with_gradient(X, *of_products(X @ w, b, weighted, *samples))


def by_rows(w, b, weighted, X, *samples):
    return with_gradient(X, *of_rows(X, w, b, weighted, *samples))


def with_gradient(X, loss, slopes, slope):
    return torch.cat([loss, slopes @ X, slope])


def loss_and_gradient(X, y, w, b, weight, total):
    """Sums over the samples, divided by `total`: loss () and gradient by w (d,) and b (), float64; X (n, d), y (n,),
    w (d,), b (1,) of one dtype, weight (n,) of it or None."""
    means = sums(X, y, w, b, weight) / total
    return means[0], means[1:-1], means[-1]


def sums(X, y, w, b, share):
    """Loss, gradient by w (d,) and by b, each times `share` (n,) or 1, summed over the samples: (d + 2,) float64."""
    if has_triton(X):
        from kernels.torch_cuda.triton import gradient as one_pass

        if one_pass.takes(X):
            return one_pass.sums(X, y, w, b, share)
    return sums_of_blocks(X, y, w, b, share)


def sums_of_blocks(X, y, w, b, share):
    weighted = X.new_full((), share is not None, dtype=torch.bool)
    rows, add = way_of(X)
    blocks = X, y, y if share is None else share
    blocks = [blocks] if len(y) <= rows else zip(*(values.split(rows) for values in blocks), strict=True)
    total = None
    for block in blocks:
        if len(block[1]) == 1:  # which torch.compile would take for a constant
            part = add(w, b, weighted, *(torch.cat([values, values]) for values in block)) / 2
        else:
            part = add(w, b, weighted, *block)
        total = part if total is None else total + part
    return total


def way_of(X):
    """Rows of a block, and what sums over it."""
    d = X.shape[1]
    if d in BY_COLUMNS and X.is_contiguous():
        return ROWS, by_columns
    rows = max(2, BLOCK_BYTES[X.device.type] // ((d + 4) * X.itemsize))
    return (rows, by_rows) if d >= LONG_ROWS[X.dtype] else (min(rows, MOST_ROWS), by_products)
