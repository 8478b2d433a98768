"""Surfaces by torch.compile, held to the contract of every backend, on the CPU and on a card."""

import re

import numpy as np
import pytest
import torch

import kernels.torch_cuda
from kernels import LogitPlane, evaluation, logit_plane, loss_surface, plan_surface, surface_on_plane
from kernels.arguments import arrays
from kernels.arguments.samples import ArraySamples, groups_of, summary_of
from kernels.losses import LOSSES
from kernels.mathematics import planning, spectral
from kernels.quantities import Asked
from kernels.torch_cuda.graphs import interpolate, terms
from kernels.torch_cuda.graphs import surface as body
from tests.oracle import QUANTITIES, assert_surface_close
from tests.problems import DTYPES, lab_data, lab_window, layouts, one_feature, plane, surface_problems

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


def evaluate_body(problem, names, s, t, loss, method="direct"):
    """{quantity: array} by the bodies alone."""
    fields = [np.asarray(field, np.float64) for field in (*problem.plane, problem.y)]
    samples = ArraySamples(fields[:3], fields[3], problem.sample_weight, like=fields[0])
    lead = {"gradient": (2,), "hessian": (3,)}
    outputs = {name: torch.empty(*lead.get(name, ()), len(t), len(s), dtype=torch.float64) for name in names}
    for group in groups_of(samples, summary_of(samples), (1.0, 1.0), Asked(names, loss), None):
        choice = planning.choose(group, s, t, method, 1e-12)
        evaluation.evaluate(evaluation.Work(kernels.torch_cuda, "torch"), group, (s, t), outputs, choice)
    return {name: out.numpy() for name, out in outputs.items()}


@pytest.mark.parametrize("stance", ["force_eager", pytest.param("default", marks=pytest.mark.long)])
@pytest.mark.parametrize("loss", LOSSES)
def test_quantities_of_any_loss(loss, stance):
    with torch.compiler.set_stance(stance):
        for problem in surface_problems(12, seed=7):
            found = evaluate_body(problem, QUANTITIES, problem.s, problem.t, loss)
            for name, got in found.items():
                data = problem.plane, problem.y, problem.s, problem.t, name
                assert_surface_close(got, *data, weights=problem.sample_weight, loss=loss, cells=8)


def test_a_small_graph_of_the_focal_loss():
    problem = plane(30, 3.0, labels="soft")
    (got,) = evaluate_body(problem, ("loss",), problem.s, problem.t, "focal").values()
    assert_surface_close(got, problem.plane, problem.y, problem.s, problem.t, loss="focal")


def test_balanced_accuracy_is_accuracy_by_weights_of_the_classes():
    problem = plane(100, 2.0, labels="noisy")
    in_class_1 = problem.y > 0.5
    weight = np.where(in_class_1, 1 / in_class_1.sum(), 1 / (~in_class_1).sum())
    names, data = ("balanced_accuracy", "accuracy"), problem._replace(sample_weight=weight)
    found = evaluate_body(data, names, problem.s, problem.t, "bce")
    for got in found.values():
        assert_surface_close(got, problem.plane, problem.y, problem.s, problem.t, "balanced_accuracy")


def test_squared_errors_of_compressed_samples():
    """As the loss that was chosen and as the quantity: soft labels are taken off both."""
    s, t = np.linspace(-3, 3, 300), np.linspace(-2, 2, 200)
    with torch.compiler.set_stance("force_eager"):
        for loss in LOSSES:
            found = evaluate_body(LINE, ("loss", "mse"), s, t, loss, method="spectral")
            for name, got in found.items():
                data = LINE.plane, LINE.y, s, t, name
                assert_surface_close(got, *data, loss=loss, cells=8, method="spectral")
            assert loss != "mse" or (found["loss"] == found["mse"]).all()


