"""Writes the errors of exp, log1p, softplus and sigmoid, as the kernels compute them, into docs/accuracy.md:
`python -m bench.accuracy`, from the checkout."""

from typing import Any, NamedTuple

import mpmath
import numpy as np
from numba import njit

from bench.measured import ROOT
from kernels.numba_cpu.training.one_feature import probabilities_in_range
from kernels.numba_cpu.vector.elementary import (
    exp,
    exp2,
    exp_negative,
    exp_normal,
    log1p_scaled,
    over_one_plus,
)
from kernels.numba_cpu.vector.losses import softplus_negative
from kernels.numba_cpu.vector.operators import absolute, select
from tests.ulp import LN2, OVERFLOW, applied, logarithmic, neighbours, uniform, worst_error

POINTS = 20_000  # in each range
HEADER = f"""# Accuracy

Largest errors of the elementary functions, as the kernels compute them, in units of the last place (ulp), against
mpmath with 128 bits: at {POINTS:,} random points of each range and at the floats next to its ends and to where the
reduction of the argument changes. Of denormal results the unit is that of the denormal numbers; infinity stands for the
power of two after the largest number. Beyond ±708 in float64, or ±87 in float32, all but exp and softplus take the
argument as that number. Written by `python -m bench.accuracy`.

| function | kernels | dtype | range | ulp | at |
| --- | --- | --- | --- | ---: | ---: |"""


class Row(NamedTuple):
    """A function of vectors as printed and as it is, the kernels that call it, its truth, and {range: points}."""

    name: str
    function: Any
    kernels: str
    truth: Any
    ranges: dict
    dtype: Any = np.float64


@njit
def sigmoid_of_pass(z):
    e = exp_negative(-absolute(z))
    return over_one_plus(e, select(z > 0.0, 1.0, e))


@njit
def sigmoid_of_short_step(z):
    return probabilities_in_range(-z).wrong


@njit
def softplus(z):
    return softplus_negative(-z, exp(-absolute(z)))


@njit
def sigmoid_of_power(z):
    _, above = exp2(-z)
    return 1.0 / above


@njit
def exp2_alone(z):
    power, _ = exp2(z)
    return power


@njit
def log1p(h):
    return log1p_scaled(h, h * 0.0)


def sigmoid(z):
    return 1 / (1 + mpmath.exp(-z))


def power_of_two(z):
    return mpmath.mpf(2) ** z


def sigmoid_base_2(z):
    return 1 / (1 + power_of_two(-z))


def log_of_sum(z):
    return max(z, 0) + mpmath.log1p(mpmath.exp(-abs(z)))


def between(low, high, dtype=np.float64):
    """Points of the range, and those next to its ends and to where the reduction by multiples of ln 2 changes."""
    changes = (np.arange(np.ceil(low / LN2), np.floor(high / LN2), 4) + 0.5) * LN2
    special = neighbours(np.append(changes, [low, high]).astype(dtype))
    points = np.concatenate([uniform(low, high, POINTS).astype(dtype), special])
    return points[(low <= points) & (points <= high)]


def halfway(low, high, dtype=np.float64):
    """The same of the reduction by whole numbers."""
    return np.append(between(low, high, dtype), neighbours((np.arange(low, high, 4) + 0.5).astype(dtype)))


def tiny(smallest, dtype=np.float64):
    points = np.append(logarithmic(smallest, 1e-3, POINTS), [0.0, smallest, -smallest])
    return points.astype(dtype)


DENORMAL, DENORMAL_32 = 5e-324, 1.4e-45
NORMAL = {"±1e-3, denormal too": tiny(DENORMAL), "[-1, 1]": between(-1.0, 1.0), "[-708, 708]": between(-708.0, 708.0)}
NORMAL_32 = {
    "±1e-3, denormal too": tiny(DENORMAL_32, np.float32),
    "[-1, 1]": between(-1.0, 1.0, np.float32),
    "[-22, 22]": between(-22.0, 22.0, np.float32),
    "[-87, 87]": between(-87.0, 87.0, np.float32),
}
LARGEST = {
    "[708, 709.78], largest results": between(708.0, OVERFLOW),
    "[709.78, 711], overflow": between(OVERFLOW, 711.0),
}
LOWEST = {"[-746, -708], denormal results": between(-746.0, -708.0)}
UNIT = {"[0, 1e-3], denormal too": np.abs(tiny(DENORMAL)), "[0, 1]": between(0.0, 1.0)}
UNIT_32 = {"[0, 1e-3], denormal too": np.abs(tiny(DENORMAL_32, np.float32)), "[0, 1]": between(0.0, 1.0, np.float32)}
POWERS = {
    "±1e-3, denormal too": tiny(DENORMAL),
    "[-1, 1]": between(-1.0, 1.0),
    "[-1022, 1022]": halfway(-1022.0, 1022.0),
}
POWERS_32 = {
    "±1e-3, denormal too": tiny(DENORMAL_32, np.float32),
    "[-1, 1]": between(-1.0, 1.0, np.float32),
    "[-32, 32]": halfway(-32.0, 32.0, np.float32),
    "[-126, 126]": halfway(-126.0, 126.0, np.float32),
}
NEGATIVE_32 = {name: -np.abs(points) for name, points in NORMAL_32.items()}
ROWS = (
    Row("exp", exp, "surfaces", mpmath.exp, NORMAL | LARGEST | LOWEST),
    Row("exp", exp_normal, "passes, runs", mpmath.exp, NORMAL),
    Row("exp of -\\|z\\|", exp_negative, "passes", mpmath.exp, NEGATIVE_32, np.float32),
    Row("2^z", exp2_alone, "ensembles", power_of_two, POWERS),
    Row("2^z", exp2_alone, "ensembles", power_of_two, POWERS_32, np.float32),
    Row("log1p", log1p, "surfaces, passes, runs", mpmath.log1p, UNIT),
    Row("log1p", log1p, "weighted passes", mpmath.log1p, UNIT_32, np.float32),
    Row("softplus", softplus, "surfaces", log_of_sum, NORMAL | LOWEST),
    Row("sigmoid", sigmoid_of_pass, "passes, runs", sigmoid, NORMAL),
    Row("sigmoid", sigmoid_of_short_step, "runs of one feature", sigmoid, NORMAL),
    Row("1 / (1 + 2^-z)", sigmoid_of_power, "ensembles", sigmoid_base_2, POWERS),
    Row("sigmoid", sigmoid_of_pass, "passes", sigmoid, NORMAL_32, np.float32),
    Row("1 / (1 + 2^-z)", sigmoid_of_power, "ensembles", sigmoid_base_2, POWERS_32, np.float32),
)


def main():
    lines = [line for row in ROWS for line in lines_of(row)]
    (ROOT / "docs" / "accuracy.md").write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    print("\n".join(lines))


def lines_of(row):
    function, dtype = applied(row.function, row.dtype), np.dtype(row.dtype)
    for where, points in row.ranges.items():
        ulp, at = worst_error(function(points), points, row.truth)
        at = np.format_float_scientific(dtype.type(at), unique=True)
        yield f"| {row.name} | {row.kernels} | {dtype} | {where} | {ulp:.2f} | {at} |"


if __name__ == "__main__":
    main()
