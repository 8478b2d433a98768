"""Smooth quantities of a surface, sample by sample: what has no product form, such as weighted losses.

A label y is a class and a distance y' = min(y, 1 - y) from it; m is the margin, -z for class 1 and z for class 0. With
e = exp(-|z|), one exponential gives sigma(m) and 1 - sigma(m) as 1 / (1 + e) and e / (1 + e), and softplus(m) as
max(m, 0) + log(1 + e); then

    loss = softplus(m) - y' m,    error = sigma(m) - y',    mse = error^2,
    gradient = sign error (q, r),    hessian = sigma(m) sigma(-m) (q^2, q r, r^2),

so nothing cancels. Derivatives take the root of e for the exponential: of saturated samples e is 0 then, and q^2, which
may be infinite, is never made without it. Points along s are in the lanes of a vector.
"""

import numpy as np
from numba import njit, prange, types

from kernels.numba_cpu.runtime.launch import launch, parallel_kernel
from kernels.numba_cpu.runtime.schedule import Work, groups, launches
from kernels.numba_cpu.vector.compensated import add_compensated
from kernels.numba_cpu.vector.elementary import exp_negative, exp_normal, log1p_scaled
from kernels.numba_cpu.vector.memory import load
from kernels.numba_cpu.vector.operators import absolute, fma, select, splat
from kernels.numba_cpu.vector.vector_type import Vector, register_bytes

LANES = register_bytes() // 8 * 2  # two registers: chains that don't wait for each other
POINTS = Vector(types.float64, LANES)
CHUNK = 64  # samples summed in registers, so few that rounding can't pile up, before the compensated sum in memory
QUANTITIES = {"loss": 1, "mse": 1, "gradient": 2, "hessian": 3}  # and their components
COMPONENTS = sum(QUANTITIES.values())
ROWS_PER_THREAD = 8
WIDEST = 4096  # points along s at once
EVALUATIONS_PER_THREAD = 10_000_000  # in one launch: well under 0.1 s, so that Ctrl-C is answered
NOWHERE = np.zeros(3)  # a sample whose logit isn't positive anywhere


@njit(forceinline=True)
def sums_over_samples(p, q, r, sign, distance, weight, start, stop, s, t, turn, wanted):
    """Sums over the samples [start, stop) at the points (s, t), one vector for each component; those that aren't
    `wanted`, flags in the order of QUANTITIES, mean nothing.

    Margins are turned where `turn` is -1, not 1. If it is None none are, and gradient and Hessian aren't wanted: the
    kernel for this is a quicker one.
    """
    zero = splat(POINTS, 0.0)
    loss, mse, by_s, by_t, by_ss, by_st, by_tt = zero, zero, zero, zero, zero, zero, zero
    want_loss, want_mse, want_gradient, _, want_hessian, _, _ = wanted
    for n in range(start, stop):
        z = (s * q[n] + p[n]) + t * r[n]
        margin = z * sign[n]
        if turn is None:
            e = exp_normal(-absolute(z))
        else:
            margin = margin * turn
            root = exp_negative(absolute(z) * -0.5)
            e = root * root
        larger, smaller, error = zero, zero, zero
        if want_mse or want_gradient or want_hessian:
            larger = 1.0 / (e + 1.0)
            smaller = e * larger
            error = select(margin > 0.0, larger, smaller) - distance[n]
        if want_loss:
            value = select(margin > 0.0, margin, 0.0) + log1p_scaled(e, 0.0)
            if distance[n] != 0.0:
                value = value - margin * distance[n]
            loss = fma(value, weight[n], loss)
        if want_mse:
            mse = fma(error * error, weight[n], mse)
        if turn is None:
            continue
        if want_gradient:
            slope = error * (sign[n] * weight[n])
            by_s, by_t = fma(slope, q[n], by_s), fma(slope, r[n], by_t)
        if want_hessian:
            root = root * larger
            along_s, along_t = root * q[n], root * r[n]
            share_s, share_t = along_s * weight[n], along_t * weight[n]
            by_ss, by_st, by_tt = (
                fma(share_s, along_s, by_ss),
                fma(share_s, along_t, by_st),
                fma(share_t, along_t, by_tt),
            )
    if turn is not None:
        by_s, by_t = by_s * turn, by_t * turn
    return loss, mse, by_s, by_t, by_ss, by_st, by_tt


