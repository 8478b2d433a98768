"""Vector values against NumPy, lane by lane: every operator and function, every dtype, one register and several."""

import operator

import mpmath
import numpy as np
import pytest
from numba import njit, types

from kernels.numba_cpu.vector import matrices, memory, operators, panels, vector_type
from kernels.numba_cpu.vector.vector_type import Vector
from tests import problems, processes

REALS = (types.float32, types.float64)
INTEGERS = (types.int32, types.int64)
LANES = (2, 8, 64)  # 64 are more than any register holds
SPECIAL = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, -2.5, 1e30, 3.0, 0.1)


def numpy_dtype(dtype):
    return np.dtype(str(dtype))


def operands(dtype, lanes, seed=0):
    """Two arrays of `lanes` values whose pairs include those of special values."""
    rng = np.random.default_rng([seed, lanes])
    real = isinstance(dtype, types.Float)
    choice = np.array(SPECIAL if real else [0, 1, -1, 7, -8, 2**31 - 1, -(2**31), 3])
    values = rng.choice(choice, (2, lanes)) if seed % 2 else rng.normal(size=(2, lanes)) * (1 if real else 1000)
    with np.errstate(all="ignore"):
        return values.astype(numpy_dtype(dtype))


def same(got, want):
    """Equal bits, but for the payload of a NaN."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.dtype == want.dtype
    unequal = ~((got == want) & (np.signbit(got) == np.signbit(want)) | ((got != got) & (want != want)))
    assert not unequal.any(), f"lanes {np.flatnonzero(unequal)}: got {got[unequal]}, want {want[unequal]}"


def binary_kernel(functions, vector, result):
    """Writes function(vector, vector), (vector, scalar), (scalar, vector) to three rows of `out` for each of four."""
    first, second, third, fourth = functions
    load, store, lanes = memory.load, memory.store, vector.lanes

    @njit
    def kernel(x, y, scalar, out):
        a, b = load(vector, x, 0), load(vector, y, 0)
        store(out, 0, result(first(a, b)))
        store(out, lanes, result(first(a, scalar)))
        store(out, 2 * lanes, result(first(scalar, b)))
        store(out, 3 * lanes, result(second(a, b)))
        store(out, 4 * lanes, result(second(a, scalar)))
        store(out, 5 * lanes, result(second(scalar, b)))
        store(out, 6 * lanes, result(third(a, b)))
        store(out, 7 * lanes, result(third(a, scalar)))
        store(out, 8 * lanes, result(third(scalar, b)))
        store(out, 9 * lanes, result(fourth(a, b)))
        store(out, 10 * lanes, result(fourth(a, scalar)))
        store(out, 11 * lanes, result(fourth(scalar, b)))

    return kernel


def check_operators(kernel, functions, x, y, scalar, dtype=None):
    scalar = x.dtype.type(scalar)
    out = np.full((12, len(x)), 77, dtype or x.dtype)
    kernel(x, y, scalar, out)
    everywhere = np.full_like(x, scalar)
    for k, function in enumerate(functions):
        with np.errstate(all="ignore"):
            want = np.stack([function(x, y), function(x, everywhere), function(everywhere, y)])
        same(out[3 * k : 3 * k + 3], want.astype(out.dtype))


@njit
def as_it_is(value):
    return value


@njit
def mask_to_number(mask):
    return operators.select(mask, 1.0, 0.0)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", REALS, ids=str)
def test_arithmetic_of_reals(dtype, lanes):
    functions = (operator.add, operator.sub, operator.mul, operator.truediv)
    kernel = binary_kernel(functions, Vector(dtype, lanes), as_it_is)
    for seed in range(6):
        x, y = operands(dtype, lanes, seed)
        for scalar in (y[0], 0.1):
            check_operators(kernel, functions, x, y, scalar)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_arithmetic_of_integers(dtype, lanes):
    functions = (operator.add, operator.sub, operator.mul, operator.and_)
    kernel = binary_kernel(functions, Vector(dtype, lanes), as_it_is)
    for seed in range(6):
        x, y = operands(dtype, lanes, seed)
        check_operators(kernel, functions, x, y, y[0])


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_shifts_are_arithmetic(dtype, lanes):
    functions = (operator.lshift, operator.rshift, operator.or_, operator.sub)
    kernel = binary_kernel(functions, Vector(dtype, lanes), as_it_is)
    counts = (np.arange(lanes) % numpy_dtype(dtype).itemsize * 7).astype(numpy_dtype(dtype))
    for seed in range(4):
        check_operators(kernel, functions, operands(dtype, lanes, seed)[0], counts, 5)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", REALS + INTEGERS, ids=str)
def test_comparisons_are_false_for_nan(dtype, lanes):
    functions = (operator.lt, operator.gt, operator.ge, operator.eq)
    kernel = binary_kernel(functions, Vector(dtype, lanes), mask_to_number)
    for seed in range(6):
        x, y = operands(dtype, lanes, seed)
        y[: lanes // 2] = x[: lanes // 2]
        check_operators(kernel, functions, x, y, y[-1], np.float64)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", REALS, ids=str)
def test_functions_of_reals(dtype, lanes):
    vector, load, store = Vector(dtype, lanes), memory.load, memory.store

    @njit
    def kernel(x, y, z, scalar, out):
        a, b, c = load(vector, x, 0), load(vector, y, 0), load(vector, z, 0)
        store(out, 0, -a)
        store(out, lanes, operators.absolute(a))
        store(out, 2 * lanes, operators.select(a > b, a, b))
        store(out, 3 * lanes, operators.select((a > b) & (b > c), a, scalar))
        store(out, 4 * lanes, operators.select((a > b) | (b > c), scalar, b))
        store(out, 5 * lanes, operators.splat(vector, scalar))
        store(out, 6 * lanes, operators.from_bits(operators.bits(a)))

    for seed in range(4):
        (x, y), (z, _) = operands(dtype, lanes, seed), operands(dtype, lanes, seed + 4)
        scalar = x.dtype.type(0.1)
        out = np.full((7, lanes), 99, x.dtype)
        kernel(x, y, z, scalar, out)
        larger, falling = x > y, y > z
        rows = [
            -x,
            np.abs(x),
            np.where(larger, x, y),
            np.where(larger & falling, x, scalar),
            np.where(larger | falling, scalar, y),
            np.full_like(x, scalar),
            x,
        ]
        same(out, np.stack(rows))


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize(("real", "integer"), list(zip(REALS, INTEGERS, strict=True)), ids=str)
def test_bits_and_conversions(real, integer, lanes):
    reals, integers, load, store = Vector(real, lanes), Vector(integer, lanes), memory.load, memory.store

    @njit
    def kernel(x, n, bits, numbers, floats, patterns):
        store(bits, 0, operators.bits(load(reals, x, 0)))
        store(numbers, 0, operators.lane_numbers(integers))
        store(floats, 0, operators.to_float(load(integers, n, 0)))
        store(patterns, 0, operators.from_bits(load(integers, n, 0)))

    for seed in range(4):
        (x, _), (n, _) = operands(real, lanes, seed), operands(integer, lanes, seed)
        bits, numbers, floats, patterns = np.zeros_like(n), np.zeros_like(n), np.zeros_like(x), np.zeros_like(x)
        kernel(x, n, bits, numbers, floats, patterns)
        same(bits, x.view(n.dtype))
        same(numbers, np.arange(lanes, dtype=n.dtype))
        same(floats, n.astype(x.dtype))
        same(patterns.view(n.dtype), n)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", REALS, ids=str)
def test_fma_rounds_once(dtype, lanes):
    """(1 + e)(1 - e) - 1 is -e^2, which two roundings lose; scalars may stand in any place."""
    vector, load, store = Vector(dtype, lanes), memory.load, memory.store

    @njit
    def kernel(x, y, z, scalar, out):
        a, b, c = load(vector, x, 0), load(vector, y, 0), load(vector, z, 0)
        store(out, 0, operators.fma(a, b, c))
        store(out, lanes, operators.fma(a, b, scalar))
        store(out, 2 * lanes, operators.fma(a, scalar, c))
        store(out, 3 * lanes, operators.fma(scalar, b, c))

    scalar_type = numpy_dtype(dtype).type
    step = scalar_type(np.finfo(scalar_type).eps * 4) * np.arange(1, lanes + 1, dtype=scalar_type)
    one, out = scalar_type(1), np.full((4, lanes), np.nan, scalar_type)
    kernel(one + step, one - step, np.full_like(step, -1), -one, out)
    same(out[:2], np.stack([-(step**2)] * 2))
    kernel(one + step, one - step, np.full_like(step, 2), scalar_type(3), out)
    same(out[2:], np.stack([3 * (one + step) + 2, 3 * (one - step) + 2]))


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", REALS, ids=str)
def test_total_is_the_sum_by_halves(dtype, lanes):
    vector, load, total = Vector(dtype, lanes), memory.load, operators.total

    @njit
    def kernel(x):
        return total(load(vector, x, 0))

    x, _ = operands(dtype, lanes, 2)
    want = x
    while len(want) > 1:
        want = want[: len(want) // 2] + want[len(want) // 2 :]
    assert kernel(x) == want[0]


@pytest.mark.parametrize("lanes", [*LANES, 64, 128])
@pytest.mark.parametrize("dtype", REALS, ids=str)
def test_lanes_set_counts_them(dtype, lanes):
    vector, load, count_true = Vector(dtype, lanes), memory.load, operators.count_true

    @njit
    def kernel(x):
        return count_true(load(vector, x, 0) > 0.0)

    for share in (0.0, 0.1, 0.5, 1.0):
        x = np.where(np.random.default_rng(lanes).uniform(size=lanes) < share, 1, -1).astype(numpy_dtype(dtype))
        assert kernel(x) == np.count_nonzero(x > 0)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", REALS + INTEGERS, ids=str)
def test_load_and_store_at_any_index(dtype, lanes):
    vector, load, store = Vector(dtype, lanes), memory.load, memory.store

    @njit
    def kernel(x, index, out, to):
        store(out, to, load(vector, x, index))

    x = np.arange(3 * lanes + 5).astype(numpy_dtype(dtype))
    for index, to in ((0, 0), (1, 0), (3, 5), (2 * lanes + 5, 2 * lanes + 5)):
        out = np.full_like(x, 77)
        kernel(x, index, out, to)
        want = np.full_like(x, 77)
        want[to : to + lanes] = x[index : index + lanes]
        same(out, want)


@pytest.mark.parametrize("lanes", LANES)
def test_float32_is_widened_exactly(lanes):
    vector, mask_vector = Vector(types.float64, lanes), Vector(types.int64, lanes)

    @njit
    def kernel(x, count, out):
        live = operators.lane_numbers(mask_vector) < count
        memory.store(out, 0, memory.load(vector, x, 0))
        memory.store(out, lanes, memory.load_where(vector, x, 0, live))

    for seed in range(2):
        x, _ = operands(types.float32, lanes, seed)
        for count in (0, 1, lanes - 1, lanes):
            out = np.full((2, lanes), 99.0)
            kernel(x, count, out)
            same(out, np.stack([x.astype(np.float64), np.where(np.arange(lanes) < count, x, 0).astype(np.float64)]))


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", REALS, ids=str)
def test_load_where_gives_zero_elsewhere(dtype, lanes):
    """Any mask, not only leading lanes; NaN where it isn't set stays unseen."""
    vector, load, store = Vector(dtype, lanes), memory.load, memory.store

    @njit
    def kernel(x, keys, index, out):
        mask = load(vector, keys, 0) > 0.0
        store(out, 0, memory.load_where(vector, x, index, mask))

    rng = np.random.default_rng(lanes)
    for index in (0, 3):
        keys = rng.choice([-1.0, 1.0], lanes).astype(numpy_dtype(dtype))
        values = rng.normal(size=lanes).astype(keys.dtype)
        x = np.full(lanes + 3, np.nan, keys.dtype)
        x[index : index + lanes] = np.where(keys > 0, values, np.nan)
        out = np.full(lanes, 99, keys.dtype)
        kernel(x, keys, index, out)
        same(out, np.where(keys > 0, values, 0).astype(keys.dtype))


