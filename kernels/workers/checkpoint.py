"""Work that is kept in a file as it grows, and goes on from there.

The file is an npz archive, written whole or not at all: arrays of each stage, and a description in JSON with the number
of tasks that are in them and with prints of what the work is of. Nothing is unpickled.
"""

import json
import os
import pickle
import time
import zlib
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from kernels.wholefile import folder_of, name_of, regular_mode, whole_file

FORMAT = 1
SECONDS = 2.0  # between two writings: what a killed process has to do again
SHARE = 10  # and so many times as long as the last one took
ABOUT = "about"
ARGUMENT = "checkpoint"  # of public functions, as errors call the file
# what reading of bytes that are no archive of ours raises, from whatever place in it is wrong
DAMAGES = BadZipFile, zlib.error, ValueError, KeyError, TypeError, AttributeError, EOFError, RuntimeError, OSError


class Kept:
    """What is kept of some work at `path`, by stages: how many tasks are done, and the state.

    `prints` says of what the work is, {what: a short text}. A file of other work is refused, naming what differs.
    """

    def __init__(self, path: Any, prints: Mapping[str, str]) -> None:
        self.path, self.name, self.prints = path, name_of(path, ARGUMENT), dict(prints)
        self.done: dict[str, int] = {}
        self.states: dict[str, dict[str, np.ndarray]] = {}
        if regular_mode(self.name, ARGUMENT) is not None:
            self.read()
        folder_of(self.name, ARGUMENT)  # before any work is done for a file that can't be written
        self.changed, self.pause, self.written = False, SECONDS, time.monotonic()

    def read(self) -> None:
        with open(self.name, "rb") as file:
            try:
                version, prints, done, states = read_from(file)
            except DAMAGES as error:
                accepted = "one, or no file yet"
                raise ValueError(f"checkpoint {self.name!r} is no checkpoint; accepted: {accepted}") from error
        if version != FORMAT:
            raise ValueError(f"checkpoint {self.name!r} has the format {version}; accepted: {FORMAT}, or no file yet")
        self.require(prints)
        self.prints, self.done, self.states = prints | self.prints, done, states

    def require(self, prints: Mapping[str, str]) -> None:
        """Refuses prints of other work."""
        other = [what for what in self.prints if what in prints and prints[what] != self.prints[what]]
        if other:
            raise ValueError(
                f"checkpoint {self.name!r} is of other work, by its {' and '.join(other)}; accepted: that of the same "
                "call, or no file yet"
            )

    def bind(self, **prints: str) -> None:
        """Adds prints of what is known only now; refuses a file of another one."""
        known, self.prints = self.prints, prints
        try:
            self.require(known)
        finally:
            self.prints = known | prints

    def restore(self, stage: str, state: dict[str, np.ndarray]) -> int:
        """How many tasks of a stage are done, whose state is copied to `state`."""
        done = self.done.get(stage, 0)
        if done:
            kept = self.states[stage]
            if any(name not in kept or kept[name].shape != array.shape for name, array in state.items()):
                raise ValueError(f"checkpoint {self.name!r} doesn't fit; accepted: that of the same call")
            for name, array in state.items():
                array[...] = kept[name]
        return done

    def note(self, stage: str, done: int, state: dict[str, np.ndarray]) -> None:
        """Takes the state after `done` tasks of a stage; writes it if the last time is long ago."""
        self.done[stage], self.states[stage], self.changed = done, state, True
        if time.monotonic() - self.written >= self.pause:
            self.write()

    def write(self) -> None:
        """Writes what has changed since it was written."""
        if not self.changed:
            return
        begun = time.monotonic()
        about = json.dumps({"format": FORMAT, "prints": self.prints, "done": self.done})
        arrays: dict[str, Any] = {ABOUT: np.array(about)}
        for stage, state in self.states.items():
            arrays |= {f"{stage}/{name}": array for name, array in state.items()}
        with whole_file(self.path, ARGUMENT) as file:
            np.savez(file, **arrays)
        self.written, self.changed = time.monotonic(), False
        self.pause = max(SECONDS, SHARE * (self.written - begun))

    def drop(self, prefix: str) -> None:
        """Forgets stages whose names begin so."""
        for stage in [one for one in self.done if one.startswith(prefix)]:
            del self.done[stage], self.states[stage]


class Section(NamedTuple):
    """A part of some work, whose stages have names that begin with a title; where all of it is kept."""

    kept: Kept
    title: str


def read_from(file: Any) -> tuple[Any, dict[str, str], dict[str, int], dict[str, dict[str, np.ndarray]]]:
    """The format of a file that is open, the prints, and of each stage the number of tasks done and the state."""
    with np.load(file, allow_pickle=False) as archive:
        about = json.loads(str(archive[ABOUT]))
        states: dict[str, dict[str, np.ndarray]] = {stage: {} for stage in about["done"]}
        for key in archive.files:
            if key != ABOUT:
                stage, name = key.rsplit("/", 1)
                states[stage][name] = archive[key]
    return about["format"], dict(about["prints"]), dict(about["done"]), states


ROWS = 2**16  # of an array at once, as they are copied


def print_of(*values: Any) -> str:
    """A short text that is another one for other values: arrays, texts, numbers, and callables that can be pickled."""
    digest = blake2b(digest_size=16)
    for value in values:
        if isinstance(value, np.ndarray):
            digest.update(f"{value.dtype.str}{value.shape}".encode())
            rows = np.atleast_1d(value)
            for start in range(0, len(rows), ROWS):
                digest.update(rows[start : start + ROWS].tobytes())
        else:
            digest.update(pickled(value) if callable(value) else repr(value).encode())
        digest.update(b"|")
    return digest.hexdigest()


def pickled(value: Any) -> bytes:
    try:
        return pickle.dumps(value)
    except Exception as error:
        accepted = "with checkpoint= what can be pickled, such as functools.partial of a function"
        raise TypeError(f"a callable can't be told from another one ({error}); accepted: {accepted}") from error


def print_of_code(folder: str) -> str:
    """That of all sources in a folder."""
    digest = blake2b(digest_size=16)
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".py"):
                with open(os.path.join(where, name), "rb") as file:
                    digest.update(name.encode() + file.read())
    return digest.hexdigest()
