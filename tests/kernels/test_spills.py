"""`tools/spills.py`: what it counts in an assembly, and that filling a surface keeps no vector in memory."""

import platform

import pytest

from tests import processes
from tools import spills

ASSEMBLY = """
framed:
	pushq	%rbp
	movq	%rsp, %rbp
	vmovupd	%ymm0, -64(%rbp)
.LBB0_1:
	vaddpd	%ymm1, %ymm0, %ymm0
	.p2align	4, 0x90
.LBB0_2:
	vmovupd	(%rdi,%rax,8), %ymm2
	vmovups	%ymm2, 32(%rsp)
	vfmadd231pd	-64(%rbp), %ymm2, %ymm3
	vmovdqa	64(%rsp), %ymm4
	vmovsd	96(%rsp), %xmm5
	movq	%rcx, 104(%rsp)
	jne	.LBB0_2
	cmpq	%rsi, %rdx
	jne	.LBB0_1
	retq
frameless:
.LBB1_1:
	addq	$4, %rax
	je	.LBB1_1
	vmulpd	(%rbp), %ymm0, %ymm0
	vmulpd	(%rsp), %ymm0, %ymm0
	jmp	.LBB1_1
.LBB1_2:
	decq	%rax
	jne	.LBB1_2
.LBB1_3:
	vaddpd	%ymm1, %ymm0, %ymm0
	je	.LBB1_3
.LBB1_4:
	vaddpd	%ymm1, %ymm0, %ymm0
	jne	.LBB1_4
	jmp	.LBB1_3
"""


def test_vectors_on_the_stack_are_counted_in_inner_loops():
    """Not in a loop around another one, not scalars, not where %rbp points to anything; a loop that also goes on from
    its middle is one loop."""
    framed = spills.Loop(".LBB0_2", instructions=6, arithmetic=1, spills=3)
    frameless = spills.Loop(".LBB1_1", instructions=4, arithmetic=2, spills=1)
    assert spills.inner_loops(ASSEMBLY) == [framed, frameless, spills.Loop(".LBB1_4", 1, 1, 0)]


FILL = """
import json
import numpy as np
from kernels.mathematics.spectral import Basis
from kernels.numba_cpu.grid import interpolate
from tools import spills

values = interpolate.values_with_room((6, 6))
values[:] = 1.0
for dtype in (np.float32, np.float64):
    interpolate.fill_contiguous(values, *[Basis(np.ones((6, 70)), 70)] * 2, np.empty((70, 70), dtype), 0.0)
assemblies = interpolate.fill_bands.serial.inspect_asm().values()
print(json.dumps([spills.inner_loops(assembly) for assembly in assemblies]))
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="instructions of x86-64")
@pytest.mark.parametrize("processor", ["this one", "AVX2"])
def test_filling_keeps_no_vector_on_the_stack(processor, tmp_path):
    environment = processes.NARROW.get(processor, {})
    for loops in processes.printed_by(FILL, NUMBA_CACHE_DIR=str(tmp_path), **environment):
        found = [spills.Loop(*loop) for loop in loops]
        assert len(found) >= 2  # along s, and along t
        assert [loop.spills for loop in found] == [0] * len(found)
