"""Pages of docs: their examples run, and say what is so."""

import re

import matplotlib
import numpy as np
import pytest

from tests.pages import PAGES, ROOT, examples, run

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return run("docs/howto/models.md", folder), folder


def lines_of(page, first):
    """The lines of code of the example that begins so."""
    (example,) = [example for example in examples(page) if example.startswith(first)]
    return [line for line in example.splitlines() if line]


def test_start(tmp_path):
    names = run("docs/start.md", tmp_path)
    assert names["Z"].shape == (300, 300)
    assert names["accuracy"](names["model"], names["data"]) == 1
    assert {file.name for file in tmp_path.iterdir()} == {"run.png"}


def test_models(models):
    names, folder = models
    written = {file.name for file in folder.iterdir()}
    assert {"fitted.png", "two_paths.png", "line.png", "path.npz", "closer.vtk"} <= written
    assert len(names["sharpness"](names["path"], (names["X"], names["y"])).largest) == 10


def test_the_first_surface_is_lowest_at_the_model():
    names = {}
    exec(examples("docs/howto/models.md")[0], names)
    surface = names["surface"]
    assert surface.l2 == 1 / (0.1 * 500)
    step = max(np.diff(surface.s)[0], np.diff(surface.t)[0])
    assert np.hypot(*surface.minimum[:2]) <= step


def test_it_takes_so_few_lines():
    assert len(lines_of("docs/howto/models.md", "from sklearn.datasets")) == 6
    assert len([line for line in lines_of("docs/howto/models.md", "from copy") if "import" not in line]) == 12
    assert len(lines_of("docs/howto/models.md", "from logreg import LossLine")) <= 4


def test_data(tmp_path):
    names = run("docs/howto/data.md", tmp_path)
    assert names["accuracy"](names["theta"], (names["X"], names["y"])) > 0.7


@pytest.mark.parametrize("page", PAGES)
def test_what_pages_link_to_is_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert all((ROOT / page).parent.joinpath(target).exists() for target in targets), targets
