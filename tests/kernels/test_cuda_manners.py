"""What public functions do with tensors as they come: of other dtypes, devices, layouts and streams, empty or huge."""

import functools
import math
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch._subclasses import fake_tensor

import kernels
from kernels import LogitPlane, autograd
from kernels.arguments import arrays, devices
from kernels.torch_cuda.graphs import compiled, ensemble, gradient, update

cuda = pytest.mark.cuda
several_cards = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="not two CUDA devices")


PLACES = {
    "numpy": torch.Tensor.numpy,
    "cpu": torch.Tensor.cpu,
    "for a card": torch.Tensor.cpu,  # on the path of CUDA tensors
    "cuda": lambda tensor: tensor.cuda(),
}


@pytest.fixture(params=[pytest.param(name, marks=[cuda] if name == "cuda" else []) for name in PLACES])
def where(request, monkeypatch):
    """Where tensors are given: a name of PLACES."""
    if request.param == "for a card":
        monkeypatch.setattr(arrays, "is_cuda", arrays.is_tensor)
    return request.param


# Public functions by named tensors


def loss_surface(x, y, w, b, out):
    return kernels.loss_surface(x, y, w, b, out=out)


def logit_plane(X, center, s_direction, t_direction):
    return kernels.logit_plane(X, center, s_direction, t_direction)


def surface_on_plane(y, s, t, sample_weight, out, **fields):
    plane = LogitPlane(*(fields[f"plane.{name}"] for name in LogitPlane._fields))
    return kernels.surface_on_plane(plane, y, s, t, sample_weight=sample_weight, out=out)


def plan_surface(y, s, t, sample_weight, **fields):
    plane = LogitPlane(*(fields[f"plane.{name}"] for name in LogitPlane._fields))
    return kernels.plan_surface(plane, y, s, t, sample_weight=sample_weight)


def bce_loss_grad(X, y, w, b, sample_weight):
    return kernels.bce_loss_grad(X, y, w, b, sample_weight=sample_weight)


def sgd_step_(X, y, w, b, sample_weight):
    return kernels.sgd_step_(X, y, w, b, sample_weight=sample_weight, lr=0.1)


def sgd_run_(X, y, w, b):
    return kernels.sgd_run_(X, y, w, b, lr=0.1, batch_size=2, epochs=1)


def sgd_ensemble(X, y, w0, b0, **rates):
    return kernels.sgd_ensemble(X, y, w0, b0, **rates, batch_size=2, epochs=1)


def linear_bce(X, weight, bias, y):
    return kernels.linear_bce(*map(torch.as_tensor, (X, weight, bias, y)))


SHAPES = {
    loss_surface: {"x": (6,), "y": (6,), "w": (4,), "b": (5,), "out": (5, 4)},
    logit_plane: {"X": (6, 3), "center": (4,), "s_direction": (4,), "t_direction": (4,)},
    surface_on_plane: {
        **{f"plane.{name}": (6,) for name in LogitPlane._fields},
        **{"y": (6,), "s": (4,), "t": (5,), "sample_weight": (6,), "out": (5, 4)},
    },
    plan_surface: {
        **{f"plane.{name}": (6,) for name in LogitPlane._fields},
        **{"y": (6,), "s": (4,), "t": (5,), "sample_weight": (6,)},
    },
    bce_loss_grad: {"X": (6, 3), "y": (6,), "w": (3,), "b": (1,), "sample_weight": (6,)},
    sgd_step_: {"X": (6, 3), "y": (6,), "w": (3,), "b": (1,), "sample_weight": (6,)},
    sgd_run_: {"X": (6, 3), "y": (6,), "w": (3,), "b": (1,)},
    sgd_ensemble: {
        **{"X": (6, 3), "y": (6,), "w0": (4, 3), "b0": (4,)},
        **{"lr": (4,), "momentum": (4,), "weight_decay": (4,)},
    },
    linear_bce: {"X": (6, 3), "weight": (3,), "bias": (1,), "y": (6,)},
}
ON_THE_HOST = ("center", "s_direction", "t_direction")  # always
AXES = {loss_surface: ("w", "b"), surface_on_plane: ("s", "t"), plan_surface: ("s", "t")}  # read by the host
ARGUMENTS = [
    pytest.param(function, name, id=f"{function.__name__}-{name}") for function in SHAPES for name in SHAPES[function]
]


