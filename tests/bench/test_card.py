"""The command for a card: what it finds is kept whatever ends it, and what a reader is told of it."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import kernels
from bench.card import checking, report, speed
from bench.card.__main__ import pytest_of
from bench.card.children import Log, work_off
from bench.card.journal import Journal, continued, latest, stage_wanted, unfinished, wanted

ROOT = Path(__file__).parents[2]
# works off items 0 to 5, does what it is told to at item 2
WORKER = """
import os, signal, sys, time
from bench.card.children import end_with_parent
from bench.card.journal import Journal
path, deed = sys.argv[1:]
journal = Journal(path, 1)
end_with_parent()
for name in "012345":
    if journal.claim("stage", name):
        if name == "2":
            print("at two", flush=True)
            {"hang": lambda: time.sleep(60), "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
             "leave": lambda: sys.exit(7), "nothing": lambda: None}[deed]()
        journal.end("stage", name, True)
"""


def run(command):
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path / "log.txt")


def worked_off(tmp_path, log, deed, workers=1, seconds=60.0):
    journal = Journal(tmp_path / "results.jsonl", 1)
    command = [sys.executable, "-c", WORKER, str(journal.path), deed]
    how = work_off("stage", [command] * workers, seconds, journal, log)
    return how, latest(journal.lines())


# The journal


def test_items_are_begun_once_by_whoever_comes_first(tmp_path):
    journals = [Journal(tmp_path / "results.jsonl", 1) for _ in range(2)]
    assert [journal.claim("smoke", "a") for journal in journals] == [True, False]
    journals[0].end("smoke", "a", True, error_over_allowed=0.25)
    assert not journals[1].claim("smoke", "a")
    assert journals[1].claim("speed", "a")
    (end,) = latest(journals[0].lines()).values()
    assert end["error_over_allowed"] == 0.25


def test_numbers_that_json_lacks_are_named(tmp_path):
    journal = Journal(tmp_path / "results.jsonl", 1)
    journal.end("speed", "a", False, values=[math.inf, {"x": math.nan}], many=(1, 2.5))
    text = journal.path.read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(name))
    (line,) = journal.lines()
    assert line["values"] == ["inf", {"x": "nan"}]
    assert line["many"] == [1, 2.5]


def test_a_line_cut_off_is_left_out(tmp_path):
    journal = Journal(tmp_path / "results.jsonl", 1)
    journal.end("smoke", "a", True)
    with journal.path.open("a") as file:
        file.write('{"run": 1, "what": "ended", "sta')
    journal.end("smoke", "b", True)
    assert [line["name"] for line in journal.lines()] == ["a", "b"]


@pytest.mark.parametrize("same", [True, False])
def test_another_run_goes_on_from_what_was_right(tmp_path, same):
    first = Journal(tmp_path / "first.jsonl", 1)
    for name, ok in (("right", True), ("wrong", False)):
        assert first.claim("smoke", name)
        first.end("smoke", name, ok)
    assert first.claim("smoke", "died")
    second = continued(first.path if same else tmp_path / "second.jsonl", first.path, "")
    assert [second.claim("smoke", name) for name in ("right", "wrong", "died", "new")] == [False, True, True, True]
    assert latest(second.lines())["smoke", "right"]["ok"]
    third = continued(second.path, second.path, "")
    assert third.run == second.run + 1
    assert third.claim("smoke", "new")


def test_patterns_choose_stages_and_items():
    assert wanted("speed", "surface, 20 samples: torch.compile", [])
    assert wanted("speed", "surface, 20 samples", ["limits", "speed/(surface|run)"])
    assert not wanted("speed", "a surface", ["speed/surface"])
    assert not wanted("speed", "a compile", ["compile"])
    assert [stage_wanted(name, ["speed/surface"]) for name in ("limits", "speed")] == [False, True]


def test_what_another_card_or_other_code_measured_is_measured_again(tmp_path):
    first = Journal(tmp_path / "results.jsonl", 1, "H100 abc")
    for stage in ("limits", "smoke", "speed"):
        first.end(stage, "machine" if stage == "limits" else "a", True)
    same, other = (continued(first.path, first.path, where) for where in ("H100 abc", "H200 abc"))
    assert not any(same.claim(stage, "a") for stage in ("smoke", "speed"))
    assert not other.claim("smoke", "a")
    assert other.claim("limits", "machine")
    other.end("limits", "machine", True)
    assert set(latest(other.lines())) == {("limits", "machine"), ("smoke", "a")}
    assert other.claim("speed", "a")


def test_a_stage_that_was_not_done_is_told(tmp_path):
    journal = Journal(tmp_path / "results.jsonl", 1)
    journal.end("smoke", "a", True)
    journal.end_stage("smoke", "done", 1.0)
    journal.end_stage("tests", "out of time", 2.0)
    assert unfinished(journal.lines()) == {"tests": "out of time"}
    told = report.text(journal.lines(), "cuda")
    assert "- tests: out of time" in told
    assert "mend what failed or was not reached in tests" in told
    journal.end_stage("tests", "done", 2.0)
    assert "Failed\nnothing" in report.text(journal.lines(), "cuda")


# Processes


def test_processes_share_a_stage(tmp_path, log):
    how, ends = worked_off(tmp_path, log, "nothing", workers=2)
    assert how == "done"
    assert sorted(name for _, name in ends) == list("012345")
    assert all(end["ok"] for end in ends.values())


@pytest.mark.parametrize(("deed", "code"), [("crash", -signal.SIGSEGV), ("leave", 7)])
def test_a_process_that_dies_costs_its_item(deed, code, tmp_path, log):
    how, ends = worked_off(tmp_path, log, deed)
    assert how == "done"
    assert {name: end["ok"] for (_, name), end in ends.items()} == {name: name != "2" for name in "012345"}
    assert f"process ended with {code}" in ends["stage", "2"]["error"]
    assert "at two" in ends["stage", "2"]["error"]
    assert "[stage 0] at two" in (tmp_path / "log.txt").read_text()


def test_a_process_that_hangs_costs_its_stage(tmp_path, log):
    started = time.monotonic()
    how, ends = worked_off(tmp_path, log, "hang", seconds=2.0)
    assert how == "out of time"
    assert time.monotonic() - started < 20
    assert {name: end["ok"] for (_, name), end in ends.items()} == {"0": True, "1": True, "2": False}
    assert "did not end in 2 s" in ends["stage", "2"]["error"]


def test_a_process_that_cannot_begin_is_not_started_for_ever(tmp_path, log):
    journal = Journal(tmp_path / "results.jsonl", 1)
    how = work_off("stage", [[sys.executable, "-c", "raise ImportError('no torch')"]], 60.0, journal, log)
    assert "process ended with 1 before it began anything" in how
    assert "ImportError: no torch" in how


SUITE = """
import pytest

