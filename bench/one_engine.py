"""Measures one engine, in a process that imports no more than a user's would: `python -m bench.one_engine Dask 2
LAUNCHED`, of MPI under `mpiexec -n 3 python -m mpi4py.futures`."""

import json
import sys

from bench import tasks
from tests import engines


def over_mpi(workers):
    from mpi4py.futures import MPIPoolExecutor

    return MPIPoolExecutor(workers)


EXECUTORS = {"process pool": engines.process_pool, "Dask": engines.dask, "MPI": over_mpi}


def main(name, workers, launched):
    with EXECUTORS[name](int(workers)) as executor:
        print(json.dumps(tasks.measured(executor, float(launched))))


if __name__ == "__main__":
    main(*sys.argv[1:])
