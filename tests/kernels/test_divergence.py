"""Which runs are watched for losses out of range: all that might have one, and none of those that people train."""

import numpy as np
import pytest

from kernels.mathematics.divergence import losses_may_overflow

DTYPES = (np.float32, np.float64)


def asked(dtype, x=1.0, start=10.0, weight=None, lr=2.0, steps=700, loss="bce", others=()):
    X, starts = np.full((20, 3), -x, dtype), (np.full((5, 3), start, dtype), np.zeros(5, dtype))
    weights = None if weight is None else np.full(20, weight, dtype)
    return losses_may_overflow(X, weights, starts, steps, np.array([[lr], *others]), loss)


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


# With momentum and weight decay


def responses(momentum, shrunk, steps):
    """What comes, after each step, of a start of 1 and, times -lr, of a gradient of 1 at the first step. `shrunk` is
    the learning rate times weight decay."""
    of_start, of_gradient = [1.0], [0.0]
    for values, first in ((of_start, 0.0), (of_gradient, 1.0)):
        velocity = 0.0  # times -lr
        for step in range(steps):
            velocity = momentum * velocity - shrunk * values[-1] + (first if step == 0 else 0.0)
            values.append(values[-1] + velocity)
    return np.abs(of_start), np.abs(of_gradient)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("shrunk", [0.0, 1e-3, 0.1, 0.9, 1.5, 1.9, 2.0])
def test_runs_that_are_not_watched_stay_in_range_by_any_gradients(shrunk, momentum, dtype):
    """The worst of starts and of gradients, which have the sign that moves most."""
    half, steps = 0.5 * float(np.finfo(dtype).max), 300
    of_start, of_gradient = responses(momentum, shrunk, steps)
    found = set()
    for share in np.geomspace(1e-4, 2, 60):
        lr = 1e-3  # which moves next to nothing beside the start
        watched = asked(dtype, start=share * half / 4, lr=lr, steps=steps, others=([momentum], [shrunk / lr]))
        assert watched or share * of_start.max() < 1
        lr = share * half / 4 / steps
        watched_by_gradients = asked(dtype, start=0.0, lr=lr, steps=steps, others=([momentum], [shrunk / lr]))
        assert watched_by_gradients or share * of_gradient.sum() / steps < 1
        found |= {watched, watched_by_gradients}
    assert found == {False, True}


@pytest.mark.parametrize(("momentum", "decay"), [(1.0, 0.0), (30.0, 0.0), (0.0, 1.01), (0.9, 1e300), (np.nan, 0.0)])
def test_runs_whose_parameters_may_grow_by_themselves_are_watched(momentum, decay):
    assert asked(np.float64, others=([momentum], [decay]))


def test_ordinary_momentum_and_decay_are_not_watched():
    assert not asked(np.float32, others=([0.9], [1e-2]))
    assert not asked(np.float32, x=1e4, lr=1.0, steps=10**6, others=([0.99], [0.5]))


@pytest.mark.parametrize("row", range(3))
def test_the_largest_rate_of_all_members_counts(row):
    rates = np.array([[2.0] * 5, [0.9] * 5, [1e-2] * 5])
    X, starts = np.ones((20, 3), np.float32), (np.ones((5, 3), np.float32), np.zeros(5, np.float32))
    assert not losses_may_overflow(X, None, starts, 700, rates, "bce")
    rates[row, 3] = 1e38
    assert losses_may_overflow(X, None, starts, 700, rates, "bce")
