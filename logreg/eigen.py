"""The largest eigenvalues of a symmetric matrix by its products with vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

RESIDUAL = 1e-6  # of an eigenvector, times the largest eigenvalue in size
MOST_PRODUCTS = 1000  # some hundreds have been seen; without an end where the matrix isn't always the same
MOST_VECTORS, VECTORS_KEPT = 40, 12  # while one is looked for; of 24 to 60 no number took clearly fewer passes


def top_eigenpairs(
    product: Callable[[np.ndarray], np.ndarray], size: int, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues (number,), descending, and their eigenvectors (number, size), of a symmetric matrix by
    its products with vectors (size,): Lanczos's method, restarted with the best vectors (Wu and Simon, SIAM J. Matrix
    Anal. Appl. 22, 2000).

    An eigenvalue is as near as the residual is long; that they are the largest a random start makes all but certain.
    """
    rng = np.random.default_rng(0)
    new = rng.normal(size=size)
    vectors, images = np.empty((0, size)), np.empty((0, size))
    for _ in range(MOST_PRODUCTS):
        for _ in range(2):  # the second time for what rounding left of them
            new -= (vectors @ new) @ vectors
            new /= np.linalg.norm(new)
        vectors, images = np.vstack([vectors, new]), np.vstack([images, product(new)])
        eigenvalues, mix = np.linalg.eigh(vectors @ images.T)
        eigenvalues, best = eigenvalues[::-1], mix.T[::-1]
        some = best[:number]
        residuals = some @ images - eigenvalues[:number, None] * (some @ vectors)
        long = np.linalg.norm(residuals, axis=1) > RESIDUAL * np.abs(eigenvalues).max()
        if len(vectors) >= number and not long.any():
            return eigenvalues[:number], some @ vectors
        new = residuals[long.argmax()] if long.any() else rng.normal(size=size)
        if len(vectors) == MOST_VECTORS:
            vectors, images = best[:VECTORS_KEPT] @ vectors, best[:VECTORS_KEPT] @ images
    raise ValueError(
        f"the Hessian's eigenvalues were not found by {MOST_PRODUCTS} passes over data; accepted: data that gives the "
        "same samples in each"
    )
