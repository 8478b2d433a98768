"""Vectors that the inner loops of compiled kernels keep in memory, as registers don't suffice: a table by kernel.

    python tools/spills.py                                          # for this processor
    NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES= python tools/spills.py     # for one with AVX2

Compiles the kernels of `kernels.warmup` anew. An inner loop is what is between a label and the last jump back to it
with no other label that is jumped back to in between; loops without vector arithmetic aren't listed, nor are functions
that only kernels call, whose code by itself never runs. Of vectors of integers only moves are counted. x86-64 only.
"""

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).parents[1]))  # after PYTHONPATH, which may name another checkout

LABEL = re.compile(r"^(\.LBB\d+_\d+):")
JUMP = re.compile(r"^\s+j\w+\s+(\.LBB\d+_\d+)")
FUNCTION = re.compile(r"^[^.\s]\S*:")
FRAME = re.compile(r"^\s+movq\s+%rsp, %rbp")  # without one %rbp points to anything
ARITHMETIC = re.compile(r"^\s+v?(fn?m(add|sub)|add|sub|mul|div)\w*p[sd]\s")
VECTOR = r"^\s+v?(\w+p[sd]|movdq[au]\d*)\s.*"
ON_STACK, ON_STACK_OR_FRAME = re.compile(VECTOR + r"\(%rsp\)"), re.compile(VECTOR + r"\(%r[sb]p\)")


class Loop(NamedTuple):
    """An inner loop: its label, how many instructions it has, how many of them are arithmetic of vectors, and how many
    have a vector on the stack."""

    label: str
    instructions: int
    arithmetic: int
    spills: int


def inner_loops(assembly):
    """[Loop] of those of an assembly that do arithmetic of vectors."""
    lines, places, found = assembly.splitlines(), {}, {}
    jumped_back_to = []  # places of labels that are, by the order of jumps
    on_stack = ON_STACK
    for place, line in enumerate(lines):
        if FUNCTION.match(line):
            on_stack = ON_STACK
        elif FRAME.match(line):
            on_stack = ON_STACK_OR_FRAME
        if label := LABEL.match(line):
            places[label[1]] = place
        jump = JUMP.match(line)
        if not jump or jump[1] not in places:
            continue
        start = places[jump[1]]
        if any(start < other for other in jumped_back_to):
            found.pop(jump[1], None)
        else:
            found[jump[1]] = loop_of(jump[1], lines[start:place], on_stack)
        jumped_back_to.append(start)
    return [loop for loop in found.values() if loop.arithmetic]


def loop_of(label, lines, on_stack):
    instructions = [line for line in lines if line.startswith("\t") and not line.startswith("\t.")]
    arithmetic, spills = (sum(bool(kind.match(line)) for line in instructions) for kind in (ARITHMETIC, on_stack))
    return Loop(label, len(instructions), arithmetic, spills)


def compiled_kernels():
    """{name: assembly} of all kernels, of each of their signatures."""
    import kernels
    from kernels.numba_cpu.runtime.cache import KernelCache
    from kernels.numba_cpu.runtime.launch import ParallelKernel

    kernels.warmup()
    found = {}
    for module in [module for name, module in sys.modules.items() if name.startswith("kernels.numba_cpu.")]:
        for name, value in vars(module).items():
            kernel = value.serial if isinstance(value, ParallelKernel) else value
            own = getattr(kernel, "__module__", None) == module.__name__
            if own and isinstance(getattr(kernel, "_cache", None), KernelCache):
                for k, assembly in enumerate(kernel.inspect_asm().values()):
                    found[f"{module.__name__.removeprefix('kernels.numba_cpu.')}.{name} {k}"] = assembly
    return found


def main():
    with tempfile.TemporaryDirectory() as cache:
        os.environ["NUMBA_CACHE_DIR"] = cache
        for name, assembly in compiled_kernels().items():
            for label, instructions, arithmetic, spills in inner_loops(assembly):
                print(f"{name:60} {label:12} {instructions:5} instructions {arithmetic:4} arithmetic {spills:4} spills")


if __name__ == "__main__":
    main()
