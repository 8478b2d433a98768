"""What Triton kernels take of a card of compute capability 9.0, compiled for one without having one.

A launch becomes a compilation for its very arguments: constants, block sizes and alignment are those that the library
chooses. Needs CPU tensors, and a process in which Triton isn't interpreted (TRITON_INTERPRET=0).
"""

import re
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import triton
from triton.backends.compiler import GPUTarget

TOOL = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"


class Compiled(NamedTuple):
    """A kernel's name, registers of a thread, bytes of stack of a thread (what registers spill), bytes of shared memory
    of a program and its warps, and its code in PTX."""

    name: str
    registers: int
    stack: int
    shared: int
    warps: int
    ptx: str


class Driver:
    """As much of a CUDA driver as Triton asks when it compiles."""

    def get_current_target(self):
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0


class Launcher(NamedTuple):
    """Compiles a kernel where it would be launched."""

    kernel: triton.JITFunction
    found: list

    def __getitem__(self, grid):
        return self.launch

    def launch(self, *arguments, **options):
        binary = self.kernel.warmup(*arguments, grid=(1,), **options)
        shared, warps = binary.metadata.shared, binary.metadata.num_warps
        used = *resources_of(binary.asm["cubin"]), shared, warps
        self.found.append(Compiled(self.kernel.__name__, *used, binary.asm["ptx"]))


def resources_of(cubin):
    """Registers and bytes of stack of a thread."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        done = subprocess.run([TOOL, "-res-usage", file.name], capture_output=True, text=True, check=True)
    return tuple(map(int, re.search(r"REG:(\d+) STACK:(\d+)", done.stdout).groups()))


@contextmanager
def compiling(*modules):
    """Within it, what these modules would launch is compiled; gives the growing list of each Compiled."""
    found = []
    triton.runtime.driver.set_active(Driver())
    with ExitStack() as stack:
        for module in modules:
            stack.enter_context(patch.object(module, "wrap_triton", lambda kernel: Launcher(kernel, found)))
        yield found
