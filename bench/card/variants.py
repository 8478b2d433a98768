"""Other values of the constants that were chosen without a card, each checked and timed beside the present ones."""

import functools
import itertools
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import NamedTuple
from unittest.mock import patch

from bench.card import speed
from bench.card.report import PRESENT
from bench.card.timing import times_of

SECONDS = 0.1  # spent on the rounds of one variant


class Sweep(NamedTuple):
    """Constants {name: values} of a module of `kernels.torch_cuda`, all combinations, at a workload whose Case `case`
    gives."""

    module: str
    constants: dict
    workload: str
    case: object

    def variants(self):
        """{label: {constant: value}}, the present first."""
        found = {PRESENT: {}}
        for values in itertools.product(*self.constants.values()):
            chosen = dict(zip(self.constants, values, strict=True))
            found[", ".join(f"{name} {value}" for name, value in chosen.items())] = chosen
        return found


def sweeps(place, sizes):
    few = sizes.samples[0]
    for d in sizes.features:
        n = sizes.pass_bytes // (4 * d)
        case = speed.loss_and_gradient(place, n, d)["kernels.bce_loss_grad"]
        constants = {"TILE_BYTES": (2**12, 2**13, 2**14), "WARPS": (4, 8), "PROGRAMS": (2, 3, 4)}
        yield Sweep("triton.gradient", constants, f"{n:,} x {d}", case)
    points = sizes.points[0]
    case = speed.direct_surface(place, few, points)["kernels.loss_surface"]
    constants = {"TILE": ((16, 32), (16, 64), (32, 32)), "WARPS": (4, 8)}
    yield Sweep("triton.surface", constants, f"direct, {points}² points, {few} samples", case)
    case = speed.direct_surface(place, few, points, speed.LARGE)["kernels.loss_surface"]
    constants = {"HINGED_TILE": ((8, 32), (16, 32), (16, 64)), "WARPS": (4, 8)}
    yield Sweep("triton.surface", constants, f"direct, {points}² points, {few} samples, large margins", case)
    case = speed.surface(place, sizes, few, points)["kernels.loss_surface"]
    constants = {"ROWS": (4, 8, 16), "COLUMNS": (128, 256), "WARPS": (4, 8)}
    yield Sweep("triton.interpolate", constants, f"{points}² points", case)
    case = speed.starts(place, sizes)["kernels.sgd_ensemble"]
    constants = {"MEMBERS": (32, 64, 128), "WARPS": (1, 2, 4)}
    yield Sweep("triton.ensemble", constants, f"{sizes.starts:,} starts", case)
    for n, d, batch_size in sizes.runs:
        case = speed.run(place, sizes, n, d, batch_size)["kernels.sgd_run_"]
        batches = f"batches of {batch_size} x {d}"
        yield Sweep("triton.update", {"TILE": (2**10, 2**11, 2**12)}, batches, case)
        yield Sweep("graphs.update", {"SMALL_BATCH": (0,)}, f"a graph a step, {batches}", case)


def items(place, sizes):
    """(name, what checks and times it) of each variant."""
    for name, module, chosen, case in named(place, sizes):
        yield name, lambda module=module, chosen=chosen, case=case: timed(module, chosen, case(), place)


def compilations(place, sizes):
    """(name, one checked call) of each variant but the present one."""
    for name, module, chosen, case in named(place, sizes):
        if chosen:
            yield name, lambda module=module, chosen=chosen, case=case: checked(module, chosen, case())


def named(place, sizes):
    """(name, module, constants, what gives the Case, the same for all of a sweep)"""
    for sweep in sweeps(place, sizes):
        of_sweep = sweep._replace(constants={name: some[: sizes.variants] for name, some in sweep.constants.items()})
        case = functools.cache(lambda sweep=sweep: known(sweep.case()))
        for label, chosen in of_sweep.variants().items():
            yield f"{sweep.module}, {sweep.workload}: {label}", sweep.module, chosen, case


def known(case):
    """The Case with what is wanted computed once."""
    return case._replace(wanted=functools.cache(case.wanted))


def checked(module, chosen, case):
    with constants(module, chosen):
        return speed.checked(case)


def timed(module, chosen, case, place):
    with constants(module, chosen):
        return speed.checked(case) | times_of(case.run, place, seconds=SECONDS)._asdict()


@contextmanager
def constants(module, chosen):
    """Within it, a module has these values."""
    with ExitStack() as stack:
        for name, value in chosen.items():
            stack.enter_context(patch.object(import_module(f"kernels.torch_cuda.{module}"), name, value))
        yield
