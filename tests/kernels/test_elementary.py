"""Elementary functions in ulp against mpmath, no absolute tolerance; `pytest -s` prints the worst of each range."""

import functools

import mpmath
import numpy as np
import pytest
from numba import njit

from kernels.numba_cpu.vector import elementary, losses, operators
from tests import oracle, problems
from tests.ulp import LANES, LN2, OVERFLOW, SPECIAL, applied, logarithmic, neighbours, ulp_error, uniform, worst_error


@pytest.fixture(scope="module")
def compiled():
    """{name: function of arrays of any length} of each elementary function."""
    functions = {name: getattr(elementary, name) for name in ("exp", "exp_normal", "log1p_scaled")}
    return {name: applied(function) for name, function in (functions | {"softplus": softplus}).items()}


@njit
def softplus(z):
    """log(1 + e^z) as kernels have it, by the margin -z."""
    return losses.softplus_negative(-z, elementary.exp(-operators.absolute(z)))


def worst(name, where, got, x, truth):
    """The largest error in ulp over the points `x`, printed."""
    error, at = worst_error(got, x, truth)
    print(f"{name:14} {where:24} {error:.4f} ulp at {at!r}")
    return error


HALFWAY = neighbours((np.arange(-1021, 1023, 8) + 0.5) * LN2)  # where the reduction changes over
EXP_RANGES = {
    "near 0": (np.concatenate([SPECIAL, logarithmic(1e-320, 1e-3)]), 0.52),
    "up to 1": (uniform(-1, 1), 0.8),
    "normal results": (uniform(-708, 708), 0.8),
    "between multiples of ln 2": (HALFWAY, 0.8),
    "largest results": (np.concatenate([uniform(708, OVERFLOW), neighbours([OVERFLOW])]), 0.8),
    "denormal results": (uniform(-745.2, -708), 1.0),
    "next to zero": (
        np.concatenate([neighbours([-745.1332191019411, -744.4400719213812]), uniform(-746.5, -744)]),
        1.0,
    ),
}


@pytest.mark.parametrize("where", EXP_RANGES)
def test_exp(compiled, where):
    x, bound = EXP_RANGES[where]
    assert worst("exp", where, compiled["exp"](x), x, mpmath.exp) <= bound


@pytest.mark.parametrize("where", ["near 0", "up to 1", "normal results", "between multiples of ln 2"])
def test_exp_normal(compiled, where):
    x, bound = EXP_RANGES[where]
    x = x[np.abs(x) <= 708]
    assert worst("exp_normal", where, compiled["exp_normal"](x), x, mpmath.exp) <= bound


SINGLE_RANGES = {
    "near 0": np.concatenate([[0.0, -0.0], logarithmic(1e-44, 1e-3)]),
    "up to 1": uniform(-1, 1),
    "whole range": uniform(-87, 87),
    "between multiples of ln 2": ((np.arange(-125, 125) + 0.5) * LN2)[:, None].repeat(8, 1).ravel()
    * (1 + 6e-8 * np.tile(np.arange(-4, 4), 250)),
}


@pytest.mark.parametrize("where", SINGLE_RANGES)
def test_exp_single(where):
    """In ulp of float32."""
    x = SINGLE_RANGES[where].astype(np.float32)
    got = applied(elementary.exp_single, np.float32)(x)
    with mpmath.workprec(oracle.BITS):
        for value, v in zip(got.tolist(), x.tolist(), strict=True):
            error = ulp_error(value, mpmath.exp(mpmath.mpf(v)), np.float32)
            assert error <= 1.1, (v, error)


def test_exp_single_is_held_at_87_and_keeps_nan():
    x = np.array([87, 87.5, 200, 3e38, np.inf, np.nan, -87, -87.5, -3e38, -np.inf], np.float32)
    got = applied(elementary.exp_single, np.float32)(x)
    assert np.isnan(got).tolist() == np.isnan(x).tolist()
    assert len(set(got[:5])) == len(set(got[6:])) == 1
    np.testing.assert_allclose(got[[0, 6]], np.exp([87.0, -87.0]), rtol=1e-6)


