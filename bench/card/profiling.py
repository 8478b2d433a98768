"""Where the time of ours goes, by kernel: first of the workloads that are furthest from their limit."""

import torch
from triton.runtime.jit import JITFunction

from bench.card import report, speed
from kernels.torch_cuda.triton import ensemble, gradient, interpolate, surface, update

CALLS = 3
KERNELS = 12  # listed of each
MODULES = (gradient, ensemble, interpolate, surface, update)


def items(place, sizes, lines):
    """(name, its kernels) of all of ours that were timed."""
    cases = dict(ours(place, sizes))
    for name in report.furthest(lines):
        if name in cases:
            yield name, lambda case_of=cases[name]: kernels_of(case_of(), place)


def ours(place, sizes):
    for workload, contenders in speed.workloads(place, sizes):
        for contender, case_of in contenders.items():
            if contender.startswith("kernels"):
                yield f"{workload}: {contender}", case_of


def kernels_of(case, place):
    """Seconds of all kernels of a call, without waiting for the host, and of those that take longest; and what those
    of Triton take of a multiprocessor."""
    case.run()
    if not place.is_card:
        return {"kernels": []}
    events = sorted(profiled(case.run), key=lambda event: -event.self_device_time_total)
    seconds = [event.self_device_time_total / CALLS / 1e6 for event in events]
    kernels = [
        {"name": event.key, "calls": event.count / CALLS, "seconds": of_event}
        for event, of_event in zip(events[:KERNELS], seconds, strict=False)
    ]
    return {"kernels_s": sum(seconds), "kernels": kernels, "binaries": binaries()}


def profiled(run):
    """Kernels of CALLS calls, by name, with their times."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        for _ in range(CALLS):
            run()
        torch.cuda.synchronize()
    return profile.key_averages()


def binaries():
    """Registers, spills, shared memory and warps of each Triton kernel that this process has launched, and how many of
    its programs fit a multiprocessor at once by registers and threads."""
    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    found = []
    for module in MODULES:
        for kernel in (value for value in vars(module).values() if isinstance(value, JITFunction)):
            for binary in launched(kernel):
                warps = binary.metadata.num_warps
                registers = max(1, binary.n_regs) * 32 * warps
                found.append(
                    {
                        "name": kernel.__name__,
                        "registers": binary.n_regs,
                        "spilled": binary.n_spills,
                        "shared": binary.metadata.shared,
                        "warps": warps,
                        "programs": min(properties.regs_per_multiprocessor // registers, 64 // warps),
                    }
                )
    return found


def launched(kernel):
    for caches in kernel.device_caches.values():
        yield from caches[0].values()
