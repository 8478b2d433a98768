"""Samples on a line: when they count as such, what replaces them, and slopes that logits don't tell."""

import numpy as np
import pytest
from numpy.polynomial import chebyshev

from kernels import LogitPlane, surface_on_plane
from kernels.arguments.samples import ArraySamples, summary_of
from kernels.losses import LOSSES
from kernels.mathematics import compression
from kernels.numba_cpu.grid import moments
from kernels.quantities import Asked
from tests.oracle import assert_surface_close
from tests.problems import make_features, make_labels

QUANTITIES = ("loss", "mse", "gradient", "hessian")
N = 3000
RNG = np.random.default_rng(7)
P, Q, R = RNG.uniform(-1, 1, (3, N))
ONES = np.ones(N)
HARD, SOFT = make_labels(RNG, P, "noisy"), make_labels(RNG, P, "soft")
WEIGHT = RNG.exponential(size=N)
AXIS = np.linspace(-2, 3, 400)


def check(plane, s=AXIS, t=AXIS, y=HARD, weight=None, tol=1e-12, **options):
    """The plan of a surface of which random cells met the contract."""
    options = {"quantities": QUANTITIES, "loss": "bce", "sample_weight": weight, **options}
    options |= {"method": "spectral", "tol": tol}
    surface = surface_on_plane(LogitPlane(*plane), y, s, t, **options)
    assert surface.plan.bound <= tol
    held_to = {"weights": weight, "loss": options["loss"], "method": surface.plan.method, "tol": tol}
    for name in options["quantities"]:
        assert_surface_close(getattr(surface, name), plane, y, s, t, name, cells=8, **held_to)
    return surface.plan


@pytest.mark.parametrize("tol", [1e-13, 1e-8, 1e-3])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("y", [HARD, SOFT, 0 * ONES, ONES], ids=["hard", "soft", "zeros", "ones"])
def test_samples_on_a_line(y, weight, tol):
    """Not compressed where sums over nodes would be rounded by more than the tolerance."""
    for q in (Q, np.round(4 * Q), make_features(np.random.default_rng(0), N, "outliers")):
        plan = check((0.3 - 0.5 * q, q, 2 * q + 1), y=y, weight=weight, tol=tol)
        assert ("compressed" in plan.reason) == (tol > 1e-13 or np.abs(q).max() < 2)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("y", [HARD, SOFT, ONES], ids=["hard", "soft", "ones"])
@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss != "bce"])
def test_samples_on_a_line_of_other_losses(loss, y, weight):
    assert "compressed" in check((0.3 - 0.5 * Q, Q, 2 * Q + 1), y=y, weight=weight, loss=loss).reason


@pytest.mark.parametrize("quantities", [("loss",), ("gradient", "hessian")], ids=" and ".join)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("y", [HARD, SOFT, 0 * ONES, ONES], ids=["hard", "soft", "zeros", "ones"])
def test_samples_on_a_line_without_the_squared_error(y, weight, quantities):
    """Then classes aren't compressed one by one."""
    for q in (Q, make_features(np.random.default_rng(0), N, "outliers")):
        assert "compressed" in check((0.3 - 0.5 * q, q, 2 * q + 1), y=y, weight=weight, quantities=quantities).reason


def test_progress_counts_samples_and_evaluations_at_nodes():
    reports = []
    options = {"method": "spectral", "progress": lambda *report: reports.append(report)}
    surface = surface_on_plane(LogitPlane(0.3 - 0.5 * Q, Q, 2 * Q + 1), HARD, AXIS, AXIS, **options)
    assert "compressed" in surface.plan.reason
    done, totals = zip(*reports, strict=True)
    assert len(set(totals)) == 1
    assert sorted(done) == list(done)
    assert done[-1] == totals[0] > N


