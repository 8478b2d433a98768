"""What the card can do at the most: bytes and operations in a second, and how long a launch takes."""

import os
import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch

from bench.card.timing import times_of

LAUNCHES = 200
SAID_WITHIN = 5.0  # seconds
QUERY = "name,driver_version,clocks.sm,clocks.mem,clocks.max.sm,power.limit,temperature.gpu"


def items(place, sizes):
    """(name, what measures it) of each limit."""
    yield "machine", lambda: machine(place)
    for measure in (copy, fill, read, launch):
        yield measure.__name__, lambda measure=measure: measure(place, sizes)
    for dtype in (torch.float32, torch.float64):
        name = str(dtype).removeprefix("torch.")
        yield f"product {name}", lambda dtype=dtype: product(place, sizes, dtype)
        yield f"multiply-adds {name}", lambda dtype=dtype: loop("multiply_adds", place, sizes, dtype)
    yield "sigmoids float32", lambda: loop("sigmoids", place, sizes, torch.float32)
    yield "sigmoids float64", lambda: loop("sigmoids", place, sizes, torch.float64)


def machine(place):
    found = {
        "device": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "triton": version_of("triton"),
        "commit": os.environ["BENCH_CARD_COMMIT"],
    }
    if place.is_card:
        properties = torch.cuda.get_device_properties(place.device)
        found |= {
            "device": properties.name,
            "capability": f"{properties.major}.{properties.minor}",
            "multiprocessors": properties.multi_processor_count,
            "memory_bytes": properties.total_memory,
            "L2_bytes": properties.L2_cache_size,
            "cuda": torch.version.cuda,
            "nvidia_smi": nvidia_smi(),
        }
    return found


def version_of(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def nvidia_smi():
    return said("nvidia-smi", f"--query-gpu={QUERY}", "--format=csv")


def said(*command):
    """What a command prints, or why not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SAID_WITHIN)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return done.stdout or done.stderr


def copy(place, sizes):
    source = place.random(sizes.moved // 4)
    target = torch.empty_like(source)
    return rate("bytes", 2 * sizes.moved, lambda: target.copy_(source), place)


def fill(place, sizes):
    target = torch.empty(sizes.moved // 4, device=place.device)
    return rate("bytes", sizes.moved, lambda: target.fill_(1.0), place)


def read(place, sizes):
    source = place.random(sizes.moved // 4)
    return rate("bytes", sizes.moved, source.sum, place)


def product(place, sizes, dtype):
    """Multiply-adds of a product of matrices, in float32 without the shorter numbers of TensorFloat-32."""
    torch.set_float32_matmul_precision("highest")
    A, B = (place.random(sizes.side, sizes.side, seed=seed, dtype=dtype) for seed in (0, 1))
    C = torch.empty_like(A)
    return rate("operations", sizes.side**3, lambda: torch.mm(A, B, out=C), place)


def loop(name, place, sizes, dtype):
    from bench.card import loops

    out = torch.empty(sizes.lanes, dtype=dtype, device=place.device)
    return rate(
        "operations", sizes.lanes * sizes.steps, lambda: loops.run(getattr(loops, name), out, sizes.steps), place
    )


def launch(place, sizes):
    """Seconds from one small kernel to the next, as PyTorch launches them, and of a call that waits for its end."""
    value = torch.zeros(1, device=place.device)

    def many():
        for _ in range(LAUNCHES):
            value.add_(1.0)

    def one():
        value.add_(1.0)
        place.synchronize()

    between = times_of(many, place, cold_cache=False).median_s / LAUNCHES
    one()
    started = time.perf_counter()
    for _ in range(LAUNCHES):
        one()
    return {"launch_s": between, "round_trip_s": (time.perf_counter() - started) / LAUNCHES}


def rate(unit, amount, run, place):
    times = times_of(run, place)
    return {f"{unit}_per_s": amount / times.median_s, "median_s": times.median_s}
