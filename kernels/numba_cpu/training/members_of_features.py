"""Members of any number of features, whose parameters are in the nearest cache; stages as in
`members_of_one_feature`."""

from numba import prange

from kernels.numba_cpu.runtime.launch import parallel_kernel
from kernels.numba_cpu.runtime.subroutine import inlined
from kernels.numba_cpu.training.member_rates import moved, part_of, rate_of
from kernels.numba_cpu.training.members import (
    F32_MODELS,
    F32_MODELS_WIDE,
    F32_STEPS,
    F64_MODELS,
    F64_STEPS,
    Groups,
    is_correct,
    negative_slope,
    record_first_correct,
    wide_margin,
)
from kernels.numba_cpu.vector.memory import load, store
from kernels.numba_cpu.vector.operators import count_true, fma, splat
from kernels.numba_cpu.vector.vector_type import REGISTERS

# Whether gradients are added for two samples at once: 30 features in float32 take 0.84 of the time by AVX2. In float64
# 16 registers don't hold the slopes of two samples, and 4 features take 1.25 (Zen 4).
F32_IN_PAIRS, F64_IN_PAIRS = True, REGISTERS.number >= 32


@inlined
def all_correct(wide_type, rows, order, state, waiting):
    """Which of the `waiting` models classify every sample correctly.

    A sample that rules one of them out moves to the front of `order`: it is likely to do so after the next step too.
    """
    front, lanes = 0, state.shape[2]
    for k in range(order.size):
        if count_true(waiting) == 0:
            break
        i = order[k]
        margin = wide_margin(wide_type, rows, i, state, 0, lanes)
        correct = waiting & is_correct(margin, rows[i, rows.shape[1] - 1])
        if count_true(correct) < count_true(waiting):
            order[k], order[front] = order[front], i
            front += 1
            waiting = correct
    return waiting


@inlined
def add_gradient(models_type, samples, i, state):
    """Adds the gradient of one sample to the third part of `state` (3, d + 1, lanes)."""
    weighted_rows, rows_log2e, (_, size, lanes) = samples.weighted_rows, samples.rows_log2e, state.shape
    log2_odds = splat(models_type, 0.0)
    for j in range(size):
        log2_odds = fma(load(models_type, state, j * lanes), rows_log2e[i, j], log2_odds)
    slope = negative_slope(samples.loss, log2_odds, samples.label_smoothing[i])
    for j in range(size):
        at = (2 * size + j) * lanes
        store(state, at, fma(slope, weighted_rows[i, j], load(models_type, state, at)))


@inlined
def add_gradients(models_type, samples, i, state):
    """Adds the gradients of two samples, `i` and the next, as `add_gradient` of each would, to the bit: parameters and
    gradients are read once for both."""
    weighted_rows, rows_log2e, (_, size, lanes) = samples.weighted_rows, samples.rows_log2e, state.shape
    log2_odds, of_next = splat(models_type, 0.0), splat(models_type, 0.0)
    for j in range(size):
        theta = load(models_type, state, j * lanes)
        log2_odds = fma(theta, rows_log2e[i, j], log2_odds)
        of_next = fma(theta, rows_log2e[i + 1, j], of_next)
    slope = negative_slope(samples.loss, log2_odds, samples.label_smoothing[i])
    slope_of_next = negative_slope(samples.loss, of_next, samples.label_smoothing[i + 1])
    for j in range(size):
        at = (2 * size + j) * lanes
        gradient = fma(slope, weighted_rows[i, j], load(models_type, state, at))
        store(state, at, fma(slope_of_next, weighted_rows[i + 1, j], gradient))


@inlined
def take_step(models_type, rate, state, drift):
    """Moves the parameters by the gradient, which is then zero."""
    _, size, lanes = state.shape
    for j in range(size):
        at, lost, gradient = j * lanes, (size + j) * lanes, (2 * size + j) * lanes
        old = load(models_type, state, at), load(models_type, state, lost), load(models_type, state, gradient)
        theta, compensation = moved(models_type, drift, (0, (2 + j) * lanes), old, rate)
        store(state, at, theta)
        store(state, lost, compensation)
        store(state, gradient, splat(models_type, 0.0))


@inlined
def run_features(models_type, steps_type, wide_type, in_pairs, samples, order, training, group):
    """The run of one group; `wide_type` is that of as many float64. `order` is that in which samples are looked at for
    being correct."""
    (batch_size, lr, first, last), (state, first_correct_step, path, rates, drift) = training, group
    n, size = samples.rows.shape
    lanes = first_correct_step.size
    row = first % n
    begin = row // batch_size * batch_size
    step = first // n * ((n + batch_size - 1) // batch_size) + row // batch_size
    waiting = load(steps_type, first_correct_step, 0) == -1
    entry = 1
    while True:
        if row == begin and count_true(waiting) > 0:
            correct = all_correct(wide_type, samples.rows, order, state, waiting)
            if count_true(correct) > 0:
                waiting = record_first_correct(steps_type, first_correct_step, 0, correct, step)
        if first == last:
            break
        end = min(begin + batch_size, n)
        stop = min(end, row + last - first)
        paired = row + (stop - row) // 2 * 2 if in_pairs else row
        for i in range(row, paired, 2):
            add_gradients(models_type, samples, i, state)
        for i in range(paired, stop):
            add_gradient(models_type, samples, i, state)
        first += stop - row
        row = stop if stop < n else 0
        if stop == end:
            step += 1
            rate = rate_of(models_type, rates, (end - begin < batch_size) * lanes, lr, end - begin)
            take_step(models_type, rate, state, drift)
            begin = row
            if entry < path.shape[0]:
                for j in range(size):
                    store(path, (entry * size + j) * lanes, load(models_type, state, j * lanes))
                entry += 1


@inlined
def group_of(groups, g):
    rates, drift = part_of(groups.rates, g), part_of(groups.drift, g)
    return Groups(groups.state[g], groups.first_correct_step[g], groups.path[g], rates, drift)


@parallel_kernel
def features_f32(samples, order, training, groups):
    for g in prange(groups.state.shape[0]):
        group = group_of(groups, g)
        run_features(F32_MODELS, F32_STEPS, F32_MODELS_WIDE, F32_IN_PAIRS, samples, order[g], training, group)


@parallel_kernel
def features_f64(samples, order, training, groups):
    for g in prange(groups.state.shape[0]):
        group = group_of(groups, g)
        run_features(F64_MODELS, F64_STEPS, F64_MODELS, F64_IN_PAIRS, samples, order[g], training, group)
