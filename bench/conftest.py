"""Every benchmark: kernels compiled beforehand, nothing in the JSON that it doesn't need."""

import os
import platform
import subprocess
import warnings
from importlib.metadata import version
from pathlib import Path

import cpuinfo
import pytest
import torch

import kernels
from bench.timing import ALL_THREADS

PACKAGES = ("numpy", "numba", "llvmlite", "torch", "pytest-benchmark")
WRITTEN = (":!bench/results", ":!docs", ":!README.md")  # by a benchmark or from its results
STATISTICS = ("min", "median", "max", "stddev", "rounds", "iterations")


@pytest.fixture(autouse=True, scope="session")
def compilers(tmp_path_factory):
    """Compiles or loads our kernels; starts Inductor with an empty cache, so that each compile time is a cold one."""
    kernels.warmup()  # Numba's threads too: starting them changes torch's thread count
    before = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(tmp_path_factory.mktemp("inductor"))
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


def pytest_benchmark_generate_machine_info(config):
    """What a reader of the times needs, and nothing that names the machine."""
    return {
        "cpu": cpuinfo.get_cpu_info().get("brand_raw", platform.machine()),
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


def pytest_benchmark_update_json(config, benchmarks, output_json):
    """Leaves out the time of every round, and has the note on a contender once for each workload."""
    commit, notes = output_json["commit_info"], {}
    for entry in output_json["benchmarks"]:
        info = entry["extra_info"]
        notes.setdefault(info["workload"], {})[info["contender"]] = info.pop("note")
    output_json["commit_info"] = {key: commit.get(key) for key in ("id", "time", "dirty")}
    output_json["notes"] = notes
    output_json["benchmarks"] = [slim(entry) for entry in output_json["benchmarks"]]


def slim(entry):
    stats = {key: four_digits(entry["stats"][key]) for key in STATISTICS}
    info = {key: four_digits(value) for key, value in entry["extra_info"].items()}
    return {"group": entry["group"], "name": entry["name"], "stats": stats, "extra_info": info}


def four_digits(value):
    return float(f"{value:.4g}") if isinstance(value, float) else value
