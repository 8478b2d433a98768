"""Smooth quantities of a surface, sample by sample: what has no product form, such as weighted losses.

A sample has the margin m and the label smoothing y' (`kernels.losses`). With e = exp(-|z|), one exponential gives
sigma(m) and sigma(-m) as 1 / (1 + e) and e / (1 + e), and softplus(-m) as max(-m, 0) + log(1 + e); then

    loss = L(m),    mse = (sigma(-m) - y')^2,    gradient = c L'(m) (q, r),    hessian = L''(m) (q^2, q r, r^2),

c being the class sign, so nothing cancels. Derivatives take the root of e for the exponential: of saturated samples e
is 0 then, and q^2, which may be infinite, is never made without it. Points along s are in the lanes of a vector.
"""

from typing import NamedTuple

import numpy as np
from numba import prange, types

from kernels.losses import CODES
from kernels.numba_cpu.runtime.launch import launch, parallel_kernel
from kernels.numba_cpu.runtime.schedule import KernelCost, Sums, job_groups, launches
from kernels.numba_cpu.runtime.subroutine import inlined
from kernels.numba_cpu.vector import losses
from kernels.numba_cpu.vector.compensated import add_compensated
from kernels.numba_cpu.vector.elementary import exp_negative, exp_normal
from kernels.numba_cpu.vector.memory import load
from kernels.numba_cpu.vector.operators import absolute, fma, select, splat
from kernels.numba_cpu.vector.vector_type import REGISTERS, Vector
from kernels.quantities import QUANTITIES

LANES = REGISTERS.width // 8 * 2  # two registers: chains that don't wait for each other
POINTS = Vector(types.float64, LANES)
CHUNK = 64  # samples summed in registers, so few that rounding can't pile up, before the compensated sum in memory
NAMES = "loss", "mse", "gradient", "hessian"
COMPONENTS = sum(QUANTITIES[name].components for name in NAMES)

ROWS_PER_THREAD = 8  # in one launch, at least: enough for a thread that is late to leave some to others
WIDEST = 4096  # points along s at once: sums of a row, 460 KB, stay in the second-level cache
EVALUATIONS_PER_THREAD = 10_000_000  # in one launch: well under 0.1 s, so that Ctrl-C is answered
NOWHERE = np.zeros(3)  # a sample whose logit isn't positive anywhere


class RowAxes(NamedTuple):
    """Axes s, padded to whole vectors, and t."""

    s: np.ndarray
    t: np.ndarray


class Wanted(NamedTuple):
    """The code of the loss, and which quantities are asked for."""

    code: int
    loss: bool
    mse: bool
    gradient: bool
    hessian: bool


@inlined
def sums_over_samples(samples, start, stop, s, t, turn, wanted):
    """Sums over the samples [start, stop) at the points (s, t), one vector for each component; those that aren't
    `wanted` mean nothing.

    Samples change their class where `turn` is -1, not 1. If it is None none do, and gradient and Hessian aren't wanted:
    the kernel for this is a quicker one.
    """
    p, q, r, weights = samples.p, samples.q, samples.r, samples.weight
    class_sign, label_smoothing = samples.class_sign, samples.label_smoothing
    zero = splat(POINTS, 0.0)
    total, mse, by_s, by_t, by_ss, by_st, by_tt = zero, zero, zero, zero, zero, zero, zero
    loss, want_loss, want_mse, want_gradient, want_hessian = wanted
    cross_entropy = loss == losses.CROSS_ENTROPY
    for n in range(start, stop):
        z = (s * q[n] + p[n]) + t * r[n]
        margin, smoothing, weight = z * class_sign[n], label_smoothing[n], weights[n]
        if turn is None:
            e = exp_normal(-absolute(z))
        else:
            margin = margin * turn
            root = exp_negative(absolute(z) * -0.5)
            e = root * root
        larger, wrong, right = zero, zero, zero
        if want_mse or want_gradient or want_hessian or not cross_entropy:
            larger = 1.0 / (e + 1.0)
            smaller = e * larger
            wrong, right = select(margin < 0.0, larger, smaller), select(margin < 0.0, smaller, larger)
        if want_loss:
            if cross_entropy:
                value = losses.cross_entropy(margin, e, smoothing)
            else:
                value = losses.value(loss, margin, e, wrong, right, smoothing)
            total = fma(value, weight, total)
        if want_mse:
            error = wrong - smoothing
            mse = fma(error * error, weight, mse)
        if turn is None:
            continue
        if want_gradient:
            slope = losses.negative_slope(loss, margin, e, wrong, right, smoothing)
            slope = slope * (-class_sign[n] * weight)
            by_s, by_t = fma(slope, q[n], by_s), fma(slope, r[n], by_t)
        if want_hessian:
            if cross_entropy:
                root = root * larger
                along_s, along_t = root * q[n], root * r[n]
                other_s, other_t = along_s, along_t
            else:
                along_s, along_t = q[n] + zero, r[n] + zero
                curvature = losses.curvature(loss, margin, e, wrong, right, smoothing)
                other_s, other_t = curvature * q[n], curvature * r[n]
            other_s, other_t = other_s * weight, other_t * weight
            by_ss, by_st, by_tt = (
                fma(other_s, along_s, by_ss),
                fma(other_s, along_t, by_st),
                fma(other_t, along_t, by_tt),
            )
    if turn is not None:
        by_s, by_t = by_s * turn, by_t * turn
    return total, mse, by_s, by_t, by_ss, by_st, by_tt


