"""A pytest plugin: notes each test as it begins, in the file MUTATION_TEST, and ends the process where one computes on
and on, by time of the CPU, as a machine may be busy with other things."""

import os
import resource
from pathlib import Path

import pytest

ITEM_SECONDS = 200  # of the CPU, compiling included; fixtures, one of which compiles every kernel, take longer


def pytest_runtest_logstart(nodeid):
    Path(os.environ["MUTATION_TEST"]).write_text(nodeid, encoding="utf-8")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call():
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit(int(used.ru_utime + used.ru_stime) + ITEM_SECONDS)


def pytest_runtest_logfinish():
    limit(resource.RLIM_INFINITY)


def limit(seconds):
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds if hard == resource.RLIM_INFINITY else hard, hard))
