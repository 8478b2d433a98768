"""Surfaces by torch.compile, held to the contract of every backend, on the CPU and on a card."""

import re

import numpy as np
import pytest
import torch

from kernels import LogitPlane, checks, logit_plane, loss_surface, plan_surface, surface_on_plane
from tests.oracle import QUANTITIES, assert_surface_close
from tests.problems import lab_data, lab_window, layouts, one_feature, plane, surface_problems

FEW = ("loss", "accuracy")  # each quantity takes a graph
LINE = one_feature(3000, 0.3, labels="soft")


def evaluate(problem, place, s=None, t=None, **options):
    """A Surface, whose fields are where the problem was."""
    data = LogitPlane(*map(place, problem.plane)), place(problem.y)
    axes = problem.s if s is None else s, problem.t if t is None else t
    return surface_on_plane(*data, *axes, sample_weight=place(problem.sample_weight), backend="torch", **options)


def assert_close(surface, problem, names, cells=8):
    for name in names:
        values = getattr(surface, name)
        got = values if isinstance(values, np.ndarray) else values.cpu().numpy()
        method = "direct" if name == "accuracy" else surface.plan.method
        axes = (np.asarray(torch.as_tensor(axis).cpu()) for axis in (surface.s, surface.t))
        where = problem.plane, problem.y, *axes, name
        assert_surface_close(got, *where, weights=problem.sample_weight, cells=cells, method=method)


def test_one_graph_evaluates_any_problem(place, one_graph):
    for problem in surface_problems(40, seed=5):
        assert_close(evaluate(problem, place, quantities=FEW, method="direct"), problem, FEW)


@pytest.mark.long
def test_every_quantity_of_many_problems(place, one_graph):
    for problem in surface_problems(200, seed=6):
        assert_close(evaluate(problem, place, quantities=QUANTITIES, method="direct"), problem, QUANTITIES, cells=16)


@pytest.mark.parametrize("labels", ["noisy", "soft"])
@pytest.mark.parametrize("scale", [3.0, 30.0, 300.0, 1e4])
def test_large_margins_go_by_products_too(scale, labels, place, one_graph, monkeypatch):
    from kernels.torch_cuda import surface as body

    problem, t = one_feature(30, scale, labels=labels), np.linspace(-30, 40, 500)
    monkeypatch.delattr(body, "evaluate_singly")
    assert_close(evaluate(problem, place, t=t, method="direct"), problem, ("loss",), cells=64)


@pytest.mark.parametrize("shape", [(31, 33), (200, 65), (257, 520)])
def test_spectral_keeps_its_bound(shape, place, one_graph):
    problem, rng = plane(50, 0.3), np.random.default_rng(0)
    s, t = (rng.permutation(np.linspace(-3, 3, points)) for points in shape)
    surface = evaluate(problem, place, s, t, method="spectral")
    assert surface.plan.method == "spectral"
    assert_close(surface, problem, ("loss",), cells=32)


@pytest.mark.long
def test_samples_on_a_line_are_compressed(place, one_graph):
    names = ("loss", "mse", "gradient", "hessian")
    s, t = np.linspace(-3, 3, 300), np.linspace(-2, 2, 200)
    surface = evaluate(LINE, place, s, t, quantities=names, method="spectral")
    assert "compressed" in surface.plan.reason
    assert_close(surface, LINE, names)


def test_more_samples_than_a_launch_takes(place, one_graph, monkeypatch):
    from kernels.torch_cuda import surface as body

    for table, evaluations in ((2**9, 2**12), (2**8, 2**15)):
        monkeypatch.setattr(body, "TABLE", dict.fromkeys(body.TABLE, table))
        monkeypatch.setattr(body, "EVALUATIONS", dict.fromkeys(body.EVALUATIONS, evaluations))
        for problem in (one_feature(997, 1.0, labels="noisy"), plane(100, 300.0, weighted=True)):
            t, seen = np.linspace(-5, 5, 77), []
            options = {"quantities": FEW, "method": "direct", "progress": lambda *done, to=seen: to.append(done)}
            surface = evaluate(problem, place, t=t, **options)
            assert_close(surface, problem, FEW)
            assert [done for done, _ in seen] == sorted(done for done, _ in seen)
            assert seen[-1] == (len(problem.y) * 11 * 77 * len(FEW),) * 2


