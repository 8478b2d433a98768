"""The kernels on a CUDA device beside eager PyTorch on the same: `python3 -m bench.cuda`, from the checkout.

Needs PyTorch alone. Every time is of one call between two events, after its result was checked, and stands beside its
floor: the bytes that have to move, at the bandwidth of a copy, or the multiply-adds that have to be done, at the rate
of a matrix product, both measured here, whichever takes longer. Writes bench/results/cuda.json.
"""

import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import kernels
from kernels import reference

RESULTS = Path(__file__).parent / "results" / "cuda.json"
DEVICE = "cuda"
SECONDS = 1.0  # spent on one contender
FEWEST_ROUNDS, MOST_ROUNDS = 3, 50
COPIED = 2**30  # bytes, to measure the bandwidth
SIDE = 2**13  # of the matrices that measure the rate of multiply-adds
PART = 2**28  # evaluations, and sums of samples and members, that eager PyTorch has memory for
POINTS, SAMPLES, STARTS, PASS = (4096, 16384), (20, 100_000), 10_000_000, 2**30
DIRECT_POINTS = {20: 4096, 100_000: 512}  # by number of samples


class Case(NamedTuple):
    """A call to be timed.

    run            takes nothing, returns what is compared with `wanted`, a float64 tensor on the CPU
    bytes          that have to move
    multiply_adds  that have to be done, in the dtype of the data
    scaled_by      by how much the whole work is larger
    """

    workload: str
    contender: str
    run: Callable
    wanted: torch.Tensor
    bytes: int = 0
    multiply_adds: float = 0.0
    scaled_by: float = 1.0


class Rates(NamedTuple):
    """Bytes and float32 multiply-adds in a second."""

    bytes: float
    multiply_adds: float


