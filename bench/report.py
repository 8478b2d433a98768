"""Writes the results of the benchmarks into docs/benchmarks.md, and the summary of them into the README, those of each
processor beside the others': `python -m bench.report`, from the checkout."""

import argparse
import re
import sys
from itertools import groupby
from pathlib import Path

from bench.card import report as card
from bench.card.journal import Journal
from bench.measured import RESULTS, ROOT, publishable
from bench.numbers import si, significant

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
    "Small calls",
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
    "kernels.surface_on_plane",
    "kernels.plan_surface",
    "kernels",
    "kernels, direct",
    "kernels.sgd_run_",
    "kernels.bce_loss_grad",
    "kernels.sgd_step_",
    "kernels.linear_bce",
    "kernels.sgd_ensemble",
    "logreg.LossSurface.compute",
    "logreg.LossSurface.around",
)
# as one would write it: what a table has of these first
EAGER = (
    "eager PyTorch, as written",
    "eager PyTorch",
    "the lab's loop",
    "eager PyTorch, autograd",
    "eager PyTorch, torch.optim.SGD",
)
NAMES = {"python": "Python", "numpy": "NumPy", "numba": "Numba", "torch": "torch"}
MEANING = (
    "Times are medians, each taken after the result was compared with the oracle in the same run; the error is the "
    "largest found, relative. The first call includes compiling, with nothing cached. A floor moves the data and "
    "computes nothing; that of loss and gradient of many samples is divided by ours in calls that take turns. What a "
    "call takes over its kernels is of turns with launches of these alone. Memory is by how much the resident memory "
    "of a process rises in a call, at the peak. \\* timed on a part of the work, and scaled."
)
SUMMARY = ("ours", "fastest peer", "÷ ours", "eager PyTorch ÷ ours", "floor ÷ ours")


def main():
    options = parsed()
    try:
        write(publishable(options.results), Journal(options.results / CARD).lines(), options.readme, options.tables)
    except (OSError, ValueError, LookupError) as error:
        sys.exit(f"bench.report: {type(error).__name__}: {error}")


