"""Results of several processors: where they are, which are published, how they stand side by side, how long they
take."""

import json
import platform
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest

import kernels
from bench import busy, durations, headline, measured, plots, processor, report, this_processor
from bench import cells as bench_cells
from bench.launches import launches_of
from bench.timing import note_others
from kernels.numba_cpu.runtime import target
from kernels.numba_cpu.training import gradient, small_pass

ROOT = Path(__file__).parents[2]
XEON = "Intel(R) Xeon(R) Processor @ 2.50GHz"
AMD = "AMD EPYC 7763 64-Core Processor"
ON_XEON, ON_AMD = "intel-xeon-2.50ghz-avx-512", "amd-epyc-7763-64-core-avx2"
AVX_512, AVX2 = target.Registers(32, 64), target.Registers(16, 32)
PLAYED = "intel-xeon-2.50ghz-avx2-as-znver3"
PAGES = {
    "README.md": "table",
    "README.es.md": "table",
    "docs/performance.md": "results",
    "docs/howto/cuda.md": "card",
}


def entry(contender, median, error=1e-16, threads=2, **info):
    stats = {"min": median, "median": median, "mean": median, "rounds": 2, "iterations": 1}
    info |= {"workload": "Lab run", "case": f"700 steps, threads: {threads}", "unit": "steps", "work": 700}
    info |= {"contender": contender, "error": error, "scaled_by": 1.0, "first_call_s": None}
    return {"name": f"test_run[{contender}]", "stats": stats, "extra_info": info}


def result_of(cpu, *entries, threads=2, **more):
    machine = {"cpu": cpu, "threads": threads, "system": "Linux"} | dict.fromkeys(report.NAMES, "1")
    commit = {"id": "abcdef012345", "dirty": False}
    notes = {"Lab run": {entry["extra_info"]["contender"]: "A note." for entry in entries}}
    parts = {"machine_info": machine, "commit_info": commit, "datetime": "2026-01-02T03", "notes": notes}
    return parts | {"benchmarks": list(entries)} | more


def put(results, of, name, result):
    (results / of).mkdir(parents=True, exist_ok=True)
    (results / of / f"{name}.json").write_text(json.dumps(result))


@pytest.fixture
def two(tmp_path):
    """Results of two processors, ours taking 1 and 3 ms, a peer 2 and 12; one has 2 threads, the other 16."""
    ours, peer = "kernels.sgd_run_", "eager PyTorch"
    put(tmp_path, ON_XEON, "run", result_of(XEON, entry(ours, 1e-3), entry(peer, 2e-3)))
    wide = [entry(ours, 3e-3, threads=16), entry(peer, 12e-3, threads=16), entry("np.full", 3e-4, None, threads=16)]
    put(tmp_path, ON_AMD, "run", result_of(AMD, *wide, threads=16, seconds=600))
    return tmp_path


# Processors


@pytest.mark.parametrize(
    ("folder", "cpu", "title"),
    [
        (ON_XEON, XEON, "Intel Xeon 2.50GHz, AVX-512"),
        (ON_AMD, AMD, "AMD EPYC 7763 64-Core, AVX2"),
        (PLAYED, XEON, "Intel Xeon 2.50GHz playing znver3, AVX2"),
    ],
)
def test_folders_name_processors(folder, cpu, title):
    assert processor.title(folder, cpu) == title


@pytest.mark.parametrize("told", [{"brand_raw": "AMD EPYC"}, {}])
def test_kinds_of_processors_are_told_apart_where_the_system_doesnt(monkeypatch, told):
    monkeypatch.setattr(this_processor.cpuinfo, "get_cpu_info", lambda: told)
    monkeypatch.setattr(this_processor.binding, "get_host_cpu_name", lambda: "znver4")
    system = told.get("brand_raw", platform.machine())
    assert this_processor.name() == f"{system} znver4"


