"""Interpolation in axes of any order and spacing, and to outputs of any layout and alignment."""

import numpy as np
import pytest

from kernels import LogitPlane, loss_surface, surface_on_plane
from kernels.mathematics.spectral import Basis
from kernels.numba_cpu.grid import interpolate
from tests.oracle import assert_surface_close
from tests.problems import layouts

RNG = np.random.default_rng(5)
X = RNG.uniform(-1, 1, 200)
Y = (X > 0.1) * 1.0
PLANE = X[::-1].copy(), X, RNG.uniform(-1, 1, 200)
AXIS = np.linspace(-2, 2, 300)
SCATTERED = RNG.permutation(AXIS)


@pytest.mark.parametrize("s", [AXIS, AXIS[::-1], SCATTERED], ids=["ascending", "descending", "shuffled"])
@pytest.mark.parametrize("t", [AXIS, AXIS[::-1], SCATTERED], ids=["ascending", "descending", "shuffled"])
def test_either_axis_in_any_order(s, t, monkeypatch):
    spectral = loss_surface(X, Y, s, t, method="spectral")
    np.testing.assert_allclose(spectral, loss_surface(X, Y, s, t, method="direct"), rtol=0, atol=1e-12)
    monkeypatch.setattr(interpolate, "SCATTERED", 5 * len(s))
    np.testing.assert_array_equal(loss_surface(X, Y, s, t, method="spectral"), spectral)


def clusters(seed):
    """Points that repeat and are a few ulp apart, and others."""
    rng = np.random.default_rng(seed)
    return np.sort(np.append(1 + 2.0**-52 * rng.integers(0, 3 + seed, 200), np.linspace(2, 6, 300)))


@pytest.mark.parametrize("axis", [clusters(seed) for seed in range(8)])
def test_tiles_a_few_ulp_wide(axis):
    plane = LogitPlane(*PLANE)
    spectral, direct = (
        surface_on_plane(plane, Y, axis, axis, quantities=("loss", "hessian"), method=method)
        for method in ("spectral", "direct")
    )
    assert spectral.plan.method == "spectral"
    for name in ("loss", "hessian"):
        np.testing.assert_allclose(getattr(spectral, name), getattr(direct, name), rtol=0, atol=2e-12)


@pytest.mark.parametrize("far", [1e3, 1e6, 1e9])
def test_axes_far_from_zero(far):
    p, q, r = PLANE
    plane, s, t = (p - far * (q + r), q, r), AXIS + far, AXIS[::2] + far
    got = surface_on_plane(LogitPlane(*plane), Y, s, t, method="spectral")
    assert got.plan.method == "spectral"
    assert_surface_close(got.loss, plane, Y, s, t, method="spectral")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [256, 264, 267])
def test_outputs_of_any_alignment(columns, dtype):
    """To the same bits, and nothing but the cells."""
    x, s = X.astype(dtype), AXIS[:columns]
    want = loss_surface(x, Y, s, AXIS, method="spectral")
    size, itemsize = want.size, want.itemsize
    for shift in (0, 1, itemsize, 3 * itemsize, 32):
        memory = np.full(itemsize * size + 256, 77, np.uint8)
        start = -memory.ctypes.data % 64 + 64 + shift
        inside = memory[start : start + itemsize * size]
        out = inside.view(dtype).reshape(want.shape)
        loss_surface(x, Y, s, AXIS, method="spectral", out=out)
        np.testing.assert_array_equal(out, want)
        inside[:] = 77
        assert (memory == 77).all()
    for out in layouts(np.full(want.shape, np.nan, dtype)).values():
        if out.flags.writeable:
            loss_surface(x, Y, s, AXIS, method="spectral", out=out)
            np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("points", [1, 2, 3, 4, 5, 6, 7, 11])
@pytest.mark.parametrize("columns", [1, 40, 300])
def test_bands_of_any_height_write_their_own_rows(columns, points, dtype, monkeypatch):
    """The last band first, so that what a band writes to the next one stays; memory around the surface stays too."""
    rng = np.random.default_rng(points)
    tiles, nodes_t, nodes_s = 3, 5, 4
    rows = tiles * points - points // 2
    values = interpolate.values_with_room((tiles * nodes_t, nodes_s))
    values[:] = rng.normal(size=values.shape)
    along_t, along_s = rng.normal(size=(nodes_t, rows)), rng.normal(size=(nodes_s, columns))
    guarded = np.full(rows * columns + 2000, 77, dtype)
    out = guarded[1000:-1000].reshape(rows, columns)
    bands = []
    monkeypatch.setattr(interpolate, "operations", lambda *of_band: interpolate.OPERATIONS_PER_THREAD)
    monkeypatch.setattr(interpolate, "threads", lambda: 1)
    monkeypatch.setattr(interpolate, "launch", lambda kernel, work, *arguments: bands.append((kernel, arguments)))
    interpolate.fill_contiguous(values, Basis(along_s, columns), Basis(along_t, points), out, -np.inf)
    assert len(bands) == tiles
    for kernel, arguments in reversed(bands):
        kernel.serial(*arguments)
    tile = np.repeat(np.arange(tiles), points)[:rows]
    want = np.einsum("kj,jki,il->jl", along_t, values.reshape(tiles, nodes_t, nodes_s)[tile], along_s)
    np.testing.assert_allclose(out, want, rtol=0, atol=4e-6 if dtype == np.float32 else 1e-13)
    out[:] = 77
    assert (guarded == 77).all()


@pytest.mark.parametrize("points", [16, 64, 100])
def test_same_bits_for_bands_of_any_height(points, monkeypatch):
    """In tiles, and in one."""
    rng = np.random.default_rng(points)
    tiles, nodes = -(-100 // points), 5
    values = interpolate.values_with_room((tiles * nodes, nodes))
    values[:] = rng.normal(size=values.shape)
    bases = Basis(rng.normal(size=(nodes, 70)), 70), Basis(rng.normal(size=(nodes, 100)), points)
    surfaces = []
    for operations in (10**9, 200_000, 1):
        monkeypatch.setattr(interpolate, "OPERATIONS_PER_THREAD", operations)
        surfaces.append(np.empty((100, 70)))
        interpolate.fill_contiguous(values, *bases, surfaces[-1], -np.inf)
    np.testing.assert_array_equal(surfaces[1], surfaces[0])
    np.testing.assert_array_equal(surfaces[2], surfaces[0])
