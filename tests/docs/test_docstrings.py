"""Docstrings of what is public are in numpydoc's form, tell every argument, and point to what there is."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

import kernels
import logreg
import viz
from tests.docs.test_doctests import documented

PACKAGES = (kernels, logreg, viz)
REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
NAMES = sorted(f"{package.__name__}.{name}" for package in PACKAGES for name in package.__all__)

# of numpydoc's checks: form and completeness; not where words begin, nor full stops
CHECKS = {
    "GL03",  # blank lines
    "GL05",  # tabs
    "GL06",  # unknown sections
    "GL07",  # their order
    "GL08",  # no docstring
    "SS01",  # no summary
    "SS02",  # a summary that begins with a small letter
    "SS03",  # one that doesn't end
    "PR01",  # an argument that isn't told
    "PR02",  # one that there isn't
    "PR03",  # arguments in another order
    "PR04",  # one without a type
    "PR07",  # one that isn't described
    "PR10",  # a colon without a space
    "RT01",  # a result that isn't told
    "RT03",  # one that isn't described
    "YD01",  # what is yielded
    "SA04",  # a reference without a reason
    "EX01",  # no example
}
RESULTS = {"PR01", "PR02"}  # of classes that nobody makes by hand: they tell attributes
MEMBERS = {"EX01"}  # methods are in the examples of their class


@pytest.mark.parametrize("name", NAMES)
def test_the_form(name):
    waived = RESULTS if inspect.isclass(documented()[name]) else set()
    errors = [f"{code}: {text}" for code, text in validate(name)["errors"] if code in CHECKS - waived]
    assert errors == []


def test_the_form_of_methods():
    members = [name for name in documented() if name.count(".") == 2 and not is_field(name)]
    errors = {name: [pair for pair in validate(name)["errors"] if pair[0] in CHECKS - MEMBERS] for name in members}
    assert {name: found for name, found in errors.items() if found} == {}


def is_field(name):
    return not callable(value := documented()[name]) and not isinstance(value, (property, classmethod, staticmethod))


@pytest.mark.parametrize("name", [name for name in NAMES if issubclass(type(documented()[name]), type)])
def test_fields_are_told(name):
    """Fields of named tuples and of dataclasses, in their order."""
    value = documented()[name]
    fields = getattr(value, "_fields", None) or tuple(getattr(value, "__dataclass_fields__", ()))
    told = [part for entry in NumpyDocString(inspect.getdoc(value))["Attributes"] for part in entry.name.split(", ")]
    assert [field for field in fields if not field.startswith("_") and field not in told] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_pointed_to_is_there(name):
    package = name.partition(".")[0]
    for entries, _ in NumpyDocString(inspect.getdoc(documented()[name]))["See Also"]:
        for other, _role in entries:
            assert resolves(other) or resolves(f"{package}.{other}"), other


def resolves(name):
    package, *rest = name.split(".")
    if package not in {module.__name__ for module in PACKAGES}:
        return False
    value = importlib.import_module(package)
    for part in rest:
        value = getattr(value, part, None)
    return value is not None


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_the_reference_has_each_name_once(package):
    page = (REFERENCE / f"{package.__name__}.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^   (\w+)$", page, re.MULTILINE)) == sorted(package.__all__)
