"""The kernels on a CUDA device beside eager PyTorch on the same: `python3 -m bench.cuda`, from the checkout.

Needs PyTorch alone. Every time is of one call between two events, after its result was checked, and stands beside its
floor: the bytes that have to move, at the bandwidth of a copy measured here. Writes bench/results/cuda.json.
"""

import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

import kernels
from kernels import reference

RESULTS = Path(__file__).parent / "results" / "cuda.json"
ROUNDS = 20
COPIED = 2**30  # bytes, to measure the bandwidth


def main():
    if not torch.cuda.is_available():
        sys.exit("bench.cuda: no CUDA device; accepted: a machine where torch.cuda.is_available()")
    bandwidth = copy_bandwidth()
    entries = [timed(*case, bandwidth) for cases in (surfaces(), passes(), runs()) for case in cases]
    found = {"machine": machine(), "copy_GB_per_s": bandwidth / 1e9, "entries": entries}
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
    """Bytes read and written in a second by a copy within the device."""
    source = torch.randn(COPIED // 4, device="cuda")
    target = torch.empty_like(source)
    return 2 * COPIED / statistics.median(seconds_of(lambda: target.copy_(source)) for _ in range(ROUNDS))


def seconds_of(run):
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    begin.record()
    run()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3


def timed(workload, contender, run, wanted, size, bandwidth):
    """The entry of a contender; `wanted` is its result in float64, on the CPU, `size` the bytes that have to move."""
    error = float((run().double().cpu() - wanted).abs().max() / wanted.abs().max())
    times = [seconds_of(run) for _ in range(ROUNDS)]
    entry = {
        "workload": workload,
        "contender": contender,
        "error": error,
        "median_s": statistics.median(times),
        "min_s": min(times),
        "floor_s": size / bandwidth,
    }
    print(f"{workload}: {contender}: {entry['median_s']:.3g} s, floor {entry['floor_s']:.3g} s, error {error:.1g}")
    return entry


def surfaces():
    """The lab's surface, and that of 100,000 samples."""
    rng = torch.Generator().manual_seed(0)
    lab = torch.arange(20).double() / 10 - 1
    many = torch.randn(100_000, dtype=torch.float64, generator=rng) / 2
    for x, points, methods in ((lab, 4096, ("auto", "direct")), (many, 512, ("auto",))):
        y = (x > 0.2).double()
        w, b = np.linspace(-15, 15, points), np.linspace(-13, 13, points)
        few = slice(None, None, points // 64)  # rows that eager PyTorch evaluates, and that are compared
        x_card, y_card, out = x.cuda(), y.cuda(), torch.empty(points, points, dtype=torch.float64, device="cuda")
        workload = f"surface, {len(x)} samples, {points} x {points} points, float64"
        axes = [torch.from_numpy(v).cuda() for v in (w, b[few])]
        wanted = reference.loss_surface(x_card, y_card, *axes).cpu()
        for method in methods:

            def run(method=method, x=x_card, y=y_card, w=w, b=b, out=out, few=few):
                return kernels.loss_surface(x, y, w, b, method=method, out=out)[few]

            yield workload, f"kernels.loss_surface, {method}", run, wanted, out.nbytes

        def eager(x=x_card, y=y_card, axes=axes):
            return reference.loss_surface(x, y, *axes)

        yield f"{workload}, 64 rows of it", "eager PyTorch", eager, wanted, out[few].nbytes


def passes():
    """Loss and gradient of 1 GiB of data."""
    for d in (8, 32, 128, 1024):
        n = min(2**30 // (4 * d), 2**24)
        X = torch.randn(n, d, device="cuda")
        w, b = torch.randn(d, device="cuda") * 2 / d**0.5, torch.full((1,), 0.3, device="cuda")
        y = (X @ w + torch.randn(n, device="cuda") > 0).float()
        wanted = gradient_of(X, y, w, b)
        workload = f"loss and gradient, {n} x {d}, float32"

        def run(X=X, y=y, w=w, b=b):
            return kernels.bce_loss_grad(X, y, w, b).grad_w

        def eager(X=X, y=y, w=w, b=b):
            return (torch.sigmoid(X @ w + b) - y) @ X / len(y)

        yield workload, "kernels.bce_loss_grad", run, wanted, X.nbytes
        yield workload, "eager PyTorch", eager, wanted, X.nbytes


def gradient_of(X, y, w, b, rows=2**18):
    """The gradient by w in float64, on the CPU."""
    parts = zip(X.split(rows), y.split(rows), strict=True)
    return sum((torch.sigmoid(x.double() @ w.double() + b) - of) @ x.double() for x, of in parts).cpu() / len(y)


def runs():
    """700 steps from each of 100,000 starts, all at once."""
    x = (torch.arange(20).double() / 10 - 1)[:, None]
    y, rng = (x[:, 0] > 0.2).double(), torch.Generator().manual_seed(0)
    w0, b0 = torch.randn(100_000, 1, generator=rng).double() * 5, torch.randn(100_000, generator=rng).double() * 5
    settings = {"lr": 2.0, "batch_size": 3, "epochs": 100}
    wanted = reference.sgd_ensemble(x, y, w0[:64], b0[:64], **settings).w
    data = [values.cuda() for values in (x, y, w0, b0)]
    size = 2 * (w0.nbytes + b0.nbytes)
    workload = "100,000 starts, 700 steps, float64"
    yield workload, "kernels.sgd_ensemble", lambda: kernels.sgd_ensemble(*data, **settings).w[:64], wanted, size
    yield workload, "eager PyTorch", lambda: reference.sgd_ensemble(*data, **settings).w[:64], wanted, size


if __name__ == "__main__":
    main()
