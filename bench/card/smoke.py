"""Every kernel and every graph once, on a small problem, beside the reference in float64 on the CPU."""

import numpy as np

import kernels
from bench.card.checking import all_held
from kernels import LogitPlane

RELATIVE = {np.float32: 2e-7, np.float64: 1e-11}  # of surfaces, evaluated in float64 and rounded once
ABSOLUTE = {np.float32: 1e-7, np.float64: 1e-11}  # of interpolated ones, and of quantities with either sign
PASS = {np.float32: 3e-6, np.float64: 1e-13}  # of gradients, in the dtype of the data
TRAINED = {np.float32: 2e-6, np.float64: 1e-11}  # of parameters of order 1
FLOATS = (np.float32, np.float64)


def items(place, sizes):
    """(name, check) of each, the most telling first."""
    for dtype in FLOATS:
        yield f"pass, 32 features, {dtype.__name__}", lambda dtype=dtype: one_pass(place, 5000, 32, dtype)
        yield f"surface, products, {dtype.__name__}", lambda dtype=dtype: surface(place, dtype, 20)
        yield f"surface, spectral, {dtype.__name__}", lambda dtype=dtype: spectral(place, dtype)
        yield f"run, steps, {dtype.__name__}", lambda dtype=dtype: run(place, 53, 5, 8, dtype)
        yield f"ensemble, 1 feature, {dtype.__name__}", lambda dtype=dtype: ensemble(place, 20, 1, 3, dtype)
    yield "surface, large margins", lambda: surface(place, np.float64, 30, scale=30.0)
    yield "surface, huge margins", lambda: surface(place, np.float64, 30, scale=300.0)
    yield "run, shuffled, with momentum", lambda: run(place, 53, 5, 8, np.float64, momentum=0.7, shuffle_seed=3)
    yield "run, squared error", lambda: run(place, 53, 5, 8, np.float64, loss="mse")
    yield "ensemble, 4 features, with history", lambda: ensemble(place, 40, 4, 8, np.float32, history_of=[3, 0])
    yield "ensemble, squared error", lambda: ensemble(place, 40, 4, 8, np.float64, loss="mse")
    yield "linear_bce, backward", lambda: backward(place)
    yield "sgd_step_", lambda: step(place)
    for d in (1, 3, 8, 33, 128, 1024):
        yield f"pass, {d} features, weighted", lambda d=d: one_pass(place, 3001, d, np.float32, weighted=True)
    yield "pass, columns contiguous", lambda: one_pass(place, 3001, 12, np.float64, by_columns=True)
    yield "pass, 3000 features", lambda: one_pass(place, 301, 3000, np.float32)
    for name in ("mse", "accuracy", "gradient", "hessian"):
        yield f"surface, {name}", lambda name=name: surface(place, np.float64, 20, quantity=name)
    yield "surface, weighted loss", lambda: surface(place, np.float64, 20, weighted=True)
    yield "surface, compressed", lambda: spectral(place, np.float64, n=4000)
    yield "surface, axes in any order", lambda: spectral(place, np.float32, shuffled=True)
    yield "surface, streamed", lambda: streamed(place)
    yield "logit_plane", lambda: plane(place)
    yield "run, a graph a step", lambda: run(place, 400, 1030, 100, np.float64)
    yield "run, a graph a step, squared error", lambda: run(place, 400, 1030, 100, np.float64, loss="mse")
    yield "ensemble, 16 features", lambda: ensemble(place, 40, 16, 8, np.float32)
    yield "ensemble, a graph a step", lambda: ensemble(place, 40, 30, 8, np.float64)


def samples(n, d, dtype, seed=0):
    """X (n, d), labels, a start w, b: numbers of order 1 and soft labels."""
    rng = np.random.default_rng([n, d, seed])
    X = rng.normal(size=(n, d))
    y = np.clip(0.5 + X.sum(1) / d**0.5 + rng.normal(size=n), 0, 1)
    return tuple(v.astype(dtype) for v in (X, y, rng.normal(size=d) / d**0.5, rng.normal(size=1)))


def wide(arrays):
    """For the reference, which takes arrays of the CPU wherever tensors stand in for a card's."""
    return [np.asarray(v, np.float64).copy() for v in arrays]


def surface(place, dtype, n, *, scale=1.0, quantity="loss", weighted=False):
    """A direct one of a general plane, on axes of odd lengths."""
    rng = np.random.default_rng(n)
    fields = (rng.normal(size=(3, n)) * scale).astype(dtype)
    y, weight = (rng.uniform(size=n) > 0.5).astype(dtype), rng.exponential(size=n).astype(dtype) if weighted else None
    s, t = np.linspace(-3, 3, 37), np.linspace(-2, 2, 45)
    got = on_plane(place, fields, y, s, t, weight, quantities=(quantity,), method="direct")
    signed = quantity in ("gradient", "hessian")
    return compared(got, fields, y, s, t, weight, quantity, RELATIVE[dtype], ABSOLUTE[dtype] * scale**2 * signed)


