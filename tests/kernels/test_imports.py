"""Imports point down: from each floor of the house, as docs/architecture.md draws it, only to floors below."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = "kernels", "logreg", "viz"
# from the top down; a module belongs to the longest name that it begins with
FLOORS = (
    ("logreg", "viz"),
    ("kernels",),
    ("kernels.surface", "kernels.planes", "kernels.update", "kernels.ensemble", "kernels.linear"),
    ("kernels.in_graph", "kernels.numba_cpu.warmup"),
    ("kernels.autograd",),
    ("kernels.means_of_batches",),
    ("kernels.means", "kernels.evaluation", "kernels.members", "kernels.keeping"),
    ("kernels.backends",),
    ("kernels.numba_cpu", "kernels.torch_cuda", "kernels.eager"),
    ("kernels.bodies", "kernels.reference"),
    ("kernels.mathematics",),
    ("kernels.arguments",),
    ("kernels.workers",),
    ("kernels.quantities", "kernels.progress", "kernels.wholefile"),
    ("kernels.losses", "kernels.results", "kernels.kinds", "kernels.language"),
)
NUMBA_FLOORS = (
    ("kernels.numba_cpu.warmup",),
    ("kernels.numba_cpu",),
    ("kernels.numba_cpu.grid", "kernels.numba_cpu.training"),
    ("kernels.numba_cpu.runtime", "kernels.numba_cpu.vector"),
)
TORCH_FLOORS = (
    ("kernels.torch_cuda",),
    ("kernels.torch_cuda.graphs",),
    ("kernels.torch_cuda.triton",),
    ("kernels.torch_cuda.sizes",),
)
LOGREG_FLOORS = (
    ("logreg.__main__",),
    ("logreg.commands",),
    ("logreg.surface", "logreg.line", "logreg.starts", "logreg.training", "logreg.penalised"),
    ("logreg.path", "logreg.last_layer"),
    ("logreg.sums",),
    ("logreg.plane", "logreg.hessian"),
    ("logreg.objective", "logreg.windows", "logreg.scores"),
    ("logreg.directions", "logreg.evaluation"),
    ("logreg.optimisers",),
    ("logreg.models", "logreg.runs", "logreg.curvature"),
    ("logreg.blocks",),
    ("logreg.samples", "logreg.model"),
    ("logreg.classes", "logreg.estimators", "logreg.outputs", "logreg.eigen", "logreg.products"),
    ("logreg.data", "logreg.datasets", "logreg.devices", "logreg.files", "logreg.keeping", "logreg.export"),
    ("logreg.language", "logreg.choices"),
)
ALL_FLOORS = {"house": FLOORS, "numba_cpu": NUMBA_FLOORS, "torch_cuda": TORCH_FLOORS, "logreg": LOGREG_FLOORS}


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}


def is_for_types(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def statements(node):
    """Those of a tree, in functions too, but for what only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if not is_for_types(child):
            yield child
            yield from statements(child)


def imports_of(source):
    """Modules of ours that source imports, at the top or in functions."""
    for node in statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in names)


GRAPH = {name: set(imports_of(path.read_text())) - {name} for name, path in MODULES.items()}


def floor_of(module, floors):
    """The number of the floor, from the top, whose name is the longest that the module begins with; None for none."""
    found = [
        (len(name), number)
        for number, names in enumerate(floors)
        for name in names
        if module == name or module.startswith(f"{name}.")
    ]
    return max(found)[1] if found else None


def test_no_circle():
    try:
        list(TopologicalSorter(GRAPH).static_order())
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(reversed(error.args[1]))}")


@pytest.mark.parametrize("floors", ALL_FLOORS.values(), ids=ALL_FLOORS)
def test_no_arrow_runs_up(floors):
    up = [
        f"{module} -> {other}"
        for module, others in GRAPH.items()
        for other in others
        if None not in (pair := (floor_of(module, floors), floor_of(other, floors))) and pair[0] > pair[1]
    ]
    assert not up


def test_rooms_of_a_floor_are_apart():
    """Backends don't import each other, viz and logreg meet in what commands draw alone."""
    rooms = "kernels.numba_cpu", "kernels.torch_cuda", "kernels.eager"
    of_room = {room: {name for name in MODULES if name.startswith(room)} for room in rooms}
    assert not [
        (one, other)
        for one in rooms
        for other in rooms
        if one != other and any(GRAPH[name] & of_room[other] for name in of_room[one])
    ]
    assert not [name for name in MODULES if name.startswith("viz") and any(o.startswith("logreg") for o in GRAPH[name])]
    draws = [name for name in MODULES if name.startswith("logreg") and any(o.startswith("viz") for o in GRAPH[name])]
    assert sorted(draws) == ["logreg.commands.exploring", "logreg.commands.pictures"]


def test_every_floor_is_there():
    for floors in ALL_FLOORS.values():
        for names in floors:
            assert all(any(module.startswith(name) for module in MODULES) for name in names), names
    assert len({name.split(".")[2] for name in MODULES if name.startswith("kernels.numba_cpu.")}) <= 8


@pytest.mark.parametrize(
    ("source", "found"),
    [("def f():\n    import kernels.means", {"kernels.means"}), ("if TYPE_CHECKING:\n    import kernels.means", set())],
)
def test_imports_are_found_in_functions_and_not_for_types(source, found):
    assert set(imports_of(source)) == found


def test_every_room_is_in_the_picture():
    """Of docs/architecture.md: whatever lies directly in kernels, and the wings of its backends."""
    _, picture, *_ = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```")
    rooms = {name.split(".")[1] for name in MODULES if name.startswith("kernels.")}
    wings = {name.split(".")[2] for name in MODULES if name.count(".") > 2}
    assert not [name for name in rooms | wings if name not in picture]
