"""Members of one feature, whose parameters stay in registers, several groups side by side.

For each group of models, in the lanes of a vector, and each batch:

1. Its samples one after the other: the margin, -dL/dm, and that times the row added to the gradient, all in registers.
2. At the end of the batch parameters take their step, with Kahan's compensation (`member_rates`).
3. Models that have yet to classify every sample correctly are looked at: the logit is monotone in x, so the lowest and
   highest x of each class decide (`extreme_samples`).

A thread has SIDE_BY_SIDE groups at once: what a step waits for in one is done in another.
"""

import numpy as np
from numba import prange

from kernels.numba_cpu.runtime.launch import parallel_kernel
from kernels.numba_cpu.runtime.subroutine import inlined
from kernels.numba_cpu.training.member_rates import moved, part_of, rate_of
from kernels.numba_cpu.training.members import (
    F32_MODELS,
    F32_STEPS,
    F64_MODELS,
    F64_STEPS,
    Groups,
    is_correct,
    negative_slope,
    record_first_correct,
)
from kernels.numba_cpu.vector.memory import load, store
from kernels.numba_cpu.vector.operators import count_true, fma, splat

SIDE_BY_SIDE = 4  # groups: of more, parameters and gradients don't fit the registers


@inlined
def multiply_add_unfused(x, y, z):
    return x * y + z


@inlined
def all_correct(logit, w, b, extremes, waiting):
    """Which of the `waiting` models classify every sample correctly: as z is monotone in x, the `extremes` decide."""
    for i in range(extremes.shape[0]):
        class_sign = extremes[i, 1]
        waiting = waiting & is_correct(logit(w, extremes[i, 0], b * class_sign), class_sign)
    return waiting


@inlined
def any_waiting(steps_type, logit, extremes, first_correct_step, at, theta, step):
    """Writes `step` to `first_correct_step` for models, from `at` on, that classify every sample correctly for the
    first time; returns whether any of the group has not yet."""
    w, b = theta
    waiting = load(steps_type, first_correct_step, at) == -1
    correct = all_correct(logit, w, b, extremes, waiting)
    if count_true(correct) > 0:
        waiting = record_first_correct(steps_type, first_correct_step, at, correct, step)
    return count_true(waiting) > 0


@inlined
def run_one_feature(models_type, steps_type, logit, samples, extremes, training, groups):
    """The runs of some groups with one feature, side by side; `logit`, of w, x, b, has the sign that it has in
    float64."""
    weighted_rows, rows_log2e, smoothing, loss = (
        samples.weighted_rows,
        samples.rows_log2e,
        samples.label_smoothing,
        samples.loss,
    )
    (batch_size, lr, first, last), (state, first_correct_step, path, rates, drift) = training, groups
    n, lanes, room = smoothing.size, first_correct_step.shape[1], path.shape[1]
    row = first % n
    begin = row // batch_size * batch_size
    step = first // n * ((n + batch_size - 1) // batch_size) + row // batch_size
    waiting = np.ones(SIDE_BY_SIDE, np.bool_)
    if row == begin:
        for g in range(state.shape[0]):
            theta = load(models_type, state, 6 * g * lanes), load(models_type, state, (6 * g + 1) * lanes)
            waiting[g] = any_waiting(steps_type, logit, extremes, first_correct_step, g * lanes, theta, step)
    entry = 1
    while first < last:
        end = min(begin + batch_size, n)
        stop = min(end, row + last - first)
        complete = stop == end
        step += complete
        for g in range(state.shape[0]):
            at = 6 * g * lanes
            w, b = load(models_type, state, at), load(models_type, state, at + lanes)
            by_w, by_b = splat(models_type, 0.0), splat(models_type, 0.0)
            if row > begin:
                by_w, by_b = load(models_type, state, at + 4 * lanes), load(models_type, state, at + 5 * lanes)
            for i in range(row, stop):
                slope = negative_slope(loss, fma(w, rows_log2e[i, 0], b * rows_log2e[i, 1]), smoothing[i])
                by_w, by_b = fma(slope, weighted_rows[i, 0], by_w), fma(slope, weighted_rows[i, 1], by_b)
            if complete:
                rate = rate_of(models_type, rates, (2 * g + (end - begin < batch_size)) * lanes, lr, end - begin)
                of_w = w, load(models_type, state, at + 2 * lanes), by_w
                of_b = b, load(models_type, state, at + 3 * lanes), by_b
                own = 4 * g * lanes
                w, w_compensation = moved(models_type, drift, (own, own + 2 * lanes), of_w, rate)
                b, b_compensation = moved(models_type, drift, (own, own + 3 * lanes), of_b, rate)
                store(state, at, w)
                store(state, at + lanes, b)
                store(state, at + 2 * lanes, w_compensation)
                store(state, at + 3 * lanes, b_compensation)
                if waiting[g]:
                    waiting[g] = any_waiting(steps_type, logit, extremes, first_correct_step, g * lanes, (w, b), step)
                if entry < room:
                    store(path, 2 * (g * room + entry) * lanes, w)
                    store(path, (2 * (g * room + entry) + 1) * lanes, b)
            else:
                store(state, at + 4 * lanes, by_w)
                store(state, at + 5 * lanes, by_b)
        entry += complete
        first += stop - row
        row = stop if stop < n else 0
        begin = row if complete else begin


