"""`surface_on_plane` and `plan_surface` against the oracle: every quantity, method, dtype and backend."""

import numpy as np
import pytest
import torch

from kernels import LogitPlane, logit_plane, loss_surface, plan_surface, surface_on_plane
from kernels.losses import LOSSES
from kernels.mathematics import planning
from kernels.numba_cpu.grid import general_plane, interpolate
from kernels.numba_cpu.grid import surface as body
from tests.oracle import COUNTED, LEADING_SHAPE, QUANTITIES, assert_surface_close, direct_tolerance, loss_at
from tests.problems import lab_data, lab_window, layouts, one_feature, plane, surface_problems

SMOOTH = tuple(name for name in QUANTITIES if name not in COUNTED)


def evaluate(problem, s=None, t=None, **options):
    s, t = problem.s if s is None else s, problem.t if t is None else t
    options = {"quantities": QUANTITIES, "sample_weight": problem.sample_weight, **options}
    return surface_on_plane(LogitPlane(*problem.plane), problem.y, s, t, **options)


def assert_close(surface, problem, quantities=QUANTITIES, **options):
    for name in quantities:
        arguments = problem.plane, problem.y, surface.s, surface.t, name
        options = {"weights": problem.sample_weight, "cells": 8, "method": surface.plan.method, **options}
        assert_surface_close(getattr(surface, name), *arguments, **options)


@pytest.mark.parametrize("backend", ["numba", "reference"])
@pytest.mark.parametrize("problem", list(surface_problems(40, seed=1)), ids=lambda problem: problem.name)
def test_direct_keeps_its_accuracy(problem, backend):
    assert_close(evaluate(problem, method="direct", backend=backend), problem)


OTHER_LOSSES = tuple(loss for loss in LOSSES if loss != "bce")


@pytest.mark.parametrize("loss", OTHER_LOSSES)
@pytest.mark.parametrize("problem", list(surface_problems(20, seed=2)), ids=lambda problem: problem.name)
def test_direct_keeps_its_accuracy_with_other_losses(problem, loss):
    assert_close(evaluate(problem, method="direct", loss=loss), problem, loss=loss)


