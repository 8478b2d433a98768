"""Every benchmark: Inductor ready, nothing in the JSON that it doesn't need."""

import os
import platform
import subprocess
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from pytest_benchmark.logger import PytestBenchmarkWarning

from bench import this_processor
from bench.timing import ALL_THREADS

PACKAGES = ("numpy", "numba", "llvmlite", "torch", "pytest-benchmark")
WRITTEN = (":!bench/results", ":!docs", ":!README.md")  # by a benchmark or from its results
# the columns of `pytest-benchmark compare`, and by what it names, groups and matches them
STATISTICS = ("min", "median", "max", "mean", "stddev", "iqr", "outliers", "ops", "rounds", "iterations")
NAMES = ("group", "name", "fullname", "params", "param")
STARTED = time.monotonic()


@pytest.fixture(autouse=True, scope="session")
def inductor(request, tmp_path_factory):
    """Gives Inductor an empty cache, so that each compile time is a cold one, and starts it, which is part of none."""
    before = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(tmp_path_factory.mktemp("inductor"))
    contenders = filter(None, map(contender_of, request.session.items))
    if any(contender.compiles == "process" for contender in contenders):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch deprecates parts of itself
            torch.compile(torch.relu)(torch.zeros(1))
    yield
    if before is None:
        del os.environ["TORCHINDUCTOR_CACHE_DIR"]
    else:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = before


def pytest_configure(config):
    # with the library's `error` this warning would hide why no benchmark has been run
    config.addinivalue_line("filterwarnings", "default::pytest_benchmark.logger.PytestBenchmarkWarning")
    # and as a session starts, when pytest has read those lines already, what can't be compared would end it
    warnings.filterwarnings("default", category=PytestBenchmarkWarning)


def pytest_benchmark_generate_machine_info(config):
    """What a reader of the times needs, and nothing that names the machine."""
    return {
        "cpu": this_processor.name(),
        "processor": this_processor.folder(),
        "threads": ALL_THREADS,
        "system": platform.system(),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def pytest_benchmark_update_commit_info(config, commit_info):
    """Results that an earlier benchmark wrote don't change what is measured."""
    if commit_info["id"] not in ("unknown", "unversioned"):
        command = ["git", "status", "--porcelain", "--untracked-files=all", "--", ".", *WRITTEN]
        changes = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, check=True).stdout
        commit_info["dirty"] = bool(changes)


def pytest_collection_modifyitems(items):
    """A contender without the docstring that is printed with its results is found before anything is timed."""
    for item in items:
        contender = contender_of(item)
        if contender is not None and not contender.prepare.__doc__:
            where = f"{contender.prepare.__module__}.{contender.prepare.__qualname__}"
            raise pytest.UsageError(f"contender {contender.name!r}: {where} has no docstring, which is its note")


def contender_of(item):
    return item.callspec.params.get("contender") if hasattr(item, "callspec") else None


def pytest_benchmark_update_json(config, benchmarks, output_json):
    """Leaves out the time of every round and what failed after it was timed, and has the note on a contender once for
    each workload. Adds the seconds of the whole session."""
    commit, notes, slim = output_json["commit_info"], {}, []
    for entry in output_json["benchmarks"]:
        info = dict(entry["extra_info"])  # which all the files that are written share
        if "contender" in info:
            notes.setdefault(info["workload"], {})[info["contender"]] = info.pop("note")
            slim.append(slimmed(entry, info))
    output_json["commit_info"] = {key: commit.get(key) for key in ("id", "time", "dirty")}
    output_json["notes"] = notes
    output_json["benchmarks"] = slim
    output_json["seconds"] = round(time.monotonic() - STARTED)


def slimmed(entry, info):
    stats = {key: four_digits(entry["stats"][key]) for key in STATISTICS}
    info = {key: four_digits(value) for key, value in info.items()}
    return {key: entry[key] for key in NAMES} | {"stats": stats, "extra_info": info}


def four_digits(value):
    return float(f"{value:.4g}") if isinstance(value, float) else value
