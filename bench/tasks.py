"""What workers of an engine are asked as it is measured: nothing, grids, and the blocks of a surface. It imports
little: a worker does too."""

import statistics
import time
from concurrent.futures import as_completed
from functools import partial

import numpy as np

IN_FLIGHT = 200  # tasks that do nothing
GRIDS = {64: 200, 362: 60, 1024: 16}  # side of a grid of 32 KB, 1 MB, 8 MB: how many of them
REPEATS = 3
ALONE = 50
BLOCKS, ROWS, FEATURES, NODES = 32, 2**15, 8, 64  # of a surface


def nothing(number):
    return number


def grid(side):
    return np.full((side, side), 0.5)


def first_kernel():
    """Seconds of the library's import and of a first surface whose kernels are on disk."""
    started = time.perf_counter()
    surface_of(block(0, rows=1000))
    return time.perf_counter() - started


def block(number, rows=ROWS):
    """A plane of normal features of its own, and labels."""
    from kernels import logit_plane

    rng = np.random.default_rng(number)
    X = rng.standard_normal((rows, FEATURES), np.float32)
    center, *directions = np.eye(3, FEATURES + 1)
    return logit_plane(X, center, *directions), X[:, 0] > 0


def surface_of(block):
    """Means at the nodes: what a task sends back."""
    from kernels import surface_on_plane

    axis = np.linspace(-3, 3, NODES)
    return surface_on_plane(*block, axis, axis, method="direct").loss


def ranges_of_block(number):
    from kernels import plan_surface

    axis = np.linspace(-3, 3, 4096)
    return plan_surface(*block(number), axis, axis).nodes


def surface_of_block(number):
    return surface_of(block(number))


def measured(executor, launched):
    """{what: how much} of an engine whose start began at time.time() = launched."""
    executor.submit(nothing, 0).result()
    start = time.time() - launched
    kernel = executor.submit(first_kernel).result()
    for future in [executor.submit(surface_of_block, number) for number in range(8)]:  # every worker has its kernels
        future.result()
    alone = [seconds_of(lambda: executor.submit(nothing, 0).result()) for _ in range(ALONE)]
    return {
        "start_s": start,
        "first_kernel_s": kernel,
        "alone_s": statistics.median(alone),
        "per_task_s": median_seconds(lambda: in_flight(executor, nothing, range(IN_FLIGHT))) / IN_FLIGHT,
        "back": {side: bytes_a_second(executor, side, count) for side, count in GRIDS.items()},
        "surface_s": median_seconds(lambda: surface_over(executor)),
    }


def in_flight(executor, function, arguments):
    """Results, as they come, of tasks that are all submitted at once."""
    return [future.result() for future in as_completed([executor.submit(function, of) for of in arguments])]


def bytes_a_second(executor, side, count):
    return 8 * side**2 * count / median_seconds(lambda: in_flight(executor, grid, [side] * count))


def surface_over(executor):
    """A surface by the executor, of blocks that its workers make."""
    from kernels import surface_on_plane

    axis = np.linspace(-3, 3, NODES)
    blocks = [partial(block, number) for number in range(BLOCKS)]
    return surface_on_plane(blocks, None, axis, axis, method="direct", executor=executor)


def median_seconds(call, repeats=REPEATS):
    return statistics.median(seconds_of(call) for _ in range(repeats))


def seconds_of(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
