"""Examples in the docstrings of what is public run, and give what they say."""

import doctest
import functools
import inspect
import types

import matplotlib
import matplotlib.pyplot as plt
import pytest

import kernels
import logreg
import viz

matplotlib.use("Agg")

PACKAGES = kernels, logreg, viz
NAMES_OF_PACKAGES = {package.__name__ for package in PACKAGES}
KINDS = (types.FunctionType, property, functools.cached_property, classmethod, staticmethod)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def documented():
    """{name: object}: all that is public, and of classes the methods and properties that are ours."""
    found = {}
    for package in PACKAGES:
        for name in package.__all__:
            value = getattr(package, name)
            found[f"{package.__name__}.{name}"] = value
            if inspect.isclass(value):
                found |= {f"{package.__name__}.{name}.{key}": member for key, member in members_of(value).items()}
    return found


def members_of(value):
    """{name: member} of a class and of those of ours that it is made from, but for its fields."""
    ours = [one for one in reversed(value.__mro__) if one.__module__.partition(".")[0] in NAMES_OF_PACKAGES]
    members = {key: member for one in ours for key, member in vars(one).items() if not key.startswith("_")}
    return {key: member for key, member in members.items() if isinstance(member, KINDS)}


def examples():
    parser = doctest.DocTestParser()
    tests = [parser.get_doctest(inspect.getdoc(value) or "", {}, name, None, 0) for name, value in documented().items()]
    return [pytest.param(test, id=test.name) for test in tests if test.examples]


@pytest.mark.parametrize("test", examples())
def test_the_examples_run(test, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.DocTestRunner(optionflags=FLAGS).run(test)
    plt.close("all")
    assert tried > 0
    assert failed == 0, capsys.readouterr().out