def parsed(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the processors' folders")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--tables", type=Path, default=ROOT / "docs" / "benchmarks.md")
    return parser.parse_args(arguments)


def write(measured, of_card, readme, tables):
    """Puts results {processor: those of its files}, and lines of a card's if there are any, into README and tables."""
    text = replaced(readme.read_text(encoding="utf-8"), "results", summary(measured))
    parts = [sources(measured), *tables_of(measured)]
    if of_card:
        short, long = card.published(of_card)
        text = replaced(text, "card", short)
        parts.append(f"## On a card\n\n{long}")
    readme.write_text(text, encoding="utf-8")
    tables.write_text("\n\n".join(["# Benchmarks", *parts]) + "\n", encoding="utf-8")


def replaced(readme, name, text):
    """The README with `text` between the markers of this name."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if readme.count(begin) != 1 or readme.count(end) != 1 or readme.index(end) < readme.index(begin):
        raise ValueError(f"the README needs one line {begin} and, below it, one line {end}")
    before, rest = readme.split(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"


def summary(measured):
    """Markdown: where the results are from, and of each case ours, the fastest other contender, the plainest eager
    PyTorch, and the floor."""
    rows = []
    for (workload, case), found in cases(measured).items():
        if summarised(workload, case):
            cells = {of: summary_cells(entries) for of, entries in found.items() if ours_of(entries)}
            rows += [((workload, case), cells)] if cells else []
    return f"{sources(measured)}\n\n{side_by_side(measured, ('workload', 'case'), SUMMARY, rows)}"


def sources(measured):
    """Markdown: each processor, with what was measured there and when, and what the tables mean."""
    rows = [f"- {of}: {'; '.join(dict.fromkeys(map(source, results)))}." for of, results in measured.items()]
    return "\n".join(rows) + f"\n\n{MEANING}"


def source(result):
    machine, commit = result["machine_info"], result["commit_info"]
    versions = ", ".join(f"{name} {machine[key]}" for key, name in NAMES.items())
    changed = " with changes" if commit["dirty"] else ""
    day = result["datetime"][:10]
    return f"{machine['threads']} threads, {machine['system']}, {versions}, {day}, commit {commit['id'][:9]}{changed}"


def side_by_side(processors, leading, columns, rows):
    """Markdown: `leading` columns, then `columns` for each of the processors; a row is the cells of the leading ones
    and {processor: cells}."""
    blank = [""] * len(columns)
    lines = [
        [*([""] * len(leading)), *(cell for of in processors for cell in (of, *blank[1:]))],
        [*(["---"] * len(leading)), *(["---:"] * len(columns) * len(processors))],
        [*leading, *columns * len(processors)],
        *([*first, *(cell for of in processors for cell in cells.get(of, blank))] for first, cells in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def summarised(workload, case):
    return bool(re.search(SUMMARISED.get(workload, ""), case))


def ours_of(entries):
    """Ours among contenders, or None."""
    by_name = {entry["extra_info"]["contender"]: entry for entry in entries}
    return next((by_name[name] for name in OURS if name in by_name), None)


def summary_cells(entries):
    """Those of SUMMARY for a case on one processor."""
    by_name = {entry["extra_info"]["contender"]: entry for entry in entries}
    ours = ours_of(entries)
    times = {contender: median(entry) / median(ours) for contender, entry in by_name.items()}
    others = {
        contender: entry for contender, entry in by_name.items() if not contender.startswith(("kernels", "logreg"))
    }
    peers = [contender for contender, entry in others.items() if entry["extra_info"]["error"] is not None]
    floors = [entry for contender, entry in others.items() if contender not in peers]
    fastest = min(peers or others, key=times.get, default=None)
    plain = next((contender for contender in EAGER if contender in peers), None)
    eager = significant(times[plain]) if plain else ""
    if "extra_bytes" in ours["extra_info"]:
        eager += f", memory {significant(extra_bytes(by_name[plain]) / extra_bytes(ours))}"
    return (
        si(median(ours), "s") + over_kernels(ours),
        fastest or "",
        significant(times[fastest]) if fastest else "",
        eager,
        significant(min(over(median(ours), entry) for entry in floors)) if peers and floors else "",
    )


def cases(measured):
    """{(workload, case): {processor: its entries}} in the order of WORKLOADS. All threads of a processor are called
    that, so that those with different numbers of them have the same cases."""
    found = {}
    for of, results in measured.items():
        for result in results:
            for entry in result["benchmarks"]:
                info, threads = entry["extra_info"], result["machine_info"]["threads"]
                case = re.sub(rf"threads: {threads}$", "all threads", info["case"]) if threads > 1 else info["case"]
                found.setdefault((info["workload"], case), {}).setdefault(of, []).append(entry)
    known = [key for key in found if key[0] in WORKLOADS]
    return {key: found[key] for key in sorted(known, key=lambda key: WORKLOADS.index(key[0]))}


def tables_of(measured):
    """Markdown of each workload: a table per case, and the notes that are new to the reader."""
    noted = set()
    for workload, some in groupby(cases(measured).items(), lambda item: item[0][0]):
        tables = [f"**{case}**\n\n{table(found)}" for (_, case), found in some]
        notes = [f"- {contender}: {note}" for contender, note in notes_of(measured, workload).items()]
        yield "\n\n".join([f"## {workload}", *tables])
        if new := [note for note in notes if note not in noted]:
            yield "\n".join(new)
        noted.update(notes)


def notes_of(measured, workload):
    """{contender: what it does}, of all processors."""
    notes = {}
    for results in measured.values():
        for result in results:
            notes |= result["notes"].get(workload, {})
    return notes


def table(found):
    """Markdown: the contenders of a case, {processor: its entries}."""
    entries = [entry for some in found.values() for entry in some]
    names = dict.fromkeys(entry["extra_info"]["contender"] for entry in entries)
    info = entries[0]["extra_info"]
    columns = ["median", "fastest", "÷ ours", f"{info['unit']}/s", "error", "first call"]
    columns += ["memory"] if any("extra_bytes" in entry["extra_info"] for entry in entries) else []
    rows = {name: {} for name in names}
    for of, some in found.items():
        ours = ours_of(some)
        for entry in some:
            cells = cells_of(entry, median(ours) if ours else None)
            rows[entry["extra_info"]["contender"]][of] = cells[: len(columns)]
    return side_by_side(found, ("contender",), columns, [((name,), cells) for name, cells in rows.items()])


def cells_of(entry, ours):
    """Those of a contender on one processor, where ours takes so many seconds."""
    info = entry["extra_info"]
    scaled = " \\*" if info["scaled_by"] > 1 else ""
    computes = info["error"] is not None
    return [
        si(median(entry), "s") + over_kernels(entry) + scaled,
        si(entry["stats"]["min"] * info["scaled_by"], "s") + scaled,
        significant(over(ours, entry)) if ours else "",
        si(info["work"] / median(entry)) if computes or info["unit"] == "B" else "",
        f"{info['error']:.0e}" if computes else "",
        si(info["first_call_s"], "s") if info["first_call_s"] else "",
        si(info["extra_bytes"], "B") if "extra_bytes" in info else "",
    ]


def extra_bytes(entry):
    return entry["extra_info"]["extra_bytes"]


def over_kernels(entry):
    """What a call takes beside its kernels, where that was measured."""
    found = entry["extra_info"].get("over_kernels_s")
    return "" if found is None else f", {si(found, 's')} over its kernels"


def median(entry):
    """Seconds for the whole work."""
    return entry["stats"]["median"] * entry["extra_info"]["scaled_by"]


def over(ours, entry):
    """The time of a contender divided by ours: of calls that took turns, if that was measured."""
    return entry["extra_info"].get("over_ours", median(entry) / ours)


if __name__ == "__main__":
    main()
