"""Runs of one feature, whose margins follow from the last slopes: what cancels, leaves the range, or begins anew."""

import numpy as np
import pytest

import kernels
from kernels.losses import LOSSES
from tests import problems
from tests.training import run


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("batch_size", [1, 3, 4])
@pytest.mark.parametrize("label", [0.0, 0.5, 1.0])
def test_margins_far_out_of_range(label, batch_size, loss):
    """Starts at which every logit is beyond 708, and comes back into range where the gradient is large."""
    x = np.linspace(5, 9, 10)
    for w0 in (-1000.0, 1000.0):
        problem = problems.SGDProblem(x[:, None], np.full(10, label), np.array([w0]), np.array([0.25]))
        settings = {"lr": 40.0, "batch_size": batch_size, "epochs": 3, "loss": loss}
        want, *ends = run(problem, "reference", **settings)
        got, *others = run(problem, "numba", **settings)
        for one, other in zip([*got, *others], [*want, *ends], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("scale", [1e4, 1e8, 1e16])
def test_margins_after_parameters_that_cancel(scale, batch_size):
    """The first step takes w and b from `scale` to exactly 0, where the loss of the second is log 2."""
    X, y = np.array([[-3.5]] * batch_size + [[0.801]]), np.zeros(batch_size + 1)
    X[1:batch_size:2] = -7.25
    w, b = np.array([X[:batch_size].mean() * scale]), np.array([scale])  # logits are so large that slopes are 1
    history = kernels.sgd_run_(X, y, w, b, lr=scale, batch_size=batch_size, epochs=1)
    assert (history.w[0, 0], history.b[0]) == (0.0, 0.0)
    assert history.loss[1] == pytest.approx(np.log(2), rel=1e-15, abs=0)
    assert w[0] == pytest.approx(-0.801 * scale / 2, rel=1e-15, abs=0)
    assert b[0] == pytest.approx(-scale / 2, rel=1e-15, abs=0)


@pytest.mark.parametrize("batch_size", [2, 4])
@pytest.mark.parametrize("sign", [-1, 1])
def test_margins_after_a_weight_that_nearly_cancels(sign, batch_size):
    """The first step takes w from 1024 less a bit to that bit, exactly; b stays 0."""
    few = batch_size // 2
    X = sign * np.array([1024.0] * few + [-1024.0] * few + [1000.0] * batch_size)[:, None]
    y = np.array([0.0] * few + [1.0] * few + [0.0] * batch_size)
    w, b = np.array([sign * (1024 - 0.004)]), np.zeros(1)
    rest = w[0] - sign * 1024
    history = kernels.sgd_run_(X, y, w, b, lr=1.0, batch_size=batch_size, epochs=1)
    assert (history.w[0, 0], history.b[0]) == (rest, 0.0)
    assert history.loss[1] == pytest.approx(np.log1p(np.exp(1000 * sign * rest)), rel=1e-15, abs=0)


@pytest.mark.parametrize(("x", "y"), [((1e6, -1e6), 0.0), ((30, -30), 1.0), ((119.578, 1068.649, 241.417), 0.5)])
def test_gradients_that_cancel_leave_the_weight_at_zero(x, y):
    """However large the terms are that cancel: followed through them, margins would grow from their rounding."""
    X = np.tile(np.array(x, np.float64), 2)[:, None]
    problem = problems.SGDProblem(X, np.full(len(X), y), np.zeros(1), np.full(1, float(y != 0.5)))
    settings = {"lr": 1.0, "batch_size": 2, "epochs": 20}
    (want, *ends), (got, *others) = run(problem, "reference", **settings), run(problem, "numba", **settings)
    for one, other in zip([*got, *others], [*want, *ends], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    assert not got.w.any()


def test_an_epoch_has_the_same_bits_in_any_run():
    for batch_size in (1, 2, 3, 4, 5):
        problem = problems.sgd_problem(20, 1)
        settings = {"lr": 0.3, "batch_size": batch_size}
        want, *ends = run(problem, "numba", epochs=3, **settings)
        first, w, b = run(problem, "numba", epochs=1, **settings)
        rest, *others = run(problem._replace(w=w, b=b), "numba", epochs=2, **settings)
        for one, other in zip(want, zip(first, rest, strict=True), strict=True):
            np.testing.assert_array_equal(one, np.concatenate(other))
        np.testing.assert_array_equal(ends, others)


@pytest.mark.parametrize(("wrong", "batch_size"), [(1, 1), (5, 5)])
def test_velocities_of_saturated_samples_are_not_minus_0(wrong, batch_size):
    """The last step's only sample is right and far away: it has no slope."""
    X, y, w, b = np.array([[1.0]] * wrong + [[-1000.0]]), np.ones(wrong + 1), -np.ones(1), -np.ones(1)
    velocity = kernels.sgd_run_(X, y, w, b, lr=0.1, batch_size=batch_size, epochs=1).velocity
    assert velocity.tolist() == [0, 0]
    assert not np.signbit(velocity).any()
