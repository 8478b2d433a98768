"""The command: `python3 -m bench.card --out DIR`."""

import argparse
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import bench.card
from bench.card import caches, report
from bench.card.children import Log, stop_all, stopping, work_off
from bench.card.journal import continued, latest, stage_wanted, unfinished

CUDA_TESTS = "@tests/cuda.txt", "-m", "cuda"
CPU_TESTS = "tests/kernels/test_one_pass.py", "-k", "layouts or same_bits"
RESULTS = "results.jsonl"
ROOT = Path(__file__).parents[2]
GIT = "git", "describe", "--always", "--dirty"
MOST_WORKERS = 14  # each has a context on the card


class Stage(NamedTuple):
    """Its limit in seconds, or what is left but for the `reserved` seconds of those after it; and whether many
    processes share it, or one has the card for itself."""

    name: str
    seconds: float | None
    shared: bool = False
    reserved: float = 0.0


STAGES = (
    Stage("limits", 30),
    Stage("smoke", 90, shared=True),
    Stage("compile", 75, shared=True),
    Stage("speed", 90),
    Stage("variants", 60),
    Stage("tests", None, shared=True, reserved=40),
    Stage("profile", None, reserved=10),
)


def main():
    began = time.monotonic()
    options = parsed()
    with only_run(options) as (journal, log):
        os.environ.update(environment(options, journal))
        caches.unpack(options)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop_all)
        try:
            for stage in (stage for stage in STAGES if stage_wanted(stage.name, options.only)):
                left = began + options.seconds - time.monotonic() - stage.reserved
                limited = stage.seconds and options.device != "cpu"  # which is slower, and costs nothing
                carry_out(stage, min(left, stage.seconds) if limited else left, options, journal, log)
        finally:
            stop_all()
            told = report.text(journal.lines(), options.device)
            (options.out / "report.md").write_text(told + "\n", encoding="utf-8")
            log.write(told + "\n")
    caches.pack(options)
    lines = journal.lines()
    sys.exit(bool(unfinished(lines)) or any(not end["ok"] for end in latest(lines).values()))


def parsed():
    parser = argparse.ArgumentParser(prog="python3 -m bench.card", description=bench.card.__doc__)
    folder = {"type": Path, "metavar": "DIR"}
    parser.add_argument("--out", required=True, **folder, help="for results.jsonl, log.txt and report.md")
    parser.add_argument("--seconds", type=float, default=540, help="for all stages together (540)")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu: small, with tensors instead")
    parser.add_argument("--only", nargs="+", default=[], metavar="ITEMS", help="STAGE, or STAGE/EXPRESSION of names")
    parser.add_argument("--skip-done", **folder, help="go on from the results of an earlier run")
    parser.add_argument("--caches", **folder, help="compiled kernels, to start warm (OUT/caches)")
    parser.add_argument("--commit", help="of the checkout, where git doesn't say")
    options = parser.parse_args()
    options.error = parser.error
    if not options.seconds > 0:
        parser.error(f"argument --seconds: {options.seconds} is no time")
    check_patterns(options)
    if options.skip_done is not None and not (options.skip_done / RESULTS).exists():
        parser.error(f"argument --skip-done: {options.skip_done / RESULTS} doesn't exist")
    options.where = where_of(options)
    return options


def check_patterns(options):
    names = [stage.name for stage in STAGES]
    for pattern in options.only:
        stage, _, expression = pattern.partition("/")
        if stage not in names:
            options.error(f"argument --only: {stage!r} is no stage; accepted: {', '.join(names)}")
        try:
            re.compile(expression)
        except re.error as error:
            options.error(f"argument --only: {expression!r} is no regular expression: {error}")


def where_of(options):
    """The card and the code, by name; an error where there is no card."""
    import torch  # takes seconds, which count

    options.commit = options.commit or commit()
    if options.device == "cpu":
        return f"cpu {options.commit}"
    if not torch.cuda.is_available():
        options.error(f"argument --device: {options.device} isn't there; accepted without a card: --device cpu")
    return f"{torch.cuda.get_device_name()} {options.commit}"


def commit():
    try:
        done = subprocess.run(GIT, cwd=ROOT, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip() or "unknown"


@contextmanager
def only_run(options):
    """The Journal and the Log of a run in OUT, as long as there is no other."""
    results = options.out / RESULTS
    if results.exists() and (options.skip_done is None or options.skip_done.resolve() != options.out.resolve()):
        options.error(f"{results} exists; accepted: --skip-done {options.out}, or another folder for --out")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        lock = (options.out / "log.txt").open("a")
    except OSError as error:
        options.error(f"argument --out: {error}")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            options.error(f"argument --out: another run writes to {options.out}")
        previous = options.skip_done and options.skip_done / RESULTS
        yield continued(results, previous, options.where), Log(options.out / "log.txt")


def environment(options, journal):
    """Of every process: one cache of compiled kernels for all, and nothing that multiplies the processes."""
    found = {
        "TRITON_CACHE_DIR": caches.folder(options) / "triton",
        "TORCHINDUCTOR_CACHE_DIR": caches.folder(options) / "inductor",
        "TORCHINDUCTOR_COMPILE_THREADS": 1,
        "OMP_NUM_THREADS": 1,
        "PYTHONUNBUFFERED": 1,
        "BENCH_CARD_RESULTS": journal.path.resolve(),
        "BENCH_CARD_RUN": journal.run,
        "BENCH_CARD_WHERE": journal.where,
        "BENCH_CARD_COMMIT": options.commit,
        "BENCH_CARD_ONLY": json.dumps(options.only),
    }
    if options.device == "cpu":
        found |= {"TRITON_INTERPRET": 1, "CUDA_VISIBLE_DEVICES": ""}
    return {name: str(value) for name, value in found.items()}


def carry_out(stage, seconds, options, journal, log):
    """Works off a stage within its seconds, and notes how it ended."""
    began = time.monotonic()
    if stopping.is_set():
        how = "stopped"
    elif seconds <= 0:
        how = "no time was left"
    else:
        log.write(f"{stage.name}: at most {seconds:.0f} s\n")
        command = tests_of(options) if stage.name == "tests" else worker(stage.name, options)
        workers = min(MOST_WORKERS, os.cpu_count()) if stage.shared else 1
        how = work_off(stage.name, [command] * workers, seconds, journal, log)
    took = time.monotonic() - began
    journal.end_stage(stage.name, how, took)
    log.write(f"{stage.name}: {how} in {took:.0f} s\n")


def worker(stage, options):
    return [sys.executable, "-m", "bench.card.worker", stage, options.device, *options.only]


def tests_of(options):
    chosen = CPU_TESTS if options.device == "cpu" else CUDA_TESTS
    return pytest_of(chosen)


def pytest_of(chosen):
    plugins = "-p", "bench.card.testing", "-p", "no:cacheprovider", "-p", "no:randomly"
    plain = "-q", "-s", "--tb=long", "--continue-on-collection-errors"
    return [sys.executable, "-m", "pytest", *chosen, *plugins, *plain]


if __name__ == "__main__":
    main()
