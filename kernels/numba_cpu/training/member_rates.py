"""Rates that members have of their own, and steps by them.

A step with momentum and weight decay is -lr times the velocity. It is kept, not the velocity, so that it is in range
wherever the parameters are:

    step = momentum * (last step) - lr * decay * theta - lr * gradient

All but its last term is the drift. Without momentum and decay that is 0, and a member has the bits of one with the
learning rate of all.
"""

import numpy as np
from numba.extending import overload
from numba.types import none

from kernels.numba_cpu.runtime.subroutine import INLINED, inlined
from kernels.numba_cpu.training.members import kahan_step
from kernels.numba_cpu.vector.memory import load, store
from kernels.numba_cpu.vector.operators import fma, splat
from kernels.numba_cpu.vector.vector_type import lanes_of


def own_rates(rates, batch_size, n, k, dtype):
    """What `Groups` has of each of k members: columns of `rates` and of `drift`, (k, 2) or (k, 4), from rates (1 or 3,
    1 or k); None for a learning rate of all alone."""
    if rates.size == 1:
        return None
    lr, *others = np.broadcast_to(rates, (len(rates), k))
    columns = [lr / batch_size, lr / ((n - 1) % batch_size + 1)]
    if others:
        momentum, decay = others
        columns += [momentum - 1, np.sqrt(lr) * np.sqrt(decay)]  # lr * decay may be beyond the range
    with np.errstate(over="ignore"):
        return np.stack(columns, axis=1).astype(dtype)


@inlined
def rate_of(models_type, rates, at, lr, samples):
    """The learning rate over the number of samples in a batch: that of the models at `at`, or `lr` of all."""
    if rates is not None:
        return load(models_type, rates, at)
    return splat(models_type, lr / samples)


@inlined
def moved(models_type, drift, at, parameter, rate):
    """theta, and its new compensation, after a step of a `parameter`: theta, compensation and minus its gradient. `at`
    is where the models' numbers and the last step of the parameter are in `drift`, which may be None."""
    theta, compensation, gradient = parameter
    if drift is not None:
        own, last = at
        less, root = load(models_type, drift, own), load(models_type, drift, own + lanes_of(models_type))
        step = load(models_type, drift, last)
        # momentum - 1 is rounded as little as 1 - momentum, by which steps are divided in the long run; momentum isn't
        beside = fma(-(theta * root), root, fma(less, step, step))
        store(drift, last, fma(gradient, rate, beside))
        compensation = compensation + beside
    return kahan_step(theta, compensation, gradient, rate)


def part_of(values, some):
    """values[some], or None of None."""
    return None if values is None else values[some]


@overload(part_of, jit_options=INLINED)
def part_by_type(values, some):
    return (lambda values, some: None) if values is none else (lambda values, some: values[some])
