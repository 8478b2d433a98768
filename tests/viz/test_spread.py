"""Which steps a film shows, and which part of the surface."""

import numpy as np
import pytest

from viz.film.spread import SPREADS, length_in_window, shown_steps
from viz.film.views import LEEWAY, views
from viz.inputs import Path, read_path, read_surface


@pytest.fixture
def grid(surface):
    return read_surface(surface)


@pytest.fixture
def paths(history_of):
    """{name: Path}: the lab's, one of few steps, one that rests, one that jumps first, one that leaves the window."""
    rng = np.random.default_rng(0)
    there_and_back = np.append(np.linspace(0, 100, 300), np.linspace(100, 1, 301))
    return {
        "lab": read_path(history_of()),
        "short": Path(np.array([5.0, 6.0, 6.5]), np.array([1.0, 0.0, 0.0])),
        "a point": Path(np.zeros(1), np.zeros(1)),
        "rests": Path(np.full(501, 2.0), np.full(501, 3.0)),
        "jumps": Path(np.append(-14, rng.normal(10, 0.01, 600)), np.append(-12, rng.normal(10, 0.01, 600))),
        "leaves": Path(there_and_back, np.zeros(601)),
        "far": Path(np.geomspace(1, 1e300, 200), np.geomspace(1, 1e300, 200)),
    }


PATHS = "lab", "short", "a point", "rests", "jumps", "leaves", "far"


@pytest.mark.parametrize("frames", [2, 3, 7, 50, 300])
@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("name", PATHS)
def test_shown_steps_are_even_in_their_spread(name, spread, frames, grid, paths):
    path = paths[name]
    last = len(path.s) - 1
    shown = shown_steps(grid, path, frames, spread)
    assert len(shown) == min(frames, last + 1)
    assert (shown[0], shown[-1]) == (0, last)
    assert (np.diff(shown) >= 1).all()
    along = SPREADS[spread](grid, path)
    if last and frames > 1:
        most = along[-1] / (len(shown) - 1) + np.diff(along).max()
        assert np.diff(along[shown]).max() <= most * (1 + 1e-12)


def test_no_frame_goes_far_along_the_path(grid, paths):
    """At most twice what each would go if frames were even in length, and one step."""
    path = paths["lab"]
    length = length_in_window(grid, path)
    gaps = np.diff(length[shown_steps(grid, path, 50, "path")])
    assert gaps.max() <= 2 * (length[-1] / 49 + np.diff(length).max())
    assert gaps.max() < 0.5 * np.diff(length[shown_steps(grid, path, 50, "time")]).max()


def test_the_first_steps_are_seen_one_by_one(grid, paths):
    for spread in ("path", "log"):
        assert shown_steps(grid, paths["lab"], 50, spread)[:12].tolist() == [*range(12)]
        assert shown_steps(grid, paths["rests"], 50, spread)[:3].tolist() == [0, 1, 2]


def test_what_is_beyond_the_window_has_no_length(grid, paths):
    width = grid.s.max() - grid.s.min()
    assert length_in_window(grid, paths["leaves"])[-1] == pytest.approx((15 + 14) / width)
    assert length_in_window(grid, paths["far"])[-1] == pytest.approx(np.hypot(14 / 30, 12 / 26), rel=0.02)


@pytest.mark.parametrize("spread", SPREADS)
def test_spreads_go_from_0_upwards(spread, grid, paths):
    for path in paths.values():
        along = SPREADS[spread](grid, path)
        assert along.shape == path.s.shape
        assert along[0] == 0
        assert (np.diff(along) > 0).all()


@pytest.mark.parametrize("name", PATHS)
def test_views_are_a_third_of_the_window_and_have_the_model_in_them(name, grid, paths):
    path = paths[name]
    steps = shown_steps(grid, path, 50, "path")
    seen = views(grid, path, steps)
    assert seen.shape == (len(steps), 2, 2)
    for axis, (values, (low, high)) in enumerate(zip(path, grid.window, strict=True)):
        first, last = seen[:, axis].T
        width = (high - low) / 3
        np.testing.assert_allclose(last - first, width)
        assert (first >= low).all()
        assert (last <= high + 1e-12).all()
        at = np.clip(values[steps], low, high)
        inner = (low + width / 2 < at) & (at < high - width / 2)
        assert (np.abs((first + last) / 2 - at)[inner] <= LEEWAY * width + 1e-12).all()
        assert ((first <= at) & (at <= last + 1e-12)).all()


def test_views_go_steadily_where_the_path_is_a_zigzag(grid):
    zigzag = Path(np.tile([-1.0, 1.0], 50), np.zeros(100))
    middles = views(grid, zigzag, np.arange(100))[:, 0].mean(axis=1)
    assert np.abs(np.diff(middles)).max() < 0.3
