"""Engines that tests of `executor=` run on, each with two workers of one thread, on this machine alone: by default
Numba takes all processors in every worker. None leaves a process behind.

A test of MPI is a script of its own: its first rank runs the script, and the others are the workers."""

import json
import logging
import multiprocessing
import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numba

ROOT = Path(__file__).parents[1]
WORKERS = 2
# of MPI: sockets of the loopback interface. Ranks that share memory wait for one another busily, which takes the very
# processor that the other needs: grids went over at 7 MB/s in place of 130 where four processes shared two processors
LOOPBACK = {"MPIR_CVAR_CH4_NETMOD": "ofi", "MPIR_CVAR_NOLOCAL": "1", "FI_PROVIDER": "tcp", "FI_TCP_IFACE": "lo"}


@contextmanager
def process_pool(workers=WORKERS, start="spawn"):
    """An executor of processes that are started so: "spawn" or "forkserver"."""
    context = multiprocessing.get_context(start)
    with ProcessPoolExecutor(workers, context, initializer=numba.set_num_threads, initargs=(1,)) as pool:
        yield pool


@contextmanager
def loky(workers=WORKERS):
    """The executor of joblib's processes."""
    from joblib.externals.loky import ProcessPoolExecutor as Loky

    with Loky(workers, initializer=numba.set_num_threads, initargs=(1,)) as pool:
        yield pool


@contextmanager
def dask(workers=WORKERS, **options):
    """An executor of a cluster of processes with `options` of Dask's LocalCluster, e.g. memory_limit; `executor.client`
    is the client."""
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",  # any free port
        silence_logs=logging.CRITICAL,
        env={"NUMBA_NUM_THREADS": "1"},
        **options,
    )
    with cluster, Client(cluster) as client:
        executor = client.get_executor(pure=False)
        executor.client = client
        yield executor


def run_mpi(script, *arguments, workers=WORKERS, timeout=120, **environment):
    """Runs a Python file, or "-m" and a module, under mpiexec; returns the finished process. There `MPIPoolExecutor()`
    has the workers, and what they are sent are functions of modules or of the file itself."""
    places = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])  # mpich's wheel has its own
    launch = shutil.which("mpiexec", path=places), "-launcher", "fork", "-iface", "lo", "-n", str(1 + workers)
    done = subprocess.run(
        [*launch, sys.executable, "-m", "mpi4py.futures", os.fspath(script), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.fspath(ROOT), "NUMBA_NUM_THREADS": "1"} | LOOPBACK | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    print(done.stdout, done.stderr, sep="\n")
    return done


def printed_by_mpi(script, *arguments, **options):
    """Runs a Python file under mpiexec that must succeed; returns what it printed as JSON on its last line."""
    done = run_mpi(script, *arguments, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
