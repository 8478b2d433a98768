"""What is agreed of the sources, whatever they compute."""

import ast
import inspect
import typing
from pathlib import Path

import pytest

import kernels
from kernels import bodies
from kernels.backends import BACKENDS

PACKAGE = Path(kernels.__file__).parent
JOBS = [name for name, job in vars(bodies.Backend).items() if inspect.isfunction(job) and not name.startswith("_")]
MOST_POSITIONAL = 8
OF_TRITON = {"triton.jit", "triton_op"}  # whose arguments are those of a launch
NOT_COUNTED = {"self", "cls", "ctx"}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("job", JOBS)
def test_twins_take_the_same_arguments_in_the_same_order(job, backend):
    module = getattr(BACKENDS[backend], job)()
    if module is None:
        pytest.skip(f"{backend} has no {job}")
    wanted = {name: names_of(function) for name, function in functions_of(body_of(job)).items()}
    assert wanted
    assert {name: names_of(getattr(module, name)) for name in wanted} == wanted


def body_of(job):
    """The protocol of the module that does a job."""
    returned = typing.get_type_hints(getattr(bodies.Backend, job))["return"]
    kinds = [kind for kind in typing.get_args(returned) if kind is not type(None) and kind is not bodies.Kind]
    return typing.get_origin(kinds[0] if kinds else returned)


def functions_of(body):
    return {name: value for name, value in vars(body).items() if inspect.isfunction(value) and not name.startswith("_")}


def names_of(function):
    """Names of the parameters in their order, settings that come as a dict among them."""
    parameters = [parameter for name, parameter in inspect.signature(function).parameters.items() if name != "self"]
    return [name for parameter in parameters for name in names_of_parameter(parameter)]


def names_of_parameter(parameter):
    if parameter.kind is not parameter.VAR_KEYWORD:
        return [parameter.name]
    (settings,) = typing.get_args(parameter.annotation)
    return list(settings.__annotations__)


def test_no_function_takes_many_positional_arguments():
    sources = sorted(PACKAGE.rglob("*.py"))
    assert sources
    found = [place for source in sources for place in places_with_many(ast.parse(source.read_text()), source)]
    assert not found


def test_many_positional_arguments_are_found():
    many = ", ".join(f"x{k}" for k in range(MOST_POSITIONAL + 1))
    few = many.rpartition(", ")[0]
    kernel = f"@triton.jit(do_not_specialize=SIZES)\ndef kernel({many}): pass"
    source = f"def f({many}): pass\ndef g(self, {few}, *, x): pass\nh = lambda {many}: 0\n{kernel}"
    assert places_with_many(ast.parse(source), PACKAGE / "x.py") == ["x.py:1", "x.py:3"]


def places_with_many(tree, source):
    """file:line of functions with too many positional arguments, but for those of Triton."""
    functions = (
        node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    )
    many = (node for node in functions if len(positional(node)) > MOST_POSITIONAL and not is_of_triton(node))
    return [f"{source.relative_to(PACKAGE)}:{node.lineno}" for node in many]


def positional(node):
    return [argument.arg for argument in (*node.args.posonlyargs, *node.args.args) if argument.arg not in NOT_COUNTED]


def is_of_triton(node):
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(getattr(decorator, "func", decorator)) in OF_TRITON for decorator in decorators)


def test_named_tuples_of_kernels_have_names_of_their_own():
    """Numba takes two for one type that have the same name and types of fields, and then 80 us to find the kernel at
    each call (0.68)."""
    sources = (ast.parse(source.read_text()) for source in (PACKAGE / "numba_cpu").rglob("*.py"))
    classes = [node for source in sources for node in ast.walk(source) if isinstance(node, ast.ClassDef)]
    names = [node.name for node in classes if any(ast.unparse(base) == "NamedTuple" for base in node.bases)]
    assert "Samples" in names
    assert sorted(set(names)) == sorted(names)
