"""Measures what engines of `executor=` take for a task and for a grid, with 1, 2 and 4 workers on this machine, and
what one worker does in a second: `python -m bench.engines`, which writes bench/results/PROCESSOR/engines.json."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version

from bench import busy, this_processor
from bench.conftest import four_digits
from bench.measured import RESULTS, ROOT
from bench.one_engine import EXECUTORS
from tests import engines

WORKERS = 1, 2, 4
LONGEST = 600  # seconds that an engine may take
ONE_THREAD = {"NUMBA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
PACKAGES = ("numpy", "numba", "distributed", "mpi4py", "mpich")


def main():
    path = RESULTS / this_processor.folder() / "engines.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rounded(everything()), indent=1) + "\n", encoding="utf-8")
    print(path)


def everything():
    before = busy.look()
    found = {name: {workers: of_engine(name, workers) for workers in WORKERS} for name in EXECUTORS}
    rates = printed_by("bench.worker_rates")
    return {"machine": machine(), "elsewhere": busy.elsewhere(before), "rates": rates, "engines": found}


def of_engine(name, workers):
    print(f"{name}, workers: {workers}", flush=True)
    arguments = "bench.one_engine", name, workers, time.time()
    if name == "MPI":
        return engines.printed_by_mpi("-m", *arguments, workers=workers, timeout=LONGEST, **ONE_THREAD)
    return printed_by(*arguments)


def printed_by(module, *arguments):
    """The JSON that a module prints, run in a process of its own."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | ONE_THREAD
    done = subprocess.run(command, cwd=ROOT, env=environment, timeout=LONGEST, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def machine():
    return {
        "cpu": this_processor.name(),
        "processor": this_processor.folder(),
        "processors": len(os.sched_getaffinity(0)),
        "date": datetime.now(UTC).date().isoformat(),
        **{package: version(package) for package in PACKAGES},
    }


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(of) for key, of in value.items()}
    return four_digits(value)


if __name__ == "__main__":
    main()
