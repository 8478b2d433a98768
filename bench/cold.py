"""Seconds of a first call: `NUMBA_CACHE_DIR=<an empty directory> python -m bench.cold surface`."""

import argparse

import numba  # noqa: F401  so that its import isn't counted as compiling
import numpy as np

import kernels
from bench import planes
from bench.timing import seconds_of
from bench.workloads import breast_cancer_run, full_pass, lab_run, lab_starts, lab_surface, plane_surface


def surface():
    kernels.loss_surface(*lab_surface(1024, np.float64))


def one_feature_run():
    train(lab_run(np.float64))


def run():
    train(breast_cancer_run(np.float64))


def ensemble():
    X, y, w0, b0, settings = lab_starts(np.float32, batch_size=3)
    kernels.sgd_ensemble(X, y, w0, b0, **settings)


def train(training):
    X, y, w, b, settings = training
    kernels.sgd_run_(X, y, w, b, **settings)


def gradient():
    kernels.bce_loss_grad(*full_pass(32, np.float32, size=2**24))


def plane():
    problem = plane_surface(1000, 1, 512, 15.0)
    planes.ours(problem)()


FIRST_CALLS = {
    "surface": surface,
    "plane": plane,
    "one-feature run": one_feature_run,
    "run": run,
    "pass": gradient,
    "ensemble": ensemble,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("call", choices=FIRST_CALLS)
    print(seconds_of(FIRST_CALLS[parser.parse_args().call]))
