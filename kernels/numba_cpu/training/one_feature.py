"""Steps of one feature, which are so short that their state stays in registers, with samples in the lanes of a vector.

A label y is a class and a distance y' = min(y, 1 - y) from it. With the margin m = -z for class 1, z for class 0, and
s = sigmoid(m), the cross-entropy is softplus(m) - y' m with derivative s - y' in m, and the squared error (s - y')^2;
nothing cancels, however small.
"""

import numpy as np
from numba import njit, types

from kernels.numba_cpu.runtime.launch import serial_kernel
from kernels.numba_cpu.vector.elementary import exp_in_range, log1p_scaled
from kernels.numba_cpu.vector.memory import load, load_where, store
from kernels.numba_cpu.vector.operators import (
    absolute,
    fma,
    in_all_lanes,
    lane_numbers,
    lanes_set,
    select,
    splat,
    total,
)
from kernels.numba_cpu.vector.vector_type import Vector

LANES = 8
SAMPLES, NUMBERS = Vector(types.float64, LANES), Vector(types.int64, LANES)
FEW = 4  # a small batch is bound by the time to sum over lanes: the fewer the better
FEW_SAMPLES, FEW_NUMBERS = Vector(types.float64, FEW), Vector(types.int64, FEW)
REACH = 708.0  # of margins whose exponentials are normal numbers
MOST_CANCELLED = 2.0  # by how much terms may shrink to those of a margin that follows from them
NO_MARGINS = np.full(FEW, np.nan)


@njit(forceinline=True)
def read_samples(samples, numbers, X, y, start, stop, weight):
    """Of the samples from `start` to `stop`, at most a vector of them: x, dm/dz, distances, and `weight` dm/dz, which a
    label outside [0, 1] makes NaN. Lanes without a sample are 0. `samples` and `numbers` are the vector types."""
    live = lane_numbers(numbers) < stop - start
    x, label = load_where(samples, X, start, live), load_where(samples, y, start, live)
    class_1 = label > 0.5
    distance = select(class_1, 1.0 - label, label)
    sign = select(class_1, -1.0, select(live, 1.0, splat(samples, 0.0)))
    return x, sign, distance, select(distance >= 0.0, sign * weight, np.nan)


@njit(forceinline=True)
def in_range(m):
    """m, or the end of its range beyond REACH."""
    return select(m > REACH, REACH, select(m < -REACH, -REACH, m))


@njit(forceinline=True)
def sigmoid_in_range(m):
    """e^-m and s"""
    e, denominator = exp_in_range(-m)
    return e, 1.0 / denominator


@njit(forceinline=True)
def sigmoid_anywhere(m):
    """The same of any m: beyond the range the smaller of e^-m and s is 0, as features that it is multiplied by may be
    large."""
    e, s = sigmoid_in_range(in_range(m))
    return select(m > REACH, 0.0, e), select(m < -REACH, 0.0, s)


@njit(forceinline=True)
def slopes_of(e, s, distance, squared):
    """The derivatives of the losses by m, in two parts: they are the first less the second, known before s."""
    if squared:
        return (s - distance) * (s * e * s) * 2.0, distance * 0.0
    return s, distance


@njit(forceinline=True)
def losses_of(m, e, s, distance, squared):
    if squared:
        return (s - distance) * (s - distance)
    return linear_part(m, distance) + log1p_scaled(select(m > 0.0, e, 1.0 / e), 0.0)


@njit(forceinline=True)
def linear_part(m, distance):
    """What the loss is but for a logarithm, max(m, 0) - distance m, of any m: that of a sample that is right may have
    overflowed."""
    above = select(m > 0.0, m, 0.0)
    return select(distance == 0.0, above, fma(-distance, m, above))


@njit(forceinline=True)
def in_reach(m, sign, distance, share, squared, largest):
    """Whether the mean loss of a batch is, by its margins alone: beside the largest number logarithms are nothing."""
    if squared:
        return True
    return total(select(absolute(sign) > 0.0, linear_part(m, distance) * share, 0.0)) <= largest