EXP2_RANGES = {
    "near 0": lambda most, dtype: np.concatenate([[0.0, -0.0], logarithmic(float(np.finfo(dtype).tiny), 1e-3)]),
    "up to 1": lambda most, dtype: uniform(-1, 1),
    "up to all digits": lambda most, dtype: uniform(-60, 60),
    "normal results": lambda most, dtype: uniform(-most, most),
    "between whole numbers": lambda most, dtype: neighbours((np.arange(-most, most, most // 60) + 0.5).astype(dtype)),
}
MOST = {np.float32: 126, np.float64: 1022}


@functools.cache
def parts_of_exp2(name, dtype):
    """2^x and 1 + 2^x as functions of arrays, by AVX-512 if the machine has it, or by bits."""
    function = getattr(elementary, name)

    @njit
    def power(x):
        return function(x)[0]

    @njit
    def above(x):
        return function(x)[1]

    return applied(power, dtype), applied(above, dtype)


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("where", EXP2_RANGES)
@pytest.mark.parametrize("name", ["exp2", "exp2_by_bits"])
def test_exp2(name, where, dtype):
    """In ulp of the dtype."""
    power, above = parts_of_exp2(name, dtype)
    x = EXP2_RANGES[where](MOST[dtype], dtype).astype(dtype)
    x = x[np.abs(x) <= MOST[dtype]]
    assert worst(name, where, power(x), x, lambda v: mpmath.mpf(2) ** v) <= 1.2
    assert worst(name + ", above", where, above(x), x, lambda v: 1 + mpmath.mpf(2) ** v) <= 1.3


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("name", ["exp2", "exp2_by_bits"])
def test_exp2_beyond_the_normal_numbers(name, dtype):
    """Held above, as good as 0 below; NaN stays."""
    power, above = parts_of_exp2(name, dtype)
    most, largest = MOST[dtype], np.finfo(dtype).max
    x = np.array([most, most + 1, 2 * most, largest, np.inf, -most, -most - 1, -2 * most, -largest, -np.inf], dtype)
    x = np.append(x, np.array([np.nan, 0.0], dtype))
    for got, least in ((power(x), 0), (above(x), 1)):
        assert np.isfinite(got[:10]).all()
        assert (got[:5] >= 2.0**most).all()
        assert (got[5:10] >= least).all()
        assert (got[5:10] <= least + 2.0**-most).all()
        assert np.isnan(got[10])
        assert got[11] == 1 + least


def test_exp_beyond_the_range(compiled):
    x = np.array([709.79, 710.0, 711.0, 745.0, 1e4, 1e308, np.inf, -745.2, -746.0, -747.0, -1e4, -1e308, -np.inf, 0.0])
    assert compiled["exp"](x).tolist() == [np.inf] * 7 + [0.0] * 6 + [1.0]


def test_exp_normal_is_held_at_708(compiled):
    x = np.array([708.0, 708.1, 709.0, 745.0, 1e4, 1e308, np.inf])
    for sign in (1, -1):
        got = compiled["exp_normal"](sign * x)
        assert (got == got[0]).all()
        assert worst("exp_normal", "at the end", got[:1], sign * x[:1], mpmath.exp) <= 1


@pytest.mark.parametrize("name", ["exp", "exp_normal", "softplus", "log1p_scaled"])
def test_nan_is_kept_and_stays_in_its_lane(compiled, name):
    x = np.full(5 * LANES, 0.25)
    x[[0, 7, LANES, 3 * LANES - 1]] = np.nan
    got = compiled[name](x)
    assert np.isnan(got).tolist() == np.isnan(x).tolist()
    assert len(np.unique(got[~np.isnan(x)])) == 1


LOG1P_RANGES = {
    "near 0": np.concatenate([SPECIAL[SPECIAL >= 0], np.abs(logarithmic(1e-320, 1e-3))]),
    "up to 1/2": uniform(0, 0.5),
    "at the branch": neighbours([0.5]),
    "up to 1": np.concatenate([uniform(0.5, 1), 1 - np.arange(9) * 2.0**-53]),
}


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 10, 1023, 30_000])
@pytest.mark.parametrize("where", LOG1P_RANGES)
def test_log1p_scaled(compiled, where, exponent):
    h = LOG1P_RANGES[where]
    bound = 1.3 if exponent == 0 else 1.1

    def truth(v):
        return mpmath.log1p(v) + exponent * mpmath.ln2

    assert worst("log1p_scaled", f"{where}, 2^{exponent}", compiled["log1p_scaled"](h, exponent), h, truth) <= bound


def test_log1p_scaled_just_below_zero(compiled):
    """A product that rounds up to a power of two is normalised to slightly less than 1."""
    h = -(2.0 ** -np.arange(53.0, 70.0))

    def truth(v):
        return mpmath.log1p(v) + 3 * mpmath.ln2

    assert worst("log1p_scaled", "below 0, 2^3", compiled["log1p_scaled"](h, 3), h, truth) <= 1


SOFTPLUS_RANGES = {
    "near 0": (np.concatenate([SPECIAL, logarithmic(1e-320, 1e-3)]), 1.5),
    "up to 1": (uniform(-1, 1), 2.0),
    "at the branch": (neighbours([LN2, -LN2]), 2.0),
    "up to 40": (uniform(-40, 40), 2.0),
    "normal results": (uniform(-708, 800), 2.0),
    "denormal results": (uniform(-745.2, -708), 1.0),
    "next to zero": (uniform(-746.5, -744), 1.0),
    "linear": (np.abs(logarithmic(40, 1e308)), 0.5),
}


@pytest.mark.parametrize("where", SOFTPLUS_RANGES)
def test_softplus(compiled, where):
    x, bound = SOFTPLUS_RANGES[where]

    def truth(z):
        return max(z, 0) + mpmath.log1p(mpmath.exp(-abs(z)))

    assert worst("softplus", where, compiled["softplus"](x), x, truth) <= bound


def test_softplus_at_the_ends(compiled):
    x = np.array([np.inf, 1e308, -746.0, -1e4, -1e308, -np.inf])
    assert compiled["softplus"](x).tolist() == [np.inf, 1e308, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(("low", "high"), [(-1e-3, 0.0), (-1.0, 0.0), (-87.0, 0.0)])
def test_exp_negative_of_float32(low, high):
    x = np.append(uniform(low, high), 0.0).astype(np.float32)
    with mpmath.workprec(oracle.BITS):
        want = np.array([float(mpmath.exp(float(v))) for v in x])
    got = applied(elementary.exp_negative, np.float32)(x)
    assert (np.abs(got - want) <= 1.0 * np.spacing(want.astype(np.float32))).all()
    assert got[-1] == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp_negative_of_what_is_far_below(dtype):
    got = applied(elementary.exp_negative, dtype)(np.array([-1e4, -np.inf, np.nan, -800], dtype))
    assert np.isnan(got[2])
    assert got[[0, 1, 3]].tolist() == [0, 0, 0]


@njit(forceinline=True)
def power_in_range(x):
    return elementary.exp_in_range(x)[0]


@njit(forceinline=True)
def sigmoid_in_range(x):
    return 1.0 / elementary.exp_in_range(-x)[1]


@pytest.mark.parametrize("where", ["near 0", "up to 1", "normal results", "between multiples of ln 2"])
def test_exp_in_range_and_the_sigmoid(where):
    x, _ = EXP_RANGES[where]
    x = x[np.abs(x) <= 708]
    assert worst("exp_in_range", where, applied(power_in_range)(x), x, mpmath.exp) <= 1.25
    assert worst("sigmoid", where, applied(sigmoid_in_range)(x), x, lambda v: 1 / (1 + mpmath.exp(-v))) <= 2
    assert np.isnan(applied(power_in_range)(np.array([np.nan]))).all()


@njit(forceinline=True)
def sigmoid_of_pass(z):
    e = elementary.exp_negative(-operators.absolute(z))
    return elementary.over_one_plus(e, operators.select(z > 0.0, 1.0, e))


@pytest.mark.parametrize("where", ["near 0", "up to 1", "normal results", "between multiples of ln 2"])
def test_sigmoid_of_a_pass(where):
    x, _ = EXP_RANGES[where]
    x = np.append(x[np.abs(x) <= 708], [-7.624427696939503, -4.154446167677004])  # where rounding 1 + e costs most
    assert worst("sigmoid", where, applied(sigmoid_of_pass)(x), x, lambda v: 1 / (1 + mpmath.exp(-v))) <= 2


def test_sigmoid_of_a_pass_in_float32():
    """At every 19th float of those whose result is neither 1/2 nor that of exp, against float64."""
    first, last = np.array([2.0**-12, 40], np.float32).view(np.int32)
    z = -np.append(np.arange(first, last, 19, dtype=np.int32).view(np.float32), np.float32([6.237699, 3.4594405]))
    want = 1 / (1 + np.exp(-z.astype(np.float64)))
    _, exponent = np.frexp(want)
    error = np.abs(applied(sigmoid_of_pass, np.float32)(z) - want) / np.ldexp(1.0, exponent - 24)
    print(f"{error.max():.4f} ulp at {z[error.argmax()]!r}")
    assert error.max() <= 2
