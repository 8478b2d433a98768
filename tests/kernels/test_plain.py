"""The plain forms of the hard kernels, which are there to be read, compute what the kernels do."""

import numpy as np
import pytest

from kernels import LogitPlane, loss_surface, sgd_ensemble, sgd_run_, surface_on_plane
from kernels.arguments.samples import Block
from kernels.numba_cpu.grid import bias_axis, general_plane
from kernels.numba_cpu.runtime.schedule import samples_of
from kernels.numba_cpu.training import gradient, job, members_of_one_feature, one_feature, pipelined
from kernels.numba_cpu.training.members import signed_samples
from tests import problems

LABELS = pytest.mark.parametrize("labels", ["noisy", "soft"])


def kernel_samples(plane, y):
    return samples_of(Block(*(np.broadcast_to(field, y.shape).astype(float) for field in plane), y.astype(float)))


@LABELS
@pytest.mark.parametrize(("scale", "height"), [(1.0, 3.0), (30.0, 14.0), (30.0, 40.0), (300.0, 14.0)])
def test_a_tile_of_the_bias_axis(scale, height, labels):
    """Of products alone, with reflected samples, too wide for products, and with samples evaluated one by one."""
    problem = problems.one_feature(70, scale, labels=labels)
    s, b = np.linspace(-1.0, 1.3, bias_axis.COLUMNS), np.linspace(-height, height, 19)
    plain = bias_axis.plain_losses(kernel_samples(problem.plane, problem.y), s, b)
    surface = loss_surface(problem.plane[1], problem.y, s, b, method="direct")
    np.testing.assert_allclose(plain / len(problem.y), surface, rtol=1e-12)


@LABELS
@pytest.mark.parametrize("scale", [0.3, 3.0, 30.0, 300.0])
def test_a_tile_of_a_general_plane(scale, labels):
    problem = problems.plane(50, scale, labels=labels)
    s, t = np.linspace(-1.0, 1.3, 9), np.linspace(-0.5, 1.0, 7)
    plain = general_plane.plain_losses(kernel_samples(problem.plane, problem.y), s, t)
    surface = surface_on_plane(LogitPlane(*problem.plane), problem.y, s, t, method="direct")
    np.testing.assert_allclose(plain / len(problem.y), surface.loss, rtol=1e-12)


@LABELS
@pytest.mark.parametrize(("n", "d"), [(8, 8), (61, 8), (100, 17), (257, 30)])
@pytest.mark.parametrize("way", [job, pipelined])  # which one kernels take, the processor's registers decide
def test_groups_of_rows(way, n, d, labels):
    X, y, w, b = problems.sgd_problem(n, d, soft=labels == "soft")
    theta = np.append(w, b)
    value, slopes = way.plain_pass(X, y, theta, 8)
    want, want_slopes = gradient.sums(X, y, theta, None)
    assert value == pytest.approx(want, rel=1e-12)
    np.testing.assert_allclose(slopes, want_slopes, rtol=0, atol=1e-12 * np.abs(want_slopes).max())


@LABELS
@pytest.mark.parametrize("size", [1, 3, 4])
def test_margins_that_follow_from_the_last_slopes(size, labels):
    X, y, w, b = problems.sgd_problem(22, 1, soft=labels == "soft")
    batches = [(start, min(start + size, 22)) for start in range(0, 22, size)]
    plain = one_feature.plain_steps(X[:, 0], y, batches * 3, w[0], b[0], 0.3)
    run = sgd_run_(X, y, w, b, lr=0.3, batch_size=size, epochs=3)
    np.testing.assert_allclose(np.column_stack([run.w[:, 0], run.b]), plain, rtol=0, atol=1e-13)


@LABELS
@pytest.mark.parametrize("others", [(0.0, 0.0), (0.7, 0.1)], ids=["lr alone", "momentum and decay"])
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_a_member(dtype, others, labels):
    X, y, w, b = problems.sgd_problem(22, 1, dtype, soft=labels == "soft")
    samples = signed_samples(X, y, None, "bce")
    plain = members_of_one_feature.plain_run(samples.rows, samples.label_smoothing, np.append(w, b), 5, 0.3, 4, *others)
    rates = dict(zip(("momentum", "weight_decay"), others, strict=True))
    history = sgd_ensemble(X, y, w[None], b, lr=0.3, **rates, batch_size=5, epochs=4, history_of=[0]).history
    members = np.column_stack([history.w[0, :, 0], history.b[0]])
    assert plain.dtype == dtype
    np.testing.assert_allclose(plain, members, rtol=0, atol=8 * np.finfo(dtype).eps)