@pytest.fixture(scope="module")
def shared():
    yield 3

@pytest.mark.parametrize("value", range(6))
def test_right(shared, value):
    assert shared == 3

def test_wrong(shared):
    assert shared == 4

@pytest.mark.skip(reason="no card here")
def test_skipped():
    pass
"""


def test_tests_are_shared_out_and_told(tmp_path, log, monkeypatch):
    """By two processes, with a file that can't be imported; those that fail are run once."""
    suite, broken = tmp_path / "test_suite.py", tmp_path / "test_broken.py"
    suite.write_text(SUITE)
    broken.write_text("import nosuchthing")
    journal = Journal(tmp_path / "results.jsonl", 1)
    for name, value in (("RESULTS", journal.path), ("RUN", 1), ("WHERE", ""), ("ONLY", "[]")):
        monkeypatch.setenv(f"BENCH_CARD_{name}", str(value))
    command = pytest_of((str(suite), str(broken)))
    assert work_off("tests", [command] * 2, 60.0, journal, log) == "done"
    ends = {name.rsplit("::")[-1]: end for (_, name), end in latest(journal.lines()).items()}
    assert len(ends) == 9
    wrong = {name: end["error"] for name, end in ends.items() if not end["ok"]}
    assert sorted(name.rsplit("/")[-1] for name in wrong) == ["test_broken.py", "test_wrong"]
    assert "assert 3 == 4" in wrong["test_wrong"]
    assert "no card here" in ends["test_skipped"]["skipped"]
    assert len([line for line in journal.lines() if line["what"] == "begun"]) == 9