def test_a_processor_that_plays_another_is_labelled(monkeypatch):
    monkeypatch.setattr(this_processor, "name", lambda: XEON)
    monkeypatch.setattr(target, "registers", lambda: AVX_512)
    monkeypatch.setattr(numba.config, "CPU_NAME", None)
    monkeypatch.setattr(numba.config, "CPU_FEATURES", None)
    assert this_processor.folder() == ON_XEON
    monkeypatch.setattr(target, "registers", lambda: AVX2)
    monkeypatch.setattr(numba.config, "CPU_NAME", "znver3")
    assert this_processor.folder() == PLAYED


@pytest.mark.parametrize(("folder", "error"), [(ON_AMD, "has results of Intel"), ("intel-xeon-2.50ghz", "no kind of")])
def test_results_in_a_folder_of_another_processor_are_refused(tmp_path, folder, error):
    put(tmp_path, folder, "run", result_of(XEON, entry("kernels.sgd_run_", 1.0)))
    with pytest.raises(ValueError, match=f"{folder} {error}|{folder} names {error}"):
        measured.publishable(tmp_path)


def test_a_played_processor_is_not_passed_off(two):
    played = result_of(XEON, entry("kernels.sgd_run_", 1.0))
    played["machine_info"]["processor"] = PLAYED
    put(two, ON_XEON, "run", played)
    with pytest.raises(ValueError, match=rf"{ON_XEON}/run\.json was measured on {PLAYED}"):
        measured.publishable(two)


# A busy machine


def test_what_others_had_is_what_all_had_but_for_us(monkeypatch):
    monkeypatch.setattr(busy, "look", lambda: busy.Look(clock=12.0, own=7.0, all=19.0))
    assert busy.elsewhere(busy.Look(clock=10.0, own=4.0, all=15.0)) == pytest.approx(0.5)
    assert busy.elsewhere(None) is None


def test_the_busiest_time_of_a_benchmark_counts(monkeypatch):
    benchmark = SimpleNamespace(extra_info={})
    for found, kept in ((0.3, 0.3), (0.1, 0.3), (0.5, 0.5), (None, 0.5)):
        monkeypatch.setattr(busy, "elsewhere", lambda before, found=found: found)
        note_others(benchmark, None)
        assert benchmark.extra_info == {"elsewhere": kept}


def test_the_table_of_the_system_is_read(monkeypatch):
    monkeypatch.setattr(busy.os, "sched_getaffinity", lambda process: {0, 2}, raising=False)
    counts = "1 2 4 1000 1000 8 16 32 500 500"  # neither idle nor waiting; guests are in the first two
    text = f"cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 {counts}\ncpu1 {counts}\ncpu2 {counts}\nintr 5 0 0\nctxt 7\n"
    assert busy.seconds_of_all(text) * busy.os.sysconf("SC_CLK_TCK") == pytest.approx(2 * 63)


@pytest.mark.skipif(not busy.STAT.exists(), reason="the system doesn't tell")
def test_another_process_is_seen():
    before = busy.look()
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            deadline = before.clock + 0.8
            while busy.look().clock < deadline:
                pass
            found = busy.elsewhere(before)
        finally:
            other.kill()
    assert found > busy.MOST