LOAD_AT_THE_END_OF_MEMORY = """
import numpy as np
from numba import njit, types
from kernels.numba_cpu.vector.vector_type import Vector
from kernels.numba_cpu.vector.operators import lane_numbers
from kernels.numba_cpu.vector.memory import load_where, store
from tests.problems import at_the_end_of_memory

REALS, NUMBERS = Vector(types.float64, 8), Vector(types.int64, 8)

@njit
def kernel(x, index, out):
    store(out, 0, load_where(REALS, x, index, lane_numbers(NUMBERS) < x.size - index))

for dtype in (np.float32, np.float64):
    for size in range(1, 10):
        x, out = at_the_end_of_memory(np.arange(1, size + 1, dtype=dtype)), np.empty(8)
        kernel(x, max(0, size - 3), out)
        assert out[: min(3, size)].tolist() == x[-3:].tolist() and not out[3:].any()
"""


def test_load_where_reads_nothing_else():
    assert processes.run_python(LOAD_AT_THE_END_OF_MEMORY).returncode == 0


# Misuse that would otherwise give wrong numbers or write beyond an array


def refuses(kernel, *arguments):
    with pytest.raises(Exception, match=r"."):
        kernel(*arguments)


def test_total_refuses_lanes_that_cannot_be_halved():
    vector, load, total = Vector(types.float64, 6), memory.load, operators.total

    @njit
    def kernel(x):
        return total(load(vector, x, 0))

    refuses(kernel, np.ones(6))