@njit(forceinline=True)
def sums_of_batch(X, y, start, stop, w, b, weight, squared):
    """Sums over the samples from `start` to `stop`, times `weight`: losses and their derivatives by w and by b."""
    losses, grad_w, grad_b = splat(SAMPLES, 0.0), splat(SAMPLES, 0.0), splat(SAMPLES, 0.0)
    for n in range(start, stop, LANES):
        x, sign, distance, weights = read_samples(SAMPLES, NUMBERS, X, y, n, stop, weight)
        m = fma(x, w, b) * sign
        e, s = sigmoid_anywhere(m)
        slope, known = slopes_of(e, s, distance, squared)
        losses = losses + select(absolute(sign) > 0.0, losses_of(m, e, s, distance, squared) * weight, 0.0)
        grad_w = grad_w + fma(slope, x * weights, -(known * (x * weights)))
        grad_b = grad_b + fma(slope, weights, -(known * weights))
    return total(losses), total(grad_w), total(grad_b)


@njit(forceinline=True)
def next_kept(first, every):
    """Of the steps from `first`: the place in the history of the next one that is kept, and how many until then."""
    return (first // every, every - first % every) if every > 0 else (0, 0)


@serial_kernel
def run_one_feature(
    X, y, begin, first, last, batch_size, rates, squared, largest, theta, velocity, every, ws, bs, losses, ahead
):
    """Steps [first, last) of a run with one feature, from the row `begin` and from `theta` (w, b).

    `rates` are the learning rate, the momentum and the weight decay; `velocity` is that of the last step taken. Every
    so many steps are written to the history. `ahead` (FEW,) holds margins of the next batch from one call to the next,
    or NaN. Returns the number of the step that failed, as its loss or the parameters after it aren't in range, or -1.
    """
    steps, history = (begin, first, last, batch_size), (every, ws, bs, losses)
    if batch_size <= FEW:
        return run_batches_of_few(X, y, steps, rates, squared, largest, theta, velocity, history, ahead)
    return run_batches(X, y, steps, rates, squared, largest, theta, velocity, history)


@njit(forceinline=True)
def run_batches(X, y, steps, rates, squared, largest, theta, velocity, history):
    (begin, first, last, batch_size), (every, ws, bs, losses) = steps, history
    n = y.size
    lr, momentum, decay = rates
    w, b, moved_w, moved_b = theta[0], theta[1], velocity[0], velocity[1]
    kept, wait = next_kept(first, every)
    for step in range(first, last):
        end = min(begin + batch_size, n)
        share = 1.0 / (end - begin)
        loss, by_w, by_b = sums_of_batch(X, y, begin, end, w, b, share, squared)
        # what is ready before the gradient goes first: the next step waits for little else
        moved_w, moved_b = momentum * moved_w + decay * w, momentum * moved_b + decay * b
        w, b = (w - lr * moved_w) - lr * by_w, (b - lr * moved_b) - lr * by_b
        moved_w, moved_b = moved_w + by_w, moved_b + by_b
        if not (abs(w) <= largest and abs(b) <= largest and loss <= largest):
            return step
        theta[0], theta[1] = w, b
        wait -= 1
        if wait == 0:
            ws[kept, 0], bs[kept], losses[kept] = w, b, loss
            kept, wait = kept + 1, every
        begin = end if end < n else 0
    velocity[0], velocity[1] = moved_w, moved_b
    return -1


@njit(forceinline=True)
def run_batches_of_few(X, y, steps, rates, squared, largest, theta, velocity, history, ahead):
    """The same for at most FEW samples a batch. A step is a chain of operations, each waiting for the one before, so
    margins don't wait for w and b: they follow from the last slopes and from products of the samples. The first of an
    epoch do wait, so that an epoch has the same bits in any run, and those do that would keep the rounding of
    larger terms."""
    (begin, first, last, batch_size), (every, ws, bs, losses) = steps, history
    n = y.size
    lr, momentum, decay = rates
    w, b, moved_w, moved_b = theta[0], theta[1], velocity[0], velocity[1]
    kept, wait = next_kept(first, every)
    end = min(begin + batch_size, n)
    share = 1.0 / (end - begin)
    x, sign, distance, weights = read_samples(FEW_SAMPLES, FEW_NUMBERS, X, y, begin, end, share)
    m = load(FEW_SAMPLES, ahead, 0)
    if lanes_set(absolute(m) < REACH) < FEW:
        m = fma(x, w, b) * sign
    inside = in_reach(m, sign, distance, share, squared, largest)
    e, s = sigmoid_anywhere(m)
    for step in range(first, last):
        begin = end if end < n else 0
        end = min(begin + batch_size, n)
        next_share = 1.0 / (end - begin)
        following = read_samples(FEW_SAMPLES, FEW_NUMBERS, X, y, begin, end, next_share)
        slope, known = slopes_of(e, s, distance, squared)
        moved_w, moved_b = momentum * moved_w + decay * w, momentum * moved_b + decay * b
        w, b = w - lr * moved_w, b - lr * moved_b
        next_m, before = fma(following[0], w, b) * following[1], terms_of(following, w, b)
        next_m = after_step(next_m, -known, x, weights, following, lr)
        next_m = after_step(next_m, slope, x, weights, following, lr)
        by_w = total(fma(slope, x * weights, -(known * (x * weights))))
        by_b = total(fma(slope, weights, -(known * weights)))
        w, b, moved_w, moved_b = w - lr * by_w, b - lr * by_b, moved_w + by_w, moved_b + by_b
        if not (inside and abs(w) <= largest and abs(b) <= largest):
            return step
        moved = (absolute(slope) + absolute(known)) * absolute(weights) * lr
        terms = before + terms_of(following, total(moved * absolute(x)), total(moved))
        alike = MOST_CANCELLED * terms_of(following, w, b) >= terms
        if begin > 0 and lanes_set(alike & (absolute(next_m) < REACH)) == FEW:
            next_e, next_s = sigmoid_in_range(next_m)
            inside = True
        else:  # or products overflowed
            next_m = fma(following[0], w, b) * following[1]
            next_e, next_s = sigmoid_anywhere(next_m)
            inside = in_reach(next_m, following[1], following[2], next_share, squared, largest)
        theta[0], theta[1] = w, b
        wait -= 1
        if wait == 0:
            loss = total(select(absolute(sign) > 0.0, losses_of(m, e, s, distance, squared) * share, 0.0))
            ws[kept, 0], bs[kept], losses[kept] = w, b, loss
            kept, wait = kept + 1, every
        (x, sign, distance, weights), share = following, next_share
        m, e, s = next_m, next_e, next_s
    velocity[0], velocity[1] = moved_w, moved_b
    store(ahead, 0, m if begin > 0 else splat(FEW_SAMPLES, np.nan))
    return -1


@njit(forceinline=True)
def terms_of(samples, w, b):
    """|w x| + |b|, 0 without a sample: the rounding of a margin is relative to it."""
    x, sign = samples[:2]
    return fma(absolute(x), abs(w), absolute(sign) * abs(b))


@njit(forceinline=True)
def after_step(m, slopes, x, weights, following, lr):
    """Margins of the following batch less the sum of lr slopes_i weights_i (x_i x' + 1) dm/dz."""
    next_x, sign = following[0], following[1] * lr
    s0, s1, s2, s3 = in_all_lanes(slopes)
    x0, x1, x2, x3 = in_all_lanes(x * weights)
    w0, w1, w2, w3 = in_all_lanes(weights)
    signed_x = next_x * sign
    m0, m1 = fma(x0, signed_x, w0 * sign), fma(x1, signed_x, w1 * sign)
    m2, m3 = fma(x2, signed_x, w2 * sign), fma(x3, signed_x, w3 * sign)
    return fma(-s3, m3, fma(-s1, m1, m)) - fma(s2, m2, s0 * m0)
