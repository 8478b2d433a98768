"""Costs of members in float64, and how many samples they classify correctly."""

import numpy as np
from numba import njit, prange

from kernels.numba_cpu.runtime.launch import launch, parallel_kernel
from kernels.numba_cpu.training.members import PART, WIDE_PART, is_right, samples_at_once, wide_margin
from kernels.numba_cpu.vector.elementary import exp_normal, log1p_scaled
from kernels.numba_cpu.vector.log_product import EXPONENT_OFFSET, normalised, times
from kernels.numba_cpu.vector.memory import load, store
from kernels.numba_cpu.vector.operators import absolute, fma, select, splat, to_float

OPERATIONS_PER_COST = 100  # what a cost in float64 does
COST_BLOCK = 64  # samples that share a logarithm


@njit(forceinline=True)
def cost_of(margin, distance, squared):
    if squared:
        error = 1.0 / (exp_normal(margin) + 1.0) - distance
        return error * error
    e = exp_normal(-absolute(margin))
    cost = log1p_scaled(e, e * 0.0) + select(margin < 0.0, -margin, 0.0)
    return fma(margin, distance, cost) if distance != 0.0 else cost


@njit(forceinline=True)
def with_costs(cost, right, rows, distance, squared, weight, start, stop, theta, lane):
    """Adds the costs of the samples [start, stop), times their weights unless these are None, and the number that is
    right, by `theta` (d + 1, lanes)."""
    size, lanes = theta.shape
    if weight is not None:
        for i in range(start, stop):
            margin = wide_margin(WIDE_PART, rows, i, theta, lane, lanes)
            right = right + select(is_right(margin, rows[i, size - 1]), 1.0, 0.0)
            if weight[i] > 0.0:
                cost = fma(cost_of(margin, distance[i], squared), weight[i], cost)
        return cost, right
    for first in range(start, stop, COST_BLOCK):
        product = splat(WIDE_PART, 0.0)
        for i in range(first, min(first + COST_BLOCK, stop)):
            margin = wide_margin(WIDE_PART, rows, i, theta, lane, lanes)
            right = right + select(is_right(margin, rows[i, size - 1]), 1.0, 0.0)
            if squared:
                error = 1.0 / (exp_normal(margin) + 1.0) - distance[i]
                cost = fma(error, error, cost)
            else:
                product = times(product, exp_normal(-absolute(margin)))
                cost = cost + select(margin < 0.0, -margin, 0.0)
                if distance[i] != 0.0:
                    cost = fma(margin, distance[i], cost)
        product, exponent = normalised(product, 0)
        cost = cost + log1p_scaled(product, to_float(exponent - EXPONENT_OFFSET))
    return cost, right


@parallel_kernel
def add_costs(rows, distance, squared, weight, start, stop, theta, sums):
    """Adds the costs, and the number that is right, of the samples [start, stop) at `theta` (groups, d + 1, lanes) to
    `sums` (groups, 2, lanes), float64."""
    lanes = theta.shape[2]
    for g in prange(theta.shape[0]):
        for lane in range(0, lanes, PART):
            cost, right = load(WIDE_PART, sums[g], lane), load(WIDE_PART, sums[g], lanes + lane)
            cost, right = with_costs(cost, right, rows, distance, squared, weight, start, stop, theta[g], lane)
            store(sums[g], lane, cost)
            store(sums[g], lanes + lane, right)


@parallel_kernel
def batch_losses(rows, distance, squared, weight, batch_size, step, path, losses):
    """Mean costs (groups, steps, lanes) of the batches of steps number `step` and following, each at its entry of
    `path` (groups, steps + 1, d + 1, lanes)."""
    n = distance.size
    for g in prange(losses.shape[0]):
        for k in range(losses.shape[1]):
            start = (step + k) % ((n + batch_size - 1) // batch_size) * batch_size
            stop = min(start + batch_size, n)
            for lane in range(0, losses.shape[2], PART):
                zero = splat(WIDE_PART, 0.0)
                mean = zero
                for i in range(start, stop):  # one by one: their sum may be beyond the range where the mean isn't
                    cost, _ = with_costs(zero, zero, rows, distance, squared, weight, i, i + 1, path[g, k], lane)
                    mean = mean + cost / (stop - start)
                store(losses[g, k], lane, mean)


def losses_along(samples, batch_size, step, path):
    """Losses (groups, steps, lanes), float64, before steps number `step` and following."""
    losses = np.empty((len(path), path.shape[1] - 1, path.shape[3]))
    work = losses.size * batch_size * OPERATIONS_PER_COST
    launch(batch_losses, work, *costs_of(samples), batch_size, step, path, losses)
    return losses


def costs_of(samples):
    """What costs are made of."""
    return samples.rows, samples.distance, samples.squared, samples.weight


def costs(samples, theta):
    """Mean cost and share right of all the samples at `theta` (groups, d + 1, lanes), (groups, 2, lanes) float64."""
    n, (groups, size, lanes) = len(samples.distance), theta.shape
    sums = np.zeros((groups, 2, lanes))
    each = 2 * size + OPERATIONS_PER_COST
    at_once = -(-samples_at_once(groups * lanes, each) // COST_BLOCK) * COST_BLOCK
    for first in range(0, n, at_once):
        last = min(first + at_once, n)
        launch(add_costs, groups * lanes * (last - first) * each, *costs_of(samples), first, last, theta, sums)
    return sums / n
