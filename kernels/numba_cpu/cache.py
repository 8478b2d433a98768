"""Compiled kernels on disk.

Numba's own cache looks at the one file that a kernel stands in, so it returns old code when a helper module changed,
and it raises on an unwritable or truncated cache. Here the directory is named after the sources of all kernels, and
any failure means compiling again.
"""

import functools
import hashlib
import os
import tempfile
from pathlib import Path

import llvmlite
import numba
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.sigutils import normalize_signature
from numba.misc.appdirs import AppDirs

PACKAGE = Path(__file__).parent


@functools.cache
def fingerprint():
    """Changes with any source of the kernels and with the compiler's version."""
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for source in sorted(PACKAGE.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def cache_directory():
    """The first place that holds this version's kernels or can be written to; None if there is none."""
    user_cache = Path(AppDirs(appname="logreg-kernels", appauthor=False).user_cache_dir)
    roots = [Path(config.CACHE_DIR)] if config.CACHE_DIR else [PACKAGE / "__pycache__", user_cache]
    directories = [root / f"kernels-{fingerprint()}" for root in roots]
    return next(filter(exists, directories), None) or next(filter(is_writable, directories), None)


def exists(directory):
    try:
        return directory.is_dir()
    except OSError:  # a name that can't be
        return False


def is_writable(directory):
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False


class Locator(_CacheLocator):
    def get_cache_path(self):
        return os.fspath(cache_directory())

    def get_source_stamp(self):
        return fingerprint()

    def get_disambiguator(self):
        return "kernel"

    @classmethod
    def from_function(cls, py_func, py_file):
        return cls()


class CacheImpl(CompileResultCacheImpl):
    _locator_classes: list = [Locator]  # noqa: RUF012  (as Numba declares it)


class KernelCache(FunctionCache):
    _impl_class = CacheImpl

    def load_overload(self, sig, target_context):
        try:
            found = super().load_overload(sig, target_context)
        except Exception:  # whatever an unreadable file makes unpickling raise: compile again
            return None
        # two processes that compile for different types at once may write to the same file
        wanted, _ = normalize_signature(sig)
        return found if found is not None and found.signature.args == wanted else None

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except Exception:  # an unreadable index: start it anew
            self.try_again_with_empty_index(sig, data)

    def try_again_with_empty_index(self, sig, data):
        try:
            self.flush()
            super().save_overload(sig, data)
        except OSError:
            self.disable()


def cached(dispatcher):
    """The Numba dispatcher, made to load and save its machine code where that is possible."""
    if cache_directory() is not None:
        dispatcher._cache = KernelCache(dispatcher.py_func)
    return dispatcher
