"""Members of one feature, whose parameters stay in registers, several groups side by side."""

import numpy as np
from numba import njit, prange

from kernels.numba_cpu.runtime.launch import parallel_kernel
from kernels.numba_cpu.training.members import DOUBLE, DOUBLE_STEPS, SINGLE, SINGLE_STEPS, is_right, moved, noted, push
from kernels.numba_cpu.vector.memory import load, store
from kernels.numba_cpu.vector.operators import fma, lanes_set, splat

SIDE_BY_SIDE = 4  # groups of one feature that a thread has at once: what a step waits for in one is done in another


@njit(forceinline=True)
def rounded_twice(x, y, z):
    return x * y + z


@njit(forceinline=True)
def all_right_of_one(logit, w, b, checked, waiting):
    """Which of the `waiting` models are right in every sample: as z is monotone in x, those `checked` decide."""
    for i in range(checked.shape[0]):
        sign = checked[i, 1]
        waiting = waiting & is_right(logit(w, checked[i, 0], b * sign), sign)
    return waiting


@njit(forceinline=True)
def some_waiting(numbers, logit, checked, reached, at, w, b, step):
    """Notes the step where it is due, and whether models of the group have yet to be right."""
    waiting = load(numbers, reached, at) == -1
    right = all_right_of_one(logit, w, b, checked, waiting)
    if lanes_set(right) > 0:
        waiting = noted(numbers, reached, at, right, step)
    return lanes_set(waiting) > 0


@njit(forceinline=True)
def run_one_feature(members, numbers, logit, samples, checked, settings, first, last, groups):
    """The runs of some groups with one feature, side by side, from sample number `first` to `last`.

    `members` and `numbers` are the vectors of models and of their steps; `logit`, of w, x, b, has the sign that it has
    in float64. Of each group, `state` (3, 2, lanes) holds w and b, what rounding took from them, and the gradient of a
    batch that isn't complete; `reached` (lanes,) the step at which every sample was right first, or -1. Parameters
    after each step go to `path` (1 + steps, 2, lanes), from its second entry on, as far as it has room.
    """
    (pulls, powers, distance, squared), (batch_size, lr), (state, reached, path) = samples, settings, groups
    n, lanes, room = distance.size, reached.shape[1], path.shape[1]
    row = first % n
    begin = row // batch_size * batch_size
    step = first // n * ((n + batch_size - 1) // batch_size) + row // batch_size
    waiting = np.ones(SIDE_BY_SIDE, np.bool_)
    if row == begin:
        for g in range(state.shape[0]):
            w, b = load(members, state, 6 * g * lanes), load(members, state, (6 * g + 1) * lanes)
            waiting[g] = some_waiting(numbers, logit, checked, reached, g * lanes, w, b, step)
    kept = 1
    while first < last:
        end = min(begin + batch_size, n)
        stop = min(end, row + last - first)
        complete = stop == end
        step += complete
        for g in range(state.shape[0]):
            at = 6 * g * lanes
            w, b = load(members, state, at), load(members, state, at + lanes)
            by_w, by_b = splat(members, 0.0), splat(members, 0.0)
            if row > begin:
                by_w, by_b = load(members, state, at + 4 * lanes), load(members, state, at + 5 * lanes)
            for i in range(row, stop):
                force = push(fma(w, powers[i, 0], b * powers[i, 1]), distance[i], squared)
                by_w, by_b = fma(force, pulls[i, 0], by_w), fma(force, pulls[i, 1], by_b)
            if complete:
                w, w_lost = moved(w, load(members, state, at + 2 * lanes), by_w, lr / (end - begin))
                b, b_lost = moved(b, load(members, state, at + 3 * lanes), by_b, lr / (end - begin))
                store(state, at, w)
                store(state, at + lanes, b)
                store(state, at + 2 * lanes, w_lost)
                store(state, at + 3 * lanes, b_lost)
                if waiting[g]:
                    waiting[g] = some_waiting(numbers, logit, checked, reached, g * lanes, w, b, step)
                if kept < room:
                    store(path, 2 * (g * room + kept) * lanes, w)
                    store(path, (2 * (g * room + kept) + 1) * lanes, b)
            else:
                store(state, at + 4 * lanes, by_w)
                store(state, at + 5 * lanes, by_b)
        kept += complete
        first += stop - row
        row = stop if stop < n else 0
        begin = row if complete else begin


@parallel_kernel
def one_feature_single(
    rows, pulls, powers, distance, squared, checked, batch_size, lr, first, last, state, reached, path
):
    for job in prange((state.shape[0] + SIDE_BY_SIDE - 1) // SIDE_BY_SIDE):
        some = slice(job * SIDE_BY_SIDE, (job + 1) * SIDE_BY_SIDE)
        samples, settings = (pulls, powers, distance, squared), (batch_size, lr)
        groups = state[some], reached[some], path[some]
        run_one_feature(SINGLE, SINGLE_STEPS, fma, samples, checked, settings, first, last, groups)


@parallel_kernel
def one_feature_double(
    rows, pulls, powers, distance, squared, checked, batch_size, lr, first, last, state, reached, path
):
    for job in prange((state.shape[0] + SIDE_BY_SIDE - 1) // SIDE_BY_SIDE):
        some = slice(job * SIDE_BY_SIDE, (job + 1) * SIDE_BY_SIDE)
        samples, settings = (pulls, powers, distance, squared), (batch_size, lr)
        groups = state[some], reached[some], path[some]
        run_one_feature(DOUBLE, DOUBLE_STEPS, rounded_twice, samples, checked, settings, first, last, groups)


def extremes(rows):
    """The signed rows (m, 2), of one feature, whose x is the lowest or highest of their class."""
    x, sign = rows[:, 0] * rows[:, 1], rows[:, 1]
    classes = [np.flatnonzero(sign == one) for one in np.unique(sign)]
    return rows[[some[find(x[some])] for some in classes for find in (np.argmin, np.argmax)]]