@inlined
def groups_of_job(groups, job):
    some = slice(job * SIDE_BY_SIDE, (job + 1) * SIDE_BY_SIDE)
    rates, drift = part_of(groups.rates, some), part_of(groups.drift, some)
    return Groups(groups.state[some], groups.first_correct_step[some], groups.path[some], rates, drift)


@parallel_kernel
def one_feature_f32(samples, extremes, training, groups):
    for job in prange((groups.state.shape[0] + SIDE_BY_SIDE - 1) // SIDE_BY_SIDE):
        run_one_feature(F32_MODELS, F32_STEPS, fma, samples, extremes, training, groups_of_job(groups, job))


@parallel_kernel
def one_feature_f64(samples, extremes, training, groups):
    for job in prange((groups.state.shape[0] + SIDE_BY_SIDE - 1) // SIDE_BY_SIDE):
        some = groups_of_job(groups, job)
        run_one_feature(F64_MODELS, F64_STEPS, multiply_add_unfused, samples, extremes, training, some)


def extreme_samples(rows):
    """The signed rows (m, 2), of one feature, whose x is the lowest or highest of their class."""
    signed, class_sign = rows.T
    found = []
    for of_class in (class_sign > 0.0, class_sign < 0.0):
        if of_class.any():
            found += [np.where(of_class, signed, np.inf).argmin(), np.where(of_class, signed, -np.inf).argmax()]
    return rows[found]


def plain_run(rows, smoothing, theta, batch_size, lr, epochs, momentum=0.0, decay=0.0):
    """theta after each step (steps, d + 1) of one model, by the cross-entropy, in the dtype of `rows`, signed; stages 1
    and 2 a number at a time: the algorithm to read first."""
    path, compensation, last = [], np.zeros_like(theta), np.zeros_like(theta)
    number = theta.dtype.type
    for _ in range(epochs):
        for begin in range(0, len(rows), batch_size):
            gradient, end = np.zeros_like(theta), min(begin + batch_size, len(rows))
            for i in range(begin, end):
                margin = rows[i] @ theta
                gradient += (1 / (1 + np.exp(margin)) - smoothing[i]) * rows[i]
            drift = last + number(momentum - 1) * last - number(lr * decay) * theta
            last = gradient * number(lr / (end - begin)) + drift
            step = gradient * number(lr / (end - begin)) + (compensation + drift)
            moved = theta + step
            theta, compensation = moved, step - (moved - theta)
            path.append(theta)
    return np.array(path)