@pytest.mark.parametrize("backend", ["numba", "reference"])
@pytest.mark.parametrize("label", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("offset", [1.5e308, -1.5e308])
def test_curvature_vanishes_at_the_largest_logits(offset, label, backend):
    plane, options = LogitPlane([offset], [1.0], [1.0]), {"quantities": "hessian", "backend": backend}
    for loss in LOSSES:
        assert (surface_on_plane(plane, [label], [0.0], [0.0], loss=loss, **options).hessian == 0).all(), loss


@pytest.mark.parametrize("loss", OTHER_LOSSES)
@pytest.mark.parametrize("tol", [1e-6, 1e-12])
def test_spectral_keeps_its_bound_with_other_losses(loss, tol):
    s, t = np.linspace(-4, 4, 150), np.linspace(-3, 5, 171) ** 3 / 25
    for problem in (one_feature(20, 1.0, labels="soft"), plane(300, 0.3, weighted=True, labels="noisy")):
        surface = evaluate(problem, s, t, method="spectral", tol=tol, loss=loss)
        assert (surface.plan.method, surface.plan.bound <= tol) == ("spectral", True)
        assert_close(surface, problem, cells=64, tol=tol, loss=loss)


@pytest.mark.parametrize("tol", [1e-3, 1e-6, 1e-10, 1e-13])
@pytest.mark.parametrize(
    "problem",
    [
        one_feature(20, 1.0, labels="noisy"),
        one_feature(20, 1.0, labels="soft", dtype=np.float32),
        plane(100, 0.3),
        plane(300, 0.3, weighted=True, labels="soft"),
        plane(7, 0.3, dtype=np.float32, labels="ones"),
    ],
    ids=lambda problem: problem.name,
)
def test_spectral_keeps_its_bound(problem, tol):
    s, t = np.linspace(-4, 4, 150), np.linspace(-3, 5, 171) ** 3 / 25
    surface = evaluate(problem, s, t, method="spectral", tol=tol)
    assert surface.plan.method == "spectral"
    assert surface.plan.bound <= tol
    assert_close(surface, problem, cells=64, tol=tol)


@pytest.mark.parametrize("shape", [(31, 33), (32, 64), (200, 65), (257, 520)])
def test_spectral_fills_every_cell_of_any_shape_in_any_order(shape):
    problem, rng = plane(50, 0.3), np.random.default_rng(0)
    s, t = (rng.permutation(np.linspace(-3, 3, points)) for points in shape)
    out = {name: np.full((*LEADING_SHAPE.get(name, ()), *shape[::-1]), np.nan) for name in SMOOTH}
    surface = evaluate(problem, s, t, quantities=SMOOTH, method="spectral", tol=1e-9, out=out)
    assert surface.plan.method == "spectral"
    exact = evaluate(problem, s, t, quantities=SMOOTH, method="direct")
    for name in SMOOTH:
        assert getattr(surface, name) is out[name]
        np.testing.assert_allclose(out[name], getattr(exact, name), rtol=0, atol=2e-9)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_rows_in_any_order_are_written_in_parts_of_any_size(rows, monkeypatch):
    """Every row of them, where a tile's last part is shorter too."""
    problem, rng = plane(50, 0.3), np.random.default_rng(0)
    s, t = rng.permutation(np.linspace(-3, 3, 65)), rng.permutation(np.linspace(-3, 3, 130))
    options = {"quantities": "loss", "method": "spectral", "tol": 1e-3}
    want = evaluate(problem, s, t, **options)
    assert want.plan.method == "spectral"
    monkeypatch.setattr(interpolate, "SCATTERED", rows * len(s))
    out = np.full((130, 65), np.nan)
    np.testing.assert_array_equal(evaluate(problem, s, t, **options, out=out).loss, want.loss)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_output_in_any_layout(dtype):
    problem = plane(20, 1.0, dtype=dtype)
    wanted = evaluate(problem, quantities=("loss",)).loss
    for out in layouts(np.full(wanted.shape, np.nan, dtype)).values():
        if out.flags.writeable:
            assert evaluate(problem, quantities=("loss",), out=out).loss is out
            np.testing.assert_array_equal(out, wanted)


def test_auto_takes_the_cheaper_method_and_says_why():
    x, y = lab_data(np.float64)
    lab = LogitPlane(np.zeros_like(x), x, np.ones_like(x))
    small, large = (plan_surface(lab, y, *lab_window(points)) for points in (30, 2048))
    assert (small.method, small.nodes, small.bound) == ("direct", None, 0.0)
    assert large.method == "spectral"
    assert 0 < large.bound <= 1e-12
    assert "multiply-adds" in large.reason
    assert surface_on_plane(lab, y, *lab_window(30)).plan == small


def test_plans_do_not_depend_on_those_before():
    """The same as with none kept, and another one for other samples, axes, quantities or tolerance."""

    def plan(scale=0.1, points=300, spread=3.0, names=("loss",), tol=1e-12):
        problem, axis = plane(50, scale), np.linspace(-spread, spread, points)
        options = {"quantities": names, "tol": tol, "method": "spectral"}
        return plan_surface(LogitPlane(*problem.plane), problem.y, axis, axis[::2], **options)

    cases = {}, {"scale": 0.2}, {"points": 301}, {"spread": 2.9}, {"names": ("hessian",)}, {"tol": 1e-9}
    plans = [plan(**case) for case in (*cases, *cases)]
    alone = [planning.kept_ways.cache_clear() or plan(**case) for case in cases]
    assert plans == [*alone, *alone]
    assert len({(plan.bound, plan.reason) for plan in alone}) == len(cases)


def test_a_window_too_wide_falls_back_to_direct():
    problem = plane(20, 1e4)
    surface = evaluate(problem, method="spectral")
    assert surface.plan.method == "direct"
    assert "too fast" in surface.plan.reason
    assert_close(surface, problem)


def worst_of_equal_samples(samples, counts, y, s, t, sample_weight=None):
    """The largest error of the direct loss of so many of each sample (p, q, r), over what soft labels are promised."""
    different = np.array(samples).T
    plane = LogitPlane(*np.repeat(different, counts, axis=1))
    got = surface_on_plane(plane, np.full(sum(counts), y), s, t, sample_weight=sample_weight, method="direct").loss
    labels = np.full(len(counts), y)
    return max(
        abs(got[j, i] - loss_at(different, labels, s[i], t[j], counts))
        / direct_tolerance(
            different, labels, s[i], t[j], weights=counts
        )  # whatever the labels: weights make it absolute
        for j, i in np.ndindex(got.shape)
    )


LONG, SHORT = np.linspace(-20, 20, 9), np.linspace(-1, 1, 3)
# 0.4 times the first and 0.6 times the second, added 256 times, lose 32 units in the last place if nothing is carried.
SLOPE, FAR = 0.6621077608398185, 56.49986225832853


@pytest.mark.parametrize(
    ("samples", "s", "t"),
    [
        ([(0, SLOPE, 0.01), (0, SLOPE, 0.02)], LONG, SHORT),
        ([(0, 0.01, SLOPE), (0, 0.01, 0.66)], SHORT, LONG),
        ([(FAR, 0.01, 0.01), (FAR, 0.01, 0.02)], SHORT, SHORT),
        ([(0, 0.01, 1)], SHORT, np.linspace(-15, 15, 9)),
        ([(0, 0.01, 1)], SHORT, np.linspace(26, 38, 9)),
    ],
    ids=["slope along s", "slope along t", "level", "slope along the bias", "level far along the bias"],
)
def test_linear_parts_of_equal_samples_carry_what_rounding_loses(samples, s, t):
    """Their rounding errors all have one sign; a thirtieth of the promise is usual."""
    counts = [512] if len(samples) == 1 else [511, 1]
    assert worst_of_equal_samples(samples, counts, 0.4, s, t) <= 0.1


@pytest.mark.parametrize("n", [1, 257])
def test_every_sample_of_the_last_chunk_counts(n):
    """One of them alone: a chunk has 256."""
    problem = plane(n, 1.0, seed=n)
    wrong = problem._replace(y=np.where(np.arange(n) == n - 1, 1.0 - problem.y, problem.y))
    for one in (problem, wrong):
        assert_close(evaluate(one, quantities="loss", method="direct"), one, ["loss"])


def test_a_single_steep_sample_counts():
    """No product holds it, unlike all others."""
    problem = plane(300, 0.1)
    for field in problem.plane:
        field[7] = 40.0
    assert_close(evaluate(problem, quantities="loss", method="direct"), problem, ["loss"], cells=30)


@pytest.mark.parametrize("steepness", [37.0, 60.0, 300.0])
def test_tiny_losses_of_steep_samples_keep_their_digits(steepness):
    """Of samples right all over a tile, that change so much there that e to the margin in the middle vanishes."""
    near, steep = np.full(3, -745.0), np.array([1.0, 1.0, 0.9]) * steepness
    flat, s, t = np.array([0.1, 0.2, 0.3]), np.linspace(-1, 1, 9), np.linspace(-1, 1, 5)
    for q, r in ((steep, flat), (flat, steep)):
        got = surface_on_plane(LogitPlane(near, q, r), np.zeros(3), s, t, method="direct").loss
        assert_surface_close(got, (near, q, r), np.zeros(3), s, t)


@pytest.mark.parametrize("steepness", [30.0, 300.0, 1e4, 1e9, 1e90])
@pytest.mark.parametrize("n", [2, 10, 40])
@pytest.mark.parametrize("soft", [0, 1, 40])
def test_steep_planes_keep_digits_where_logits_are_small(soft, n, steepness):
    """At t = 0, and at s = 0, logits are p alone, whatever they are elsewhere on the tile."""
    rng = np.random.default_rng(int(steepness % 1000))
    p, q, r = rng.normal(size=(3, n))
    y = np.where(np.arange(n) < soft, rng.uniform(size=n), rng.normal(size=n) > 0)
    few, many = np.linspace(-0.02, 0.02, 3), np.arange(-4.0, 5.0)
    for fields, s, t in (((p, q, steepness * r), few, many), ((p, steepness * q, r), many, few)):
        for start in (0, 4):  # of the axis that is steep: where 0 is in the middle, and where it is at the end
            axes = (s, t[start:]) if t is many else (s[start:], t)
            got = surface_on_plane(LogitPlane(*fields), y, *axes, method="direct").loss
            assert_surface_close(got, fields, y, *axes, cells=10**6)


@pytest.mark.parametrize(
    ("fields", "y"),
    [
        (([0.016046702561896338, 0.0], [229.1003761214577, 0.1], [-25.724510766793394, 0.2]), [0.0, 0.5]),
        (
            (
                [-0.02919214136761852] * 2,
                [35.16551030125673, 35.16551033650088],
                [-1030.985099048857, -1030.9850980155663],
            ),
            [9.004743543272294e-07, 1.0001404832122573e-06],
        ),
    ],
    ids=["a hard label beside a soft one", "soft labels"],
)
def test_linear_parts_are_not_seen_where_logits_are_small(fields, y):
    """Samples that are wrong all over a tile, and hardly so at one of its corners."""
    plane, y = tuple(map(np.array, fields)), np.array(y)
    steep_s, steep_t = np.array([0.0, 0.06883012254430058]), np.array([-72.62080055659106, 0.0005537563249371442])
    flat_s, flat_t = (
        np.array([0.0011076392365024946, 0.1700319769397709]),
        np.array([-0.05490518635880098, -3.368668438766168e-09]),
    )
    for s, t in ((steep_s, steep_t), (flat_s, flat_t)):
        got = surface_on_plane(LogitPlane(*plane), y, s, t, method="direct").loss
        assert_surface_close(got, plane, y, s, t)


@pytest.mark.parametrize(
    ("jobs", "evaluations"), [(1, 1), (1, 2 * general_plane.CELLS * general_plane.CHUNK), (4, 10**12)]
)
def test_same_bits_for_any_launches(jobs, evaluations, monkeypatch):
    """Three tiles along s by two, and chunks of samples, the last one of a single sample."""
    problem, s, t = plane(513, 1.0), np.linspace(-3, 3, 130), np.linspace(-2, 3, 70)
    want = evaluate(problem, s, t, quantities="loss", method="direct").loss
    assert_surface_close(want, problem.plane, problem.y, s, t, cells=16)
    monkeypatch.setattr(body, "JOBS_PER_THREAD", jobs)
    monkeypatch.setattr(body, "EVALUATIONS_PER_THREAD", evaluations)
    got = evaluate(problem, s, t, quantities="loss", method="direct").loss
    np.testing.assert_array_equal(got, want)


def test_sums_of_many_weighted_samples_carry_what_rounding_loses():
    n = 400_001
    assert worst_of_equal_samples([(0, 0.7431, 1)], [n], 1.0, [1.0, -3.0], [0.3], np.ones(n)) <= 1


def test_tolerance_0_is_direct():
    assert evaluate(plane(20, 0.1), method="spectral", tol=0).plan.method == "direct"


def test_loss_surface_is_the_case_of_one_feature():
    x, y = lab_data(np.float64)
    w, b = lab_window(50)
    surface = surface_on_plane(LogitPlane(np.zeros_like(x), x, np.ones_like(x)), y, w, b)
    np.testing.assert_array_equal(loss_surface(x, y, w, b), surface.loss)


@pytest.mark.parametrize("d", [1, 2, 30])
def test_logit_plane(d):
    rng = np.random.default_rng(d)
    X, directions = rng.normal(size=(50, d)), rng.normal(size=(3, d + 1))
    made = logit_plane(X, *directions)
    for field, theta in zip(made, directions, strict=True):
        np.testing.assert_allclose(field, X @ theta[:-1] + theta[-1], rtol=1e-14, atol=1e-14)
    as_tensors = logit_plane(torch.from_numpy(X), *directions)
    assert all(isinstance(field, torch.Tensor) for field in as_tensors)


def test_same_bits_for_any_number_of_threads():
    import numba

    problem = plane(300, 1.0)
    s, t = np.linspace(-3, 3, 130), np.linspace(-3, 3, 140)
    threads = numba.get_num_threads()
    surfaces = []
    for count in (1, threads):
        numba.set_num_threads(count)
        for method in ("direct", "spectral"):
            surfaces.append(evaluate(problem, s, t, method=method, tol=1e-3))
    numba.set_num_threads(threads)
    for one, other in zip(surfaces[:2], surfaces[2:], strict=True):
        for name in QUANTITIES:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"quantities": ()}, "quantities is .* accepted"),
        ({"quantities": ("loss", "loss")}, "quantities is .* accepted"),
        ({"quantities": None}, "quantities is None; accepted"),
        ({"quantities": [["loss"]]}, "quantities is .* accepted"),
        ({"quantities": "entropy"}, "quantities is 'entropy'; accepted"),
        ({"sample_weight": np.ones(3)}, r"sample_weight has shape \(3,\); accepted: \(20,\)"),
        ({"sample_weight": np.zeros(20)}, "sample_weight has a negative value, or only zeros"),
        ({"method": "fast"}, "method is 'fast'; accepted"),
        ({"tol": 1e-14}, "tol is 1e-14; accepted"),
        ({"out": np.empty((6, 11))}, "out is for"),
        ({"out": {1: None, "loss": None}}, "out is for"),
    ],
)
def test_wrong_arguments(change, match):
    with pytest.raises(ValueError, match=match):
        evaluate(plane(20, 1.0), **change)


