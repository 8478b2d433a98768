"""Whether two commits compute the same bits: every public function on backend "numba", over the problems of the tests.

    python tools/same_bits.py record before.npz      # in a checkout of either commit
    python tools/same_bits.py record after.npz
    python tools/same_bits.py compare before.npz after.npz

Uses the public names and `tests.problems` alone, so that it runs on old commits too, by PYTHONPATH. Bits are those of
one machine: record both there.
"""

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))  # after PYTHONPATH, which may name another checkout

import kernels
from tests import problems

SURFACES = 60
QUANTITIES = (
    ("loss",),
    ("mse",),
    ("accuracy",),
    ("gradient",),
    ("hessian",),
    ("loss", "mse", "accuracy", "gradient", "hessian"),
)
SHAPES = (
    *((n, d) for d in (1, 2, 3, 4, 5, 8, 9, 16, 17, 30) for n in (1, 7, 61, 700)),
    *((n, d) for d in (64, 129, 200, 600) for n in (3, 150)),
    *((20_000, d) for d in (1, 2, 8, 30)),
)
RUNS = (
    {},
    {"momentum": 0.9, "weight_decay": 0.01, "history": 3},
    {"shuffle_seed": 3, "first_epoch": 2},
    {"frozen": "w"},
    {"frozen": "b", "history": 0},
)
BATCHES = ((20, 1, 3), (53, 1, 20), (97, 1, 1), (53, 2, 5), (97, 30, 13), (97, 8, 97), (10, 4, 1), (61, 200, 32))
ENSEMBLES = ((20, 1, 3, 70), (53, 2, 5, 33), (97, 16, 13, 17), (11, 3, 11, 1))
LARGE = ((40_000, 8, 30_000), (60_000, 1, 30_000))  # batches that all threads share


def surfaces():
    """(name, arrays) of planes, by every method, with and without weights, whole and streamed."""
    for problem in problems.surface_problems(SURFACES):
        plane = kernels.LogitPlane(*problem.plane)
        for names, method in itertools.product(QUANTITIES, ("direct", "auto", "spectral")):
            options = {"quantities": names, "method": method, "sample_weight": problem.sample_weight}
            found = kernels.surface_on_plane(plane, problem.y, problem.s, problem.t, **options)
            yield f"{problem.name} {names} {method}", fields_of(found)
        weighted = kernels.surface_on_plane(plane, problem.y, problem.s, problem.t, pos_weight=2.5)
        yield f"{problem.name} pos_weight", fields_of(weighted)
        blocks = [(kernels.LogitPlane(*(v[some] for v in plane)), problem.y[some]) for some in halves(len(problem.y))]
        yield f"{problem.name} streamed", fields_of(kernels.surface_on_plane(blocks, None, problem.s, problem.t))