def called(function, where, **changes):
    """Calls a function with ones, all float64, but for some arguments."""
    arguments = {name: torch.ones(shape, dtype=torch.float64) for name, shape in SHAPES[function].items()} | changes
    placed = {name: PLACES[where](value) for name, value in arguments.items() if name not in ON_THE_HOST}
    return function(**arguments | placed)


def name_of(function):
    return function.__name__


@pytest.mark.parametrize("function", SHAPES, ids=name_of)
def test_accepted_arguments(function):
    """What the other tests change one by one."""
    for where in ("numpy", "cpu"):
        called(function, where)


DTYPES = (torch.float16, torch.complex64, torch.bfloat16, torch.float8_e4m3fn)
OF_NUMPY = DTYPES[:2]


@pytest.mark.parametrize(("function", "name"), ARGUMENTS)
def test_other_dtypes_are_refused_by_name(function, name, where):
    for dtype in OF_NUMPY if where == "numpy" else DTYPES:
        value = torch.ones(SHAPES[function][name]).to(dtype)
        message = rf"^{name} has dtype (torch\.)?{str(dtype)[6:]}; accepted: (torch\.)?float"
        with pytest.raises(TypeError, match=message):
            called(function, where, **{name: value})


def empty_shapes(shape):
    """A shape with a 0 for each size in turn."""
    return [(*shape[:k], 0, *shape[k + 1 :]) for k in range(len(shape))]


@pytest.mark.parametrize(("function", "name"), ARGUMENTS)
def test_empty_tensors_are_refused_by_name(function, name, where):
    for shape in empty_shapes(SHAPES[function][name]):
        value = torch.ones(shape, dtype=torch.float64)
        with pytest.raises(ValueError, match=rf"^{name} (has shape|is (torch\.)?float64) \({shape[0]}.*; accepted: "):
            called(function, where, **{name: value})


def test_data_without_samples_is_refused_by_name(where):
    """X and y both empty; a stream of blocks without samples, or without blocks."""
    place = PLACES[where]
    X, y, axis = place(torch.ones(0, 3)), place(torch.ones(0)), np.ones(4)
    parameters = {"w": place(torch.ones(3)), "b": place(torch.ones(1))}
    for function in (kernels.bce_loss_grad, kernels.sgd_step_, kernels.sgd_run_):
        settings = {"lr": 0.1} if function is kernels.sgd_step_ else {}
        settings |= {"lr": 0.1, "batch_size": 1, "epochs": 1} if function is kernels.sgd_run_ else {}
        with pytest.raises(ValueError, match=r"^X has shape \(0, 3\); accepted: \(n, d\) with n >= 1"):
            function(X, y, **parameters, **settings)
    plane = LogitPlane(y, y, y)
    for blocks in ([(plane, y)], [(LogitPlane(*[place(torch.ones(2))] * 3), place(torch.ones(2))), (plane, y)]):
        with pytest.raises(ValueError, match=r"^plane.offset has shape \(0,\); accepted: .* n >= 1"):
            kernels.surface_on_plane(blocks, None, axis, axis)
    for batches in ([(X, y)], [(place(torch.ones(2, 3)), place(torch.ones(2))), (X, y)]):
        with pytest.raises(ValueError, match=r"^X has shape \(0, 3\)"):
            kernels.surface_on_plane(kernels.logit_plane(batches, *np.ones((3, 4))), None, axis, axis)
    with pytest.raises(ValueError, match=r"^plane has no blocks; accepted: at least one"):
        kernels.surface_on_plane([], None, axis, axis)


# Devices


