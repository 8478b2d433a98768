"""Which runs are watched for losses out of range: all that might have one, and none of those that people train."""

import numpy as np
import pytest

from kernels.mathematics.divergence import losses_may_overflow

DTYPES = (np.float32, np.float64)


def asked(dtype, x=1.0, start=10.0, weight=None, lr=2.0, steps=700, loss="bce"):
    X, starts = np.full((20, 3), -x, dtype), (np.full((5, 3), start, dtype), np.zeros(5, dtype))
    weights = None if weight is None else np.full(20, weight, dtype)
    return losses_may_overflow(X, weights, starts, steps, np.full((1, 1), lr), loss)


@pytest.mark.parametrize("dtype", DTYPES)
def test_ordinary_runs_are_not_watched(dtype):
    assert not asked(dtype)
    assert not asked(dtype, x=1e4, weight=1e3, lr=10.0, steps=10**6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_each_bound_counts(dtype):
    """Of theta (3 x + 1) g with theta = start + steps lr slope g x, against half of the largest number."""
    half = 0.5 * float(np.finfo(dtype).max)
    for above, expected in (1.001, True), (0.999, False):
        assert asked(dtype, start=above * half / 4, steps=0) == expected
        assert asked(dtype, start=0.0, lr=above * half / 4, steps=1) == expected
        assert asked(dtype, start=0.0, lr=above * half / 4 / 1000, steps=1000) == expected
        assert asked(dtype, start=0.0, lr=above * half / 4 / 1.13, steps=1, loss="focal") == expected
        assert asked(dtype, start=0.0, x=above * (half / 3) ** 0.5, lr=1.0, steps=1) == expected
        assert asked(dtype, start=0.0, weight=above * (half / 4) ** 0.5, lr=1.0, steps=1) == expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("start", [np.nan, np.inf, -np.inf])
def test_starts_that_are_not_finite_are_watched(start, dtype):
    assert asked(dtype, start=start)
