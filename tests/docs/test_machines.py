"""The page and the scripts of surfaces by many workers: every way gives the same surface, to the bit."""

import os
import re
import subprocess
import sys
from functools import partial
from textwrap import indent

import matplotlib
import numpy as np
import pytest

from kernels import logit_plane, surface_on_plane
from tests import engines
from tests.pages import ROOT, examples, run

matplotlib.use("Agg")
PAGE = "docs/howto/machines.md"
SCRIPTS = ROOT / "docs" / "howto" / "scripts"


def rows(X, y, start):
    return X[start : start + 1000], y[start : start + 1000]


def surface_of(X, y):
    blocks = logit_plane([partial(rows, X, y, start) for start in range(0, len(y), 1000)], *np.eye(21)[[0, 1, 2]])
    axis = np.linspace(-2, 2, 60)
    return surface_on_plane(blocks, None, axis, axis)


def test_the_page_runs_and_every_surface_has_the_same_bits(tmp_path, capsys):
    names = run(PAGE, tmp_path)
    want = surface_of(names["X"], np.load(tmp_path / "labels.npy"))
    for name in ("surface", "of_groups", "of_partitions", "again"):
        np.testing.assert_array_equal(names[name].loss, want.loss, err_msg=name, strict=True)
    said = capsys.readouterr().out
    assert said.startswith("no rows from 1000\nThat was block 1 of plane, counted from 0.\nOn a worker:\n")


def test_dask_takes_so_few_lines():
    (example,) = [example for example in examples(PAGE) if "LocalCluster" in example]
    lines = [line for line in example.splitlines() if line and "import" not in line]
    assert len(lines) == 7


@pytest.mark.long
def test_the_example_of_dask_is_a_script_under_the_line_that_is_named(paths):
    files, dask = examples(PAGE)[:2]
    functions, cluster, rest = dask.partition("cluster = ")
    main = indent(f"{cluster}{rest}np.save('loss.npy', surface.loss)\nclient.shutdown()\n", "    ")
    line = 'if __name__ == "__main__":'
    assert line in (ROOT / PAGE).read_text(encoding="utf-8").partition(dask)[0]
    axes = "\n".join(line for line in files.splitlines() if "save" not in line)  # as the files are there
    places, want = paths
    folder = places[0].parent
    (folder / "script.py").write_text(f"{axes}\n{functions}{line}\n{main}")
    environment = os.environ | {"PYTHONPATH": os.fspath(ROOT)}
    subprocess.run([sys.executable, "script.py"], cwd=folder, env=environment, check=True, timeout=120)
    np.testing.assert_array_equal(np.load(folder / "loss.npy"), want.loss, strict=True)


def test_the_error_is_what_is_said():
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    said = " ".join(re.search(r"```text\n(.*?)```", text, re.DOTALL)[1].split())
    assert re.fullmatch(
        r"concurrent.futures._base.BrokenExecutor: executor gave up when \d+ tasks of '.*' were done "
        r"\(BrokenProcessPool: .*\); it is kept in 'sums.npz': the same call with another executor goes on from there",
        said,
    )


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 20)).astype(np.float32)
    y = X[:, 0] + rng.normal(size=5000) > 0
    np.save(tmp_path / "features.npy", X)
    np.save(tmp_path / "labels.npy", y)
    return [tmp_path / name for name in ("features.npy", "labels.npy", "loss.npy")], surface_of(X, y)


def by_processes(*paths):
    environment = os.environ | {"PYTHONPATH": os.fspath(ROOT)}
    subprocess.run([sys.executable, SCRIPTS / "surface_by_processes.py", *paths], env=environment, check=True)


def by_mpi(*paths):
    assert engines.run_mpi(SCRIPTS / "surface_by_mpi.py", *paths).returncode == 0


@pytest.mark.parametrize("script", [by_processes, by_mpi])
def test_scripts_give_the_same_bits(script, paths):
    places, want = paths
    script(*places)
    np.testing.assert_array_equal(np.load(places[2]), want.loss, strict=True)
