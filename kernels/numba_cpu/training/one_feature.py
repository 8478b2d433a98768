"""Steps of one feature, which are so short that their state stays in registers, with samples in the lanes of a vector.

With the margin m = c (w x + b), c = 1 or -1 being the sample's class sign, a step subtracts lr times the mean of
dL/dm c (x, 1). A step is a chain of operations, each waiting for the one before:

1. margins of the batch's samples, from w and b;
2. their probabilities sigma(-m), the longest part;
3. the slopes dL/dm, and their sums over the lanes;
4. new w and b.

For batches of at most SMALL_BATCH samples, where latency is all (`run_small_batches`), stage 1 doesn't wait for stage
4: the next margins follow from the last slopes, m' - lr sum_i slope_i (x_i x' + 1) c_i c', which is started before w'
is known.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import types

from kernels.numba_cpu.runtime.launch import serial_kernel
from kernels.numba_cpu.runtime.subroutine import inlined
from kernels.numba_cpu.training.steps import next_record
from kernels.numba_cpu.vector import losses
from kernels.numba_cpu.vector.elementary import exp_in_range, log1p_scaled
from kernels.numba_cpu.vector.memory import load, load_where, store
from kernels.numba_cpu.vector.operators import (
    absolute,
    broadcast_each_lane,
    count_true,
    fma,
    lane_numbers,
    select,
    splat,
    total,
)
from kernels.numba_cpu.vector.vector_type import Vector

LANES = 8  # samples at once: a register of AVX-512, two of AVX2
SAMPLES, NUMBERS = Vector(types.float64, LANES), Vector(types.int64, LANES)
SMALL_BATCH = 4  # samples: it is bound by the time to sum over lanes, the fewer the better
FEW_SAMPLES, FEW_NUMBERS = Vector(types.float64, SMALL_BATCH), Vector(types.int64, SMALL_BATCH)
MAX_MARGIN = 708.0  # whose exponentials are normal numbers
MAX_CANCELLATION = 2.0  # by how much terms may shrink to those of a margin that follows from them
NO_MARGINS = np.full(SMALL_BATCH, np.nan)


class Batch(NamedTuple):
    """Samples in lanes: x, class signs c, 0 in lanes without a sample, label smoothing, and c times the step size, NaN
    for a label outside [0, 1]."""

    x: object
    class_sign: object
    smoothing: object
    signed_share: object


class Probabilities(NamedTuple):
    """e^m and sigma(-m), the probability of the other class, in lanes."""

    odds: object
    wrong: object


@inlined
def read_batch(samples_type, numbers_type, X, y, start, stop, share):
    """The Batch of the samples [start, stop), at most a vector of them."""
    live = lane_numbers(numbers_type) < stop - start
    x, label = load_where(samples_type, X, start, live), load_where(samples_type, y, start, live)
    class_1 = label > 0.5
    smoothing = select(class_1, 1.0 - label, label)
    class_sign = select(class_1, 1.0, select(live, -1.0, splat(samples_type, 0.0)))
    return Batch(x, class_sign, smoothing, select(smoothing >= 0.0, class_sign * share, np.nan))


@inlined
def probabilities_in_range(m):
    odds, denominator = exp_in_range(m)
    return Probabilities(odds, 1.0 / denominator)


@inlined
def probabilities_of(m):
    """The same of any m: beyond MAX_MARGIN the smaller of e^m and sigma(-m) is 0, as features that it is multiplied by
    may be large."""
    clamped = select(m < -MAX_MARGIN, -MAX_MARGIN, select(m > MAX_MARGIN, MAX_MARGIN, m))
    odds, wrong = probabilities_in_range(clamped)
    return Probabilities(select(m < -MAX_MARGIN, 0.0, odds), select(m > MAX_MARGIN, 0.0, wrong))


@inlined
def negative_slopes(loss, m, at, smoothing):
    """-dL/dm as (a, b) with -dL/dm = a - b; b depends on the label alone, so it is ready before the sigmoid."""
    if loss == losses.CROSS_ENTROPY:
        return at.wrong, smoothing
    right = at.wrong * at.odds
    return losses.negative_slope(loss, m, small_exponential(m, at), at.wrong, right, smoothing), smoothing * 0.0


@inlined
def small_exponential(m, at):
    """exp(-|m|)"""
    return select(m < 0.0, at.odds, 1.0 / at.odds)


@inlined
def values_of(loss, m, at, smoothing):
    e = small_exponential(m, at)
    if loss == losses.CROSS_ENTROPY:
        return losses.linear_part(m, smoothing) + log1p_scaled(e, 0.0)
    return losses.value(loss, m, e, at.wrong, at.wrong * at.odds, smoothing)


@inlined
def mean_is_in_range(loss, m, batch, share, largest):
    """Whether the mean loss of a batch is, by its margins alone: beside the largest number logarithms are nothing."""
    if loss == losses.SQUARED_ERROR:
        return True
    linear = losses.linear_part(m, batch.smoothing)
    return total(select(absolute(batch.class_sign) > 0.0, linear * share, 0.0)) <= largest


@inlined
def sums_of_batch(X, y, start, stop, theta, loss, share):
    """Sums over the samples [start, stop), times `share`: losses, and minus their derivatives by w and by b."""
    w, b = theta
    value, by_w, by_b = splat(SAMPLES, 0.0), splat(SAMPLES, 0.0), splat(SAMPLES, 0.0)
    for n in range(start, stop, LANES):
        batch = read_batch(SAMPLES, NUMBERS, X, y, n, stop, share)
        x, class_sign, smoothing, signed_share = batch
        m = fma(x, w, b) * class_sign
        at = probabilities_of(m)
        slope, label_part = negative_slopes(loss, m, at, smoothing)
        value = value + select(absolute(class_sign) > 0.0, values_of(loss, m, at, smoothing) * share, 0.0)
        by_w = by_w + fma(slope, x * signed_share, -(label_part * (x * signed_share)))
        by_b = by_b + fma(slope, signed_share, -(label_part * signed_share))
    return total(value), total(by_w), total(by_b)


def run_one_feature(X, y, steps, rates, loss, state, record, next_margins):
    """Takes steps of a run with one feature, from `state`, in place, and records them; tuples are those of `steps`.

    `next_margins` (SMALL_BATCH,) are those of the next batch, kept from one call to the next, or NaN. Returns the
    number of the step that failed, as its loss or the parameters after it aren't in range, or -1.
    """
    _, _, _, batch_size = steps
    if batch_size <= SMALL_BATCH:
        return run_small_batches(X, y, steps, rates, loss, state, record, next_margins)
    return run_batches(X, y, steps, rates, loss, state, record)


@serial_kernel
def run_batches(X, y, steps, rates, loss, state, record):
    (begin, first, last, batch_size), (lr, momentum, decay, largest) = steps, rates
    (theta, velocity), (every, record_w, record_b, record_loss) = state, record
    n = y.size
    w, b, velocity_w, velocity_b = theta[0], theta[1], velocity[0], velocity[1]
    at, wait = next_record(first, every)
    for step in range(first, last):
        end = min(begin + batch_size, n)
        value, by_w, by_b = sums_of_batch(X, y, begin, end, (w, b), loss, 1.0 / (end - begin))
        # what is ready before the gradient goes first: the next step waits for little else
        velocity_w, velocity_b = momentum * velocity_w + decay * w, momentum * velocity_b + decay * b
        w, b = (w - lr * velocity_w) + lr * by_w, (b - lr * velocity_b) + lr * by_b
        velocity_w, velocity_b = velocity_w + (0.0 - by_w), velocity_b + (0.0 - by_b)  # 0 from -0 and no slope
        if not (abs(w) <= largest and abs(b) <= largest and value <= largest):
            return step
        theta[0], theta[1] = w, b
        wait -= 1
        if wait == 0:
            record_w[at, 0], record_b[at], record_loss[at] = w, b, value
            at, wait = at + 1, every
        begin = end if end < n else 0
    velocity[0], velocity[1] = velocity_w, velocity_b
    return -1


@serial_kernel
def run_small_batches(X, y, steps, rates, loss, state, record, next_margins):
    """As `run_batches`, for at most SMALL_BATCH samples a batch, with the next margins from the last slopes. They are
    computed afresh from w' and b' (a) at the start of an epoch, so that an epoch gives the same bits wherever it
    stands, (b) where |terms| shrank by more than MAX_CANCELLATION, as old rounding errors would show."""
    (begin, first, last, batch_size), (lr, momentum, decay, largest) = steps, rates
    (theta, velocity), (every, record_w, record_b, record_loss) = state, record
    n = y.size
    w, b, velocity_w, velocity_b = theta[0], theta[1], velocity[0], velocity[1]
    at, wait = next_record(first, every)
    end = min(begin + batch_size, n)
    share = 1.0 / (end - begin)
    batch = read_batch(FEW_SAMPLES, FEW_NUMBERS, X, y, begin, end, share)
    m = load(FEW_SAMPLES, next_margins, 0)
    if count_true(absolute(m) < MAX_MARGIN) < SMALL_BATCH:
        m = fma(batch.x, w, b) * batch.class_sign
    inside = mean_is_in_range(loss, m, batch, share, largest)
    now = probabilities_of(m)
    for step in range(first, last):
        begin = end if end < n else 0
        end = min(begin + batch_size, n)
        next_share = 1.0 / (end - begin)
        following = read_batch(FEW_SAMPLES, FEW_NUMBERS, X, y, begin, end, next_share)
        x, class_sign, smoothing, signed_share = batch
        slope, label_part = negative_slopes(loss, m, now, smoothing)
        velocity_w, velocity_b = momentum * velocity_w + decay * w, momentum * velocity_b + decay * b
        w, b = w - lr * velocity_w, b - lr * velocity_b
        next_m, scale_before = fma(following.x, w, b) * following.class_sign, rounding_scale(following, w, b)
        next_m = margins_after_step(next_m, -label_part, batch, following, lr)
        next_m = margins_after_step(next_m, slope, batch, following, lr)
        by_w = total(fma(slope, x * signed_share, -(label_part * (x * signed_share))))
        by_b = total(fma(slope, signed_share, -(label_part * signed_share)))
        w, b = w + lr * by_w, b + lr * by_b
        velocity_w, velocity_b = velocity_w + (0.0 - by_w), velocity_b + (0.0 - by_b)  # 0 from -0 and no slope
        if not (inside and abs(w) <= largest and abs(b) <= largest):
            return step
        change = (absolute(slope) + absolute(label_part)) * absolute(signed_share) * lr
        scale = scale_before + rounding_scale(following, total(change * absolute(x)), total(change))
        alike = MAX_CANCELLATION * rounding_scale(following, w, b) >= scale
        if begin > 0 and count_true(alike & (absolute(next_m) < MAX_MARGIN)) == SMALL_BATCH:
            ahead = probabilities_in_range(next_m)
            inside = True
        else:  # or products overflowed
            next_m = fma(following.x, w, b) * following.class_sign
            ahead = probabilities_of(next_m)
            inside = mean_is_in_range(loss, next_m, following, next_share, largest)
        theta[0], theta[1] = w, b
        wait -= 1
        if wait == 0:
            values = values_of(loss, m, now, smoothing) * share
            record_loss[at] = total(select(absolute(class_sign) > 0.0, values, 0.0))
            record_w[at, 0], record_b[at] = w, b
            at, wait = at + 1, every
        batch, share, m, now = following, next_share, next_m, ahead
    velocity[0], velocity[1] = velocity_w, velocity_b
    store(next_margins, 0, m if begin > 0 else splat(FEW_SAMPLES, np.nan))
    return -1


@inlined
def rounding_scale(batch, w, b):
    """|w x| + |b|, 0 without a sample: the rounding of a margin is relative to it."""
    return fma(absolute(batch.x), abs(w), absolute(batch.class_sign) * abs(b))


@inlined
def margins_after_step(m, negative_slopes, batch, following, lr):
    """Margins m of the following batch plus the sum of lr negative_slope_i signed_share_i (x_i x' + 1) c'."""
    signed = following.class_sign * lr
    s0, s1, s2, s3 = broadcast_each_lane(negative_slopes)
    x0, x1, x2, x3 = broadcast_each_lane(batch.x * batch.signed_share)
    w0, w1, w2, w3 = broadcast_each_lane(batch.signed_share)
    signed_x = following.x * signed
    m0, m1 = fma(x0, signed_x, w0 * signed), fma(x1, signed_x, w1 * signed)
    m2, m3 = fma(x2, signed_x, w2 * signed), fma(x3, signed_x, w3 * signed)
    return fma(s3, m3, fma(s1, m1, m)) + fma(s2, m2, s0 * m0)


def plain_steps(x, y, batches, w, b, lr):
    """(w, b) after each batch [start, stop) of samples, by the cross-entropy, with the next margins from the last
    slopes as `run_small_batches` has them: the algorithm to read first."""
    path, margins = [], None
    for k, (start, stop) in enumerate(batches):
        c, smoothing = np.where(y > 0.5, 1.0, -1.0), np.minimum(y, 1 - y)
        rows = range(start, stop)
        m = [c[i] * (w * x[i] + b) for i in rows] if margins is None else margins
        slopes = [1 / (1 + math.exp(m_i)) - smoothing[i] for m_i, i in zip(m, rows, strict=True)]
        step = [lr * slope * c[i] / len(rows) for slope, i in zip(slopes, rows, strict=True)]
        following = range(*batches[(k + 1) % len(batches)])
        margins = [
            c[j] * (w * x[j] + b) + sum(s * (x[i] * x[j] + 1) * c[j] for s, i in zip(step, rows, strict=True))
            for j in following
        ]
        w, b = w + sum(s * x[i] for s, i in zip(step, rows, strict=True)), b + sum(step)
        path.append((w, b))
    return path
