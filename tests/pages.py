"""The examples of a page of docs, run in order: `python -m tests.pages docs/howto/models.md` draws its pictures."""

import re
import sys
from contextlib import chdir
from pathlib import Path
from types import ModuleType

import matplotlib
import matplotlib.pyplot as plt

ROOT = Path(__file__).parents[1]
PAGES = ("docs/start.md", *(f"docs/howto/{path.name}" for path in sorted((ROOT / "docs" / "howto").glob("*.md"))))


def examples(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def run(page, folder):
    """Names that the examples of a page define, run in a folder; they are found there as those of a script are."""
    script, caller = ModuleType("__main__"), sys.modules["__main__"]
    names = vars(script)
    sys.modules["__main__"] = script
    try:
        with chdir(folder):
            for number, example in enumerate(examples(page)):
                exec(compile(example, f"{page}, example {number}", "exec"), names)
    finally:
        sys.modules["__main__"] = caller  # and no other: a module that was imported can't be imported again
    plt.close("all")
    return names


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    matplotlib.use("Agg")
    for page in sys.argv[1:]:
        with TemporaryDirectory() as folder:
            run(page, folder)
            for picture in re.findall(r"!\[[^]]*\]\((\w+\.png)\)", (ROOT / page).read_text(encoding="utf-8")):
                (ROOT / page).with_name(picture).write_bytes((Path(folder) / picture).read_bytes())
