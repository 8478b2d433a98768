"""A pytest plugin that shares tests out among processes: each takes the next one that nobody has begun, the most
telling first, and its result is on disk before the next one begins."""

import faulthandler
import json
import os
import time

import pytest
from _pytest.runner import runtestprotocol

from bench.card import compilations
from bench.card.children import end_with_parent
from bench.card.journal import Journal, wanted

ITEM_SECONDS = 100  # a test that takes longer hangs: its process ends
# A kernel each, the most telling first; others follow as they are collected, long ones last.
FIRST = (
    "test_public_functions",
    "test_results_are_where_the_data_is",
    "test_runs_of_any_size",
    "test_members_are_runs",
    "test_spectral_keeps_its_bound",
    "test_layouts",
    "test_same_bits_each_time",
    "test_steps_are_exact_at_ties",
    "test_blocks_may_be_streamed",
)

journal = Journal.of_environment()
patterns = json.loads(os.environ["BENCH_CARD_ONLY"])
end_with_parent()
compilations.listen()


def pytest_collection_modifyitems(items):
    items.sort(key=place_of)


def pytest_sessionfinish(session, exitstatus):
    """Tests that failed are no reason to begin again: they are told in the results."""
    if exitstatus == pytest.ExitCode.TESTS_FAILED:
        session.exitstatus = pytest.ExitCode.OK


def pytest_collectreport(report):
    """What can't be collected is as good as failed."""
    if report.failed and journal.claim("tests", report.nodeid):
        journal.end("tests", report.nodeid, False, error=report.longreprtext)


def place_of(item):
    name = getattr(item, "originalname", item.name)
    return item.get_closest_marker("long") is not None, FIRST.index(name) if name in FIRST else len(FIRST)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """True: nothing more is to be done for a test, as it was run here or is another process's."""
    if wanted("tests", item.nodeid, patterns) and journal.claim("tests", item.nodeid):
        faulthandler.dump_traceback_later(ITEM_SECONDS, exit=True)
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        started, before = time.perf_counter(), compilations.so_far()
        reports = runtestprotocol(item, nextitem=None, log=True)  # None: the next one may be another process's
        spent = {"seconds": round(time.perf_counter() - started, 3), "compiled": compilations.since(before)}
        journal.end("tests", item.nodeid, **outcome(reports), **spent)
        faulthandler.cancel_dump_traceback_later()
    return True


def outcome(reports):
    """What is noted of a test's set-up, call and end."""
    if failed := [report.longreprtext for report in reports if report.failed]:
        return {"ok": False, "error": "\n".join(failed)}
    skipped = [report.longrepr[-1] for report in reports if report.skipped]
    return {"ok": True, "skipped": skipped[0]} if skipped else {"ok": True}