def test_store_rounds_to_the_dtype_of_the_array():
    vector, load, store = Vector(types.float64, 4), memory.load, memory.store

    @njit
    def kernel(x, out):
        store(out, 0, load(vector, x, 0))

    x, out = np.random.default_rng(0).normal(size=4), np.full(6, np.nan, np.float32)
    kernel(x, out)
    np.testing.assert_array_equal(out[:4], x.astype(np.float32))
    assert np.isnan(out[4:]).all()


def test_load_refuses_strided_arrays():
    vector, load, store = Vector(types.float64, 4), memory.load, memory.store

    @njit
    def kernel(x, out):
        store(out, 0, load(vector, x, 0))

    refuses(kernel, np.arange(8.0)[::2], np.zeros(4))


# Matrices


@pytest.mark.parametrize("stride", [4, 7])
@pytest.mark.parametrize("count", [2, 8, 32])
@pytest.mark.parametrize(("stored", "dtype"), [(d, d) for d in REALS] + [(types.float32, types.float64)], ids=str)
def test_rows(stored, dtype, count, stride):
    """`count` rows of 4, loaded whole and in some columns, their sums, and matrices of equal rows and columns."""
    rows, columns = Vector(dtype, count), Vector(dtype, 4)

    @njit
    def kernel(x, a, b, out, sums):
        live = operators.lane_numbers(columns) < 3
        matrix = matrices.load_rows(rows, columns, x, 1, stride)
        row, column = memory.load(columns, a, 0), memory.load(rows, b, 0)
        memory.store(out, 0, matrix)
        memory.store(out, 4 * count, matrices.load_rows_where(rows, columns, x, 1, stride, live))
        memory.store(out, 8 * count, matrices.in_every_row(rows, row))
        memory.store(out, 12 * count, matrices.in_every_column(columns, column))
        memory.store(sums, 0, matrices.row_totals(rows, matrix))
        memory.store(sums, count, matrices.column_totals(columns, matrix))

    rng = np.random.default_rng(count)
    x = rng.integers(-99, 99, 1 + (count - 1) * stride + 4).astype(numpy_dtype(stored))  # sums are exact
    a, b = (rng.normal(size=n).astype(numpy_dtype(dtype)) for n in (4, count))
    out, sums = np.full((4, count, 4), np.nan, a.dtype), np.full(count + 4, np.nan, a.dtype)
    kernel(x, a, b, out, sums)
    matrix = np.stack([x[1 + k * stride : 5 + k * stride] for k in range(count)]).astype(a.dtype)
    same(out[0], matrix)
    same(out[1], np.where(np.arange(4) < 3, matrix, a.dtype.type(0)))
    same(out[2], np.tile(a, (count, 1)))
    same(out[3], np.repeat(b[:, None], 4, axis=1))
    same(sums, np.concatenate([matrix.sum(axis=1), matrix.sum(axis=0)]))


