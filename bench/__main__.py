"""Measures: `python -m bench`, or `python -m bench plane run` for some of the files bench/test_NAME.py. What they find
goes to bench/results, into the folder of this processor; nothing else is written."""

import argparse
import subprocess
import sys
import time

from bench import busy, durations, this_processor
from bench.measured import NAMES, RESULTS, ROOT, busy_entries, of_processor, read
from bench.timing import LOOKED_AT


def main():
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    names = parser.parse_args().names or NAMES
    for name in names:
        if name not in NAMES:
            parser.error(f"argument NAME: {name!r} is no file of benchmarks; accepted: {', '.join(NAMES)}")
    folder = RESULTS / this_processor.folder()
    print(durations.forecast(names, read(RESULTS), folder.name))
    print(others_now(), flush=True)
    for name in names:
        measure(name, folder)
        print(others_during(name, folder), flush=True)


def measure(name, folder):
    """Replaces the results of one file."""
    folder.mkdir(parents=True, exist_ok=True)
    written = f"--benchmark-json={folder / name}.json"
    command = [sys.executable, "-m", "pytest", f"bench/test_{name}.py", "--benchmark-only", written]
    if code := subprocess.run(command, cwd=ROOT).returncode:
        sys.exit(code)


def others_now():
    """What else runs, before most of an hour whose results may be worth nothing."""
    before = busy.look()
    time.sleep(LOOKED_AT)
    found = busy.elsewhere(before)
    if found is None:
        return "Whether the machine is busy isn't known: the system doesn't tell."
    accepted = f"results are published where others have at most {busy.MOST:g}"
    return f"Others have {found:.2g} processors now; {accepted}."


def others_during(name, folder):
    result = of_processor(folder)[name]
    found = len(busy_entries(result))
    verdict = f"{found} of them on a busy machine: not to be published" if found else "none of them on a busy machine"
    return f"{name}: {len(result['benchmarks'])} measured, {verdict}."


if __name__ == "__main__":
    main()