@pytest.fixture
def pretended(monkeypatch):
    """Makes tensors without values on CUDA devices that aren't there, of a compute capability, with a Triton."""

    def make(capability=(9, 0), triton=(3, 6)):
        monkeypatch.setattr(fake_tensor, "init_gpu_context", lambda device: None)
        monkeypatch.setattr(devices, "capability", lambda index: capability)
        monkeypatch.setattr(devices, "triton_version", lambda: triton)
        return lambda shape, device="cuda:0": torch.ones(shape, dtype=torch.float64, device=device)

    with fake_tensor.FakeTensorMode():
        yield make


@pytest.mark.parametrize(
    ("capability", "triton", "graphs", "kernels_of_triton"),
    [
        ((9, 0), (3, 6), True, True),
        ((7, 0), (3, 4), True, True),
        ((9, 0), (3, 3), True, False),
        ((6, 1), (3, 6), False, False),
        ((9, 0), (0, 0), False, False),
    ],
)
def test_what_a_card_takes(capability, triton, graphs, kernels_of_triton, pretended):
    tensor = pretended(capability, triton)((6, 3))
    assert devices.can_compile(tensor.device) == graphs
    assert devices.has_triton(tensor) == kernels_of_triton


def test_triton_is_told_by_its_version(monkeypatch):
    for version, found in (("3.4.0", (3, 4)), ("3.10.1+git1234", (3, 10))):
        monkeypatch.setitem(sys.modules, "triton", SimpleNamespace(__version__=version))
        assert devices.triton_version.__wrapped__() == found
    monkeypatch.setitem(sys.modules, "triton", None)  # not installed
    assert devices.triton_version.__wrapped__() == (0, 0)


def test_a_tensor_of_the_host_is_not_for_triton():
    assert not devices.has_triton(torch.ones(1))


def read_by_the_host(function):
    return ON_THE_HOST + AXES.get(function, ())


def on_devices(function, make, **elsewhere):
    """Calls a function with tensors without values on cuda:0, or elsewhere; on the CPU arrays."""
    at = {name: "cpu" if name in read_by_the_host(function) else "cuda:0" for name in SHAPES[function]} | elsewhere
    arguments = {
        name: np.ones(shape) if at[name] == "cpu" else make(shape, at[name]) for name, shape in SHAPES[function].items()
    }
    if function is linear_bce:
        # the operator asks such tensors for shapes alone
        return autograd.loss_and_gradient(**arguments, sample_weight=None, pos_weight=None)
    return function(**arguments)


@pytest.mark.parametrize(("capability", "triton"), [((6, 1), (3, 6)), ((9, 0), (0, 0))])
@pytest.mark.parametrize("function", SHAPES, ids=name_of)
def test_a_card_that_nothing_is_compiled_for_is_refused_by_name(function, capability, triton, pretended):
    message = r'^\S+ is on device cuda:0; accepted: one of compute capability 7.0 .* Triton .* backend="reference"'
    with pytest.raises(ValueError, match=message):
        on_devices(function, pretended(capability, triton))


@pytest.mark.parametrize(
    ("function", "name"),
    [
        case
        for case in ARGUMENTS
        if case.values[0] is not logit_plane and case.values[1] not in AXES.get(case.values[0], ())
    ],
)
def test_other_devices_are_refused_by_name(function, name, pretended):
    """One argument on another card, or on the CPU, than all others."""
    for device in ("cuda:1", "cpu"):
        this = rf"{name} is on device {device}; accepted: cuda:0, as \S+"
        others = rf"\S+ is on device cuda:0; accepted: {device}, as {name}"
        with pytest.raises(ValueError, match=f"^({this}|{others})$"):
            on_devices(function, pretended(), **{name: device})


