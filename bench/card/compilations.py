"""How many graphs and Triton kernels a process has compiled, and the seconds that it took."""

import sys
from collections import Counter
from importlib.util import find_spec

GRAPH = "_compile.compile_inner"  # torch's own name of all that makes a graph

kernels: Counter = Counter()


def listen():
    """Counts what Triton compiles from here on, for Inductor or for us; what its cache had doesn't count."""
    if find_spec("triton") is None:
        return
    from triton import knobs

    def note(*, times, cache_hit, **_):
        if not cache_hit:
            kernels.update(kernels=1, kernels_s=times.total / 1e6)

    knobs.compilation.listener = note


def so_far():
    """{"graphs": number, "graphs_s": seconds, that of their kernels included, "kernels": ..., "kernels_s": ...}"""
    dynamo = sys.modules.get("torch._dynamo.utils")  # whose import takes seconds: without it there is no graph
    seconds = dynamo.compilation_time_metrics.get(GRAPH, ()) if dynamo else ()
    return Counter(graphs=len(seconds), graphs_s=sum(seconds)) + kernels


def since(before):
    """What came after `before`, rounded, as it is stored."""
    return {name: round(value, 3) for name, value in (so_far() - before).items()}
