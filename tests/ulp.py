"""Errors of elementary functions in units of the last place, against mpmath, and where they are looked for."""

import functools
import math

import mpmath
import numpy as np
from numba import from_dtype, njit

from kernels.numba_cpu.vector import elementary, memory, vector_type
from tests import oracle

LANES = 16
LN2 = math.log(2)
OVERFLOW = 709.782712893384  # log of the largest float64
SPECIAL = np.array([0.0, -0.0, 5e-324, -5e-324, 1e-310, -1e-310, 2.0**-53, -(2.0**-53), 2.0**-54, -(2.0**-54)])
FORMATS = {np.dtype(np.float64): (53, -1074, 1024), np.dtype(np.float32): (24, -149, 128)}


@functools.cache  # compiled once, whatever it is applied to
def applied(function, dtype=np.float64):
    """The function of vectors as one of arrays of any length; `log1p_scaled` takes an exponent too."""
    vector, load, store = vector_type.Vector(from_dtype(np.dtype(dtype)), LANES), memory.load, memory.store
    if function is elementary.log1p_scaled:

        @njit
        def kernel(x, second, out):
            for i in range(0, x.size, LANES):
                store(out, i, function(load(vector, x, i), load(vector, second, i)))
    else:

        @njit
        def kernel(x, second, out):
            for i in range(0, x.size, LANES):
                store(out, i, function(load(vector, x, i)))

    def apply(x, second=0.0):
        whole = -(-len(x) // LANES) * LANES
        columns = np.zeros((2, whole), dtype)
        columns[0, : len(x)], columns[1, : len(x)] = x, second
        out = np.full(whole, 77, dtype)
        kernel(*columns, out)
        return out[: len(x)]

    return apply


def ulp_error(got, want, dtype=np.float64):
    """|got - want| in units of the last place of `want`, those of denormals included; infinity stands for the power of
    two after the largest number, and all above."""
    if math.isnan(got):
        return math.inf
    digits, lowest, highest = FORMATS[np.dtype(dtype)]
    exact = max(mpmath.mpf(2) ** highest, want) if got == math.inf else mpmath.mpf(got)
    unit = max(mpmath.frexp(want)[1] - digits, lowest) if want else lowest
    return float(abs(exact - want) / mpmath.mpf(2) ** unit)


def worst_error(got, x, truth):
    """(ulp, x) of the largest error over the points `x`, in the units of the dtype of `got`."""
    with mpmath.workprec(oracle.BITS):
        pairs = zip(got.tolist(), x.tolist(), strict=True)
        errors = [ulp_error(value, truth(mpmath.mpf(v)), got.dtype) for value, v in pairs]
    k = int(np.argmax(errors))
    return errors[k], float(x[k])


def uniform(low, high, n=2000):
    return np.random.default_rng([7, n]).uniform(low, high, n)


def logarithmic(low, high, n=2000):
    """Both signs."""
    x = np.exp(uniform(math.log(low), math.log(high), n))
    x[::2] *= -1
    return x


def neighbours(points):
    """The floats next to each point, eight on either side."""
    points = np.asarray(points)
    return np.concatenate([points + k * np.spacing(points) for k in range(-8, 9)])
