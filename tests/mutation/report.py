"""What is told of mutants: a line each, and the table of a round."""

import json
import tomllib
from collections import Counter
from pathlib import Path

from tests.mutation.targets import SPEED, TASTE

EQUIVALENT = Path(__file__).parent / "equivalent.toml"
REASONS = {
    (mutant["path"], mutant["before"], mutant["after"]): mutant["why"]
    for mutant in tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["mutant"]
}


def records(path):
    """{digest: the last record} of a file of verdicts."""
    if not Path(path).exists():
        return {}
    found = map(json.loads, Path(path).read_text(encoding="utf-8").splitlines())
    return {record["digest"]: record for record in found}


def reason(record):
    return REASONS.get((record["path"], record["before"], record["after"]))


def verdict(record):
    """Whether it is "killed", "equivalent" or "alive"."""
    if record["killed_by"]:
        return "killed"
    return "equivalent" if reason(record) else "alive"


def line(record):
    place, by = f"{record['path']}:{record['line']}", record["killed_by"] or record["note"] or ""
    change = f"{record['before']} => {record['after']}"
    return f"{verdict(record):10} {record['seconds']:6.1f} s  {place}  {change}  {by}"


def table(found, options):
    """The round in Markdown: counts of each package, survivors and their reasons, and what isn't mutated."""
    counts = Counter((package_of(record), verdict(record)) for record in found)
    packages = sorted({package for package, _ in counts})
    rows = [[package, *(counts[package, name] for name in ("killed", "equivalent", "alive"))] for package in packages]
    rows.append(["all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])])
    survivors = [record for record in found if not record["killed_by"]]
    return "\n".join(
        [
            "# Mutants",
            "",
            f"Written by `python -m tests.mutation --number {options.number} --seed {options.seed} --report PATH`: one",
            "place of the sources is changed at a time, and the tests that matter to it are run. Those that are",
            "equivalent break no promise, and no test can see them: each has its reason below, and isn't tried again.",
            "",
            "| sources | mutants | killed | equivalent | alive |",
            "| --- | ---: | ---: | ---: | ---: |",
            *(f"| {name} | {sum(numbers)} | {' | '.join(map(str, numbers))} |" for name, *numbers in rows),
            "",
            "| mutant | change | why it is equivalent |",
            "| --- | --- | --- |",
            *(f"| {place(record)} | {change(record)} | {reason(record) or 'alive'} |" for record in survivors),
            "",
            "## Not mutated",
            "",
            "Names that decide nothing but speed: how the work is cut, what is kept or fetched ahead, which of two",
            "right methods is taken.",
            "",
            *(f"- {path}: {', '.join(names.split())}" for path, names in SPEED.items()),
            "",
            f"And numbers that are a matter of taste, in arguments and entries called {', '.join(TASTE.split())}.",
            "",
        ]
    )


def package_of(record):
    return record["path"].rpartition("/")[0]


def place(record):
    return f"{record['path']}:{record['line']}"


def change(record):
    before, after = (record[name].replace("|", "\\|") for name in ("before", "after"))
    return f"`{before}` → `{after}`"
