"""Writes the results of the benchmarks into the pages: all of them into docs/benchmarks.md, the summary into
docs/performance.md, those of each processor beside the others', and a few into both READMEs: `python -m bench.report`,
from the checkout."""

import argparse
import re
import sys
from itertools import groupby
from pathlib import Path

from bench import headline
from bench.card import report as card
from bench.card.journal import Journal
from bench.cells import median, ours_of, over, over_kernels, summary_cells
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
    "Explorer",
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
        write(publishable(options.results), Journal(options.results / CARD).lines(), options.root)
    except (OSError, ValueError, LookupError) as error:
        sys.exit(f"bench.report: {type(error).__name__}: {error}")


def parsed(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the processors' folders")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of the READMEs and of docs")
    return parser.parse_args(arguments)


def write(measured, of_card, root):
    """Puts results {processor: those of its files}, and lines of a card's if there are any, into the pages."""
    docs, parts = root / "docs", [sources(measured), *tables_of(measured)]
    texts = {docs / "performance.md": ("results", summary(measured))}
    for readme, table in headline.tables(cases(measured)).items():
        texts[root / readme] = ("table", table)
    if of_card:
        short, long = card.published(of_card)
        texts[docs / "howto" / "cuda.md"] = ("card", short)
        parts.append(f"## On a card\n\n{long}")
    pages = {page: replaced(page, *named) for page, named in texts.items()}
    pages[docs / "benchmarks.md"] = "\n\n".join(["# Benchmarks", *parts]) + "\n"
    for page, text in pages.items():
        page.write_text(text, encoding="utf-8")


def replaced(page, name, text):
    """What a page says, with `text` between the markers of this name."""
    said, begin, end = page.read_text(encoding="utf-8"), f"<!-- {name} -->", f"<!-- /{name} -->"
    if said.count(begin) != 1 or said.count(end) != 1 or said.index(end) < said.index(begin):
        raise ValueError(f"{page.name} needs one line {begin} and, below it, one line {end}")
    before, rest = said.split(begin)
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


if __name__ == "__main__":
    main()