def spectral(place, dtype, n=50, shuffled=False):
    """Interpolated, of one feature, which is compressed where there are many samples."""
    rng = np.random.default_rng(n)
    x, s, t = rng.normal(size=n) / 3, np.linspace(-3, 3, 300), np.linspace(-2, 2, 200)
    if shuffled:
        s, t = rng.permutation(s), rng.permutation(t)
    fields = tuple(v.astype(dtype) for v in (np.zeros(n), x, np.ones(n)))
    y = (x > 0.1).astype(dtype)
    got = on_plane(place, fields, y, s, t, None, method="spectral")
    assert got.plan.method == "spectral", got.plan
    return compared(got, fields, y, s, t, None, "loss", RELATIVE[dtype], ABSOLUTE[dtype])


def on_plane(place, fields, y, s, t, weight, **options):
    data = LogitPlane(*map(place.tensor, fields)), place.tensor(y)
    weight = None if weight is None else place.tensor(weight)
    return kernels.surface_on_plane(*data, s, t, sample_weight=weight, **options)


def compared(got, fields, y, s, t, weight, quantity, relative, absolute):
    wanted = kernels.surface_on_plane(
        LogitPlane(*wide(fields)), *wide([y]), s, t,
        quantities=(quantity,), sample_weight=None if weight is None else wide([weight])[0], backend="reference",
    )  # fmt: skip
    return all_held([(getattr(got, quantity), getattr(wanted, quantity))], relative, absolute)


def streamed(place):
    """In blocks, one of a single sample."""
    rng = np.random.default_rng(0)
    fields, y = rng.normal(size=(3, 300)) / 3, rng.uniform(size=300)
    s, t = np.linspace(-3, 3, 37), np.linspace(-2, 2, 45)
    parts = slice(0, 100), slice(100, 101), slice(101, 300)
    blocks = [(LogitPlane(*(place.tensor(f[part]) for f in fields)), place.tensor(y[part])) for part in parts]
    got = kernels.surface_on_plane(blocks, None, s, t, backend="torch")
    return compared(got, fields, y, s, t, None, "loss", RELATIVE[np.float64], 1e-13)


def plane(place):
    X, *_ = samples(500, 7, np.float64)
    thetas = np.random.default_rng(0).normal(size=(3, 8))
    got = kernels.logit_plane(place.tensor(X), *thetas)
    return all_held(zip(got, kernels.logit_plane(X, *thetas), strict=True), 1e-12, 1e-13)


def one_pass(place, n, d, dtype, *, weighted=False, by_columns=False):
    X, y, w, b = samples(n, d, dtype)
    weight = np.random.default_rng(n).exponential(size=n).astype(dtype) if weighted else None
    data = place.tensor(X.T.copy()).T if by_columns else place.tensor(X)
    share = None if weight is None else place.tensor(weight)
    got = kernels.bce_loss_grad(data, *map(place.tensor, (y, w, b)), sample_weight=share)
    share = None if weight is None else wide([weight])[0]
    wanted = kernels.bce_loss_grad(*wide((X, y, w, b)), sample_weight=share, backend="reference")
    return all_held(zip(got, wanted, strict=True), PASS[dtype], PASS[dtype])


def backward(place):
    X, y, w, b = samples(3001, 12, np.float64)
    leaves = [place.tensor(v).requires_grad_() for v in (w, b)]
    loss = kernels.linear_bce(place.tensor(X), *leaves, place.tensor(y))
    loss.backward()
    wanted = kernels.bce_loss_grad(*wide((X, y, w, b)), backend="reference")
    got = loss, leaves[0].grad, leaves[1].grad[0]
    return all_held(zip(got, wanted, strict=True), PASS[np.float64], PASS[np.float64])


def step(place):
    X, y, w, b = samples(3001, 12, np.float64)
    moved, start = [place.tensor(v) for v in (w, b)], wide((w, b))
    kernels.sgd_step_(place.tensor(X), place.tensor(y), *moved, lr=0.5)
    kernels.sgd_step_(*wide((X, y)), *start, lr=0.5, backend="reference")
    return all_held(zip(moved, start, strict=True), PASS[np.float64], PASS[np.float64])


def run(place, n, d, batch_size, dtype, **options):
    X, y, w, b = samples(n, d, dtype)
    settings = {"lr": 0.3 / d**0.5, "batch_size": batch_size, "epochs": 3} | options
    got = kernels.sgd_run_(*map(place.tensor, (X, y, w.copy(), b.copy())), **settings)
    wanted = kernels.sgd_run_(*wide((X, y, w.copy(), b.copy())), **settings, backend="reference")
    return all_held(zip(got, wanted, strict=True), TRAINED[dtype], TRAINED[dtype])


def ensemble(place, n, d, batch_size, dtype, **options):
    X, y, *_ = samples(n, d, dtype)
    y = np.round(y)
    rng = np.random.default_rng(d)
    starts = rng.normal(size=(70, d)).astype(dtype), rng.normal(size=70).astype(dtype)
    settings = {"lr": 0.3, "batch_size": batch_size, "epochs": 3} | options
    got = kernels.sgd_ensemble(*map(place.tensor, (X, y, *starts)), **settings)
    wanted = kernels.sgd_ensemble(*wide((X, y, *starts)), **settings, backend="reference")
    pairs = [(getattr(got, name), getattr(wanted, name)) for name in ("w", "b", "loss")]
    pairs += zip(got.history, wanted.history, strict=True)
    return all_held(pairs, TRAINED[dtype], TRAINED[dtype])
