"""Processes that work off a stage, each in a group of its own that ends with its limit, or with this process."""

import os
import signal
import subprocess
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

ROOT = Path(__file__).parents[2]
LAST_WORDS = 25  # lines of a process that died, kept as the error of what it was at
LONGEST_LINE = 10_000  # characters
GRACE = 3.0  # seconds from SIGTERM to SIGKILL

stopping = threading.Event()


def work_off(stage, commands, seconds, journal, log):
    """Runs the commands side by side until all have ended well or the time is over; one that dies is started again for
    what is left, its last words the error of the item that it was at. Returns "done" or why not."""
    deadline = time.monotonic() + seconds

    def keep_working(which):
        while (left := deadline - time.monotonic()) > 0 and not stopping.is_set():
            child = Child(commands[which], f"{stage} {which}", log)
            code = child.wait(left)
            if code == 0:
                return "done"
            reason = f"did not end in {seconds:.0f} s" if code is None else f"process ended with {code}"
            begun = journal.bury(child.process.pid, "\n".join([reason, "the last lines of its process:", *child.last]))
            if code is None:
                return "out of time"
            if not begun:
                return f"{reason} before it began anything:\n" + "\n".join(child.last)
        return "stopped" if stopping.is_set() else "out of time"

    with ThreadPoolExecutor(len(commands)) as pool:
        outcomes = list(pool.map(keep_working, range(len(commands))))
    return next((outcome for outcome in outcomes if outcome != "done"), "done")


class Child:
    """A process whose lines go to the terminal and to the log, each behind its name."""

    alive: ClassVar[set] = set()

    def __init__(self, command, name, log):
        self.name, self.log, self.last = name, log, deque(maxlen=LAST_WORDS)
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # it closes with this process: `end_with_parent`
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=ROOT,
            start_new_session=True,
        )
        Child.alive.add(self)
        if stopping.is_set():  # meanwhile
            self.signal(signal.SIGKILL)
        self.reader = threading.Thread(target=self.copy_lines, daemon=True)
        self.reader.start()

    def copy_lines(self):
        with self.process.stdout as lines:
            for line in iter(lambda: lines.readline(LONGEST_LINE), ""):
                self.last.append(line.rstrip("\n"))
                self.log.write(f"[{self.name}] {line}")

    def wait(self, seconds):
        """The exit code, or None if it had to be stopped."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            code = None
        self.signal(signal.SIGKILL)  # whatever it left behind in its group
        self.reader.join(GRACE)
        self.process.stdin.close()
        Child.alive.discard(self)
        return code

    def stop(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.signal(number)
            with suppress(subprocess.TimeoutExpired):  # SIGKILL too: a driver may keep a process
                self.process.wait(GRACE)
                return

    def signal(self, number):
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def stop_all(*_):
    """Ends all processes, for good."""
    stopping.set()
    for child in list(Child.alive):
        child.signal(signal.SIGKILL)


def end_with_parent():
    """Ends this process and its group as soon as the one that started it is gone."""

    pipe = os.dup(0)  # pytest puts something else in its place

    def watch():
        while os.read(pipe, 1):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


class Log:
    """A file of lines that are shown, too."""

    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()

    def write(self, line):
        """Whatever happens to either: results matter more."""
        with self.lock:
            with suppress(OSError), self.path.open("a", encoding="utf-8") as file:
                file.write(line)
            with suppress(OSError):
                print(line, end="", flush=True)