@inlined
def turn_at(s, t, turning):
    """-1 where the sample `turning` has a positive logit, 1 elsewhere; None if there is none."""
    if turning is None:
        return None
    logit = (s * turning[1] + turning[0]) + t * turning[2]
    return select(logit > 0.0, splat(POINTS, -1.0), splat(POINTS, 1.0))


@parallel_kernel
def add_rows(samples, part, axes, turning, wanted, jobs, sums):
    """Adds a part of the samples to the rows (first, last) of `sums` (rows, components, len(s)), of components that are
    wanted. Samples change their class where a sample `turning` (p, q, r) has a positive logit; None is for losses
    alone."""
    s, t = axes.s, axes.t
    gradient, hessian = wanted.gradient, wanted.hessian
    for row in prange(jobs[0], jobs[1]):
        totals, compensation = sums.totals[row - jobs[0]], sums.compensation[row - jobs[0]]
        for chunk in range(part.start, part.stop, CHUNK):
            end = min(chunk + CHUNK, part.stop)
            for i in range(0, s.size, LANES):
                points = load(POINTS, s, i)
                turn = turn_at(points, t[row], turning)
                values = sums_over_samples(samples, chunk, end, points, t[row], turn, wanted)
                asked = wanted.loss, wanted.mse, gradient, gradient, hessian, hessian, hessian
                for component, value in enumerate(values):
                    if asked[component]:
                        add_compensated(POINTS, totals, compensation, component * s.size + i, value)


def evaluate(block, summary, s, t, outputs, loss, advance, turning=NOWHERE):
    """Writes weighted sums over a block, divided by the weight of a summary, to `outputs`, {quantity: array (nt, ns),
    (2, nt, ns) or (3, nt, ns)}, of a loss by its name.

    Where the logit of a sample `turning` (p, q, r) is positive, samples are taken to be of the other class.
    """
    if turning is NOWHERE and not ("gradient" in outputs or "hessian" in outputs):
        turning = None
    for first in range(0, len(s), WIDEST):
        columns = slice(first, first + WIDEST)
        some = {name: out[..., columns] for name, out in outputs.items()}
        evaluate_columns(block, summary, s[columns], t, some, loss, advance, turning)


def evaluate_columns(block, summary, s, t, outputs, loss, advance, turning):
    wanted = Wanted(CODES[loss], *(name in outputs for name in NAMES))
    axes = RowAxes(np.pad(s, (0, -len(s) % LANES), mode="edge"), t)
    width = len(axes.s)
    cost = KernelCost(width, 0, EVALUATIONS_PER_THREAD, ROWS_PER_THREAD, CHUNK, 2 * COMPONENTS * width * 8)
    for first, last in job_groups(cost, len(t), len(block.y)):
        sums = Sums(*np.zeros((2, last - first, COMPONENTS, width)))
        for some, part, jobs in launches(block, cost, first, last, summary.weight):
            evaluations = (jobs[1] - jobs[0]) * len(s) * (part.stop - part.start)
            own = sums.of(jobs, first)
            launch(add_rows, 10 * evaluations, some, part, axes, turning, wanted, jobs, own)
            advance(evaluations)
        if "hessian" in outputs:
            sums.compensation[np.isinf(sums.totals)] = 0.0  # of a mean that overflows nothing is lost but NaN
        write_means(sums, summary.weight, outputs, first, last)


def write_means(sums, weight, outputs, first, last):
    """Writes those of sums (rows, components, ns or more) to the rows [first, last) of each output."""
    component, share = 0, 1.0 / weight
    for name in NAMES:
        count = QUANTITIES[name].components
        if name in outputs:
            own, columns = slice(component, component + count), slice(outputs[name].shape[-1])
            means = (sums.totals[:, own, columns] + sums.compensation[:, own, columns]) * share
            outputs[name][..., first:last, :] = means.swapaxes(0, 1) if count > 1 else means[:, 0]
        component += count
