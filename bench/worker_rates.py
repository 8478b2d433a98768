"""What one worker does in a second, on one thread, and at what rate its caller adds grids, by the library's functions:
`NUMBA_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m bench.worker_rates`."""

import json
import tempfile
from pathlib import Path

import numpy as np

import kernels
from bench.tasks import BLOCKS, median_seconds, ranges_of_block, surface_of_block
from bench.workloads import lab_starts, plane_surface
from kernels.workers.compensated import add

SAMPLES = 2**20
NODES = 64
WIDE = 2**18  # rows of 100 features, 105 MB


def rates():
    """{what: how much a second}, and seconds for a block of `bench.tasks`."""
    some = range(0, BLOCKS, 8)
    return {
        **of_rows(),
        **of_reading(),
        "bytes_added": bytes_added(1024),
        **of_starts(),
        "block_ranges_s": median_seconds(lambda: [ranges_of_block(number) for number in some]) / len(some),
        "block_sums_s": median_seconds(lambda: [surface_of_block(number) for number in some]) / len(some),
    }


def of_rows():
    """Rows of a plane at the round of ranges; evaluations, rows times nodes, at the round of sums; and rows of one
    feature on 512 x 512 points, whose samples are compressed."""
    problem = plane_surface(SAMPLES, 8, NODES, 3.0)
    plane = kernels.logit_plane(problem.X, problem.center, problem.s_direction, problem.t_direction)
    fine, axis = np.linspace(-3, 3, 4096), problem.s
    one = plane_surface(SAMPLES, 1, 512, 15.0)
    line = kernels.logit_plane(one.X, one.center, one.s_direction, one.t_direction)
    sums = median_seconds(lambda: kernels.surface_on_plane(plane, problem.y, axis, axis, method="direct"))
    return {
        "rows_ranges": SAMPLES / median_seconds(lambda: kernels.plan_surface(plane, problem.y, fine, fine)),
        "evaluations": SAMPLES * NODES**2 / sums,
        "rows_compressed": SAMPLES / median_seconds(lambda: kernels.surface_on_plane(line, one.y, one.s, one.t)),
    }


def of_reading():
    """Bytes of X that become planes, from a memory map whose pages the system has in memory."""
    return {f"bytes_read_{d}": bytes_read(rows, d) for rows, d in ((SAMPLES, 8), (WIDE, 100))}


def bytes_read(rows, d):
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        np.save(path, rng.standard_normal((rows, d), np.float32))
        center, *directions = rng.normal(size=(3, d + 1))
        seconds = median_seconds(lambda: kernels.logit_plane(np.load(path, mmap_mode="r"), center, *directions))
    return 4 * rows * d / seconds


def bytes_added(side, count=16):
    """Bytes of grids, added one after another with what each addition loses."""

    total, error, grid = np.full((3, side, side), 0.1)
    return grid.nbytes * count / median_seconds(lambda: [add(total, error, grid) for _ in range(count)])


def of_starts():
    """Starts of the lab, 700 steps of 3 samples each, and the bytes that come back for one."""
    X, y, w0, b0, settings = lab_starts(np.float32, batch_size=3, k=2**17)
    ends = kernels.sgd_ensemble(X, y, w0, b0, **settings)
    back = sum(field.nbytes for field in (ends.w, ends.b, ends.loss, ends.accuracy, ends.steps))
    seconds = median_seconds(lambda: kernels.sgd_ensemble(X, y, w0, b0, **settings))
    return {"starts": len(b0) / seconds, "bytes_a_start": back / len(b0)}


if __name__ == "__main__":
    print(json.dumps(rates()))