def test_what_triton_cannot_take_goes_by_graphs(pretended, monkeypatch):
    """And the rest by Triton, where there is a choice."""
    pytest.importorskip("triton", reason="Triton is not installed")
    from kernels.torch_cuda.triton import ensemble as triton_ensemble
    from kernels.torch_cuda.triton import gradient as one_pass
    from kernels.torch_cuda.triton import update as triton_update

    ways = (
        (gradient, "sums_of_blocks", "graph"),
        (update, "run_by_graphs_", "graph"),
        (ensemble, "ensemble_by_graphs", "graph"),
        (one_pass, "sums", "Triton"),
        (triton_update, "sgd_run_", "Triton"),
        (triton_ensemble, "sgd_ensemble", "Triton"),
    )
    for module, name, way in ways:
        monkeypatch.setattr(module, name, lambda *_, way=way, **__: way)
    monkeypatch.setattr(torch.cuda, "device_of", lambda tensor: nullcontext())
    for triton, way in (((3, 3), "graph"), ((3, 4), "Triton")):
        X = pretended(triton=triton)((6, 3))
        assert gradient.sums(X, None, None, None, None) == way
        assert update.sgd_run_(X, None, None, None, batch_size=2, progress=None) == way
        assert ensemble.sgd_ensemble(X, None, None, None, None, None, progress=None) == way


def test_a_graph_has_any_number_of_variants(monkeypatch):
    """Of dtypes and layouts here, in place of devices, and more than torch.compile makes of one function."""
    compile_by_dynamo = functools.partial(torch.compile, backend="eager")
    monkeypatch.setattr(torch, "compile", lambda function, options, **rest: compile_by_dynamo(function, **rest))
    with torch._dynamo.config.patch(recompile_limit=1):
        graph = compiled.compile_dynamic(lambda values: 2 * values)
        for values in (torch.arange(12.0), torch.arange(12.0).double(), torch.arange(24.0)[::2]):
            assert graph(values).tolist() == [2 * value for value in values.tolist()]


# Calls on a card, with X (n, d), y, w and b: the same results as on the host


def by_rows(X, y, w, b):
    return kernels.bce_loss_grad(X, y, w, b)


def by_columns(X, y, w, b):
    return kernels.bce_loss_grad(X.T.contiguous().T, y, w, b)


def step(X, y, w, b):
    w, b = w.clone(), b.clone()
    return kernels.sgd_step_(X, y, w, b, lr=0.5), w, b


def differentiated(X, y, w, b):
    parameters = [value.clone().requires_grad_() for value in (w, b)]
    loss = kernels.linear_bce(X, *parameters, y)
    return loss.detach(), *torch.autograd.grad(2 * loss, parameters)


def run(X, y, w, b, batch_size=100):
    w, b = w.clone(), b.clone()
    return *kernels.sgd_run_(X, y, w, b, lr=0.5, batch_size=batch_size, epochs=2), w, b


def run_in_large_batches(X, y, w, b):
    return run(X, y, w, b, batch_size=len(y))


def members(X, y, w, b):
    starts = torch.stack([w, -w]), torch.cat([b, b])
    return kernels.sgd_ensemble(X, y, *starts, lr=0.5, batch_size=100, epochs=1)[:4]


def surface(X, y, w, b):
    return (kernels.loss_surface(X[:, 0].contiguous(), y, np.linspace(-2, 2, 30), np.linspace(-1, 1, 20)),)


CALLS = (by_rows, by_columns, step, differentiated, run, run_in_large_batches, members, surface)


def data_of(seed):
    """X, y, w, b, with batches of all rows too large for one launch of `sgd_run_`."""
    rng = np.random.default_rng(seed)
    arrays = rng.normal(size=(4000, 12)), rng.uniform(size=4000), rng.normal(size=12), rng.normal(size=1)
    return [torch.from_numpy(values) for values in arrays]


def assert_same(got, want):
    for one, other in zip(got, want, strict=True):
        torch.testing.assert_close(one.cpu(), other, rtol=1e-11, atol=1e-12)


def copy(targets, values):
    for target, value in zip(targets, values, strict=True):
        target.copy_(value)


