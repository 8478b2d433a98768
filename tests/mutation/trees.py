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
PARTS = "kernels", "logreg", "viz", "tests", "tools", "bench", "docs", "pyproject.toml", "README.md", "Makefile"
KERNELS = "kernels/numba_cpu/"  # kernels on disk go by the sources there, so that mutants of these compile anew
LIMIT = 400  # seconds of all tests of a mutant, twice what any took that was killed; 2 cores of a Xeon with AVX-512


class Verdict(NamedTuple):
    """Whether a test failed, or all passed, in the time there is; the last test that began, and seconds."""

    failed: bool
    passed: bool
    test: str
    seconds: float


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
                with tempfile.TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True) as kernels:
                    return self.run(tests, kernels)
            return self.run(tests)
        finally:
            file.write_bytes(before)

    def passes(self, test):
        """Whether it does where nothing is mutated."""
        if test not in self.right and self.run([test]).passed:
            self.right.add(test)
        return test in self.right

    def run(self, tests, kernels=None):
        """The Verdict as the tree is, with compiled kernels in a folder."""
        note = self.folder / "test"
        note.write_text("", encoding="utf-8")
        places = {
            "NUMBA_CACHE_DIR": os.fspath(kernels or self.kernels),
            "MUTATION_TEST": os.fspath(note),
            "MPLBACKEND": "agg",
        }
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider"]
        command += ["-p", "tests.mutation.watch", "-m", "not long and not cuda", *tests]
        started = time.monotonic()
        try:
            done = subprocess.run(
                command,
                cwd=self.root,
                env=os.environ | places | {"PYTHONDONTWRITEBYTECODE": "1"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=LIMIT,
            )
            failed, passed = done.returncode != 0, done.returncode == 0
        except subprocess.TimeoutExpired:
            failed, passed = False, False  # a test that computes on and on ends before, and fails
        return Verdict(failed, passed, note.read_text(encoding="utf-8"), time.monotonic() - started)
