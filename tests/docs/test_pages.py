"""Pages of docs: their examples run, and say what is so."""

import re

import matplotlib
import numpy as np
import pytest

from tests.pages import PAGES, ROOT, examples, run
from tests.pictures import TOLERANCE, difference

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return run("docs/models.md", folder), folder


def lines_of(page, first):
    """The lines of code of the example that begins so."""
    (example,) = [example for example in examples(page) if example.startswith(first)]
    return [line for line in example.splitlines() if line]


def test_models(models):
    names, folder = models
    written = {file.name for file in folder.iterdir()}
    assert {"fitted.png", "two_paths.png", "line.png", "path.npz", "closer.vtk"} <= written
    assert len(names["sharpness"](names["path"], (names["X"], names["y"])).largest) == 10


@pytest.mark.parametrize("name", ["two_paths.png", "line.png"])
def test_pictures_of_models_are_those_of_docs(name, models):
    assert difference(models[1] / name, name) < TOLERANCE


def test_the_first_surface_is_lowest_at_the_model():
    names = {}
    exec(examples("docs/models.md")[0], names)
    surface = names["surface"]
    assert surface.l2 == 1 / (0.1 * 500)
    step = max(np.diff(surface.s)[0], np.diff(surface.t)[0])
    assert np.hypot(*surface.minimum[:2]) <= step


def test_it_takes_so_few_lines():
    assert len(lines_of("docs/models.md", "from sklearn.datasets")) == 6
    assert len([line for line in lines_of("docs/models.md", "from copy") if "import" not in line]) == 12
    assert len(lines_of("docs/models.md", "from logreg import LossLine")) <= 4


def test_data(tmp_path):
    names = run("docs/data.md", tmp_path)
    assert names["accuracy"](names["theta"], (names["X"], names["y"])) > 0.7


@pytest.mark.parametrize("page", PAGES)
def test_what_pages_link_to_is_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert all((ROOT / page).parent.joinpath(target).exists() for target in targets), targets