@pytest.mark.parametrize("labels", ["noisy", "soft"])
@pytest.mark.parametrize("scale", [3.0, 30.0, 300.0, 1e4])
def test_large_margins_go_by_products_too(scale, labels, place, one_graph, monkeypatch):
    problem, t = one_feature(30, scale, labels=labels), np.linspace(-30, 40, 500)
    monkeypatch.delattr(body, "evaluate_singly")
    assert_close(evaluate(problem, place, t=t, method="direct"), problem, ("loss",), cells=64)


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # of NumPy, which interprets
@pytest.mark.parametrize("labels", ["separable", "noisy", "soft"])
@pytest.mark.parametrize(("scale", "n"), [(1.0, 1), (3.0, 100), (30.0, 7), (300.0, 30)])
def test_products_by_triton(n, scale, labels, card, monkeypatch):
    """Grids that aren't whole tiles, among them a point."""
    monkeypatch.delattr(terms, "add_products")
    monkeypatch.delattr(terms, "add_hinged_products")
    monkeypatch.delattr(body, "evaluate_singly")
    for problem in (one_feature(n, scale, labels=labels), plane(n, min(scale, 10.0), np.float32, labels=labels)):
        for s, t in ((problem.s[:1], problem.t[:1]), (problem.s, np.linspace(-4, 5, 37))):
            assert_close(evaluate(problem, card, s, t, method="direct"), problem, ("loss",), cells=16)


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # of NumPy, which interprets
@pytest.mark.parametrize("order", ["ascending", "shuffled"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_interpolated_by_triton(dtype, order, card, monkeypatch):
    monkeypatch.delattr(terms, "add_products")
    problem, rng = plane(50, 0.3, dtype), np.random.default_rng(0)
    for shape in ((31, 33), (200, 65), (300, 200)):
        s, t = (np.linspace(-3, 3, points) for points in shape)
        if order == "shuffled":
            s, t = rng.permutation(s), rng.permutation(t)
        surface = evaluate(problem, card, s, t, method="spectral")
        assert surface.plan.method == "spectral"
        assert_close(surface, problem, ("loss",), cells=16)


@pytest.mark.parametrize("name", ["loss", "gradient"])  # held to be at least 0, and not
@pytest.mark.parametrize("order", ["ascending", "shuffled"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_spectral_keeps_its_bound(dtype, order, name, place, one_graph):
    problem, rng = plane(50, 0.3, dtype), np.random.default_rng(0)
    for shape in ((31, 33), (200, 65), (257, 520)):
        s, t = (np.linspace(-3, 3, points) for points in shape)
        if order == "shuffled":
            s, t = rng.permutation(s), rng.permutation(t)
        surface = evaluate(problem, place, s, t, quantities=(name,), method="spectral")
        assert surface.plan.method == "spectral"
        assert_close(surface, problem, (name,), cells=16)


def test_many_samples_of_a_plane(place, one_graph, monkeypatch):
    """Looked at for whether they are on a line, where they are: as tensors on a card, no tensor is an array here."""
    problem, s = plane(6000, 0.3), np.linspace(-3, 3, 300)

    def refuse(tensor, *arguments):
        raise TypeError("can't convert a tensor to numpy")

    with monkeypatch.context() as patched:
        patched.setattr(torch.Tensor, "__array__", refuse)
        surface = evaluate(problem, place, s, s[:200], method="spectral")
    assert surface.plan.method == "spectral"
    assert_close(surface, problem, ("loss",))


def test_bases_of_an_axis_are_kept(monkeypatch):
    """To the same bits, by points and tiling: few of them, and no large ones."""
    made, steps_along = [], spectral.steps_along
    monkeypatch.setattr(spectral, "steps_along", lambda *axis: made.append(axis) or steps_along(*axis))
    interpolate.kept_axis.cache_clear()
    s, t, problem = np.linspace(-3, 3, 200), np.linspace(-3, 3, 65), plane(50, 0.3)

    def loss(s, t):
        return evaluate(problem, lambda array: array, s, t, method="spectral").loss

    want = loss(s, t)
    for axes, expected, count in (
        ((s.copy(), t), want, 2),
        ((s[::-1], t), want[:, ::-1], 3),
        ((s, t[::-1].copy()), want[::-1], 4),
        ((s, t), want, 4),
    ):
        np.testing.assert_array_equal(loss(*axes), expected)
        assert len(made) == count
    loss(np.nextafter(s, 9), t)
    assert len(made) == 5
    monkeypatch.setattr(interpolate, "MOST_KEPT", 0)
    np.testing.assert_array_equal(loss(s, t), want)
    assert len(made) == 7


def test_axes_that_are_kept_are_not_written_to():
    axis = interpolate.axis_of(np.linspace(0, 1, 50), spectral.Tiling(32, 4, 9), torch.device("cpu"))
    with pytest.raises(ValueError, match="read-only"):
        axis.nodes[0] = 1.0
    copies = [(step.values.clone(), step.points) for step in axis.steps]
    for dtype in (torch.float32, torch.float64):
        out = torch.full((50, 50), torch.nan, dtype=dtype)
        interpolate.fill(torch.ones(9, 9).double(), axis, axis, out, 0.0)
        np.testing.assert_allclose(out, 1.0, rtol=2e-7)
    assert all(values.equal(step.values) for (values, _), step in zip(copies, axis.steps, strict=True))


@pytest.mark.parametrize("stance", ["force_eager", pytest.param("default", marks=pytest.mark.long)])
def test_samples_on_a_line_are_compressed(stance, place, one_graph, monkeypatch):
    """By moments of all of them at once, and of some after others; in seconds where the graphs run as they are."""
    names = ("loss", "mse", "gradient", "hessian")
    s, t = np.linspace(-3, 3, 300), np.linspace(-2, 2, 200)
    for at_once in (3000, 700):
        monkeypatch.setattr(body, "MOMENT_SAMPLES", dict.fromkeys(body.MOMENT_SAMPLES, at_once))
        with torch.compiler.set_stance(stance):
            surface = evaluate(LINE, place, s, t, quantities=names, method="spectral")
        assert "compressed" in surface.plan.reason
        assert_close(surface, LINE, names)


def test_more_samples_than_a_launch_takes(place, one_graph, monkeypatch):
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
    assert len(codes) == len(QUANTITIES)  # two of the loss, and balanced accuracy by that of accuracy
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
    monkeypatch.setattr(arrays, "is_cuda", arrays.is_tensor)
    x, y = (torch.from_numpy(v.copy()) for v in lab_data(np.float64))
    x[3] = torch.nan
    assert loss_surface(x, y, *lab_window(5), method="direct").isnan().all()
