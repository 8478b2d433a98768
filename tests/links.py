"""Links of built pages, followed within their folder: `python -m tests.links docs/_build/html`.

What a page loads, pictures, styles and programs, has to be in the folder too, so that it can be read without a network.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"img": "src", "script": "src", "source": "src", "video": "src", "iframe": "src", "link": "href"}
NOT_LOADED = {"canonical", "next", "prev", "author", "copyright", "index", "search"}  # what a <link> may be of


class Page(HTMLParser):
    """A page's anchors, what it links to, and what it loads."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loads = {"", "top"}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors.update(values[name] for name in ("id", "name") if values.get(name))
        target = values.get(LOADED.get(tag))
        if target and values.get("rel") not in NOT_LOADED:
            self.loads.append(target)
        elif values.get("href"):
            self.links.append(values["href"])


def defects(folder):
    """What is wrong with the pages of a folder, a line each."""
    folder = Path(folder).resolve()
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in pages_of(folder)}
    return [
        f"{path.relative_to(folder)}: {link} {wrong}"
        for path, page in pages.items()
        for link, wrong in [*wrong_links(path, page, pages), *fetched(page)]
    ]


def pages_of(folder):
    """All but templates, which themes keep among what they copy."""
    return [path for path in sorted(folder.rglob("*.html")) if "_static" not in path.relative_to(folder).parts]


def wrong_links(path, page, pages):
    for link in dict.fromkeys([*page.links, *page.loads]):
        scheme, host, place, _, anchor = urlsplit(link)
        if scheme or host:
            continue
        target = (path.parent / unquote(place)).resolve() if place else path
        if not target.exists():
            yield link, "leads nowhere"
        elif target in pages and unquote(anchor) not in pages[target].anchors:
            yield link, "leads to no anchor"


def fetched(page):
    for link in page.loads:
        parts = urlsplit(link)
        if parts.netloc:
            yield link, "would be fetched"


if __name__ == "__main__":
    found = defects(sys.argv[1])
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))
