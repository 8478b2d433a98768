"""The two kernels of one body, for one thread and for all: what they hold, and which of them is launched."""

import pytest

from kernels.numba_cpu.grid.elementwise import add_rows
from kernels.numba_cpu.runtime import launch


def test_kernels_let_other_threads_of_python_run():
    assert [kernel.targetoptions["nogil"] for kernel in add_rows] == [True, True]


@pytest.mark.parametrize("forked", [False, True])
@pytest.mark.parametrize("work", [launch.SERIAL_WORK - 1, launch.SERIAL_WORK])
def test_all_threads_are_for_much_work_and_not_after_a_fork(work, forked, monkeypatch):
    calls = []
    kernel = launch.ParallelKernel(lambda *_: calls.append("serial"), lambda *_: calls.append("parallel"))
    monkeypatch.setattr(launch.Launches, "forked", forked)
    launch.launch(kernel, work)
    assert calls == ["serial" if forked or work < launch.SERIAL_WORK else "parallel"]