def main():
    if not torch.cuda.is_available():
        sys.exit("bench.cuda: no CUDA device; accepted: a machine where torch.cuda.is_available()")
    rates = Rates(copy_bandwidth(), multiply_add_rate())
    found = {
        "machine": machine(),
        "copy_GB_per_s": rates.bytes / 1e9,
        "float32_G_multiply_adds_per_s": rates.multiply_adds / 1e9,
        "entries": [timed(case, rates) for cases in (surfaces, passes, ensembles, run) for case in cases()],
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def machine():
    driver = subprocess.run(
        ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], capture_output=True, text=True
    )
    return {
        "device": torch.cuda.get_device_name(),
        "driver": driver.stdout.split("\n")[0],
        "cuda": torch.version.cuda,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def copy_bandwidth():
    source = torch.randn(COPIED // 4, device=DEVICE)
    target = torch.empty_like(source)
    return 2 * COPIED / statistics.median(times_of(lambda: target.copy_(source)))


def multiply_add_rate():
    """Of a product of float32 matrices, without the shorter numbers of TensorFloat-32."""
    torch.set_float32_matmul_precision("highest")
    A, B, C = torch.randn(3, SIDE, SIDE, device=DEVICE)
    return SIDE**3 / statistics.median(times_of(lambda: torch.mm(A, B, out=C)))


def times_of(run):
    """Seconds of some calls; the first isn't among them."""
    seconds_of(run)
    times = [seconds_of(run)]
    while len(times) < FEWEST_ROUNDS or (sum(times) < SECONDS and len(times) < MOST_ROUNDS):
        times.append(seconds_of(run))
    return times


def seconds_of(run):
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    begin.record()
    run()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3


def timed(case, rates):
    started = time.perf_counter()
    got = case.run().double().cpu()
    first_call = time.perf_counter() - started
    times = times_of(case.run)
    entry = {
        "workload": case.workload,
        "contender": case.contender,
        "error": float((got - case.wanted).abs().max() / case.wanted.abs().max()),
        "first_call_s": first_call,
        "median_s": statistics.median(times) * case.scaled_by,
        "min_s": min(times) * case.scaled_by,
        "scaled_by": case.scaled_by,
        "floor_s": max(case.bytes / rates.bytes, case.multiply_adds / rates.multiply_adds),
    }
    print("{workload}: {contender}: {median_s:.3g} s, floor {floor_s:.3g} s, error {error:.1g}".format(**entry))
    return entry


def surfaces():
    """Surfaces of few and of many samples, beside a fill of the same tensor; direct ones also beside the multiply-adds
    of two operations an evaluation."""
    rng = torch.Generator().manual_seed(0)
    for n in SAMPLES:
        x = torch.arange(20) / 10 - 1 if n == 20 else torch.randn(n, generator=rng) / 2
        data = x.to(DEVICE), (x > 0.2).float().to(DEVICE)
        for points in POINTS:
            yield from surface(data, points, "auto")
        yield from surface(data, DIRECT_POINTS[n], "direct", multiply_adds=2 * n * DIRECT_POINTS[n] ** 2)


def surface(data, points, method, **floor):
    n = len(data[0])
    w, b = np.linspace(-15, 15, points), np.linspace(-13, 13, points)
    few = slice(None, None, points // 16)
    out = torch.empty(points, points, device=DEVICE)
    workload = f"surface, {n} samples, {points} x {points} points, float32, {method}"
    wanted = reference.loss_surface(*(v.double() for v in data), *(on_device(v[few]) for v in (w, b))).cpu()
    size = {"bytes": out.nbytes}

    def ours():
        return kernels.loss_surface(*data, w, b, method=method, out=out)[few, few]

    yield Case(workload, "kernels.loss_surface", ours, wanted, **size, **floor)
    rows = max(1, min(points, PART // (n * points)))
    columns = min(points, max(1, PART // n))
    axes = [on_device(v[:: points // k]).float() for v, k in ((w, columns), (b, rows))]
    of_part = reference.loss_surface(*(v.double() for v in data), *(axis.double() for axis in axes)).cpu()
    scaled_by = points / len(axes[0]) * points / len(axes[1])
    yield Case(workload, "eager PyTorch", lambda: eager_surface(*data, *axes), of_part, **size, scaled_by=scaled_by)
    yield Case(workload, "a fill", lambda: out.fill_(1.0)[few, few], torch.ones_like(wanted), **size)


def eager_surface(x, y, w, b):
    z = b[:, None, None] + w[:, None] * x
    return torch.nn.functional.binary_cross_entropy_with_logits(z, y.expand_as(z), reduction="none").mean(-1)


def on_device(values):
    return torch.from_numpy(values.copy()).to(DEVICE)


def passes():
    """Loss and gradient, by the bytes of X."""
    for d in (8, 32, 128, 1024):
        n = min(PASS // (4 * d), 2**24)
        X = torch.randn(n, d, device=DEVICE)
        w, b = torch.randn(d, device=DEVICE) * 2 / d**0.5, torch.full((1,), 0.3, device=DEVICE)
        y = (X @ w + torch.randn(n, device=DEVICE) > 0).float()
        wanted = gradient_of(X, y, w, b)
        workload = f"loss and gradient, {n} x {d}, float32"

        def ours(X=X, y=y, w=w, b=b):
            return kernels.bce_loss_grad(X, y, w, b).grad_w

        def eager(X=X, y=y, w=w, b=b):
            w, b = w.clone().requires_grad_(), b.clone().requires_grad_()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(X @ w + b, y)
            return torch.autograd.grad(loss, (w, b))[0]

        floor = {"bytes": X.nbytes, "multiply_adds": 2.0 * X.numel()}
        yield Case(workload, "kernels.bce_loss_grad", ours, wanted, **floor)
        yield Case(workload, "eager PyTorch, forward and backward", eager, wanted, **floor)


def gradient_of(X, y, w, b, rows=2**18):
    """The gradient by w in float64, on the CPU."""
    parts = zip(X.split(rows), y.split(rows), strict=True)
    return sum((torch.sigmoid(x.double() @ w.double() + b) - of) @ x.double() for x, of in parts).cpu() / len(y)


def ensembles():
    """700 steps of the lab from each of very many starts; margin and gradient of a sample are four multiply-adds."""
    x, y = lab_data(torch.float32)
    rng = torch.Generator().manual_seed(0)
    w0, b0 = 5 * torch.randn(STARTS, 1, generator=rng), 5 * torch.randn(STARTS, generator=rng)
    wanted = reference.sgd_ensemble(*(v.double() for v in (x, y, w0[:64], b0[:64])), **LAB).w
    workload = f"{STARTS:,} starts, 700 steps, float32"
    floor = {"bytes": 4 * w0.nbytes, "multiply_adds": 4.0 * STARTS * LAB["epochs"] * len(x)}
    few = min(STARTS, PART // len(x) // 8)
    for contender, body, k in (
        ("kernels.sgd_ensemble", kernels.sgd_ensemble, STARTS),
        ("eager PyTorch", reference.sgd_ensemble, few),
    ):
        data = [v.to(DEVICE) for v in (x, y, w0[:k], b0[:k])]

        def call(body=body, data=data):
            return body(*data, **LAB).w[:64]

        yield Case(workload, contender, call, wanted, **floor, scaled_by=STARTS / k)


def run():
    """The lab's run of 700 steps from (5, 10): its floor is not known, as a step waits for the one before."""
    x, y = lab_data(torch.float64)
    start = torch.full((1,), 5.0).double(), torch.full((1,), 10.0).double()
    wanted = reference.sgd_run_(x, y, *(v.clone() for v in start), **LAB).w
    data = x.to(DEVICE), y.to(DEVICE)
    for contender, body in (("kernels.sgd_run_", kernels.sgd_run_), ("eager PyTorch", reference.sgd_run_)):

        def call(body=body):
            return body(*data, *(v.to(DEVICE, copy=True) for v in start), **LAB).w

        yield Case("the lab's run of 700 steps, float64", contender, call, wanted)


LAB = {"lr": 2.0, "batch_size": 3, "epochs": 100}


def lab_data(dtype):
    x = (torch.arange(20).to(dtype) / 10 - 1)[:, None]
    return x, (x[:, 0] > 0.2).to(dtype)


if __name__ == "__main__":
    main()