@pytest.mark.parametrize(("rows_of_run", "runs"), [(1, 4), (2, 4), (4, 2), (4, 1)])
@pytest.mark.parametrize(("stored", "dtype"), [(d, d) for d in REALS] + [(types.float32, types.float64)], ids=str)
def test_rows_of_runs(stored, dtype, runs, rows_of_run):
    """Of 4, 7 elements from one another in a run; in each round of a loop those that follow."""
    count, rounds = runs * rows_of_run, 3
    rows, run, columns = Vector(dtype, count), Vector(dtype, rows_of_run), Vector(dtype, 4)
    apart = rounds * rows_of_run * 7

    @njit
    def kernel(x, out):
        live = operators.lane_numbers(columns) < 3
        for k in range(rounds):
            index = 1 + k * rows_of_run * 7
            memory.store(out, 8 * count * k, matrices.load_runs(rows, run, columns, x, (index, 7, apart)))
            some = matrices.load_runs_where(rows, run, columns, x, (index, 7, apart), live)
            memory.store(out, 8 * count * k + 4 * count, some)

    x = np.random.default_rng(runs).normal(size=1 + (runs - 1) * apart + (rounds * rows_of_run - 1) * 7 + 4)
    x, out = x.astype(numpy_dtype(stored)), np.full((rounds, 2, count, 4), np.nan, numpy_dtype(dtype))
    kernel(problems.at_the_end_of_memory(x), out)
    for k in range(rounds):
        starts = [1 + r * apart + (k * rows_of_run + i) * 7 for r in range(runs) for i in range(rows_of_run)]
        matrix = np.stack([x[start : start + 4] for start in starts]).astype(out.dtype)
        same(out[k], np.stack([matrix, np.where(np.arange(4) < 3, matrix, out.dtype.type(0))]))