@pytest.mark.long
def test_a_run_that_is_killed_keeps_what_it_found_and_goes_on(tmp_path):
    """In the middle of a stage, by a signal that nobody can catch."""
    out = tmp_path / "out"
    command = ["bench.card", "--device", "cpu", "--out", str(out)]
    command += "--only", "limits", "smoke/(pass|run, steps|linear_bce)"
    journal = Journal(out / "results.jsonl", 1)
    with subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: ("smoke", "pass, 32 features, float32") in latest(journal.lines()), 120)
        process.kill()
    before = latest(journal.lines())
    assert len(before) > 8
    assert all(end["ok"] for end in before.values()), before
    begun = {line["pid"] for line in journal.lines() if line["what"] == "begun"}
    wait_for(lambda: not any(map(alive, begun)), 20)
    on = run([*command, "--skip-done", str(out)])
    assert on.returncode == 0, on.stdout
    lines = journal.lines()
    assert all(latest(lines)[key] == end for key, end in before.items())
    again = {(line["stage"], line["name"]) for line in lines if line["run"] == 2 and line["what"] == "begun"}
    assert again
    assert not again & set(before)
    assert "Failed\nnothing" in (out / "report.md").read_text()


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped_ends_with_its_report(number, tmp_path):
    """At once, in the middle of an item."""
    journal = Journal(tmp_path / "results.jsonl", 1)
    command = ["bench.card", "--device", "cpu", "--out", str(tmp_path), "--only", "speed/the lab's run"]
    with subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        wait_for(journal.lines, 120)
        process.send_signal(number)
        assert "speed: stopped" in process.communicate(timeout=30)[0]
    assert process.returncode == 1
    assert "process ended with -9" in (tmp_path / "report.md").read_text()


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "--device: cuda isn't there; accepted without a card: --device cpu"),
        (("--device", "cpu", "--skip-done", "nowhere"), "--skip-done: nowhere/results.jsonl doesn't exist"),
        (("--only", "sppeed"), "--only: 'sppeed' is no stage; accepted: limits, smoke, "),
        (("--only", "speed/("), "--only: '(' is no regular expression: "),
        (("--seconds", "nan"), "--seconds: nan is no time"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_wrong_arguments_are_named(arguments, error, tmp_path):
    done = run(["bench.card", "--out", str(tmp_path / "out"), *arguments])
    assert done.returncode == 2
    assert error in done.stderr


def test_results_are_not_written_over(tmp_path):
    Journal(tmp_path / "results.jsonl", 1).end("smoke", "a", True)
    done = run(["bench.card", "--device", "cpu", "--out", str(tmp_path)])
    assert done.returncode == 2
    assert f"accepted: --skip-done {tmp_path}" in done.stderr


# Checks


def test_errors_are_held_to_what_is_allowed_elementwise():
    wanted = torch.tensor([1.0, 100.0, 0.0])
    assert checking.held(wanted + torch.tensor([0.0, 0.5, 0.0]), wanted, 0.01)["error_over_allowed"] == 0.5
    for wrong in ([1.0, 102.0, 0.0], [1.0, 100.0, 1e-9], [1.0, math.nan, 0.0], [math.inf, 100.0, 0.0]):
        with pytest.raises(AssertionError, match="times the error allowed; 1 of 3 are wrong"):
            checking.held(torch.tensor(wrong), wanted, 0.01)
    with pytest.raises(AssertionError, match=r"shape \(2,\), wanted \(3,\)"):
        checking.held(wanted[:2], wanted, 0.01)


# The report


BINARY = {"name": "add_tiles", "registers": 128, "spilled": 0, "shared": 2**14, "warps": 4, "programs": 4}


def lines_of_a_run(path):
    """Of a card that fills 1 TB and multiplies 1 T times a second, a kernel at its limit, one far from it, one that
    failed."""
    journal = Journal(path, 1)
    journal.end("limits", "machine", True, device="A card", multiprocessors=100, commit="abc", torch="2.11.0")
    journal.end("limits", "fill", True, bytes_per_s=1e12, median_s=1e-3)
    journal.end("limits", "multiply-adds float64", True, operations_per_s=1e12, median_s=1e-3)
    for workload, median, kernels_s, needs in (
        ("at its limit", 1.1e-3, 1.05e-3, {"fill": 10**9, "multiply-adds float64": 10**6}),
        ("slow", 1.0, 0.9, {"fill": 1, "multiply-adds float64": 10**11}),
        ("waits", 1.0, 0.1, {"multiply-adds float64": 10**11}),
    ):
        journal.end("speed", f"{workload}: kernels.ours", True, median_s=median, needs=needs)
        kernels = [{"name": "add_tiles", "calls": 1.0, "seconds": kernels_s}]
        found = {"kernels_s": kernels_s, "kernels": kernels, "binaries": [BINARY], "compiled": {"kernels": 1}}
        journal.end("profile", f"{workload}: kernels.ours", True, seconds=1.0, **found)
        journal.end("speed", f"{workload}: eager PyTorch", True, median_s=2 * median, needs={})
        journal.end("speed", f"{workload}: torch.compile", True, median_s=median / 2, needs={})
    journal.end("speed", "wrong: kernels.ours", False, error="Traceback\nAssertionError: 3 times the error allowed")
    for label, median in (("as it is", 1.0), ("WARPS 4", 1.5), ("WARPS 8", 0.5)):
        journal.end("variants", f"one_pass, d = 8: {label}", True, median_s=median)
    return journal.lines()


def test_the_report_says_what_failed_how_fast_it_is_and_what_to_do(tmp_path):
    told = report.text(lines_of_a_run(tmp_path / "results.jsonl"), "cuda")
    assert "- speed/wrong: kernels.ours\n    Traceback\n    AssertionError: 3 times the error allowed" in told
    assert "| at its limit | 1.10 ms | 1.05 ms | 0.91 | 2.00 | 0.50 |" in told
    assert "| slow | 1.00 s | 900 ms | 0.10 | 2.00 | 0.50 |" in told
    assert "mend what failed or was not reached in speed" in told
    assert "waits: kernels.ours\n    100 ms 1 x add_tiles\n    add_tiles: 128 registers, 0 spilled" in told
    assert "slow: 0.10 of its limit; look at its kernels" in told
    assert "waits: 0.10 of its limit; look at the host" in told
    assert "at its limit: 0" not in told
    assert "slow: torch.compile takes 0.50 of our time" in told
    assert "one_pass, d = 8: take WARPS 8, 0.50 of the present time" in told


def test_the_furthest_from_their_limit_are_profiled(tmp_path):
    found = report.furthest(lines_of_a_run(tmp_path / "results.jsonl"))
    assert found[-1] == "at its limit: kernels.ours"
    assert set(found[:2]) == {"slow: kernels.ours", "waits: kernels.ours"}


def test_results_of_a_card_come_into_the_tables(tmp_path):
    lines_of_a_run(tmp_path / "results.jsonl")
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    right = [line for line in lines if "wrong: kernels.ours" not in line]
    (tmp_path / "results.jsonl").write_text("\n".join(right))
    results, root = tmp_path / "results", tmp_path / "root"
    page, tables = root / "docs" / "howto" / "cuda.md", root / "docs" / "benchmarks.md"
    shutil.copytree(ROOT / "bench/results", results)
    for name in ("README.md", "README.es.md", "docs/performance.md", "docs/howto/cuda.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    more = "--results", str(results), "--root", str(root)
    done = run(["bench.card.publish", str(tmp_path), *more])
    assert done.returncode == 0, done.stderr
    for one in (page, tables):
        assert "| at its limit | 1.10 ms | 1.05 ms | 0.91 | 2.00 | 0.50 |" in one.read_text()
    assert "No card was to be had" not in page.read_text()
    assert "one_pass, d = 8: WARPS 8" in tables.read_text()
    assert {line["stage"] for line in Journal(results / "card.jsonl", 0).lines()} == {
        "limits",
        "speed",
        "variants",
        "profile",
    }


def test_results_without_a_card_without_times_or_with_errors_are_refused(tmp_path):
    journal = Journal(tmp_path / "results.jsonl", 1)
    journal.end("limits", "machine", True, device="x86_64")
    for error in ("has no results of a card", "has no times", "has what isn't right: speed/wrong: kernels.ours"):
        done = run(["bench.card.publish", str(tmp_path), "--results", str(tmp_path)])
        assert done.returncode == 2
        assert error in done.stderr
        assert not (tmp_path / "card.jsonl").exists()
        if "card" in error:
            journal.end("limits", "machine", True, device="A card", multiprocessors=100, commit="abc")
        else:
            lines_of_a_run(journal.path)


def test_an_item_that_finds_what_it_took_is_ended(tmp_path):
    """As the profile does, which names what it found as nothing else is named."""
    from bench.card.place import Place
    from bench.card.worker import work_on

    journal = Journal(tmp_path / "results.jsonl", 1)
    found = {"kernels_s": 1.0, "kernels": [], "binaries": [BINARY]}
    work_on("profile", "a", lambda: found, journal, Place("cpu"))
    work_on("profile", "b", lambda: 1 / 0, journal, Place("cpu"))
    a, b = latest(journal.lines()).values()
    assert a["ok"]
    assert a["binaries"] == [BINARY]
    assert "ZeroDivisionError" in b["error"]


def test_both_sizes_take_the_same_way():
    """What is compiled beforehand is what is timed: plans don't change, and no block begins at the points looked at."""
    from bench.card.sizes import FULL, TO_COMPILE

    for n in FULL.samples:
        x = np.random.default_rng(0).normal(size=n) / 2
        plans = [kernels.plan_surface(*plane_of(x), *speed.window(sizes.points[0])) for sizes in (FULL, TO_COMPILE)]
        assert plans[0] == plans[1]
        assert plans[0].method == "spectral"
    for points in FULL.points:
        assert len({place % 64 for place in range(points)[speed.spread(points)]}) > 32


def plane_of(x):
    return kernels.LogitPlane(np.zeros(len(x)), x, np.ones(len(x))), (x > 0.2) * 1.0


@pytest.mark.parametrize("wrong", ["loss", "grad_w", "grad_b", "rows"])
def test_a_wrong_pass_is_found(wrong, monkeypatch):
    from bench.card.place import Place

    right = kernels.bce_loss_grad

    def planted(X, y, w, b, **options):
        if wrong == "rows":  # one in a thousand isn't counted
            return right(X[:-16], y[:-16], w, b, **options)
        found = right(X, y, w, b, **options)
        return found._replace(**{wrong: getattr(found, wrong) * (1 + 1e-4)})

    case = speed.loss_and_gradient(Place("cpu"), 16_000, 33)["kernels.bce_loss_grad"]()
    speed.checked(case)
    monkeypatch.setattr(kernels, "bce_loss_grad", planted)
    with pytest.raises(AssertionError, match="times the error allowed"):
        speed.checked(case)


def test_what_a_call_leaves_from_before_is_not_its_result():
    out = torch.zeros(3)
    case = speed.Case(lambda: out, lambda: torch.zeros(3), 1e-6, 1e-6, out=out)
    with pytest.raises(AssertionError, match="3 of 3 are wrong"):
        speed.checked(case)
