"""Windows that fit what is to be seen, where none is asked for."""

import numpy as np
import pytest

from logreg import LossSurface, TrainingPath, train
from logreg.directions import Plane
from logreg.model import seeded_model
from logreg.windows import axes_of, window_of
from tests import problems

PROBLEM = problems.sgd_problem(97, 5)
DATA = PROBLEM.X, PROBLEM.y
THETA = np.append(PROBLEM.w, PROBLEM.b)


def ends(surface):
    return (surface.s[0], surface.s[-1]), (surface.t[0], surface.t[-1])


@pytest.mark.parametrize("scale", [1e-3, 1.0, 40.0])
def test_around_a_model_it_goes_as_far_as_the_weights(scale):
    reach = scale * np.linalg.norm(PROBLEM.w)
    directions = 0.5 * np.eye(6)[0], 3 * np.eye(6)[4]
    surface = LossSurface.around(scale * THETA, DATA, directions=directions, resolution=3)
    np.testing.assert_allclose(ends(surface), [(-2 * reach, 2 * reach), (-reach / 3, reach / 3)], rtol=1e-14)


def test_around_nothing_it_goes_to_1():
    np.testing.assert_array_equal(ends(LossSurface.around(np.zeros(6), DATA, resolution=3)), [(-1, 1), (-1, 1)])


@pytest.mark.parametrize("directions", ["axes", "random", "hessian", "pca"])
def test_around_a_path_it_holds_the_path_and_the_center(directions):
    history = train(seeded_model(5, 0).double(), DATA, lr=0.5, batch_size=10, epochs=3)
    surface = LossSurface.around(history, DATA, directions=directions, seed=0, resolution=3)
    found = surface.project(history)
    for values, (low, high) in zip((found.s, found.t), ends(surface), strict=True):
        if found.outside <= 0.5:
            margin = 0.25 * np.ptp(np.append(values, 0))
            assert low == pytest.approx(min(values.min(), 0) - margin, rel=1e-12)
            assert high == pytest.approx(max(values.max(), 0) + margin, rel=1e-12)
        assert low < min(values.min(), 0) <= max(values.max(), 0) < high


def test_a_path_of_one_point_has_a_window():
    np.testing.assert_array_equal(
        ends(LossSurface.around(TrainingPath([THETA]), DATA, resolution=3)), [(-1, 1), (-1, 1)]
    )


@pytest.mark.parametrize("resolution", [(5, 1), (1, 5), (1, 1)])
def test_one_point_is_the_center_or_the_middle_of_a_window(resolution):
    path = TrainingPath([THETA, THETA + 1, THETA + np.arange(6)])
    fitted = LossSurface.around(path, DATA, directions="pca", resolution=resolution)
    asked = LossSurface.around(path, DATA, directions="pca", resolution=resolution, extent=((0, 3), (2, 4)))
    for axis, other, points, middle in zip((fitted.s, fitted.t), (asked.s, asked.t), resolution, (1.5, 3), strict=True):
        assert len(axis) == len(other) == points
        if points == 1:
            assert (axis[0], other[0]) == (0, middle)


def test_windows_are_of_all_paths():
    plane = LossSurface.around(THETA, DATA, directions=(np.eye(6)[0], np.eye(6)[1]), resolution=3).plane
    paths = [plane.center + np.outer([0, 1], plane.s_direction), plane.center + np.outer([0, -3], plane.t_direction)]
    s, t = axes_of(None, 3, plane, paths)
    np.testing.assert_allclose((s[0], s[-1], t[0], t[-1]), (-0.25, 1.25, -3.75, 0.75), atol=1e-12)


@pytest.mark.parametrize("lengths", [(1.0, 1.0), (0.25, 3.0)])
def test_a_path_off_the_plane_has_a_window_as_wide_as_it_is_long(lengths):
    plane = Plane(THETA, lengths[0] * np.eye(6)[0], lengths[1] * np.eye(6)[1], ("", ""))
    path = THETA + np.outer([0, 1], 3 * np.eye(6)[0] + 4 * np.eye(6)[3])
    (s0, s1), (t0, t1) = window_of(plane, path)
    np.testing.assert_allclose((-s0, s1), 7.5 / lengths[0], rtol=1e-12)
    np.testing.assert_allclose((-t0, t1), 7.5 / lengths[1], rtol=1e-12)
