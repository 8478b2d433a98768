"""What graphs become on a card of compute capability 9.0: the same for any first call, without spilling.

Needs PyTorch for CUDA and Triton, but no card. Graphs that kernels written in Triton replace there are left out;
of those kernels one is in, as it may become a part of other graphs.
"""

import json
from importlib import import_module
from importlib.util import find_spec

import pytest
import torch

from kernels.losses import LOSSES
from tests import processes

pytestmark = [
    pytest.mark.skipif(not torch.backends.cuda.is_built(), reason="PyTorch is built without CUDA"),
    pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed"),
]
WIDE = "tl.program_id(0).to(tl.int64)"  # in the code of a kernel
MOST_REGISTERS = 208  # of a thread: 207 of four columns in float64, by 64 threads (Triton 3.6), else at most 168
MOST_STACK = 16  # bytes that a thread spills
STACK_OF_COSINES = 48  # that libdevice's cosine of float64 takes for huge arguments (Triton 3.6)
f32, f64, integer, boolean = torch.float32, torch.float64, torch.int64, torch.bool

# Arguments of each graph, by its sizes and the dtype of the data


def sums_of(d):
    return lambda n, dtype: [
        *[(shape, dtype) for shape in ((d,), (1,))],
        ((), boolean),
        ((n * d,), dtype),
        *rows(n, dtype),
    ]


def rows(n, dtype):
    return [((n,), dtype)] * 2


def products(n, dtype):
    return [((n,), dtype), ((1,), dtype), ((), boolean), *rows(n, dtype)]


def rows_of(n, d, strides=None, *, dtype):
    return [((n, d), dtype, strides), ((d,), dtype), ((1,), dtype), ((), boolean), *rows(n, dtype)]


def step(m, d, dtype):
    return [((m, d), dtype), ((m,), dtype), ((m,), f64), *[((d + 1,), f64)] * 3, ((4,), f64), ((2,), f64)]


def member_step(k, m, n, d, dtype):
    batch, looked_at = [((m, d), dtype), *rows(m, dtype)], [((n, d), dtype), ((n,), boolean)]
    return [*batch, ((2,), dtype), *looked_at, ((k,), integer), ((1,), dtype), ((k, d + 1), dtype)]


def step_of_own_rates(k, m, n, d, dtype):
    *others, _, theta = member_step(k, m, n, d, dtype)
    return [*others, *[((k,), dtype)] * 3, theta, theta]


def member_losses(k, n, d, dtype):
    return [((2, k), dtype), ((k, d + 1), dtype), ((n, d), dtype), *[((n,), dtype)] * 3]


def grid(components):
    return lambda n, nt, ns, dtype: [
        *[(shape, dtype) for shape in ((components, nt, ns), (n, ns), (n, nt))],
        *[((n,), dtype)] * 5,
    ]


def moments(n, nodes, dtype):
    return [(shape, dtype) for shape in ((2, nodes, 16), (nodes,), (16, n), (2, 16, n))]


SMALL_GRID, LARGE_GRID = (16, 16, 16), (1024, 1024, 1024)
OF_LOSS = {"loss": 1, "gradient": 2, "hessian": 3}  # with their components
GRAPHS = {  # by module, name and keys, with sizes of a small first call, and of a large one
    **{f"gradient.COLUMN_SUMS.{d}": (sums_of(d), (24,), (4_000_000,)) for d in (1, 2, 3, 4)},
    "gradient.reduce_products": (products, (24,), (250_000,)),
    "gradient.reduce_rows": (rows_of, (24, 30), (4000, 3000)),
    **{f"update.TAKE.{loss}": (step, (24, 10), (1_000_000, 100)) for loss in LOSSES},
    **{f"ensemble.TAKE.{loss}": (member_step, (5, 5, 53, 2), (1000, 32, 569, 30)) for loss in LOSSES},
    **{f"ensemble.TAKE_BY_VELOCITY.{loss}": (step_of_own_rates, (5, 5, 53, 2), (1000, 32, 569, 30)) for loss in LOSSES},
    **{f"ensemble.ADD.{loss}": (member_losses, (5, 53, 2), (1000, 569, 30)) for loss in LOSSES},
    **{
        f"terms.ADD.{loss}.{name}": (grid(components), SMALL_GRID, LARGE_GRID)
        for loss in LOSSES
        for name, components in OF_LOSS.items()
    },
    "terms.add_correct": (grid(1), SMALL_GRID, LARGE_GRID),
    "terms.add_moments": (moments, (16, 16), (16384, 512)),
}
DTYPES = {name: (f32, f64) if name.startswith(("gradient", "update")) else (f64,) for name in GRAPHS}
QUICK = ("gradient.reduce_products", f32)
CASES = [
    pytest.param(name, dtype, marks=[] if (name, dtype) == QUICK else [pytest.mark.long], id=f"{name}-{dtype}")
    for name in GRAPHS
    for dtype in DTYPES[name]
]


