"""Members of any number of features."""

from numba import njit, prange

from kernels.numba_cpu.runtime.launch import parallel_kernel
from kernels.numba_cpu.training.members import (
    DOUBLE,
    DOUBLE_STEPS,
    SINGLE,
    SINGLE_STEPS,
    SINGLE_WIDE,
    is_right,
    moved,
    noted,
    push,
    wide_margin,
)
from kernels.numba_cpu.vector.memory import load, store
from kernels.numba_cpu.vector.operators import fma, lanes_set, splat


@njit(forceinline=True)
def all_right(wide, rows, order, state, lanes, waiting):
    """Which of the `waiting` models are right in every sample.

    A sample that rules one of them out moves to the front of `order`: it is likely to do so after the next step too.
    """
    front = 0
    for k in range(order.size):
        if lanes_set(waiting) == 0:
            break
        i = order[k]
        right = waiting & is_right(wide_margin(wide, rows, i, state, 0, lanes), rows[i, rows.shape[1] - 1])
        if lanes_set(right) < lanes_set(waiting):
            order[k], order[front] = order[front], i
            front += 1
            waiting = right
    return waiting


@njit(forceinline=True)
def add_gradient(members, pulls, powers, i, distance, squared, state, size, lanes):
    """Adds the gradient of one sample to the third part of `state` (3, d + 1, lanes)."""
    power = splat(members, 0.0)
    for j in range(size):
        power = fma(load(members, state, j * lanes), powers[i, j], power)
    force = push(power, distance[i], squared)
    for j in range(size):
        at = (2 * size + j) * lanes
        store(state, at, fma(force, pulls[i, j], load(members, state, at)))


@njit(forceinline=True)
def take_step(members, rate, state, size, lanes):
    """Moves the parameters by the gradient, which is then zero."""
    for j in range(size):
        at, lost, gradient = j * lanes, (size + j) * lanes, (2 * size + j) * lanes
        old = load(members, state, at), load(members, state, lost), load(members, state, gradient)
        theta, remainder = moved(*old, rate)
        store(state, at, theta)
        store(state, lost, remainder)
        store(state, gradient, splat(members, 0.0))


@njit(forceinline=True)
def run_features(members, numbers, wide, samples, order, settings, first, last, group):
    """As `run_one_feature` for any number of features, with the parameters in `state` (3, d + 1, lanes); `wide` are as
    many float64 as there are members."""
    (rows, pulls, powers, distance, squared), (batch_size, lr), (state, reached, path) = samples, settings, group
    (n, size), lanes = rows.shape, reached.size
    row = first % n
    begin = row // batch_size * batch_size
    step = first // n * ((n + batch_size - 1) // batch_size) + row // batch_size
    waiting = load(numbers, reached, 0) == -1
    kept = 1
    while True:
        if row == begin and lanes_set(waiting) > 0:
            right = all_right(wide, rows, order, state, lanes, waiting)
            if lanes_set(right) > 0:
                waiting = noted(numbers, reached, 0, right, step)
        if first == last:
            break
        end = min(begin + batch_size, n)
        stop = min(end, row + last - first)
        for i in range(row, stop):
            add_gradient(members, pulls, powers, i, distance, squared, state, size, lanes)
        first += stop - row
        row = stop if stop < n else 0
        if stop == end:
            step += 1
            take_step(members, lr / (end - begin), state, size, lanes)
            begin = row
            if kept < path.shape[0]:
                for j in range(size):
                    store(path, (kept * size + j) * lanes, load(members, state, j * lanes))
                kept += 1


@parallel_kernel
def features_single(rows, pulls, powers, distance, squared, order, batch_size, lr, first, last, state, reached, path):
    for g in prange(state.shape[0]):
        samples, settings = (rows, pulls, powers, distance, squared), (batch_size, lr)
        group = state[g], reached[g], path[g]
        run_features(SINGLE, SINGLE_STEPS, SINGLE_WIDE, samples, order[g], settings, first, last, group)


@parallel_kernel
def features_double(rows, pulls, powers, distance, squared, order, batch_size, lr, first, last, state, reached, path):
    for g in prange(state.shape[0]):
        samples, settings = (rows, pulls, powers, distance, squared), (batch_size, lr)
        group = state[g], reached[g], path[g]
        run_features(DOUBLE, DOUBLE_STEPS, DOUBLE, samples, order[g], settings, first, last, group)