ONE = np.array([1.0])
FEW_LOGITS = {  # planes of which the logits over the window say little or nothing about the slopes
    "s = 0": ((0 * P, Q, R), np.zeros(1), np.linspace(-3, 3, 50_000)),
    "s = 0, nothing else differs": ((0 * P, Q, ONES), np.zeros(1), np.linspace(-3, 3, 50_000)),
    "t = 0": ((0 * P, Q, R), np.linspace(-3, 3, 50_000), np.zeros(1)),
    "a slope takes the offset away": ((-Q, Q, ONES), ONE, np.linspace(-3, 3, 50_000)),
    "a tiny window": ((P, Q, R), np.linspace(-1e-16, 1e-16, 300), np.linspace(-1e-16, 1e-16, 300)),
    "nearly taken away": ((-Q, Q, 1e-8 * Q), 1 + np.linspace(-1e-9, 1e-9, 300), AXIS),
    "all samples equal": ((0.3 * ONES, 0.2 * ONES, 0.1 * ONES), AXIS, AXIS),
    "zeros": ((0 * ONES, 0 * ONES, 0 * ONES), AXIS, AXIS),
    "slopes of 1e-200": ((P, 1e-200 * Q, 1e-200 * R), AXIS, AXIS),
    "slopes of 1e-310": ((0 * P, 1e-310 * Q, 1e-310 * R), AXIS, AXIS),
}


@pytest.mark.parametrize("case", FEW_LOGITS)
def test_slopes_that_logits_do_not_tell(case):
    check(*FEW_LOGITS[case])
    check(*FEW_LOGITS[case], y=SOFT, weight=WEIGHT)


def test_one_sample_off_the_line_is_noticed():
    for k in range(3):
        plane = np.array([Q, 2 * Q, 3 * Q])
        assert "compressed" in check(plane).reason
        plane[k, 1234] += 1e-9
        assert "compressed" not in check(plane).reason


def line_of(plane, y, weight, tol):
    samples = ArraySamples(plane, y, weight, like=None)
    return samples, compression.line_through(summary_of(samples), AXIS, AXIS, Asked(QUANTITIES, "bce"), tol)


@pytest.mark.parametrize("labels", ["noisy", "soft", "zeros", "ones", "nearly zeros"])
def test_moments_of_all_classes_at_once(labels):
    """One set of nodes has the moments of all samples, and two moments are those of each class."""
    nearly = labels == "nearly zeros"
    y = Q**2 * 1e-20 if nearly else make_labels(np.random.default_rng(0), P, labels)
    samples, line = line_of((0 * Q, Q, 0 * Q), y, WEIGHT, 1e-9)
    of_classes, softness = moments.moments_of(*samples, line, False, lambda done: None)
    np.testing.assert_allclose(softness, (WEIGHT * y * (1 - y)).sum(), rtol=1e-13)
    xi = (Q - line.middle[1]) / line.direction[1]
    for two_moments, share in zip(of_classes[:, :2], (WEIGHT * (1 - y), WEIGHT * y), strict=True):
        want = share @ np.stack([np.ones(N), xi], axis=1)
        np.testing.assert_allclose(two_moments, want, rtol=0, atol=1e-14 * share.sum())
    block = compression.nodes_of_line(of_classes, line, False)
    powers = chebyshev.chebvander((Q - line.middle[1]) / line.direction[1], line.nodes - 1)
    of_nodes = chebyshev.chebvander((block.q - line.middle[1]) / line.direction[1], line.nodes - 1)
    allowed = 1e-13 * WEIGHT.sum()
    np.testing.assert_allclose(block.weight @ of_nodes, WEIGHT @ powers, rtol=0, atol=allowed)


@pytest.mark.parametrize("n", [1, 2, 4095, 4097, 70_001])
@pytest.mark.parametrize("labels", ["noisy", "soft", "ones"])
def test_moments(n, labels):
    """The weights of the nodes have the moments of the samples of each class."""
    rng = np.random.default_rng(n)
    x, y, weight = rng.uniform(-1, 1, n), make_labels(rng, rng.normal(size=n), labels), rng.exponential(size=n)
    samples, line = line_of((0 * x, x, 0 * x), y, weight, 1e-9)
    of_classes, softness = moments.moments_of(*samples, line, True, lambda done: None)
    block = compression.nodes_of_line(of_classes, line, True)
    half_width = line.direction[1] or 1.0
    for label, share in ((0.0, weight * (1 - y)), (1.0, weight * y)):
        want = share @ chebyshev.chebvander((x - line.middle[1]) / half_width, line.nodes - 1)
        own = block.y == label
        got = block.weight[own] @ chebyshev.chebvander((block.q[own] - line.middle[1]) / half_width, line.nodes - 1)
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-13 * weight.sum())
    np.testing.assert_allclose(softness, (weight * y * (1 - y)).sum(), rtol=1e-13, atol=1e-15)