def halves(n):
    return [slice(0, n // 2), slice(n // 2, n)] if n > 1 else [slice(0, n)]


def large_surfaces():
    """Grids on which interpolation and compression pay, and columns and rows beyond one tile."""
    rng = np.random.default_rng(5)
    for n, dtype, soft in itertools.product((400, 30_000), problems.DTYPES, (False, True)):
        x = rng.normal(size=n).astype(dtype)
        y = (rng.uniform(size=n) if soft else x > 0.2).astype(dtype)
        w, b = np.linspace(-6, 6, 611), np.linspace(-5, 5, 533)
        for method in ("direct", "auto") if n == 400 else ("auto",):
            yield f"lab {n} {dtype.__name__} {soft} {method}", [kernels.loss_surface(x, y, w, b, method=method)]
        plane = kernels.logit_plane(np.stack([x, x[::-1]], axis=1), [0.1, 0.2, 0.3], [1.0, 0, 0], [0, 1.0, 0.0])
        names = QUANTITIES[-1] if n == 400 else ("loss", "accuracy")
        found = kernels.surface_on_plane(plane, y, w[::-3], b[::2], quantities=names)
        yield f"plane {n} {dtype.__name__} {soft}", fields_of(found)


def gradients():
    for (n, d), dtype, soft in itertools.product(SHAPES, problems.DTYPES, (False, True)):
        X, y, w, b = problems.sgd_problem(n, d, dtype, soft=soft)
        weight = np.random.default_rng(n).exponential(size=n).astype(dtype)
        weight[::3] = 0.0 if n > 1 else 1.0
        for layout, order in (("C", X), ("F", np.asfortranarray(X)), ("strided", padded_rows(X))):
            name = f"gradient {n} {d} {dtype.__name__} {soft} {layout}"
            yield name, kernels.bce_loss_grad(order, y, w, b)
            yield f"{name} weighted", kernels.bce_loss_grad(order, y, w, b, sample_weight=weight, pos_weight=1.7)
        new_w, new_b = w.copy(), b.copy()
        loss = kernels.sgd_step_(X, y, new_w, new_b, lr=0.3)
        yield f"step {n} {d} {dtype.__name__} {soft}", [loss, new_w, new_b]


def padded_rows(X):
    return np.pad(X, ((0, 0), (0, 3)))[:, : X.shape[1]]


def runs():
    for (n, d, size), dtype, loss in itertools.product(BATCHES, problems.DTYPES, ("bce", "mse")):
        for soft, (k, more) in itertools.product((False, True), enumerate(RUNS)):
            name = f"run {n} {d} {size} {dtype.__name__} {loss} {soft} {k}"
            yield name, run(n, d, size, dtype, soft, loss=loss, **more)
        weight = np.random.default_rng(n).exponential(size=n)
        yield (
            f"run {n} {d} {size} {dtype.__name__} {loss} weighted",
            run(n, d, size, dtype, False, loss=loss, sample_weight=weight),
        )
    for (n, d, size), dtype, loss in itertools.product(LARGE, problems.DTYPES, ("bce", "mse")):
        yield f"large run {n} {d} {dtype.__name__} {loss}", run(n, d, size, dtype, False, loss=loss, shuffle_seed=1)


def run(n, d, size, dtype, soft, **settings):
    X, y, w, b = problems.sgd_problem(n, d, dtype, soft=soft)
    path = kernels.sgd_run_(X, y, w, b, lr=0.3, batch_size=min(size, n), epochs=4, **settings)
    return [*path, path.velocity, w, b]


def ensembles():
    for (n, d, size, k), dtype, loss in itertools.product(ENSEMBLES, problems.DTYPES, ("bce", "mse")):
        for soft, weighted, lr in itertools.product((False, True), (False, True), (0.3, 1e3)):
            X, y, *_ = problems.sgd_problem(n, d, dtype, soft=soft)
            rng = np.random.default_rng([n, k])
            w0, b0 = (3 * rng.normal(size=(k, d))).astype(dtype), (3 * rng.normal(size=k)).astype(dtype)
            options = {"sample_weight": rng.exponential(size=n)} if weighted else {}
            ends = kernels.sgd_ensemble(
                X, y, w0, b0, lr=lr, batch_size=size, epochs=6, loss=loss, history_of=[0, k - 1], **options
            )
            yield f"ensemble {n} {d} {dtype.__name__} {loss} {soft} {weighted} {lr}", [*ends[:-1], *ends.history]


def fused_losses():
    import torch

    for (n, d), dtype in itertools.product(SHAPES[::3], problems.DTYPES):
        X, y, w, b = (torch.from_numpy(array) for array in problems.sgd_problem(n, d, dtype))
        w.requires_grad_(), b.requires_grad_()
        loss = kernels.linear_bce(X, w, b, y)
        loss.backward()
        yield f"linear {n} {d} {dtype.__name__}", [tensor.detach().numpy() for tensor in (loss, w.grad, b.grad)]


def fields_of(surface):
    plan = surface.plan
    nodes = plan.nodes or (0, 0)
    known = ("s", "t", "loss", "mse", "accuracy", "gradient", "hessian")
    return [
        *(field for field in (getattr(surface, name) for name in known) if field is not None),
        np.array([plan.method == "spectral", *nodes, plan.bound]),
    ]


def results():
    for part in (surfaces, large_surfaces, gradients, runs, ensembles, fused_losses):
        for name, arrays in part():
            for k, array in enumerate(arrays):
                yield f"{name} [{k}]", np.asarray(array)


def record(path):
    found = dict(results())
    np.savez(path, **found)
    print(f"{len(found):,} arrays of {Path(kernels.__file__).parent}")


def compare(before, after):
    """1 if an array of either isn't in the other with the same dtype, shape and bits."""
    with np.load(before) as old, np.load(after) as new:
        names = old.keys() | new.keys()
        other = sorted(name for name in names if not (name in old and name in new and same(old[name], new[name])))
    print(*(f"differs: {name}" for name in other[:50]), f"{len(names):,} arrays, {len(other):,} differ", sep="\n")
    return int(bool(other))


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("record").add_argument("path")
    comparing = commands.add_parser("compare")
    comparing.add_argument("before")
    comparing.add_argument("after")
    arguments = parser.parse_args()
    return record(arguments.path) if arguments.command == "record" else compare(arguments.before, arguments.after)


if __name__ == "__main__":
    sys.exit(main())