@pytest.mark.parametrize("dtype", REALS, ids=str)
@pytest.mark.parametrize("count", [2, 4, 8])
def test_scaled_rows_are_added(count, dtype):
    rows, columns, both = Vector(dtype, count), Vector(dtype, 4), Vector(dtype, 4 * count)

    @njit
    def kernel(sums, x, scales, out):
        matrix = matrices.in_every_column(columns, memory.load(rows, scales, 0))
        memory.store(out, 0, matrices.add_scaled_rows(memory.load(columns, sums, 0), memory.load(both, x, 0), matrix))

    rng = np.random.default_rng(count)
    sums, x, scales = (rng.integers(-99, 99, n).astype(numpy_dtype(dtype)) for n in (4, 4 * count, count))
    out = np.full(4, np.nan, sums.dtype)
    kernel(sums, x, scales, out)
    same(out, sums + scales @ x.reshape(count, 4))


def test_rows_are_read_where_the_mask_is_set_alone():
    rows, columns = Vector(types.float64, 4), Vector(types.float64, 8)

    @njit
    def kernel(x, count, out):
        live = operators.lane_numbers(columns) < count
        memory.store(out, 0, matrices.load_rows_where(rows, columns, x, 0, 5, live))

    x, out = problems.at_the_end_of_memory(np.arange(20.0)), np.full((4, 8), np.nan)
    kernel(x, 5, out)
    same(out, np.pad(np.arange(20.0).reshape(4, 5), ((0, 0), (0, 3))))


