"""The README in both languages: the same parts, the same examples, short."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READMES = "README.md", "README.es.md"
MOST_LINES = 120


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text):
    """(language, code) of each block of code; what is said in comments is not compared."""
    found = re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL)
    return [(kind, re.sub(r"\s+#.*", "", code)) for kind, code in found]


def headings(text):
    """The level of each heading, outside of code."""
    without_code = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [len(marks) for marks in re.findall(r"^(#+) ", without_code, re.MULTILINE)]


def test_both_have_the_same_parts():
    english, spanish = map(text_of, READMES)
    assert headings(english) == headings(spanish)
    assert len(headings(english)) > 5


def test_both_have_the_same_examples():
    english, spanish = map(text_of, READMES)
    assert blocks(english) == blocks(spanish)
    assert [kind for kind, _ in blocks(english)].count("python") >= 3


def test_both_link_to_the_same_places():
    english, spanish = (re.findall(r"\]\(([^)]+)\)", text_of(name)) for name in READMES)
    assert english == spanish


@pytest.mark.parametrize("name", READMES)
def test_each_is_short(name):
    assert len(text_of(name).splitlines()) <= MOST_LINES
    assert len(re.findall(r"!\[", text_of(name))) == 1


@pytest.mark.parametrize("name", READMES)
def test_what_it_links_to_is_there(name):
    targets = re.findall(r"\]\(([^)#]+)", text_of(name))
    assert [target for target in targets if "://" not in target and not (ROOT / target).exists()] == []


def test_it_is_cited_with_its_version():
    version = re.search(r'__version__ = "(.*)"', text_of("kernels/__init__.py"))[1]
    assert re.search(r"^version: (.*)$", text_of("CITATION.cff"), re.MULTILINE)[1] == version
