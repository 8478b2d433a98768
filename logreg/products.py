"""Products of features with vectors: by NumPy, by PyTorch, or in pieces whose bits don't depend on threads.

BLAS cuts large products for its threads, and the last digits depend on where. One of few numbers it makes on one
thread; so sums that workers make, of which each may have other threads, are of such products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

ON_ONE_THREAD = 2**18  # multiply-adds of a product of matrices, of which OpenBLAS makes that many on one thread
ROWS, COLUMNS = 256, 32  # of a piece of X' Y: 2^18 in all
PANEL = 1024  # columns of a piece of a product with few vectors


class Products(NamedTuple):
    """How a dense matrix (n, d), float64, is multiplied.

    times  matrix @ vectors, which are (d,) or (d, k)
    inner  matrix' @ other, which is (n,) or (n, k)
    """

    times: Callable[[np.ndarray, np.ndarray], np.ndarray]
    inner: Callable[[np.ndarray, np.ndarray], np.ndarray]


def times_by_numpy(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return matrix @ vectors


def inner_by_numpy(matrix: np.ndarray, other: np.ndarray) -> np.ndarray:
    return matrix.T @ other


def times_by_torch(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return (as_tensor(matrix) @ as_tensor(np.ascontiguousarray(vectors))).numpy()


def inner_by_torch(matrix: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (as_tensor(matrix).T @ as_tensor(other)).numpy()


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """A tensor of the array's memory, or of a copy, as PyTorch warns of memory that can't be written to."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def times_in_pieces(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    columns = np.stack([vectors] * 2, axis=1) if vectors.ndim == 1 else vectors  # of one vector it is another routine
    d, k = columns.shape
    rows = max(1, ON_ONE_THREAD // (min(d, PANEL) * k))
    products = np.zeros((len(matrix), k))
    for start in range(0, len(matrix), rows):
        some = slice(start, start + rows)
        for first in range(0, d, PANEL):
            panel = slice(first, first + PANEL)
            products[some] += matrix[some, panel] @ columns[panel]
    return products[:, 0] if vectors.ndim == 1 else products


def inner_in_pieces(matrix: np.ndarray, other: np.ndarray) -> np.ndarray:
    if other.ndim == 1:
        return np.einsum("nd,n->d", matrix, other)  # which calls no BLAS
    found = np.zeros((matrix.shape[1], other.shape[1]))
    for start in range(0, len(matrix), ROWS):
        left, right = matrix[start : start + ROWS], other[start : start + ROWS]
        for i in range(0, left.shape[1], COLUMNS):
            for j in range(0, right.shape[1], COLUMNS):
                found[i : i + COLUMNS, j : j + COLUMNS] += left[:, i : i + COLUMNS].T @ right[:, j : j + COLUMNS]
    return found


BY_NUMPY = Products(times_by_numpy, inner_by_numpy)
BY_TORCH = Products(times_by_torch, inner_by_torch)
IN_PIECES = Products(times_in_pieces, inner_in_pieces)