@pytest.mark.parametrize(("stored", "dtype"), [(d, d) for d in REALS] + [(types.float32, types.float64)], ids=str)
def test_packed_rows(stored, dtype):
    rows, columns = Vector(dtype, 8), Vector(dtype, 2)

    @njit
    def kernel(x, out, sums):
        matrix = matrices.load_packed_rows(rows, columns, x, 3)
        memory.store(out, 0, matrix)
        memory.store(sums, 0, matrices.row_totals(rows, matrix))
        sums[8] = vector_type.lanes_of(rows) + vector_type.lanes_of(vector_type.divided(rows, 2))

    x = problems.at_the_end_of_memory(np.random.default_rng(0).integers(-99, 99, 19).astype(numpy_dtype(stored)))
    out, sums = np.full((8, 2), np.nan, numpy_dtype(dtype)), np.full(9, np.nan, numpy_dtype(dtype))
    kernel(x, out, sums)
    same(out, x[3:].reshape(8, 2).astype(out.dtype))
    same(sums, np.append(out.sum(axis=1), sums.dtype.type(12)))


@pytest.mark.parametrize("dtype", REALS, ids=str)
def test_nearest_whole_numbers(dtype):
    vector = Vector(dtype, 16)

    @njit
    def kernel(x, out):
        memory.store(out, 0, operators.nearest(memory.load(vector, x, 0)))

    x = np.array([*SPECIAL, 0.5, 1.5, -0.5, 2.4999])[:16].astype(numpy_dtype(dtype))
    out = np.zeros(16, x.dtype)
    kernel(x, out)
    same(out, np.rint(x))


@pytest.mark.skipif(vector_type.REGISTERS.width < 64, reason="no AVX-512")
@pytest.mark.parametrize("lanes", [16, 64])
@pytest.mark.parametrize("dtype", REALS, ids=str)
def test_remainders_and_scaling(dtype, lanes):
    vector = Vector(dtype, lanes)

    @njit
    def kernel(x, exponent, out):
        memory.store(out, 0, operators.off_nearest(memory.load(vector, x, 0)))
        memory.store(out, lanes, operators.scaled(memory.load(vector, x, 0), memory.load(vector, exponent, 0)))

    x = np.resize(np.array([*SPECIAL, 0.5, 1.5, -7.3], numpy_dtype(dtype)), lanes)
    exponent = np.random.default_rng(0).integers(-160, 160, lanes).astype(x.dtype)
    out = np.zeros((2, lanes), x.dtype)
    kernel(x, exponent, out.reshape(-1))
    with np.errstate(over="ignore", invalid="ignore"):
        remainder = np.where(np.isinf(x), 0, x - np.rint(x))
        np.testing.assert_array_equal(out[0], remainder)
        same(out[1], np.ldexp(x, exponent.astype(int)))


@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("dtype", REALS, ids=str)
def test_each_lane_in_all_lanes(dtype, lanes):
    vector = Vector(dtype, lanes)

    @njit
    def kernel(x, out):
        for lane, everywhere in enumerate(operators.broadcast_each_lane(memory.load(vector, x, 0))):
            memory.store(out, lane * lanes, everywhere)

    x = np.arange(3, 3 + lanes).astype(numpy_dtype(dtype))
    out = np.zeros((lanes, lanes), x.dtype)
    kernel(x, out.reshape(-1))
    same(out, np.repeat(x, lanes).reshape(lanes, lanes))


