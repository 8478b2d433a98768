"""The gallery's examples have the form that its pages are made of; `make docs` runs them."""

import ast
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
FILES = sorted((DOCS / "examples").rglob("*.py"))
NAMES = [str(file.relative_to(DOCS / "examples")) for file in FILES]
LONGEST = 79  # columns of code that a page shows without scrolling
FEWEST = 15


def title_of(path):
    """The title of an example, which is underlined."""
    title, line, blank = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[:3]
    assert line == "=" * len(title)
    assert blank == ""
    return title


def test_there_are_enough_and_each_has_a_title_of_its_own():
    assert len({title_of(path) for path in FILES}) == len(FILES) >= FEWEST


def test_file_names_are_their_own():
    """Pictures have the name of their file alone."""
    assert len({path.name for path in FILES}) == len(FILES)


def test_groups_are_in_order():
    conf = runpy.run_path(str(DOCS / "conf.py"))["sphinx_gallery_conf"]
    assert sorted(conf["subsection_order"]) == sorted({f"examples/{path.parent.name}" for path in FILES})
    assert conf["abort_on_example_error"]
    for group in conf["subsection_order"]:
        title, line = (DOCS / group / "GALLERY_HEADER.rst").read_text(encoding="utf-8").splitlines()[:2]
        assert line == "-" * len(title)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_the_form(path):
    text = path.read_text(encoding="utf-8")
    assert path.name.startswith("plot_")
    assert max(map(len, text.splitlines())) <= LONGEST
    assert 10 <= len([line for line in text.splitlines() if line and not line.startswith("#")]) <= 60
    assert text.rpartition("# %%\n")[2].startswith("# To try: ")
