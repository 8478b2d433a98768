"""A surface of samples that the processes of a pool read, each its own blocks:

python surface_by_processes.py features.npy labels.npy loss.npy
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numba
import numpy as np

from kernels import logit_plane, surface_on_plane

ROWS = 1000  # of a block; a million or so of real data


def rows(features, labels, start):
    """The block of some rows, read where this is called."""
    X = np.load(features, mmap_mode="r")
    y = np.load(labels, mmap_mode="r")
    return X[start : start + ROWS], y[start : start + ROWS]


def main(features, labels, loss):
    n, d = np.load(features, mmap_mode="r").shape
    blocks = logit_plane(
        [partial(rows, features, labels, k) for k in range(0, n, ROWS)],
        *np.eye(d + 1)[[0, 1, 2]],
    )
    s = t = np.linspace(-2, 2, 60)
    one_thread = {"initializer": numba.set_num_threads, "initargs": (1,)}
    with ProcessPoolExecutor(
        2, mp_context=get_context("spawn"), **one_thread
    ) as executor:
        surface = surface_on_plane(
            blocks, None, s, t, executor=executor, checkpoint=f"{loss}.sums"
        )
    np.save(loss, surface.loss)


if __name__ == "__main__":
    main(*sys.argv[1:])
