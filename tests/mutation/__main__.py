"""Mutation testing: changes one place of the sources at a time, and tells which changes no test sees.

    python -m tests.mutation --number 150 --seed 0 --out out/mutants.jsonl
    python -m tests.mutation --number 150 --seed 0 --out out/mutants.jsonl --skip-done --report docs/mutants.md

Mutants are tried in a copy of the tree, the checkout stays as it is. Each is a line of JSON the moment its verdict is
known. Those that `equivalent.toml` gives a reason for aren't tried. Ends with 1 if another one is alive.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

from tests.mutation import report
from tests.mutation.operators import compiles
from tests.mutation.targets import mutants_of, sources, tests_of
from tests.mutation.trees import ROOT, Tree


def main():
    options = arguments()
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    drawn = [found for found in sample(options.number, options.seed) if found["path"].startswith(options.only)]
    done = report.records(options.out)
    todo = [found for found in drawn if not (options.skip_done and settled(found, done))]
    print(f"{len(drawn)} mutants, {len(drawn) - len(todo)} of them done")
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trees = SimpleQueue()
        for k in range(options.workers):
            trees.put(Tree(Path(folder) / str(k)))
        pool = ThreadPoolExecutor(options.workers)
        try:
            for record in map(Future.result, as_completed(pool.submit(judged, trees, found) for found in todo)):
                with open(options.out, "a", encoding="utf-8") as file:
                    print(json.dumps(record), file=file)
                print(report.line(record), flush=True)
        finally:
            pool.shutdown(cancel_futures=True)  # Ctrl-C waits for those that have begun
    digests = {found["digest"] for found in drawn}
    found = [record for record in report.records(options.out).values() if record["digest"] in digests]
    found.sort(key=lambda record: (record["path"], record["line"]))
    if options.report:
        Path(options.report).write_text(report.table(found, options), encoding="utf-8")
    alive = [record for record in found if report.verdict(record) == "alive"]
    print(f"{len(found)} mutants, {len(alive)} alive without a reason")
    sys.exit(bool(alive))


def arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.split("\n")[0])
    parser.add_argument("--number", type=int, default=150, help="of mutants, shared out among the files by their size")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--only", default="", help="what the paths of sources begin with, e.g. kernels/numba_cpu")
    parser.add_argument("--workers", type=int, default=1, help="mutants tried at once")
    parser.add_argument("--out", default="out/mutants.jsonl", help="the verdicts, to which new ones are added")
    parser.add_argument("--skip-done", action="store_true", help="take verdicts from there, but try survivors again")
    parser.add_argument("--report", help="where to write the table")
    return parser.parse_args()


def sample(number, seed):
    """Mutants as records: lines drawn from each file in proportion to how many can be mutated, at least one of every
    file, and a mutant of each. The draw goes by what the lines say, so that it hardly changes with other lines."""
    by_file = {path: by_line(mutants_of(path)) for path in sources()}
    by_file = {path: lines for path, lines in by_file.items() if lines}
    total = sum(map(len, by_file.values()))
    found = []
    for path, choices in by_file.items():
        source = (ROOT / path).read_bytes()
        texts, count = source.splitlines(), max(1, round(number * len(choices) / total))
        drawn = sorted(choices, key=lambda line: place_in_draw(seed, path, texts[line - 1].strip()))
        for line in sorted(drawn[:count]):
            ways = [described(path, source, mutant) for mutant in choices[line]]
            ways.sort(key=lambda way: place_in_draw(seed, way["before"], way["after"]))
            found += islice((way for way in ways if compiles(way["mutant"].of(source))), 1)
    return found


def place_in_draw(*what):
    return hashlib.sha256(repr(what).encode()).digest()


def by_line(found):
    lines = {}
    for mutant in found:
        lines.setdefault(mutant.line, []).append(mutant)
    return lines


def described(path, source, mutant):
    changed = mutant.of(source)
    lines = slice(mutant.line - 1, mutant.line + source[mutant.start : mutant.stop].count(b"\n"))
    begin, end = source.rfind(b"\n", 0, mutant.start) + 1, source.find(b"\n", mutant.stop)
    after = changed[begin : end + len(changed) - len(source)]
    return {
        "path": path,
        "line": mutant.line,
        "before": " ".join(b" ".join(source.splitlines()[lines]).decode().split()),
        "after": " ".join(after.decode().split()),
        "digest": hashlib.sha256(path.encode() + changed).hexdigest()[:16],
        "mutant": mutant,
    }


def settled(found, done):
    record = done.get(found["digest"])
    return record is not None and report.verdict(record) != "alive"


def judged(trees, found):
    """The record of a mutant with its verdict. What kills it must pass where nothing is mutated, or nothing is said."""
    path, mutant, tests = found["path"], found.pop("mutant"), tests_of(found["path"])
    if report.reason(found):
        return {**found, "killed_by": None, "note": report.reason(found), "seconds": 0.0}
    tree, killed_by, note = trees.get(), None, None
    try:
        verdict = tree.tested(path, mutant.of((tree.root / path).read_bytes()), tests)
        if verdict.failed:
            # without a test: as files of tests are read, any of them
            wrong = [test for test in ([verdict.test] if verdict.test else tests) if not tree.passes(test)]
            if wrong:
                note = f"{wrong[0]} fails without it, too"
            else:
                killed_by = verdict.test or f"{tests[0]}, as it is read"
    finally:
        trees.put(tree)
    return {**found, "killed_by": killed_by, "note": note, "seconds": round(verdict.seconds, 1)}


if __name__ == "__main__":
    main()
