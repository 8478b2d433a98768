"""Compiled kernels on disk.

Numba's own cache looks at the one file that a kernel stands in, so it returns old code when a helper module changed,
and it raises on an unwritable or truncated cache. Here the directory is named after the sources of all kernels, and
any failure means compiling again.
"""

import functools
import hashlib
import os
import sys
import tempfile
import warnings
from importlib import resources
from pathlib import Path

import llvmlite
import numba
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.runtime import rtsys
from numba.core.sigutils import normalize_signature
from numba.misc.appdirs import AppDirs

from kernels.losses import CODES
from kernels.numba_cpu.runtime import target

KERNELS = __package__.rpartition(".")[0]  # the package of all kernels, whose sources are looked at
FOLDER = Path(__file__).parents[1]


def compiler():
    """Its versions, and what it compiles for as Numba has it now."""
    return numba.__version__, llvmlite.__version__, *target.processor(), target.settings()


AT_FIRST = compiler()


@functools.cache
def fingerprint():
    """Changes with any source of the kernels, with the compiler's version and with what it compiles for, and with the
    codes of losses, all that compiled code has from elsewhere."""
    digest = hashlib.sha256(repr((compiler(), CODES)).encode())
    for source in sources(resources.files(KERNELS)):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def sources(folder):
    """The modules in a folder and those in it, also where it is in an archive or has bytecode only."""
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.is_dir() and file.name != "__pycache__":
            yield from sources(file)
        elif file.name.endswith((".py", ".pyc")):
            yield file


@functools.cache
def cache_directory():
    """The first place that holds this version's kernels or can be written to; if there is none, None and a warning."""
    directories = [root / f"kernels-{fingerprint()}" for root in roots()]
    found = next(filter(exists, directories), None) or next(filter(is_writable, directories), None)
    if found is None:
        warn_of_compiling(*directories)
    return found


def roots():
    if config.CACHE_DIR:
        return [Path(config.CACHE_DIR).absolute()]
    user_cache = Path(AppDirs(appname="logreg-kernels", appauthor=False).user_cache_dir)
    return [FOLDER / "__pycache__", *([user_cache] if user_cache.is_absolute() else [])]  # it isn't without a home


@functools.cache
def warn_of_compiling(*directories):
    places = " nor in ".join(map(str, directories))
    warnings.warn(
        f"compiled kernels can't be kept in {places}, so every process compiles them anew: set NUMBA_CACHE_DIR to a "
        "folder that can be written to",
        RuntimeWarning,
        stacklevel=2,
    )


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


class CacheImpl(CompileResultCacheImpl):
    def __init__(self, py_func):  # Numba's own looks for other places, those of NUMBA_CACHE_LOCATOR_CLASSES among them
        self._locator = Locator()
        module = py_func.__module__.removeprefix(f"{KERNELS}.")
        self._filename_base = self.get_filename_base(f"{module}.{py_func.__qualname__}", getattr(sys, "abiflags", ""))

    def check_cachable(self, result):
        # NUMBA_OPT=0 leaves addresses in the code that are of this process; and as Numba reads its variables again
        # when it compiles, the directory may be named after others
        return not result.library.has_dynamic_globals and compiler() == AT_FIRST

    def reduce(self, result):
        """What is kept of a kernel, without environments of no constants: reading them imports the modules of their
        functions. `subroutine` refuses what needs one all the same."""
        *kept, environments = super().reduce(result)
        return *kept, tuple(environment for environment in environments if environment.consts)


class KernelCache(FunctionCache):
    _impl_class = CacheImpl

    def load_overload(self, sig, target_context):
        """As Numba's own, which first registers all that can be compiled, and imports SciPy for that: compiling does it
        by itself."""
        try:
            rtsys.initialize(target_context)
            found = self._load_overload(sig, target_context)
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
            warn_of_compiling(self.cache_path)


def cached(dispatcher):
    """The Numba dispatcher, made to load and save its machine code where that is possible."""
    if cache_directory() is not None:
        dispatcher._cache = KernelCache(dispatcher.py_func)
    return dispatcher