@njit(forceinline=True)
def turn_at(s, t, turning):
    """-1 where the sample `turning` has a positive logit, 1 elsewhere; None if there is none."""
    if turning is None:
        return None
    logit = (s * turning[1] + turning[0]) + t * turning[2]
    return select(logit > 0.0, splat(POINTS, -1.0), splat(POINTS, 1.0))


@parallel_kernel
def add_rows(p, q, r, sign, distance, weight, start, stop, s, t, turning, wanted, first, last, sums, carries):
    """Adds the samples [start, stop) to the rows [first, last) of `sums` and `carries` (rows, components, len(s)), of
    components that are `wanted`, `s` being padded to whole vectors. Margins are turned where a sample `turning`
    (p, q, r) has a positive logit; None is for loss and squared error alone."""
    for row in prange(first, last):
        total, carry = sums[row - first], carries[row - first]
        for chunk in range(start, stop, CHUNK):
            end = min(chunk + CHUNK, stop)
            for i in range(0, s.size, LANES):
                points = load(POINTS, s, i)
                turn = turn_at(points, t[row], turning)
                values = sums_over_samples(p, q, r, sign, distance, weight, chunk, end, points, t[row], turn, wanted)
                for component, value in enumerate(values):
                    if wanted[component]:
                        add_compensated(POINTS, total, carry, component * s.size + i, value)


def evaluate(samples, s, t, summary, outputs, advance, turning=NOWHERE):
    """Writes weighted means to `outputs`, {quantity: array (nt, ns), (2, nt, ns) or (3, nt, ns)}.

    Where the logit of a sample `turning` (p, q, r) is positive, samples are taken to be of the other class.
    """
    for first in range(0, len(s), WIDEST):
        columns = slice(first, first + WIDEST)
        some = {name: out[..., columns] for name, out in outputs.items()}
        evaluate_columns(samples, s[columns], t, summary, some, advance, turning)


def evaluate_columns(samples, s, t, summary, outputs, advance, turning):
    wanted = tuple(name in outputs for name, components in QUANTITIES.items() for _ in range(components))
    if turning is NOWHERE and not ("gradient" in outputs or "hessian" in outputs):
        turning = None
    padded = np.pad(s, (0, -len(s) % LANES), mode="edge")
    held = 2 * COMPONENTS * len(padded) * 8
    work = Work(len(padded), 0, EVALUATIONS_PER_THREAD, ROWS_PER_THREAD, CHUNK, held)
    for first, last in groups(work, len(t), summary.n):
        sums, carries = np.zeros((2, last - first, COMPONENTS, len(padded)))
        for part in launches(samples, work, first, last, summary.n):
            evaluations = (part.last - part.first) * len(s) * (part.stop - part.start)
            own = slice(part.first - first, part.last - first)
            grid = padded, t, turning, wanted, part.first, part.last, sums[own], carries[own]
            launch(add_rows, 10 * evaluations, *part.arrays, part.start, part.stop, *grid)
            advance(evaluations)
        if "hessian" in outputs:
            carries[np.isinf(sums)] = 0.0  # of a mean that overflows nothing is lost but NaN
        write_means(sums[..., : len(s)], carries[..., : len(s)], summary.weight, outputs, first, last)


def write_means(sums, carries, weight, outputs, first, last):
    """Writes those of sums (rows, components, ns) to the rows [first, last) of each output."""
    component = 0
    for name, count in QUANTITIES.items():
        if name in outputs:
            own = slice(component, component + count)
            means = ((sums[:, own] + carries[:, own]) / weight).swapaxes(0, 1)
            outputs[name][..., first:last, :] = means if count > 1 else means[0]
        component += count
