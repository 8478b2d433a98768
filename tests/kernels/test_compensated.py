"""Compensated sums of grids: rounded once, and infinite where they overflow."""

import math

import numpy as np
import pytest
import torch

from kernels.workers import compensated


def summed(grids, make=np.array):
    total, lost = (make(np.zeros(np.shape(grids[0]))) for _ in range(2))
    for grid in grids:
        given = make(grid)
        compensated.add(total, lost, given)
        assert np.array_equal(np.asarray(given), grid, equal_nan=True)  # it is left as it was
    return np.asarray(compensated.finished(total, lost))


@pytest.mark.parametrize("make", [np.array, torch.tensor], ids=["arrays", "tensors"])
def test_sums_are_rounded_once(make):
    """The terms that are large cancel, to the last: 2^-53 of them is more than all others."""
    rng = np.random.default_rng(0)
    small = rng.normal(size=(20, 3, 40))
    large = 1e17 * rng.normal(size=(20, 3, 40))
    grids = rng.permutation(np.concatenate([small, large, -large]))
    want = [math.fsum(column) for column in grids.reshape(60, -1).T]
    np.testing.assert_allclose(summed(grids, make).ravel(), want, rtol=0, atol=1e-9)
    assert np.abs(grids.sum(axis=0).ravel() - want).max() > 1.0


def test_what_overflows_is_infinite_and_what_is_unknown_stays_so():
    grids = np.array([[1.0, 1e308, -1e308, np.inf, np.inf, 2.0], [2.0, 1e308, -1e308, 1.0, -np.inf, np.nan]])
    assert np.array_equal(summed(grids), [3.0, np.inf, -np.inf, np.inf, np.nan, np.nan], equal_nan=True)
