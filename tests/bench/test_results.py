"""The results of benchmarks: what pytest-benchmark reads of them, and contenders that would end a session."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import conftest
from bench.timing import Contender

ROOT = Path(__file__).parents[2]


def with_note(problem):
    """Is described."""


def without_note(problem):
    pass


def entry(name, **info):
    stats = dict.fromkeys((*conftest.STATISTICS, "q1", "data"), 1.23456)
    return {**dict.fromkeys(conftest.NAMES), "name": name, "options": {}, "stats": stats, "extra_info": info}


def test_what_failed_after_it_was_timed_is_left_out():
    entries = [entry("good", workload="w", contender="c", note="n", error=0.123456), entry("failed")]
    for _ in range(2):  # a session that saves and writes asks twice, of the same
        output = {"benchmarks": entries, "commit_info": {"id": "x"}}
        conftest.pytest_benchmark_update_json(None, None, output)
        (kept,) = output["benchmarks"]
        assert kept["name"] == "good"
        assert kept["extra_info"] == {"workload": "w", "contender": "c", "error": 0.1235}
        assert kept["stats"] == dict.fromkeys(conftest.STATISTICS, 1.235)
        assert output["notes"] == {"w": {"c": "n"}}


def item_of(contender):
    return SimpleNamespace(callspec=SimpleNamespace(params={"contender": contender}))


def test_a_contender_without_a_note_is_refused_by_name():
    good, bad = Contender("good", with_note), Contender("bad", without_note)
    conftest.pytest_collection_modifyitems([item_of(good), SimpleNamespace()])
    with pytest.raises(pytest.UsageError, match=r"contender 'bad': .*test_results\.without_note has no docstring"):
        conftest.pytest_collection_modifyitems([item_of(good), item_of(bad)])


HOOKS = """
from bench.conftest import (
    pytest_benchmark_generate_machine_info, pytest_benchmark_update_commit_info, pytest_benchmark_update_json,
    pytest_collection_modifyitems, pytest_configure,
)
"""
BENCHMARK = """
import pytest
from bench.timing import Contender

def described(problem):
    "A note."

def undescribed(problem):
    pass

@pytest.mark.parametrize("contender", [Contender("a", described), Contender("b", described)], ids=["a", "b"])
def test_some(benchmark, contender):
    benchmark.pedantic(lambda: sum(range(99)), rounds=5)
    benchmark.extra_info.update(workload="w", contender=contender.name, note=contender.note)
"""
INI = "[pytest]\nfilterwarnings = error\naddopts = -p no:cacheprovider"


@pytest.mark.long
def test_results_are_compared(tmp_path, monkeypatch):
    """By both ways of pytest-benchmark, in sessions where warnings are errors."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # by which pytest-benchmark would switch itself off
    for name, text in (("conftest.py", HOOKS), ("test_some.py", BENCHMARK), ("pytest.ini", INI)):
        (tmp_path / name).write_text(text)

    def run(*command):
        done = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    session = "pytest", "--benchmark-only", "--benchmark-storage=stored"
    code, text = run(*session, "--benchmark-compare")  # with nothing yet
    assert (code, "Can't compare. No benchmark files" in text) == (0, True), text
    code, text = run(*session, "--benchmark-autosave", "--benchmark-json=results.json")
    assert code == 0, text
    code, text = run(*session, "--benchmark-compare")
    assert (code, text.count("test_some[a] (0001"), text.count("test_some[a] (NOW)")) == (0, 1, 1), text
    code, text = run("pytest_benchmark", "compare", "results.json", "--group-by=fullname", "--sort=mean")
    assert (code, text.count("test_some[a]") > 0, "Failed" in text) == (0, True, False), text
    (tmp_path / "test_some.py").write_text(BENCHMARK.replace('"b", described', '"b", undescribed'))
    code, text = run(*session, "--benchmark-json=other.json")
    assert (code, "contender 'b': test_some.undescribed has no docstring" in text) == (4, True), text
    assert not (tmp_path / "other.json").exists()
    assert len(json.loads((tmp_path / "results.json").read_text())["benchmarks"]) == 2
