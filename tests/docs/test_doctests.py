"""Examples in the docstrings of what is public run, and give what they say."""

import doctest
import inspect

import matplotlib
import matplotlib.pyplot as plt
import pytest

import kernels
import logreg
import viz

matplotlib.use("Agg")

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def documented():
    """{name: object}: all that is public, and the methods and properties of classes."""
    found = {}
    for package in (kernels, logreg, viz):
        for name in package.__all__:
            value = getattr(package, name)
            found[f"{package.__name__}.{name}"] = value
            if inspect.isclass(value):
                of_class = {key: member for key, member in vars(value).items() if not key.startswith("_")}
                found |= {f"{package.__name__}.{name}.{key}": member for key, member in of_class.items()}
    return found


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
