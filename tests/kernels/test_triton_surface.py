"""The Triton kernels of surfaces on arrays of any size: in Triton's interpreter, on a card, and what they become."""

import json
import math

import numpy as np
import pytest
import torch

from tests import problems, processes
from tests.oracle import softplus

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # of NumPy, which interprets
SHAPES = ((8, 1, 1), (24, 17, 3), (136, 9, 70), (8, 50, 33))  # n, nt, ns
PLACES = ["in order", "elsewhere"]


def tables(n, nt, ns, reach):
    """u (n, ns) and v (n, nt) with |u + v| up to `reach`, those of the last sample far below."""
    rng = np.random.default_rng([n, nt, ns])
    u, v = (rng.uniform(-reach / 2, reach / 2, (n, points)) for points in (ns, nt))
    u[-1] -= 600
    return u, v


def sums(terms, start):
    """start + the sum of terms (n, nt, ns), each to its last digit."""
    cells = np.moveaxis(terms, 0, -1).reshape(-1, len(terms))
    return start + np.array([math.fsum(cell) for cell in cells]).reshape(start.shape)


@pytest.mark.parametrize("reach", [1e-6, 2.0, 80.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_products(shape, reach, card):
    from kernels.torch_cuda.triton import surface as triton_surface

    u, v = tables(*shape, reach)
    a, b = np.exp(u), np.exp(v)
    for start in (np.zeros((1, *shape[1:])), np.random.default_rng(0).uniform(size=(1, *shape[1:]))):
        total = card(start)
        triton_surface.add_products(total, card(a), card(b))
        want = sums(np.log1p(a[:, None, :] * b[:, :, None]), start)
        np.testing.assert_allclose(total.cpu(), want, rtol=1e-14)


@pytest.mark.parametrize("reach", [1.0, 80.0, 1300.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_hinged_products(shape, reach, card):
    from kernels.torch_cuda.triton import surface as triton_surface

    u, v = tables(*shape, reach)
    start = np.random.default_rng(0).uniform(size=(1, *shape[1:]))
    total = card(start)
    triton_surface.add_hinged_products(total, *map(card, (u, v, np.exp(u), np.exp(v), np.exp(-u), np.exp(-v))))
    want = sums(softplus(u[:, None, :] + v[:, :, None]), start)
    np.testing.assert_allclose(total.cpu(), want, rtol=1e-14 + reach * 2.0**-52)


def test_small_losses_keep_their_digits(card):
    """A sum of terms from 1e-300 on, to nothing."""
    from kernels.torch_cuda.triton import surface as triton_surface

    a, b = np.full((8, 5), 1e-150), 10.0 ** -np.arange(150.0)[None, :].repeat(8, axis=0)
    for add, tables in (
        (triton_surface.add_products, (a, b)),
        (triton_surface.add_hinged_products, (np.log(a), np.log(b), a, b, 1 / a, 1 / b)),
    ):
        total = card(np.zeros((1, 150, 5)))
        add(total, *map(card, tables))
        np.testing.assert_allclose(total[0].cpu(), np.broadcast_to(8e-150 * b[0][:, None], (150, 5)), rtol=1e-15)


def test_parts_have_totals_of_their_own(card):
    """The interpreter, where programs follow one another, would add up what is not to be shared."""
    from kernels.torch_cuda.triton import surface as body

    n, nt, ns, part = 24, 3, 5, 16
    u, v = tables(n, nt, ns, 2.0)
    a, b, totals = np.exp(u), np.exp(v), card(np.zeros((2, nt, ns)))
    body.products[(2,)](totals, card(a), card(b), n, nt, ns, part, body.FACTORS, 16, 16)
    terms = np.log1p(a[:, None, :] * b[:, :, None])
    want = [sums(terms[:part], np.zeros((nt, ns))), sums(terms[part:], np.zeros((nt, ns)))]
    np.testing.assert_allclose(totals.cpu(), want, rtol=1e-14)


def test_samples_are_shared_where_tiles_are_few():
    """Among programs that leave none out, in parts whose length the kernels take; few enough for their totals."""
    from kernels.torch_cuda.triton import surface as body

    for n in (8, 64, 128, 1000, 4096, 2**17):
        for tiles in (1, 3, 100, 1000, 5000):
            part = body.samples_of_part(n, tiles)
            assert part % body.FACTORS == 0
            assert part == n or part >= body.PART
            assert tiles == 5000 or -(-n // part) * tiles <= body.PROGRAMS
    assert body.samples_of_part(2**17, 5000) == 2**17
    assert body.samples_of_part(2**17, 1) == 2**17 // body.PROGRAMS


@pytest.mark.parametrize("floor", [0.0, -math.inf])
@pytest.mark.parametrize("places", PLACES)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize(("points", "nt", "ns"), [(1, 3, 5), (7, 18, 300), (32, 70, 11), (41, 41, 257)])
def test_interpolated_rows(points, nt, ns, dtype, places, floor, card):
    """Of tiles, the last of them not full, to a surface with strides, and nothing beside it."""
    from kernels.torch_cuda.triton import interpolate as triton_interpolate

    rng, nodes, tiles = np.random.default_rng(nt), 5, -(-nt // points)
    values, weights = rng.normal(size=(tiles * nodes, ns)), rng.normal(size=(nodes, nt))
    values[:, ns // 2] = np.nan
    tile = np.arange(nt) // points
    want = np.einsum("kj,jki->ji", weights, values.reshape(tiles, nodes, ns)[tile])
    want = np.where(want < floor, floor, want)
    in_order = places == "in order"
    rows, columns = (np.arange(length) if in_order else rng.permutation(length) for length in (nt, ns))
    memory = card(np.full((nt + 2, 2 * ns + 3), 77, dtype))
    out = memory[1:-1, 1 : 2 * ns + 1 : 2]
    values, weights = (card(np.pad(v, ((0, 0), (0, 3))))[:, :-3] for v in (values, weights))
    triton_interpolate.fill(out, values, weights, points, card(rows), card(columns), in_order, floor)
    tolerance = {"rtol": 2.0**-23, "atol": 1e-14} if dtype == np.float32 else {"rtol": 0, "atol": 1e-14}
    np.testing.assert_allclose(out.cpu().numpy()[np.ix_(rows, columns)], want, **tolerance)
    out.fill_(77)
    assert (memory == 77).all()


def test_a_program_writes_rows_of_its_tile(card):
    from kernels.torch_cuda.triton import interpolate as body

    points, nt, ns = 7, 18, 5
    out, values, weights = (card(np.full(shape, 77.0)) for shape in ((nt, ns), (3, ns), (1, nt)))
    places = card(np.arange(nt)), card(np.arange(ns))
    body.interpolate_rows[(1,)](out, values, weights, *places, ns, nt, ns, 1, 0.0, 1, points, nt, ns, True, 8, 16)
    np.testing.assert_array_equal(out.cpu(), np.where(np.arange(nt) < points, 77.0**2, 77.0)[:, None].repeat(ns, 1))


# What they are compiled to


def print_compiled():
    """[name, registers, stack, PTX] of every kernel, for surfaces of several sizes."""
    from kernels.torch_cuda.triton import interpolate as triton_interpolate
    from kernels.torch_cuda.triton import surface as triton_surface
    from tests import hopper

    with hopper.compiling(triton_interpolate, triton_surface) as found:
        for n, nt, ns in ((8, 16, 16), (24, 40, 72), (4096, 1024, 80), (16, 16, 4096)):
            along_s, along_t, total = (torch.zeros(shape).double() for shape in ((n, ns), (n, nt), (1, nt, ns)))
            triton_surface.add_products(total, along_s, along_t)
            triton_surface.add_hinged_products(total, *(along_s, along_t) * 3)
        for dtype in (torch.float32, torch.float64):
            for nt, ns in ((16, 64), (41, 77)):
                for in_order in (False, True):
                    out, values, weights = torch.zeros(nt, ns, dtype=dtype), torch.zeros(36, ns), torch.zeros(12, nt)
                    places = torch.arange(nt), torch.arange(ns)
                    triton_interpolate.fill(out, values.double(), weights.double(), 16, *places, in_order, 0.0)
    print(json.dumps([(kernel.name, kernel.registers, kernel.stack, kernel.ptx) for kernel in found]))


def test_compiled_for_hopper():
    """Nothing spills, four programs of 128 threads fit a multiprocessor at once, and products are compiled once for all
    sizes."""
    done = processes.run_python(
        "from tests.kernels.test_triton_surface import print_compiled; print_compiled()", TRITON_INTERPRET="0"
    )
    assert done.returncode == 0
    compiled = json.loads(done.stdout)
    assert {name for name, *_ in compiled} == {"products", "hinged_products", "interpolate_rows"}
    for name, registers, stack, ptx in compiled:
        assert registers <= 128, name
        assert stack == 0, name
        assert "fma.rn.f64" in ptx, name
    for name in ("products", "hinged_products"):
        assert len({ptx for found, _, _, ptx in compiled if found == name}) == 1
