"""What Inductor makes of a graph for a card of compute capability 9.0, generated and compiled without having one.

The tensors are fake ones on "cuda": nothing has values, and a graph ends where its first kernel would be launched.
Needs a process of its own, in which Triton isn't interpreted (TRITON_INTERPRET=0).
"""

from contextlib import ExitStack, contextmanager, nullcontext, suppress
from types import SimpleNamespace
from typing import NamedTuple
from unittest.mock import patch

import torch
import triton
from torch._dynamo.device_interface import CudaInterface
from torch._inductor import config, scheduler
from torch._inductor.output_code import CompiledFxGraph
from torch._inductor.runtime import triton_helpers
from torch._inductor.runtime.triton_heuristics import CachingAutotuner
from torch._subclasses import fake_tensor
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from tests import hopper

H100 = SimpleNamespace(
    name="NVIDIA H100 80GB HBM3",
    major=9,
    minor=0,
    multi_processor_count=132,
    total_memory=80 * 2**30,
    warp_size=32,
    regs_per_multiprocessor=2**16,
    max_threads_per_multi_processor=2**11,
    max_threads_per_block=2**10,
    shared_memory_per_block=48 * 2**10,
    shared_memory_per_block_optin=227 * 2**10,
    shared_memory_per_multiprocessor=228 * 2**10,
    L2_cache_size=50 * 2**20,
    gcnArchName="",
    is_integrated=0,
)
ALONE = {  # nothing computed on the device, no other processes, nothing kept from before
    "joint_graph_constant_folding": False,
    "compile_threads": 1,
    "force_disable_caches": True,
    "use_static_cuda_launcher": False,
}


class Kernel(NamedTuple):
    """A kernel of a graph: its name, its code, the sizes that Inductor reckons with, and each configuration that it
    would time."""

    name: str
    code: str
    sizes: dict
    configurations: list


class Configuration(NamedTuple):
    """Blocks and warps, and what they take: registers and bytes of stack of a thread (what registers spill), bytes of
    shared memory of a program; None for what isn't compiled."""

    blocks: dict
    warps: int
    registers: int | None = None
    stack: int | None = None
    shared: int | None = None


class Launched(Exception):
    """A graph is compiled, and would now be run."""


@contextmanager
def pretended_card():
    """Within it Inductor compiles for an H100, and a compiled graph raises Launched. Gives the list of the arguments,
    by number, that each graph would copy first if they didn't begin where 16 bytes do."""
    copied = []

    def launched(graph, *_):
        copied.append(list(graph.inputs_to_check))
        raise Launched

    properties, yes, nothing = (lambda device=None: H100), (lambda *_: True), (lambda *_: None)
    changes = [
        (fake_tensor, "init_gpu_context", nothing),
        (scheduler, "has_triton", yes),
        (triton_helpers, "set_driver_to_gpu", nothing),
        (torch.cuda, "get_device_properties", properties),
        (torch.cuda, "get_device_capability", lambda device=None: (9, 0)),
        (torch.cuda, "device_of", nullcontext),
        (CudaInterface, "get_device_properties", properties),
        (CudaInterface.Worker, "get_device_properties", properties),
        (CudaInterface, "get_compute_capability", lambda device=None: 90),
        (CudaInterface, "raise_if_triton_unavailable", nothing),
        (CompiledFxGraph, "__call__", launched),
    ]
    triton.runtime.driver.set_active(hopper.Driver())
    with ExitStack() as stack:
        stack.enter_context(config.patch(ALONE))
        for holder, name, value in changes:
            stack.enter_context(patch.object(holder, name, value))
        yield copied


def copied_arguments(graph, arguments, offset):
    """Those that each of two calls copies if they aren't aligned, by tensors that begin at a multiple of 16 bytes and
    then by some that begin `offset` elements later."""
    with pretended_card() as copied, patch.object(CachingAutotuner, "precompile", lambda *_, **__: None):
        for skipped in (0, offset):
            with suppress(Launched):
                graph(*tensors_of(arguments, skipped))
    return copied


def tensors_of(arguments, skipped=0):
    """Fake ones of (shape, dtype) or (shape, dtype, strides), which begin so many elements after their memory."""
    with fake_tensor.FakeTensorMode(shape_env=ShapeEnv()):
        return [strided(*argument, skipped=skipped) for argument in arguments]


def strided(shape, dtype, strides=None, *, skipped):
    strides = torch.empty(shape, device="meta").stride() if strides is None else strides
    last = sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    return torch.empty(skipped + last + 1, dtype=dtype, device="cuda").as_strided(shape, strides, skipped)


def first_call(graph, arguments, compiled=False):
    """Each Kernel that the first call of a graph by tensors, (shape, dtype) each, makes in order; compiled if asked
    for."""
    found = []

    def precompile(kernel, *_, **__):
        configurations = [configuration(kernel, one, compiled) for one in kernel.configs]
        found.append(Kernel(kernel.inductor_meta["kernel_name"], kernel.fn.src, kernel.size_hints, configurations))

    with pretended_card(), patch.object(CachingAutotuner, "precompile", precompile), suppress(Launched):
        graph(*tensors_of(arguments))
    return found


def configuration(kernel, chosen, compiled):
    if not compiled:
        return Configuration(dict(chosen.kwargs), chosen.num_warps)
    binary = kernel._precompile_config(chosen).kernel
    used = *hopper.resources_of(binary.asm["cubin"]), binary.metadata.shared
    return Configuration(dict(chosen.kwargs), chosen.num_warps, *used)