@pytest.mark.parametrize("dtype", REALS, ids=str)
def test_types_of_the_hosts_registers(dtype):
    @njit
    def kernel(x, out, wide):
        memory.store(out, 0, operators.splat(vector_type.registers_of(x, 2), 1.0))
        memory.store(out, 0, operators.splat(vector_type.resized(vector_type.registers_of(x, 1), 2), 2.0))
        memory.store(wide, 0, operators.to_float64(memory.load(vector_type.registers_of(x, 1), x, 0)))
        memory.prefetch(x, 10**9, 3)  # wherever it points

    x = np.linspace(0.1, 7, 64).astype(numpy_dtype(dtype))
    lanes = vector_type.REGISTERS.width // x.itemsize
    out, wide = np.zeros(64, x.dtype), np.zeros(64)
    kernel(x, out, wide)
    assert out.tolist() == [2.0] * 2 + [1.0] * (2 * lanes - 2) + [0.0] * (64 - 2 * lanes)
    same(wide, np.where(np.arange(64) < lanes, x, 0).astype(np.float64))


@pytest.mark.parametrize("lanes", [4, 16])
def test_panels_of_products(lanes):
    """(1 + h) (1 + e x) - 1, with the digits of small ones."""
    vector, load = Vector(types.float64, lanes), memory.load

    @njit
    def kernel(e, x, out):
        products = panels.zero_panel(vector, 3)
        for k in range(x.shape[0]):
            products = panels.multiply_outer_product(products, e, 1 + 3 * k, load(vector, x, k * lanes))
        panels.store_panel(out, 0, lanes, products)

    rng = np.random.default_rng(lanes)
    for scale in (1e-200, 1e-9, 1.0, 1e30):
        e, x = scale * rng.exponential(size=(4, 3)), rng.exponential(size=(4, lanes))
        out = np.zeros((3, lanes))
        kernel(np.append(np.nan, e), x, out)
        exact = [[mpmath.mpf(0)] * lanes for _ in range(3)]
        with mpmath.workprec(1000):
            for k, row, lane in np.ndindex(4, 3, lanes):
                h = exact[row][lane]
                exact[row][lane] = (1 + h) * (1 + mpmath.mpf(e[k, row]) * mpmath.mpf(x[k, lane])) - 1
        np.testing.assert_allclose(out, np.array(exact, float), rtol=1e-15)


@pytest.mark.parametrize("stored", REALS, ids=str)
@pytest.mark.parametrize("lanes", [4, 16])
def test_panels(lanes, stored):
    """A product by rows, its bound, and where it is written, all of it and in part."""
    vector, load = Vector(types.float64, lanes), memory.load

    @njit
    def kernel(A, H, lowest, out, some, rows, columns):
        sums = panels.zero_panel(vector, 5)
        for k in range(H.shape[0]):
            sums = panels.add_outer_product(sums, A, k, 3, load(vector, H, k * lanes))
        bounded = panels.at_least(sums, lowest)
        panels.store_panel(out, 1, lanes + 2, bounded)
        panels.store_part(some, 1, lanes + 2, bounded, rows, columns)

    rng = np.random.default_rng(lanes)
    A, H = rng.normal(size=5 * 3), rng.normal(size=(3, lanes))
    A[3], lowest = np.nan, -0.1
    with np.errstate(invalid="ignore"):
        want = np.array([np.where((row := A[3 * r : 3 * r + 3] @ H) < lowest, lowest, row) for r in range(5)])
    assert (want == lowest).any()
    assert np.isnan(want[1]).all()
    for rows, columns in ((5, lanes), (3, lanes - 1), (0, lanes), (2, 0), (1, 1)):
        out, some = np.full((2, 5 * (lanes + 2)), 77, numpy_dtype(stored))
        kernel(A, H, lowest, out, some, rows, columns)
        framed, part = (np.append(one[1:], 77).reshape(5, lanes + 2) for one in (out, some))
        np.testing.assert_allclose(framed[:, :lanes], want, rtol=1e-6 if stored == types.float32 else 1e-13)
        np.testing.assert_array_equal(part[:rows, :columns], framed[:rows, :columns])
        part[:rows, :columns] = framed[:, :lanes] = 77
        assert (framed == 77).all()
        assert (part == 77).all()
        assert out[0] == some[0] == 77
