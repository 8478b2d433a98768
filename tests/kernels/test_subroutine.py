"""Functions that only kernels call: compiled once for their types, in the kernels alone, and not for Python."""

import gc
import os

import numpy as np
import pytest
from numba import njit, prange, types
from numba.core.errors import UnsupportedError
from numba.extending import intrinsic

from kernels.numba_cpu.runtime.subroutine import (
    INLINED,
    SUBROUTINE,
    KernelCompiler,
    Library,
    inlined,
    subroutine,
    uncollected,
)


@inlined
def power(x, exponent):
    result = 1.0
    for _ in range(exponent):
        result *= x
    return result


@subroutine
def polynomial(coefficients, x):
    total = 0.0
    for k in range(coefficients.size):
        total += coefficients[k] * power(x, k)
    return total + power(x, 2)


def polynomials(coefficients, x, out):
    for k in prange(x.size):
        out[k] = polynomial(coefficients, x[k])


# as kernels are compiled, but not kept on disk
as_kernel = njit(pipeline_class=KernelCompiler)
serial, parallel = as_kernel(polynomials), njit(pipeline_class=KernelCompiler, parallel=True)(polynomials)


def run(kernel):
    coefficients, x, out = np.array([0.5, -2.0, 3.0]), np.linspace(-1, 1, 50), np.zeros(50)
    kernel(coefficients, x, out)
    np.testing.assert_allclose(out, 0.5 - 2 * x + 4 * x**2, rtol=1e-14)


def test_a_kernel_has_its_subroutines_for_one_thread_and_for_all():
    run(serial)
    run(parallel)


def test_constants_dont_compile_a_subroutine_anew():
    run(serial)
    assert power.signatures == [(types.float64, types.int64)]


def test_a_subroutine_isnt_for_python():
    run(serial)
    with pytest.raises(TypeError, match="not callable"):
        power(2.0, 3)
    with pytest.raises(TypeError, match="not callable"):
        polynomial(np.ones(2), 1.0)


def test_any_jitted_function_may_call_one():
    run(njit(polynomials))
    run(as_kernel(polynomials))
    run(njit(polynomials))


def test_code_of_subroutines_is_optimised_in_the_kernel_alone():
    run(serial)
    (part,) = (compiled.library for compiled in polynomial.overloads.values())
    (whole,) = (compiled.library for compiled in serial.overloads.values())
    assert isinstance(part, Library)
    assert not isinstance(whole, Library)
    defined = [function.name for function in part.get_defined_functions()]
    assert len(defined) == 1  # what it calls is in the kernel
    assert "alloca" in part.get_llvm_str()  # as it was translated
    assert SUBROUTINE.items() <= INLINED.items()


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_collected_after_a_kernel_is_compiled_if_it_was_before(collects):
    during = []

    @intrinsic
    def note(typing, x):
        during.append(gc.isenabled())
        return types.none(x), lambda context, builder, signature, args: context.get_dummy_value()

    def noted(x):
        note(x)

    def refused(x):
        note(x)
        print(x)

    (gc.enable if collects else gc.disable)()
    try:
        as_kernel(noted)(1.0)
        with pytest.raises(UnsupportedError):
            as_kernel(refused)(1.0)
        assert gc.isenabled() == collects
    finally:
        gc.enable()
    assert set(during) == {False}


def test_garbage_is_collected_in_a_child_of_a_process_that_compiles():
    with uncollected():
        child = os.fork()
        if child == 0:
            os._exit(0 if gc.isenabled() else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_parts_do_when_they_are_loaded_their_kernel_does():
    """That of a parallel part starts threads, without which it crashes."""

    @njit(parallel=True)
    def total(x):
        result = 0.0
        for k in prange(x.size):
            result += x[k]
        return result

    @subroutine
    def part(x):
        return total(x) + 1

    @as_kernel
    def kernel(x):
        return part(x)

    assert kernel(np.ones(1000)) == 1001
    (alone,), (whole,) = total.overloads.values(), kernel.overloads.values()
    assert alone.library._reload_init
    assert whole.library._reload_init == alone.library._reload_init


def test_errors_of_subroutines_are_raised():
    @inlined
    def divided(x, y):
        return x // y

    @njit
    def kernel(x, y):
        return divided(x, y)

    assert kernel(7, 2) == 3
    with pytest.raises(ZeroDivisionError):
        kernel(7, 0)


@pytest.mark.parametrize("make", [subroutine, inlined, as_kernel])
def test_what_needs_an_environment_is_refused(make):
    """Printing and errors with values: code from a part, or from disk, hangs in them."""

    def prints(x):
        print("x is", x)

    def raises(x):
        if x > 5:
            raise ValueError("too large", x)

    def raises_a_constant(x):
        if x > 5:
            raise ValueError("too large")

    for function in (prints, raises):
        part = make(function)
        with pytest.raises(UnsupportedError, match=f"{function.__name__} has .*; accepted in kernels: neither print"):
            part.compile("(float64,)")
    kernel = njit(lambda x: part(x))
    part = make(raises_a_constant)
    with pytest.raises(ValueError, match="too large"):
        kernel(7.0)