@cuda
@pytest.mark.parametrize("call", CALLS, ids=name_of)
def test_a_call_is_on_its_stream_and_waits_for_no_other(call):
    """Its data is late on its own stream, while another stream is busy for half a second."""
    values = [value.cuda() for value in data_of(0)]
    given = [torch.zeros_like(value) for value in values]
    own, other = torch.cuda.Stream(), torch.cuda.Stream()
    torch.cuda.synchronize()
    with torch.cuda.stream(own):
        call(*given)  # compiles, and takes its memory from the device
    torch.cuda.synchronize()
    with torch.cuda.stream(other):
        torch.cuda._sleep(10**9)
        ended = other.record_event()
    with torch.cuda.stream(own):
        torch.cuda._sleep(10**7)
        copy(given, values)
        got = call(*given)
    own.synchronize()
    assert not ended.query()
    assert_same(got, call(*data_of(0)))


@cuda
@pytest.mark.parametrize("call", [by_rows, by_columns, step, differentiated], ids=name_of)
def test_a_call_is_captured_by_a_cuda_graph(call):
    given = [value.cuda() for value in data_of(0)]
    own = torch.cuda.Stream()
    own.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(own):
        for _ in range(3):
            call(*given)
    torch.cuda.current_stream().wait_stream(own)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        got = call(*given)
    for seed in (1, 2):
        copy(given, data_of(seed))
        graph.replay()
        assert_same(got, call(*data_of(seed)))


@cuda
@several_cards
@pytest.mark.parametrize("call", CALLS, ids=name_of)
def test_a_call_is_on_the_card_of_its_data(call):
    """Whichever is the current one."""
    with torch.cuda.device(0):
        got = call(*[value.to("cuda:1") for value in data_of(0)])
        assert torch.cuda.current_device() == 0
    assert {value.device for value in got} == {torch.device("cuda:1")}
    assert_same(got, call(*data_of(0)))


def misaligned(values):
    """The same values, not at a multiple of 16 bytes."""
    return torch.cat([values.new_zeros(1), values.flatten()])[1:].view(values.shape)


def apart(values):
    """The same values, with others between any two rows of them."""
    return torch.stack([values, torch.full_like(values, torch.nan)], dim=1)[:, 0]


def by_axes(values):
    """The same values, with the last axis the slowest."""
    return values.T.contiguous().T


@cuda
@pytest.mark.parametrize("layout", [misaligned, apart, by_axes], ids=name_of)
@pytest.mark.parametrize("call", [by_rows, differentiated, run, members], ids=name_of)
def test_tensors_lie_anyhow(call, layout):
    given = [layout(value.cuda()) for value in data_of(0)]
    assert_same(call(*given), call(*data_of(0)))


@cuda
def test_columns_of_more_than_two_to_the_31_elements():
    """The last row counts, beyond where 32 bits reach; so far apart are those of a block, too."""
    n, d = 2**21 + 2**13, 2**10
    X = torch.zeros(d, n, device="cuda").T
    X[-1] = 1.0
    y, w, b = (torch.zeros(size, device="cuda") for size in (n, d, 1))
    loss, grad_w, grad_b = kernels.bce_loss_grad(X, y, w, b)
    torch.testing.assert_close(loss.item(), math.log(2), rtol=1e-6, atol=0)
    torch.testing.assert_close(grad_w.cpu(), torch.full((d,), 0.5 / n), rtol=1e-6, atol=0)
    assert grad_b.item() == 0.5


@cuda
def test_a_batch_of_more_than_two_to_the_31_elements():
    n, d = 2**21 + 1, 2**10
    X = torch.zeros(n, d, device="cuda")
    X[-1] = 1.0
    y, w, b = (torch.zeros(size, device="cuda") for size in (n, d, 1))
    kernels.sgd_run_(X, y, w, b, lr=1.0, batch_size=n, epochs=1)
    torch.testing.assert_close(w.cpu(), torch.full((d,), -0.5 / n), rtol=1e-6, atol=0)
    torch.testing.assert_close(b.item(), -0.5, rtol=1e-6, atol=0)
