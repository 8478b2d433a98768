"""Progress of calls, as a callable is told and as a bar shows it."""

import numpy as np
import pytest

import kernels
from kernels.numba_cpu.grid import elementwise
from kernels.numba_cpu.training import update
from tests import problems

pytestmark = pytest.mark.usefixtures("warm")

GRIDS = {  # points along w and b, samples
    "one launch": (30, 30, 20),
    "one point": (1, 1, 5000),
    "33 groups of weights": (257, 1, 20),
    "many tiles": (1030, 700, 3),
    "many samples": (65, 513, 3000),
    "tiles of all sizes": (9, 1100, 1500),
}


def collected(call):
    """What a call reported."""
    reports = []
    call(lambda done, total: reports.append((done, total)))
    return reports


def assert_complete(reports, total):
    assert reports
    done = [d for d, _ in reports]
    assert {t for _, t in reports} == {total}
    assert all(0 < one <= total for one in done)
    assert done == sorted(done)
    assert done[-1] == total


@pytest.mark.parametrize("grid", GRIDS)
def test_progress_of_surfaces(grid):
    n_w, n_b, n = GRIDS[grid]
    x = np.linspace(-1, 1, n)
    axes = np.linspace(-5, 5, n_w), np.linspace(-40, 40, n_b)
    reports = collected(lambda progress: kernels.loss_surface(x, x > 0, *axes, progress=progress))
    assert_complete(reports, n_w * n_b * n)


def test_progress_of_wide_surfaces(monkeypatch):
    """One evaluation of a logit counts once, however rows are cut."""
    monkeypatch.setattr(elementwise, "WIDEST", 64)
    x, s, t = np.linspace(-1, 1, 20), np.linspace(-5, 5, 150), np.linspace(-4, 4, 5)
    plane, options = kernels.LogitPlane(0 * x, x, 0 * x + 1), {"quantities": ("gradient",), "method": "direct"}
    reports = collected(lambda progress: kernels.surface_on_plane(plane, x > 0, s, t, **options, progress=progress))
    assert_complete(reports, 150 * 5 * 20)


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("operations", [1, 500, 10**8])
def test_progress_of_runs(operations, d, monkeypatch):
    problem = problems.sgd_problem(20, d)
    monkeypatch.setattr(update, "LAUNCH_OPERATIONS", max(operations, update.operations(1, d)))
    settings = {"lr": 0.1, "batch_size": 3, "epochs": 4}
    reports = collected(lambda progress: kernels.sgd_run_(*problem, **settings, progress=progress))
    assert_complete(reports, 28)
    assert len(reports) == (1 if operations == 10**8 else len(set(reports)))


def test_progress_of_the_reference():
    problem = problems.sgd_problem(20, 3)
    settings = {"lr": 0.1, "batch_size": 3, "epochs": 4, "backend": "reference"}
    assert_complete(collected(lambda progress: kernels.sgd_run_(*problem, **settings, progress=progress)), 28)
    x, axis = np.linspace(-1, 1, 20), np.linspace(-1, 1, 30)
    options = {"backend": "reference"}
    reports = collected(lambda progress: kernels.loss_surface(x, x > 0, axis, axis, **options, progress=progress))
    assert_complete(reports, 20 * 30 * 30)


def test_progress_bars_on_stderr(capfd):
    problem = problems.sgd_problem(20, 3)
    kernels.sgd_run_(*problem, lr=0.1, batch_size=3, epochs=4, progress=True)
    printed = capfd.readouterr()
    assert "100%" in printed.err
    assert "28.0/28.0" in printed.err
    assert printed.out == ""
    x, axis = np.linspace(-1, 1, 20), np.linspace(-1, 1, 50)
    kernels.loss_surface(x, x > 0, axis, axis, progress=True)
    printed = capfd.readouterr()
    assert "100%" in printed.err
    assert "50.0k/50.0k" in printed.err
    assert printed.out == ""


def test_an_exception_in_progress_stops_the_call(monkeypatch):
    def stop(done, total):
        raise RuntimeError(f"at {done}")

    problem = problems.sgd_problem(20, 2)
    path = kernels.sgd_run_(*(v.copy() for v in problem), lr=0.1, batch_size=3, epochs=4)
    monkeypatch.setattr(update, "LAUNCH_OPERATIONS", 5 * update.operations(3, 2))
    with pytest.raises(RuntimeError, match="at 5"):
        kernels.sgd_run_(*problem, lr=0.1, batch_size=3, epochs=4, progress=stop)
    np.testing.assert_array_equal(problem.w, path.w[4])
    np.testing.assert_array_equal(problem.b, path.b[4:5])
    x, axis = np.linspace(-1, 1, 20), np.linspace(-1, 1, 30)
    with pytest.raises(RuntimeError, match="at 18000"):
        kernels.loss_surface(x, x > 0, axis, axis, progress=stop)
    assert np.isfinite(kernels.loss_surface(x, x > 0, axis, axis)).all()
