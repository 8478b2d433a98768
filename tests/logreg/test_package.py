"""The package itself: what it has, and that nothing is loaded before it is asked for."""

import ast
import pickle
from pathlib import Path

import pytest

import logreg
from tests.processes import printed_by

HEAVY = "torch", "numba", "matplotlib", "sklearn"
LOADED = f"import json, sys; print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"


def names_for_types():
    """{public name: the module that a type checker finds it in}"""
    (block,) = (node for node in ast.parse(Path(logreg.__file__).read_text()).body if isinstance(node, ast.If))
    return {alias.name: node.module for node in block.body for alias in node.names}


def test_homes_are_those_of_type_checkers():
    assert {name: f"logreg.{home}" for name, home in logreg.HOMES.items()} == names_for_types()
    assert set(logreg.__all__) == {*logreg.HOMES, "speak", "speaking"}


@pytest.mark.parametrize("name", logreg.HOMES)
def test_names_are_found_whatever_was_imported_first(name):
    """A module that is called as a public name is would stand in its place."""
    assert not (Path(logreg.__file__).parent / f"{name}.py").exists()
    assert getattr(logreg, name).__module__ == f"logreg.{logreg.HOMES[name]}"
    assert pickle.loads(pickle.dumps(getattr(logreg, name))) is getattr(logreg, name)


def test_names_are_listed():
    assert set(logreg.__all__) <= set(dir(logreg))


def test_all_names_at_once():
    names = {}
    exec("from logreg import *", names)
    assert names.keys() >= set(logreg.__all__)


def test_unknown_names():
    with pytest.raises(AttributeError, match="module 'logreg' has no attribute 'trian'"):
        logreg.trian  # noqa: B018


@pytest.mark.parametrize(
    ("source", "loaded"),
    [
        ("import logreg", []),
        ("import logreg; dir(logreg)", []),
        ("import logreg; logreg.LabData", ["torch"]),
        ("from logreg import LabData", ["torch"]),
        ("from logreg.__main__ import main", []),
    ],
)
def test_what_is_loaded(source, loaded):
    assert printed_by(f"{source}\n{LOADED}") == loaded
