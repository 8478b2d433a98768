"""Arrows on paths: where they are, which way they point, and where there are none."""

from itertools import pairwise

import numpy as np
import pytest

from viz import plot_contour
from viz.arrows import APART, FROM_MARKS, LENGTH, MOST, PIECES, SAMPLES, cut_to_window, path_arrows
from viz.inputs import Grid, Path

SIDE = 5.0  # inches of a window from -10 to 10
GRID = Grid(np.linspace(-10, 10, 5), np.linspace(-10, 10, 5), np.ones((5, 5)), "loss", ("w", "b"), ("w", "b"))
UNIT = np.full(2, SIDE / 20)


def arrows(points, taken=(), scale=1.0):
    """Tips and tails (k, 2) in inches."""
    tips, tails = path_arrows(GRID, Path(*np.transpose(points).astype(float)), UNIT, scale, list(taken))
    return tips * UNIT, tails * UNIT


def distance_to_path(point, points):
    """From a point in inches to the nearest of the legs of a path."""
    legs = [(a * UNIT, b * UNIT) for a, b in pairwise(np.asarray(points, float))]
    shares = [np.clip(np.dot(point - a, b - a) / max(np.dot(b - a, b - a), 1e-300), 0, 1) for a, b in legs]
    return min(np.linalg.norm(a + share * (b - a) - point) for (a, b), share in zip(legs, shares, strict=True))


def random_path(seed):
    """Of one of three kinds: a walk, a spiral, and legs all over the window and beyond it."""
    rng = np.random.default_rng(seed)
    kind = seed % 3
    if kind == 0:
        return np.cumsum(rng.normal(0, 0.5, (200, 2)), axis=0)
    if kind == 1:
        turn = np.linspace(0, rng.uniform(2, 20), 300)
        return rng.uniform(3, 9) * np.exp(-0.1 * turn)[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
    return rng.uniform(-15, 15, (8, 2))


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_arrows_are_on_the_path_and_apart(seed, scale):
    points, taken = random_path(seed), [complex(2.5, 2.5)]
    tips, tails = arrows(points, taken, scale)
    assert len(tips) <= MOST
    for end in (*tips, *tails):
        assert distance_to_path(end, points) < 0.05 * scale
        assert (np.abs(end) <= SIDE / 2 + 1e-9).all()
    lengths = np.linalg.norm(tips - tails, axis=1)
    assert ((lengths > 0.95 * LENGTH * scale) & (lengths < 1.001 * LENGTH * scale)).all()
    middles = (tips + tails) / 2
    for k, middle in enumerate(middles):
        assert (np.linalg.norm(middles[:k] - middle, axis=1) >= (APART - 0.1) * LENGTH * scale).all()
        assert np.linalg.norm(middle) >= (FROM_MARKS - 0.05) * LENGTH * scale


def test_most_random_paths_have_arrows():
    assert sum(len(arrows(random_path(seed))[0]) > 0 for seed in range(30)) >= 20


@pytest.mark.parametrize("angle", np.linspace(0, 2 * np.pi, 7))
def test_a_straight_path_has_as_many_as_there_may_be(angle):
    way = np.array([np.cos(angle), np.sin(angle)])
    tips, tails = arrows(np.outer([-9, 9], way))
    assert len(tips) in (MOST - 1, MOST)
    np.testing.assert_allclose((tips - tails) / LENGTH, np.tile(way, (len(tips), 1)), atol=1e-9)
    assert (np.diff(tips @ way) > 0).all()


@pytest.mark.parametrize("height", [0.8, 1.5, 3.0])
def test_a_zigzag_has_none(height):
    k = np.arange(80)
    assert len(arrows(np.column_stack([-9 + 0.2 * k, height * (k % 2)]))[0]) == 0


def test_long_legs_have_theirs():
    k = np.arange(5)
    tips, tails = arrows(np.column_stack([-8 + 4 * k, 8 * (k % 2)]))
    assert 3 <= len(tips) <= MOST
    ways = (tips - tails) / LENGTH
    np.testing.assert_allclose(np.abs(ways), np.tile([4, 8] / np.hypot(4, 8), (len(tips), 1)), atol=0.02)
    assert {1, -1} == set(np.sign(ways[:, 1]))


def test_a_zigzag_finer_than_the_line_turns_none(surface, straight_path):
    k = np.arange(200)
    path = straight_path(np.column_stack([-10 + 0.1 * k - 0.3 * (k % 2), 0 * k]))
    quiver = plot_contour(surface, path).arrows
    assert len(quiver.U) >= 4
    np.testing.assert_allclose(quiver.U, 1)
    np.testing.assert_allclose(quiver.V, 0)


def test_of_runs_on_each_other_the_second_has_its_arrows_elsewhere(surface, straight_path):
    run = straight_path([(-10, -10), (10, 10)])
    plot = plot_contour(surface, {"one": run, "other": run})
    one, other = (parts.arrows.get_offsets() for parts in plot.paths.values())
    gaps = np.linalg.norm(plot.ax.transData.transform(one)[:, None] - plot.ax.transData.transform(other), axis=-1)
    assert len(other) > 0
    assert gaps.min() > LENGTH * plot.figure.dpi


def test_legs_that_leave_and_come_back_have_arrows_where_they_are_seen():
    tips, tails = arrows([(-9, 8), (60, 60), (-9, -9)])
    assert len(tips) > 0
    assert (np.abs([tips, tails]) <= SIDE / 2).all()


@pytest.mark.parametrize("points", [[(0, 0)], [(1, 2)] * 5, [(0, 0), (0.2, 0.1)], [(99, 2), (98, 1)]])
def test_paths_without_a_long_leg_have_none(points):
    assert arrows(points)[0].shape == (0, 2)


@pytest.mark.parametrize("far", [1e3, 1e100, 1e300])
def test_paths_that_diverge_are_followed_to_the_edge(far):
    tips, tails = arrows([(0, 0), (far, 0), (-far, far)])
    assert len(tips) >= 2
    np.testing.assert_allclose((tips - tails)[:2] / LENGTH, [[1, 0]] * 2, atol=1e-3)


def test_legs_are_cut_at_the_edges():
    begins, ends = cut_to_window(np.array([-1 + 1j, 3 + 1j, 3 + 5j, 1 + 1j, 1 + 1.5j]), 2.0, 2.0)
    np.testing.assert_allclose(begins, [0 + 1j, 1.5 + 2j, 1 + 1j])
    np.testing.assert_allclose(ends, [2 + 1j, 1 + 1j, 1 + 1.5j])


def test_a_path_longer_than_is_looked_at_has_its_first_arrows():
    points = np.tile([(-9, -9), (9, -9), (9, 9), (-9, 9)], (SAMPLES * 2 // PIECES, 1))
    assert 1 <= len(arrows(points)[0]) <= MOST
