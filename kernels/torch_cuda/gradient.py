"""Loss and gradient over all samples, a block of rows at a time: small enough to be read twice from the cache.

On a card `one_pass` reads them once, if rows are contiguous and not too long.
Arithmetic is in the dtype of the data, sums over blocks in float64. With e = exp(-|z|), sigmoid(z) and 1 - sigmoid(z)
are 1 / (1 + e) and e / (1 + e), and nothing cancels.
"""

import torch

from kernels.torch_cuda.compiled import kernel, padded, whole

BLOCK_BYTES = {"cpu": 2**23, "cuda": 2**25}  # of X and the values that each row has besides
VECTOR_BYTES = 64  # of a register of the CPU


def costs_and_slopes(z, y, squared):
    """Cross-entropy, or squared error of the sigmoid, of each sample, and its derivative by the logit z."""
    e = torch.exp(-z.abs())
    larger = 1 / (1 + e)
    smaller = e * larger
    p, not_p = torch.where(z > 0, larger, smaller), torch.where(z > 0, smaller, larger)
    residual = (1 - y) * p - y * not_p
    if squared:
        return residual * residual, 2 * residual * (larger * smaller)
    hinge = torch.where(z > 0, 1 - y, y) * z.abs()
    return torch.log1p(e) + torch.where(e < 1, hinge, 0.0), residual


@kernel
def add_block(total, X, y, share, w, b):
    """Adds loss, gradient by w (d,) and by b, each times `share` (n,), to `total` (d + 2,) float64."""
    loss, slopes, slope = terms(X @ w + b, y, share)
    total[0].add_(loss)
    total[1:-1].add_(slopes @ X)
    total[-1].add_(slope)


def add_narrow_block(total, X, y, share, w, b):
    """The same by products of the library: along rows shorter than a vector those of Inductor are slow."""
    loss, slopes, slope = terms_of_products(X @ w, b, y, share)
    total[0] += loss
    total[1:-1] += slopes @ X
    total[-1] += slope


@kernel
def terms_of_products(products, b, y, share):
    return terms(products + b, y, share)


def terms(z, y, share):
    """Sum of the losses of logits z (n,), derivatives by them (n,) and their sum, each times `share` (n,)."""
    losses, slopes = costs_and_slopes(z, y, squared=False)
    slopes = slopes * share
    return (losses * share).sum(dtype=torch.float64), slopes, slopes.sum(dtype=torch.float64)


def loss_and_gradient(X, y, w, b, weight):
    """Means over the samples: loss () and gradient by w (d,) and b (), float64; X (n, d), y (n,), w (d,), b (1,) of one
    dtype, weight (n,) of it or None."""
    total = sums(X, y, w, b, weight) / (len(y) if weight is None else weight.sum(dtype=torch.float64))
    return total[0], total[1:-1], total[-1]


def sums(X, y, w, b, share):
    """Loss, gradient by w (d,) and by b, each times `share` (n,) or 1, summed over the samples: (d + 2,) float64."""
    if X.device.type == "cuda":
        from kernels.torch_cuda import one_pass  # Triton comes with PyTorch for CUDA

        if one_pass.takes(X):
            with torch.cuda.device(X.device):
                return one_pass.sums(X, y, w, b, share)
    return sums_of_blocks(X, y, w, b, share)


def sums_of_blocks(X, y, w, b, share):
    n, d = X.shape
    total = X.new_zeros(d + 2, dtype=torch.float64)
    rows = min(whole(max(1, BLOCK_BYTES[X.device.type] // ((d + 4) * X.itemsize))), whole(n))
    ones = X.new_ones(rows)
    add = add_narrow_block if d * X.itemsize < VECTOR_BYTES else add_block
    for start in range(0, n, rows):
        some = slice(start, min(start + rows, n))
        own = ones[: some.stop - start] if share is None else share[some]
        block = (padded(values, rows) for values in (X[some], y[some], own))
        add(total, *block, w, b)
    return total
