"""Results as they come: a line of JSON each, on disk before the next item begins, from any number of processes.

Every line has the number of the `run` of the command that wrote it, `where` that was, a `stage` and the `name` of an
item. `what` it tells is that an item is begun, by process `pid`; that it ended, `ok` and with what was found, or with
the whole `error`; or how a stage ended.
"""

import fcntl
import json
import math
import os
import re
import time
from contextlib import contextmanager
from pathlib import Path

# Stages whose results hold only for the card and the code that they were measured with.
MEASURED = ("limits", "speed", "variants", "profile")


class Journal:
    """The lines of one file, for a run of the command by its number, on a card and with code that `where` names."""

    def __init__(self, path, run=0, where=""):
        self.path, self.run, self.where = Path(path), int(run), where

    @classmethod
    def of_environment(cls):
        """That of the command which started this process."""
        return cls(*(os.environ[f"BENCH_CARD_{name}"] for name in ("RESULTS", "RUN", "WHERE")))

    def lines(self):
        """All that can be read; a line that was cut off by the end of its process is left out."""
        if not self.path.exists():
            return []
        found = []
        for text in self.path.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(text))
            except ValueError:
                continue
        return found

    def claim(self, stage, name):
        """Whether this process may do an item: nobody has begun it in this run, nor found it right in one that
        counts."""
        with self.opened() as file:
            mine = [line for line in self.lines() if (line["stage"], line["name"]) == (stage, name)]
            if any(line["run"] == self.run or (line.get("ok") and self.counts(line)) for line in mine):
                return False
            self.append(file, what="begun", stage=stage, name=name, pid=os.getpid())
            return True

    def counts(self, line):
        return line["stage"] not in MEASURED or line["where"] == self.where

    def end(self, stage, name, ok, **found):
        with self.opened() as file:
            self.append(file, what="ended", stage=stage, name=name, ok=ok, **found)

    def end_stage(self, stage, how, seconds):
        with self.opened() as file:
            self.append(file, what="stage", stage=stage, name="", how=how, seconds=round(seconds, 1))

    def bury(self, pid, reason):
        """Ends what a process left open, with `reason` as its error; returns how many items it had begun."""
        lines = [line for line in self.lines() if line["run"] == self.run]
        ended = {(line["stage"], line["name"]) for line in lines if line["what"] == "ended"}
        begun = [(line["stage"], line["name"]) for line in lines if line.get("pid") == pid]
        for stage, name in begun:
            if (stage, name) not in ended:
                self.end(stage, name, False, error=reason)
        return len(begun)

    @contextmanager
    def opened(self):
        """The file, to be appended to by nobody else meanwhile."""
        with self.path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def append(self, file, **line):
        text = json.dumps(plain({"run": self.run, "where": self.where, "at": round(time.time(), 3)} | line))
        file.seek(-1 if file.seek(0, os.SEEK_END) else 0, os.SEEK_END)
        cut_off = file.read(1) not in (b"", b"\n")
        file.write(b"\n" * cut_off + text.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def plain(value):
    """What JSON holds: numbers that aren't finite by their names."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value


def continued(path, previous, where):
    """The Journal of the next run in `path`, with what a `previous` file found right, if any; the same file goes on."""
    path, journal = Path(path), Journal(path)
    if previous is not None and Path(previous).resolve() != path.resolve():
        right = [line for line in Journal(previous).lines() if line.get("ok")]
        with journal.opened() as file:
            for line in right:
                file.write(json.dumps(line | {"run": 0}).encode() + b"\n")
    return Journal(path, 1 + max((line["run"] for line in journal.lines()), default=0), where)


def wanted(stage, name, patterns):
    """Whether an item is among those asked for, STAGE or STAGE/EXPRESSION, by which a name begins; all without any."""
    split = [pattern.partition("/") for pattern in patterns]
    return not split or any(of == stage and re.match(expression, name) for of, _, expression in split)


def stage_wanted(stage, patterns):
    """Whether items of it are asked for."""
    return not patterns or stage in [pattern.partition("/")[0] for pattern in patterns]


def latest(lines):
    """{(stage, name): its last end}, in the order in which items ended first; of what was measured, only where the last
    limits were."""
    ends = {(line["stage"], line["name"]): line for line in lines if line["what"] == "ended"}
    here = ends.get(("limits", "machine"), {}).get("where")
    return {key: end for key, end in ends.items() if key[0] not in MEASURED or here in (None, end["where"])}


def unfinished(lines):
    """{stage: how it ended} of those that weren't done, the last time that they were begun."""
    last = {line["stage"]: line["how"] for line in lines if line["what"] == "stage"}
    return {stage: how for stage, how in last.items() if how != "done"}
