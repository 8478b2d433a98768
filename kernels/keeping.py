"""Checkpoints of public functions: what a file must be of to be gone on from."""

import os
from importlib.metadata import version
from typing import Any

from kernels.kinds import Path
from kernels.workers.checkpoint import Kept, print_of, print_of_code

BUILT_WITH = {"numba": ("numpy", "numba", "llvmlite"), "torch": ("numpy", "torch"), "reference": ("numpy", "torch")}


def kept_at(checkpoint: Path | None, call: str, backend: str, **values: tuple[Any, ...]) -> Kept | None:
    """What is kept at a path, or None without one: of a call with some values, by the code, its versions and the
    processor that give it its bits."""
    if checkpoint is None:
        return None
    prints = {"function": call, "code": code_of(backend), "processor": processor_of(backend)}
    return Kept(checkpoint, prints | {name: print_of(*value) for name, value in values.items()})


def code_of(backend: str) -> str:
    versions = [f"{name} {version(name)}" for name in BUILT_WITH[backend]]
    return print_of(print_of_code(os.path.dirname(__file__)), *versions)


def processor_of(backend: str) -> str:
    if backend != "numba":
        return ""
    from kernels.numba_cpu.runtime import target

    return print_of(*target.processor())
