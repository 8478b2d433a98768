"""The links of pages: each defect is found, and nothing else is."""

import pytest

from tests.links import defects

OTHER = '<h2 id="there">There</h2><a name="old">'


@pytest.fixture
def wrong(tmp_path):
    """What is wrong with a page of this body, beside another page and a picture."""

    def of(body):
        (tmp_path / "deep").mkdir(exist_ok=True)
        (tmp_path / "deep" / "other page.html").write_text(OTHER)
        (tmp_path / "dot.png").write_bytes(b"")
        (tmp_path / "index.html").write_text(f"<html><body id='here'>{body}</body></html>")
        return defects(tmp_path)

    return of


@pytest.mark.parametrize(
    "body",
    [
        "",
        '<a href="#here">',
        '<a href="#">',
        '<a href="#top">',
        '<a href="deep/other%20page.html">',
        '<a href="deep/other%20page.html#there">',
        '<a href="deep/other%20page.html#old">',
        '<a href="https://example.org/nowhere#at-all">',
        '<a href="mailto:somebody@example.org">',
        '<a name="named"><a href="#named">',
        '<img src="dot.png"><img src="data:image/png;base64,AA==">',
        '<img src="dot.png?v=1">',
        '<link rel="canonical" href="https://example.org/">',
    ],
)
def test_what_is_right(wrong, body):
    assert wrong(body) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<a href="gone.html">', "gone.html leads nowhere"),
        ('<a href="deep/gone.html#there">', "deep/gone.html#there leads nowhere"),
        ('<a href="deep/other%20page.html#gone">', "deep/other%20page.html#gone leads to no anchor"),
        ('<a href="#gone">', "#gone leads to no anchor"),
        ('<img src="gone.png">', "gone.png leads nowhere"),
        ('<link rel="stylesheet" href="gone.css">', "gone.css leads nowhere"),
        ('<script src="https://example.org/a.js"></script>', "https://example.org/a.js would be fetched"),
        ('<img src="//example.org/a.png">', "//example.org/a.png would be fetched"),
        ('<link rel="stylesheet" href="http://example.org/a.css">', "http://example.org/a.css would be fetched"),
    ],
)
def test_what_is_wrong(wrong, body, said):
    assert wrong(body) == [f"index.html: {said}"]


def test_links_of_deep_pages_go_from_where_they_are(wrong, tmp_path):
    wrong("")
    (tmp_path / "deep" / "third.html").write_text('<a href="../index.html#here"><a href="index.html">')
    assert defects(tmp_path) == ["deep/third.html: index.html leads nowhere"]