def test_output_in_the_memory_of_the_weights():
    weight = np.ones(20)
    with pytest.raises(ValueError, match="out shares memory with the data; accepted"):
        evaluate(
            plane(20, 1.0),
            np.arange(5.0),
            np.arange(4.0),
            quantities="loss",
            sample_weight=weight,
            out=weight.reshape(4, 5),
        )
    assert (weight == 1).all()


def test_weighted_accuracies_are_shares():
    problem = plane(300, 1.0, weighted=True)
    t = np.linspace(-1000, 1000, 301)
    for y in (problem.y, np.zeros(300), np.ones(300)):
        shares = evaluate(problem._replace(y=y), t=t, quantities="accuracy").accuracy
        assert (shares >= 0).all()
        assert (shares <= 1).all()


def test_wrong_planes():
    p, q, r = plane(20, 1.0).plane
    with pytest.raises(TypeError, match="plane is a stream of ndarray; accepted: a LogitPlane"):
        surface_on_plane((p, q, r), np.zeros(20), [0.0], [0.0])
    with pytest.raises(ValueError, match=r"plane.s_slope is float64 \(19,\)"):
        surface_on_plane(LogitPlane(p, q[1:], r), np.zeros(20), [0.0], [0.0])
    with pytest.raises(ValueError, match=r"center has shape \(3,\); accepted: \(2,\)"):
        logit_plane(np.ones((5, 1)), [0, 0, 0], [1, 0], [0, 1])


def test_logits_that_overflow_are_refused():
    p, q, r = plane(20, 1.0).plane
    for evaluate_ in (surface_on_plane, plan_surface):
        with pytest.raises(ValueError, match=r"s and t reach 1e\+308 and 0, where logits overflow; accepted"):
            evaluate_(LogitPlane(p, 1e9 * q, r), np.zeros(20), [1e308], [0.0])


def test_one_array_for_two_quantities_is_refused():
    out = np.zeros((6, 11))
    with pytest.raises(ValueError, match=r"out\['loss'\] shares memory with out\['mse'\]"):
        evaluate(plane(20, 1.0), quantities=("loss", "mse"), out={"loss": out, "mse": out})
    assert not out.any()
