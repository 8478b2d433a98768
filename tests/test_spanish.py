"""Every text that is said or drawn has its Spanish, with the same values in it."""

import ast
from pathlib import Path
from string import Formatter

import pytest

import logreg.language
import viz.language
from kernels.losses import LOSSES
from kernels.quantities import QUANTITIES

ROOT = Path(__file__).parents[1]
TABLES = {"logreg": logreg.language.SPANISH, "viz": viz.language.SPANISH}


def texts_said(package):
    """What a package's calls of `said` begin with, where that is a string."""
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "said":
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    yield first.value


@pytest.mark.parametrize("rows", [LOSSES, QUANTITIES])
def test_titles_have_their_spanish(rows):
    assert {row.title for row in rows.values()} <= set(logreg.language.SPANISH)


def values_in(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("package", TABLES)
def test_every_text_has_its_spanish(package):
    assert set(texts_said(package)) <= set(TABLES[package])


@pytest.mark.parametrize("package", TABLES)
def test_spanish_has_the_values_of_the_english(package):
    assert {en: es for en, es in TABLES[package].items() if values_in(en) != values_in(es)} == {}