@pytest.mark.long
def test_no_graph_has_an_array_of_grid_and_samples():
    """Of what the compiled code allocates: a surface has two sizes, a table of the samples along an axis too."""
    from torch._inductor.utils import fresh_inductor_cache, run_and_get_code

    codes = []
    with fresh_inductor_cache():
        for scale, names in ((1.0, QUANTITIES), (30.0, ("loss",))):
            problem = one_feature(997, scale)
            _, more = run_and_get_code(evaluate, problem, lambda array: array, quantities=names, method="direct")
            codes += more
    assert len(codes) == len(QUANTITIES) + 1
    for code in codes:
        allocated = set(re.findall(r"= empty_strided_\w+\(\(([^)]*)\)", code))
        assert allocated
        sums_and_tables = set(re.findall(r"assert_size_stride\(\w+, \(([^)]*)\)", code))
        assert {shape for shape in allocated - sums_and_tables if shape.count("s") > 2} == set()


@pytest.mark.cuda
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_memory_on_the_card(scale):
    """A table has 32 MB; grid and samples together would have 69 GB. Kernels are compiled for a small grid."""
    torch._dynamo.reset()
    problem, axis = one_feature(8192, scale), np.linspace(-10, 10, 1024)
    data = LogitPlane(*(torch.tensor(field, device="cuda") for field in problem.plane)), torch.tensor(problem.y).cuda()
    surface_on_plane(*data, axis[:8], axis[:8], quantities=QUANTITIES, method="direct")
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    surface_on_plane(*data, axis, axis, quantities=QUANTITIES, method="direct")
    assert torch.cuda.max_memory_allocated() - before < 2**29


def test_results_are_where_the_data_is(place):
    x, y = map(place, lab_data())
    w, b = lab_window()
    surface = loss_surface(x, y, w, b, backend="torch")
    want = loss_surface(*lab_data(), w, b, backend="reference")
    assert type(surface) is type(x)
    np.testing.assert_allclose(torch.as_tensor(surface).cpu(), want, rtol=2e-7)
    out = torch.full_like(surface, torch.nan) if isinstance(surface, torch.Tensor) else np.full_like(surface, np.nan)
    assert loss_surface(x, y, w, b, out=out, backend="torch") is out
    np.testing.assert_array_equal(torch.as_tensor(out).cpu(), torch.as_tensor(surface).cpu())
    if isinstance(x, torch.Tensor):  # on the card, as is taken here
        assert surface.device == x.device
        assert loss_surface(x, y, w, b).equal(surface)
        with pytest.raises(ValueError, match=r"^x is on device .*; accepted by backend 'numba'"):
            loss_surface(x, y, w, b, backend="numba")
        if x.is_cuda:
            with pytest.raises(ValueError, match=r"^y is on device cpu; accepted: .*, as x"):
                loss_surface(x, y.cpu(), w, b)


def test_planes_are_made_where_the_features_are(place):
    rng = np.random.default_rng(0)
    X, thetas = rng.normal(size=(50, 4)), rng.normal(size=(3, 5))
    got, want = (logit_plane(data, *thetas) for data in (place(X), X))
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(torch.as_tensor(one).cpu(), other, rtol=1e-13, atol=1e-14)
    y = (X[:, 0] > 0) * 1.0
    grid = np.linspace(-1, 1, 500), np.linspace(-1, 1, 400)
    plans = [plan_surface(field, labels, *grid) for field, labels in ((got, place(y)), (want, y))]
    assert plans[0].nodes == plans[1].nodes
    assert plans[0].method == plans[1].method


def test_blocks_may_be_streamed(place):
    problem = plane(600, 0.3, labels="noisy")
    parts = [slice(0, 200), slice(200, 207), slice(207, 600)]
    blocks = [(LogitPlane(*(place(f[part]) for f in problem.plane)), place(problem.y[part])) for part in parts]
    surface = surface_on_plane(blocks, None, problem.s, problem.t, backend="torch")
    assert_close(surface, problem, ("loss",))


@pytest.mark.parametrize("name", ["strided", "negative", "read-only", "reversed"])
def test_arrays_may_have_any_layout(name):
    x, y = lab_data(np.float64)
    w, b = lab_window(9)
    want = loss_surface(x, y, w, b, backend="torch")
    memory = np.full((9, 9), np.nan)
    data = [layouts(v).get(name, v) for v in (x, y)]
    loss_surface(*data, w, b, backend="torch", out=memory[::-1] if name == "reversed" else memory)
    np.testing.assert_array_equal(memory[::-1] if name == "reversed" else memory, want)


def test_values_on_a_card_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(checks, "on_card", checks.is_tensor)
    x, y = (torch.from_numpy(v.copy()) for v in lab_data(np.float64))
    x[3] = torch.nan
    assert loss_surface(x, y, *lab_window(5), method="direct").isnan().all()
