"""Docstrings of what is public are in numpydoc's form, tell every argument, and point to what there is."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

from tests.docs.test_doctests import PACKAGES, documented, members_of

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
NAMES = sorted(f"{package.__name__}.{name}" for package in PACKAGES for name in package.__all__)
CLASSES = [name for name in NAMES if inspect.isclass(documented()[name])]

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


@pytest.mark.parametrize("name", CLASSES)
def test_the_form_of_members(name):
    """Of methods, and of properties that aren't told as attributes of the class."""
    for key in members_of(documented()[name]).keys() - told(documented()[name]):
        errors = [f"{code}: {text}" for code, text in validate(f"{name}.{key}")["errors"] if code in CHECKS - MEMBERS]
        assert errors == [], key


@pytest.mark.parametrize("name", CLASSES)
def test_fields_are_told(name):
    """Fields of named tuples and of dataclasses."""
    value = documented()[name]
    fields = {*getattr(value, "_fields", ()), *getattr(value, "__dataclass_fields__", ())}
    assert fields - told(value) == set()


def told(value):
    """Names of a class's attributes, as its docstring has them."""
    entries = NumpyDocString(inspect.getdoc(value))["Attributes"]
    return {name for entry in entries for name in entry.name.split(", ")}


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
