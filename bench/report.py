"""Writes the results of the benchmarks into docs/benchmarks.md, and the summary of them into the README:
`python -m bench.report`, from the checkout."""

import argparse
import json
import re
import sys
from itertools import groupby
from pathlib import Path

from bench.card import report as card
from bench.card.journal import Journal
from bench.numbers import si, significant

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results"
FILES = ("surface", "plane", "run", "options", "gradient", "loop", "ensemble")  # as they are to be read
CARD = "card.jsonl"  # of the results: those of `bench.card`
# as they are to be read
WORKLOADS = (
    "Lab surface",
    "One feature, 20 samples",
    "One feature, many samples",
    "30 features",
    "Direct, general plane",
    "Direct, bias axis",
    "Lab run",
    "Breast cancer run",
    "Run with options",
    "Wide run",
    "Run in single samples",
    "Loss and gradient",
    "Loss and gradient, little data",
    "Step, little data",
    "Training loop",
    "Lab starts",
    "Breast cancer starts",
)
# of these workloads the summary has the cases that match, of others all
SUMMARISED = {
    "Lab surface": "float64",
    "Breast cancer run": "float32",
    "Run with options": "(momentum|shuffled|squared).*float32",
    "Run in single samples": "float32",
    "Loss and gradient": " x (1|32|1024), float32| x 32, float64",
    "Loss and gradient, little data": "float32",
    "Step, little data": "float32",
    "Lab starts": "batches of 3",
    "Breast cancer starts": "float32",
}
OURS = (
    "kernels.loss_surface",
    "kernels",
    "kernels, direct",
    "kernels.sgd_run_",
    "kernels.bce_loss_grad",
    "kernels.sgd_step_",
    "kernels.linear_bce",
    "kernels.sgd_ensemble",
)
# as one would write it: what a table has of these first
EAGER = (
    "eager PyTorch, as written",
    "eager PyTorch",
    "the lab's loop",
    "eager PyTorch, autograd",
    "eager PyTorch, torch.optim.SGD",
)
NOISY = 1.5
NAMES = {"python": "Python", "numpy": "NumPy", "numba": "Numba", "torch": "torch"}


def main():
    options = parsed()
    try:
        results = read_results(options.results)
        write(results, Journal(options.results / CARD).lines(), options.readme, options.tables)
    except (OSError, ValueError, LookupError) as error:
        sys.exit(f"bench.report: {type(error).__name__}: {error}")
    for entry in [entry for result in results for entry in result["benchmarks"]]:
        if entry["stats"]["median"] > NOISY * entry["stats"]["min"]:
            print(f"the machine was busy: the median is far above the fastest in {entry['group']}, {entry['name']}")


