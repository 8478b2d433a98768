"""The tests' use of Triton's interpreter."""

import operator
from types import SimpleNamespace

import numpy as np
import pytest

from tests import interpreter, processes


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_element_is_an_index(shape):
    class Tensor:
        handle = SimpleNamespace(data=np.full(shape, 2**31 + 1))

    known = []
    interpreter.with_index(lambda *seen: known.append(seen))(Tensor, scope := SimpleNamespace(set_attr=setattr))
    assert known == [(Tensor, scope)]
    assert operator.index(Tensor()) == 2**31 + 1


def test_nothing_is_interpreted_where_triton_compiles():
    """As on a machine with a card: compiled kernels don't take CPU tensors."""
    pytest.importorskip("triton", reason="Triton is not installed")
    arguments = ["-rs", "-m", "not cuda", "-k", "test_members_in_many_launches", "tests/kernels/test_triton.py"]
    source = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    done = processes.run_python(source, *arguments, TRITON_INTERPRET="0")
    assert done.returncode == 0
    assert "Triton compiles for a card; TRITON_INTERPRET=1 has it interpret" in done.stdout
    assert "1 skipped, " in done.stdout
