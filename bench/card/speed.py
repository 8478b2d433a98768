"""The headline workloads, each checked before it is timed, beside eager PyTorch, torch.compile of the plain loss, and
what the limits of the card allow."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

import kernels
from bench.card.checking import held
from bench.card.timing import times_of
from kernels import LogitPlane, reference

LAB = {"lr": 2.0, "batch_size": 3}
# Of float64, for a factor 1 + e^m: a multiplication, a multiply-add and an addition; for one of a large margin also the
# inverse's multiplication, the lesser of the two, and the margin's sum, the greater of it and 0, and its addition.
PRODUCT_OPERATIONS, HINGED_OPERATIONS = 3, 8
LARGE = 10.0  # by so much margins are larger that go by hinged products
WIDENED = 2**24  # values of X that are float64 at once
CHECKED = 64  # points along an axis, and members, that are compared at least


class Case(NamedTuple):
    """A call to be timed.

    run        takes nothing, returns what is compared: a tensor, or several
    wanted     takes nothing, returns it in float64; of several perhaps more
    relative   error allowed to it; and `absolute`, to the largest of a tensor
    needs      what has to be done at the least: bytes to `read` and to `fill`, operations of `limits` by name
    scaled_by  by how much the whole work is larger
    out        that is written to, if it is the same in every call
    """

    run: Callable
    wanted: Callable
    relative: float
    absolute: float = 0.0
    needs: dict = {}  # noqa: RUF012
    scaled_by: float = 1.0
    out: torch.Tensor | None = None


def items(place, sizes):
    """(workload: contender, what times it): ours of all workloads, then peers."""
    for ours in (True, False):
        for workload, contenders in workloads(place, sizes):
            for contender, case_of in contenders.items():
                if ours == contender.startswith("kernels"):
                    yield f"{workload}: {contender}", lambda case_of=case_of: timed(case_of(), place)


def compilations(place, sizes):
    """(workload: contender, one call of it): what compiles, on little data."""
    for workload, contenders in workloads(place, sizes):
        for contender, case_of in contenders.items():
            if not contender.startswith("eager"):
                yield f"{workload}: {contender}", lambda case_of=case_of: checked(case_of())


def checked(case):
    """What was found of the errors of a call, which has to write all that is looked at."""
    if case.out is not None:
        case.out.fill_(torch.nan)
    got, wanted = (found if isinstance(found, tuple) else (found,) for found in (case.run(), case.wanted()))
    errors = [
        held(one, other, case.relative, case.absolute * float(other.abs().max()))
        for one, other in zip(got, wanted, strict=False)
    ]
    return max(errors, key=lambda error: error["error_over_allowed"])


def spread(length, many=CHECKED):
    """At least so many of `length`, at odd places: blocks have lengths that are powers of two."""
    return slice(None, None, max(1, length // many) | 1)


def timed(case, place):
    error = checked(case)
    times = times_of(case.run, place)
    scaled = {"median_s": times.median_s * case.scaled_by, "min_s": times.min_s * case.scaled_by}
    return error | scaled | {"rounds": times.rounds, "scaled_by": case.scaled_by, "needs": case.needs}


def workloads(place, sizes):
    """(name, {contender: function that makes its Case})"""
    few, many = sizes.samples
    for n in sizes.samples:
        for points in sizes.points:
            yield f"surface, {points}² points, {n:,} samples", surface(place, sizes, n, points)
    direct = f"surface, direct, {sizes.points[0]}² points, {few:,} samples"
    yield direct, direct_surface(place, few, sizes.points[0])
    yield f"{direct}, large margins", direct_surface(place, few, sizes.points[0], LARGE, HINGED_OPERATIONS)
    plane = direct_plane(place, many, sizes.plane_points)
    yield f"plane, direct, {sizes.plane_points}² points, {many:,} samples", plane
    for d in sizes.features:
        n = sizes.pass_bytes // (4 * d)
        yield f"loss and gradient, {n:,} x {d}", loss_and_gradient(place, n, d)
    yield f"the lab's run of {7 * sizes.epochs} steps", lab_run(place, sizes)
    for n, d, batch_size in sizes.runs:
        yield f"run, {n:,} x {d}, batches of {batch_size}", run(place, sizes, n, d, batch_size)
    yield f"{sizes.starts:,} starts, {7 * sizes.epochs} steps", starts(place, sizes)


# Surfaces


def one_feature(place, n):
    x = torch.arange(20) / 10 - 1 if n == 20 else torch.as_tensor(np.random.default_rng(0).normal(size=n) / 2).float()
    return place.tensor(x), place.tensor((x > 0.2).float())


def window(points):
    return np.linspace(-15, 15, points), np.linspace(-13, 13, points)


def surface(place, sizes, n, points):
    (x, y), (w, b) = one_feature(place, n), window(points)
    few = spread(points)
    needs = {"fill": 4 * points**2}

    def wanted(step=few):
        axes = (place.tensor(v[step]) for v in (w, b))
        return reference.loss_surface(x.double(), y.double(), *axes)

    def ours():
        out = torch.empty(points, points, device=place.device)

        def call():
            return kernels.loss_surface(x, y, w, b, out=out, backend="torch")[few, few]

        return Case(call, wanted, 2e-7, 1e-9, needs, out=out)

    part = peer_part(points, n, sizes)
    return {"kernels.loss_surface": ours} | {
        name: lambda body=body: Case(
            lambda: body(x, y, *(place.tensor(v[part]).float() for v in (w, b))),
            lambda: wanted(part),
            1e-4,
            1e-5,
            needs,
            scaled_by=(points / len(w[part])) ** 2,
        )
        for name, body in (("eager PyTorch", eager_surface), ("torch.compile", torch.compile(eager_surface)))
    }


def peer_part(points, n, sizes):
    """Of the points along each axis, those for which a peer has memory: it keeps every sample at every point."""
    most = max(1, min(points, int((sizes.peer_evaluations / n) ** 0.5)))
    return slice(None, None, -(-points // most))


def eager_surface(x, y, w, b):
    z = b[:, None, None] + w[:, None] * x
    return F.binary_cross_entropy_with_logits(z, y.expand_as(z), reduction="none").mean(-1)


def direct_surface(place, n, points, scale=1.0, operations_each=PRODUCT_OPERATIONS):
    (x, y), (w, b) = one_feature(place, n), window(points)
    x = x * scale
    few = spread(points)
    operations = {"multiply-adds float64": operations_each * n * points**2}

    def ours():
        def call():
            return kernels.loss_surface(x, y, w, b, method="direct", backend="torch")[few, few]

        axes = [place.tensor(v[few]) for v in (w, b)]
        return Case(call, lambda: reference.loss_surface(x.double(), y.double(), *axes), 2e-7, 0.0, operations)

    return {"kernels.loss_surface": ours}


def direct_plane(place, n, points):
    fields = [place.random(n, seed=seed, dtype=torch.float64) / 3 for seed in (0, 1, 2)]
    y = (place.random(n, seed=3, dtype=torch.float64) > 0).double()
    s, t = np.linspace(-3, 3, points), np.linspace(-2, 2, points)
    few = spread(points, 8)

    def ours():
        def call():
            surface = kernels.surface_on_plane(LogitPlane(*fields), y, s, t, method="direct", backend="torch")
            return surface.loss[few, few]

        def wanted():
            p, q, r = fields
            rows = []
            for v in place.tensor(t[few]):
                z = p[:, None] + place.tensor(s[few]) * q[:, None] + v * r[:, None]
                rows.append(F.binary_cross_entropy_with_logits(z, y[:, None].expand_as(z), reduction="none").mean(0))
            return torch.stack(rows)

        return Case(call, wanted, 1e-11, 0.0, {"multiply-adds float64": PRODUCT_OPERATIONS * n * points**2})

    return {"kernels.surface_on_plane": ours}


# Passes


def loss_and_gradient(place, n, d):
    def data():
        X = place.random(n, d)
        w, b, of_labels = place.random(d, seed=1) * 2 / d**0.5, place.tensor([0.3]), place.random(d, seed=3)
        y = (X @ of_labels + place.random(n, seed=2) > 0).float()  # by w the gradient would be what large sums leave
        return X, y, w, b

    def case(body, allowed):
        X, y, w, b = data()
        needs = {"read": X.nbytes + y.nbytes}
        return Case(lambda: body(X, y, w, b), lambda: gradient_of(X, y, w, b), 0.0, allowed, needs)

    return {
        "kernels.bce_loss_grad": lambda: case(ours_of_pass, 3e-6),
        "eager PyTorch": lambda: case(functools.partial(by_autograd, plain_loss), 1e-3),
        "eager PyTorch, two products": lambda: case(by_hand, 1e-3),
        "torch.compile": lambda: case(functools.partial(by_autograd, compiled(plain_loss, place.device)), 1e-3),
        "torch.compile, two products": lambda: case(compiled(by_hand, place.device), 1e-3),
    }


def ours_of_pass(X, y, w, b):
    loss, grad_w, grad_b = kernels.bce_loss_grad(X, y, w, b, backend="torch")
    return grad_w, grad_b, loss


def plain_loss(X, y, w, b):
    return F.binary_cross_entropy_with_logits(X @ w + b, y)


@functools.cache
def compiled(function, device):
    """On a card by the quickest kernels that PyTorch finds for each shape."""
    options = {"mode": "max-autotune-no-cudagraphs", "dynamic": False} if device == "cuda" else {"dynamic": True}
    return torch.compile(function, **options)


def by_autograd(loss, X, y, w, b):
    w, b = w.detach().requires_grad_(), b.detach().requires_grad_()
    value = loss(X, y, w, b)
    grad_w, grad_b = torch.autograd.grad(value, (w, b))
    return grad_w, grad_b[0], value.detach()


def by_hand(X, y, w, b):
    slopes = (torch.sigmoid(X @ w + b) - y) / len(y)
    return slopes @ X, slopes.sum()


def gradient_of(X, y, w, b):
    """Gradient by w and by b, and loss."""
    rows = max(1, WIDENED // X.shape[1])
    parts = [part_of(x, of, w, b) for x, of in zip(X.split(rows), y.split(rows), strict=True)]
    return tuple(sum(values) / len(y) for values in zip(*parts, strict=True))


def part_of(X, y, w, b):
    """Their sums."""
    X, y = X.double(), y.double()
    z = X @ w.double() + b
    slopes = torch.sigmoid(z) - y
    return slopes @ X, slopes.sum(), F.binary_cross_entropy_with_logits(z, y, reduction="sum")


# Training


def lab_data(dtype):
    x = (torch.arange(20).to(dtype) / 10 - 1)[:, None]
    return x, (x[:, 0] > 0.2).to(dtype)


def lab_run(place, sizes):
    """Its floor isn't known, as a step waits for the one before."""
    x, y = lab_data(torch.float64)
    start = torch.full((1,), 5.0).double(), torch.full((1,), 10.0).double()
    return training(place, (x, y), start, LAB | {"epochs": sizes.epochs})