def test_results_of_a_busy_machine_are_refused_by_name(two):
    quiet, loud = entry("kernels.sgd_run_", 1.0, elsewhere=0.02), entry("eager PyTorch", 1.0, elsewhere=0.84)
    put(two, ON_XEON, "options", result_of(XEON, quiet, loud))
    error = re.escape(
        f"{ON_XEON}/options.json was measured on a busy machine: others had 0.84 processors during test_run"
    )
    with pytest.raises(ValueError, match=error) as raised:
        measured.publishable(two)
    assert "during 1 of 2; accepted: at most 0.2 during each" in str(raised.value)
    assert str(raised.value).endswith('make bench BENCH="options"')
    done = subprocess.run(
        [sys.executable, "-m", "bench.report", "--results", str(two)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "options.json was measured on a busy machine" in done.stderr


def test_what_an_idle_machine_measured_is_published(two):
    put(two, ON_XEON, "run", result_of(XEON, entry("kernels.sgd_run_", 1.0, elsewhere=busy.MOST)))
    assert len(measured.publishable(two)) == 2


# Tables and pictures


def test_the_committed_results_are_published():
    assert measured.publishable(measured.RESULTS)


def test_there_are_no_results(tmp_path):
    (tmp_path / "empty").mkdir()
    for results in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match="there are no results"):
            measured.publishable(results)


@pytest.fixture
def root(tmp_path):
    """A folder of pages that have room for what is published."""
    folder = tmp_path / "root"
    (folder / "docs" / "howto").mkdir(parents=True)
    for page, name in PAGES.items():
        (folder / page).write_text(f"# A\n<!-- {name} -->\nold\n<!-- /{name} -->\nthe end\n")
    return folder


def test_processors_stand_side_by_side(two, root):
    report.write(measured.publishable(two), [], root)
    short, long = ((root / "docs" / page).read_text() for page in ("performance.md", "benchmarks.md"))
    for text in (short, long):
        assert "- AMD EPYC 7763 64-Core, AVX2: 16 threads" in text
        assert "- Intel Xeon 2.50GHz, AVX-512: 2 threads" in text
    lines = table_in(short)
    assert lines[0] == ["", "", "AMD EPYC 7763 64-Core, AVX2", "", "", "", "", "Intel Xeon 2.50GHz, AVX-512", *[""] * 4]
    assert lines[2] == ["workload", "case", *report.SUMMARY, *report.SUMMARY]
    on_amd, on_xeon = ["3.00 ms", "eager PyTorch", "4.00", "4.00", "0.10"], ["1.00 ms", "eager PyTorch", "2.00", "2.00"]
    assert lines[3:] == [["Lab run", "700 steps, all threads", *on_amd, *on_xeon, ""]]
    assert "old" not in short
    assert short.endswith("the end\n")
    first, _, names, ours, peer, floor = table_in(long)
    assert first == ["", "AMD EPYC 7763 64-Core, AVX2", *[""] * 5, "Intel Xeon 2.50GHz, AVX-512", *[""] * 5]
    assert names[0] == "contender"
    assert names[1:7] == names[7:]
    assert (ours[1], ours[7], peer[3], peer[9]) == ("3.00 ms", "1.00 ms", "4.00", "2.00")
    assert floor[0] == "np.full"
    assert floor[7:] == [""] * 6
    assert long.count("- kernels.sgd_run_: A note.") == 1


def table_in(text):
    """The cells of all lines of tables."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]


def test_one_processor_has_the_same_table(two, tmp_path):
    only = {"P": measured.publishable(two)["Intel Xeon 2.50GHz, AVX-512"]}
    lines = table_in(report.summary(only))
    assert lines[0] == ["", "", "P", "", "", "", ""]
    assert lines[3] == ["Lab run", "700 steps, all threads", "1.00 ms", "eager PyTorch", "2.00", "2.00", ""]


def test_readmes_have_the_same_few_rows_of_the_processor_with_most_of_them(two, root):
    workload, case = "Lab run", "700 steps, float32, threads: 1"
    assert (workload, case) in headline.ROWS
    rows = [entry("kernels.sgd_run_", 2e-6), entry("the lab's loop", 3e-3), entry("plain Numba", 3e-6)]
    for one in rows:
        one["extra_info"]["case"] = case
    put(two, ON_AMD, "run", result_of(AMD, *rows))
    report.write(measured.publishable(two), [], root)
    english, spanish = ((root / page).read_text() for page in headline.HEADS)
    assert table_in(english)[2:] == [
        ["the lab's training run, 700 steps", "2.00 µs", "", "1,500 x", "1.50 x", "plain Numba"]
    ]
    assert table_in(spanish)[2][1:] == table_in(english)[2][1:]
    assert "AMD EPYC 7763 64-Core, AVX2:" in english
    assert "AMD EPYC 7763 64-Core, AVX2:" in spanish


def test_a_page_without_room_is_named_and_none_is_written(two, root):
    (root / "README.es.md").write_text("# A\n")
    with pytest.raises(ValueError, match=r"README\.es\.md needs one line <!-- table -->"):
        report.write(measured.publishable(two), [], root)
    assert "old" in (root / "README.md").read_text()
    assert not (root / "docs" / "benchmarks.md").exists()


def test_pages_have_what_is_committed():
    """As `python -m bench.report` writes them."""
    found = report.cases(measured.publishable(measured.RESULTS))
    for readme, table in headline.tables(found).items():
        assert table in (ROOT / readme).read_text(encoding="utf-8")


def test_what_a_call_takes_over_its_kernels_is_shown():
    call = entry("kernels.sgd_run_", 20e-6, over_kernels_s=12e-6)
    alone = entry("kernels alone", 8e-6, None)
    cells = bench_cells.summary_cells([call, alone])
    assert cells == ("20.0 µs, 12.0 µs over its kernels", "", "", "", "")


def test_a_row_of_panels_for_each_processor_with_something_in_them():
    planes, runs = (
        json.loads(next((ROOT / "bench/results").glob(f"*/{name}.json")).read_text()) for name in ("plane", "run")
    )
    figure = plots.figure_of({"A": [planes, runs], "none": [runs], "B": [planes]})
    assert len(figure.axes) == 6
    assert [ax.get_ylabel() for ax in figure.axes[::3]] == ["seconds, A", "seconds, B"]
    plots.plt.close(figure)


# How long it takes


def test_how_long_it_takes_is_said_of_each_file_and_of_all(two):
    found = measured.read(two)
    assert durations.forecast(["run"], found, ON_AMD).splitlines() == [
        "run: about 10.0 min",
        "In all: about 10.0 min; longer where kernels aren't compiled yet.",
    ]
    put(two, ON_AMD, "plane", result_of(AMD, entry("kernels", 1.0), seconds=1200))
    assert durations.forecast(["run", "plane", "loop"], measured.read(two), ON_AMD).splitlines() == [
        "run: about 10.0 min",
        "plane: about 20.0 min",
        "loop: never measured",
        "In all: about 30.0 min without loop; longer where kernels aren't compiled yet.",
    ]
    assert durations.forecast(["loop"], found, ON_AMD).splitlines() == ["loop: never measured", "In all: not known."]


def test_it_goes_by_the_nearest_processor(two):
    found = measured.read(two)
    assert durations.last("run", found, ON_XEON) is found[ON_XEON]["run"]
    assert durations.last("run", found, "intel-xeon-3.10ghz-avx-512") is found[ON_XEON]["run"]
    assert durations.last("run", found, PLAYED) is found[ON_AMD]["run"]
    assert durations.last("plane", found, ON_XEON) is None


def test_without_its_seconds_a_result_takes_more_than_what_was_timed():
    timed = result_of(XEON, entry("kernels", 60.0), entry("eager PyTorch", 29.0))
    assert durations.in_words([timed]) == "more than 3.0 min"


# Measuring


def test_every_file_of_benchmarks_is_measured():
    files = {path.name for path in (ROOT / "bench").glob("test_*.py")}
    assert files == {f"test_{name}.py" for name in measured.NAMES}


def test_a_file_that_is_none_is_refused():
    done = subprocess.run([sys.executable, "-m", "bench", "plain"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "argument NAME: 'plain' is no file of benchmarks; accepted: surface, plane, run" in done.stderr


def test_kernels_of_a_call_are_launched_by_themselves():
    X, y, w = np.ones((3000, 3)), np.ones(3000), np.zeros(3)
    for n, launched in ((20, small_pass.mean_of_few), (3000, gradient.launch)):
        (launch,) = launches_of(lambda n=n: kernels.bce_loss_grad(X[:n], y[:n], w, 0.0))
        assert launch.func is launched
        launch()
    assert launch.args[0] is gradient.add_jobs
    assert small_pass.mean_of_few.signatures  # it is what it was, and not what records its launches
