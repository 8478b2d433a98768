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


@pytest.mark.parametrize("name", ["two_paths.png", "line.png"])
def test_pictures_of_models_are_those_of_docs(name, models):
    assert difference(models[1] / name, f"howto/{name}") < TOLERANCE


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
    of_arrays = names["LossSurface"].around(names["theta"], (names["X"], names["y"]), directions="hessian")
    np.testing.assert_allclose(names["of_blocks"].loss, of_arrays.loss, rtol=1e-11)


def test_surfaces(tmp_path):
    names = run("docs/howto/surfaces.md", tmp_path)
    assert names["Z"].shape == (1024, 1024)
    np.testing.assert_allclose(names["streamed"].loss, names["surface"].loss, rtol=0, atol=1e-11)
    assert names["plan"].bound <= 1e-10 * max(1, names["surface"].loss.max())
    assert {file.name for file in tmp_path.iterdir()} == {"surface.npz", "surface.vtk"}


def test_training(tmp_path):
    names = run("docs/howto/training.md", tmp_path)
    assert names["accuracy"](names["model"], names["data"]) == 1
    assert names["ends"].loss.shape == (50,)
    assert names["run"].loss.shape == (350,)


def test_studies(tmp_path):
    names = run("docs/howto/studies.md", tmp_path)
    assert names["study"].loss["mse"].shape == (6, 60)
    assert {file.name for file in tmp_path.iterdir()} == {"starts.png", "rates.png", "starts.part"}


@pytest.mark.parametrize("page", ["original_notebook", "pictures", "explorer"])
def test_others_run(page, tmp_path):
    run(f"docs/howto/{page}.md", tmp_path)


def test_the_first_call(tmp_path, capsys):
    run("docs/howto/first_call.md", tmp_path)
    assert capsys.readouterr().out.endswith("y[2] is 2; accepted: labels in [0, 1]\n")


@pytest.mark.parametrize("page", PAGES)
def test_what_pages_link_to_is_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert all((ROOT / page).parent.joinpath(target).exists() for target in targets), targets
