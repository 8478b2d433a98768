"""Takes the results of a run on a card into the project and its tables: `python -m bench.card.publish DIR`."""

import argparse
import json
from pathlib import Path

from bench import report
from bench.card import report as card
from bench.card.journal import MEASURED, Journal, latest
from bench.measured import publishable


def counts(stage, name):
    """Whether nothing is published with an error in it; peers may lack memory."""
    return stage in ("limits", "smoke") or (stage == "speed" and ": kernels" in name)


def main():
    parser = argparse.ArgumentParser(prog="python -m bench.card.publish", description=__doc__)
    parser.add_argument("dir", type=Path, help="the --out of python3 -m bench.card")
    options, of_report = parser.parse_known_args()
    path = options.dir / "results.jsonl"
    lines = Journal(path).lines()
    ends = latest(lines)
    if "multiprocessors" not in ends.get(("limits", "machine"), {}):
        parser.error(f"{path} has no results of a card; accepted: the --out of a run on one")
    wrong = [f"{stage}/{name}" for (stage, name), end in ends.items() if not end["ok"] and counts(stage, name)]
    if wrong:
        parser.error(f"{path} has what isn't right: {'; '.join(wrong)}; accepted: no errors of ours")
    if not card.speed_table(ends):
        parser.error(f"{path} has no times; accepted: a run with the stage speed")
    kept = [end for (stage, _), end in ends.items() if end["ok"] and stage in MEASURED]
    where = report.parsed(of_report)
    try:
        measured = publishable(where.results)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    report.write(measured, kept, where.root)
    text = "".join(json.dumps(end) + "\n" for end in kept)
    (where.results / report.CARD).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