def parsed(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--tables", type=Path, default=ROOT / "docs" / "benchmarks.md")
    return parser.parse_args(arguments)


def write(results, of_card, readme, tables):
    """Puts results, and lines of a card's if there are any, into the README and the tables."""
    text, parts = replaced(readme.read_text(encoding="utf-8"), "results", summary(results)), [report(results)]
    if of_card:
        short, long = card.published(of_card)
        text = replaced(text, "card", short)
        parts.append(f"## On a card\n\n{long}")
    readme.write_text(text, encoding="utf-8")
    tables.write_text("\n\n".join(["# Benchmarks", *parts]) + "\n", encoding="utf-8")


def read_results(folder):
    """What each file of benchmarks wrote last, of those that have run."""
    paths = [folder / f"{name}.json" for name in FILES]
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    if not found:
        raise FileNotFoundError(f"there are no results in {folder}")
    return found


def replaced(readme, name, text):
    """The README with `text` between the markers of this name."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if readme.count(begin) != 1 or readme.count(end) != 1 or readme.index(end) < readme.index(begin):
        raise ValueError(f"the README needs one line {begin} and, below it, one line {end}")
    before, rest = readme.split(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"


def summary(results):
    """Markdown: for each case ours, the fastest other contender, the plainest eager PyTorch, and the floor, by machine
    and day."""
    header = "| workload | case | ours | fastest peer | ÷ ours | eager PyTorch ÷ ours | floor ÷ ours |"
    parts = []
    for machine, some in groupby(results, heading):
        rows = [summary_row(*case) for result in some for case in cases(result) if summarised(*case[:2])]
        lines = [header, "| --- | --- | ---: | --- | ---: | ---: | ---: |", *(row for row in rows if row)]
        parts.append(f"{machine}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def summarised(workload, case):
    return bool(re.search(SUMMARISED.get(workload, ""), case))


def summary_row(workload, case, entries):
    times = {entry["extra_info"]["contender"]: median(entry) for entry in entries}
    ours = next((name for name in OURS if name in times), None)
    others = [entry["extra_info"] for entry in entries if not entry["extra_info"]["contender"].startswith("kernels")]
    peers = [info["contender"] for info in others if info["error"] is not None]
    floors = [entry for entry in entries if entry["extra_info"]["error"] is None]
    if ours is None or not others:
        return None
    fastest = min(peers or [entry["extra_info"]["contender"] for entry in floors], key=times.get)
    ratio = significant(times[fastest] / times[ours])
    plain = next((name for name in EAGER if name in peers), None)
    eager = significant(times[plain] / times[ours]) if plain else ""
    memory = {entry["extra_info"]["contender"]: entry["extra_info"].get("extra_bytes") for entry in entries}
    if memory[ours]:
        eager += f", memory {significant(memory[plain] / memory[ours])}"
    floor = significant(min(over(times[ours], entry) for entry in floors)) if peers and floors else ""
    return f"| {workload} | {case} | {si(times[ours], 's')} | {fastest} | {ratio} | {eager} | {floor} |"


def cases(result):
    """(workload, case, its entries) in the order of WORKLOADS."""
    for workload in WORKLOADS:
        entries = [entry for entry in result["benchmarks"] if entry["extra_info"]["workload"] == workload]
        for case in dict.fromkeys(entry["extra_info"]["case"] for entry in entries):
            yield workload, case, [entry for entry in entries if entry["extra_info"]["case"] == case]


def report(results):
    """Markdown: the machine, then each workload with a table per case and the notes that are new to the reader."""
    parts, noted = [], []
    for result in results:
        parts.append(heading(result))
        for workload, rows in groupby(cases(result), lambda case: case[0]):
            parts.append(f"## {workload}")
            parts += [f"**{case}**\n\n{table(entries)}" for _, case, entries in rows]
            notes = [f"- {contender}: {note}" for contender, note in result["notes"][workload].items()]
            parts.append("\n".join(note for note in notes if note not in noted))
            noted += notes
    return "\n\n".join(part for part in parts if part)


def heading(result):
    machine, commit = result["machine_info"], result["commit_info"]
    versions = ", ".join(f"{name} {machine[key]}" for key, name in NAMES.items())
    changed = " with changes" if commit["dirty"] else ""
    return (
        f"{machine['cpu']}, {machine['threads']} threads, {machine['system']}; {versions}; {result['datetime'][:10]}, "
        f"commit {commit['id'][:9]}{changed}. Times are medians, each taken after the result was compared with the "
        "oracle in the same run; the error is the largest found, relative. The first call includes compiling, with "
        "nothing cached. A floor moves the data and computes nothing; that of loss and gradient of many samples is "
        "divided by ours in calls that take turns. Memory is by how much the resident memory of a process rises in a "
        "call, at the peak. \\* timed on a part of the work, and scaled."
    )


def table(entries):
    ours = next((median(entry) for entry in entries if entry["extra_info"]["contender"] in OURS), None)
    info = entries[0]["extra_info"]
    columns = ["contender", "median", "fastest", "÷ ours", f"{info['unit']}/s", "error", "first call"]
    columns += ["memory"] if "extra_bytes" in info else []
    lines = [f"| {' | '.join(columns)} |", "| --- |" + " ---: |" * (len(columns) - 1)]
    return "\n".join([*lines, *(row(entry, ours) for entry in entries)])


def row(entry, ours):
    info = entry["extra_info"]
    scaled = " \\*" if info["scaled_by"] > 1 else ""
    computes = info["error"] is not None
    cells = [
        info["contender"],
        si(median(entry), "s") + scaled,
        si(entry["stats"]["min"] * info["scaled_by"], "s") + scaled,
        significant(over(ours, entry)) if ours else "",
        si(info["work"] / median(entry)) if computes or info["unit"] == "B" else "",
        f"{info['error']:.0e}" if computes else "",
        si(info["first_call_s"], "s") if info["first_call_s"] else "",
        *([si(info["extra_bytes"], "B")] if "extra_bytes" in info else []),
    ]
    return f"| {' | '.join(cells)} |"


def median(entry):
    """Seconds for the whole work."""
    return entry["stats"]["median"] * entry["extra_info"]["scaled_by"]


def over(ours, entry):
    """The time of a contender divided by ours: of calls that took turns, if that was measured."""
    return entry["extra_info"].get("over_ours", median(entry) / ours)


if __name__ == "__main__":
    main()
