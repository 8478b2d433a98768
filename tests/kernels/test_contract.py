"""Surfaces against the oracle, 64 random cells of each of 200 random problems: every quantity, method and dtype."""

import numpy as np
import pytest

from kernels import LogitPlane, logit_plane, surface_on_plane
from tests.oracle import COUNTED, QUANTITIES, direct_tolerance, spectral_tolerance, value_at
from tests.problems import DTYPES, FEATURES, LABELS, make_features, make_labels, plane

PROBLEMS = 200
CELLS = 64
METHODS = {"direct": 0, "spectral": 1e-6, "auto": 1e-12}  # and their tol


def random_problem(seed):
    """A plane of n <= 10^5 samples and d <= 100 features with logits up to 10^4, labels, weights or None, and axes."""
    rng = np.random.default_rng([5, seed])
    n, d = int(10 ** rng.uniform(0, 5)), int(10 ** rng.uniform(0, 2))
    X = np.stack([make_features(rng, n, FEATURES[rng.integers(3)]) for _ in range(d)], axis=1)
    if rng.integers(2):
        X = X[rng.integers(0, n, n)]  # some rows twice, some not at all
    center, s_direction, t_direction = rng.normal(size=(3, d + 1)) / np.sqrt(d + 1)
    if rng.integers(3) == 0:
        s_direction, t_direction = np.eye(d + 1)[0], np.eye(d + 1)[-1]
    plane = logit_plane(X.astype(DTYPES[seed % 2]), center, s_direction, t_direction)
    reach = 10 ** rng.uniform(0, 4) / max(np.abs(plane.s_slope).max(), np.abs(plane.t_slope).max(), 1e-3)
    s, t = (np.sort(rng.uniform(-reach, reach, points)) for points in (rng.integers(8, 80), rng.integers(8, 80)))
    y = make_labels(rng, X[:, 0], LABELS[rng.integers(len(LABELS))]).astype(plane.offset.dtype)
    weights = rng.exponential(size=n) if rng.integers(3) == 0 else None
    return plane, y, weights, s, t, rng


def allowed_at(name, surface, plane, y, weights, j, i, method):
    """The error that the contract allows a cell."""
    s, t, got = surface.s, surface.t, getattr(surface, name)
    if name in COUNTED or surface.plan.method == "direct":
        allowed = direct_tolerance(plane, y, s[i], t[j], name, weights)
    else:
        allowed = spectral_tolerance(got, plane, s, t, METHODS[method])
    return allowed


@pytest.mark.long
@pytest.mark.parametrize("seed", range(PROBLEMS))
def test_contract(seed):
    plane, y, weights, s, t, rng = random_problem(seed)
    surfaces = {
        method: surface_on_plane(
            plane, y, s, t, quantities=QUANTITIES, sample_weight=weights, method=method if tol else "direct", tol=tol
        )
        for method, tol in METHODS.items()
    }
    for cell in rng.choice(len(s) * len(t), size=min(CELLS, len(s) * len(t)), replace=False):
        j, i = divmod(int(cell), len(s))
        for name in QUANTITIES:
            want = value_at(plane, y, s[i], t[j], name, weights)
            spacing = np.spacing(np.abs(np.asarray(want)).astype(plane.offset.dtype)).astype(np.float64)
            rounding = 0.5 * spacing if plane.offset.dtype == np.float32 else 0.0
            for method, surface in surfaces.items():
                got = getattr(surface, name)[..., j, i].astype(np.float64)
                allowed = allowed_at(name, surface, plane, y, weights, j, i, method) + rounding
                assert (np.abs(got - want) <= allowed).all(), (
                    method,
                    name,
                    surface.plan,
                    s[i],
                    t[j],
                    got,
                    want,
                    allowed,
                )


def test_the_bound_holds_and_is_not_absurdly_loose():
    """The bound, known before anything is evaluated, over the worst error of all cells beside direct evaluation."""
    ratios = []
    for seed in range(12):
        problem = plane(200, 0.1 * (1 + seed % 4), seed=seed)
        data, s, t = LogitPlane(*problem.plane), np.linspace(-5, 5, 120), np.linspace(-4, 6, 110)
        surface = surface_on_plane(data, problem.y, s, t, method="spectral", tol=1e-6)
        assert surface.plan.method == "spectral"
        error = np.abs(surface.loss - surface_on_plane(data, problem.y, s, t, method="direct").loss).max()
        ratios.append(surface.plan.bound / error)
    print(f"bound over error: median {np.median(ratios):.3g}, from {min(ratios):.3g} to {max(ratios):.3g}")
    assert min(ratios) >= 1
    assert np.median(ratios) < 5e4
