"""What is said while a kernel is compiled: once in the log, and in a line that goes away; nothing when it is loaded."""

import io
import os
import pty
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import kernels
from kernels.numba_cpu.runtime import notice
from tests.processes import printed_by

REPOSITORY = Path(kernels.__file__).parents[1]
COMPILE = """
import sys, threading
import numpy as np
from kernels.numba_cpu.runtime import launch, prefault

def compile_one(serial_work):  # of the smallest kernel, for one thread or for all
    launch.serial_work_here.set(serial_work)
    prefault.touch_pages(np.empty(1, np.uint8))
"""
BOTH = "compile_one(1e9); compile_one(0)\n"
LOG = """
import json, logging
records = []
handler = logging.Handler()
handler.emit = records.append
logging.getLogger("kernels").addHandler(handler)
logging.getLogger("kernels").setLevel(logging.INFO)
"""
SAID = "print(json.dumps([[record.levelname, record.getMessage()] for record in records]))"


def on_terminal(source, **environment):
    """What Python source, run in a fresh process, writes to a terminal on its stderr."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"PYTHONPATH": os.fspath(REPOSITORY)} | environment
    with subprocess.Popen([sys.executable, "-c", source], stderr=theirs, cwd=REPOSITORY, env=environment) as process:
        os.close(theirs)
        parts = []
        try:
            while part := os.read(ours, 4096):
                parts.append(part)
        except OSError:  # the terminal is closed at the end
            pass
    os.close(ours)
    assert process.returncode == 0
    return b"".join(parts).decode()


def left_on(terminal):
    """The lines that can still be read, after all that was written."""
    lines, at = [[]], 0
    for character in terminal:
        if character == "\r":
            at = 0
        elif character == "\n":
            lines.append([])
        else:
            lines[-1][at : at + 1], at = character, at + 1
    return [text for line in lines if (text := "".join(line).strip())]


def test_the_log_has_it_once_and_only_where_something_is_compiled(tmp_path):
    source, environment = LOG + COMPILE + BOTH + SAID, {"NUMBA_CACHE_DIR": str(tmp_path)}
    ((level, message),) = printed_by(source, **environment)
    assert level == "INFO"
    assert str(tmp_path) in message
    assert "kernels.warmup()" in message
    assert printed_by(source, **environment) == []


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_log_says_that_kernels_cannot_be_kept():
    ((_, message),) = printed_by(LOG + COMPILE + "compile_one(1e9)\n" + SAID, NUMBA_CACHE_DIR="/dev/null/cache")
    assert "can't be kept on disk" in message


THREADS = """
threads = [threading.Thread(target=compile_one, args=(work,)) for work in (1e9, 0, 1e9, 0)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize("calls", [BOTH, THREADS], ids=["one thread", "several threads"])
def test_the_line_on_a_terminal_goes_away(calls, tmp_path):
    written = on_terminal(COMPILE + calls, NUMBA_CACHE_DIR=str(tmp_path))
    assert notice.LINE in written
    assert left_on(written) == []
    assert on_terminal(COMPILE + calls, NUMBA_CACHE_DIR=str(tmp_path)) == ""


STOPPED = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a process in the background ignores
from numba.core import compiler

def stop(*_):
    {what}

compiler.CompilerBase.compile_extra = stop
try:
    compile_one(1e9)
except {error}:
    print("a line", file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("what", "error"),
    [("raise ValueError", "ValueError"), ("signal.raise_signal(signal.SIGINT)", "KeyboardInterrupt")],
)
def test_the_line_goes_away_when_compiling_ends_early(what, error, tmp_path):
    source = COMPILE + STOPPED.format(what=what, error=error)
    written = on_terminal(source, NUMBA_CACHE_DIR=str(tmp_path))
    assert notice.LINE in written
    assert left_on(written) == ["a line"]


@pytest.mark.parametrize("before", ["", "sys.stderr = None\n", "sys.stderr.close()\n"], ids=["pipe", "none", "closed"])
def test_without_a_terminal_nothing_is_written(before, tmp_path):
    source = [sys.executable, "-c", COMPILE + before + BOTH]
    environment = os.environ | {"PYTHONPATH": os.fspath(REPOSITORY), "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(source, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


class Terminal(io.StringIO):
    """A terminal whose width is that of a pseudo-terminal, which has none."""

    def __init__(self, descriptor):
        super().__init__()
        self.descriptor = descriptor

    def isatty(self):
        return True

    def fileno(self):
        return self.descriptor


@pytest.fixture
def terminal(monkeypatch):
    ours, theirs = pty.openpty()
    stream = Terminal(theirs)
    monkeypatch.setattr(notice, "sys", SimpleNamespace(stderr=stream, modules=sys.modules))  # pytest has sys.stderr
    yield stream
    os.close(ours)
    os.close(theirs)


def test_a_narrow_terminal_has_a_part_of_the_line(terminal, monkeypatch):
    monkeypatch.setattr(os, "get_terminal_size", lambda descriptor: os.terminal_size((20, 5)))
    with notice.announced():
        assert terminal.getvalue() == f"\r{notice.LINE[:19]}"
    assert terminal.getvalue().endswith(f"\r{' ' * 19}\r")


def test_who_shows_progress_has_no_line(terminal, monkeypatch):
    token = notice.shows_progress.set(True)
    try:
        with notice.announced():
            assert terminal.getvalue() == ""
    finally:
        notice.shows_progress.reset(token)


@pytest.fixture
def notebook(monkeypatch):
    """What a notebook shows, {id: {kind: text}}."""
    shown = {}

    def display(bundle, *, raw, display_id):
        assert raw
        assert display_id
        number = len(shown)
        shown[number] = bundle
        return SimpleNamespace(update=lambda bundle, raw: shown.update({number: bundle}))

    ipython = ModuleType("IPython")
    ipython.display = SimpleNamespace(display=display)
    ipython.get_ipython = lambda: SimpleNamespace(kernel="a kernel")
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    return shown


def test_the_line_in_a_notebook_goes_away(notebook, terminal):
    with notice.announced():
        assert notebook == {0: {"text/plain": notice.LINE}}
    assert set(notebook[0].values()) == {""}
    assert "text/html" in notebook[0]
    assert terminal.getvalue() == ""


def test_a_notebook_that_fails_does_not_break_the_call(notebook, monkeypatch):
    def display(*_, **__):
        raise OSError("no kernel")

    monkeypatch.setattr(sys.modules["IPython"].display, "display", display)
    with notice.announced():
        assert notebook == {}


def test_ipython_in_a_terminal_is_a_terminal(notebook, terminal, monkeypatch):
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace(kernel=None))
    with notice.announced():
        assert notice.LINE in terminal.getvalue()
    assert left_on(terminal.getvalue()) == []
