"""Costs of members in float64, and how many samples they classify correctly."""

import numpy as np
from numba import prange

from kernels.numba_cpu.runtime.launch import launch, parallel_kernel
from kernels.numba_cpu.runtime.subroutine import inlined
from kernels.numba_cpu.training.members import (
    FLOAT64_MODELS,
    MODELS_AT_ONCE,
    is_correct,
    samples_at_once,
    wide_margin,
)
from kernels.numba_cpu.vector import losses
from kernels.numba_cpu.vector.elementary import exp_normal, log1p_scaled
from kernels.numba_cpu.vector.log_product import EXPONENT_BIAS, multiply_one_plus, renormalised
from kernels.numba_cpu.vector.memory import load, store
from kernels.numba_cpu.vector.operators import absolute, fma, select, splat, to_float

OPERATIONS_PER_COST = 100  # multiply-adds that a cost in float64 takes: measured, about
COST_BLOCK = 64  # samples that share a logarithm


@inlined
def add_cost(loss, total, margin, smoothing):
    """total + L"""
    if loss == losses.CROSS_ENTROPY:
        e = exp_normal(-absolute(margin))
        return total + losses.add_linear_part(log1p_scaled(e, e * 0.0), margin, smoothing)
    odds = exp_normal(margin)
    wrong = 1.0 / (odds + 1.0)
    e = select(margin < 0.0, odds, 1.0 / odds)
    return losses.add_value(loss, total, margin, e, wrong, wrong * odds, smoothing)


@inlined
def add_weighted(samples, start, stop, theta, lane, sums):
    """Costs, and the number that is correct, a pair, with those of the samples [start, stop) by `theta` (d + 1, lanes),
    costs times the weights."""
    (cost, correct), (size, lanes) = sums, theta.shape
    rows, smoothing, weight, loss = samples.rows, samples.label_smoothing, samples.weight, samples.loss
    zero = splat(FLOAT64_MODELS, 0.0)
    for i in range(start, stop):
        margin = wide_margin(FLOAT64_MODELS, rows, i, theta, lane, lanes)
        correct = correct + select(is_correct(margin, rows[i, size - 1]), 1.0, 0.0)
        if weight[i] > 0.0:
            cost = fma(add_cost(loss, zero, margin, smoothing[i]), weight[i], cost)
    return cost, correct


@inlined
def add_unweighted(samples, start, stop, theta, lane, sums):
    """The same without weights: the logarithms of COST_BLOCK cross-entropies are one."""
    (cost, correct), (size, lanes) = sums, theta.shape
    rows, smoothing, loss = samples.rows, samples.label_smoothing, samples.loss
    for first in range(start, stop, COST_BLOCK):
        product = splat(FLOAT64_MODELS, 0.0)
        for i in range(first, min(first + COST_BLOCK, stop)):
            margin = wide_margin(FLOAT64_MODELS, rows, i, theta, lane, lanes)
            correct = correct + select(is_correct(margin, rows[i, size - 1]), 1.0, 0.0)
            if loss == losses.CROSS_ENTROPY:
                product = multiply_one_plus(product, exp_normal(-absolute(margin)))
                cost = losses.add_linear_part(cost, margin, smoothing[i])
            else:
                cost = add_cost(loss, cost, margin, smoothing[i])
        product, exponent = renormalised(product, 0)
        cost = cost + log1p_scaled(product, to_float(exponent - EXPONENT_BIAS))
    return cost, correct


@inlined
def add_samples(samples, weight, start, stop, theta, lane, sums):
    """Either, by their weights, which are an argument as Numba drops a branch by its type."""
    if weight is not None:
        return add_weighted(samples, start, stop, theta, lane, sums)
    return add_unweighted(samples, start, stop, theta, lane, sums)


@parallel_kernel
def add_costs(samples, start, stop, theta, sums):
    """Adds the costs, and the number that is correct, of the samples [start, stop) at `theta` (groups, d + 1, lanes) to
    `sums` (groups, 2, lanes), float64."""
    lanes = theta.shape[2]
    for g in prange(theta.shape[0]):
        for lane in range(0, lanes, MODELS_AT_ONCE):
            before = load(FLOAT64_MODELS, sums[g], lane), load(FLOAT64_MODELS, sums[g], lanes + lane)
            cost, correct = add_samples(samples, samples.weight, start, stop, theta[g], lane, before)
            store(sums[g], lane, cost)
            store(sums[g], lanes + lane, correct)


@parallel_kernel
def batch_losses(samples, batch_size, step, path, means):
    """Mean costs (groups, steps, lanes) of the batches of steps number `step` and following, each at its entry of
    `path` (groups, steps + 1, d + 1, lanes)."""
    n = samples.label_smoothing.size
    for g in prange(means.shape[0]):
        for k in range(means.shape[1]):
            start = (step + k) % ((n + batch_size - 1) // batch_size) * batch_size
            stop = min(start + batch_size, n)
            for lane in range(0, means.shape[2], MODELS_AT_ONCE):
                zero = splat(FLOAT64_MODELS, 0.0)
                mean = zero
                for i in range(start, stop):  # one by one: their sum may be beyond the range where the mean isn't
                    cost, _ = add_samples(samples, samples.weight, i, i + 1, path[g, k], lane, (zero, zero))
                    mean = mean + cost / (stop - start)
                store(means[g, k], lane, mean)


def losses_along(samples, batch_size, step, path):
    """Losses (groups, steps, lanes), float64, before steps number `step` and following."""
    means = np.empty((len(path), path.shape[1] - 1, path.shape[3]))
    launch(batch_losses, means.size * batch_size * OPERATIONS_PER_COST, samples, batch_size, step, path, means)
    return means


def operations_of_cost(size):
    """Multiply-adds of one sample's cost with `size` parameters."""
    return 2 * size + OPERATIONS_PER_COST


def costs(samples, theta):
    """Mean cost and share correct of all the samples at `theta` (groups, d + 1, lanes), (groups, 2, lanes) float64."""
    n, (groups, size, lanes) = len(samples.label_smoothing), theta.shape
    sums = np.zeros((groups, 2, lanes))
    each = operations_of_cost(size)
    at_once = -(-samples_at_once(groups * lanes, each) // COST_BLOCK) * COST_BLOCK
    for first in range(0, n, at_once):
        last = min(first + at_once, n)
        launch(add_costs, groups * lanes * (last - first) * each, samples, first, last, theta, sums)
    return sums / n
