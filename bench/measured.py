"""Results of benchmarks: bench/results/PROCESSOR/NAME.json, and which of them may be published."""

import json
from pathlib import Path

from bench import busy, processor

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results"
NAMES = (
    "surface",
    "plane",
    "run",
    "options",
    "gradient",
    "loop",
    "ensemble",
    "calls",
    "explorer",
)  # as they are to be read


def read(results):
    """{folder of a processor: {name: what bench/test_NAME.py wrote last}}, of those that have run."""
    folders = sorted(folder for folder in results.iterdir() if folder.is_dir()) if results.is_dir() else []
    found = {folder.name: of_processor(folder) for folder in folders}
    return {of: some for of, some in found.items() if some}


def of_processor(folder):
    paths = {name: folder / f"{name}.json" for name in NAMES}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.exists()}


def publishable(results):
    """{title of a processor: its results in the order of NAMES}; a ValueError that names what isn't to be published."""
    measured = read(results)
    if not measured:
        raise FileNotFoundError(f"there are no results in {results}")
    return {titled(of, named): list(named.values()) for of, named in measured.items()}


def titled(of, named):
    """The title of a processor, all of whose results may be published."""
    for name, result in named.items():
        check_place(of, name, result)
        check_idle(of, name, result)
    return processor.title(of, next(iter(named.values()))["machine_info"]["cpu"])


def check_place(of, name, result):
    machine = result["machine_info"]
    measured_on = machine.get("processor", of)  # the first results don't have it
    if measured_on != of:
        raise ValueError(f"{of}/{name}.json was measured on {measured_on}; accepted: results in the folder of theirs")
    processor.title(of, machine["cpu"])


def check_idle(of, name, result):
    entries = busy_entries(result)
    if entries:
        worst = max(entries, key=elsewhere_of)
        raise ValueError(
            f"{of}/{name}.json was measured on a busy machine: others had {elsewhere_of(worst):.2g} processors during "
            f"{worst['name']}, and too many during {len(entries)} of {len(result['benchmarks'])}; accepted: at most "
            f'{busy.MOST:g} during each. Measure again where nothing else runs: make bench BENCH="{name}"'
        )


def busy_entries(result):
    return [entry for entry in result["benchmarks"] if elsewhere_of(entry) > busy.MOST]


def elsewhere_of(entry):
    """Processors that others had meanwhile; 0 where that isn't known."""
    return entry["extra_info"].get("elsewhere", 0.0)