def graph_of(name):
    module, graph, *keys = name.split(".")
    graph = getattr(import_module(f"kernels.torch_cuda.graphs.{module}"), graph)
    for key in keys:
        graph = graph[int(key) if key.isdigit() else key]
    return graph


def print_kernels(name, dtype, calls):
    """Prints the kernels of a first call by each of some sizes, a line of JSON each; those of the last one compiled."""
    from tests import inductor

    for sizes in calls:
        arguments = GRAPHS[name][0](*sizes, dtype=getattr(torch, dtype))
        print(json.dumps(inductor.first_call(graph_of(name), arguments, compiled=sizes is calls[-1])))


def kernels_of(name, dtype, *calls):
    """The same as lists, from a process in which Triton compiles."""
    source = "from tests.kernels.test_inductor import print_kernels; print_kernels"
    call = (name, str(dtype).removeprefix("torch."), calls)
    done = processes.run_python(f"{source}{call}", TRITON_INTERPRET="0", timeout=600)
    assert done.returncode == 0
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def chosen(kernels):
    """What Inductor decided, without what its compiler then found."""
    return [
        (name, code, sizes, [tried[:2] for tried in configurations]) for name, code, sizes, configurations in kernels
    ]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_the_first_call_chooses_nothing_and_no_kernel_spills(name, dtype):
    """As torch.compile takes the quickest of several configurations, one may."""
    small, large = kernels_of(name, dtype, *GRAPHS[name][1:])
    assert large
    assert chosen(small) == chosen(large)
    most = STACK_OF_COSINES if name == "terms.add_moments" else MOST_STACK
    for kernel, _, _, configurations in large:
        used = [(registers, stack) for *_, registers, stack, _ in configurations]
        assert min(stack for _, stack in used) <= most, (kernel, used)
        assert min(registers for registers, stack in used if stack <= most) <= MOST_REGISTERS, (kernel, used)


def print_copied():
    from kernels.torch_cuda.graphs import gradient
    from tests import inductor

    print(json.dumps(inductor.copied_arguments(gradient.reduce_products, products(1000, torch.float32), 1)))


def test_what_is_not_aligned_has_a_variant_that_copies_nothing():
    source = "from tests.kernels.test_inductor import print_copied; print_copied()"
    done = processes.run_python(source, TRITON_INTERPRET="0", timeout=600)
    aligned, not_aligned = json.loads(done.stdout.splitlines()[-1])
    assert aligned
    assert not_aligned == []


@pytest.mark.long
def test_indices_have_64_bits_where_they_need_them():
    n, d = 2**21 + 1, 2**10  # the last row is beyond 2**31 elements
    for kernels, wide in zip(kernels_of("update.TAKE.bce", f32, (n, d), (1000, d)), (True, False), strict=True):
        assert any(WIDE in code for _, code, *_ in kernels) == wide


@pytest.mark.long
@pytest.mark.parametrize(("strides", "wide"), [((1, 2**22), True), ((3001, 1), False)], ids=["columns", "padded"])
def test_what_is_far_apart_has_indices_of_64_bits(strides, wide):
    """A few rows of a large matrix in columns; not rows with something between them."""
    (kernels,) = kernels_of("gradient.reduce_rows", f32, (8160, 1024, strides))
    assert kernels
    assert any(WIDE in code for _, code, *_ in kernels) == wide


def print_composed():
    from kernels.torch_cuda.triton import gradient
    from tests import inductor

    arguments = [((300, 12), f64), ((300,), f64), ((300,), f64), ((12,), f64), ((1,), f64)]
    mean = torch.compile(lambda *tensors: gradient.sums(*tensors) / 300, fullgraph=True)
    print([kernel.name for kernel in inductor.first_call(mean, arguments)])


def test_the_pass_is_compiled_in_a_graph_that_knows_what_it_writes():
    """Of a kernel that it can't read PyTorch takes everything for written, and says so."""
    done = processes.run_python(
        "from tests.kernels.test_inductor import print_composed; print_composed()", TRITON_INTERPRET="0", timeout=600
    )
    assert done.returncode == 0
    assert "add_tiles" in done.stdout
    assert "mutated" not in done.stderr
