"""Copies of the tree in which mutants are tried, so that nothing is changed in the checkout."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PARTS = "kernels", "logreg", "viz", "tests", "bench", "docs", "pyproject.toml", "README.md", "Makefile"
KERNELS = "kernels/numba_cpu/"  # kernels on disk go by the sources there, so that mutants of these compile anew
LIMIT = 3600  # seconds of all tests of a mutant


class Verdict(NamedTuple):
    """Whether all tests passed, the last test that began, seconds, and the last lines printed."""

    passed: bool
    test: str
    seconds: float
    said: str


class Tree:
    """A copy of the tree, and the tests that are known to pass in it. Kernels that it compiles are kept while their
    sources are those of the checkout."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.root, self.right = self.folder / "tree", set()
        self.kernels = os.environ.get("NUMBA_CACHE_DIR", self.folder / "kernels")
        for part in PARTS:
            source, target = ROOT / part, self.root / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "results"))
            elif source.exists():
                self.root.mkdir(exist_ok=True)
                shutil.copy2(source, target)

    def tested(self, path, source, tests):
        """The Verdict of the tests when the file at `path` is `source`."""
        file, before = self.root / path, (self.root / path).read_bytes()
        file.write_bytes(source)
        try:
            if str(path).startswith(KERNELS) and source != before:
                with tempfile.TemporaryDirectory(dir=self.folder) as kernels:
                    return self.run(tests, kernels)
            return self.run(tests)
        finally:
            file.write_bytes(before)

    def run(self, tests, kernels=None):
        """The Verdict as the tree is, with compiled kernels in a folder."""
        note = self.folder / "test"
        note.write_text("", encoding="utf-8")
        places = {
            "NUMBA_CACHE_DIR": os.fspath(kernels or self.kernels),
            "MUTATION_TEST": os.fspath(note),
            "MPLBACKEND": "agg",
        }
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=line", "-p", "no:cacheprovider"]
        command += ["-p", "tests.mutation.watch", "-m", "not long and not cuda", *tests]
        started = time.monotonic()
        try:
            done = subprocess.run(
                command,
                cwd=self.root,
                env=os.environ | places | {"PYTHONDONTWRITEBYTECODE": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=LIMIT,
                text=True,
                errors="replace",
            )
            passed, said = done.returncode == 0, done.stdout
        except subprocess.TimeoutExpired:
            passed, said = False, "out of time"
        return Verdict(passed, note.read_text(encoding="utf-8"), time.monotonic() - started, said[-2000:])
