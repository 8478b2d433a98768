"""Processors as the folders of results and the tables name them."""

import re

VECTORS = {64: "AVX-512", 32: "AVX2", 16: "128 bits"}  # bytes of a register: how its kind is called
PLAYED = "-as-"  # before the processor that kernels are compiled for in place of the one they run on


def folder(cpu, register_width, played=None):
    """intel-xeon-2.50ghz-avx-512, from the system's name for it; with -as-znver3 at its end where that is played."""
    real = slug(f"{plain(cpu)} {VECTORS[register_width]}")
    return real if played is None else real + PLAYED + slug(played)


def title(of, cpu):
    """The processor with the kind of its vectors, from the name of its folder and the system's name for it."""
    real, _, played = of.partition(PLAYED)
    kind = vectors(of)
    if real != slug(f"{plain(cpu)} {kind}"):
        raise ValueError(f"{of} has results of {cpu}; accepted: those of the processor that the folder names")
    return f"{plain(cpu)} playing {played}, {kind}" if played else f"{plain(cpu)}, {kind}"


def vectors(of):
    """The kind of vectors of a folder's processor."""
    real = of.partition(PLAYED)[0]
    found = [kind for kind in VECTORS.values() if real.endswith(f"-{slug(kind)}")]
    if not found:
        kinds = ", ".join(slug(kind) for kind in VECTORS.values())
        raise ValueError(f"{of} names no kind of vectors; accepted at the end of a processor's folder: {kinds}")
    return found[0]


def plain(cpu):
    """Intel Xeon 2.50GHz of Intel(R) Xeon(R) Processor @ 2.50GHz."""
    return " ".join(re.sub(r"\((R|TM)\)|\b(CPU|Processor)\b|@", " ", cpu).split())


def slug(text):
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")