def run(place, sizes, n, d, batch_size):
    X = torch.as_tensor(np.random.default_rng(d).normal(size=(n, d))).float()
    y = (X.sum(1) > 0).float()
    start = torch.zeros(d), torch.zeros(1)
    return training(place, (X, y), start, {"lr": 0.1, "batch_size": batch_size, "epochs": min(5, sizes.epochs)})


def training(place, data, start, settings):
    def case(body):
        on_place, begin = [place.tensor(v) for v in data], [place.tensor(v) for v in start]

        def call():
            return tuple(body(*on_place, *(v.clone() for v in begin), **settings))

        def wanted():
            return tuple(reference.sgd_run_(*(v.double() for v in (*data, *start)), **settings))

        return Case(call, wanted, 1e-5, 1e-5)

    def ours(*arrays, **settings):
        return kernels.sgd_run_(*arrays, **settings, backend="torch")

    return {"kernels.sgd_run_": lambda: case(ours), "eager PyTorch": lambda: case(reference.sgd_run_)}


def starts(place, sizes):
    """The lab's runs from very many starts: a sigmoid a sample and step, and four multiply-adds."""
    x, y = lab_data(torch.float32)
    k = sizes.starts
    w0, b0 = 5 * place.random(k, 1), 5 * place.random(k, seed=1)
    settings = LAB | {"epochs": sizes.epochs}
    operations = float(k) * sizes.epochs * len(x)

    def case(body, k):
        data, few = [place.tensor(v) for v in (x, y)] + [w0[:k], b0[:k]], spread(k)

        def call():
            ends = body(*data, **settings)
            return ends.w[few], ends.b[few], ends.loss[few]

        def wanted():
            return reference.sgd_ensemble(*(v.double().cpu() for v in (x, y, w0[:k][few], b0[:k][few])), **settings)[:3]

        needs = {"sigmoids float32": operations, "multiply-adds float32": 4 * operations}
        return Case(call, wanted, 1e-4, 1e-4, needs, scaled_by=len(w0) / k)

    def ours(*arrays, **settings):
        return kernels.sgd_ensemble(*arrays, **settings, backend="torch")

    return {
        "kernels.sgd_ensemble": lambda: case(ours, k),
        "eager PyTorch": lambda: case(reference.sgd_ensemble, min(k, sizes.peer_starts)),
    }
